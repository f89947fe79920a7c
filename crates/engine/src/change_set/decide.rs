//! Accepting and rejecting items and hunks, by a person.

use hyperion_api::Problem;
use hyperion_git::FileMode;
use hyperion_model::change_set::{self, ChangeSet, item};
use hyperion_model::{Actor, ChangeSetId, Command, ItemId};

use super::assess::cancel_question;
use super::mode_bits;
use crate::{Cx, Error};

/// Accepts or rejects an item, or only the named hunks of it.
pub fn decide_item(
    cx: &Cx,
    actor: &Actor,
    id: ChangeSetId,
    item: ItemId,
    accept: bool,
    hunks: Option<&[u32]>,
) -> Result<(), Error> {
    let set = require(cx, id)?;
    let known = set.proposal.items.iter().find(|known| known.id == item);
    let known = known.ok_or_else(|| {
        Problem::new(
            "subject.not_found",
            format!("change set {} has no item {item}", id.short()),
        )
        .hint("`hyperion changes show` lists the items")
    })?;
    let is_link = |mode: Option<u32>| mode == Some(mode_bits(FileMode::Symlink));
    if hunks.is_some() && is_link(known.old_mode) != is_link(known.new_mode) {
        let detail = format!(
            "{} is a link before or after the change, and no file with hunks",
            known.path
        );
        return Err(Problem::new("input.invalid", detail)
            .hint("accept or reject it as a whole")
            .into());
    }
    let (status, rejected_hunks) = match hunks {
        None if accept => (item::Status::Accepted, Vec::new()),
        None => (item::Status::Rejected, Vec::new()),
        Some(hunks) => {
            let mut rejected = known.rejected_hunks.clone();
            if known.status == item::Status::Rejected && accept {
                // Accepting some hunks of a rejected item leaves the others out.
                rejected = (0..known.hunks).collect();
            }
            if accept {
                rejected.retain(|hunk| !hunks.contains(hunk));
            } else {
                rejected.extend(hunks);
                rejected.sort_unstable();
                rejected.dedup();
            }
            if known.hunks > 0 && rejected.len() >= known.hunks as usize {
                (item::Status::Rejected, Vec::new())
            } else {
                (item::Status::Accepted, rejected)
            }
        }
    };
    let decision = change_set::Command::DecideItem {
        item,
        status,
        rejected_hunks,
    };
    commit(cx, actor, &set, vec![decision])
}

/// Accepts or rejects every item.
pub fn decide_all(cx: &Cx, actor: &Actor, id: ChangeSetId, accept: bool) -> Result<(), Error> {
    let set = require(cx, id)?;
    let status = if accept {
        item::Status::Accepted
    } else {
        item::Status::Rejected
    };
    let decisions = set
        .proposal
        .items
        .iter()
        .map(|item| change_set::Command::DecideItem {
            item: item.id,
            status,
            rejected_hunks: Vec::new(),
        });
    commit(cx, actor, &set, decisions.collect())
}

/// Commits decisions together with the end of the question they make obsolete.
fn commit(
    cx: &Cx,
    actor: &Actor,
    set: &ChangeSet,
    decisions: Vec<change_set::Command>,
) -> Result<(), Error> {
    let level = set
        .assessed
        .as_ref()
        .map_or(hyperion_model::Level::TeamLead, |assessed| assessed.level);
    if !actor.may_decide(level) {
        let refusal = hyperion_model::Refusal::NotEntitled {
            by: actor.clone(),
            level,
        };
        return Err(Problem::new("approval.not_entitled", refusal.to_string()).into());
    }
    let mut commands: Vec<_> = decisions
        .into_iter()
        .map(|decision| Command::ChangeSet(set.id, decision))
        .collect();
    commands.extend(cancel_question(
        cx,
        set,
        "parts of the change were accepted or rejected; the question is asked again",
    )?);
    cx.execute(cx.stamp_person(actor), commands, vec![])?;
    Ok(())
}

fn require(cx: &Cx, id: ChangeSetId) -> Result<ChangeSet, Error> {
    cx.store.get::<ChangeSet>(id)?.ok_or_else(|| {
        Problem::new(
            "subject.not_found",
            format!("there is no change set {}", id.short()),
        )
        .into()
    })
}
