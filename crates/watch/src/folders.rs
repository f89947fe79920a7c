//! The folders that are watched, one kernel watch each, and what the kernel says about them.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::inotify::{
    CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init, remove_watch,
};
use rustix::io::Errno;

use crate::ignored::Ignored;
use crate::pending::Pending;
use crate::{Depth, Kind, Limits, Unwatched};

/// What is asked of the kernel. Not that files are opened or read: builds do that all the time.
const ASKED: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ONLYDIR)
    .union(WatchFlags::DONT_FOLLOW);

/// Room for what the kernel says in one go.
const BUFFER: usize = 16 * 1024;

/// A folder with a watch.
#[derive(Debug, Clone)]
struct Folder {
    path: PathBuf,
    root: Rc<Path>,
    depth: Depth,
}

/// How a root is watched: in so many folders, or why not.
pub(crate) type States = BTreeMap<PathBuf, Result<usize, Unwatched>>;

#[derive(Debug)]
pub(crate) struct Folders {
    kernel: OwnedFd,
    limits: Limits,
    folders: HashMap<i32, Folder>,
    ignored: Ignored,
    roots: BTreeMap<PathBuf, (Depth, Result<(), Unwatched>)>,
    pub(crate) pending: Pending,
}

impl Folders {
    pub(crate) fn new(limits: Limits) -> std::io::Result<Self> {
        Ok(Self {
            kernel: init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?,
            limits,
            folders: HashMap::new(),
            ignored: Ignored::default(),
            roots: BTreeMap::new(),
            pending: Pending::default(),
        })
    }

    /// What becomes readable once the kernel has something to say.
    pub(crate) fn kernel(&self) -> BorrowedFd<'_> {
        self.kernel.as_fd()
    }

    /// Watches these roots and no others; tries again those that could not be watched.
    pub(crate) fn set_roots(&mut self, wanted: &BTreeMap<PathBuf, Depth>) {
        let is_kept = |root: &PathBuf, (depth, state): &(Depth, Result<(), Unwatched>)| {
            state.is_ok() && wanted.get(root) == Some(depth)
        };
        let gone = self
            .roots
            .iter()
            .filter(|(root, state)| !is_kept(root, state));
        let gone: Vec<PathBuf> = gone.map(|(root, _)| root.clone()).collect();
        for root in gone {
            self.roots.remove(&root);
            self.leave(|folder| *folder.root == *root);
        }
        for (root, depth) in wanted {
            if !self.roots.contains_key(root) {
                let watched = self.enter(root, &Rc::from(root.as_path()), *depth, false);
                if watched.is_err() {
                    self.leave(|folder| *folder.root == **root);
                }
                self.roots.insert(root.clone(), (*depth, watched));
            }
        }
    }

    pub(crate) fn states(&self) -> States {
        let mut counts: HashMap<&Path, usize> = HashMap::new();
        for folder in self.folders.values() {
            *counts.entry(&folder.root).or_default() += 1;
        }
        let count = |root: &PathBuf| counts.get(root.as_path()).copied().unwrap_or(0);
        let roots = self.roots.iter();
        roots
            .map(|(root, (_, state))| (root.clone(), state.map(|()| count(root))))
            .collect()
    }

    /// Watches a folder, and those beneath it; `told` notes what is in them as new.
    fn enter(
        &mut self,
        folder: &Path,
        root: &Rc<Path>,
        depth: Depth,
        told: bool,
    ) -> Result<(), Unwatched> {
        let mut folders = vec![folder.to_path_buf()];
        while let Some(path) = folders.pop() {
            if self.folders.len() >= self.limits.folders {
                return Err(Unwatched::TooMany);
            }
            // Watched before it is read: what comes in between is told twice rather than not at all.
            match add_watch(&self.kernel, &path, ASKED) {
                Ok(watch) => {
                    let root = Rc::clone(root);
                    let path = path.clone();
                    self.folders.insert(watch, Folder { path, root, depth });
                }
                Err(Errno::NOSPC) => return Err(Unwatched::Exhausted),
                // Gone meanwhile, or not to be read: of the root it is the answer.
                Err(errno) if path == **root => {
                    return Err(Unwatched::Unreadable(std::io::Error::from(errno).kind()));
                }
                Err(_) => continue,
            }
            if depth == Depth::Folder {
                break;
            }
            for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let path = entry.path();
                if self.is_left_out(root, &path, is_folder) {
                    continue;
                }
                if is_folder {
                    folders.push(path);
                } else if told {
                    self.pending
                        .note(root, path, Kind::Created, self.limits.pending);
                }
            }
        }
        Ok(())
    }

    /// Tells whether a path is git's, another repository's, or left out by rules.
    fn is_left_out(&mut self, root: &Path, path: &Path, is_folder: bool) -> bool {
        path.file_name() == Some(OsStr::new(".git"))
            || (is_folder && path.join(".git").exists())
            || self.ignored.leaves_out(root, path, is_folder)
    }

    fn leave(&mut self, is_left: impl Fn(&Folder) -> bool) {
        let kernel = self.kernel.as_fd();
        self.folders.retain(|watch, folder| {
            let stays = !is_left(folder);
            if !stays {
                // One whose folder is gone is gone itself.
                let _ = remove_watch(kernel, *watch);
            }
            stays
        });
    }

    /// Reads all that the kernel has to say, and notes it.
    pub(crate) fn read(&mut self) {
        let Ok(kernel) = self.kernel.try_clone() else {
            return;
        };
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut reader = Reader::new(kernel, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => self.hear(
                    event.wd(),
                    event.events(),
                    event.file_name().map(std::ffi::CStr::to_bytes),
                ),
                Err(Errno::INTR) => {}
                // There is nothing more for now.
                Err(_) => return,
            }
        }
    }

    fn hear(&mut self, watch: i32, events: ReadFlags, name: Option<&[u8]>) {
        if events.contains(ReadFlags::QUEUE_OVERFLOW) {
            self.pending.miss();
            return;
        }
        if events.contains(ReadFlags::IGNORED) {
            if let Some(folder) = self.folders.remove(&watch)
                && *folder.path == *folder.root
            {
                // Whoever wants it watched finds it gone, and asks anew.
                self.roots.remove(&folder.path);
            }
            return;
        }
        let (Some(folder), Some(name)) = (self.folders.get(&watch).cloned(), name) else {
            return;
        };
        let Folder { path, root, depth } = folder;
        let path = path.join(OsStr::from_bytes(name));
        let is_folder = events.contains(ReadFlags::ISDIR);
        if name == b".gitignore" {
            self.ignored.forget();
        }
        if depth == Depth::Tree && self.is_left_out(&root, &path, is_folder) {
            return;
        }
        let kind = if events.intersects(ReadFlags::CREATE) {
            Kind::Created
        } else if events.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
            Kind::Removed
        } else {
            Kind::Modified
        };
        if !is_folder {
            self.pending.note(&root, path, kind, self.limits.pending);
            return;
        }
        if depth == Depth::Folder {
            return;
        }
        if events.contains(ReadFlags::MOVED_FROM) {
            // What was in it goes under another name, or is gone: one line says so.
            self.leave(|folder| folder.path.starts_with(&path));
            self.pending
                .note(&root, path, Kind::Removed, self.limits.pending);
        } else if events.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO)
            && let Err(why) = self.enter(&path, &root, depth, true)
        {
            self.pending.miss();
            self.leave(|folder| folder.root == root);
            self.roots.insert(root.to_path_buf(), (depth, Err(why)));
        }
    }
}
