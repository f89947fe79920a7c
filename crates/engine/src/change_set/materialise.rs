//! From changes as they are written to a tree: in memory, exactly, or not at all.
//!
//! Nothing of it is on a disk before somebody writes it: judging, or whoever has another change to make on top.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use hyperion_api::change_request::FailureCode;
use hyperion_api::task_request::{Change, Operation};
use hyperion_git::{
    Content, EditError, FileMode, Mode, Oid, RepoStore, TreeDraft, TreeEdit, TreePath,
};
use hyperion_model::{Digest, RepoPath};
use hyperion_patch::MovedHunk;

use super::between::BYTES_MAX;
use super::facts::add_secret;
use super::once::Key;
use super::result::new_side;
use super::stored::store_as_git_would;
use crate::{Cx, Error, Sizes};

/// One side of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// What it is.
    pub mode: FileMode,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// One change, carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeItem {
    /// The path afterwards.
    pub path: RepoPath,
    /// The path before, where it moved.
    pub from_path: Option<RepoPath>,
    /// What happens to it.
    pub operation: Operation,
    /// The file before.
    pub old: Option<Side>,
    /// The file afterwards.
    pub new: Option<Side>,
    /// The hunks of its patch that were not where the patch says.
    pub moved: Vec<MovedHunk>,
}

/// Changes, carried out on a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The new tree, in memory.
    pub draft: TreeDraft,
    /// What was done, change by change.
    pub items: Vec<MadeItem>,
}

impl Made {
    /// Writes the tree, for another change to be made on top; none where it adds a secret, of which nothing is to be left.
    pub fn write(&self, cx: &Cx, git: &RepoStore) -> Result<Option<Oid>, Error> {
        if add_secret(&self.items, cx.rules()?, &cx.redactor) {
            return Ok(None);
        }
        git.keep(&self.draft)?;
        Ok(Some(self.draft.tree().clone()))
    }
}

/// A change that does not fit its base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFailure {
    /// Which change, from 0.
    pub index: usize,
    /// Which field is at fault, where one is.
    pub field: Option<&'static str>,
    /// The path.
    pub path: String,
    /// The stable code.
    pub code: FailureCode,
    /// What does not fit, and what to do.
    pub detail: String,
    /// Whether the file changed since the change was made.
    pub stale: bool,
}

/// Carries changes out on a tree, unless that was done of late; the failures are all there are.
pub fn materialise(
    cx: &Cx,
    git: &RepoStore,
    base_tree: &Oid,
    changes: &[Change],
    sizes: &Sizes,
) -> Result<Result<Arc<Made>, Vec<ItemFailure>>, Error> {
    let key = Key::new(git, base_tree, changes);
    if let Some(made) = cx.carried_out.get(&key, changes, sizes) {
        return Ok(Ok(made));
    }
    let made = carry_all_out(git, base_tree, changes, sizes)?;
    Ok(made.map(|made| {
        let made = Arc::new(made);
        cx.carried_out.keep(key, sizes, &made);
        made
    }))
}

/// Notes what changes come to that were read from two trees, where carrying them out would come to the same.
pub(super) fn note_made(
    cx: &Cx,
    git: &RepoStore,
    (from, to): (&Oid, &Oid),
    changes: &[Change],
    mut items: Vec<MadeItem>,
) -> Result<(), Error> {
    let sizes = &cx.settings.sizes;
    let patched = changes.iter().zip(&items);
    let is_large = |old: &Side| old.bytes.len() as u64 > sizes.max_file_bytes;
    let too_large = patched
        .filter(|(change, _)| change.patch.is_some())
        .any(|(_, item)| item.old.as_ref().is_some_and(is_large));
    if too_large || !store_as_git_would(git, from, changes, &mut items)?.is_empty() {
        return Ok(());
    }
    match git.draft_tree(from, items.iter().flat_map(edits).collect()) {
        Ok(draft) if draft.tree() == to => {
            let key = Key::new(git, from, changes);
            let made = Arc::new(Made { draft, items });
            cx.carried_out.keep(key, sizes, &made);
        }
        // What does not fit is found where it is carried out, and said there.
        Ok(_) | Err(_) => {}
    }
    Ok(())
}

fn carry_all_out(
    git: &RepoStore,
    base_tree: &Oid,
    changes: &[Change],
    sizes: &Sizes,
) -> Result<Result<Made, Vec<ItemFailure>>, Error> {
    let mut items = Vec::new();
    let mut failures = Vec::new();
    let base = Base {
        git,
        tree: base_tree,
        leaving: leaving(changes),
        read_bytes: Cell::new(0),
    };
    for (index, change) in changes.iter().enumerate() {
        match carry_out(&base, change, sizes)? {
            Ok(item) => items.push(item),
            Err(Unfit {
                field,
                code,
                detail,
                stale,
            }) => failures.push(ItemFailure {
                index,
                field,
                path: change.path.clone(),
                code,
                detail,
                stale,
            }),
        }
    }
    if failures.is_empty() {
        failures = store_as_git_would(git, base_tree, changes, &mut items)?;
    }
    if !failures.is_empty() {
        return Ok(Err(failures));
    }
    let edits: Vec<TreeEdit> = items.iter().flat_map(edits).collect();
    match git.draft_tree(base_tree, edits) {
        Ok(draft) => Ok(Ok(Made { draft, items })),
        Err(EditError::Git(error)) => Err(error.into()),
        Err(error) => Ok(Err(vec![place(&error, changes)])),
    }
}

/// Says which change an edit that does not fit came from.
fn place(error: &EditError, changes: &[Change]) -> ItemFailure {
    let path = match error {
        EditError::BadPath { path, .. }
        | EditError::Missing { path }
        | EditError::Exists { path }
        | EditError::IsFolder { path }
        | EditError::LinkMode { path }
        | EditError::NotAFolder { path, .. }
        | EditError::SymlinkParent { path, .. }
        | EditError::InSubmodule { path, .. }
        | EditError::Collision { path } => path.to_string(),
        EditError::Git(_) | _ => String::new(),
    };
    let index = changes
        .iter()
        .position(|change| change.path == path || change.from_path.as_ref() == Some(&path));
    let code = match error {
        EditError::SymlinkParent { .. }
        | EditError::InSubmodule { .. }
        | EditError::Collision { .. }
        | EditError::BadPath { .. } => FailureCode::PermissionDenied,
        _ => FailureCode::TargetMissing,
    };
    ItemFailure {
        index: index.unwrap_or(0),
        field: Some("path"),
        path,
        code,
        detail: match error {
            EditError::IsFolder { path } => format!(
                "{path} is a folder with other files in it; delete or move them in the same task, or choose another path"
            ),
            _ => format!("failed to {error}"),
        },
        stale: false,
    }
}

/// The edits of one item, as the difference between its sides.
pub(super) fn edits(item: &MadeItem) -> Vec<TreeEdit> {
    let path = TreePath::from(item.path.as_str());
    // What only moves is there already.
    let put = item
        .new
        .as_ref()
        .filter(|_| item.from_path.is_none() || item.new != item.old);
    let put = put.map(|new| TreeEdit::Put {
        path: path.clone(),
        mode: new.mode,
        content: Content::Bytes(new.bytes.clone()),
    });
    let moved = item.from_path.as_ref().map(|from| TreeEdit::Rename {
        from: TreePath::from(from.as_str()),
        to: path.clone(),
    });
    match (moved, put) {
        (Some(moved), Some(put)) => vec![moved, put],
        (None, Some(put)) => vec![put],
        (Some(moved), None) => vec![moved],
        (None, None) => vec![TreeEdit::Remove { path }],
    }
}

/// Why one change does not fit.
pub(super) struct Unfit {
    pub(super) field: Option<&'static str>,
    pub(super) code: FailureCode,
    pub(super) detail: String,
    pub(super) stale: bool,
}

pub(super) fn unfit(field: &'static str, code: FailureCode, detail: impl Into<String>) -> Unfit {
    Unfit {
        field: Some(field),
        code,
        detail: detail.into(),
        stale: false,
    }
}

/// What changes are carried out on.
struct Base<'a> {
    git: &'a RepoStore,
    tree: &'a Oid,
    leaving: BTreeSet<&'a str>,
    /// How much of it was read.
    read_bytes: Cell<u64>,
}

/// Gives the paths that changes take away, so that others may put folders there.
fn leaving(changes: &[Change]) -> BTreeSet<&str> {
    changes
        .iter()
        .filter_map(|change| match change.operation {
            Operation::Delete => Some(change.path.as_str()),
            Operation::Rename => change.from_path.as_deref(),
            Operation::Create | Operation::Modify | Operation::Chmod => None,
        })
        .collect()
}

impl Base<'_> {
    /// Tells whether changes take something out of a folder, so that it may become a file.
    fn is_left(&self, folder: &str) -> bool {
        let inside = format!("{folder}/");
        let next = self.leaving.range(inside.as_str()..).next();
        next.is_some_and(|path| path.starts_with(&inside))
    }

    /// Refuses a path whose folders are none: a link may lead anywhere, a submodule is somebody else's.
    fn check_folders(&self, path: &RepoPath) -> Result<Option<String>, Error> {
        let path = path.as_str();
        for (at, _) in path.match_indices('/') {
            let Some(folder) = path.get(..at) else {
                continue;
            };
            let Some(entry) = self.git.lookup(self.tree, &TreePath::from(folder))? else {
                return Ok(None);
            };
            let detail = match entry.mode {
                Mode::Tree => continue,
                Mode::File | Mode::Executable | Mode::Symlink if self.leaving.contains(folder) => {
                    return Ok(None);
                }
                Mode::Symlink => format!(
                    "{path} leads through {folder}, which is a symbolic link; name the file by the path it has in the repository"
                ),
                Mode::Submodule => format!(
                    "{path} lies in the submodule {folder}; change it in its own repository, then move the submodule"
                ),
                Mode::File | Mode::Executable => {
                    format!(
                        "{path} cannot be: {folder} is a file, not a folder; choose another path"
                    )
                }
            };
            return Ok(Some(detail));
        }
        Ok(None)
    }
}

fn carry_out(
    base: &Base<'_>,
    change: &Change,
    sizes: &Sizes,
) -> Result<Result<MadeItem, Unfit>, Error> {
    let path = match RepoPath::new(change.path.as_str()) {
        Ok(path) => path,
        Err(error) => {
            return Ok(Err(unfit(
                "path",
                FailureCode::PermissionDenied,
                error.to_string(),
            )));
        }
    };
    let from_path = match change.from_path.as_deref().map(RepoPath::new).transpose() {
        Ok(from) => from,
        Err(error) => {
            return Ok(Err(unfit(
                "from_path",
                FailureCode::PermissionDenied,
                error.to_string(),
            )));
        }
    };
    for (field, path) in [("path", Some(&path)), ("from_path", from_path.as_ref())] {
        let Some(path) = path else { continue };
        if let Some(detail) = base.check_folders(path)? {
            return Ok(Err(unfit(field, FailureCode::PermissionDenied, detail)));
        }
    }
    let source = from_path.as_ref().unwrap_or(&path);
    let field = if from_path.is_some() {
        "from_path"
    } else {
        "path"
    };
    let whole = sizes.max_file_bytes.max(BYTES_MAX);
    let (max_bytes, remedy) = match change.patch {
        Some(_) => (
            sizes.max_file_bytes,
            "can be patched (setting files.max_file_size_mb)",
        ),
        None => (whole, "can be part of a change"),
    };
    let old = match side(base, source, max_bytes, remedy)? {
        Ok(old) => old,
        Err(detail) => return Ok(Err(unfit(field, FailureCode::PermissionDenied, detail))),
    };
    let read = old.as_ref().map_or(0, |old| old.bytes.len() as u64);
    base.read_bytes
        .set(base.read_bytes.get().saturating_add(read));
    if base.read_bytes.get() > whole {
        let detail = format!(
            "the files of this task have more than {whole} bytes before it; split it into several tasks"
        );
        return Ok(Err(unfit(field, FailureCode::PermissionDenied, detail)));
    }
    match (change.operation, &old) {
        (Operation::Create, Some(_)) => {
            let detail = format!("{path} is there already; use \"operation\": \"modify\"");
            return Ok(Err(unfit("path", FailureCode::TargetMissing, detail)));
        }
        (Operation::Modify | Operation::Delete | Operation::Chmod | Operation::Rename, None) => {
            let instead = match change.operation {
                Operation::Modify => ", or use \"operation\": \"create\"",
                Operation::Create | Operation::Delete | Operation::Chmod | Operation::Rename => "",
            };
            let detail = format!("the base has no file {source}; check the path{instead}");
            return Ok(Err(unfit(field, FailureCode::TargetMissing, detail)));
        }
        (Operation::Create, None)
        | (Operation::Modify | Operation::Delete | Operation::Chmod | Operation::Rename, Some(_)) =>
            {}
    }
    if change.operation == Operation::Rename
        && base
            .git
            .lookup(base.tree, &TreePath::from(path.as_str()))?
            .is_some_and(|entry| entry.mode != Mode::Tree || !base.is_left(path.as_str()))
    {
        let detail = format!(
            "{path} is there already, and a rename overwrites nothing; delete it in a task before"
        );
        return Ok(Err(unfit("path", FailureCode::TargetMissing, detail)));
    }
    if let Err(unfit) = check_base_hash(change, old.as_ref()) {
        return Ok(Err(unfit));
    }
    let made = new_side(change, old.as_ref(), sizes);
    Ok(made.map(|(new, moved)| MadeItem {
        path,
        from_path,
        operation: change.operation,
        old,
        new,
        moved,
    }))
}

/// Reads a file at a tree; what is no file cannot be changed.
fn side(
    base: &Base<'_>,
    path: &RepoPath,
    max_bytes: u64,
    max_for: &str,
) -> Result<Result<Option<Side>, String>, Error> {
    let git = base.git;
    let Some(entry) = git.lookup(base.tree, &TreePath::from(path.as_str()))? else {
        return Ok(Ok(None));
    };
    let mode = match entry.mode {
        Mode::File => FileMode::File,
        Mode::Executable => FileMode::Executable,
        Mode::Symlink => FileMode::Symlink,
        // Whether all of it goes shows when the tree is made.
        Mode::Tree if base.is_left(path.as_str()) => return Ok(Ok(None)),
        Mode::Tree => return Ok(Err(format!("{path} is a folder; name the files in it"))),
        Mode::Submodule => {
            return Ok(Err(format!(
                "{path} is a submodule; change it in its own repository"
            )));
        }
    };
    let size = git.object(&entry.oid)?.map_or(0, |(_, size)| size);
    if size > max_bytes {
        return Ok(Err(format!(
            "{path} has {size} bytes; at most {max_bytes} {max_for}"
        )));
    }
    let bytes = git.read_blob(&entry.oid, max_bytes)?;
    Ok(Ok(Some(Side { mode, bytes })))
}

fn check_base_hash(change: &Change, old: Option<&Side>) -> Result<(), Unfit> {
    let (Some(wanted), Some(old)) = (&change.base_hash, old) else {
        return Ok(());
    };
    let found = Digest::of(&old.bytes);
    // Digits may be written in either case.
    if wanted.parse() == Ok(found) {
        return Ok(());
    }
    Err(Unfit {
        field: Some("base_hash"),
        code: FailureCode::HashMismatch,
        detail: format!("the base has {found}, not {wanted}: the file changed since"),
        stale: true,
    })
}

/// Gives the git mode of a file as a number.
pub(crate) const fn mode_bits(mode: FileMode) -> u32 {
    match mode {
        FileMode::File => 0o100_644,
        FileMode::Executable => 0o100_755,
        FileMode::Symlink => 0o120_000,
    }
}
