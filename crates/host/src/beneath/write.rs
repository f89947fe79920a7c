//! Writes and removals: content changes places, and what gave way is looked at before it is gone.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyperion_fault::{Point, reached};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::folder::Folder;
use super::{BeneathError, FOLDER};

/// What has to be there before.
#[derive(Clone, Copy)]
pub enum Expect<'a> {
    /// Nothing.
    Absent,
    /// A file with content that this accepts, at most so many bytes long.
    Content {
        /// Says whether the content is the expected one.
        is_it: &'a dyn Fn(&[u8]) -> bool,
        /// The most bytes that are looked at; a longer file is refused.
        max_bytes: u64,
    },
}

/// The permissions of a new file, less the umask.
const NEW_MODE: u32 = 0o666;
/// How long a writer waits for others in the same folder.
const TURN_MAX: Duration = Duration::from_secs(10);
/// How often it looks whether they are done.
const TURN_LOOK: Duration = Duration::from_millis(1);
/// How many names are tried for a file beside another.
const NAMES_MAX: u32 = 16;

pub(super) fn write(
    folder: &Folder,
    name: &str,
    path: &str,
    bytes: &[u8],
    expect: Expect<'_>,
    ready: &mut dyn FnMut() -> bool,
) -> Result<(), BeneathError> {
    let _turn = take_turn(folder, path)?;
    let mode = match expect {
        Expect::Absent => None,
        Expect::Content { .. } => {
            let stat = folder.require_file(name, path)?;
            look(folder, name, path, expect)?;
            Some(stat.st_mode & 0o7777)
        }
    };
    let nameless = make_nameless(folder, bytes, mode);
    if !ready() {
        return Err(BeneathError::CalledOff {
            path: path.to_owned(),
        });
    }
    let beside = match nameless.and_then(|file| give_name(folder, name, &file)) {
        Some(beside) => beside,
        None => make_beside(folder, name, path, bytes, mode)?,
    };
    reached(Point::FileDrafted);
    let placed = match expect {
        Expect::Absent => rustix::fs::renameat_with(
            folder.handle(),
            &beside,
            folder.handle(),
            name,
            RenameFlags::NOREPLACE,
        )
        .map_err(|errno| BeneathError::of(path, errno)),
        Expect::Content { .. } => replace(folder, &beside, name, path, expect),
    };
    reached(Point::FilePlaced);
    // What this name holds now is no longer needed: the old content, or new content that could not be put in place.
    let cleared = match (&placed, expect) {
        (Ok(()), Expect::Absent) => Ok(()),
        _ => rustix::fs::unlinkat(folder.handle(), &beside, AtFlags::empty()),
    };
    placed?;
    cleared
        .and_then(|()| rustix::fs::fsync(folder.handle()))
        .map_err(|errno| BeneathError::of(path, errno))
}

pub(super) fn remove(
    folder: &Folder,
    name: &str,
    path: &str,
    expect: Expect<'_>,
) -> Result<(), BeneathError> {
    let _turn = take_turn(folder, path)?;
    folder.require_file(name, path)?;
    look(folder, name, path, expect)?;
    // Move it away first: the file may have changed since it was looked at.
    let aside = rename_aside(folder, name, path)?;
    reached(Point::FileAside);
    if let Err(error) = look(folder, &aside, path, expect) {
        put_back(folder, &aside, name);
        return Err(error);
    }
    rustix::fs::unlinkat(folder.handle(), &aside, AtFlags::empty())
        .and_then(|()| rustix::fs::fsync(folder.handle()))
        .map_err(|errno| BeneathError::of(path, errno))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a lock on a file with a deadline has no event to wait for"
)]
/// Keeps other writers of Hyperion's, in whichever process, out of a folder until the handle is closed.
pub(super) fn take_turn(folder: &Folder, path: &str) -> Result<OwnedFd, BeneathError> {
    // Of its own: a lock belongs to the open handle.
    let failed = |errno| BeneathError::of(path, errno);
    let handle = rustix::fs::openat(folder.handle(), ".", FOLDER, Mode::empty()).map_err(failed)?;
    let deadline = Instant::now() + TURN_MAX;
    loop {
        match rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(handle),
            Err(Errno::AGAIN | Errno::INTR) if Instant::now() < deadline => {
                std::thread::sleep(TURN_LOOK);
            }
            Err(errno) => return Err(failed(errno)),
        }
    }
}

/// Changes places, and looks at what gave way: whoever wrote in between loses nothing.
fn replace(
    folder: &Folder,
    beside: &str,
    name: &str,
    path: &str,
    expect: Expect<'_>,
) -> Result<(), BeneathError> {
    let exchange = || {
        rustix::fs::renameat_with(
            folder.handle(),
            beside,
            folder.handle(),
            name,
            RenameFlags::EXCHANGE,
        )
    };
    match exchange() {
        Ok(()) => reached(Point::FileExchanged),
        // Some file systems cannot exchange two names; there, the look of a moment ago has to be enough.
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::renameat(folder.handle(), beside, folder.handle(), name)
                .map_err(|errno| BeneathError::of(path, errno))?;
            return make_decoy(folder, beside, path);
        }
        Err(errno) => return Err(BeneathError::of(path, errno)),
    }
    look(folder, beside, path, expect).inspect_err(|_| {
        let _ = exchange();
    })
}

/// Gives the caller something to remove under this name.
fn make_decoy(folder: &Folder, beside: &str, path: &str) -> Result<(), BeneathError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(folder.handle(), beside, flags, Mode::from_raw_mode(0o600))
        .map(drop)
        .map_err(|errno| BeneathError::of(path, errno))
}

fn look(folder: &Folder, name: &str, path: &str, expect: Expect<'_>) -> Result<(), BeneathError> {
    let Expect::Content { is_it, max_bytes } = expect else {
        return Err(BeneathError::Exists {
            path: path.to_owned(),
        });
    };
    let found = folder.read(name, path, max_bytes)?;
    if is_it(&found.bytes) {
        Ok(())
    } else {
        Err(BeneathError::Changed {
            path: path.to_owned(),
            found: found.bytes,
        })
    }
}

/// Writes content that has no name, and goes with whoever dies, durably; none where that cannot be.
fn make_nameless(folder: &Folder, bytes: &[u8], mode: Option<u32>) -> Option<File> {
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(folder.handle(), ".", flags, Mode::from_raw_mode(NEW_MODE));
    let mut file = File::from(opened.ok()?);
    // Whatever is wrong shows when it is written under a name.
    fill(&mut file, bytes, mode).ok()?;
    Some(file)
}

/// Gives nameless content a name beside another; none where that cannot be.
fn give_name(folder: &Folder, name: &str, file: &File) -> Option<String> {
    let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
    (0..NAMES_MAX).find_map(|_| {
        let beside = fresh_name(name);
        let named = rustix::fs::linkat(
            rustix::fs::CWD,
            &itself,
            folder.handle(),
            &beside,
            AtFlags::SYMLINK_FOLLOW,
        );
        named.ok().map(|()| beside)
    })
}

fn fill(file: &mut File, bytes: &[u8], mode: Option<u32>) -> std::io::Result<()> {
    file.write_all(bytes)?;
    if let Some(mode) = mode {
        rustix::fs::fchmod(&*file, Mode::from_raw_mode(mode))?;
    }
    file.sync_all()
}

/// Writes content under a name of its own, durably: where a file system knows no files without names.
pub(super) fn make_beside(
    folder: &Folder,
    beside: &str,
    path: &str,
    bytes: &[u8],
    mode: Option<u32>,
) -> Result<String, BeneathError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut tries = 0;
    let (name, opened) = loop {
        let name = fresh_name(beside);
        match rustix::fs::openat(folder.handle(), &name, flags, Mode::from_raw_mode(NEW_MODE)) {
            Err(Errno::EXIST) if tries < NAMES_MAX => tries += 1,
            opened => break (name, opened.map_err(|errno| BeneathError::of(path, errno))?),
        }
    };
    let mut file = File::from(opened);
    fill(&mut file, bytes, mode).map_err(|source| {
        let _ = rustix::fs::unlinkat(folder.handle(), &name, AtFlags::empty());
        BeneathError::Io {
            path: path.to_owned(),
            source,
        }
    })?;
    Ok(name)
}

fn rename_aside(folder: &Folder, name: &str, path: &str) -> Result<String, BeneathError> {
    let mut tries = 0;
    loop {
        let aside = fresh_name(name);
        match rustix::fs::renameat_with(
            folder.handle(),
            name,
            folder.handle(),
            &aside,
            RenameFlags::NOREPLACE,
        ) {
            Ok(()) => return Ok(aside),
            Err(Errno::EXIST) if tries < NAMES_MAX => tries += 1,
            Err(errno) => return Err(BeneathError::of(path, errno)),
        }
    }
}

/// Puts a file back under its name, unless somebody made another one there meanwhile.
fn put_back(folder: &Folder, aside: &str, name: &str) {
    let _ = rustix::fs::renameat_with(
        folder.handle(),
        aside,
        folder.handle(),
        name,
        RenameFlags::NOREPLACE,
    );
}

/// A name beside another that nobody else uses: this process counts its own.
fn fresh_name(name: &str) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{}{}-{count}.tmp", prefix(name), std::process::id())
}

/// How every name begins that a writer gives to something beside a file, so that it is found after a crash.
///
/// A name may be as long as names can be, so it is not told but hashed: FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>.
pub(super) fn prefix(name: &str) -> String {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!(".hyperion-{hash:016x}-")
}
