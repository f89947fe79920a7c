//! What a writer left behind that died in the middle: told by its content, and put where it belongs.

use hyperion_fault::{Point, reached};
use rustix::fs::{AtFlags, Dir, RenameFlags};
use rustix::io::Errno;

use super::BeneathError;
use super::folder::Folder;
use super::write::{prefix, take_turn};

/// The most files that are looked at; a writer leaves one.
const LEFT_MAX: usize = 64;

/// What became of what dead writers left beside a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Nothing was there, or only what the writer itself had written or was to remove; it is gone.
    Cleared,
    /// It had taken somebody's content out of its place; that is there again.
    PutBack,
    /// Content of nobody known is still there, under this name.
    Kept(String),
}

/// Clears what was left beside `name`; `is_ours` knows the content that the dead writer expected and the one it wrote.
///
/// Whoever has the folder's turn is alone with what it finds: a writer that lives leaves nothing when it gives its turn away.
pub(super) fn settle(
    folder: &Folder,
    name: &str,
    path: &str,
    is_ours: &dyn Fn(&[u8]) -> bool,
    max_bytes: u64,
) -> Result<Settled, BeneathError> {
    let _turn = take_turn(folder, path)?;
    let failed = |errno| BeneathError::of(path, errno);
    let mut settled = Settled::Cleared;
    for left in left_beside(folder, name, path)? {
        let read = |name: &str| folder.read(name, path, max_bytes);
        let remove = || rustix::fs::unlinkat(folder.handle(), &left, AtFlags::empty());
        let rename =
            |flags| rustix::fs::renameat_with(folder.handle(), &left, folder.handle(), name, flags);
        if read(&left).is_ok_and(|found| is_ours(&found.bytes)) {
            remove().map_err(failed)?;
            reached(Point::LeftoverRemoved);
            continue;
        }
        match rename(RenameFlags::NOREPLACE) {
            Ok(()) => settled = Settled::PutBack,
            // What is in its place is the writer's: it came too late, and gives way again.
            Err(Errno::EXIST) if read(name).is_ok_and(|found| is_ours(&found.bytes)) => {
                rename(RenameFlags::EXCHANGE).map_err(failed)?;
                remove().map_err(failed)?;
                settled = Settled::PutBack;
            }
            Err(Errno::EXIST) => settled = Settled::Kept(left),
            Err(errno) => return Err(failed(errno)),
        }
    }
    rustix::fs::fsync(folder.handle()).map_err(failed)?;
    Ok(settled)
}

fn left_beside(folder: &Folder, name: &str, path: &str) -> Result<Vec<String>, BeneathError> {
    let failed = |errno| BeneathError::of(path, errno);
    let prefix = prefix(name);
    let mut left = Vec::new();
    for entry in Dir::read_from(folder.handle()).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Ok(found) = entry.file_name().to_str()
            && found.starts_with(&prefix)
            && left.len() < LEFT_MAX
        {
            left.push(found.to_owned());
        }
    }
    left.sort();
    Ok(left)
}
