//! What an entry waits for, and what it is merged onto because of that.

use hyperion_model::EntryId;
use hyperion_model::entry::{Entry, Status};
use hyperion_model::plan::{Plan, step};

use super::merge::sets_of;
use crate::error::oid;
use crate::read_facts::ReadFacts;
use crate::{Cx, Error};

/// Tells whether what an entry waits for is part of the branch (or, in a dry run, would be).
pub(crate) fn has_landed(facts: &impl ReadFacts, id: EntryId) -> bool {
    let ended_well = || -> Result<bool, Error> {
        let Some(entry) = facts.get::<Entry>(id)? else {
            return Ok(false);
        };
        if entry.status == Status::Landed {
            return Ok(true);
        }
        for set in sets_of(facts, &entry)? {
            let plan = facts.get::<Plan>(set.proposal.plan)?;
            let status = plan.and_then(|plan| plan.step(set.proposal.step).map(|step| step.status));
            let well = matches!(
                status,
                Some(step::Status::Completed | step::Status::Skipped)
            );
            if !well {
                return Ok(false);
            }
        }
        Ok(true)
    };
    ended_well().unwrap_or(false)
}

/// In a dry run, what an entry depends on never lands: it is merged onto the candidate instead.
pub(super) fn dry_base(cx: &Cx, entry: &Entry) -> Result<Option<hyperion_git::Oid>, Error> {
    if !entry.admission.dry_run {
        return Ok(None);
    }
    let Some(on) = entry.admission.depends_on.last() else {
        return Ok(None);
    };
    let before = cx.store.get::<Entry>(*on)?;
    before
        .and_then(|before| before.candidate)
        .map(|candidate| oid(&candidate.commit))
        .transpose()
}
