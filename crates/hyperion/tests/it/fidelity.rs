//! What a change does not name stays exactly as it is, whatever it is.

use crate::world::{World, text};
use hyperion_testkit::{TempRepo, task, task_request};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// A repository with an entry of every kind.
fn everything() -> TempRepo {
    let dependency = TempRepo::with_files(&[("lib.txt", "lib\n")]);
    let repo = TempRepo::new();
    repo.write("plain.txt", "one\n");
    repo.write("crlf.txt", "one\r\ntwo\r\n");
    repo.write("no-newline.txt", "one");
    repo.write("binary.bin", [0, 159, 146, 150, 255]);
    repo.write("nul\u{301}/ünïcode name.txt", "one\n");
    repo.write("quoted \"name\"\ttab.txt", "one\n");
    repo.write_executable("run.sh", "#!/bin/sh\nexit 0\n");
    repo.symlink("link", "plain.txt");
    repo.symlink("dangling", "no/such/thing");
    repo.write_lfs_pointer("model.bin", 1 << 30);
    repo.write_bytes_path(b"caf\xe9.txt", "coffee\n");
    repo.write_bytes_path(b"dir/caf\xe9/inner.txt", "coffee\n");
    repo.add_submodule("libs/dependency", &dependency);
    repo.commit_all("Everything");
    repo
}

/// Every entry of a commit but those named: mode, kind, id and path, byte for byte.
fn others(repo: &TempRepo, revision: &str, changed: &[&str]) -> Vec<String> {
    let listed = repo.git(&["-c", "core.quotePath=true", "ls-tree", "-r", revision]);
    let mut others: Vec<_> = listed.lines().map(str::to_owned).collect();
    others.retain(|line| {
        !changed
            .iter()
            .any(|path| line.ends_with(&format!("\t{path}")))
    });
    others
}

fn mode(repo: &TempRepo, path: &str) -> u32 {
    fs::metadata(repo.path().join(path))
        .unwrap()
        .permissions()
        .mode()
        & 0o777
}

// C1, C4, M3, M6: links, modes, LFS pointers, submodules and names that are no text are left alone, there and back.
#[test]
fn what_is_not_named_is_not_touched() {
    let world = World::up_with(everything(), &[]);
    let repo = &world.repo;
    let before = repo.git(&["rev-parse", "main^{tree}"]);
    let changed = [
        "plain.txt",
        "crlf.txt",
        "no-newline.txt",
        "run.sh",
        "new.sh",
        "dir/new.txt",
        "moved.bin",
        "binary.bin",
    ];
    let kept = others(repo, "main", &changed);
    assert_eq!(kept.len(), 10, "{kept:#?}");
    let request = task_request("Change some").class("feature").task(
        task("T1", "change some")
            .modify("plain.txt", "one\n", "one\ntwo\n")
            .modify("crlf.txt", "one\r\ntwo\r\n", "one\r\nzwei\r\n")
            .modify("no-newline.txt", "one", "one\ntwo")
            .replace("run.sh", "#!/bin/sh\nexit 1\n")
            .create("dir/new.txt", "new\n")
            .change(serde_json::json!({
                "operation": "create", "path": "new.sh", "mode": "100755", "content": "#!/bin/sh\n",
            }))
            .rename("binary.bin", "moved.bin"),
    );
    let detail = world.carry_out(&request, 0);
    assert_eq!(others(repo, "main", &changed), kept);
    assert_eq!(repo.show("main", "crlf.txt"), "one\r\nzwei\r\n");
    assert_eq!(repo.show("main", "no-newline.txt"), "one\ntwo");
    assert_eq!(
        fs::read(repo.path().join("moved.bin")).unwrap(),
        [0, 159, 146, 150, 255]
    );
    let listed = repo.git(&["ls-tree", "main", "run.sh", "new.sh"]);
    assert!(
        listed.lines().all(|line| line.starts_with("100755 ")),
        "{listed}"
    );
    assert_eq!((mode(repo, "run.sh"), mode(repo, "new.sh")), (0o755, 0o755));
    assert_eq!(repo.status(), [""; 0]);

    // What is on the disk beside it is what it was.
    assert_eq!(
        fs::read_link(repo.path().join("link")).unwrap().to_str(),
        Some("plain.txt")
    );
    assert_eq!(
        fs::read_link(repo.path().join("dangling"))
            .unwrap()
            .to_str(),
        Some("no/such/thing")
    );
    assert_eq!(repo.read("libs/dependency/lib.txt"), "lib\n");
    world.assert_sound();

    let modes = task_request("Modes").class("feature").task(
        task("T1", "modes")
            .chmod("plain.txt", "100755")
            .chmod("run.sh", "100644"),
    );
    let modes = world.carry_out(&modes, 0);
    assert_eq!(
        (mode(repo, "run.sh"), mode(repo, "plain.txt")),
        (0o644, 0o755)
    );
    for landed in [&modes, &detail] {
        world
            .run(&["rollback", &text(&landed["id"]), "--wait"])
            .code(0);
    }
    assert_eq!(repo.git(&["rev-parse", "main^{tree}"]), before);
    assert_eq!(repo.status(), [""; 0]);
    assert_eq!(
        (mode(repo, "run.sh"), mode(repo, "plain.txt")),
        (0o755, 0o644)
    );
    assert!(!repo.path().join("dir/new.txt").exists());
    world.assert_sound();
}

// C1, M6: deleting what is special and taking that back brings it back as it was.
#[test]
fn special_files_come_back_as_they_were() {
    let world = World::up_with(everything(), &[]);
    let repo = &world.repo;
    let before = repo.git(&["rev-parse", "main^{tree}"]);
    let request = task_request("Remove some").class("feature").task(
        task("T1", "remove some")
            .delete("run.sh")
            .delete("binary.bin")
            .delete("link")
            .delete("nul\u{301}/ünïcode name.txt"),
    );
    let detail = world.carry_out(&request, 0);
    assert!(fs::symlink_metadata(repo.path().join("link")).is_err());
    world
        .run(&["rollback", &text(&detail["id"]), "--wait"])
        .code(0);
    assert_eq!(repo.git(&["rev-parse", "main^{tree}"]), before);
    assert_eq!(mode(repo, "run.sh"), 0o755);
    assert_eq!(
        fs::read_link(repo.path().join("link")).unwrap().to_str(),
        Some("plain.txt")
    );
    world.assert_sound();
}
