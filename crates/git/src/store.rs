//! Hyperion's own object folder for one repository.
//!
//! ```text
//! own/
//!   git/          a bare repository; its alternates are the two below it in this list
//!   written/      what Hyperion writes itself
//!   scratch/      a folder of throw-away files for each opening: readers open what an engine works in
//!   boot          the boot in which this was last opened
//! <user>/objects  read only
//! ```
//!
//! Changes and candidates live here alone, so nothing unlanded shows in the user's `log --all` or goes out with their
//! `push --mirror`.
//!
//! Why `written/` is apart: git does not write an object that it can already read, also from an alternate. A blob that
//! lies unreferenced in the user's repository (somebody ran `git add` and thought better of it) would then exist
//! nowhere else, and the user's `git gc --prune=now` would take it away. Whoever writes looks into `written/` only.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hyperion_fault::{Point, reached};
use hyperion_host::{
    ProcessMark, await_marked, create_private_dir, fsync_dir, is_alive, read_bounded, remove_tree,
    sync_filesystem, write_atomic,
};

use crate::call::{Call, ENGINE_MARK};
use crate::error::GitError;
use crate::git::Git;
use crate::helper::Helper;
use crate::landing::{LANDING_PREFIX, remove_torn_keeps};
use crate::loose::{remove_damaged_objects, remove_temporary};
use crate::merge::Merger;
use crate::oid::{Oid, RefName};
use crate::tree::KnownTrees;
use crate::user_repo::{ObjectFormat, UserRepo};
use crate::work_tree::remove_if_there;

/// The object folder of one repository, with the git processes that serve it; drop ends them.
#[derive(Debug)]
pub struct RepoStore {
    pub(crate) git: Git,
    pub(crate) user: UserRepo,
    pub(crate) own: PathBuf,
    scratch: PathBuf,
    /// How many objects were drafted in this opening.
    drafts: AtomicU64,
    pub(crate) reader: Helper,
    pub(crate) merger: Merger,
    /// Held while a ref of our own is written. While this is held, any lock file of git is stale.
    own_refs: Mutex<()>,
    pub(crate) trees: Mutex<KnownTrees>,
}

impl RepoStore {
    /// Opens the folder, creating or completing it.
    ///
    /// `boot_id` tells a crash of the machine from one of Hyperion: after the former, objects may have lost their content.
    pub fn open(git: &Git, own: &Path, user: &UserRepo, boot_id: &str) -> Result<Self, GitError> {
        user.require_present()?;
        let us = ProcessMark::of(std::process::id())
            .and_then(|mark| mark.ok_or_else(|| io::ErrorKind::NotFound.into()))
            .map_err(GitError::io("/proc/self/stat"))?;
        let store = Self {
            git: git.clone(),
            user: user.clone(),
            own: own.to_path_buf(),
            scratch: own.join("scratch").join(scratch_name(&us)),
            reader: Helper::new("cat-file"),
            drafts: AtomicU64::new(0),
            merger: Merger::new(),
            own_refs: Mutex::new(()),
            trees: Mutex::default(),
        };
        store.lay_out(boot_id, &us)?;
        Ok(store)
    }

    /// The user's repository.
    #[must_use]
    pub fn user(&self) -> &UserRepo {
        &self.user
    }

    /// The commit a branch of the user is at.
    pub fn tip(&self, branch: &RefName) -> Result<Option<Oid>, GitError> {
        self.user.tip(branch)
    }

    /// The commit a revision of the user names.
    pub fn resolve_commit(&self, revision: &str) -> Result<Option<Oid>, GitError> {
        self.user.resolve_commit(revision)
    }

    /// Makes everything written here so far durable.
    ///
    /// Git syncs no loose object by itself, so this comes before the database commit that names one.
    pub fn sync(&self) -> Result<(), GitError> {
        sync_filesystem(&self.own).map_err(GitError::io(&self.own))
    }

    /// Removes what git processes that died were writing here before a time; tells how many files it was.
    ///
    /// Nothing ever names such a file. Those in the user's repository are their own `gc`'s.
    pub fn sweep_temporary(&self, before: SystemTime) -> Result<u64, GitError> {
        let mut removed = 0;
        for folder in [self.written(), self.objects()] {
            removed += remove_temporary(&folder, before).map_err(GitError::io(&folder))?;
        }
        Ok(removed)
    }

    /// Ends the git processes that serve this folder; the next question starts them again.
    pub fn rest(&self) {
        self.reader.stop();
        self.merger.stop();
        *self.trees.lock().unwrap_or_else(PoisonError::into_inner) = KnownTrees::default();
    }

    /// A command in this folder, seeing the user's objects too.
    pub(crate) fn own_call(&self, name: &'static str) -> Call<'_> {
        let git_dir = self.git_dir();
        self.git.call(name, &self.own).git_dir(&git_dir)
    }

    /// Writes a ref of our own; a lock that a git left which was killed is taken away, once.
    ///
    /// Only the engine of this home writes such refs, one at a time, and it waited for the end of every git it started.
    pub(crate) fn write_own_ref<'a>(
        &'a self,
        command: impl Fn() -> Call<'a>,
    ) -> Result<(), GitError> {
        let _one_at_a_time = self.own_refs.lock().unwrap_or_else(PoisonError::into_inner);
        match command().output() {
            Err(GitError::Locked { lock }) if self.is_own_ref(&lock) => {
                remove_if_there(&lock)?;
                command().output().map(drop)
            }
            answer => answer.map(drop),
        }
    }

    fn is_own_ref(&self, lock: &Path) -> bool {
        let in_theirs = self.user.git_dir().join("refs/hyperion");
        lock.starts_with(self.git_dir()) || lock.starts_with(in_theirs)
    }

    /// Where Hyperion's own objects are.
    pub(crate) fn written(&self) -> PathBuf {
        self.own.join("written")
    }

    /// A name for an object that is not in its place yet.
    pub(crate) fn fresh_draft(&self) -> PathBuf {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        self.scratch().join(format!("object-{number}"))
    }

    /// The bare git folder of our own.
    #[must_use]
    pub fn git_dir(&self) -> PathBuf {
        self.own.join("git")
    }

    /// What a repository that reads from here has as its alternate; the others follow from it.
    pub(crate) fn objects(&self) -> PathBuf {
        self.git_dir().join("objects")
    }

    /// Throw-away files of this opening alone.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Takes over where the user's history ends, which may have changed by a fetch.
    pub(crate) fn follow_shallow(&self) -> Result<(), GitError> {
        const SHALLOW_MAX_BYTES: u64 = 64 * 1024 * 1024;
        let (theirs, ours) = (
            self.user.git_dir().join("shallow"),
            self.git_dir().join("shallow"),
        );
        let read = |path: &Path| {
            if path.exists() {
                read_bounded(path, SHALLOW_MAX_BYTES).ok()
            } else {
                None
            }
        };
        let wanted = read(&theirs);
        if wanted == read(&ours) {
            return Ok(());
        }
        match wanted {
            Some(bytes) => write_atomic(&ours, &bytes, 0o600).map_err(GitError::io(&ours)),
            None => fs::remove_file(&ours).map_err(GitError::io(&ours)),
        }
    }

    /// Every step can be repeated: a crash in the middle is completed by the next opening.
    fn lay_out(&self, boot_id: &str, us: &ProcessMark) -> Result<(), GitError> {
        let all_scratch = self.own.join("scratch");
        for folder in [&self.own, &self.written(), &all_scratch, &self.scratch] {
            create_private_dir(folder).map_err(GitError::io(folder))?;
        }
        clear_scratch(&all_scratch, us)?;
        if !self.is_complete() {
            self.make_git_dir()?;
        }
        reached(Point::OwnFolderMade);
        self.write_alternates()?;
        self.follow_shallow()?;
        self.sweep_after_boot(boot_id)
    }

    fn is_complete(&self) -> bool {
        let git_dir = self.git_dir();
        git_dir.join("HEAD").is_file() && git_dir.join("config").is_file()
    }

    fn make_git_dir(&self) -> Result<(), GitError> {
        let git_dir = self.git_dir();
        let format = match self.user.object_format() {
            ObjectFormat::Sha1 => "sha1",
            ObjectFormat::Sha256 => "sha256",
        };
        let draft = self.scratch.join("git.new");
        self.git
            .call("init", &self.own)
            .args(["-q", "--bare", "--template=", "--initial-branch=none"])
            .arg(format!("--object-format={format}"))
            .arg(&draft)
            .output()?;
        // The few files one by one: syncing the whole filesystem would wait for everybody else's writes.
        for file in [draft.join("HEAD"), draft.join("config")] {
            File::open(&file)
                .and_then(|opened| opened.sync_all())
                .map_err(GitError::io(&file))?;
        }
        fsync_dir(&draft).map_err(GitError::io(&draft))?;
        reached(Point::OwnFolderDrafted);
        match fs::rename(&draft, &git_dir) {
            Ok(()) => Ok(()),
            // Another opening was faster.
            Err(_) if self.is_complete() => Ok(()),
            // A half-made one is in the way, and holds nothing yet.
            Err(_) => remove_tree(&git_dir)
                .and_then(|()| fs::rename(&draft, &git_dir))
                .map_err(GitError::io(&git_dir)),
        }
    }

    fn write_alternates(&self) -> Result<(), GitError> {
        let info = self.objects().join("info");
        create_private_dir(&info).map_err(GitError::io(&info))?;
        let mut lines = Vec::new();
        for folder in [self.written(), self.user.objects()] {
            lines.extend(quoted(&folder));
            lines.push(b'\n');
        }
        let path = info.join("alternates");
        if fs::read(&path).is_ok_and(|present| present == lines) {
            return Ok(());
        }
        write_atomic(&path, &lines, 0o600).map_err(GitError::io(&path))
    }

    /// Power loss leaves damaged files where objects were written but never synced; git would take each for a written
    /// object for ever. Nothing committed names one, so they are removed.
    fn sweep_after_boot(&self, boot_id: &str) -> Result<(), GitError> {
        let mark = self.own.join("boot");
        if fs::read(&mark).is_ok_and(|seen| seen == boot_id.as_bytes()) {
            return Ok(());
        }
        for folder in [self.written(), self.objects()] {
            remove_damaged_objects(&folder).map_err(GitError::io(&folder))?;
        }
        for lock in [
            "packed-refs.lock",
            "HEAD.lock",
            "shallow.lock",
            "config.lock",
        ] {
            let _ = fs::remove_file(self.git_dir().join(lock));
        }
        remove_ref_locks(&self.git_dir().join("refs"));
        // Of a landing that was recorded: its ref may be gone, so that nobody would come across the lock again.
        remove_ref_locks(&self.user.git_dir().join(LANDING_PREFIX));
        remove_torn_keeps(&self.user.objects().join("pack"));
        write_atomic(&mark, boot_id.as_bytes(), 0o600).map_err(GitError::io(&mark))
    }
}

/// Removes the locks of refs, where the git that made them is known to have ended.
pub(crate) fn remove_ref_locks(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_ref_locks(&path);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "lock")
        {
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for RepoStore {
    fn drop(&mut self) {
        // The processes first: some of them stand in the folder.
        self.rest();
        // What stays is removed by the next opening after this process.
        let _ = remove_tree(&self.scratch);
    }
}

/// How long the git processes of an engine that died may take to end by themselves.
const LAST_WORK: Duration = Duration::from_secs(30);

/// Names the scratch folder of one opening: by its process, so that a dead one's is known, and by its number there.
fn scratch_name(us: &ProcessMark) -> String {
    static OPENINGS: AtomicU64 = AtomicU64::new(0);
    let opening = OPENINGS.fetch_add(1, Ordering::Relaxed);
    format!("{}-{opening}", scratch_prefix(us))
}

/// What its scratch folders and its git processes say of a process.
fn scratch_prefix(process: &ProcessMark) -> String {
    format!("{}-{}", process.pid, process.start_ticks)
}

/// Removes what dead processes left, once the git processes that they had started have ended: one that is still at work
/// could move a ref after it was looked where the ref is.
fn clear_scratch(all: &Path, us: &ProcessMark) -> Result<(), GitError> {
    let mut left = Vec::new();
    for entry in fs::read_dir(all).map_err(GitError::io(all))?.flatten() {
        let name = entry.file_name();
        let mut numbers = name.to_str().unwrap_or_default().split('-');
        let pid = numbers.next().and_then(|pid| pid.parse().ok());
        let start_ticks = numbers.next().and_then(|ticks| ticks.parse().ok());
        let owner = pid.zip(start_ticks).map(|(pid, start_ticks)| ProcessMark {
            pid,
            start_ticks,
            boot_id: us.boot_id.clone(),
        });
        match owner {
            Some(owner) if is_alive(&owner) => {}
            owner => left.push((entry.path(), owner)),
        }
    }
    let dead: Vec<_> = left
        .iter()
        .filter_map(|(_, owner)| owner.as_ref().map(scratch_prefix))
        .collect();
    if !dead.is_empty() {
        // One that goes on for longer than that is stuck; what it holds is told where it is in the way.
        await_marked(ENGINE_MARK, &dead, LAST_WORK).map_err(GitError::io(all))?;
    }
    for (path, _) in left {
        // Another opening may have been faster.
        let _ = remove_tree(&path).or_else(|_| fs::remove_file(&path));
    }
    Ok(())
}

/// Writes a path as `alternates` wants it: as it is, or quoted where it would be read as something else.
pub(crate) fn quoted(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    if !bytes.starts_with(b"#") && !bytes.starts_with(b"\"") && !bytes.contains(&b'\n') {
        return bytes.to_vec();
    }
    let mut text = vec![b'"'];
    for byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend([b'\\', *byte]),
            b'\n' => text.extend(b"\\n"),
            other => text.push(*other),
        }
    }
    text.push(b'"');
    text
}
