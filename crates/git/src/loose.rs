//! Loose objects: written as git writes them, and looked through for those that a loss of power damaged.
//!
//! The file of an object is one zlib stream of its kind, its size and its content, and is named by the hash of these (Git's
//! user manual, "Object storage format"). SHA-1 is computed as git does it, refusing what looks like a collision made on purpose.
//!
//! What was written and not synced comes back empty, as zeroes, or in part, under the name of the whole. Git looks at the
//! name alone before it writes an object again, and so would never mend it. The stream's own checksum tells.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::SystemTime;

use hyperion_fault::{Point, reached};
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};
use sha1_checked::Digest as _;

use crate::error::GitError;
use crate::oid::Oid;
use crate::read::ObjectKind;
use crate::store::RepoStore;
use crate::user_repo::ObjectFormat;

/// How hard objects are pressed: as little as git does it for loose ones (`core.looseCompression`).
const COMPRESSION: u8 = 1;
/// Nobody changes an object.
const OBJECT_MODE: u32 = 0o444;

impl RepoStore {
    /// The name that an object has, or would have; nothing is written.
    pub(crate) fn id_of(&self, kind: ObjectKind, content: &[u8]) -> Result<Oid, GitError> {
        id_of(self.user.object_format(), kind, content)
    }

    /// Writes an object into Hyperion's own folder under its name, unless it is there.
    ///
    /// It is whole or not there whenever this process dies; [`RepoStore::sync`] makes it survive the machine.
    pub(crate) fn write_object(
        &self,
        kind: ObjectKind,
        oid: &Oid,
        content: &[u8],
    ) -> Result<(), GitError> {
        let (shelf, name) = oid.as_str().split_at(2);
        let shelf = self.written().join(shelf);
        let object = shelf.join(name);
        if object.try_exists().map_err(GitError::io(&object))? {
            return Ok(());
        }
        let packed = compress_to_vec_zlib(&[&header(kind, content), content].concat(), COMPRESSION);
        let draft = self.fresh_draft();
        write_whole(&draft, &packed).map_err(GitError::io(&draft))?;
        reached(Point::ObjectDrafted);
        place(&draft, &object, &shelf).map_err(GitError::io(&object))
    }
}

fn header(kind: ObjectKind, content: &[u8]) -> Vec<u8> {
    format!("{} {}\0", kind.word(), content.len()).into_bytes()
}

fn write_whole(draft: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(OBJECT_MODE);
    let written = options.open(draft)?.write_all(bytes);
    or_removed(draft, written)
}

fn place(draft: &Path, object: &Path, shelf: &Path) -> io::Result<()> {
    let placed = fs::rename(draft, object).or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            return Err(error);
        }
        // The first of its shelf. Another thread may make that, too.
        fs::create_dir_all(shelf)?;
        fs::rename(draft, object)
    });
    or_removed(draft, placed)
}

/// A draft that came to nothing would stay, perhaps on a full disk, until this process ends.
fn or_removed(draft: &Path, done: io::Result<()>) -> io::Result<()> {
    done.inspect_err(|_| {
        let _ = fs::remove_file(draft);
    })
}

fn id_of(format: ObjectFormat, kind: ObjectKind, content: &[u8]) -> Result<Oid, GitError> {
    let header = header(kind, content);
    let hash = match format {
        ObjectFormat::Sha1 => {
            let mut hasher = sha1_checked::Sha1::new();
            hasher.update(&header);
            hasher.update(content);
            let found = hasher.try_finalize();
            if found.has_collision() {
                return Err(GitError::Collision);
            }
            found.hash().to_vec()
        }
        ObjectFormat::Sha256 => {
            use sha2::Digest as _;
            let mut hasher = sha2::Sha256::new();
            hasher.update(&header);
            hasher.update(content);
            hasher.finalize().to_vec()
        }
    };
    Oid::from_raw(&hash).ok_or_else(|| GitError::unexpected("hash-object", &hash))
}

/// How much is unpacked at once, to be looked at and dropped.
const UNPACKED_BYTES: usize = 64 * 1024;

/// Removes every loose object in a folder that is not whole.
pub(crate) fn remove_damaged_objects(objects: &Path) -> io::Result<()> {
    for folder in fs::read_dir(objects)? {
        let folder = folder?;
        let is_fan_out = folder.file_name().len() == 2 && folder.file_type()?.is_dir();
        if !is_fan_out {
            continue;
        }
        for object in fs::read_dir(folder.path())? {
            let path = object?.path();
            let there = fs::read(&path);
            if there.is_ok_and(|bytes| !is_whole(&bytes)) {
                fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}

/// Removes what git processes that died left of objects and packs they were writing, if it was last written before a time;
/// tells how many files it was.
pub(crate) fn remove_temporary(objects: &Path, before: SystemTime) -> io::Result<u64> {
    let mut removed = 0;
    let mut folders = vec![objects.to_path_buf()];
    for folder in fs::read_dir(objects)? {
        let folder = folder?;
        let name = folder.file_name();
        let is_shelf = name.len() == 2 || name == "pack";
        if is_shelf && folder.file_type()?.is_dir() {
            folders.push(folder.path());
        }
    }
    for folder in folders {
        for file in fs::read_dir(&folder)? {
            let file = file?;
            let is_temporary = TEMPORARY
                .iter()
                .any(|prefix| file.file_name().as_bytes().starts_with(prefix.as_bytes()));
            if !is_temporary || !file.file_type()?.is_file() {
                continue;
            }
            if file.metadata()?.modified()? < before {
                fs::remove_file(file.path())?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// How git names what is not finished: objects, packs and their indexes.
const TEMPORARY: [&str; 4] = ["tmp_obj_", "tmp_pack_", "tmp_idx_", ".tmp-"];

fn is_whole(bytes: &[u8]) -> bool {
    let mut state = InflateState::new_boxed(DataFormat::Zlib);
    let mut unpacked = vec![0; UNPACKED_BYTES];
    let mut rest = bytes;
    loop {
        let step = inflate(&mut state, rest, &mut unpacked, MZFlush::None);
        rest = rest.get(step.bytes_consumed..).unwrap_or_default();
        match step.status {
            Ok(MZStatus::StreamEnd) => return rest.is_empty(),
            Ok(_) if step.bytes_consumed > 0 || step.bytes_written > 0 => {}
            Ok(_) | Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // M5: each of these is what power loss leaves of an object, and only the whole one stays.
    #[test]
    fn what_is_not_whole_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = dir.path().join("ab");
        fs::create_dir(&shelf).unwrap();
        let text: Vec<_> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let whole = compress_to_vec_zlib(&[b"blob 800000\0", text.as_slice()].concat(), 1);
        let page = 4096.min(whole.len() / 3);
        let mut zeroes_inside = whole.clone();
        zeroes_inside[page..2 * page].fill(0);
        let mut zeroes_at_the_end = whole.clone();
        let end = zeroes_at_the_end.len();
        zeroes_at_the_end[end - 4..].fill(0);
        for (name, bytes) in [
            ("whole", whole.clone()),
            ("empty", vec![]),
            ("zeroes", vec![0; whole.len()]),
            ("half", whole[..whole.len() / 2].to_vec()),
            ("longer", [whole.as_slice(), &[0; 10]].concat()),
            ("zeroes-inside", zeroes_inside),
            ("zeroes-at-the-end", zeroes_at_the_end),
        ] {
            fs::write(shelf.join(name), bytes).unwrap();
        }
        fs::write(dir.path().join("packs"), "not an object").unwrap();
        remove_damaged_objects(dir.path()).unwrap();
        let left: Vec<_> = fs::read_dir(&shelf)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(left, ["whole"]);
        assert!(dir.path().join("packs").exists());
    }

    // The ids are what `git hash-object -t blob` says, with either format.
    #[test]
    fn an_object_has_the_id_that_git_gives_it() {
        let id = |format| {
            let oid = id_of(format, ObjectKind::Blob, b"probe\n");
            oid.unwrap().to_string()
        };
        assert_eq!(
            id(ObjectFormat::Sha1),
            "da0c4eb8d9a48d171a33574b380752e183286751"
        );
        assert_eq!(
            id(ObjectFormat::Sha256),
            "733245b5d445558d5ed9c69892db5cacb18a05c6de8f70d8f13b762b3da220a1"
        );
    }

    // M5: what is half-written and old goes; what may be in work, and what is no such file, stays.
    #[test]
    fn what_dead_processes_were_writing_is_removed_once_it_is_old() {
        use std::time::Duration;

        let dir = tempfile::tempdir().unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let old = now - Duration::from_secs(7200);
        fs::create_dir(dir.path().join("ab")).unwrap();
        fs::create_dir(dir.path().join("pack")).unwrap();
        let files = [
            ("tmp_obj_1", old),
            ("ab/tmp_obj_2", old),
            ("ab/tmp_obj_3", now),
            ("ab/cdef", old),
            ("pack/tmp_pack_4", old),
            ("pack/.tmp-5-pack-6.idx", old),
            ("pack/pack-7.pack", old),
        ];
        for (name, time) in files {
            let file = fs::File::create(dir.path().join(name)).unwrap();
            file.set_modified(time).unwrap();
        }
        let an_hour_ago = now - Duration::from_secs(3600);
        assert_eq!(remove_temporary(dir.path(), an_hour_ago).unwrap(), 4);
        let left = files.map(|(name, _)| dir.path().join(name).exists());
        assert_eq!(left, [false, false, true, true, false, false, true]);
    }
}
