//! Looks whether a copy is whole: opened as a store, read to the last byte.

use std::fs;
use std::path::Path;

use hyperion_git::{UserRepo, check_folder};

use crate::copy::digest_of;
use crate::manifest::{FileEntry, Manifest};
use crate::take::{Depth, Stage};
use crate::{BLOBS, DATABASE, Error, REPOS, Source, chain, io, unusable};

/// What to do about a copy that is not whole.
const AGAIN: &str = "look at the home with `hyperion audit verify` and `hyperion doctor`, then take the backup again";

/// Checks a backup that is being made; gives remarks that do it no harm.
pub(crate) fn check_draft(
    cx: &impl Source,
    draft: &Path,
    manifest: &Manifest,
    depth: Depth,
    progress: &mut dyn FnMut(Stage, u64, u64),
) -> Result<Vec<String>, Error> {
    let mut remarks = Vec::new();
    if depth == Depth::None {
        return Ok(remarks);
    }
    check_database(cx, draft, manifest, depth, &mut remarks)?;
    if depth == Depth::Full {
        let all = manifest.files.len() as u64;
        for (done, file) in (0..).zip(&manifest.files) {
            progress(Stage::Verify, done, all);
            check_file(draft, file)?;
        }
        check_repos(cx, draft, manifest, &mut remarks)?;
    }
    Ok(remarks)
}

fn check_database(
    cx: &impl Source,
    draft: &Path,
    manifest: &Manifest,
    depth: Depth,
    remarks: &mut Vec<String>,
) -> Result<(), Error> {
    let database = draft.join(DATABASE);
    let copy = cx
        .store()
        .open_copy(&database, &draft.join(BLOBS))
        .map_err(|error| unusable(chain(&error), AGAIN))?;
    let structure = copy.check_structure()?;
    if !structure.is_sound() {
        return Err(unusable(
            format!(
                "the copied database is not sound: {}",
                structure.problems.join("; ")
            ),
            AGAIN,
        ));
    }
    if copy.head()?.seq != manifest.head_seq || copy.head()?.hash != manifest.head_hash {
        return Err(unusable(
            "the copied database does not end where it was read to",
            AGAIN,
        ));
    }
    if depth == Depth::Full {
        let found = copy.verify()?;
        if found.is_sound() {
            // Of a copy it is known that it is one.
            remarks.extend(found.not_shown.into_iter().skip(1));
        } else {
            let first = found
                .first_bad
                .map(|bad| format!("event {}: {}", bad.seq, bad.detail))
                .or_else(|| {
                    found
                        .rows_differ
                        .first()
                        .map(|row| format!("{:?}: {}", row.subject, row.detail))
                })
                .or_else(|| {
                    found
                        .damaged_blobs
                        .first()
                        .map(|(digest, detail)| format!("content {digest}: {detail}"))
                })
                .unwrap_or_else(|| format!("{:?}", found.seal));
            // A backup of a damaged home is better than none, but it must not pass for a good one.
            remarks.push(format!(
                "the home is damaged, and so is this copy of it: {first}"
            ));
        }
    }
    drop(copy);
    remove_side_files(&database)
}

/// Reading a database in WAL mode leaves two empty files beside it.
pub(crate) fn remove_side_files(database: &Path) -> Result<(), Error> {
    for end in ["-wal", "-shm"] {
        let mut name = database.as_os_str().to_owned();
        name.push(end);
        match fs::remove_file(&name) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io(Path::new(&name))(error)),
        }
    }
    Ok(())
}

/// Makes sure that a file is what the manifest says.
pub(crate) fn check_file(folder: &Path, file: &FileEntry) -> Result<(), Error> {
    let path = file.safe_path().unwrap_or_default();
    let found = match digest_of(folder, &path) {
        Ok(found) => found,
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(damaged(folder, file, "it is missing"));
        }
        Err(error) => return Err(error),
    };
    if found.bytes != file.bytes {
        let detail = format!("it has {} bytes, not {}", found.bytes, file.bytes);
        return Err(damaged(folder, file, &detail));
    }
    if found.sha256 != file.sha256 {
        return Err(damaged(folder, file, "it was changed after it was written"));
    }
    Ok(())
}

pub(crate) fn damaged(folder: &Path, file: &FileEntry, detail: &str) -> Error {
    unusable(
        format!("{} is damaged: {detail}", folder.join(&file.path).display()),
        "use another backup; `hyperion backup list FOLDER` shows which there are",
    )
}

/// Looks whether refs lead to objects that are there, in the copy or at the user's.
fn check_repos(
    cx: &impl Source,
    draft: &Path,
    manifest: &Manifest,
    remarks: &mut Vec<String>,
) -> Result<(), Error> {
    for repo in &manifest.repos {
        let own = draft.join(REPOS).join(format!("{}.git", repo.id));
        if !own.join("git").is_dir() {
            // Registered, and nothing was filed for it yet.
            continue;
        }
        let user = match UserRepo::discover(cx.git(), Path::new(&repo.path)) {
            Ok(user) => user,
            Err(error) => {
                let reason = chain(&error);
                remarks.push(format!(
                    "the objects of {} were not looked at: {reason}",
                    repo.path
                ));
                continue;
            }
        };
        let missing = check_folder(cx.git(), &own, &user)?;
        if let Some(first) = missing.first() {
            remarks.push(format!(
                "open changes of {} lack objects, here and in the home: {first}",
                repo.path
            ));
        }
    }
    Ok(())
}
