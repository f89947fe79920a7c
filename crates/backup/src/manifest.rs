//! What a backup says about itself: written last, checked first.

use std::io;
use std::path::{Component, Path, PathBuf};

use hyperion_host::{ReadError, fsync_dir, read_bounded, write_atomic};
use hyperion_model::{Digest, Time, canonical};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::{io as failed, unusable};

/// The name of the file.
pub const MANIFEST: &str = "manifest.json";
/// The format that is written now, and the newest that is read.
const FORMAT: u32 = 1;
/// The most bytes of a manifest: some two million files.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// What a backup says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of this file.
    pub format: u32,
    /// The version of Hyperion that wrote it.
    pub hyperion: String,
    /// The version of the database's schema.
    pub schema: u32,
    /// When it was taken.
    pub taken_at: Time,
    /// The number of the last event.
    pub head_seq: u64,
    /// Its hash.
    pub head_hash: Digest,
    /// When it happened.
    pub head_time: Option<Time>,
    /// The key that seals it, and that content needs; only its id.
    pub key_id: Option<String>,
    /// Always false: the key is kept elsewhere.
    pub key_included: bool,
    /// Whether the output of runs is in it.
    pub logs_included: bool,
    /// Whether it was opened and checked before it got its name.
    pub verified: bool,
    /// The last rows of the tables without events: blobs, kept answers.
    pub tables: [u64; 2],
    /// How many commits in agents' clones were not handed in, and so are not in it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub in_clones: u64,
    /// The repositories whose own objects are in it.
    pub repos: Vec<RepoEntry>,
    /// Every file but this one.
    pub files: Vec<FileEntry>,
    /// The digest of all of the above, as canonical JSON.
    pub digest: Digest,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A repository that the home knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepoEntry {
    /// Its id.
    pub id: String,
    /// Where it was: not copied.
    pub path: String,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Where it is, below the backup's folder.
    pub path: String,
    /// How long it is.
    pub bytes: u64,
    /// The SHA-256 of what is in it.
    pub sha256: Digest,
}

impl FileEntry {
    /// Gives the path, unless it leads out of the folder.
    pub(crate) fn safe_path(&self) -> Option<PathBuf> {
        let path = Path::new(&self.path);
        let is_below = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        (is_below && !self.path.is_empty()).then(|| path.to_path_buf())
    }
}

impl Manifest {
    /// The format that is written now.
    pub(crate) const FORMAT: u32 = FORMAT;

    /// Seals it with its own digest and writes it, durably, into the folder.
    pub(crate) fn write(mut self, folder: &Path) -> Result<Self, Error> {
        self.digest = self.own_digest()?;
        let text = serde_json::to_vec_pretty(&self).map_err(Error::Encode)?;
        let path = folder.join(MANIFEST);
        write_atomic(&path, &text, 0o600)
            .and_then(|()| fsync_dir(folder))
            .map_err(failed(&path))?;
        Ok(self)
    }

    /// Reads and checks the manifest of a folder; none when the folder has none.
    pub fn read(folder: &Path) -> Result<Option<Self>, Error> {
        let path = folder.join(MANIFEST);
        let bytes = match read_bounded(&path, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(ReadError::Io { source, .. })
                if matches!(
                    source.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(ReadError::Io { source, path }) => return Err(failed(&path)(source)),
            Err(error) => return Err(damaged(&path, &error.to_string())),
        };
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|error| damaged(&path, &error.to_string()))?;
        match value["format"].as_u64() {
            Some(format) if format > u64::from(FORMAT) => {
                return Err(unusable(
                    format!(
                        "the backup {} has format {format}; this Hyperion reads up to {FORMAT}",
                        folder.display()
                    ),
                    "restore it with the Hyperion that wrote it, or a newer one",
                ));
            }
            Some(_) => {}
            None => return Err(damaged(&path, "it is not a manifest")),
        }
        let manifest: Self =
            serde_json::from_value(value).map_err(|error| damaged(&path, &error.to_string()))?;
        if manifest.own_digest()? != manifest.digest {
            return Err(damaged(&path, "it was changed after it was written"));
        }
        if let Some(file) = manifest
            .files
            .iter()
            .find(|file| file.safe_path().is_none())
        {
            return Err(damaged(&path, &format!("it names {:?}", file.path)));
        }
        Ok(Some(manifest))
    }

    fn own_digest(&self) -> Result<Digest, Error> {
        let mut value = serde_json::to_value(self).map_err(Error::Encode)?;
        if let Value::Object(fields) = &mut value {
            fields.remove("digest");
        }
        Ok(Digest::of(canonical::to_string(&value).as_bytes()))
    }
}

fn damaged(path: &Path, detail: &str) -> Error {
    unusable(
        format!("{} is damaged: {detail}", path.display()),
        "use another backup; `hyperion backup list FOLDER` shows which there are",
    )
}
