//! Content as git would store it.

use hyperion_api::change_request::FailureCode;
use hyperion_api::task_request::Change;
use hyperion_git::{FileMode, NewFile, Oid, RepoStore, Stored, TreePath};
use hyperion_model::Digest;

use super::materialise::{ItemFailure, MadeItem, Side};
use super::result::body;
use crate::Error;

/// Gives files the content that `git add` would store, by the attributes of the base; the failures are those it cannot, and
/// those that are not what the change says they come to, before or after that.
pub(super) fn store_as_git_would(
    git: &RepoStore,
    tree: &Oid,
    changes: &[Change],
    items: &mut [MadeItem],
) -> Result<Vec<ItemFailure>, Error> {
    let unlike: Vec<usize> = (0..items.len())
        .filter(|index| result_unlike(changes, items, *index).is_some())
        .collect();
    let paths: Vec<TreePath> = items
        .iter()
        .map(|item| TreePath::from(item.path.as_str()))
        .collect();
    let (mut numbers, mut files) = (Vec::new(), Vec::new());
    for (index, (item, path)) in items.iter().zip(&paths).enumerate() {
        let new = item.new.as_ref();
        if let Some(new) = new.filter(|new| new.mode != FileMode::Symlink) {
            numbers.push(index);
            files.push(NewFile {
                path,
                bytes: &new.bytes,
                old: item.old.as_ref().map(|old| old.bytes.as_slice()),
            });
        }
    }
    let gone = items.iter().filter_map(|item| match &item.from_path {
        Some(from) => Some(TreePath::from(from.as_str())),
        None => {
            let is_file = |new: &Side| new.mode != FileMode::Symlink;
            let stays = item.new.as_ref().is_some_and(is_file);
            (!stays).then(|| TreePath::from(item.path.as_str()))
        }
    });
    let stored = git.stored(tree, &files, &gone.collect())?;
    let mut failures = Vec::new();
    for (index, stored) in numbers.into_iter().zip(stored) {
        match stored {
            Stored::AsItIs => {}
            Stored::Otherwise(bytes) => {
                if let Some(new) = items.get_mut(index).and_then(|item| item.new.as_mut()) {
                    new.bytes = bytes;
                }
            }
            Stored::Refused(why) => failures.extend(changes.get(index).map(|change| ItemFailure {
                index,
                field: Some(body(change)),
                path: change.path.clone(),
                code: FailureCode::PermissionDenied,
                detail: why.to_string(),
                stale: false,
            })),
        }
    }
    for index in unlike {
        failures.extend(result_unlike(changes, items, index));
    }
    Ok(failures)
}

/// Says that a file is not what its change says it comes to.
fn result_unlike(changes: &[Change], items: &[MadeItem], index: usize) -> Option<ItemFailure> {
    let change = changes.get(index)?;
    let wanted = change.result_hash.as_ref()?;
    let made = Digest::of(&items.get(index)?.new.as_ref()?.bytes);
    if wanted.parse() == Ok(made) {
        return None;
    }
    let detail =
        format!("the result is {made}, not {wanted}: make the change again, or leave the hash out");
    Some(ItemFailure {
        index,
        field: Some("result_hash"),
        path: change.path.clone(),
        code: FailureCode::HashMismatch,
        detail,
        stale: false,
    })
}
