//! One folder, by its handle.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::resolve::Resolver;
use super::{BeneathError, FOLDER};

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A pipe, a socket or a device.
    Other,
}

impl Kind {
    /// Its name, for people, with its article.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Folder => "a folder",
            Self::Link => "a symbolic link",
            Self::Other => "a pipe, a socket or a device",
        }
    }

    const fn of(file_type: FileType) -> Self {
        match file_type {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Folder,
            FileType::Symlink => Self::Link,
            _ => Self::Other,
        }
    }
}

/// A file's content, with what the system says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name; what is not UTF-8 in it is replaced.
    pub name: String,
    /// It can be given as a part of a path: it is UTF-8.
    pub nameable: bool,
    /// What it names.
    pub kind: Kind,
}

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

impl Folder {
    pub(super) const fn new(handle: OwnedFd) -> Self {
        Self(handle)
    }

    pub(super) fn handle(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    pub(super) fn stat(&self, name: &str, path: &str) -> Result<Stat, BeneathError> {
        rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| BeneathError::of(path, errno))
    }

    pub(super) fn kind(&self, name: &str, path: &str) -> Result<Kind, BeneathError> {
        Ok(kind_of(&self.stat(name, path)?))
    }

    /// Refuses all but a regular file.
    pub(super) fn require_file(&self, name: &str, path: &str) -> Result<Stat, BeneathError> {
        let stat = self.stat(name, path)?;
        match kind_of(&stat) {
            Kind::File => Ok(stat),
            Kind::Link => Err(BeneathError::Link {
                path: path.to_owned(),
            }),
            kind => Err(BeneathError::NotAFile {
                path: path.to_owned(),
                kind,
            }),
        }
    }

    pub(super) fn read(
        &self,
        name: &str,
        path: &str,
        max_bytes: u64,
    ) -> Result<Found, BeneathError> {
        // Look before opening: opening a device can have an effect.
        self.require_file(name, path)?;
        // A pipe that took its place meanwhile does not hold us up.
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.0, name, flags, Mode::empty())
            .map_err(|errno| BeneathError::of(path, errno))?;
        let stat = rustix::fs::fstat(&opened).map_err(|errno| BeneathError::of(path, errno))?;
        if kind_of(&stat) != Kind::File {
            return Err(BeneathError::NotAFile {
                path: path.to_owned(),
                kind: kind_of(&stat),
            });
        }
        let too_large = || BeneathError::TooLarge {
            path: path.to_owned(),
            max_bytes,
        };
        let len = u64::try_from(stat.st_size).unwrap_or(0);
        if len > max_bytes {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
        // The size is not trusted: the file may grow while it is read.
        File::from(opened)
            .take(max_bytes.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|source| BeneathError::Io {
                path: path.to_owned(),
                source,
            })?;
        if bytes.len() as u64 > max_bytes {
            return Err(too_large());
        }
        Ok(Found {
            bytes,
            mode: stat.st_mode & 0o7777,
        })
    }

    pub(super) fn list(&self, path: &str, max: usize) -> Result<(Vec<Listed>, bool), BeneathError> {
        let failed = |errno| BeneathError::of(path, errno);
        let mut names = Vec::new();
        let mut more = false;
        for entry in Dir::read_from(&self.0).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let bytes = entry.file_name().to_bytes();
            if matches!(bytes, b"." | b"..") {
                continue;
            }
            if names.len() >= max {
                more = true;
                break;
            }
            let kind = match entry.file_type() {
                // Not every file system tells it with the name.
                FileType::Unknown => {
                    match rustix::fs::statat(&self.0, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
                    {
                        Ok(stat) => kind_of(&stat),
                        Err(Errno::NOENT) => continue,
                        Err(errno) => return Err(failed(errno)),
                    }
                }
                known => Kind::of(known),
            };
            let name = String::from_utf8_lossy(bytes);
            names.push(Listed {
                nameable: name.as_bytes() == bytes,
                name: name.into_owned(),
                kind,
            });
        }
        names.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((names, more))
    }

    pub(super) fn enter_or_make(
        &self,
        resolver: &Resolver,
        name: &str,
        path: &str,
    ) -> Result<Self, BeneathError> {
        let enter = || resolver.open(self.handle(), &[name], path, FOLDER);
        match enter() {
            Err(BeneathError::Missing { .. }) => {}
            entered => return entered.map(Self),
        }
        match rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o777)) {
            Ok(()) => rustix::fs::fsync(&self.0).map_err(|errno| BeneathError::of(path, errno))?,
            // Somebody else created something there; opening it below shows whether it is a folder.
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(BeneathError::of(path, errno)),
        }
        enter().map(Self)
    }
}

pub(super) fn kind_of(stat: &Stat) -> Kind {
    Kind::of(FileType::from_raw_mode(stat.st_mode))
}
