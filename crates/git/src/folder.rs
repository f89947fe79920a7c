//! An object folder of ours as files: what a copy of it has to hold, and whether a copy is whole.
//!
//! Objects never change under their name; refs and settings do. A ref is listed before the objects, so
//! whoever copies in the order of the list has every object that a copied ref leads to: git writes
//! objects first.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::call::{Call, LONG, one_line};
use crate::error::GitError;
use crate::git::Git;
use crate::user_repo::UserRepo;

/// A folder whose time is younger than this may still change without showing it.
const SETTLED: Duration = Duration::from_secs(2);

/// One file of an object folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FolderFile {
    /// Where it is, below the folder.
    pub path: PathBuf,
    /// Whether its content can never change under this name: an object or a pack.
    pub fixed: bool,
}

/// Lists an object folder's files; asked again, it leaves out folders of objects that did not change.
#[derive(Debug, Default)]
pub struct FolderScan {
    seen: HashMap<PathBuf, SystemTime>,
}

impl FolderScan {
    /// Lists refs and settings, then the objects of every folder that changed since it was asked last.
    ///
    /// What can be made again is left out: scratch files, locks, the way to the user's objects. `now` is
    /// the time of the clock that files are stamped with.
    pub fn files(&mut self, own: &Path, now: SystemTime) -> Result<Vec<FolderFile>, GitError> {
        let mut files = Vec::new();
        let failed = GitError::io(own);
        self.collect(own, Path::new("git"), now, &mut files)
            .and_then(|()| self.collect(own, Path::new("written"), now, &mut files))
            .map_err(failed)?;
        // Stable: in each half, the order of the walk.
        files.sort_by_key(|file| file.fixed);
        Ok(files)
    }

    fn collect(
        &mut self,
        own: &Path,
        below: &Path,
        now: SystemTime,
        files: &mut Vec<FolderFile>,
    ) -> io::Result<()> {
        let folder = own.join(below);
        let changed = match fs::symlink_metadata(&folder) {
            Ok(metadata) => metadata.modified()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let is_fixed = holds_objects(below);
        if is_fixed && self.seen.get(below) == Some(&changed) {
            return Ok(());
        }
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.collect(own, &path, now, files)?;
            } else if kind.is_file() && !can_be_made_again(&path) {
                files.push(FolderFile {
                    fixed: is_fixed,
                    path,
                });
            }
        }
        let settled = now.duration_since(changed).is_ok_and(|age| age > SETTLED);
        if is_fixed && settled {
            self.seen.insert(below.to_path_buf(), changed);
        }
        Ok(())
    }
}

/// Whether a folder holds objects or packs and nothing else.
fn holds_objects(below: &Path) -> bool {
    let is_inside = below.starts_with("written") || below.starts_with("git/objects");
    let name = below.file_name().and_then(|name| name.to_str());
    is_inside
        && name.is_some_and(|name| {
            name == "pack" || (name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
        })
}

fn can_be_made_again(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    name.ends_with(".lock")
        || name.starts_with("tmp_")
        || name.starts_with('.')
        || path == Path::new("git/objects/info/alternates")
}

/// Makes the folders that git wants in a copy, also when no file is in them.
pub fn complete_folder(own: &Path) -> Result<(), GitError> {
    if !own.join("git").is_dir() {
        // Nothing was written for this repository yet.
        return Ok(());
    }
    for folder in ["git/objects", "git/refs", "written"] {
        let folder = own.join(folder);
        hyperion_host::create_private_dir(&folder).map_err(GitError::io(&folder))?;
    }
    Ok(())
}

/// Looks whether everything that a copied folder's refs lead to is there; says what is not.
///
/// The user's objects, which a copy leaves out, are looked up where they are.
pub fn check_folder(git: &Git, own: &Path, user: &UserRepo) -> Result<Vec<String>, GitError> {
    let mut alternates = own.join("written").into_os_string();
    alternates.push(":");
    alternates.push(user.objects());
    let looked = Call::new(git, "fsck", own)
        .git_dir(&own.join("git"))
        .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", alternates)
        .args(["--connectivity-only", "--no-dangling", "--no-progress"])
        .wall(LONG)
        .outcome()?;
    if looked.exit.success() {
        return Ok(Vec::new());
    }
    let said = [
        one_line(&looked.stdout.bytes),
        one_line(&looked.stderr.bytes),
    ]
    .join("\n");
    let said: Vec<String> = said
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("notice:"))
        .take(20)
        .map(str::to_owned)
        .collect();
    Ok(said)
}
