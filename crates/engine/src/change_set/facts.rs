//! What policy needs to know of a change.

use std::collections::BTreeMap;

use hyperion_git::{FileMode, Oid, RepoStore, TreePath};
use hyperion_model::ChangeFacts;
use hyperion_model::facts::{Class, ItemFacts, Operation};
use hyperion_patch::{DiffOptions, LineKind, diff, is_binary};
use hyperion_policy::redact::binary_text;
use hyperion_policy::{Redactor, Rules, adds_secret};

use super::MadeItem;
use super::materialise::mode_bits;

/// The most bytes of a manifest or module that is read to tell whether others call it.
const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;

/// Gathers the facts of a change from its items.
pub(crate) fn change_facts(
    class: Class,
    items: &[MadeItem],
    owns: Vec<String>,
    from_outside: bool,
    is_rollback: bool,
) -> ChangeFacts {
    ChangeFacts {
        class,
        items: items.iter().map(item_facts).collect(),
        owns,
        from_outside,
        is_rollback,
    }
}

/// Looks up, in the tree that a change starts from, which of its files declare nothing that others may call.
pub(crate) fn mark_internal(facts: &mut ChangeFacts, git: &RepoStore, tip: &Oid) {
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    // What cannot be read is not there: then the file counts as one that others call.
    let read = |path: &str| {
        let entry = git.lookup(tip, &TreePath::from(path)).ok().flatten()?;
        let bytes = git.read_blob(&entry.oid, MANIFEST_BYTES_MAX).ok()?;
        String::from_utf8(bytes).ok()
    };
    hyperion_policy::mark_internal(facts, &mut |path| {
        known
            .entry(path.to_owned())
            .or_insert_with(|| read(path))
            .clone()
    });
}

/// Tells whether a change with these items would be refused for a secret.
pub(super) fn add_secret(items: &[MadeItem], rules: &Rules, redactor: &Redactor) -> bool {
    items
        .iter()
        .any(|item| adds_secret(&item_facts(item), rules, redactor))
}

fn item_facts(item: &MadeItem) -> ItemFacts {
    let empty: &[u8] = &[];
    let old = item
        .old
        .as_ref()
        .map_or(empty, |side| side.bytes.as_slice());
    let new = item
        .new
        .as_ref()
        .map_or(empty, |side| side.bytes.as_slice());
    let is_link = |mode: Option<FileMode>| mode == Some(FileMode::Symlink);
    let (old_mode, new_mode) = (
        item.old.as_ref().map(|side| side.mode),
        item.new.as_ref().map(|side| side.mode),
    );
    let found = diff(old, new, &DiffOptions::default());
    let lines = |kind| {
        found
            .hunks
            .iter()
            .flat_map(|hunk| &hunk.lines)
            .filter(|line| line.kind == kind)
            .map(|line| String::from_utf8_lossy(line.content()).into_owned())
            .collect::<Vec<_>>()
    };
    let mut added = lines(LineKind::Added);
    // A file that becomes a link leads somewhere, whatever it held before.
    if is_link(new_mode) && (old != new || !is_link(old_mode)) {
        added = vec![String::from_utf8_lossy(new).into_owned()];
    }
    let binary = is_binary(old) || is_binary(new);
    let text = |bytes| {
        if binary {
            binary_text(bytes)
        } else {
            Vec::new()
        }
    };
    ItemFacts {
        path: item.path.clone(),
        from_path: item.from_path.clone(),
        operation: operation(item.operation),
        added,
        removed: lines(LineKind::Removed),
        binary,
        binary_text: text(new),
        binary_text_before: text(old),
        same_content: item.old.is_some() && item.new.is_some() && old == new,
        only_whitespace: old != new
            && item.old.is_some()
            && item.new.is_some()
            && bare(old) == bare(new),
        mode: new_mode.map(mode_bits),
        old_mode: old_mode.map(mode_bits),
        new_size: new.len() as u64,
        is_internal: false,
    }
}

fn bare(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect()
}

/// Gives an operation as facts name it.
pub(crate) const fn operation(operation: hyperion_api::task_request::Operation) -> Operation {
    use hyperion_api::task_request::Operation as Wire;
    match operation {
        Wire::Create => Operation::Create,
        Wire::Modify => Operation::Modify,
        Wire::Delete => Operation::Delete,
        Wire::Rename => Operation::Rename,
        Wire::Chmod => Operation::Chmod,
    }
}
