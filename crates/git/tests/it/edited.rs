//! A work tree with a person's edits: a landing that does not touch them goes past them, one that does waits.

use std::fs;

use hyperion_git::{BlockReason, Hold, Landing, Move, Recovery, RepoStore, TreeEdit};

use crate::world::{World, candidate, landing, publish, put, remove, with_each_git};

const BEFORE: [&str; 8] = [
    "a", "edited", "staged", "both", "gone", "kept", "dir/old", "dir/x",
];

/// A published landing of edits on a commit with these files, and a person at work on all of them but `a` and `dir/x`.
fn ready(world: &World, edits: &[TreeEdit]) -> (RepoStore, Landing) {
    for file in BEFORE {
        world.write(file, "one\n");
    }
    let tip = world.commit_all("before");
    let store = world.store();
    let landing = landing(world, &tip, &candidate(&store, &tip, edits));
    publish(&store, &landing);
    world.write("edited", "mine\n");
    world.write("staged", "mine\n");
    world.write("both", "mine\n");
    world.write("brand-new", "mine\n");
    world.user_git(&["add", "staged", "both", "brand-new"]);
    world.write("both", "mine too\n");
    fs::remove_file(world.user().join("gone")).unwrap();
    world.user_git(&["rm", "-q", "--cached", "kept"]);
    world.user_git(&["mv", "dir/old", "dir/renamed"]);
    world.write("untracked", "mine\n");
    (store, landing)
}

fn elsewhere() -> Vec<TreeEdit> {
    vec![put("a", "two\n"), put("dir/y/new", "x\n"), remove("dir/x")]
}

/// All that git shows of what the person did.
fn work(world: &World) -> String {
    let shown = [
        &["status", "--porcelain"][..],
        &["diff"],
        &["diff", "--cached"],
    ];
    shown.map(|args| world.user_git(args)).join("\n--\n")
}

fn assert_landed(world: &World, landing: &Landing, before: &str) {
    assert_eq!(world.head(), landing.candidate);
    assert_eq!(work(world), before);
    assert_eq!(
        (world.read("a"), world.read("dir/y/new")),
        ("two\n".into(), "x\n".into())
    );
    assert!(!world.user().join("dir/x").exists());
    assert!(!world.user().join(".git/index.lock").exists());
}

// M5
#[test]
fn a_landing_that_touches_no_edit_leaves_every_edit_as_it_is() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &elsewhere());
        let before = work(world);
        assert!(store.could_hold_checkouts(&landing).unwrap());
        let landed = Move::Landed { behind: None };
        assert_eq!(store.move_branch(&landing).unwrap(), landed);
        assert_landed(world, &landing, &before);
        assert_eq!(store.move_branch(&landing).unwrap(), landed, "once more");
        assert_landed(world, &landing, &before);
    });
}

// M5, C4: wherever it dies, the next engine brings the work tree along, and the edits with it.
#[test]
fn after_a_crash_the_edits_are_carried_along() {
    for died in ["before any file", "half-way", "before the lock went"] {
        with_each_git(|world| {
            let (store, landing) = ready(world, &elsewhere());
            let before = work(world);
            assert_eq!(store.hold_checkouts(&landing).unwrap(), Hold::Held);
            store.compare_and_swap(&landing).unwrap();
            match died {
                "half-way" => {
                    world.write("a", "tw");
                    world.write("dir/y/new", "x\n");
                }
                "before the lock went" => {
                    let lock = world.user().join(".git/index.lock");
                    let note = fs::read(&lock).unwrap();
                    store.follow(&landing).unwrap();
                    fs::write(&lock, note).unwrap();
                }
                _ => {}
            }
            let recovered = world.store().recover_checkouts().unwrap();
            assert_eq!(recovered[0].outcome, Recovery::Followed, "{died}");
            assert_landed(world, &landing, &before);
        });
    }
}

// M5: the file is named, and nothing moves; put away, it lands.
#[test]
fn a_landing_waits_for_the_edits_it_touches() {
    let folder = vec![put("gone/inside", "x\n"), remove("gone")];
    let file = vec![remove("dir/x"), remove("dir/old"), put("dir", "x\n")];
    let staged = vec![put("staged", "mine\n"), remove("both")];
    let all = "both brand-new dir/old dir/renamed edited gone kept staged";
    let cases: [(Vec<TreeEdit>, &str); 7] = [
        (vec![put("edited", "two\n"), put("a", "two\n")], "edited"),
        (staged, "both staged"),
        (vec![put("kept", "two\n")], "kept"),
        (vec![put("brand-new", "two\n")], "brand-new"),
        (folder, "gone"),
        (file, "dir/old dir/renamed"),
        (vec![put(".gitattributes", "edited text\n")], all),
    ];
    with_each_git(|world| {
        let (store, first) = ready(world, &elsewhere());
        let before = work(world);
        for (edits, expected) in &cases {
            let landing = landing(
                world,
                &first.expected,
                &candidate(&store, &first.expected, edits),
            );
            assert!(!store.could_hold_checkouts(&landing).unwrap());
            publish(&store, &landing);
            let Move::Blocked(block) = store.move_branch(&landing).unwrap() else {
                panic!("not blocked by {expected}")
            };
            let files = expected.split(' ').map(Into::into).collect();
            assert_eq!(block.reason, BlockReason::Dirty { files, more: 0 });
            assert_eq!(
                (world.head(), work(world)),
                (landing.expected.clone(), before.clone())
            );
            store.abandon(&landing).unwrap();
            store.delete_landing_ref(&landing.entry).unwrap();
        }
        world.user_git(&["stash", "-q", "--include-untracked"]);
        let edits = &cases[0].0;
        let landing = landing(
            world,
            &first.expected,
            &candidate(&store, &first.expected, edits),
        );
        publish(&store, &landing);
        let landed = Move::Landed { behind: None };
        assert_eq!(store.move_branch(&landing).unwrap(), landed);
    });
}

// M5: an edit counts against where the branch is by now, not where it was when the landing was made.
#[test]
fn an_edit_is_in_the_way_also_after_the_branch_moved_on() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &[put("edited", "two\n")]);
        world.user_git(&["commit", "-q", "-m", "what is staged"]);
        assert!(!store.could_hold_checkouts(&landing).unwrap());
        world.user_git(&["checkout", "-q", "edited"]);
        assert!(store.could_hold_checkouts(&landing).unwrap());
    });
}

// M5: git moves nothing over an index with conflicts in it.
#[test]
fn conflicts_in_the_index_keep_everything_from_landing() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &elsewhere());
        world.user_git(&["stash", "-q"]);
        world.write("edited", "another\n");
        let tip = world.commit_all("in between");
        assert!(
            !world
                .try_run(world.user(), &["stash", "pop", "-q"])
                .exit
                .success()
        );
        let landing = Landing {
            candidate: candidate(&store, &tip, &elsewhere()),
            expected: tip,
            ..landing
        };
        publish(&store, &landing);
        let Move::Blocked(block) = store.move_branch(&landing).unwrap() else {
            panic!("not blocked")
        };
        let files = vec!["edited".into()];
        assert_eq!(block.reason, BlockReason::Conflicted { files, more: 0 });
        assert!(
            block
                .remedy()
                .starts_with("resolve the conflicts in edited in ")
        );
        assert_eq!(
            store.checkout_state(&landing.branch).unwrap()[0].block,
            Some(block.reason)
        );
    });
}

// M5: each work tree that has the branch checked out counts for itself.
#[test]
fn edits_of_each_work_tree_count() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &elsewhere());
        let before = work(world);
        world.user_git(&["worktree", "add", "-q", "-f", "../second", "main"]);
        let second = world.root().join("second");
        fs::write(second.join("a"), "mine\n").unwrap();
        let Move::Blocked(block) = store.move_branch(&landing).unwrap() else {
            panic!("not blocked")
        };
        assert!(block.work_tree.ends_with("second"));
        fs::write(second.join("a"), "one\n").unwrap();
        fs::write(second.join("edited"), "mine\n").unwrap();
        let landed = Move::Landed { behind: None };
        assert_eq!(store.move_branch(&landing).unwrap(), landed);
        assert_landed(world, &landing, &before);
        assert_eq!(world.run(&second, &["status", "--porcelain"]), " M edited");
    });
}
