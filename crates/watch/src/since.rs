//! Which files have changed since a moment, by the times that the file system keeps: for whoever could not listen.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use crate::ignored::Ignored;
use crate::{Change, Kind};

/// What has changed since a moment.
#[derive(Debug, Default)]
pub struct Since {
    /// The files that are there, and new or another than then. What was removed leaves no time behind.
    pub changes: Vec<Change>,
    /// Whether there was more than may be looked at.
    pub missed: bool,
}

/// Finds what has changed beneath a folder; looks at so many files and folders at most.
///
/// The time of the last change to a file (`ctime`) is the kernel's: no program can set it.
#[must_use]
pub fn changed_since(root: &Path, since: SystemTime, max: usize) -> Since {
    let mut found = Since::default();
    let mut ignored = Ignored::default();
    let mut folders = vec![root.to_path_buf()];
    let mut looked = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            looked += 1;
            if looked > max {
                found.missed = true;
                return found;
            }
            let path = entry.path();
            // Gone meanwhile, or not to be read: nothing is known of it.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let is_folder = metadata.is_dir();
            if entry.file_name() == ".git" || ignored.leaves_out(root, &path, is_folder) {
                continue;
            }
            if is_folder {
                if !path.join(".git").exists() {
                    folders.push(path);
                }
            } else if changed_at(&metadata) >= since {
                let is_new = metadata.created().is_ok_and(|created| created >= since);
                found.changes.push(Change {
                    root: root.to_path_buf(),
                    path,
                    kind: if is_new {
                        Kind::Created
                    } else {
                        Kind::Modified
                    },
                });
            }
        }
    }
    found.changes.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Tells whether a file that is not there may have been removed since a moment: the folder that it was in, or the nearest one that is left,
/// has changed since.
#[must_use]
pub fn may_be_gone_since(path: &Path, since: SystemTime) -> bool {
    let folders = path.ancestors().skip(1);
    let mut there = folders.filter_map(|folder| fs::metadata(folder).ok());
    there
        .next()
        .is_some_and(|metadata| changed_at(&metadata) >= since)
}

fn changed_at(metadata: &fs::Metadata) -> SystemTime {
    let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
    let nanos = u32::try_from(metadata.ctime_nsec()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + std::time::Duration::new(seconds, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_found_by_times_that_nobody_can_set() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::create_dir_all(root.join(".git")).unwrap();
        for name in ["old", "edited", "sub/edited", ".gitignore"] {
            fs::write(root.join(name), "*.log\n").unwrap();
        }
        let mark = |name: &str| {
            fs::write(root.join(name), "").unwrap();
            changed_at(&fs::metadata(root.join(name)).unwrap())
        };
        // The clock of files goes in steps: the moment is one of its own.
        let before = mark("a.log");
        let since = std::iter::repeat_with(|| mark("b.log"))
            .find(|at| *at > before)
            .unwrap();
        fs::write(root.join("edited"), "two").unwrap();
        fs::write(root.join("sub/edited"), "two").unwrap();
        fs::write(root.join("c.log"), "left out").unwrap();
        fs::write(root.join(".git/index"), "left out").unwrap();
        fs::write(root.join("new"), "").unwrap();
        let back = fs::File::options()
            .write(true)
            .open(root.join("edited"))
            .unwrap();
        back.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let found = changed_since(root, since, 100);
        let found: Vec<_> = found
            .changes
            .iter()
            .map(|change| {
                (
                    change.path.strip_prefix(root).unwrap().to_str().unwrap(),
                    change.kind,
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("edited", Kind::Modified),
                ("new", Kind::Created),
                ("sub/edited", Kind::Modified),
            ]
        );
        assert!(changed_since(root, since, 3).missed);
        assert!(may_be_gone_since(&root.join("gone"), since));
        assert!(may_be_gone_since(&root.join("gone/with/it"), since));
        let later = since + std::time::Duration::from_secs(3600);
        assert!(!may_be_gone_since(&root.join("gone"), later));
    }
}
