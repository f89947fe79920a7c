//! Walks a path from a handle, following no link.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::BeneathError;

/// The most parts of a path.
const PARTS_MAX: usize = 128;
/// How often a walk is begun again that a rename came across.
const TRIES_MAX: u32 = 128;

/// How a path is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolver {
    /// The kernel does all of it in one call (`openat2`).
    Kernel,
    /// Part by part, where the kernel is too old or a container forbids the call.
    Parts,
}

impl Resolver {
    /// What this system can do.
    pub(super) fn of_this_system() -> Self {
        static KNOWN: OnceLock<Resolver> = OnceLock::new();
        *KNOWN.get_or_init(|| {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            match rustix::fs::openat2(
                rustix::fs::CWD,
                "/",
                flags,
                Mode::empty(),
                ResolveFlags::NO_SYMLINKS,
            ) {
                Ok(_) => Self::Kernel,
                Err(_) => Self::Parts,
            }
        })
    }

    /// Opens what lies there.
    pub(super) fn open(
        self,
        from: BorrowedFd<'_>,
        parts: &[&str],
        path: &str,
        flags: OFlags,
    ) -> Result<OwnedFd, BeneathError> {
        match self {
            Self::Kernel => by_the_kernel(from, parts, path, flags),
            Self::Parts => part_by_part(from, parts, path, flags),
        }
    }
}

/// Checks the form of a path; nothing is looked up.
pub(super) fn parts(path: &str) -> Result<Vec<&str>, BeneathError> {
    let bad = |part: &&str| matches!(*part, "" | "." | "..") || part.contains('\0');
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().any(bad) {
        return Err(BeneathError::Escapes {
            path: path.to_owned(),
        });
    }
    if parts.len() > PARTS_MAX {
        return Err(BeneathError::of(path, Errno::NAMETOOLONG));
    }
    Ok(parts)
}

fn by_the_kernel(
    from: BorrowedFd<'_>,
    parts: &[&str],
    path: &str,
    flags: OFlags,
) -> Result<OwnedFd, BeneathError> {
    let joined = if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let mut tries = 0;
    loop {
        match rustix::fs::openat2(from, &joined, flags, Mode::empty(), resolve) {
            // A rename came across; nothing was opened.
            Err(Errno::AGAIN | Errno::INTR) if tries < TRIES_MAX => tries += 1,
            // It does not say whether it was a link that is no folder.
            Err(Errno::NOTDIR) => return part_by_part(from, parts, path, flags),
            opened => return opened.map_err(|errno| BeneathError::of(path, errno)),
        }
    }
}

fn part_by_part(
    from: BorrowedFd<'_>,
    parts: &[&str],
    path: &str,
    flags: OFlags,
) -> Result<OwnedFd, BeneathError> {
    let step = |at: BorrowedFd<'_>, part: &str, flags: OFlags| {
        rustix::fs::openat(at, part, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(|errno| {
            // A link where a folder has to be is "not a directory" to the system.
            let is_link = errno == Errno::NOTDIR
                && rustix::fs::statat(at, part, AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
            BeneathError::of(path, if is_link { Errno::LOOP } else { errno })
        })
    };
    let Some((last, above)) = parts.split_last() else {
        return step(from, ".", flags);
    };
    let through = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at: Option<OwnedFd> = None;
    for part in above {
        let next = step(
            at.as_ref().map_or(from, std::os::fd::AsFd::as_fd),
            part,
            through,
        )?;
        at = Some(next);
    }
    step(
        at.as_ref().map_or(from, std::os::fd::AsFd::as_fd),
        last,
        flags,
    )
}
