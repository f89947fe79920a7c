//! Runs that left to wait for a decision, and their return.
//!
//! A tool that cannot wait exits with 75. If it was told of a question of its own that it is pending, the run is parked, and the next start
//! of it, with `HYPERION_RESUME=1`, follows the decision.

use std::collections::BTreeSet;

use hyperion_model::approval::{self, Approval, Status};
use hyperion_model::run::{Run, Work};
use hyperion_model::{ApprovalId, Command, RunId, ShortText};
use hyperion_shim::{End, Ended, Spec, Stdin, asks};
use hyperion_store::Filter;

use super::desk::{Message, is_decided_since};
use super::folder_of;
use crate::read_facts::ReadFacts;
use crate::{Cx, Error};

/// The status with which a tool leaves that cannot wait.
const EXIT_PARKED: i32 = 75;
/// Tells a tool that it was started again after a decision.
const RESUME: &str = "HYPERION_RESUME";
/// How often a run is started again in a row without a person having decided something new.
pub(super) const RESUMES_MAX: usize = 10;
/// How many starts of a run are looked at.
const STARTS: u32 = 1000;

/// What follows from a run's end for what it asked.
pub(super) enum Left {
    /// It is parked until one of these is decided.
    Waits(Vec<ApprovalId>),
    /// It would be parked, but was started again too often without a decision.
    InVain,
    /// Nothing.
    Over,
}

/// Takes what an ended run asked and nobody took, and says what it left behind.
///
/// The files stay: whoever dies before the end is recorded looks at them again, and finds what was asked.
pub(super) fn left_by(cx: &Cx, run: &Run, ended: &Ended) -> Result<Left, Error> {
    let is_parkable = matches!(run.work, Work::Command { .. }) && run.stop.is_none();
    if !is_parkable || ended.end != (End::Exited { code: EXIT_PARKED }) {
        return Ok(Left::Over);
    }
    let mut waits = Vec::new();
    for id in &ended.waits_for {
        let id = id.parse::<ApprovalId>().ok();
        let approval = id.map(|id| cx.store.get::<Approval>(id)).transpose()?;
        let approval = approval.flatten();
        waits.extend(approval.filter(|one| one.question.lineage == run.lineage));
    }
    let folder = folder_of(cx, run.id);
    let failed = |source| Error::Io {
        what: folder.display().to_string(),
        source,
    };
    for number in asks::unanswered(&folder).map_err(failed)? {
        let message = asks::read(&folder, number).map_err(failed)?;
        if let Some(Ok(Message::Request(request))) = message.map(|bytes| Message::read(&bytes)) {
            match request.ask(cx, run) {
                Ok(approval) => waits.push(approval),
                // The tool learns it when it asks again, if it ever does.
                Err(Error::Problem(problem)) => {
                    tracing::warn!(run = %run.id, code = problem.code, detail = problem.detail, "a question of a run was refused");
                }
                Err(error) => return Err(error),
            }
        }
    }
    let mut waits: Vec<_> = waits.into_iter().map(|approval| approval.id).collect();
    waits.sort_unstable();
    waits.dedup();
    if waits.is_empty() {
        return Ok(Left::Over);
    }
    Ok(match resumes_in_vain(cx, run)? >= RESUMES_MAX {
        true => Left::InVain,
        false => Left::Waits(waits),
    })
}

/// Counts how often a run was started again in a row without a person having decided anything new.
fn resumes_in_vain(cx: &Cx, run: &Run) -> Result<usize, Error> {
    let mut count = 0;
    for before in parked_before(cx, run)? {
        for id in &before.waits_for {
            let approval = cx.store.get::<Approval>(*id)?;
            if approval.is_some_and(|one| is_decided_since(&one, before.created_at)) {
                return Ok(count);
            }
        }
        count += 1;
    }
    Ok(count)
}

/// Lists the starts of a run that were parked, the latest first.
fn parked_before(cx: &Cx, run: &Run) -> Result<Vec<Run>, Error> {
    if run.incarnation == 1 {
        return Ok(Vec::new());
    }
    let filter = Filter::default().parent(run.lineage.uuid()).newest();
    Ok(cx.store.list::<Run>(&filter.limit(STARTS))?.rows)
}

/// Withdraws the questions of a run that has ended for good: nobody waits for them any more.
pub(super) fn withdraw_questions(cx: &Cx, run: &Run) -> Result<Vec<Command>, Error> {
    let mut commands = Vec::new();
    for id in starts_that_asked(cx, run)? {
        let pending = cx
            .store
            .open_rows::<Approval>(&Filter::open().run(id))?
            .rows;
        commands.extend(pending.into_iter().map(|approval| {
            let reason = ShortText::cut("the run that asked has ended");
            Command::Approval(approval.id, approval::Command::Cancel { reason })
        }));
    }
    Ok(commands)
}

/// Tells whether somebody agreed to something that a run asked: it may have been doing it when it was lost.
pub(super) fn was_agreed_to(cx: &Cx, run: &Run) -> Result<Option<Approval>, Error> {
    for id in starts_that_asked(cx, run)? {
        let approved = Filter::default().run(id).status(Status::Approved.name());
        let approved = approved.newest().limit(1);
        if let Some(found) = cx.store.list::<Approval>(&approved)?.rows.pop() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Lists the starts of a run that may have asked something.
fn starts_that_asked(cx: &Cx, run: &Run) -> Result<BTreeSet<RunId>, Error> {
    let before = parked_before(cx, run)?;
    Ok(before.iter().map(|run| run.id).chain([run.id]).collect())
}

/// Tells whether a parked run goes on: something that it waits for was decided, or is gone.
pub(super) fn goes_on(facts: &impl ReadFacts, run: &Run) -> Result<bool, Error> {
    for id in &run.waits_for {
        let approval = facts.get::<Approval>(*id)?;
        if approval.is_none_or(|approval| approval.status != Status::Pending) {
            return Ok(true);
        }
    }
    Ok(run.waits_for.is_empty())
}

/// Prepares the start that follows a decision: whoever called it first may be gone, so it reads nothing and has no terminal.
pub(super) fn prepare(spec: &mut Spec) {
    spec.env.retain(|(name, _)| name != RESUME);
    spec.env.push((RESUME.to_owned(), "1".to_owned()));
    spec.stdin = Stdin::Null;
    spec.terminal = None;
}
