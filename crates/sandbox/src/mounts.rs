//! Making the mounts of a plan, and a root of them.
//!
//! A new root is built on a folder in memory, below `/tmp`, out of what was opened before; then it takes the place of the old one,
//! which is gone for this process and all that it starts. Every step on the way to a place in the new root is taken without following
//! links: a private HOME holds what an earlier process left there.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsStr};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fd::{AsRawFd as _, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags, mkdirat, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};
use rustix::thread::UnshareFlags;

use crate::mount_table::parse_mounts;
use crate::namespaces::unshare;
use crate::plan::{Access, Kind, Look, Mount, What, deepest};

/// Where the new root is built; everything of the old one was opened before.
const STAGE: &str = "/tmp";
/// Files of which a process may have many open.
const PATH_ONLY: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// What could not be made as planned, though the rest was.
#[derive(Debug, Default)]
pub(crate) struct Shortfalls {
    /// Caches that can only be read, with why.
    pub(crate) caches: Vec<(PathBuf, io::Error)>,
    /// `/proc` shows the processes of the machine, with why.
    pub(crate) processes: Option<io::Error>,
    /// What should be read-only and is not, if Landlock does not keep it so.
    pub(crate) writable: Vec<(PathBuf, io::Error)>,
}

/// It failed.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Whether a lower level will do: the kernel does not give it, and the root is still the old one. What a run left behind must never
    /// lower the level of the next one.
    pub(crate) may_do_without: bool,
    /// What was to be done.
    pub(crate) doing: String,
    /// What the system said.
    pub(crate) error: io::Error,
}

impl Failed {
    fn refused(doing: impl Into<String>, error: impl Into<io::Error>) -> Self {
        Self {
            may_do_without: true,
            doing: doing.into(),
            error: error.into(),
        }
    }

    fn broken(doing: impl Into<String>, error: impl Into<io::Error>) -> Self {
        Self {
            may_do_without: false,
            ..Self::refused(doing, error)
        }
    }
}

/// Why a mount could not be made.
enum Trouble {
    /// The kernel refused it.
    Refused(io::Error),
    /// There is no place for it.
    NoPlace(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Refused(error)
    }
}

/// Looks at the machine itself.
pub(crate) struct Machine;

impl Look for Machine {
    fn kind(&self, path: &Path) -> Option<Kind> {
        let found = fs::symlink_metadata(path).ok()?.file_type();
        if found.is_symlink() {
            return fs::read_link(path).ok().map(Kind::Link);
        }
        Some(if found.is_dir() {
            Kind::Folder
        } else {
            Kind::File
        })
    }

    fn children(&self, folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    fn private_below(&self, folder: &Path) -> Vec<PathBuf> {
        let mut private = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let Ok(found) = entry.metadata() else {
                    continue;
                };
                let needed = if found.is_dir() { 0o5 } else { 0o4 };
                if !found.is_symlink() && found.mode() & needed != needed {
                    private.push(entry.path());
                } else if found.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        private
    }
}

/// Finds the terminal that this process has open, if its path leads to it: a container may have that of the machine.
pub(crate) fn terminal() -> Option<PathBuf> {
    let open = fs::read_dir("/proc/self/fd").ok()?;
    open.flatten().find_map(|entry| {
        let path = fs::read_link(entry.path()).ok()?;
        if path.parent() != Some(Path::new("/dev/pts")) {
            return None;
        }
        let (held, found) = (
            fs::metadata(entry.path()).ok()?,
            fs::symlink_metadata(&path).ok()?,
        );
        ((held.dev(), held.ino()) == (found.dev(), found.ino())).then_some(path)
    })
}

/// Makes the mounts, and changes the root.
///
/// In the plan, a cache that could not be had as an overlay is a folder that is read from then on.
pub(crate) fn enter(plan: &mut [Mount]) -> Result<Shortfalls, Failed> {
    unshare(UnshareFlags::NEWNS).map_err(|errno| Failed::refused("unshare mounts", errno))?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(|errno| Failed::refused("make mounts private", errno))?;
    let sources = open_sources(plan)?;
    memory(Path::new(STAGE), c"mode=0755")
        .map_err(|error| Failed::refused(format!("mount on {STAGE}"), error))?;
    let shortfalls = build(plan, sources).inspect_err(|_| {
        let _ = unmount(STAGE, UnmountFlags::DETACH);
    })?;
    for mount in plan.iter_mut() {
        let failed = shortfalls.caches.iter().any(|(at, _)| *at == mount.at);
        if let (true, What::Overlay { lower, .. }) = (failed, &mount.what) {
            let (from, access) = (lower.clone(), Access::Read);
            mount.what = What::Bind { from, access };
        }
    }
    freeze(plan, shortfalls)
}

/// A file of the machine, by the number of its open handle: right whatever is mounted over its path later.
fn by_number(handle: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()))
}

fn build(plan: &[Mount], sources: BTreeMap<PathBuf, OwnedFd>) -> Result<Shortfalls, Failed> {
    let stage = openat(CWD, STAGE, PATH_ONLY | OFlags::DIRECTORY, Mode::empty())
        .map_err(|errno| Failed::refused("open /tmp", errno))?;
    let at_stage = |name: &str| Path::new(STAGE).join(name);
    fs::create_dir(at_stage("root")).map_err(|error| Failed::refused("make a root", error))?;
    fs::write(at_stage("empty"), "")
        .map_err(|error| Failed::refused("make an empty file", error))?;
    memory(&at_stage("root"), c"mode=0755")
        .map_err(|error| Failed::refused("mount a root", error))?;
    let open_staged = |name: &str| {
        openat(&stage, name, PATH_ONLY, Mode::empty()).map_err(|errno| Failed::refused(name, errno))
    };
    let mut builder = Builder {
        sources,
        empty: open_staged("empty")?,
        root: open_staged("root")?,
        stage,
        shortfalls: Shortfalls::default(),
        uppers: 0,
    };
    for mount in plan {
        let doing = || format!("mount {}", mount.at.display());
        builder.make(mount).map_err(|trouble| match trouble {
            Trouble::Refused(error) => Failed::refused(doing(), error),
            Trouble::NoPlace(error) => Failed::broken(doing(), error),
        })?;
    }
    rustix::process::fchdir(&builder.root)
        .map_err(|errno| Failed::refused("go to the root", errno))?;
    rustix::process::pivot_root(".", ".")
        .map_err(|errno| Failed::refused("change the root", errno))?;
    Ok(builder.shortfalls)
}

fn open_sources(plan: &[Mount]) -> Result<BTreeMap<PathBuf, OwnedFd>, Failed> {
    let broken = |path: &Path| {
        let doing = format!("open {}", path.display());
        move |error: io::Error| Failed::broken(doing, error)
    };
    let mut sources = BTreeMap::new();
    for mount in plan {
        let from = match &mount.what {
            What::Bind { from, .. } => from,
            What::Overlay { lower, upper } => {
                let folders = upper.as_deref().map(upper_folders);
                if let Some([_, work]) = &folders {
                    // It holds the mark of a volatile overlay, which keeps the next one from being mounted.
                    let _ = fs::remove_dir_all(work);
                }
                for folder in folders.into_iter().flatten() {
                    let opened = fs::create_dir_all(&folder).and_then(|()| open(&folder));
                    sources.insert(folder.clone(), opened.map_err(broken(&folder))?);
                }
                lower
            }
            What::Processes => Path::new("/proc"),
            _ => continue,
        };
        sources.insert(from.to_owned(), open(from).map_err(broken(from))?);
    }
    Ok(sources)
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(
        CWD,
        path,
        PATH_ONLY | OFlags::NOFOLLOW,
        Mode::empty(),
    )?)
}

/// What is written in a cache, and the folder that overlayfs works in.
fn upper_folders(upper: &Path) -> [PathBuf; 2] {
    [upper.join("upper"), upper.join("work")]
}

fn memory(target: &Path, options: &CStr) -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    Ok(mount("hyperion", target, "tmpfs", flags, options)?)
}

fn bind(source: &OwnedFd, target: &OwnedFd) -> io::Result<()> {
    Ok(mount_bind_recursive(by_number(source), by_number(target))?)
}

struct Builder {
    sources: BTreeMap<PathBuf, OwnedFd>,
    stage: OwnedFd,
    root: OwnedFd,
    empty: OwnedFd,
    shortfalls: Shortfalls,
    /// How many caches write into memory.
    uppers: usize,
}

impl Builder {
    fn make(&mut self, mount: &Mount) -> Result<(), Trouble> {
        match &mount.what {
            What::Bind { from, .. } => {
                let source = self.source(from)?;
                let target = place(&self.root, &mount.at, is_folder(source)?)?;
                Ok(bind(source, &target)?)
            }
            What::Frozen => match find(&self.root, &mount.at) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                found => found
                    .and_then(|target| bind(&target, &target))
                    .map_err(Trouble::Refused),
            },
            What::Memory => self.memory(mount, c"mode=1777"),
            What::Frame | What::EmptyFolder => self.memory(mount, c"mode=0755"),
            What::EmptyFile => {
                let target = place(&self.root, &mount.at, false)?;
                Ok(bind(&self.empty, &target)?)
            }
            What::Link { to } => link(&self.root, &mount.at, to),
            What::Terminals => {
                let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
                let options = c"newinstance,ptmxmode=0666,mode=620";
                Ok(mount_new(
                    "devpts",
                    &place(&self.root, &mount.at, true)?,
                    flags,
                    options,
                )?)
            }
            What::Processes => {
                let flags = MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::NODEV;
                let target = place(&self.root, &mount.at, true)?;
                match mount_new("proc", &target, flags, c"") {
                    Ok(()) => Ok(()),
                    Err(error) => {
                        self.shortfalls.processes = Some(error);
                        Ok(bind(self.source(&mount.at)?, &target)?)
                    }
                }
            }
            What::Overlay { lower, upper } => {
                let target = place(&self.root, &mount.at, true)?;
                let Err(error) = self.overlay(lower, upper.as_deref(), &target) else {
                    return Ok(());
                };
                self.shortfalls.caches.push((mount.at.clone(), error));
                Ok(bind(self.source(lower)?, &target)?)
            }
        }
    }

    fn memory(&self, mount: &Mount, options: &CStr) -> Result<(), Trouble> {
        let target = place(&self.root, &mount.at, true)?;
        Ok(memory(&by_number(&target), options)?)
    }

    fn source(&self, path: &Path) -> io::Result<&OwnedFd> {
        let missing = || io::Error::other(format!("{} was not opened", path.display()));
        self.sources.get(path).ok_or_else(missing)
    }

    fn overlay(&mut self, lower: &Path, upper: Option<&Path>, target: &OwnedFd) -> io::Result<()> {
        let (upper, work) = if let Some(upper) = upper {
            let [upper, work] = upper_folders(upper);
            (
                self.source(&upper)?.try_clone()?,
                self.source(&work)?.try_clone()?,
            )
        } else {
            self.uppers += 1;
            let folder = PathBuf::from(format!("/cache{}", self.uppers));
            let [upper, work] = upper_folders(&folder);
            (
                reach(&self.stage, &upper, true)?,
                reach(&self.stage, &work, true)?,
            )
        };
        // Volatile: without it the end of every run waits until the whole disk is written.
        let options = format!(
            "userxattr,volatile,lowerdir={},upperdir={},workdir={}",
            by_number(self.source(lower)?).display(),
            by_number(&upper).display(),
            by_number(&work).display()
        );
        let options = CString::new(options).map_err(io::Error::other)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount_new("overlay", target, flags, &options)
    }
}

fn mount_new(kind: &str, target: &OwnedFd, flags: MountFlags, options: &CStr) -> io::Result<()> {
    Ok(mount("hyperion", by_number(target), kind, flags, options)?)
}

fn is_folder(handle: &OwnedFd) -> io::Result<bool> {
    let mode = rustix::fs::fstat(handle)?.st_mode;
    Ok(FileType::from_raw_mode(mode) == FileType::Directory)
}

/// The names on the way from the root to a place.
fn names(at: &Path) -> Vec<&OsStr> {
    at.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect()
}

/// Opens the place for a mount, and makes it where nothing is.
fn place(root: &OwnedFd, at: &Path, folder: bool) -> Result<OwnedFd, Trouble> {
    reach(root, at, folder).map_err(Trouble::NoPlace)
}

fn reach(root: &OwnedFd, at: &Path, folder: bool) -> io::Result<OwnedFd> {
    let names = names(at);
    let mut here = root.try_clone()?;
    for (index, name) in names.iter().enumerate() {
        let last = index + 1 == names.len();
        let open = || openat(&here, *name, PATH_ONLY | OFlags::NOFOLLOW, Mode::empty());
        let next = match open() {
            Err(Errno::NOENT) if last && !folder => {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                openat(&here, *name, flags, Mode::from_raw_mode(0o644))?;
                open()?
            }
            Err(Errno::NOENT) => {
                mkdirat(&here, *name, Mode::from_raw_mode(0o755))?;
                open()?
            }
            found => found?,
        };
        if is_folder(&next)? != (folder || !last) {
            return Err(io::Error::other(format!(
                "something else is in the way at {}",
                Path::new(name).display()
            )));
        }
        here = next;
    }
    Ok(here)
}

/// Opens what is there.
fn find(root: &OwnedFd, at: &Path) -> io::Result<OwnedFd> {
    let mut here = root.try_clone()?;
    for name in names(at) {
        here = openat(&here, name, PATH_ONLY | OFlags::NOFOLLOW, Mode::empty())?;
    }
    Ok(here)
}

fn link(root: &OwnedFd, at: &Path, to: &Path) -> Result<(), Trouble> {
    let (Some(folder), Some(name)) = (at.parent(), at.file_name()) else {
        return Ok(());
    };
    match symlinkat(to, &place(root, folder, true)?, name) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(Trouble::NoPlace(errno.into())),
    }
}

/// Lets the old root go, and makes read-only what nobody may write.
fn freeze(plan: &[Mount], mut shortfalls: Shortfalls) -> Result<Shortfalls, Failed> {
    // Here is the new root, and over it the old one.
    unmount(".", UnmountFlags::DETACH)
        .map_err(|errno| Failed::broken("let the old root go", errno))?;
    rustix::process::chdir("/").map_err(|errno| Failed::broken("go to the root", errno))?;
    let table =
        fs::read("/proc/self/mountinfo").map_err(|error| Failed::broken("read mounts", error))?;
    for mounted in parse_mounts(&table) {
        // The root itself is in no plan.
        if !mounted.read_only
            && deepest(plan, &mounted.at).is_none_or(|mount| mount.what.is_read_only())
        {
            let flags = MountFlags::BIND | MountFlags::RDONLY | mounted.flags;
            if let Err(errno) = mount_remount(&mounted.at, flags, "") {
                shortfalls.writable.push((mounted.at, errno.into()));
            }
        }
    }
    Ok(shortfalls)
}
