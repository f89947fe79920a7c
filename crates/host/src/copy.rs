//! Copies of files that survive a crash, and renames that overwrite nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

/// How much is read and written at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Reads a regular file piece by piece; gives its length.
pub fn read_pieces(path: &Path, each: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
    let mut file = open_regular(path)?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut bytes = 0;
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(bytes),
            Ok(read) => {
                each(&piece[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Copies a regular file to a new one (mode 0600), showing each piece on the way; gives its length.
///
/// It is not synced: whoever copies many files syncs them together.
pub fn copy_new(from: &Path, to: &Path, each: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)?;
    let mut written = Ok(());
    let bytes = read_pieces(from, &mut |piece| {
        if written.is_ok() {
            written = out.write_all(piece);
            each(piece);
        }
    });
    match written.and(bytes) {
        Ok(bytes) => Ok(bytes),
        Err(error) => {
            let _ = fs::remove_file(to);
            Err(error)
        }
    }
}

/// Gives something a name that nothing has yet; never over something that is there.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Some network file systems cannot; there, whoever writes is alone by agreement.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        Err(error) => Err(error.into()),
    }
}

/// Gives each of two names what the other one had, in one step where the file system can.
pub fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

fn open_regular(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_shows_what_it_writes_and_never_writes_over_anything() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let long = vec![7; PIECE_BYTES + 10];
        fs::write(at("a"), &long).unwrap();
        let mut shown = Vec::new();
        let bytes = copy_new(&at("a"), &at("b"), &mut |piece| {
            shown.extend_from_slice(piece);
        });
        assert_eq!(bytes.unwrap(), long.len() as u64);
        assert_eq!(shown, long);
        assert_eq!(fs::read(at("b")).unwrap(), long);
        fs::write(at("c"), "mine").unwrap();
        assert!(copy_new(&at("a"), &at("c"), &mut |_| {}).is_err());
        assert!(rename_new(&at("a"), &at("c")).is_err());
        assert_eq!(fs::read(at("c")).unwrap(), b"mine");
        rename_new(&at("a"), &at("d")).unwrap();
        exchange(&at("c"), &at("d")).unwrap();
        assert_eq!(fs::read(at("d")).unwrap(), b"mine");
    }
}
