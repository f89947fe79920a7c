//! What a change set looks like: its files on both sides, its hunks, its diff.

use hyperion_api::change_request::ChangeRequest;
use hyperion_model::change_set::{ChangeSet, Item, item};
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
    /// The change request as it was handed in.
    pub request: ChangeRequest,
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
    let made = materialise(&opened.git, &base, &request.changes, &Sizes::ACCEPTED)?.map_err(
        |failures| {
            let why = failures
                .first()
                .map(|failure| failure.detail.clone())
                .unwrap_or_default();
            Error::Missing(format!(
                "the base that change set {} was made on: {why}",
                set.id
            ))
        },
    )?;
    let items = set.proposal.items.iter().zip(made.items);
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
    Ok(Some(Preview { request, items }))
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

    /// Makes the tree of what is accepted.
    pub fn accepted_tree(
        &self,
        opened: &Opened,
        set: &ChangeSet,
        accepted: &[MadeItem],
    ) -> Result<hyperion_git::Oid, Error> {
        let base = oid(&set.proposal.base_tree)?;
        let edits: Vec<_> = accepted.iter().flat_map(edits).collect();
        Ok(opened.git.build_tree(&base, &edits)?)
    }
}

/// Counts the lines that the accepted parts of a change set add and take away.
///
/// Where hunks were rejected the content tells; once that is purged, or its repository is gone, their items count whole.
pub fn accepted_lines(cx: &Cx, set: &ChangeSet) -> Result<(u32, u32), Error> {
    let in_part = |item: &Item| !item.rejected_hunks.is_empty();
    if set.proposal.items.iter().any(in_part)
        && let Ok(opened) = cx.repos.open(cx, set.proposal.repo)
        && let Some(preview) = preview(cx, &opened, set)?
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
