use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::RenameFlags;

use super::*;

const SECRET: &[u8] = b"of somebody else";
const OURS: &[u8] = b"ours";
const MAX: u64 = 1024;

/// A folder `in` beside a folder `out` that nobody may reach from it.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (folder, content) in [("in/d", OURS), ("out/d", SECRET)] {
            let folder = dir.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("f"), content).unwrap();
        }
        Self { dir }
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.dir.path().join(path)
    }

    /// One for each way to walk.
    fn roots(&self) -> [Root; 2] {
        [Resolver::Kernel, Resolver::Parts]
            .map(|resolver| Root::open_with(&self.at("in"), resolver).unwrap())
    }
}

impl Root {
    /// Writes without asking anybody.
    fn write(&self, path: &str, bytes: &[u8], expect: Expect<'_>) -> Result<(), BeneathError> {
        self.write_when(path, bytes, expect, &mut || true)
    }
}

fn is(expected: &'static [u8]) -> impl Fn(&[u8]) -> bool {
    move |found| found == expected
}

fn content(is_it: &dyn Fn(&[u8]) -> bool) -> Expect<'_> {
    Expect::Content {
        is_it,
        max_bytes: MAX,
    }
}

fn leftovers(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap();
    names
        .filter(|name| {
            let name = name.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with(".hyperion-")
        })
        .count()
}

// X1: the kernel's way is the one that is used where there is one; both are tested.
#[test]
fn this_system_walks_paths_in_the_kernel() {
    assert_eq!(Resolver::of_this_system(), Resolver::Kernel);
}

// X1: whatever a path says, what lies outside is never read, written or removed.
#[test]
fn no_path_leads_out() {
    let place = Place::new();
    symlink(place.at("out"), place.at("in/folder_link")).unwrap();
    symlink(place.at("out/d/f"), place.at("in/file_link")).unwrap();
    symlink("d", place.at("in/inner_link")).unwrap();
    symlink("/proc/self/root", place.at("in/proc")).unwrap();
    let long = "n".repeat(300);
    let deep = "x/".repeat(3000) + "x";
    let outside = place.at("out/d/f");
    let paths = [
        "../out/d/f",
        "d/../../out/d/f",
        "./../out/d/f",
        outside.to_str().unwrap(),
        "//etc/passwd",
        "/etc/passwd",
        "d//f",
        "d/./f",
        "d/f/",
        "d/f/..",
        "..",
        ".",
        "",
        "/",
        "d/\0/f",
        "f\0",
        "folder_link/d/f",
        "folder_link",
        "file_link",
        "inner_link/f",
        "proc/etc/passwd",
        "d/f/f",
        "\u{2024}\u{2024}/out/d/f",
        "\u{ff0e}\u{ff0e}/out/d/f",
        "..\u{2215}out\u{2215}d\u{2215}f",
        "..\\out\\d\\f",
        &long,
        &deep,
    ];
    for root in place.roots() {
        for path in paths {
            let read = root.read(path, MAX);
            assert!(read.is_err(), "{path:?}: {read:?}");
            assert!(root.remove(path, content(&|_| true)).is_err(), "{path:?}");
            assert!(
                root.write(path, b"x", content(&|_| true)).is_err(),
                "{path:?}"
            );
        }
        for path in ["folder_link", "proc", "inner_link", "..", "/"] {
            assert!(root.list(path, 10).is_err(), "{path:?}");
        }
        for path in ["folder_link/new", "../new", "inner_link/new", "file_link"] {
            assert!(root.write(path, b"x", Expect::Absent).is_err(), "{path:?}");
        }
    }
    assert_eq!(fs::read(outside).unwrap(), SECRET);
    assert_eq!(fs::read_dir(place.at("out")).unwrap().count(), 1);
    assert_eq!(fs::read_dir(place.at("out/d")).unwrap().count(), 1);
}

// X1: the root of a process, and its open files, are links as any other.
#[test]
fn the_system_own_links_are_not_followed() {
    for resolver in [Resolver::Kernel, Resolver::Parts] {
        let root = Root::open_with(Path::new("/proc/self"), resolver).unwrap();
        for path in ["root/etc/passwd", "cwd/Cargo.toml", "fd/0", "exe"] {
            let read = root.read(path, MAX);
            assert!(
                matches!(
                    read,
                    Err(BeneathError::Link { .. } | BeneathError::Missing { .. })
                ),
                "{path}: {read:?}"
            );
        }
    }
}

// X1: what is no file is told, and never waited for.
#[test]
fn only_regular_files_are_read() {
    let place = Place::new();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        place.at("in/pipe"),
        rustix::fs::FileType::Fifo,
        Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(place.at("in/socket")).unwrap();
    for root in place.roots() {
        for (path, kind) in [
            ("pipe", Kind::Other),
            ("socket", Kind::Other),
            ("d", Kind::Folder),
        ] {
            let read = root.read(path, MAX);
            assert!(
                matches!(&read, Err(BeneathError::NotAFile { kind: found, .. }) if *found == kind),
                "{path}: {read:?}"
            );
            assert!(root.write(path, b"x", content(&|_| true)).is_err());
            assert!(root.write(path, b"x", Expect::Absent).is_err());
            assert_eq!(root.kind(path).unwrap(), kind);
        }
        let read = root.read("d/f", 3);
        assert!(
            matches!(read, Err(BeneathError::TooLarge { max_bytes: 3, .. })),
            "{read:?}"
        );
    }
    let devices = Root::open(Path::new("/dev")).unwrap();
    let read = devices.read("zero", MAX);
    assert!(
        matches!(read, Err(BeneathError::NotAFile { .. })),
        "{read:?}"
    );
}

// X7: whoever is asked last sees nothing changed, and may call it off; nothing is left beside.
#[test]
fn a_write_waits_until_it_is_allowed() {
    let place = Place::new();
    for root in place.roots() {
        fs::write(place.at("in/waits"), b"one").unwrap();
        let old = is(b"one");
        for (name, expect) in [("waits", content(&old)), ("new/one", Expect::Absent)] {
            let mut asked = 0;
            let placed = root.write_when(name, b"two", expect, &mut || {
                asked += 1;
                assert_eq!(fs::read(place.at("in/waits")).unwrap(), b"one");
                assert!(!place.at("in/new").exists());
                false
            });
            assert!(
                matches!(placed, Err(BeneathError::CalledOff { .. })),
                "{placed:?}"
            );
            assert_eq!(asked, 1);
        }
        assert_eq!(fs::read(place.at("in/waits")).unwrap(), b"one");
        assert_eq!(leftovers(&place.at("in")), 0);
        root.write("waits", b"two", content(&old)).unwrap();
        assert_eq!(fs::read(place.at("in/waits")).unwrap(), b"two");
    }
}

// T1: where a file system knows no files without names, content gets one of its own, with the mode of what it replaces.
#[test]
fn content_is_written_beside_where_files_need_names() {
    let place = Place::new();
    for root in place.roots() {
        let (folder, name) = root.parent_of("f").unwrap();
        let beside = super::write::make_beside(&folder, name, "f", b"two", Some(0o640)).unwrap();
        let beside = place.at("in").join(beside);
        assert_eq!(fs::read(&beside).unwrap(), b"two");
        let mode = fs::metadata(&beside).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o640);
        assert_eq!(leftovers(&place.at("in")), 1, "it is known for what it is");
        fs::remove_file(beside).unwrap();
    }
}

// T1, X1: content, permissions and folders on the way; nothing is left beside.
#[test]
fn files_are_made_replaced_and_removed() {
    let place = Place::new();
    for root in place.roots() {
        root.write("new/folder/file", b"one", Expect::Absent)
            .unwrap();
        let again = root.write("new/folder/file", b"two", Expect::Absent);
        assert!(
            matches!(again, Err(BeneathError::Exists { .. })),
            "{again:?}"
        );
        let file = place.at("in/new/folder/file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o750)).unwrap();
        let refused = root.write("new/folder/file", b"two", content(&is(b"other")));
        assert!(
            matches!(&refused, Err(BeneathError::Changed { found, .. }) if found == b"one"),
            "{refused:?}"
        );
        root.write("new/folder/file", b"two", content(&is(b"one")))
            .unwrap();
        let found = root.read("new/folder/file", MAX).unwrap();
        assert_eq!(
            found,
            Found {
                bytes: b"two".to_vec(),
                mode: 0o750
            }
        );
        let refused = root.remove("new/folder/file", content(&is(b"one")));
        assert!(
            matches!(refused, Err(BeneathError::Changed { .. })),
            "{refused:?}"
        );
        assert!(file.exists());
        assert_eq!(leftovers(&place.at("in/new/folder")), 0);
        root.remove("new/folder/file", content(&is(b"two")))
            .unwrap();
        assert_eq!(fs::read_dir(place.at("in/new/folder")).unwrap().count(), 0);
        let missing = root.remove("new/folder/file", content(&|_| true));
        assert!(
            matches!(missing, Err(BeneathError::Missing { .. })),
            "{missing:?}"
        );
        fs::remove_dir_all(place.at("in/new")).unwrap();
    }
}

// X1: another name of the same file, outside, keeps what it had.
#[test]
fn a_hard_link_is_not_written_through() {
    let place = Place::new();
    fs::hard_link(place.at("out/d/f"), place.at("in/hard")).unwrap();
    let root = Root::open(&place.at("in")).unwrap();
    root.write("hard", OURS, content(&is(SECRET))).unwrap();
    assert_eq!(fs::read(place.at("in/hard")).unwrap(), OURS);
    assert_eq!(fs::read(place.at("out/d/f")).unwrap(), SECRET);
    assert_eq!(fs::metadata(place.at("out/d/f")).unwrap().nlink(), 1);
}

// C4, S9: what a dead writer left is told by its content: its own goes, somebody else's goes back where it was.
#[test]
fn what_a_dead_writer_left_goes_or_goes_back() {
    const OLD: &[u8] = b"expected";
    const NEW: &[u8] = b"written";
    const EDIT: &[u8] = b"of a person";
    let left = format!("{}7-0.tmp", write::prefix("f"));
    // What it was doing, what is in the file, what lies beside it; what that comes to, and what is in the file then.
    type Case<'a> = (
        &'a str,
        Option<&'a [u8]>,
        &'a [u8],
        Settled,
        Option<&'a [u8]>,
    );
    let cases: &[Case<'_>] = &[
        ("drafted", Some(OLD), NEW, Settled::Cleared, Some(OLD)),
        ("exchanged", Some(NEW), OLD, Settled::Cleared, Some(NEW)),
        ("drafted, of a new file", None, NEW, Settled::Cleared, None),
        ("aside, to be removed", None, OLD, Settled::Cleared, None),
        (
            "aside, and an edit",
            None,
            EDIT,
            Settled::PutBack,
            Some(EDIT),
        ),
        (
            "exchanged with an edit",
            Some(NEW),
            EDIT,
            Settled::PutBack,
            Some(EDIT),
        ),
        (
            "two edits",
            Some(b"another"),
            EDIT,
            Settled::Kept(left.clone()),
            Some(b"another"),
        ),
    ];
    for (what, file, beside, settled, then) in cases {
        let place = Place::new();
        let folder = place.at("in/d");
        let neighbour = folder.join(format!("{}7-1.tmp", write::prefix("g")));
        fs::write(&neighbour, OLD).unwrap();
        fs::remove_file(folder.join("f")).unwrap();
        if let Some(bytes) = file {
            fs::write(folder.join("f"), bytes).unwrap();
        }
        fs::write(folder.join(&left), beside).unwrap();
        let root = Root::open(&place.at("in")).unwrap();
        let is_ours = |bytes: &[u8]| bytes == OLD || bytes == NEW;
        assert_eq!(
            &root.settle("d/f", &is_ours, MAX).unwrap(),
            settled,
            "{what}"
        );
        let now = fs::read(folder.join("f")).ok();
        assert_eq!(now.as_deref(), *then, "{what}");
        let is_kept = matches!(settled, Settled::Kept(_));
        assert_eq!(folder.join(&left).exists(), is_kept, "{what}");
        assert!(
            neighbour.exists(),
            "{what}: a neighbour's is the neighbour's"
        );
    }
}

// X1: names come in order, with their kinds, and not more than asked for.
#[test]
fn folders_are_listed_within_a_limit() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::new();
    fs::write(place.at("in/b"), "").unwrap();
    symlink("b", place.at("in/a")).unwrap();
    let odd = std::ffi::OsStr::from_bytes(b"odd\xff");
    fs::write(place.at("in").join(odd), "").unwrap();
    for root in place.roots() {
        let (names, more) = root.list("", 10).unwrap();
        let names: Vec<_> = names
            .iter()
            .map(|listed| (listed.name.as_str(), listed.kind, listed.nameable))
            .collect();
        assert_eq!(
            names,
            [
                ("a", Kind::Link, true),
                ("b", Kind::File, true),
                ("d", Kind::Folder, true),
                ("odd\u{fffd}", Kind::File, false),
            ]
        );
        assert!(!more);
        let (names, more) = root.list("", 2).unwrap();
        assert_eq!((names.len(), more), (2, true));
    }
}

/// Exchanges a folder for a link to one outside, over and over, while something is done.
fn while_it_is_swapped(place: &Place, mut act: impl FnMut()) {
    symlink(place.at("out/d"), place.at("in/l")).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            let mut swaps = 0_u64;
            while !done.load(Ordering::Relaxed) {
                let (folder, link) = (place.at("in/d"), place.at("in/l"));
                rustix::fs::renameat_with(
                    rustix::fs::CWD,
                    folder,
                    rustix::fs::CWD,
                    link,
                    RenameFlags::EXCHANGE,
                )
                .unwrap();
                swaps += 1;
            }
            swaps
        });
        act();
        done.store(true, Ordering::Relaxed);
        assert!(swapping.join().unwrap() > 0);
    });
}

// X1: swapped between the look and the use, and it never wins.
#[test]
fn a_folder_swapped_for_a_link_never_gives_what_lies_behind_it() {
    const TRIES: usize = 100_000;
    let place = Place::new();
    let [kernel, parts] = place.roots();
    let (mut read, mut refused) = (0, 0);
    while_it_is_swapped(&place, || {
        for attempt in 0..TRIES {
            let root = if attempt % 2 == 0 { &kernel } else { &parts };
            match root.read("d/f", MAX) {
                Ok(found) => {
                    assert_eq!(found.bytes, OURS, "try {attempt} read what lies outside");
                    read += 1;
                }
                Err(BeneathError::Link { .. }) => refused += 1,
                // The kernel gave up on a walk that was crossed too often, or the link was gone when it was looked at.
                Err(BeneathError::Io { .. } | BeneathError::NotAFolder { .. }) => refused += 1,
                Err(error) => panic!("try {attempt}: {error:?}"),
            }
        }
    });
    assert!(read > 0 && refused > 0, "{read} read, {refused} refused");
}

// X1: nor is anything written there.
#[test]
fn a_folder_swapped_for_a_link_is_never_written_through() {
    const TRIES: u32 = 500;
    // A machine may well let the link be there in each of the first moments that a busy thread gets.
    const TRIES_MAX: u32 = 100 * TRIES;
    let place = Place::new();
    let [kernel, parts] = place.roots();
    let mut written = 0;
    while_it_is_swapped(&place, || {
        for attempt in 0..TRIES_MAX {
            if attempt >= TRIES && written > 0 {
                break;
            }
            let root = if attempt % 2 == 0 { &kernel } else { &parts };
            let name = format!("d/new{attempt}");
            written += u32::from(root.write(&name, b"x", Expect::Absent).is_ok());
            // In this test nothing else is ever removed.
            let _ = root.remove(&name, content(&is(b"x")));
        }
    });
    assert!(written > 0);
    assert_eq!(fs::read(place.at("out/d/f")).unwrap(), SECRET);
    assert_eq!(fs::read_dir(place.at("out/d")).unwrap().count(), 1);
}

// T1: whoever writes at the same time loses nothing: of all that took place, each saw what it replaced.
#[test]
fn writers_at_once_never_replace_what_they_did_not_see() {
    const WRITERS: u64 = 4;
    const WRITES: u64 = 50;
    let place = Place::new();
    fs::write(place.at("in/n"), "0").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let root = Root::open(&place.at("in")).unwrap();
                let mut left = WRITES;
                while left > 0 {
                    let Ok(found) = root.read("n", MAX) else {
                        continue;
                    };
                    let number: u64 = std::str::from_utf8(&found.bytes).unwrap().parse().unwrap();
                    let next = (number + 1).to_string();
                    let seen = |now: &[u8]| now == found.bytes;
                    if root.write("n", next.as_bytes(), content(&seen)).is_ok() {
                        left -= 1;
                    }
                }
            });
        }
    });
    assert_eq!(
        fs::read_to_string(place.at("in/n")).unwrap(),
        (WRITERS * WRITES).to_string()
    );
    assert_eq!(leftovers(&place.at("in")), 0);
}
