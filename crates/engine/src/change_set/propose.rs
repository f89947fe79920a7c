//! The one door for changes: whatever a run hands in for a step of a plan becomes a change set here.

use std::sync::Arc;

use hyperion_api::change_request::ChangeRequest;
use hyperion_fault::{Point, reached};
use hyperion_git::Oid;
use hyperion_model::change_set::{self, ChangeSet, Item, Proposal, item};
use hyperion_model::plan::{self, Plan, Step};
use hyperion_model::request::Request;
use hyperion_model::run::{self, Ending, Run};
use hyperion_model::{ChangeSetId, Command, Digest, ItemId, Name};
use hyperion_store::Filter;

use super::{Made, MadeItem, Side, item_diff, mode_bits, operation};
use crate::cx::json_blob;
use crate::error::git_id;
use crate::repo::Opened;
use crate::{Cx, Error};

/// A change that a run hands in.
pub(crate) struct HandedIn {
    /// The tree it was made on.
    pub(crate) base_tree: Oid,
    /// What it says.
    pub(crate) request: ChangeRequest,
    /// What it comes to.
    pub(crate) made: Arc<Made>,
}

/// Which step a change is for, and which run made it.
#[derive(Clone, Copy)]
pub(crate) struct For<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) step: &'a Step,
    pub(crate) run: &'a Run,
    pub(crate) request: &'a Request,
}

/// Hands a change in: the change set is there, the step has it, and its run has finished.
pub(crate) fn propose(
    cx: &Cx,
    part: &Name,
    opened: &Opened,
    whose: For<'_>,
    handed_in: HandedIn,
) -> Result<(), Error> {
    let For {
        plan,
        step,
        run,
        request: asked,
    } = whose;
    let HandedIn {
        base_tree,
        request,
        made,
    } = handed_in;
    // It may have been made elsewhere, by somebody else than was asked.
    let agent =
        Name::new(request.agent.as_str()).unwrap_or_else(|_| asked.submission.agent.clone());
    let title = cx.title_blob(&request.summary);
    let document = json_blob(&with_hashes(request, &made))?;
    let set = cx.id(ChangeSetId::new);
    let proposal = Proposal {
        request: plan.request,
        plan: plan.id,
        step: step.number,
        task: step.task.clone(),
        repo: plan.repo,
        run: run.id,
        agent,
        base_commit: asked.submission.base.clone(),
        base_tree: git_id(&base_tree)?,
        document: document.digest,
        title: Some(title.digest),
        items: made.items.iter().map(|made| item_of(cx, made)).collect(),
        supersedes: superseded(cx, plan, step)?,
        dry_run: asked.submission.dry_run,
    };
    // The change set names the tree it builds on, which may have been made for it: that has to be durable first.
    reached(Point::ChangeMade);
    opened.git.sync()?;
    reached(Point::ChangeDurable);
    let ending = Ending {
        exit_code: None,
        reason: None,
        result: Some(document.digest),
        ..Ending::default()
    };
    let commands = vec![
        Command::Run(run.id, run::Command::Begin { process: None }),
        Command::ChangeSet(set, change_set::Command::Propose { id: set, proposal }),
        Command::Plan(
            plan.id,
            plan::Command::HandIn {
                number: step.number,
                change_set: set,
            },
        ),
        Command::Run(run.id, run::Command::Finish(ending)),
    ];
    cx.execute(cx.stamp(part), commands, vec![document, title])?;
    reached(Point::ChangeProposed);
    Ok(())
}

/// Finds the version of a step's change that the next one takes the place of.
fn superseded(cx: &Cx, plan: &Plan, step: &Step) -> Result<Option<ChangeSetId>, Error> {
    let of_plan = Filter::default()
        .parent(plan.id.uuid())
        .newest()
        .limit(1000);
    let superseded = of_plan.status(change_set::Status::Superseded.name());
    let sets = cx.store.list::<ChangeSet>(&superseded)?.rows;
    let former = sets.iter().find(|set| set.proposal.step == step.number);
    Ok(former.map(|set| set.id))
}

/// Fills in both hashes of every change, so that what is stored is complete.
fn with_hashes(mut request: ChangeRequest, made: &Made) -> ChangeRequest {
    for (change, item) in request.changes.iter_mut().zip(&made.items) {
        let digest = |side: &Option<Side>| {
            side.as_ref()
                .map(|side| Digest::of(&side.bytes).to_string())
        };
        change.base_hash = digest(&item.old);
        change.result_hash = digest(&item.new);
    }
    request
}

fn item_of(cx: &Cx, made: &MadeItem) -> Item {
    let diff = item_diff(made);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let digest = |side: &Option<Side>| side.as_ref().map(|side| Digest::of(&side.bytes));
    let mode = |side: &Option<Side>| side.as_ref().map(|side| mode_bits(side.mode));
    Item {
        id: cx.id(ItemId::new),
        path: made.path.clone(),
        from_path: made.from_path.clone(),
        operation: operation(made.operation),
        old_hash: digest(&made.old),
        new_hash: digest(&made.new),
        old_mode: mode(&made.old),
        new_mode: mode(&made.new),
        hunks: count(diff.hunks.len()),
        additions: count(diff.additions),
        deletions: count(diff.deletions),
        status: item::Status::Pending,
        rejected_hunks: Vec::new(),
    }
}
