//! A person's repository, its remote, and somebody else's clone of that: what lands goes out, what others push comes in.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use hyperion_api::repo::ChangeRepo;
use hyperion_model::RequestId;
use hyperion_model::entry::{Entry, Status};
use hyperion_model::repo::{Cause, Repo, Tracked};
use hyperion_testkit::{TempRepo, task, task_request};

use super::Remotes;
use crate::Error;
use crate::reconcile::{Progress, Reconcile as _};
use crate::repo;
use crate::testing::{World, admin, name};

/// A world whose repository has a remote, `hub`, that others push to as well.
struct Hub {
    world: World,
    hub: TempRepo,
    other: TempRepo,
    remotes: Remotes,
}

impl Hub {
    fn new(files: &[(&str, &str)]) -> Self {
        let world = World::new(files);
        world.repo.git(&["switch", "--quiet", "main"]);
        let hub = world.repo.bare_clone();
        let at = hub.path().to_str().unwrap().to_owned();
        world.repo.git(&["remote", "add", "origin", &at]);
        let other = TempRepo::new();
        other.git(&["remote", "add", "origin", &at]);
        other.git(&["fetch", "--quiet", "origin"]);
        other.git(&["checkout", "--quiet", "-B", "main", "origin/main"]);
        Self {
            world,
            hub,
            other,
            remotes: Remotes::new(name("remote")),
        }
    }

    /// With pushing switched on.
    fn pushing(files: &[(&str, &str)]) -> Self {
        let mut hub = Self::new(files);
        hub.change(Some("origin"), Some(true)).unwrap();
        hub
    }

    fn repo(&self) -> Repo {
        repo::find(&self.world.cx, "repo", None).unwrap()
    }

    fn change(&mut self, remote: Option<&str>, push: Option<bool>) -> Result<Repo, Error> {
        let wanted = ChangeRepo {
            remote: remote.map(str::to_owned),
            push,
            ..ChangeRepo::default()
        };
        repo::change(&self.world.cx, &admin(), &self.repo(), &wanted)
    }

    fn main(&self) -> Tracked {
        self.repo()
            .tracked(&name("main"))
            .cloned()
            .unwrap_or_default()
    }

    fn trouble(&self) -> (Cause, String) {
        let trouble = self.main().trouble.unwrap();
        (trouble.cause, trouble.reason.as_str().to_owned())
    }

    /// Somebody else pushes a commit.
    fn others_push(&self, path: &str, text: &str) -> String {
        self.other
            .git(&["pull", "--quiet", "--ff-only", "origin", "main"]);
        self.other.write(path, text);
        self.other.commit_all(&format!("Write {path}"));
        self.other.git(&["push", "--quiet", "origin", "main"]);
        self.other.tip("main")
    }

    /// Files a change that is approved; it is queued.
    fn file(&mut self, path: &str, text: &str) -> RequestId {
        let id = self.world.file(
            &task_request(&format!("Make {path}"))
                .class("feature")
                .task(task("T1", "make it").create(path, text)),
        );
        self.world.settle_others();
        self.world.approve_all();
        id
    }

    fn entry(&self) -> Entry {
        self.world.entries().pop().unwrap()
    }

    /// Lets the engine work until nothing is left that it does by itself now.
    fn settle(&mut self) {
        for _ in 0..500 {
            self.wait();
            self.world.settle_others();
            let remote = self.remotes.reconcile(&self.world.cx).unwrap();
            let queue = self.world.queue.reconcile(&self.world.cx).unwrap();
            let jobs = self.world.cx.jobs.count();
            if remote != Progress::Worked && queue != Progress::Worked && jobs == 0 {
                return;
            }
        }
        panic!("the engine does not come to rest");
    }

    /// Waits for visits and checks that are under way.
    fn wait(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        while self.world.cx.jobs.count() > 0 {
            runtime.block_on(self.world.cx.jobs.ended());
        }
    }

    fn later(&mut self, seconds: i64) {
        self.world
            .clock
            .set(self.world.cx.now() + Duration::from_secs(u64::try_from(seconds).unwrap()));
        self.settle();
    }
}

// What lands goes out where a person switched that on, and nowhere else.
#[test]
fn what_lands_is_pushed_once_that_is_switched_on() {
    let mut hub = Hub::new(&[("a.txt", "a\n")]);
    let before = hub.hub.tip("main");
    hub.file("one.txt", "1\n");
    hub.settle();
    assert_eq!(hub.hub.tip("main"), before);
    assert!(
        hub.change(Some("upstream"), None)
            .unwrap_err()
            .to_string()
            .contains("it has: origin")
    );

    hub.change(None, Some(true)).unwrap();
    hub.file("two.txt", "2\n");
    hub.settle();
    assert_eq!(hub.hub.tip("main"), hub.world.repo.tip("main"));
    assert_eq!(hub.world.repo.status(), [""; 0]);
    let main = hub.main();
    assert_eq!((main.wanted, main.landings, main.trouble), (None, 0, None));
    assert_eq!(main.pushed.unwrap().to_string(), hub.hub.tip("main"));

    hub.change(None, Some(false)).unwrap();
    let before = hub.hub.tip("main");
    hub.file("three.txt", "3\n");
    hub.settle();
    assert_eq!(hub.hub.tip("main"), before);
}

// What others pushed is brought in before candidates are made, and the work tree follows.
#[test]
fn what_others_pushed_is_brought_in_first() {
    let mut hub = Hub::pushing(&[("a.txt", "a\n")]);
    let theirs = hub.others_push("theirs.txt", "x\n");
    hub.file("ours.txt", "y\n");
    hub.settle();
    assert_eq!(hub.world.repo.tip("main~1"), theirs, "no merge was needed");
    assert_eq!(hub.hub.tip("main"), hub.world.repo.tip("main"));
    assert_eq!(hub.world.repo.read("theirs.txt"), "x\n");
    assert_eq!(hub.world.repo.status(), [""; 0]);
}

// A push of somebody between our landing and our push is merged with, never overwritten.
#[test]
fn a_push_in_between_is_merged_with() {
    let mut hub = Hub::pushing(&[("a.txt", "a\n")]);
    hub.file("ours.txt", "y\n");
    hub.settle();
    hub.file("more.txt", "z\n");
    // The remote was asked a moment ago: it is not asked again before this lands.
    let theirs = hub.others_push("theirs.txt", "x\n");
    hub.settle();
    let tip = hub.hub.tip("main");
    assert_eq!(tip, hub.world.repo.tip("main"));
    assert_eq!(hub.hub.tip("main^2"), theirs);
    assert_eq!(hub.hub.subjects("main")[0], "Merge main of origin");
    assert_eq!(hub.world.repo.read("theirs.txt"), "x\n");
    assert_eq!(hub.main().landings, 0);
    let refs = hub.world.repo.git(&["for-each-ref", "refs/hyperion"]);
    assert_eq!(refs, "");
}

// What somebody took off the remote's branch is put back only when a person says so.
#[test]
fn a_rewritten_remote_waits_for_a_person() {
    let mut hub = Hub::pushing(&[("a.txt", "a\n")]);
    hub.file("ours.txt", "y\n");
    hub.settle();
    let before = hub.hub.git(&["rev-parse", "main^"]);
    hub.hub
        .git(&["update-ref", "refs/heads/main", before.trim()]);
    hub.later(60);
    hub.file("more.txt", "z\n");
    hub.settle();
    let (cause, reason) = hub.trouble();
    assert_eq!(cause, Cause::Rewritten, "{reason}");
    assert_eq!(hub.hub.tip("main"), before.trim());
    assert_eq!(hub.world.repo.read("more.txt"), "z\n");
    repo::push(&hub.world.cx, &admin(), &hub.repo()).unwrap();
    hub.settle();
    assert_eq!(hub.hub.tip("main"), hub.world.repo.tip("main"));

    // Who takes it off here as well has said so.
    let before = hub.hub.git(&["rev-parse", "main^"]);
    hub.hub
        .git(&["update-ref", "refs/heads/main", before.trim()]);
    hub.world.repo.git(&["reset", "--quiet", "--hard", "HEAD^"]);
    hub.later(60);
    hub.file("last.txt", "z\n");
    hub.settle();
    assert_eq!(hub.main().trouble, None);
    assert_eq!(hub.hub.tip("main"), hub.world.repo.tip("main"));
    assert_eq!(hub.hub.tip("main^"), before.trim());
}

// What cannot be pushed because the repository itself is gone is told, and goes out once it is back.
#[test]
fn a_repository_that_is_gone_is_told() {
    let mut hub = Hub::pushing(&[("a.txt", "a\n")]);
    let away = |path: &std::path::Path| path.with_extension("away");
    let (there, here) = (hub.hub.path().to_owned(), hub.world.repo.path().to_owned());
    std::fs::rename(&there, away(&there)).unwrap();
    hub.file("ours.txt", "y\n");
    hub.settle();
    std::fs::rename(&here, away(&here)).unwrap();
    hub.later(60);
    let (cause, reason) = hub.trouble();
    assert_eq!(cause, Cause::Unreachable);
    assert!(reason.contains("is not there any more"), "{reason}");
    for path in [&there, &here] {
        std::fs::rename(away(path), path).unwrap();
    }
    hub.later(600);
    assert_eq!(hub.hub.tip("main"), hub.world.repo.tip("main"));
    assert_eq!(hub.main().trouble, None);
}

// A remote whose settings map its branches onto the person's own moves none of them.
#[test]
fn a_mirror_moves_no_branch_but_by_bringing_in() {
    let mut hub = Hub::pushing(&[("a.txt", "a\n")]);
    let config = |name: &str, value: &str| hub.world.repo.git(&["config", name, value]);
    config("remote.origin.fetch", "+refs/*:refs/*");
    config("remote.origin.mirror", "true");
    hub.others_push("theirs.txt", "x\n");
    hub.file("ours.txt", "y\n");
    hub.settle();
    assert_eq!(hub.hub.tip("main"), hub.world.repo.tip("main"));
    assert_eq!(hub.world.repo.read("ours.txt"), "y\n");
    assert_eq!(hub.world.repo.read("theirs.txt"), "x\n");
}

// A conflict with what others pushed stops the branch until a person has merged both sides.
#[test]
fn a_conflict_with_a_push_waits_for_a_person() {
    let mut hub = Hub::pushing(&[("a.txt", "a\n")]);
    hub.file("ours.txt", "y\n");
    hub.settle();
    hub.file("both.txt", "ours\n");
    let theirs = hub.others_push("both.txt", "theirs\n");
    hub.settle();
    let ours = hub.world.repo.tip("main");
    assert_eq!(
        hub.trouble(),
        (
            Cause::Conflict,
            format!(
                "main and origin/main have to be merged by hand: git merge origin/main; both changed both.txt ({} here, {} there)",
                &ours[..10],
                &theirs[..10]
            )
        )
    );
    assert_eq!(hub.hub.tip("main"), theirs);
    hub.file("next.txt", "n\n");
    hub.settle();
    let entry = hub.entry();
    assert_eq!(entry.status, Status::Blocked);
    assert!(
        entry
            .reason
            .unwrap()
            .as_str()
            .contains("git merge origin/main")
    );

    let merge = hub.world.repo.try_git(&["merge", "origin/main"]);
    assert!(merge.is_err(), "it is a conflict for git as well");
    hub.world.repo.write("both.txt", "both\n");
    hub.world.repo.commit_all("Merge both");
    for _ in 0..3 {
        hub.later(5);
    }
    assert_eq!(hub.entry().status, Status::Landed);
    assert_eq!(hub.hub.tip("main"), hub.world.repo.tip("main"));
    assert_eq!(hub.hub.show("main", "both.txt"), "both\n");
    assert_eq!(hub.main().trouble, None);
}

// A remote that is gone is tried again with growing pauses; the landings stand, and go out together.
#[test]
fn a_remote_that_is_gone_is_tried_again() {
    let mut hub = Hub::pushing(&[("a.txt", "a\n")]);
    let away = hub.hub.path().with_extension("away");
    fs::rename(hub.hub.path(), &away).unwrap();
    hub.file("one.txt", "1\n");
    hub.settle();
    hub.file("two.txt", "2\n");
    hub.settle();
    assert_eq!(hub.world.repo.subjects("main").len(), 3);
    let main = hub.main();
    let (cause, reason) = hub.trouble();
    assert_eq!((main.landings, cause), (2, Cause::Unreachable));
    assert!(
        reason.contains("does not appear to be a git repository"),
        "{reason}"
    );
    for _ in 0..4 {
        hub.later(30);
    }
    let tries = hub.main().trouble.unwrap().tries;
    assert!((2..=4).contains(&tries), "{tries} tries in two minutes");

    fs::rename(&away, hub.hub.path()).unwrap();
    repo::push(&hub.world.cx, &admin(), &hub.repo()).unwrap();
    hub.settle();
    assert_eq!(hub.hub.tip("main"), hub.world.repo.tip("main"));
    assert_eq!((hub.main().landings, hub.main().trouble), (0, None));
}

// A remote that refuses is told in its own words, and not asked again before a person says so.
#[test]
fn a_remote_that_refuses_is_not_asked_for_ever() {
    let mut hub = Hub::pushing(&[("a.txt", "a\n")]);
    let hook = hub.hub.path().join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let script = "#!/bin/sh\necho asked >>asked\necho 'main is protected: open a pull request' >&2\nexit 1\n";
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    hub.file("one.txt", "1\n");
    hub.settle();
    let refused = (
        Cause::Refused,
        "origin does not take it: main is protected: open a pull request".to_owned(),
    );
    assert_eq!(hub.trouble(), refused);
    hub.later(7200);
    hub.file("two.txt", "2\n");
    hub.settle();
    assert_eq!(hub.main().landings, 2);
    let asked = fs::read_to_string(hub.hub.path().join("asked")).unwrap();
    assert_eq!(asked.lines().count(), 1);

    fs::remove_file(&hook).unwrap();
    repo::push(&hub.world.cx, &admin(), &hub.repo()).unwrap();
    hub.settle();
    assert_eq!(hub.hub.tip("main"), hub.world.repo.tip("main"));
}

// An engine that dies between a landing and its push leaves nothing undone.
#[test]
fn a_push_survives_the_engine() {
    let mut hub = Hub::pushing(&[("a.txt", "a\n")]);
    hub.file("one.txt", "1\n");
    // The queue alone: nothing is pushed.
    for _ in 0..50 {
        hub.wait();
        hub.world.queue.reconcile(&hub.world.cx).unwrap();
        hub.world.settle_others();
    }
    assert_eq!(hub.entry().status, Status::Landed);
    assert_ne!(hub.hub.tip("main"), hub.world.repo.tip("main"));
    assert_eq!(hub.main().landings, 1);
    hub.world.restart();
    hub.remotes = Remotes::new(name("remote"));
    hub.settle();
    assert_eq!(hub.hub.tip("main"), hub.world.repo.tip("main"));
    assert_eq!(hub.main().landings, 0);
}

// A work tree with edits waits, as it does for a landing, and is told once.
#[test]
fn a_work_tree_with_edits_is_waited_for() {
    let mut hub = Hub::pushing(&[("a.txt", "a\n")]);
    let theirs = hub.others_push("a.txt", "theirs\n");
    hub.world.repo.write("a.txt", "mine\n");
    let before = hub.world.repo.tip("main");
    repo::push(&hub.world.cx, &admin(), &hub.repo()).unwrap();
    hub.settle();
    for _ in 0..3 {
        hub.later(5);
    }
    assert_eq!(hub.world.repo.tip("main"), before);
    let trouble = hub.main().trouble.unwrap();
    assert_eq!((trouble.cause, trouble.tries), (Cause::InTheWay, 1));
    assert!(
        trouble
            .reason
            .as_str()
            .contains("commit or stash the changes to a.txt")
    );
    hub.world.repo.git(&["checkout", "--quiet", "a.txt"]);
    hub.later(5);
    assert_eq!(hub.world.repo.tip("main"), theirs);
    assert_eq!(hub.world.repo.read("a.txt"), "theirs\n");
    assert_eq!(hub.main().trouble, None);
}

// What a person took off the branch again is not pushed behind their back.
#[test]
fn what_is_no_longer_on_the_branch_is_not_pushed() {
    let mut hub = Hub::pushing(&[("a.txt", "a\n")]);
    let away = hub.hub.path().with_extension("away");
    fs::rename(hub.hub.path(), &away).unwrap();
    hub.file("one.txt", "1\n");
    hub.settle();
    hub.world
        .repo
        .git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    fs::rename(&away, hub.hub.path()).unwrap();
    let before = hub.hub.tip("main");
    hub.later(7200);
    assert_eq!(hub.trouble().0, Cause::Rewound);
    assert_eq!(hub.hub.tip("main"), before);
    repo::push(&hub.world.cx, &admin(), &hub.repo()).unwrap();
    hub.settle();
    assert_eq!(hub.main().trouble, None);
    assert_eq!(hub.hub.tip("main"), before);
}
