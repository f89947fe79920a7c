//! Small disks that fill up: home, repository and lanes on a tmpfs of their own, with so much room left and no more.
//!
//! The disk can only be made in a namespace, so the test runs itself again in one; there it is a test as any other.

use super::faults::{Frail, SAID_FULL};
use super::loss::makes;
use hyperion_testkit::{Chaos, Hyperion};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Names the folder of the disk to the test inside.
const INSIDE: &str = "HYPERION_TEST_SMALL_DISK";
/// How large the disk is while nothing is to go wrong.
const LARGE_KIB: u64 = 256 * 1024;
/// How much room is left, at least: with none nothing can be filed, with the last everything lands.
const SPARE_KIB: [u64; 6] = [0, 12, 60, 200, 500, 4096];
/// How much longer a namespace, a disk and an engine take than the attempts themselves.
const PATIENCE: Duration = Duration::from_secs(600);

// M1, M5, O4, S8: decision 5.5. Whatever is written when the room is gone: it is said, the engine dies, and once there is room
// the next one finds all that was acknowledged, and everything ends well.
#[test]
fn chaos_small_disks_that_fill_up_lose_nothing() {
    let disk = tempfile::tempdir().unwrap();
    let mut shell = Hyperion::new("unshare")
        .limit(PATIENCE)
        .env(INSIDE, disk.path())
        .env("TMPDIR", disk.path());
    for (name, value) in std::env::vars_os() {
        let is_ours = name.to_string_lossy().starts_with("HYPERION_CHAOS_");
        shell = if is_ours {
            shell.env(name, value)
        } else {
            shell
        };
    }
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let apart = if is_root { "-m" } else { "-rm" };
    let itself = std::env::current_exe().unwrap();
    let ended = shell.run(&[
        apart,
        itself.to_str().unwrap(),
        "power::small::inside_a_small_disk",
        "--exact",
        "--nocapture",
    ]);
    let cannot = ended.stderr.starts_with("unshare: ") || ended.stderr.contains("mount: ");
    if cannot {
        eprintln!(
            "skipped: a small disk cannot be mounted here: {}",
            ended.stderr
        );
        return;
    }
    eprintln!("{}", ended.stderr);
    let ended = ended.code(0);
    assert!(ended.stdout.contains("1 passed"), "{}", ended.stdout);
}

#[test]
fn inside_a_small_disk() {
    let Some(disk) = std::env::var_os(INSIDE).map(PathBuf::from) else {
        return;
    };
    let size = |kib: u64| format!("size={kib}k");
    let first = ["-t", "tmpfs", "-o", &size(LARGE_KIB), "tmpfs"];
    mount(&Hyperion::new("mount"), &first, &disk);
    // On the disk itself, before there is no room for it.
    let mounter = Hyperion::new("mount");
    let resize = |kib: u64| mount(&mounter, &["-o", &format!("remount,{}", size(kib))], &disk);
    let mut chaos = Chaos::from_env(1);
    while let Some(mut dice) = chaos.another_round() {
        let mut frail = Frail::new();
        for spare in SPARE_KIB {
            let spare = spare + dice.below(spare / 4 + 8);
            let request = makes(&format!("small-{}-{spare}", chaos.round()), 9000);
            let free_kib = hyperion_host::free_bytes(&disk).unwrap() / 1024;
            let used_kib = LARGE_KIB - free_kib;
            resize(used_kib + spare);
            let attempt = frail.attempt(&request);
            frail.world.kill_engine();
            resize(LARGE_KIB);
            frail.world.start_engine();
            for refusal in &attempt.refusals {
                assert!(
                    SAID_FULL.iter().any(|name| refusal.contains(name)),
                    "with {spare} KiB: it says what is wrong: {refusal}"
                );
            }
            eprintln!("with {spare} KiB: {attempt:?}");
            chaos.count("refused", attempt.refusals.len() as u64);
            frail.make_good(&request, &attempt);
        }
        frail.end();
    }
}

#[track_caller]
fn mount(mounter: &Hyperion, how: &[&str], disk: &Path) {
    let mut arguments = how.to_vec();
    arguments.push(disk.to_str().unwrap());
    mounter.run(&arguments).code(0);
}
