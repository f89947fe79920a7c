//! Takes a backup: database, blobs, objects, settings; checked; named last.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hyperion_fault::{Point, reached};
use hyperion_git::{FolderScan, complete_folder};
use hyperion_host::{create_private_dir, fsync_dir, remove_tree, rename_new, sync_filesystem};
use hyperion_model::repo::Repo;
use hyperion_model::{Digest, Time};
use hyperion_store::{Filter, Snapshot, StoreError};

use crate::copy::{Copier, Earlier};
use crate::manifest::{Manifest, RepoEntry};
use crate::{
    BLOBS, CONFIG, DATABASE, Error, InClones, REPOS, RUN_SPEC, RUNS, Source, find, io, stamp,
    unusable, verify,
};

/// After this long a half-made backup is nobody's any more.
const ABANDONED: Duration = Duration::from_secs(86_400);
/// The most repositories of a home.
const MAX_REPOS: u32 = 1000;

/// How closely a backup is looked at before it gets its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Not at all.
    None,
    /// Pages, schema and the end of the chain.
    Structure,
    /// Also every event, row, content, digest and ref.
    Full,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The database is copied; counted in pages.
    Database,
    /// Blobs are copied; counted in files.
    Content,
    /// Objects are copied; counted in files.
    Objects,
    /// The copy is checked; counted in files.
    Verify,
}

/// How a backup is taken.
#[derive(Debug, Clone)]
pub struct TakeOptions<'a> {
    /// The folder that backups are in.
    pub folder: &'a Path,
    /// How the backup's name begins.
    pub prefix: &'a str,
    /// Whether the output of runs is copied.
    pub logs: bool,
    /// How closely it is looked at.
    pub depth: Depth,
}

/// A backup that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Where it is.
    pub path: PathBuf,
    /// What it says about itself.
    pub manifest: Manifest,
    /// How many of its files are those of an earlier backup.
    pub linked: u64,
    /// What could not be shown, or is not as it should be, without harm to the backup.
    pub remarks: Vec<String>,
}

/// Takes a backup.
///
/// A process that dies in here leaves a folder whose name begins with a dot, which nobody takes for a backup.
pub fn take(
    cx: &impl Source,
    options: &TakeOptions<'_>,
    progress: &mut dyn FnMut(Stage, u64, u64),
) -> Result<Taken, Error> {
    create_private_dir(options.folder).map_err(io(options.folder))?;
    refuse_home(cx, options.folder)?;
    let now = cx.now();
    clear_abandoned(options.folder, now);
    let name = free_name(options, now);
    let draft = options
        .folder
        .join(format!(".{name}.{}.part", std::process::id()));
    remove_tree(&draft).map_err(io(&draft))?;
    create_private_dir(&draft).map_err(io(&draft))?;
    let made = fill(cx, options, &draft, progress);
    let taken = made.and_then(|taken| {
        let path = options.folder.join(&name);
        reached(Point::BackupManifestWritten);
        rename_new(&draft, &path)
            .and_then(|()| fsync_dir(options.folder))
            .map_err(io(&path))?;
        reached(Point::BackupNamed);
        Ok(Taken { path, ..taken })
    });
    if taken.is_err() {
        // What cannot be removed now is cleared by a later backup.
        let _ = remove_tree(&draft);
    }
    taken
}

fn fill(
    cx: &impl Source,
    options: &TakeOptions<'_>,
    draft: &Path,
    progress: &mut dyn FnMut(Stage, u64, u64),
) -> Result<Taken, Error> {
    // Before the snapshot: what it names must still be there when files are copied.
    let _hold = cx.home().keep_content().map_err(|error| Error::Io {
        what: "the lock on content".to_owned(),
        source: std::io::Error::other(error),
    })?;
    let earlier =
        find::newest(options.folder).map(|(path, manifest)| Earlier::new(&path, manifest));
    let snapshot = cx.store().copy_to(&draft.join(DATABASE), &mut |done, all| {
        progress(Stage::Database, done, all);
    });
    let snapshot = snapshot.map_err(|error| match error {
        // Not the home's disk, which the store would mean.
        StoreError::Full => io(draft)(std::io::ErrorKind::StorageFull.into()),
        error => error.into(),
    })?;
    reached(Point::BackupDatabaseCopied);
    let mut copier = Copier::new(draft, earlier.as_ref());
    copier.note(Path::new(DATABASE))?;
    copy_blobs(cx, &snapshot, &mut copier, progress)?;
    reached(Point::BackupBlobsCopied);
    let repos = copy_repos(cx, &mut copier, progress)?;
    copier.take(&cx.home().config(), Path::new(CONFIG))?;
    if options.logs {
        copy_runs(&cx.home().runs(), Path::new(RUNS), &mut copier)?;
    }
    let in_clones = cx.in_clones();
    let Copier { files, linked, .. } = copier;
    let Snapshot {
        head,
        head_time,
        key_id,
        schema,
        blob_files: _,
        tables,
    } = snapshot;
    let manifest = Manifest {
        format: Manifest::FORMAT,
        hyperion: env!("CARGO_PKG_VERSION").to_owned(),
        schema,
        taken_at: cx.now(),
        head_seq: head.seq,
        head_hash: head.hash,
        head_time,
        key_id,
        key_included: false,
        logs_included: options.logs,
        verified: options.depth != Depth::None,
        tables: [tables.blob, tables.receipt],
        in_clones: in_clones.commits,
        repos,
        files,
        digest: Digest::of(b""),
    };
    let mut remarks = verify::check_draft(cx, draft, &manifest, options.depth, progress)?;
    remarks.extend(left_in_clones(&in_clones));
    // One sync for all of it, then the manifest: it vouches for what is on the disk.
    sync_filesystem(draft).map_err(io(draft))?;
    reached(Point::BackupFilesSynced);
    Ok(Taken {
        path: draft.to_path_buf(),
        manifest: manifest.write(draft)?,
        linked,
        remarks,
    })
}

/// Says what agents committed and nobody but their clones has.
fn left_in_clones(in_clones: &InClones) -> Vec<String> {
    let mut remarks = Vec::new();
    if in_clones.commits > 0 {
        remarks.push(format!(
            "{} not in it: handed in (`push`), a branch is; {}",
            count(in_clones.commits),
            in_clones.branches.join(", ")
        ));
    }
    if !in_clones.unread.is_empty() {
        remarks.push(format!(
            "whether there is more in these clones could not be told: {}",
            in_clones.unread.join(", ")
        ));
    }
    remarks
}

/// Counts commits in agents' clones, in words.
pub fn count(commits: u64) -> String {
    match commits {
        1 => "1 commit in an agent's clone is".to_owned(),
        several => format!("{several} commits in agents' clones are"),
    }
}

fn copy_blobs(
    cx: &impl Source,
    snapshot: &Snapshot,
    copier: &mut Copier<'_>,
    progress: &mut dyn FnMut(Stage, u64, u64),
) -> Result<(), Error> {
    let all = snapshot.blob_files.len() as u64;
    for (done, file) in (0..).zip(&snapshot.blob_files) {
        progress(Stage::Content, done, all);
        let there =
            copier.take_fixed(&cx.home().blobs().join(file), &Path::new(BLOBS).join(file))?;
        if !there {
            // Verification says whether anything needs it.
            tracing::warn!(file, "a blob's file is gone");
        }
    }
    Ok(())
}

/// Copies the object folder of every repository.
fn copy_repos(
    cx: &impl Source,
    copier: &mut Copier<'_>,
    progress: &mut dyn FnMut(Stage, u64, u64),
) -> Result<Vec<RepoEntry>, Error> {
    let repos = cx
        .store()
        .list::<Repo>(&Filter::default().limit(MAX_REPOS))?;
    let mut entries = Vec::new();
    for repo in repos.rows {
        let folder = format!("{}.git", repo.id);
        let own = cx.home().repos().join(&folder);
        let files = FolderScan::default().files(&own, SystemTime::UNIX_EPOCH)?;
        let all = files.len() as u64;
        for (done, file) in (0..).zip(files) {
            progress(Stage::Objects, done, all);
            let path = Path::new(REPOS).join(&folder).join(&file.path);
            if file.fixed {
                copier.take_fixed(&own.join(&file.path), &path)?;
            } else {
                copier.take(&own.join(&file.path), &path)?;
            }
        }
        complete_folder(&copier.place_of(Path::new(REPOS).join(&folder)))?;
        entries.push(RepoEntry {
            id: repo.id.to_string(),
            path: repo.path,
        });
    }
    reached(Point::BackupObjectsCopied);
    Ok(entries)
}

fn copy_runs(from: &Path, below: &Path, copier: &mut Copier<'_>) -> Result<(), Error> {
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(from)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(io(from))?;
        let kind = entry.file_type().map_err(io(from))?;
        let path = below.join(entry.file_name());
        if kind.is_dir() {
            copy_runs(&entry.path(), &path, copier)?;
        } else if kind.is_file() && entry.file_name() != RUN_SPEC {
            copier.take(&entry.path(), &path)?;
        }
    }
    Ok(())
}

/// A backup inside the home would go with the home, and be copied by the next one.
fn refuse_home(cx: &impl Source, folder: &Path) -> Result<(), Error> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    if real(folder).starts_with(real(cx.home().path())) {
        return Err(unusable(
            format!("{} is inside the home it is to protect", folder.display()),
            "choose a folder outside of it, best on another disk",
        ));
    }
    Ok(())
}

/// Names a backup by its time; a second one in the same second gets a number.
fn free_name(options: &TakeOptions<'_>, now: Time) -> String {
    let plain = format!("{}-{}", options.prefix, stamp(now));
    let is_free = |name: &String| fs::symlink_metadata(options.folder.join(name)).is_err();
    (1_u32..)
        .map(|number| match number {
            1 => plain.clone(),
            number => format!("{plain}-{number}"),
        })
        .find(is_free)
        .unwrap_or(plain)
}

/// Removes what processes left that died while they took a backup.
fn clear_abandoned(folder: &Path, now: Time) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') || !name.ends_with(".part") {
            continue;
        }
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let is_old = modified.is_ok_and(|modified| {
            Time::try_from(modified).is_ok_and(|modified| {
                now.duration_since(modified) > ABANDONED.try_into().unwrap_or_default()
            })
        });
        if is_old {
            let _ = remove_tree(&entry.path());
        }
    }
}
