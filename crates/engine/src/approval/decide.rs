//! A person's decision: committed at once, whatever surface it came from; the first one wins.

use hyperion_api::Problem;
use hyperion_fault::{Point, reached};
use hyperion_model::approval;
use hyperion_model::{Actor, ApprovalId, Command, Digest, ShortText};

use super::shown::{find, require_shown};
use crate::{Cx, Error};

/// What a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may go ahead.
    Approve,
    /// It may not.
    Reject,
    /// Not like this: it goes back with a comment.
    RequestChanges,
}

/// Commits a person's decision; `digest` is that of what they looked at.
pub fn decide(
    cx: &Cx,
    actor: &Actor,
    id: ApprovalId,
    decision: Decision,
    reason: Option<&str>,
    digest: Option<Digest>,
) -> Result<(), Error> {
    let reason = reason.map(str::trim).filter(|text| !text.is_empty());
    if decision == Decision::RequestChanges && reason.is_none() {
        return Err(Problem::new(
            "input.invalid",
            "asking for changes needs a comment: what to change",
        )
        .hint("add the comment, for instance --comment \"keep the old name\"")
        .into());
    }
    let reason = reason.map(ShortText::cut);
    if decision == Decision::Approve {
        require_shown(cx, actor, &find(cx, id)?)?;
    }
    let command = match decision {
        Decision::Approve => approval::Command::Approve { digest, reason },
        Decision::Reject => approval::Command::Reject {
            digest,
            reason,
            changes_requested: false,
        },
        Decision::RequestChanges => approval::Command::Reject {
            digest,
            reason,
            changes_requested: true,
        },
    };
    cx.execute(
        cx.stamp_person(actor),
        vec![Command::Approval(id, command)],
        vec![],
    )?;
    reached(Point::ApprovalDecided);
    Ok(())
}

/// Withdraws a question; what waited for it is called off.
pub fn cancel(cx: &Cx, actor: &Actor, id: ApprovalId, reason: Option<&str>) -> Result<(), Error> {
    let reason = ShortText::cut(reason.unwrap_or("withdrawn"));
    let command = approval::Command::Cancel { reason };
    cx.execute(
        cx.stamp_person(actor),
        vec![Command::Approval(id, command)],
        vec![],
    )?;
    Ok(())
}
