//! What was carried out of late, so that a change is made once on its way from its request to its judgement.
//!
//! It is looked at when it is filed, when it is planned, when it is handed in and when it is judged. It is the same each
//! time, as an id of git's never stands for another tree; after a restart it is made anew.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyperion_api::task_request::{Change, Encoding, Operation};
use hyperion_git::{Oid, RepoStore};
use hyperion_model::Digest;
use sha2::{Digest as _, Sha256};

use super::{Made, MadeItem};
use crate::Sizes;

/// The most changes that are kept.
const KEPT_MAX: usize = 64;
/// The most bytes of the files of all of them.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// Changes that were carried out, the latest last.
#[derive(Default)]
pub struct CarriedOut(Mutex<VecDeque<Kept>>);

/// What decides how a change comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    repository: PathBuf,
    base_tree: Oid,
    changes: Digest,
}

struct Kept {
    key: Key,
    /// What it was found to keep to.
    sizes: Sizes,
    bytes: usize,
    made: Arc<Made>,
}

impl Key {
    pub(super) fn new(git: &RepoStore, base_tree: &Oid, changes: &[Change]) -> Self {
        Self {
            repository: git.user().git_dir().to_path_buf(),
            base_tree: base_tree.clone(),
            changes: digest(changes),
        }
    }
}

impl CarriedOut {
    /// Finds what changes come to, if that is known, keeps to these sizes and is what the changes say of it.
    pub(super) fn get(&self, key: &Key, changes: &[Change], sizes: &Sizes) -> Option<Arc<Made>> {
        let mut kept = self.lock();
        let fits =
            |kept: &Kept| kept.key == *key && (kept.sizes == *sizes || *sizes == Sizes::ACCEPTED);
        let at = kept.iter().position(fits)?;
        let found = kept.remove(at)?;
        let made = Arc::clone(&found.made);
        kept.push_back(found);
        drop(kept);
        is_as_stated(changes, &made.items).then_some(made)
    }

    pub(super) fn keep(&self, key: Key, sizes: &Sizes, made: &Arc<Made>) {
        let sides = made.items.iter().flat_map(|item| [&item.old, &item.new]);
        let bytes: usize = sides.flatten().map(|side| side.bytes.len()).sum();
        let mut kept = self.lock();
        kept.retain(|kept| kept.key != key);
        kept.push_back(Kept {
            key,
            sizes: *sizes,
            bytes,
            made: Arc::clone(made),
        });
        while kept.len() > KEPT_MAX || kept.iter().map(|kept| kept.bytes).sum::<usize>() > BYTES_MAX
        {
            kept.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whether the hashes that changes give are those of what was made: they are no part of the key.
fn is_as_stated(changes: &[Change], items: &[MadeItem]) -> bool {
    changes.iter().zip(items).all(|(change, item)| {
        let stated = [
            (&change.base_hash, &item.old),
            (&change.result_hash, &item.new),
        ];
        stated.into_iter().all(|(hash, side)| match (hash, side) {
            (Some(hash), Some(side)) => hash.parse() == Ok(Digest::of(&side.bytes)),
            (Some(_), None) | (None, _) => true,
        })
    })
}

fn digest(changes: &[Change]) -> Digest {
    let mut hash = Sha256::new();
    for change in changes {
        let Change {
            operation,
            path,
            from_path,
            mode,
            base_hash: _,
            patch,
            content,
            encoding,
            result_hash: _,
        } = change;
        let operation = match operation {
            Operation::Create => "create",
            Operation::Modify => "modify",
            Operation::Delete => "delete",
            Operation::Rename => "rename",
            Operation::Chmod => "chmod",
        };
        let encoding = match encoding {
            Encoding::Utf8 => "utf-8",
            Encoding::Base64 => "base64",
        };
        let parts = [
            Some(operation),
            Some(path.as_str()),
            from_path.as_deref(),
            mode.as_deref(),
            patch.as_deref(),
            content.as_deref(),
            Some(encoding),
        ];
        for part in parts {
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            hash.update(length.to_be_bytes());
            hash.update(part.unwrap_or_default());
        }
    }
    Digest::from_bytes(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_set::materialise;
    use crate::testing::World;

    // Decisions §6.6: a change is made once; what is asked with other words or limits is made anew.
    #[test]
    fn what_was_made_is_found_by_what_decides_it() {
        let world = World::new(&[("a.txt", "one\n")]);
        let repo = world
            .cx
            .store
            .list::<hyperion_model::repo::Repo>(&hyperion_store::Filter::default());
        let opened = world
            .cx
            .repos
            .open(&world.cx, repo.unwrap().rows[0].id)
            .unwrap();
        let git = &opened.git;
        let tree = git
            .tree_of(&Oid::parse(&world.repo.tip("main")).unwrap())
            .unwrap();
        let change = serde_json::json!({"operation": "create", "path": "b.txt", "content": "b\n"});
        let mut changes: Vec<Change> = vec![serde_json::from_value(change).unwrap()];
        let sizes = world.cx.settings.sizes;
        let make = |changes: &[Change], sizes: &Sizes| {
            materialise(&world.cx, git, &tree, changes, sizes)
                .unwrap()
                .unwrap()
        };
        let first = make(&changes, &sizes);
        assert!(Arc::ptr_eq(&first, &make(&changes, &sizes)));
        assert!(Arc::ptr_eq(&first, &make(&changes, &Sizes::ACCEPTED)));
        let narrower = Sizes {
            max_file_bytes: 1,
            ..sizes
        };
        assert!(!Arc::ptr_eq(&first, &make(&changes, &narrower)));
        changes[0].result_hash = Some(Digest::of(b"b\n").to_string());
        let stated = make(&changes, &narrower);
        assert_eq!(stated.draft, first.draft);
        changes[0].result_hash = Some(Digest::of(b"other").to_string());
        assert!(
            materialise(&world.cx, git, &tree, &changes, &narrower)
                .unwrap()
                .is_err()
        );
        changes[0].result_hash = None;
        changes[0].path = "c.txt".to_owned();
        assert_ne!(make(&changes, &narrower).draft, first.draft);
        for number in 0..2 * KEPT_MAX {
            changes[0].path = format!("{number}.txt");
            make(&changes, &sizes);
        }
        assert_eq!(world.cx.carried_out.lock().len(), KEPT_MAX);
    }
}
