//! What would keep a work tree from following is found before the branch moves; what fails afterwards is put back.

use std::fs;

use hyperion_git::{
    BlockReason, CheckoutBlock, Hold, IndexFlag, Landing, Move, RepoStore, TreeEdit,
};

use crate::world::{World, candidate, landing, publish, put, remove, with_each_git};

/// A published landing of edits on what is committed.
fn ready(world: &World, edits: &[TreeEdit]) -> (RepoStore, Landing) {
    let tip = world.commit_all("before");
    let store = world.store();
    let landing = landing(world, &tip, &candidate(&store, &tip, edits));
    publish(&store, &landing);
    (store, landing)
}

fn blocked(world: &World, store: &RepoStore, landing: &Landing) -> CheckoutBlock {
    assert!(!store.could_hold_checkouts(landing).unwrap());
    let Move::Blocked(block) = store.move_branch(landing).unwrap() else {
        panic!("not blocked")
    };
    assert_eq!(world.head(), landing.expected, "nothing moved");
    assert!(!world.user().join(".git/index.lock").exists());
    let left = fs::read_dir(world.user().join(".git")).unwrap().flatten();
    let left: Vec<_> = left
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name.starts_with("hyperion"))
        .collect();
    assert_eq!(left, [""; 0]);
    block
}

fn lands(world: &World, store: &RepoStore, landing: &Landing) {
    assert!(store.could_hold_checkouts(landing).unwrap());
    assert_eq!(
        store.move_branch(landing).unwrap(),
        Move::Landed { behind: None }
    );
    assert_eq!(world.user_git(&["status", "--porcelain"]), "");
}

// M4: what the index hides is found before the branch moves.
#[test]
fn edits_that_the_index_hides_block_before_anything_moves() {
    for (flag, on) in [
        (IndexFlag::AssumeUnchanged, "--assume-unchanged"),
        (IndexFlag::SkipWorktree, "--skip-worktree"),
    ] {
        with_each_git(|world| {
            for file in ["a.txt", "b.txt", "dir/c.txt"] {
                world.write(file, "one\n");
            }
            let edits = [put("a.txt", "two\n"), remove("dir/c.txt")];
            let (store, landing) = ready(world, &edits);
            world.user_git(&["update-index", on, "a.txt", "b.txt", "dir/c.txt"]);
            world.write("a.txt", "mine\n");
            world.write("b.txt", "in nobody's way\n");
            let block = blocked(world, &store, &landing);
            let files = vec!["a.txt".into()];
            assert_eq!(
                block.reason,
                BlockReason::Hidden {
                    flag,
                    files,
                    more: 0
                }
            );
            let off = on.replace("--", "--no-");
            let advice = format!(
                "a.txt: the index hides its edits ({flag}); run `git update-index {off} a.txt` in "
            );
            assert!(block.remedy().starts_with(&advice), "{}", block.remedy());
            assert_eq!(world.read("a.txt"), "mine\n");
            world.user_git(&["update-index", &off, "a.txt"]);
            assert!(matches!(
                blocked(world, &store, &landing).reason,
                BlockReason::Dirty { .. }
            ));
            world.user_git(&["checkout", "-q", "a.txt"]);
            lands(world, &store, &landing);
            assert_eq!(world.read("b.txt"), "in nobody's way\n");
        });
    }
}

#[test]
fn a_sparse_index_and_a_split_one_are_followed() {
    for setting in ["sparse", "split"] {
        with_each_git(|world| {
            world.write("a", "one\n");
            world.write("in/b", "one\n");
            world.write("out/deep/c", "one\n");
            let edits = [
                put("a", "two\n"),
                put("out/deep/c", "two\n"),
                put("out/d", "x\n"),
            ];
            let (store, landing) = ready(world, &edits);
            if setting == "split" {
                world.user_git(&["update-index", "--split-index"]);
            } else {
                world.user_git(&["sparse-checkout", "set", "--cone", "--sparse-index", "in"]);
                assert!(!world.user().join("out").exists());
            }
            lands(world, &store, &landing);
            assert_eq!(world.read("a"), "two\n");
            assert_eq!(world.user().join("out").exists(), setting == "split");
        });
    }
}

/// A filter that fails while a file is there.
fn filter(world: &World, ways: &[&str]) -> std::path::PathBuf {
    let broken = world.root().join("broken");
    for way in ["clean", "smudge"] {
        let command = if ways.contains(&way) {
            format!("test ! -e {} || exit 2; cat", broken.display())
        } else {
            "cat".to_owned()
        };
        world.user_git(&["config", &format!("filter.lfs.{way}"), &command]);
    }
    world.user_git(&["config", "filter.lfs.required", "true"]);
    world.write(".gitattributes", "*.bin filter=lfs\n");
    broken
}

fn filtered_edits() -> Vec<TreeEdit> {
    vec![
        put("a", "two\n"),
        put("b.bin", "two\n"),
        put("new/c.bin", "new\n"),
        put("new/d", "new\n"),
        remove("z.bin"),
        remove("file"),
        put("file/inside", "new\n"),
        remove("folder/inside"),
        put("folder", "new\n"),
    ]
}

const BEFORE: [&str; 5] = ["a", "b.bin", "z.bin", "file", "folder/inside"];

fn before(world: &World) {
    for file in BEFORE {
        world.write(file, "one\n");
    }
}

// M4
#[test]
fn a_filter_that_fails_blocks_before_anything_moves() {
    for way in ["smudge", "clean"] {
        with_each_git(|world| {
            let broken = filter(world, &[way]);
            before(world);
            let (store, landing) = ready(world, &filtered_edits());
            fs::write(&broken, "").unwrap();
            let block = blocked(world, &store, &landing);
            let BlockReason::Failing { cause } = &block.reason else {
                panic!("{block:?}")
            };
            assert!(
                cause.starts_with(&format!("b.bin: {way} filter")),
                "{cause}"
            );
            assert!(
                block.remedy().contains(cause.as_str()),
                "{}",
                block.remedy()
            );
            assert_eq!(world.read("a"), "one\n");
            assert_eq!(world.read("b.bin"), "one\n");
            fs::remove_file(&broken).unwrap();
            lands(world, &store, &landing);
            assert_eq!(world.read("new/c.bin"), "new\n");
        });
    }
}

#[test]
fn a_filter_that_fails_while_the_work_tree_follows_leaves_it_where_it_was() {
    for ways in [&["smudge"][..], &["smudge", "clean"]] {
        with_each_git(|world| {
            let broken = filter(world, ways);
            before(world);
            let (store, landing) = ready(world, &filtered_edits());
            assert_eq!(store.hold_checkouts(&landing).unwrap(), Hold::Held);
            store.compare_and_swap(&landing).unwrap();
            fs::write(&broken, "").unwrap();
            let behind = store.follow(&landing).unwrap().unwrap();
            let cause = behind.cause.clone().unwrap();
            assert!(cause.starts_with("b.bin: "), "{cause}");
            assert!(cause.contains(" filter "), "{cause}");
            assert_eq!(behind.at, landing.expected);
            assert_eq!(store.behind().unwrap(), std::slice::from_ref(&behind));
            for file in BEFORE {
                assert_eq!(world.read(file), "one\n", "{file} with {ways:?}");
            }
            for file in ["new", ".git/index.lock", ".git/hyperion-before"] {
                assert!(!world.user().join(file).exists(), "{file} with {ways:?}");
            }
            // What it advises works.
            fs::remove_file(&broken).unwrap();
            assert_eq!(world.head(), landing.expected);
            assert_eq!(world.user_git(&["status", "--porcelain"]), "");
            assert!(behind.advice().starts_with("mend that, then"));
            let command = behind.remedy();
            let words: Vec<_> = command.split(' ').skip(1).collect();
            world.run(world.root(), &words);
            assert_eq!(world.user_git(&["status", "--porcelain"]), "");
            assert_eq!(world.read("new/c.bin"), "new\n");
            assert_eq!(store.behind().unwrap(), []);
        });
    }
}
