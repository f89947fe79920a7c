//! Carries out what was decided, announces what will expire, and expires what nobody decided.

use std::sync::Arc;

use hyperion_fault::{Point, reached};
use hyperion_model::approval::{self, Approval, Status};
use hyperion_model::change_set::{self, Basis, ChangeSet};
use hyperion_model::{Command, Name, ShortText, Time};
use hyperion_store::Filter;

use crate::look::Look;
use crate::reconcile::{Progress, Reconcile};
use crate::{Cx, Error};

/// How many questions are looked at in one go.
const BATCH: u32 = 200;

/// Carries decisions out.
pub(crate) struct Approvals {
    name: Name,
}

impl Approvals {
    pub(crate) const fn new(name: Name) -> Self {
        Self { name }
    }

    /// Moves a change set on by what was decided about it; `false` while nothing was.
    fn settle(&self, cx: &Cx, set: &ChangeSet) -> Result<bool, Error> {
        let Some(outcome) = outcome(cx, set)? else {
            return Ok(false);
        };
        match cx.execute(cx.stamp(&self.name), outcome, vec![]) {
            Err(error) if error.is_stale() => return Ok(true),
            done => done?,
        };
        reached(Point::ApprovalCarriedOut);
        Ok(true)
    }

    fn watch_deadlines(&self, cx: &Cx) -> Result<Progress, Error> {
        let now = cx.now();
        let soon = now + cx.settings.approval_warn_before;
        let due = cx.store.due::<Approval>(soon, BATCH)?.rows;
        let mut worked = false;
        for approval in due {
            let Some(command) = at_deadline(&approval, now) else {
                continue;
            };
            cx.execute(
                cx.stamp(&self.name),
                vec![Command::Approval(approval.id, command)],
                vec![],
            )?;
            worked = true;
        }
        if worked {
            return Ok(Progress::Worked);
        }
        let pending = cx
            .store
            .list::<Approval>(&Filter::open().limit(BATCH))?
            .rows;
        let next = pending.iter().map(|approval| {
            let announce_at = approval.question.expires_at - cx.settings.approval_warn_before;
            approval.deadline().unwrap_or(announce_at)
        });
        Ok(Progress::Idle {
            wake_at: next.min(),
        })
    }
}

/// Says what follows for a change set from the decision about it; nothing while there is none.
pub(crate) fn outcome(look: &impl Look, set: &ChangeSet) -> Result<Option<Vec<Command>>, Error> {
    let Some(id) = set.approval else {
        return Ok(None);
    };
    let Some(approval) = look.get::<Approval>(id)? else {
        return Ok(None);
    };
    let said = approval
        .verdict
        .as_ref()
        .and_then(|verdict| verdict.reason.clone());
    let changes = approval
        .verdict
        .as_ref()
        .is_some_and(|verdict| verdict.changes_requested);
    let command = match approval.status {
        Status::Pending => return Ok(None),
        Status::Approved => change_set::Command::Approve(Basis::Approval { approval: id }),
        Status::Rejected => {
            let said = said.map(|said| format!(": {said}")).unwrap_or_default();
            let what = if changes {
                "changes were requested"
            } else {
                "rejected"
            };
            change_set::Command::Reject {
                reason: ShortText::cut(&format!("{what}{said}")),
            }
        }
        Status::Expired => change_set::Command::Expire,
        Status::Cancelled => change_set::Command::Cancel {
            reason: said.unwrap_or_else(|| ShortText::cut("the question was withdrawn")),
        },
    };
    // Parts of it may be decided meanwhile; then it is another change, and asked about anew.
    let looked_at = change_set::Command::Expect(Box::new(set.clone()));
    Ok(Some(vec![
        Command::ChangeSet(set.id, looked_at),
        Command::ChangeSet(set.id, command),
    ]))
}

/// Says what the time does to a question: its end is announced, or it is over.
pub(crate) fn at_deadline(approval: &Approval, now: Time) -> Option<approval::Command> {
    match approval.deadline() {
        None => Some(approval::Command::Warn),
        Some(deadline) if deadline <= now => Some(approval::Command::Expire),
        Some(_) => None,
    }
}

impl Reconcile for Approvals {
    fn name(&self) -> &'static str {
        "approval"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        let waiting = Filter::open().status(change_set::Status::Previewing.name());
        let mut worked = false;
        for set in cx.store.open_rows::<ChangeSet>(&waiting)?.rows {
            worked |= self.settle(cx, &set)?;
        }
        match self.watch_deadlines(cx)? {
            Progress::Idle { .. } if worked => Ok(Progress::Worked),
            progress => Ok(progress),
        }
    }
}
