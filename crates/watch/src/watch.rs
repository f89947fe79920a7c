//! The thread that listens.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

use crate::folders::{Folders, States};
use crate::{Depth, Heard, Limits, Unwatched};

enum Command {
    Roots(BTreeMap<PathBuf, Depth>),
    Flush(SyncSender<()>),
}

/// Listens to what changes beneath folders, until it is dropped.
#[derive(Debug)]
pub struct Watch {
    commands: Option<Sender<Command>>,
    /// Raised when there is a command.
    bell: Arc<OwnedFd>,
    states: Arc<Mutex<States>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts to listen; what is heard is given to `tell`, on a thread of its own.
    pub fn start(
        limits: Limits,
        tell: impl FnMut(Heard) + Send + 'static,
    ) -> std::io::Result<Self> {
        let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let states = Arc::<Mutex<States>>::default();
        let (commands, told) = mpsc::channel();
        let (begun, beginning) = sync_channel(1);
        let listener = (Arc::clone(&bell), Arc::clone(&states));
        let thread = std::thread::Builder::new()
            .name("files".to_owned())
            .spawn(move || {
                let (bell, states) = listener;
                match Folders::new(limits) {
                    Ok(folders) => {
                        let _ = begun.send(Ok(()));
                        let listener = Listener {
                            folders,
                            limits,
                            commands: told,
                            bell,
                            states,
                        };
                        listener.listen(tell);
                    }
                    Err(error) => {
                        let _ = begun.send(Err(error));
                    }
                }
            })?;
        let watch = Self {
            commands: Some(commands),
            bell,
            states,
            thread: Some(thread),
        };
        let ended = || Err(std::io::Error::other("the thread ended"));
        beginning.recv().unwrap_or_else(|_| ended())?;
        Ok(watch)
    }

    /// Listens to these folders from now on, and to no others.
    pub fn set_roots(&self, roots: BTreeMap<PathBuf, Depth>) {
        self.send(Command::Roots(roots));
    }

    /// Has everything told that happened before.
    pub fn flush(&self) {
        let (done, waiting) = sync_channel(1);
        self.send(Command::Flush(done));
        // An error means that nobody listens any more.
        let _ = waiting.recv();
    }

    /// Gives how each root is watched: in so many folders, or why not.
    #[must_use]
    pub fn states(&self) -> BTreeMap<PathBuf, Result<usize, Unwatched>> {
        let states = self.states.lock();
        states.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            let _ = commands.send(command);
        }
        self.ring();
    }

    fn ring(&self) {
        // It fails only where it rings already.
        let _ = rustix::io::write(&*self.bell, &1_u64.to_ne_bytes());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.commands = None;
        self.ring();
        if let Some(thread) = self.thread.take() {
            // A panic in there was printed.
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Listener {
    folders: Folders,
    limits: Limits,
    commands: Receiver<Command>,
    bell: Arc<OwnedFd>,
    states: Arc<Mutex<States>>,
}

impl Listener {
    fn listen(mut self, mut tell: impl FnMut(Heard)) {
        loop {
            if let Err(error) = self.wait() {
                tracing::warn!(%error, "nobody listens to changes of files any more");
                return;
            }
            self.folders.read();
            loop {
                match self.commands.try_recv() {
                    Ok(Command::Roots(roots)) => {
                        self.folders.set_roots(&roots);
                        self.show();
                    }
                    Ok(Command::Flush(done)) => {
                        self.folders.read();
                        if self.folders.pending.due(self.limits.quiet).is_some() {
                            tell(self.folders.pending.take());
                        }
                        let _ = done.send(());
                    }
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            let due = self.folders.pending.due(self.limits.quiet);
            if due.is_some_and(|due| due <= Instant::now()) {
                tell(self.folders.pending.take());
                self.show();
            }
        }
    }

    /// Waits until the kernel or somebody has something to say, or changes are to be told.
    fn wait(&self) -> Result<(), Errno> {
        let due = self.folders.pending.due(self.limits.quiet);
        let left = due.map(|due| due.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let mut polled = [
            PollFd::from_borrowed_fd(self.folders.kernel(), PollFlags::IN),
            PollFd::new(&*self.bell, PollFlags::IN),
        ];
        match poll(&mut polled, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        // It does not block; an error means that it did not ring.
        let _ = rustix::io::read(&*self.bell, &mut [0; 8]);
        Ok(())
    }

    fn show(&self) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        *states = self.folders.states();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;
    use crate::Kind;

    const LIMITS: Limits = Limits {
        folders: 10,
        pending: 100,
        quiet: Duration::from_millis(20),
    };

    fn watch(limits: Limits, root: &Path, depth: Depth) -> (Watch, Receiver<Heard>) {
        let (tells, told) = channel();
        let watch = Watch::start(limits, move |heard| {
            let _ = tells.send(heard);
        })
        .unwrap();
        watch.set_roots(BTreeMap::from([(root.to_path_buf(), depth)]));
        watch.flush();
        (watch, told)
    }

    fn heard(watch: &Watch, told: &Receiver<Heard>, root: &Path) -> Vec<(String, Kind)> {
        watch.flush();
        let changes = told.try_iter().flat_map(|heard| heard.changes);
        let name = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
        changes
            .map(|change| (name(&change.path), change.kind))
            .collect()
    }

    // M9: what a person or a program does to files is heard, in new folders as well; what is left out is not.
    #[test]
    fn changes_are_told_also_in_folders_that_are_new() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join(".git/objects")).unwrap();
        fs::create_dir_all(root.join("src")).unwrap();
        fs::write(root.join("src/old"), "").unwrap();
        fs::write(root.join(".gitignore"), "target\n*.log\n").unwrap();
        let (watch, told) = watch(LIMITS, root, Depth::Tree);
        assert_eq!(watch.states().values().next(), Some(&Ok(2)));

        fs::create_dir_all(root.join("new/deep")).unwrap();
        fs::write(root.join("new/deep/a"), "").unwrap();
        fs::create_dir_all(root.join("target")).unwrap();
        for left_out in ["target/b", "c.log", ".git/index", ".git/objects/d"] {
            fs::write(root.join(left_out), "").unwrap();
        }
        assert_eq!(
            heard(&watch, &told, root),
            [("new/deep/a".to_owned(), Kind::Created)]
        );
        fs::write(root.join("new/deep/a"), "two").unwrap();
        fs::rename(root.join("src/old"), root.join("src/other")).unwrap();
        assert_eq!(
            heard(&watch, &told, root),
            [
                ("new/deep/a".to_owned(), Kind::Modified),
                ("src/old".to_owned(), Kind::Removed),
                ("src/other".to_owned(), Kind::Modified),
            ]
        );
        fs::remove_dir_all(root.join("new")).unwrap();
        assert_eq!(
            heard(&watch, &told, root),
            [("new/deep/a".to_owned(), Kind::Removed)]
        );
    }

    // M9: without a call of anybody, soon after it happened.
    #[test]
    fn nobody_has_to_ask() {
        let folder = tempfile::tempdir().unwrap();
        let (_watch, told) = watch(LIMITS, folder.path(), Depth::Folder);
        fs::write(folder.path().join("index.lock"), "").unwrap();
        let heard = told.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!(heard.changes.len(), 1);
    }

    // M9: bounded: a tree with too many folders is not watched, and it is said why.
    #[test]
    fn too_many_folders_are_not_watched() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for number in 0..5 {
            fs::create_dir(root.join(number.to_string())).unwrap();
        }
        let few = Limits {
            folders: 6,
            ..LIMITS
        };
        let (watch, told) = watch(few, root, Depth::Tree);
        assert_eq!(watch.states().values().next(), Some(&Ok(6)));
        // One more comes while it is watched.
        fs::create_dir(root.join("more")).unwrap();
        watch.flush();
        assert!(told.try_iter().any(|heard| heard.missed));
        watch.set_roots(BTreeMap::from([(root.to_path_buf(), Depth::Tree)]));
        watch.flush();
        assert_eq!(
            watch.states().values().next(),
            Some(&Err(Unwatched::TooMany))
        );
    }
}
