//! Which mounts make what a process sees: the wish as a list, in the order in which they are made.
//!
//! Nothing here touches the system but [`Look`], which tests replace.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::enter::EnterError;
use crate::spec::{Network, Sandbox};

/// The most entries of a plan.
const MOUNTS_MAX: usize = 4096;
/// The most links on the way to a file; Linux allows as many.
const LINKS_MAX: usize = 40;

/// The folders of the system: read, and what is in them run.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/nix",
    "/gnu",
    "/run/current-system",
    "/var/lib/ca-certificates",
    "/var/lib/dpkg",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
];
/// Devices that hold nothing.
pub(crate) const DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
];
/// What programs expect beside them.
const DEVICE_LINKS: &[(&str, &str)] = &[
    ("/dev/ptmx", "pts/ptmx"),
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
];
/// Switches of the whole machine: root may turn them even without capabilities.
const SWITCHES: &[&str] = &[
    "/proc/sys",
    "/proc/sysrq-trigger",
    "/proc/irq",
    "/proc/bus",
    "/proc/fs",
    "/proc/acpi",
    "/proc/mtrr",
    "/proc/scsi",
    "/proc/asound",
    "/proc/driver",
];
/// What root may read of the machine there.
const PROC_SECRETS: &[&str] = &["/proc/kcore", "/proc/keys", "/proc/timer_list"];

/// What may be done below a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A file or folder of the machine, with everything mounted below it.
    Bind { from: PathBuf, access: Access },
    /// What is there already, read-only.
    Frozen,
    /// An empty folder in memory.
    Memory,
    /// An empty folder in memory that holds mounts only.
    Frame,
    /// A folder of the machine; what is written goes elsewhere.
    Overlay {
        lower: PathBuf,
        upper: Option<PathBuf>,
    },
    /// A link, unless something is there.
    Link { to: PathBuf },
    /// An empty file that nobody writes.
    EmptyFile,
    /// An empty folder that nobody writes in.
    EmptyFolder,
    /// The processes of this pid namespace.
    Processes,
    /// Terminals of its own.
    Terminals,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) at: PathBuf,
    pub(crate) what: What,
}

/// What a path is, without following a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Folder,
    File,
    Link(PathBuf),
}

/// How paths of the machine are looked at.
pub(crate) trait Look {
    fn kind(&self, path: &Path) -> Option<Kind>;

    /// What is in a folder.
    fn children(&self, folder: &Path) -> Vec<PathBuf>;

    /// Files and folders below a folder that not everybody may read.
    fn private_below(&self, folder: &Path) -> Vec<PathBuf>;
}

/// Facts about the process that decide about the plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// It is root outside, too.
    pub(crate) is_root: bool,
    /// It has a network of its own.
    pub(crate) own_network: bool,
    /// The terminal it was given, which is none of its own: `tty` finds it as `/dev/console`.
    pub(crate) terminal: Option<PathBuf>,
}

/// Which of several wishes for the same path holds: the later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Link,
    Default,
    Read,
    Home,
    Cache,
    Write,
    Mask,
    Fixed,
}

/// Makes the plan: parents come before what is below them.
pub(crate) fn plan(
    wish: &Sandbox,
    facts: &Facts,
    look: &dyn Look,
) -> Result<Vec<Mount>, EnterError> {
    let mut draft = Draft {
        look,
        entries: BTreeMap::new(),
    };
    draft.system(facts);
    let Sandbox {
        level: _,
        network: _,
        read,
        write,
        home,
        person_home,
        caches,
        masks,
        socket_folder,
        is_required: _,
    } = wish;
    let written = written(wish, look);
    for path in read {
        // What does not exist is left out, and what a run could have led elsewhere.
        check("read", path)?;
        if !leads_through(path, &written, look) {
            draft.bind("read", path, Access::Read, Rank::Read)?;
        }
    }
    draft.home(home.as_deref(), person_home.as_deref())?;
    for cache in caches {
        check("caches", &cache.path)?;
        if leads_through(&cache.path, &written, look) {
            continue;
        }
        if let Some(lower) = draft.resolve(&cache.path) {
            let what = match look.kind(&lower) {
                Some(Kind::Folder) => What::Overlay {
                    lower: lower.clone(),
                    upper: cache.upper.clone(),
                },
                // Overlays are of folders.
                _ => What::Bind {
                    from: lower.clone(),
                    access: Access::Read,
                },
            };
            draft.add(lower, Rank::Cache, what);
        }
    }
    for path in write {
        check("write", path)?;
        if leads_through(path, &written, look) {
            return Err(EnterError(format!(
                "write: {} leads through a link in a folder that is written itself: name what it leads to",
                path.display()
            )));
        }
        if !draft.bind("write", path, Access::Write, Rank::Write)? {
            return Err(missing("write", path));
        }
    }
    if let Some(folder) = socket_folder {
        check("socket_folder", folder)?;
        let from = draft
            .resolve(folder)
            .ok_or_else(|| missing("socket_folder", folder))?;
        let access = Access::Read;
        draft.add(
            Sandbox::SOCKET_FOLDER.into(),
            Rank::Fixed,
            What::Bind { from, access },
        );
    }
    for path in masks {
        check("masks", path)?;
        draft.mask(path);
    }
    for (cache, mask) in caches
        .iter()
        .flat_map(|cache| cache.masks.iter().map(move |mask| (cache, mask)))
    {
        let path = cache.path.join(mask);
        check("caches.masks", &path)?;
        draft.mask(&path);
    }
    draft.finish()
}

/// The folders in which an earlier run may have left anything.
pub(crate) fn written(wish: &Sandbox, look: &dyn Look) -> Vec<PathBuf> {
    let folders = wish.write.iter().chain(&wish.home);
    folders
        .filter_map(|path| Some(resolve(path, look)?.0))
        .filter(|real| real != Path::new("/"))
        .collect()
}

/// Whether a path goes through a link in one of these folders: a run could have made it, to be given what it leads to.
pub(crate) fn leads_through(path: &Path, folders: &[PathBuf], look: &dyn Look) -> bool {
    resolve(path, look).is_some_and(|(_, links)| {
        links
            .iter()
            .any(|(at, _)| folders.iter().any(|folder| at.starts_with(folder)))
    })
}

/// The folders of the system and the files of Linux's own that a process sees where nothing is mounted for it.
pub(crate) fn system_folders() -> impl Iterator<Item = &'static Path> {
    SYSTEM.iter().map(Path::new)
}

/// Where the names of hosts are looked up, if that is elsewhere than in a folder of the system.
pub(crate) fn resolver(look: &dyn Look) -> Option<PathBuf> {
    let (real, _) = resolve(Path::new("/etc/resolv.conf"), look)?;
    (!real.starts_with("/etc")).then_some(real)
}

struct Draft<'a> {
    look: &'a dyn Look,
    /// By path, and components compare one by one: a folder comes before what is below it.
    entries: BTreeMap<PathBuf, (Rank, What)>,
}

impl Draft<'_> {
    fn add(&mut self, at: PathBuf, rank: Rank, what: What) {
        let held = self.entries.get(&at).map(|(rank, _)| Reverse(*rank));
        if held.is_none_or(|Reverse(held)| held <= rank) {
            self.entries.insert(at, (rank, what));
        }
    }

    /// Finds what a path leads to, and remembers the links on the way.
    fn resolve(&mut self, path: &Path) -> Option<PathBuf> {
        let (real, links) = resolve(path, self.look)?;
        for (at, to) in links {
            self.add(at, Rank::Link, What::Link { to });
        }
        Some(real)
    }

    /// Tells whether the path exists.
    fn bind(
        &mut self,
        field: &str,
        path: &Path,
        access: Access,
        rank: Rank,
    ) -> Result<bool, EnterError> {
        check(field, path)?;
        let Some(from) = self.resolve(path) else {
            return Ok(false);
        };
        check(field, &from)?;
        self.add(from.clone(), rank, What::Bind { from, access });
        Ok(true)
    }

    fn system(&mut self, facts: &Facts) {
        let read = |from: PathBuf| What::Bind {
            from,
            access: Access::Read,
        };
        for path in SYSTEM {
            if let Some(from) = self.resolve(Path::new(path)) {
                self.add(from.clone(), Rank::Default, read(from));
            }
        }
        if !facts.own_network
            && let Some(from) = resolver(self.look)
        {
            self.add(from.clone(), Rank::Default, read(from));
        }
        self.add("/proc".into(), Rank::Fixed, What::Processes);
        if facts.is_root {
            // Hyperion may run as root: a process sees of the system what anybody else would see.
            for path in self.look.private_below(Path::new("/etc")) {
                self.mask(&path);
            }
            for path in SWITCHES.iter().map(Path::new) {
                if self.look.kind(path).is_some() {
                    self.add(path.into(), Rank::Fixed, What::Frozen);
                }
            }
            for path in PROC_SECRETS.iter().map(Path::new) {
                if self.look.kind(path).is_some() {
                    self.add(path.into(), Rank::Fixed, What::EmptyFile);
                }
            }
        }
        self.add("/dev".into(), Rank::Fixed, What::Frame);
        for path in DEVICES.iter().map(Path::new) {
            if self.look.kind(path).is_some() {
                let access = Access::Write;
                let from = path.to_owned();
                self.add(from.clone(), Rank::Fixed, What::Bind { from, access });
            }
        }
        for (at, to) in DEVICE_LINKS {
            self.add(at.into(), Rank::Fixed, What::Link { to: to.into() });
        }
        self.add("/dev/pts".into(), Rank::Fixed, What::Terminals);
        if let Some(from) = facts.terminal.clone() {
            let access = Access::Write;
            self.add(
                "/dev/console".into(),
                Rank::Fixed,
                What::Bind { from, access },
            );
        }
        self.add("/dev/shm".into(), Rank::Default, What::Memory);
        for path in ["/tmp", "/var/tmp"].map(Path::new) {
            let at = self.resolve(path).unwrap_or_else(|| path.to_owned());
            self.add(at, Rank::Default, What::Memory);
        }
    }

    fn home(&mut self, home: Option<&Path>, person: Option<&Path>) -> Result<(), EnterError> {
        let person = person.filter(|path| *path != Path::new("/"));
        let at = match person {
            Some(person) => {
                check("person_home", person)?;
                Some(self.resolve(person).unwrap_or_else(|| person.to_owned()))
            }
            None => None,
        };
        let what = match home {
            None => What::Memory,
            Some(home) => {
                check("home", home)?;
                let from = self.resolve(home).ok_or_else(|| missing("home", home))?;
                let access = Access::Write;
                if at.is_none() {
                    self.add(from.clone(), Rank::Home, What::Bind { from, access });
                    return Ok(());
                }
                What::Bind { from, access }
            }
        };
        if let Some(at) = at {
            self.add(at, Rank::Home, what);
        }
        Ok(())
    }

    fn mask(&mut self, path: &Path) {
        let Some((real, _)) = resolve(path, self.look) else {
            return;
        };
        match self.look.kind(&real) {
            Some(Kind::Folder) => self.add(real, Rank::Mask, What::EmptyFolder),
            Some(Kind::File) => self.add(real, Rank::Mask, What::EmptyFile),
            Some(Kind::Link(_)) | None => {}
        }
    }

    /// Leaves out what says nothing new.
    fn finish(self) -> Result<Vec<Mount>, EnterError> {
        let is_read =
            |what: &What| matches!(what, What::Bind { access, .. } if *access == Access::Read);
        let read: Vec<PathBuf> = self
            .entries
            .iter()
            .filter(|(_, (_, what))| is_read(what))
            .map(|(at, _)| at.clone())
            .collect();
        let mut kept: BTreeMap<PathBuf, What> = BTreeMap::new();
        for (at, (_, what)) in self.entries {
            let above = at
                .ancestors()
                .skip(1)
                .find_map(|above| Some((above, kept.get(above)?)));
            // Below a folder that is seen as it is on the machine.
            let as_it_is = match above {
                Some((above, What::Bind { from, .. })) => above == from,
                Some((_, What::Overlay { .. } | What::Processes)) => true,
                _ => false,
            };
            let needed = match &what {
                What::Link { .. } => !as_it_is,
                What::EmptyFile | What::EmptyFolder => as_it_is,
                What::Bind { from, access } => {
                    let held = above.map(|(_, what)| what);
                    let same =
                        matches!(held, Some(What::Bind { access: held, .. }) if held == access);
                    // A folder that is no mount could be renamed, and another one put in the place of what is only read in it.
                    let holds = read.iter().any(|path| *path != at && path.starts_with(&at));
                    !(as_it_is && same && *from == at) || (holds && *access == Access::Write)
                }
                _ => true,
            };
            // What is below a mask stays hidden, unless somebody wishes to see it.
            if needed {
                kept.insert(at, what);
            }
        }
        if kept.len() > MOUNTS_MAX {
            return Err(EnterError(format!(
                "{} files and folders are named, more than {MOUNTS_MAX}: name folders instead of what is in them",
                kept.len()
            )));
        }
        Ok(kept
            .into_iter()
            .map(|(at, what)| Mount { at, what })
            .collect())
    }
}

/// The most specific entry that a path is below of.
pub(crate) fn deepest<'a>(plan: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    path.ancestors()
        .find_map(|above| plan.iter().find(|mount| mount.at == above))
}

impl What {
    /// Whether nobody writes there.
    pub(crate) fn is_read_only(&self) -> bool {
        match self {
            Self::Bind { access, .. } => *access == Access::Read,
            Self::Frozen | Self::Frame | Self::EmptyFile | Self::EmptyFolder => true,
            Self::Memory
            | Self::Overlay { .. }
            | Self::Link { .. }
            | Self::Processes
            | Self::Terminals => false,
        }
    }
}

/// Whether a process of this wish has a network of its own, if the kernel gives it.
pub(crate) fn wants_own_network(wish: &Sandbox) -> bool {
    wish.network != Network::On
}

fn check(field: &str, path: &Path) -> Result<(), EnterError> {
    let plain = path.is_absolute()
        && path
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !plain {
        return Err(EnterError(format!(
            "{field}: {} is no absolute path without `..`",
            path.display()
        )));
    }
    if path == Path::new("/") {
        return Err(EnterError(format!(
            "{field}: `/` is the whole machine: name folders, or take the level `partial` or `off`"
        )));
    }
    Ok(())
}

fn missing(field: &str, path: &Path) -> EnterError {
    EnterError(format!(
        "{field}: {} does not exist: create it first",
        path.display()
    ))
}

/// A link, and where it points.
type LinkTo = (PathBuf, PathBuf);

/// Follows the links of a path; nothing if it does not exist.
pub(crate) fn resolve(path: &Path, look: &dyn Look) -> Option<(PathBuf, Vec<LinkTo>)> {
    let mut links = Vec::new();
    let mut real = PathBuf::from("/");
    let mut rest: Vec<_> = parts(path);
    while let Some(part) = rest.pop() {
        if part == ".." {
            real.pop();
            continue;
        }
        let next = real.join(&part);
        match look.kind(&next)? {
            Kind::Link(to) => {
                if links.len() == LINKS_MAX {
                    return None;
                }
                rest.extend(parts(&to));
                if to.is_absolute() {
                    real = PathBuf::from("/");
                }
                links.push((next, to));
            }
            Kind::Folder | Kind::File => real = next,
        }
    }
    Some((real, links))
}

/// The components of a path, the last one first.
fn parts(path: &Path) -> Vec<std::ffi::OsString> {
    path.components()
        .rev()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect()
}

#[cfg(test)]
mod tests;
