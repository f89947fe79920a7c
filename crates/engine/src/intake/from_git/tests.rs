//! Branches, ranges and patches, against a real engine, store and git.

use hyperion_api::Problem;
use hyperion_api::from_git::{FromGit, Work};
use hyperion_api::task_request::TaskRequest;
use hyperion_model::approval::Approval;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::request::{Source, Status};
use hyperion_model::{RequestId, Subject};
use hyperion_store::Filter;
use hyperion_testkit::TempRepo;

use super::{FiledWork, submit_from_git};
use crate::approval::{Decision, decide};
use crate::intake::Submitting;
use crate::request;
use crate::testing::{World, admin};

const LINES: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";

fn wanted(from: &Work) -> FromGit {
    serde_json::from_value(serde_json::json!({ "from": from })).unwrap()
}

fn branch(name: &str) -> FromGit {
    wanted(&Work::Branch(name.to_owned()))
}

fn commits(range: &str) -> FromGit {
    wanted(&Work::Commits(range.to_owned()))
}

fn patch(text: &str) -> FromGit {
    wanted(&Work::Patch(text.to_owned()))
}

fn split(wanted: FromGit) -> FromGit {
    FromGit {
        split: true,
        ..wanted
    }
}

impl World {
    fn try_hand_in(&self, wanted: &FromGit, dry_run: bool) -> Result<FiledWork, Problem> {
        let how = Submitting {
            actor: &admin(),
            dir: Some(self.repo.path()),
            dry_run,
            source: Source::Cli,
            agent: None,
            given: None,
        };
        submit_from_git(&self.cx, wanted, &how).map_err(Problem::from)
    }

    #[track_caller]
    fn hand_in(&self, wanted: &FromGit) -> FiledWork {
        self.try_hand_in(wanted, false)
            .unwrap_or_else(|problem| panic!("{problem:#?}"))
    }

    /// What it says when it refuses work, with what to do.
    #[track_caller]
    fn refuses(&self, wanted: &FromGit) -> String {
        let problem = self.try_hand_in(wanted, false).unwrap_err();
        let errors: String = problem
            .errors
            .iter()
            .map(|error| format!("\n  {}", error.detail))
            .collect();
        let text = format!(
            "{}: {}{errors}\nhint: {}",
            problem.code,
            problem.detail,
            problem.hint.unwrap_or_default()
        );
        text.replace(self.repo.path().to_str().unwrap(), "REPO")
    }

    fn document(&self, id: RequestId) -> TaskRequest {
        let digest = self.request(id).submission.document;
        self.cx.read_json(digest).unwrap().unwrap()
    }

    /// What a request would do, a line a task.
    fn said(&self, id: RequestId) -> String {
        let document = self.document(id);
        let mut text = format!("{}\n{}", document.title, document.description);
        for task in &document.tasks {
            let changes = task.changes.iter().map(|change| {
                let from = change
                    .from_path
                    .as_deref()
                    .map(|from| format!("{from} -> "));
                format!(
                    "{:?} {}{}",
                    change.operation,
                    from.unwrap_or_default(),
                    change.path
                )
            });
            let changes: Vec<_> = changes.collect();
            text.push_str(&format!(
                "\n{} {:?}: {} | {}",
                task.id,
                task.depends_on,
                task.title,
                changes.join(", ")
            ));
        }
        text
    }

    #[track_caller]
    fn lands(&mut self, id: RequestId) {
        self.settle();
        self.approve_all();
        self.settle();
        let request = self.request(id);
        assert_eq!(request.status, Status::Completed, "{:?}", request.reason);
    }
}

/// A branch of three commits with all that git can change, made on a `main` that goes on beside it.
fn world() -> World {
    let world = World::new(&[
        ("a.txt", LINES),
        ("gone.txt", "x\n"),
        ("old/name.txt", LINES),
    ]);
    let repo = &world.repo;
    repo.checkout("main");
    repo.git(&["switch", "--quiet", "--create", "fix/clamp-the-delay"]);
    repo.commit(
        "Clamp it\n\nBecause.",
        &[("a.txt", &LINES.replace("two", "2"))],
    );
    repo.git(&["mv", "old/name.txt", "name.txt"]);
    repo.write("name.txt", LINES.replace("five", "5"));
    repo.remove("gone.txt");
    repo.write("picture.bin", [0u8, 159, 146, 150]);
    repo.commit_all("Move things");
    repo.write_executable("run.sh", "#!/bin/sh\n");
    repo.symlink("link", "a.txt");
    repo.commit_all("Run it");
    repo.checkout("main");
    repo.commit(
        "Go on beside it",
        &[("a.txt", &LINES.replace("seven", "7"))],
    );
    repo.checkout("elsewhere");
    world
}

// R11: a branch is handed in by its name and lands merged with what landed beside it.
#[test]
fn a_branch_becomes_one_change() {
    let mut world = world();
    let filed = world.hand_in(&branch("fix/clamp-the-delay"));
    let base = world.repo.tip("main~1");
    assert_eq!(
        filed.what,
        format!("branch fix/clamp-the-delay: 3 commits on {base:.10}, 1 commit behind main")
    );
    insta::assert_snapshot!(world.said(filed.id), @r"
    Clamp it (+2 more)
    * Clamp it

    Because.

    * Move things

    * Run it

    Co-authored-by: Ada <ada@example.com>
    T1 []: Clamp it (+2 more) | Modify a.txt, Delete gone.txt, Create link, Rename old/name.txt -> name.txt, Create picture.bin, Create run.sh
    ");
    let again = world.hand_in(&split(branch("fix/clamp-the-delay")));
    assert_eq!(
        (again.id, again.again),
        (filed.id, true),
        "it was filed before"
    );
    world.lands(filed.id);
    let expected = LINES.replace("two", "2").replace("seven", "7");
    assert_eq!(world.repo.show("main", "a.txt"), expected);
    let tree = |revision: &str| {
        world.repo.git(&[
            "ls-tree",
            "-r",
            revision,
            "--",
            "link",
            "name.txt",
            "picture.bin",
            "run.sh",
        ])
    };
    assert_eq!(tree("main"), tree("fix/clamp-the-delay"), "to the bit");
    assert!(
        world.hand_in(&branch("fix/clamp-the-delay")).again,
        "also when it has landed"
    );
}

// R11: a task for each commit, one on top of the other, each with what it says.
#[test]
fn a_split_branch_becomes_a_task_a_commit() {
    let mut world = world();
    let filed = world.hand_in(&split(branch("fix/clamp-the-delay")));
    insta::assert_snapshot!(world.said(filed.id), @r#"
    Clamp it (+2 more)

    T1 []: Clamp it | Modify a.txt
    T2 ["T1"]: Move things | Delete gone.txt, Rename old/name.txt -> name.txt, Create picture.bin
    T3 ["T2"]: Run it | Create link, Create run.sh
    "#);
    world.lands(filed.id);
    let subjects = world.repo.subjects("main");
    assert_eq!(subjects[..3], ["Run it", "Move things", "Clamp it"]);
    let message = world.repo.git(&["log", "-1", "--format=%B", "main~2"]);
    assert!(
        message.starts_with("Clamp it\n\nBecause.\n\nCo-authored-by: "),
        "{message}"
    );
}

// R11: what landed of a branch is another commit on the target; what comes after it is handed in alone.
#[test]
fn what_came_after_a_landing_is_handed_in_alone() {
    let mut world = world();
    let first = world.hand_in(&branch("fix/clamp-the-delay"));
    world.repo.checkout("fix/clamp-the-delay");
    world.repo.commit("Say more", &[("more.txt", "more\n")]);
    let refused = world.refuses(&branch("HEAD"));
    assert!(
        refused.starts_with("git.handed_in: fix/clamp-the-delay was handed in up to "),
        "{refused}"
    );
    world.lands(first.id);
    let second = world.hand_in(&branch("HEAD"));
    assert!(
        second.notes[0].contains("which landed: this is what came after it"),
        "{:?}",
        second.notes
    );
    insta::assert_snapshot!(world.said(second.id), @r"
    Say more
    Co-authored-by: Ada <ada@example.com>
    T1 []: Say more | Create more.txt
    ");
    world.lands(second.id);
}

// R11: what came to nothing can be handed in again; a dry run is made each time.
#[test]
fn what_came_to_nothing_is_handed_in_again() {
    let world = world();
    let wanted = branch("fix/clamp-the-delay");
    let dry = world.try_hand_in(&wanted, true).unwrap();
    assert_ne!(world.try_hand_in(&wanted, true).unwrap().id, dry.id);
    let first = world.hand_in(&wanted);
    request::cancel(&world.cx, &admin(), first.id, None).unwrap();
    let second = world.hand_in(&wanted);
    assert!(!second.again && second.id != first.id);
    assert_eq!(world.hand_in(&wanted).id, second.id);
}

// R11: a range, or one commit from the middle of a branch, is brought over to where it lands.
#[test]
fn commits_are_brought_over() {
    let mut world = world();
    let filed = world.hand_in(&commits("fix/clamp-the-delay~2..fix/clamp-the-delay~1"));
    insta::assert_snapshot!(world.said(filed.id), @r"
    Move things
    Co-authored-by: Ada <ada@example.com>
    T1 []: Move things | Delete gone.txt, Rename old/name.txt -> name.txt, Create picture.bin
    ");
    let one = world.hand_in(&commits("fix/clamp-the-delay"));
    assert_eq!(
        world.said(one.id).lines().last().unwrap(),
        "T1 []: Run it | Create link, Create run.sh"
    );
    world.lands(filed.id);
    world.repo.checkout("fix/clamp-the-delay");
    world
        .repo
        .commit("Again", &[("a.txt", &LINES.replace("two", "zwei"))]);
    insta::assert_snapshot!(world.refuses(&commits("HEAD")), @r"
    change_set.stale_base: commits HEAD does not fit main without the commits before it: conflict in a.txt
    hint: hand in the commits before it too, or `git rebase main` first
    ");
}

// R11: a patch, or a series as `git format-patch` writes it.
#[test]
fn patches_are_applied_one_after_the_other() {
    let mut world = world();
    let series = world.repo.git(&[
        "format-patch",
        "--stdout",
        "--binary",
        "--cover-letter",
        "--subject-prefix=PATCH v2",
        "main~1..fix/clamp-the-delay",
    ]);
    let series = series.replace("*** SUBJECT HERE ***", "Clamp the delay");
    let series = series.replace("*** BLURB HERE ***", "All of it.");
    let filed = world.hand_in(&split(patch(&series)));
    insta::assert_snapshot!(world.said(filed.id), @r#"
    Clamp the delay

    T1 []: Clamp it | Modify a.txt
    T2 ["T1"]: Move things | Delete gone.txt, Rename old/name.txt -> name.txt, Create picture.bin
    T3 ["T2"]: Run it | Create link, Create run.sh
    "#);
    let diff = world
        .repo
        .git(&["diff", "main~1", "fix/clamp-the-delay~1", "--", "a.txt"]);
    let plain = world.hand_in(&FromGit {
        title: Some("Clamp".to_owned()),
        ..patch(&diff)
    });
    assert_eq!(world.said(plain.id), "Clamp\n\nT1 []: Clamp | Modify a.txt");
    assert!(world.hand_in(&patch(&diff)).again);
    world.lands(filed.id);
    let names = ["link", "name.txt", "picture.bin", "run.sh"];
    for name in names {
        let blob = |revision: &str| world.repo.git(&["ls-tree", revision, "--", name]);
        assert_eq!(blob("main"), blob("fix/clamp-the-delay"), "{name}");
    }
    insta::assert_snapshot!(world.refuses(&patch("nothing here")), @r"
    request.unprocessable: the patch is no patch that can be used: failed to read line 1 of the patch: there is no file in it; give a unified diff, as `git diff` prints it
    hint: give it as `git diff` or `git format-patch` writes it
    ");
    insta::assert_snapshot!(world.refuses(&patch(&diff.replace("two", "deux"))), @r"
    change_set.stale_base: the patch does not fit main: a.txt: failed to apply hunk 1 at line 2: expected `deux`, found `2`; its result is there already, so leave this hunk out
    hint: make it again on the branch as it is now; or bring it into git with `git am -3` and hand the branch in with --branch
    ");
    assert!(world.hand_in(&wanted(&Work::Patch(series))).again);
}

// R11: what cannot be handed in says why, and what to do.
#[test]
fn what_cannot_be_handed_in_says_why() {
    let world = world();
    let repo = &world.repo;
    repo.git(&["branch", "same", "main"]);
    repo.git(&["branch", "behind", "main~1"]);
    repo.git(&["switch", "--quiet", "--orphan", "alien"]);
    repo.commit("Start anew", &[("b.txt", "b\n")]);
    repo.git(&[
        "switch",
        "--quiet",
        "--create",
        "merging",
        "fix/clamp-the-delay",
    ]);
    repo.git(&["merge", "--quiet", "--no-edit", "main"]);
    repo.git(&["switch", "--quiet", "--create", "back", "main"]);
    repo.commit("Do it", &[("c.txt", "c\n")]);
    repo.git(&["revert", "--no-edit", "HEAD"]);
    let other = TempRepo::with_files(&[("x", "x\n")]);
    repo.git(&["switch", "--quiet", "--create", "sub", "main"]);
    repo.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        other.path().to_str().unwrap(),
        "sub",
    ]);
    repo.commit_all("Take it in");
    let mut said = String::new();
    for wanted in [
        branch("main"),
        branch("nowhere"),
        branch("a..b"),
        branch("same"),
        branch("behind"),
        branch("alien"),
        branch("back"),
        branch("sub"),
        split(branch("merging")),
        commits("main...sub"),
        commits("nowhere"),
        commits("sub..main"),
        commits("merging"),
        commits("main~1"),
    ] {
        said.push_str(&format!("{}\n\n", world.refuses(&wanted)));
    }
    insta::assert_snapshot!(said.replace(&repo.tip("merging")[..10], "MERGE"), @r#"
    request.unprocessable: main is the branch that work lands on: what is on it has landed
    hint: name the branch with the work on it, or commits with --commits

    request.unprocessable: REPO has no branch nowhere
    hint: `git branch -a` lists them; one of another clone has to be fetched first

    input.invalid: git allows no branch that is called "a..b"
    hint: name one as `git branch` lists it; commits go with --commits

    git.nothing: everything in branch same is on main already
    hint: commit something first, or name another branch

    git.nothing: everything in branch behind is on main already
    hint: commit something first, or name another branch

    request.unprocessable: alien and main have no history in common
    hint: make a branch of main and bring the change there, or hand it in with --commits or --patch

    git.nothing: branch back changes nothing that main does not have already
    hint: `git diff` between the two shows what differs

    request.unprocessable: branch sub cannot be handed in: sub is a submodule
    hint: take that out of the work and commit again, or hand it in as several branches

    request.unprocessable: branch merging cannot be split: MERGE (Merge branch 'main' into merging) is a merge
    hint: leave --split out, or make one line of it with `git rebase`

    input.invalid: main...sub is a range with three dots
    hint: write two dots: A..B is what B has and A has not

    git.name: REPO has no commit "nowhere"
    hint: `git log --oneline` lists commits; give more digits if several begin so

    git.nothing: sub..main holds no commit: its end is part of its start
    hint: write the older commit first: OLDER..NEWER

    input.invalid: commit merging is a merge, so it does not tell what was changed
    hint: name the range that it brought in: merging^1..merging

    input.invalid: commit main~1 has no parent, so it does not tell what was changed
    hint: name a commit that came after it
    "#);
    // A merge of the target into the branch is fine where it is not split.
    assert!(!world.hand_in(&branch("merging")).again);
}

// R11: what the request made of a branch is refused for names files, not places in a document that nobody wrote.
#[test]
fn what_is_wrong_with_a_branch_is_said_of_its_files() {
    let world = world();
    let repo = &world.repo;
    repo.git(&["switch", "--quiet", "--create", "large", "main"]);
    repo.write("large.txt", "x\n".repeat(300 * 1024));
    repo.commit_all("Add a large file");
    insta::assert_snapshot!(world.refuses(&branch("large")), @r"
    request.unprocessable: large.txt: writes 614400 bytes; at most 512000 (setting policy.tool_write_max_kb): split it, or have an admin raise the setting
      large.txt: writes 614400 bytes; at most 512000 (setting policy.tool_write_max_kb): split it, or have an admin raise the setting
    hint:
    ");
    repo.git(&["switch", "--quiet", "--create", "edits", "main"]);
    // A small change of a large file is a small change.
    let large = "y\n".repeat(300 * 1024);
    repo.write("large.txt", &large);
    repo.commit_all("On main");
    repo.git(&["branch", "--force", "main", "edits"]);
    repo.write("large.txt", format!("{large}z\n"));
    repo.commit_all("One line");
    assert!(!world.hand_in(&branch("edits")).again);
}

// R11: what landed of a split branch is not handed in again, and what was rejected is said to be.
#[test]
fn the_rest_of_a_split_branch_is_handed_in_alone() {
    let mut world = world();
    let filed = world.hand_in(&split(branch("fix/clamp-the-delay")));
    world.settle();
    let open = world.cx.store.list::<Approval>(&Filter::open()).unwrap();
    for approval in open.rows {
        let Subject::ChangeSet(set) = approval.question.about else {
            panic!("{approval:?}")
        };
        let set = world.cx.store.get::<ChangeSet>(set).unwrap().unwrap();
        let decision = match set.proposal.task.as_str() {
            "T3" => Decision::Reject,
            _ => Decision::Approve,
        };
        decide(&world.cx, &admin(), approval.id, decision, None, None).unwrap();
    }
    world.settle();
    assert_eq!(world.request(filed.id).status, Status::PartlyLanded);
    world.repo.checkout("fix/clamp-the-delay");
    world.repo.commit("Say more", &[("more.txt", "x\n")]);
    let rest = world.hand_in(&split(branch("fix/clamp-the-delay")));
    let document = world.document(rest.id);
    let titles: Vec<_> = document.tasks.iter().map(|task| &task.title).collect();
    assert_eq!(titles, ["Run it", "Say more"]);
    assert!(rest.notes.concat().contains("(Run it)"), "{:?}", rest.notes);
}

// R11: a new version comes from any branch or patch, on the commit that the request was made on.
#[test]
fn a_new_version_comes_from_git() {
    let world = world();
    let of = |from: FromGit, id: RequestId| FromGit {
        revises: Some(id.to_string()),
        ..from
    };
    let refused = |wanted: &FromGit| world.try_hand_in(wanted, false).unwrap_err().detail;
    let filed = world.hand_in(&branch("fix/clamp-the-delay"));
    let early = refused(&of(branch("fix/clamp-the-delay"), filed.id));
    assert!(early.contains("is not one change that was sent back"));
    let range = of(commits("main~1..main"), filed.id);
    assert!(!refused(&range).is_empty());
}

// R11, S3: a branch is known by the newest version that was taken from it, and the landing says what that version says.
#[test]
fn a_branch_is_known_by_its_newest_version() {
    let mut world = world();
    let filed = world.hand_in(&branch("fix/clamp-the-delay"));
    let send_back = |world: &mut World| {
        world.settle();
        let open = world.cx.store.list::<Approval>(&Filter::open()).unwrap();
        let decision = Decision::RequestChanges;
        for Approval { id, .. } in open.rows {
            decide(&world.cx, &admin(), id, decision, Some("say two"), None).unwrap();
        }
        world.settle();
    };
    send_back(&mut world);
    let old = world.hand_in(&branch("fix/clamp-the-delay"));
    let id = filed.id.short();
    assert_eq!(
        old.notes,
        [
            "it was sent back (say two): commit that, then `hyperion request --branch fix/clamp-the-delay`"
        ]
    );
    world
        .repo
        .git(&["switch", "--quiet", "--create", "two", "main"]);
    world.repo.commit("Say one", &[("two.txt", "one\n")]);
    let second = world.hand_in(&FromGit {
        revises: Some(filed.id.to_string()),
        ..branch("two")
    });
    assert!(second.revised && !second.again);
    let again = world.hand_in(&branch("two"));
    assert_eq!((again.id, again.again), (filed.id, true));
    assert_eq!(
        again.notes,
        [format!(
            "to hand it in otherwise, first `hyperion request cancel {id}`"
        )]
    );
    send_back(&mut world);
    world
        .repo
        .commit("Say two\n\nAs asked.", &[("two.txt", "two\n")]);
    let third = world.hand_in(&branch("two"));
    assert_eq!((third.id, third.revised), (filed.id, true));
    world.lands(filed.id);
    let message = world.repo.git(&["log", "-1", "--format=%B", "main"]);
    let said: String = message.split("Hyperion-").next().unwrap().to_owned();
    insta::assert_snapshot!(said, @r"
    Say one (+1 more)

    * Say one

    * Say two

    As asked.

    Co-authored-by: Ada <ada@example.com>
    ");
    world.repo.commit("Say three", &[("three.txt", "three\n")]);
    let rest = world.hand_in(&branch("two"));
    assert_ne!(rest.id, filed.id);
    assert!(rest.notes[0].contains("which landed"), "{:?}", rest.notes);
}
