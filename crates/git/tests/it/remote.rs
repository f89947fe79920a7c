use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hyperion_git::{Oid, Pushed, RefName, UserRepo};
use hyperion_host::CancelFlag;

use crate::world::{World, with_each_git};

/// A bare remote `hub` of the person's repository, and somebody else's clone of it.
fn with_hub(world: &World) -> UserRepo {
    world.write("a", "one\n");
    world.commit_all("one");
    world.run(world.root(), &["clone", "-q", "--bare", "user", "hub"]);
    world.run(world.root(), &["clone", "-q", "hub", "other"]);
    world.user_git(&["remote", "add", "origin", "../hub"]);
    world.repo()
}

fn others_push(world: &World) -> Oid {
    let other = world.root().join("other");
    world.run(&other, &["commit", "-q", "--allow-empty", "-m", "theirs"]);
    world.run(&other, &["push", "-q", "origin", "HEAD:main"]);
    Oid::parse(&world.run(&other, &["rev-parse", "HEAD"])).unwrap()
}

// What others pushed is fetched to where a person's own fetch notes it; a branch that the remote has not is none.
#[test]
fn a_branch_is_fetched() {
    with_each_git(|world| {
        let user = with_hub(world);
        let never = CancelFlag::new().unwrap();
        let fetch = |branch: &RefName| user.fetch_branch("origin", branch, &never).unwrap();
        assert_eq!(user.remotes().unwrap(), ["origin"]);
        assert_eq!(fetch(&world.main()), Some(world.head()));
        let theirs = others_push(world);
        assert_eq!(fetch(&world.main()), Some(theirs.clone()));
        let noted = world.user_git(&["rev-parse", "refs/remotes/origin/main"]);
        assert_eq!(noted, theirs.as_str());
        let ain = RefName::branch("ain").unwrap();
        assert_eq!(fetch(&ain), None);
        fs::rename(world.root().join("hub"), world.root().join("away")).unwrap();
        let gone = user.fetch_branch("origin", &world.main(), &never);
        let words = gone.unwrap_err().words();
        assert_eq!(words, "'../hub' does not appear to be a git repository");
    });
}

// A push is a plain step forward or nothing: somebody else's commits stay, and a refusal is told in the remote's words.
#[test]
fn a_push_is_never_forced() {
    with_each_git(|world| {
        let user = with_hub(world);
        let never = CancelFlag::new().unwrap();
        let push = |commit: &Oid| {
            let pushed = user.push_commit("origin", &world.main(), commit, &never);
            pushed.unwrap()
        };
        let in_hub = || world.run(world.root().join("hub"), &["rev-parse", "main"]);
        let ours = world.commit_all("ours");
        // Hooks of the person do not run.
        let hook = world.user().join(".git/hooks/pre-push");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        refuse_with(&hook, "mine");
        assert_eq!(push(&ours), Pushed::Yes);
        assert_eq!(push(&ours), Pushed::Yes, "it is there already");
        assert_eq!(in_hub(), ours.as_str());

        let other = world.root().join("other");
        world.run(&other, &["pull", "-q", "--ff-only"]);
        let theirs = others_push(world);
        let ours = world.commit_all("ours again");
        assert_eq!(push(&ours), Pushed::Behind);
        assert_eq!(in_hub(), theirs.as_str());

        world.user_git(&["fetch", "-q", "origin"]);
        world.user_git(&["reset", "-q", "--hard", "origin/main"]);
        let ours = world.commit_all("on top");
        refuse_with(
            &world.root().join("hub/hooks/pre-receive"),
            "main is protected",
        );
        let words = "main is protected".to_owned();
        assert_eq!(push(&ours), Pushed::Refused { words });
        assert_eq!(in_hub(), theirs.as_str());
    });
}

fn refuse_with(hook: &std::path::Path, words: &str) {
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(hook, format!("#!/bin/sh\necho '{words}' >&2\nexit 1\n")).unwrap();
    fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
}
