//! What a change set looks like: its files on both sides, its hunks, its diff.

use hyperion_api::change_request::ChangeRequest;
use hyperion_api::change_set::MovedHunk;
use hyperion_git::{Oid, TreeDraft, TreePath};
use hyperion_model::RepoPath;
use hyperion_model::change_set::{ChangeSet, Item, item};
use hyperion_model::facts::Operation;
use hyperion_patch::{DiffOptions, FileDiff, FileHeader, diff, select, unified};

use super::materialise::{edits, materialise, mode_bits};
use super::{MadeItem, Side};
use crate::error::oid;
use crate::repo::Opened;
use crate::{Cx, Error, Sizes};

/// One path of a preview.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewItem {
    /// What was decided about it, and its figures.
    pub item: Item,
    /// Its sides, every part of the change in.
    pub made: MadeItem,
    /// The difference, every hunk in.
    pub diff: FileDiff,
}

/// A change set with its content.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// What it does, in one line.
    pub summary: String,
    /// Its paths, in order.
    pub items: Vec<PreviewItem>,
}

/// Reads a change set's content; none once it was purged.
pub fn preview(cx: &Cx, opened: &Opened, set: &ChangeSet) -> Result<Option<Preview>, Error> {
    let Some(request) = cx.read_json::<ChangeRequest>(set.proposal.document)? else {
        return Ok(None);
    };
    let base = oid(&set.proposal.base_tree)?;
    // It was carried out within the limits once; they may have become narrower since.
    let made = match materialise(cx, &opened.git, &base, &request.changes, &Sizes::ACCEPTED)? {
        Ok(made) => made,
        // It ended under the rules of an earlier version; what landed of it is in git.
        Err(_) if set.ended_at.is_some() => return landed(cx, opened, set),
        Err(failures) => {
            let why = failures
                .first()
                .map(|failure| failure.detail.clone())
                .unwrap_or_default();
            let id = set.id;
            return Err(Error::Missing(format!(
                "the base that change set {id} was made on: {why}"
            )));
        }
    };
    let items = set.proposal.items.iter().zip(made.items.iter().cloned());
    let items = items
        .map(|(item, made)| {
            let diff = item_diff(&made);
            PreviewItem {
                item: item.clone(),
                made,
                diff,
            }
        })
        .collect();
    Ok(Some(Preview {
        summary: request.summary,
        items,
    }))
}

/// Reads from git what a change set came to when it landed: its own paths, without what was rejected.
///
/// None when it did not land, or git does not have the commit any more.
pub fn landed(cx: &Cx, opened: &Opened, set: &ChangeSet) -> Result<Option<Preview>, Error> {
    let Some(commit) = &set.commit else {
        return Ok(None);
    };
    let commit = oid(commit)?;
    if !opened.git.exists(&commit)? {
        return Ok(None);
    }
    let parents = opened.git.commit_info(&commit)?.parents;
    let Some(before) = parents.into_iter().next() else {
        return Ok(None);
    };
    let side = |tree: &Oid, path: &RepoPath| -> Result<Option<Side>, Error> {
        let found = opened.git.lookup(tree, &TreePath::from(path.as_str()))?;
        let Some((entry, mode)) = found.and_then(|entry| {
            let mode = entry.mode.file_mode()?;
            Some((entry, mode))
        }) else {
            return Ok(None);
        };
        let bytes = opened
            .git
            .read_blob(&entry.oid, Sizes::ACCEPTED.max_file_bytes)?;
        Ok(Some(Side { mode, bytes }))
    };
    let mut items = Vec::new();
    for item in &set.proposal.items {
        let old = side(&before, item.from_path.as_ref().unwrap_or(&item.path))?;
        let new = match item.status {
            item::Status::Rejected => old.clone(),
            item::Status::Pending | item::Status::Accepted => side(&commit, &item.path)?,
        };
        let made = MadeItem {
            path: item.path.clone(),
            from_path: item.from_path.clone(),
            operation: wire_operation(item.operation),
            old,
            new,
            moved: Vec::new(),
        };
        let diff = item_diff(&made);
        // What was rejected in it is not part of what landed.
        let item = Item {
            rejected_hunks: Vec::new(),
            ..item.clone()
        };
        items.push(PreviewItem { item, made, diff });
    }
    Ok(Some(Preview {
        summary: title(cx, set)?.unwrap_or_default(),
        items,
    }))
}

const fn wire_operation(operation: Operation) -> hyperion_api::task_request::Operation {
    use hyperion_api::task_request::Operation as Wire;
    match operation {
        Operation::Create => Wire::Create,
        Operation::Modify => Wire::Modify,
        Operation::Delete => Wire::Delete,
        Operation::Rename => Wire::Rename,
        Operation::Chmod => Wire::Chmod,
    }
}

/// Gives a change set's title; none when it is from before titles were kept and its content was purged.
pub fn title(cx: &Cx, set: &ChangeSet) -> Result<Option<String>, Error> {
    if let Some(title) = set.proposal.title {
        return cx.read_text(title);
    }
    let document = cx.read_json::<ChangeRequest>(set.proposal.document)?;
    Ok(document.map(|document| cx.redactor.redact(&document.summary).into_owned()))
}

/// Compares the two sides of an item.
pub(crate) fn item_diff(made: &MadeItem) -> FileDiff {
    let bytes = |side: &Option<Side>| {
        side.as_ref()
            .map(|side| side.bytes.clone())
            .unwrap_or_default()
    };
    diff(
        &bytes(&made.old),
        &bytes(&made.new),
        &DiffOptions::default(),
    )
}

impl Preview {
    /// Gives the items with only what is accepted in them; rejected ones are left out.
    pub fn accepted(&self) -> Result<Vec<MadeItem>, Error> {
        let mut accepted = Vec::new();
        for PreviewItem { item, made, diff } in &self.items {
            match item.status {
                item::Status::Rejected => continue,
                item::Status::Pending | item::Status::Accepted => {}
            }
            let mut made = made.clone();
            if !item.rejected_hunks.is_empty() {
                let keep: Vec<bool> = (0..)
                    .take(diff.hunks.len())
                    .map(|hunk: u32| !item.rejected_hunks.contains(&hunk))
                    .collect();
                let old = made
                    .old
                    .as_ref()
                    .map(|side| side.bytes.clone())
                    .unwrap_or_default();
                let bytes = select(&old, diff, &keep).map_err(|error| {
                    Error::Missing(format!("the hunks of {}: {error}", item.path))
                })?;
                let mode = made
                    .new
                    .as_ref()
                    .or(made.old.as_ref())
                    .map(|side| side.mode);
                made.new = mode.map(|mode| Side { mode, bytes });
            }
            accepted.push(made);
        }
        Ok(accepted)
    }

    /// Makes the tree of what is accepted, in memory.
    pub fn accepted_tree(
        &self,
        opened: &Opened,
        set: &ChangeSet,
        accepted: &[MadeItem],
    ) -> Result<TreeDraft, Error> {
        let base = oid(&set.proposal.base_tree)?;
        let edits: Vec<_> = accepted.iter().flat_map(edits).collect();
        Ok(opened.git.draft_tree(&base, edits)?)
    }
}

/// Counts the lines that the accepted parts of a change set add and take away.
///
/// Where hunks were rejected the content tells; once that is purged and it did not land, or its repository is gone, their items count whole.
pub fn accepted_lines(cx: &Cx, set: &ChangeSet) -> Result<(u32, u32), Error> {
    let in_part = |item: &Item| !item.rejected_hunks.is_empty();
    if set.proposal.items.iter().any(in_part)
        && let Ok(opened) = cx.repos.open(cx, set.proposal.repo)
        && let Some(preview) = match preview(cx, &opened, set)? {
            Some(preview) => Some(preview),
            None => landed(cx, &opened, set)?,
        }
    {
        let count = |lines: usize| u32::try_from(lines).unwrap_or(u32::MAX);
        let diffs = preview.accepted()?;
        let diffs = diffs.iter().map(item_diff);
        return Ok(diffs.fold((0, 0), |(added, removed), diff| {
            (
                added + count(diff.additions),
                removed + count(diff.deletions),
            )
        }));
    }
    let whole = set
        .proposal
        .items
        .iter()
        .filter(|item| item.status != item::Status::Rejected);
    Ok(whole.fold((0, 0), |(added, removed), item| {
        (added + item.additions, removed + item.deletions)
    }))
}

/// Lists the hunks of the items' patches that were not where the patch says.
pub fn moved_hunks(items: &[MadeItem]) -> Vec<MovedHunk> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let of_item = |made: &MadeItem| {
        let path = made.path.to_string();
        made.moved.clone().into_iter().map(move |moved| MovedHunk {
            path: path.clone(),
            hunk: count(moved.hunk),
            stated_line: count(moved.stated),
            line: count(moved.line),
        })
    };
    items.iter().flat_map(of_item).collect()
}

/// Writes items as one unified diff; lossy where content is not UTF-8.
pub fn unified_diff(items: &[MadeItem]) -> String {
    let mut text = String::new();
    for made in items {
        let path = made.path.as_str().as_bytes();
        let from = made
            .from_path
            .as_ref()
            .map_or(path, |from| from.as_str().as_bytes());
        let header = FileHeader {
            old_path: made.old.as_ref().map(|_| from),
            new_path: made.new.as_ref().map(|_| path),
            old_mode: made.old.as_ref().map(|side| mode_bits(side.mode)),
            new_mode: made.new.as_ref().map(|side| mode_bits(side.mode)),
        };
        text.push_str(&String::from_utf8_lossy(&unified(
            &header,
            &item_diff(made),
        )));
    }
    text
}
