//! What differs between two trees.

use std::collections::BTreeMap;

use crate::call::LONG;
use crate::error::GitError;
use crate::oid::Oid;
use crate::path::TreePath;
use crate::read::{ChangeStatus, RawChange, Renames};
use crate::store::RepoStore;
use crate::tree::{Mode, RawEntry};

impl RepoStore {
    /// What differs between two trees or commits, file by file.
    pub fn diff_trees(
        &self,
        old: &Oid,
        new: &Oid,
        renames: Renames,
    ) -> Result<Vec<RawChange>, GitError> {
        let (old, new) = (self.tree_of(old)?, self.tree_of(new)?);
        match renames {
            Renames::Off => self.differences(&old, &new),
            Renames::On => self.ask_for_renames(&old, &new),
        }
    }

    /// Compares folder by folder: equal ones are not entered, and most are known from the last time.
    fn differences(&self, old: &Oid, new: &Oid) -> Result<Vec<RawChange>, GitError> {
        let mut changes = Vec::new();
        let mut folders = vec![(Vec::new(), Some(old.clone()), Some(new.clone()))];
        while let Some((prefix, old, new)) = folders.pop() {
            if old == new {
                continue;
            }
            let read = |tree: Option<Oid>| tree.map(|tree| self.raw_tree(&tree)).transpose();
            let (old, new) = (read(old)?, read(new)?);
            let mut names: BTreeMap<&[u8], (Option<&RawEntry>, Option<&RawEntry>)> =
                BTreeMap::new();
            for entry in old.iter().flat_map(|entries| entries.iter()) {
                names.entry(&entry.name).or_default().0 = Some(entry);
            }
            for entry in new.iter().flat_map(|entries| entries.iter()) {
                names.entry(&entry.name).or_default().1 = Some(entry);
            }
            for (name, (old, new)) in names {
                let path = [prefix.as_slice(), name].concat();
                let same = |(a, b): (&RawEntry, &RawEntry)| a.mode == b.mode && a.oid == b.oid;
                if old.zip(new).is_some_and(same) {
                    continue;
                }
                let folder = |entry: Option<&RawEntry>| {
                    entry
                        .filter(|entry| entry.mode == Mode::Tree)
                        .map(|entry| entry.oid.clone())
                };
                let (old_folder, new_folder) = (folder(old), folder(new));
                if old_folder.is_some() || new_folder.is_some() {
                    let below = [path.as_slice(), b"/"].concat();
                    folders.push((below, old_folder, new_folder));
                }
                let is_file = |entry: &&RawEntry| entry.mode != Mode::Tree;
                changes.extend(change(path, old.filter(is_file), new.filter(is_file)));
            }
        }
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(changes)
    }

    fn ask_for_renames(&self, old: &Oid, new: &Oid) -> Result<Vec<RawChange>, GitError> {
        let answer = self
            .own_call("diff-tree")
            .args([
                "-r",
                "-z",
                "--raw",
                "--no-abbrev",
                "--find-renames=50%",
                old.as_str(),
                new.as_str(),
            ])
            .wall(LONG)
            .output()?;
        parse_changes(&answer).ok_or_else(|| GitError::unexpected("diff-tree", &answer))
    }
}

/// Says what became of a path that is a file, a link or a submodule on one side at least.
fn change(path: Vec<u8>, old: Option<&RawEntry>, new: Option<&RawEntry>) -> Option<RawChange> {
    let is_plain = |mode: Mode| matches!(mode, Mode::File | Mode::Executable);
    let status = match (old, new) {
        (None, None) => return None,
        (None, Some(_)) => ChangeStatus::Added,
        (Some(_), None) => ChangeStatus::Deleted,
        (Some(old), Some(new)) if old.mode == new.mode => ChangeStatus::Modified,
        (Some(old), Some(new)) if is_plain(old.mode) && is_plain(new.mode) => {
            ChangeStatus::Modified
        }
        (Some(_), Some(_)) => ChangeStatus::TypeChanged,
    };
    Some(RawChange {
        old_mode: old.map(|old| old.mode),
        new_mode: new.map(|new| new.mode),
        old_oid: old.map(|old| old.oid.clone()),
        new_oid: new.map(|new| new.oid.clone()),
        status,
        path: TreePath::from(path),
        from_path: None,
    })
}

/// Reads `:<mode> <mode> <id> <id> <status>NUL<path>NUL[<path>NUL]`, again and again.
fn parse_changes(answer: &[u8]) -> Option<Vec<RawChange>> {
    let mut fields = answer.split(|byte| *byte == 0);
    let mut changes = Vec::new();
    loop {
        let header = std::str::from_utf8(fields.next()?).ok()?;
        if header.is_empty() {
            return Some(changes);
        }
        let mut words = header.strip_prefix(':')?.split(' ');
        let mut mode = || Some(Mode::from_bits(u32::from_str_radix(words.next()?, 8).ok()?));
        let (old_mode, new_mode) = (mode()?, mode()?);
        let mut oid =
            || Some(Oid::parse(words.next()?).ok()?).map(|oid| (!oid.is_null()).then_some(oid));
        let (old_oid, new_oid) = (oid()?, oid()?);
        let status = match words.next()?.as_bytes().first()? {
            b'A' => ChangeStatus::Added,
            b'D' => ChangeStatus::Deleted,
            b'M' => ChangeStatus::Modified,
            b'T' => ChangeStatus::TypeChanged,
            b'R' => ChangeStatus::Renamed,
            b'C' => ChangeStatus::Copied,
            _ => return None,
        };
        let first = TreePath::from(fields.next()?);
        let (path, from_path) = match status {
            ChangeStatus::Renamed | ChangeStatus::Copied => {
                (TreePath::from(fields.next()?), Some(first))
            }
            ChangeStatus::Added
            | ChangeStatus::Deleted
            | ChangeStatus::Modified
            | ChangeStatus::TypeChanged => (first, None),
        };
        changes.push(RawChange {
            old_mode,
            new_mode,
            old_oid,
            new_oid,
            status,
            path,
            from_path,
        });
    }
}
