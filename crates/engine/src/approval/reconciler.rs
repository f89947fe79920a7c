//! Carries out what was decided, announces what will expire, and expires what nobody decided.

use std::sync::Arc;
use std::time::Duration;

use hyperion_fault::{Point, reached};
use hyperion_model::approval::{self, Approval, Status};
use hyperion_model::change_set::{self, Basis, ChangeSet};
use hyperion_model::request::{MAX_REVISIONS, Request};
use hyperion_model::{Command, Name, ShortText, Time};
use hyperion_store::{Filter, StoreError};

use super::deadlines::Deadlines;
use super::shown::lines_masked;
use crate::change_set::AssessmentDocument;
use crate::read_facts::ReadFacts;
use crate::reconcile::{Progress, Reconcile};
use crate::wake_list::WakeList;
use crate::{Cx, Error, rollback};

/// How many questions are looked at in one go.
const BATCH: u32 = 200;

/// Carries decisions out.
pub(crate) struct Approvals {
    name: Name,
    wake_list: WakeList,
    seen: Option<Seen>,
    deadlines: Deadlines,
    /// Since when no time passed that nobody saw pass.
    seen_since: Option<Time>,
}

impl Approvals {
    pub(crate) fn new(name: Name) -> Self {
        Self {
            name,
            wake_list: WakeList::with_all::<ChangeSet>(),
            seen: None,
            deadlines: Deadlines::default(),
            seen_since: None,
        }
    }

    fn watch_deadlines(&mut self, cx: &Cx) -> Result<Progress, Error> {
        let now = cx.now();
        let look = Seen::new(now, cx.clock.since_boot());
        let unseen = Seen::is_unseen(self.seen, look);
        if unseen && self.seen.is_some() {
            tracing::warn!(%now, "the clock jumped; questions whose time passed with it get some more");
        }
        let seen_since = self.seen_since.filter(|_| !unseen).unwrap_or(now);
        self.seen_since = Some(seen_since);
        let mut worked = self.deadlines.watch(cx, &self.name, now, unseen)?;
        let sent_back = Filter::open().status(change_set::Status::ChangesRequested.name());
        let sent_back = cx.store.list::<ChangeSet>(&sent_back.limit(BATCH))?.rows;
        let grace = (cx.settings.approval_ttl / 10).min(approval::MAX_GRACE);
        let mut next_end = None;
        for set in &sent_back {
            let Some(end) = end_of_revision(set, seen_since, grace) else {
                continue;
            };
            if now < end {
                next_end = Some(next_end.map_or(end, |next: Time| next.min(end)));
                continue;
            }
            let expire = vec![Command::ChangeSet(set.id, change_set::Command::Expire)];
            match cx.execute(cx.stamp(&self.name), expire, vec![]) {
                Ok(_) => worked = true,
                // A new version came, or it was called off, in this very moment.
                Err(Error::Store(StoreError::Refused { .. })) => worked = true,
                Err(error) => return Err(error),
            }
        }
        if worked {
            return Ok(Progress::Worked);
        }
        // Only now has everything been looked at.
        self.seen = Some(look);
        Ok(Progress::Idle {
            wake_at: self.deadlines.next.into_iter().chain(next_end).min(),
        })
    }
}

/// Says until when a new version of a change that was sent back may come; some time is left where nobody saw its end pass.
pub(crate) fn end_of_revision(set: &ChangeSet, seen_since: Time, grace: Duration) -> Option<Time> {
    let end = set.revise_by?;
    (set.status == change_set::Status::ChangesRequested).then(|| match end < seen_since {
        true => seen_since + grace,
        false => end,
    })
}

/// Tells whether a new version of a change may be handed in: not without end, and not of what Hyperion itself takes back.
fn may_be_revised(facts: &impl ReadFacts, set: &ChangeSet) -> Result<bool, Error> {
    let request = facts.get::<Request>(set.proposal.request)?;
    Ok(request.is_some_and(|request| {
        request.submission.rolls_back.is_none() && request.revisions.len() < MAX_REVISIONS
    }))
}

/// Whoever asks for a rollback has decided it, if their role reaches and it leaves alone what guards the repository;
/// otherwise it waits for a person like any change.
fn decide_rollback(cx: &Cx, set: &ChangeSet) -> Result<bool, Error> {
    let request = cx.store.get::<Request>(set.proposal.request)?;
    let request = request.filter(|request| request.submission.rolls_back.is_some());
    let approval = match set.approval {
        Some(id) => cx.store.get::<Approval>(id)?,
        None => None,
    };
    let (Some(approval), Some(request)) = (approval, request) else {
        return Ok(false);
    };
    let asker = &request.submitted_by;
    if approval.status != Status::Pending
        || !approval.question.may_be_decided_by(asker)
        // Nobody agrees unseen to what nobody can see.
        || lines_masked(cx, &approval)? > 0
    {
        return Ok(false);
    }
    let assessed = set.assessed.as_ref().map(|assessed| assessed.document);
    let document: Option<AssessmentDocument> = match assessed {
        Some(document) => cx.read_json(document)?,
        None => None,
    };
    if !document.is_some_and(|document| rollback::is_decided_by_asking(&document.assessment)) {
        return Ok(false);
    }
    let approve = approval::Command::Approve {
        digest: Some(approval.question.digest),
        reason: Some(ShortText::cut("asked for the rollback")),
    };
    let decided = cx.execute(
        cx.stamp_person(asker),
        vec![Command::Approval(approval.id, approve)],
        vec![],
    );
    match decided {
        Ok(_) => {
            reached(Point::ApprovalDecided);
            Ok(true)
        }
        // Decided in between: that stands.
        Err(Error::Store(StoreError::Refused { .. })) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Says what follows for a change set from the decision about it; nothing while there is none.
pub(crate) fn outcome(
    facts: &impl ReadFacts,
    set: &ChangeSet,
) -> Result<Option<Vec<Command>>, Error> {
    let Some(id) = set.approval else {
        return Ok(None);
    };
    let Some(approval) = facts.get::<Approval>(id)? else {
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
        Status::Rejected if changes && may_be_revised(facts, set)? => {
            let time = approval
                .question
                .expires_at
                .duration_since(approval.asked_at);
            let decided_at = approval
                .verdict
                .as_ref()
                .map_or(approval.asked_at, |by| by.at);
            change_set::Command::RequestChanges {
                reason: said.unwrap_or_else(|| ShortText::cut("changes were requested")),
                // As much time as there was to decide.
                revise_by: decided_at + Duration::try_from(time).unwrap_or_default(),
            }
        }
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
///
/// Where nobody saw the time pass, it is announced once more, and some is left to decide.
pub(crate) fn at_deadline(
    approval: &Approval,
    now: Time,
    unseen: bool,
) -> Option<approval::Command> {
    let expires_at = approval.question.expires_at;
    match (approval.deadline(), approval.warned_at) {
        (None, _) => Some(approval::Command::Warn),
        (Some(deadline), _) if deadline > now => None,
        (Some(_), Some(warned_at)) if unseen && warned_at <= expires_at && now > expires_at => {
            Some(approval::Command::Warn)
        }
        (Some(_), _) => Some(approval::Command::Expire),
    }
}

/// By how much the clock on the wall may run away from the time since boot until it has jumped.
const JUMP: Duration = Duration::from_secs(30);

/// When it was looked last: by the clock on the wall, and since boot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    wall: Time,
    since_boot: Option<Duration>,
}

impl Seen {
    /// Notes the time.
    pub(crate) const fn new(wall: Time, since_boot: Option<Duration>) -> Self {
        Self { wall, since_boot }
    }

    /// Tells whether time passed that nobody saw pass: the clock jumped, or there was no engine.
    pub(crate) fn is_unseen(before: Option<Self>, now: Self) -> bool {
        let Some(before) = before else {
            return true;
        };
        let (Some(then), Some(since_boot)) = (before.since_boot, now.since_boot) else {
            return false;
        };
        let wall_ms = now.wall.duration_since(before.wall).as_millis();
        let passed_ms = i128::try_from(since_boot.saturating_sub(then).as_millis());
        (wall_ms - passed_ms.unwrap_or(i128::MAX)).unsigned_abs() > JUMP.as_millis()
    }
}

impl Reconcile for Approvals {
    fn name(&self) -> &'static str {
        "approval"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        // Moves change sets on by what was decided about them.
        let mut decided = false;
        let worked = self.wake_list.each(cx, &self.name, |request| {
            let waiting = Filter::open()
                .request(request)
                .status(change_set::Status::Previewing.name());
            let mut follows = Vec::new();
            for set in cx.store.open_rows::<ChangeSet>(&waiting)?.rows {
                match outcome(cx, &set)? {
                    Some(commands) => follows.push((commands, vec![])),
                    None => decided |= decide_rollback(cx, &set)?,
                }
            }
            Ok(follows)
        })?;
        if worked {
            reached(Point::ApprovalCarriedOut);
        }
        let worked = worked || decided || self.wake_list.is_behind();
        match self.watch_deadlines(cx)? {
            Progress::Idle { .. } if worked => Ok(Progress::Worked),
            progress => Ok(progress),
        }
    }
}
