//! Which edited files of a work tree a landing would meet: the rule by which `git merge --ff-only` lets a person's edits be.

use std::collections::BTreeSet;

use crate::attributes::ATTRIBUTES_FILE;
use crate::path::TreePath;
use crate::read::RawChange;

/// Gives those edited files that a landing with these changes cannot leave as they are.
///
/// A landing meets an edited file where it changes it, where a folder of the one is a file of the other, and where one is a
/// `.gitattributes` that says how the other is stored.
pub(crate) fn met(edited: &BTreeSet<TreePath>, changes: &[RawChange]) -> BTreeSet<TreePath> {
    if edited.is_empty() {
        return BTreeSet::new();
    }
    let touched: BTreeSet<&[u8]> = changes
        .iter()
        .map(|change| change.path.as_bytes())
        .collect();
    let folders: BTreeSet<&[u8]> = touched.iter().flat_map(|path| folders_of(path)).collect();
    let attributes_in =
        |folder: &[u8]| touched.contains([folder, ATTRIBUTES_FILE.as_bytes()].concat().as_slice());
    let is_met = |path: &[u8]| {
        touched.contains(path)
            || folders.contains([path, b"/"].concat().as_slice())
            || path
                .strip_suffix(ATTRIBUTES_FILE.as_bytes())
                .is_some_and(|folder| folders.contains(folder))
            || folders_of(path).any(|folder| {
                attributes_in(folder)
                    || folder
                        .strip_suffix(b"/")
                        .is_some_and(|file| touched.contains(file))
            })
    };
    edited
        .iter()
        .filter(|path| is_met(path.as_bytes()))
        .cloned()
        .collect()
}

/// The folders that a path is in, each with the slash at its end; the tree itself is the empty one.
fn folders_of(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    std::iter::once(0)
        .chain(ends.map(|(at, _)| at + 1))
        .filter_map(|end| path.get(..end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::ChangeStatus;

    #[test]
    fn only_what_a_landing_touches_is_met() {
        let changes = |paths: &[&str]| -> Vec<RawChange> {
            let change = |path: &&str| RawChange {
                old_mode: None,
                new_mode: None,
                old_oid: None,
                new_oid: None,
                status: ChangeStatus::Modified,
                path: TreePath::from(*path),
                from_path: None,
            };
            paths.iter().map(change).collect()
        };
        let cases: [(&[&str], &[&str], &[&str]); 9] = [
            (&["a", "b"], &["b", "c"], &["b"]),
            (&["a", "dir/a"], &["dir", "ab"], &["dir/a"]),
            (&["dir", "di"], &["dir/sub/x"], &["dir"]),
            (&["dir/x"], &["dir/y", "dir-x"], &[]),
            (&[".gitattributes"], &["any/file"], &[".gitattributes"]),
            (
                &["in/.gitattributes"],
                &["in/deep/x"],
                &["in/.gitattributes"],
            ),
            (&["in/.gitattributes", "x.gitattributes"], &["out/x"], &[]),
            (&["in/x", "out/x"], &["in/.gitattributes"], &["in/x"]),
            (&["a"], &[], &[]),
        ];
        for (edited, touched, expected) in cases {
            let edited = edited.iter().map(|path| TreePath::from(*path)).collect();
            let expected = expected.iter().map(|path| TreePath::from(*path)).collect();
            assert_eq!(met(&edited, &changes(touched)), expected, "{touched:?}");
        }
    }
}
