//! Finds the backups of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use hyperion_model::Time;
use serde::Serialize;

use crate::manifest::Manifest;
use crate::segment;
use crate::{Error, chain};

/// The most backups that one folder is looked through for.
const MAX_LISTED: usize = 10_000;

/// A backup in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it can be used, as far as its manifest says.
    pub usable: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// When it was taken.
    pub taken_at: Option<Time>,
    /// The number of the last event of its base.
    pub head_seq: u64,
    /// The last event that it can be restored to.
    pub last_seq: u64,
    /// How many segments were shipped behind its base.
    pub segments: u64,
    /// How many bytes its base has.
    pub bytes: u64,
    /// The key it needs.
    pub key_id: Option<String>,
}

/// Lists the backups of a folder, oldest first; a folder that is a backup itself is listed alone.
pub fn list(folder: &Path) -> Result<Vec<Found>, Error> {
    if folder.join(crate::MANIFEST).exists() {
        return Ok(vec![look(folder)]);
    }
    let mut found: Vec<_> = candidates(folder)?.iter().map(|path| look(path)).collect();
    found.sort_by(|a, b| (a.taken_at, &a.path).cmp(&(b.taken_at, &b.path)));
    Ok(found)
}

/// Gives the newest backup of a folder that can be read; none is no error.
pub(crate) fn newest(folder: &Path) -> Option<(PathBuf, Manifest)> {
    let readable = candidates(folder).ok()?.into_iter().filter_map(|path| {
        let manifest = Manifest::read(&path).ok()??;
        Some((path, manifest))
    });
    readable.max_by_key(|(_, manifest)| manifest.taken_at)
}

/// Lists what has the shape of a backup: a folder with a manifest whose name begins with no dot.
pub fn candidates(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(crate::io(folder))?;
    Ok(entries
        .flatten()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .filter(|path| path.join(crate::MANIFEST).exists())
        .take(MAX_LISTED)
        .collect())
}

fn look(path: &Path) -> Found {
    let mut found = Found {
        path: path.to_path_buf(),
        usable: false,
        problem: None,
        taken_at: None,
        head_seq: 0,
        last_seq: 0,
        segments: 0,
        bytes: 0,
        key_id: None,
    };
    let manifest = match Manifest::read(path) {
        Ok(Some(manifest)) => manifest,
        Ok(None) => return found,
        Err(error) => {
            found.problem = Some(chain(&error));
            return found;
        }
    };
    found.usable = true;
    found.taken_at = Some(manifest.taken_at);
    found.head_seq = manifest.head_seq;
    found.last_seq = manifest.head_seq;
    found.bytes = manifest.files.iter().map(|file| file.bytes).sum();
    found.key_id = manifest.key_id;
    match segment::names(path) {
        Ok(names) => {
            found.segments = names.len() as u64;
            found.last_seq = names.last().map_or(found.head_seq, |name| name.last);
        }
        Err(error) => found.problem = Some(chain(&error)),
    }
    found
}
