//! Landing an entry: permit, intent, git, record; and the same from the record after a crash.

use hyperion_api::Problem;
use hyperion_fault::{Point, reached};
use hyperion_git::{Landed, Landing, Move};
use hyperion_model::approval::Approval;
use hyperion_model::change_set::{self, Basis, ChangeSet};
use hyperion_model::entry::{self, Dispatch, Entry};
use hyperion_model::plan;
use hyperion_model::request::{self, Request};
use hyperion_model::{Command, Digest, ShortText};
use hyperion_policy::{Action, ActionKind, DecisionId, Permit, Purpose, Rules, permit};
use hyperion_store::Filter;

use super::merge::sets_of;
use super::work::{Queue, Step, millis};
use crate::change_set::AssessmentDocument;
use crate::error::{git_id, oid};
use crate::repo::Opened;
use crate::{Cx, Error};

/// Commits the intent to land an entry, with a permit for every change in it.
pub(super) fn dispatch(
    queue: &mut Queue,
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    sets: &[ChangeSet],
) -> Result<Step, Error> {
    let candidate = entry
        .candidate
        .clone()
        .ok_or_else(|| Error::Missing(format!("the candidate of queue entry {}", entry.id)))?;
    let tip = opened.tip(&entry.admission.branch)?;
    if tip != oid(&candidate.tip)? {
        let refresh = entry::Command::Refresh { tip: git_id(&tip)? };
        return queue.command(cx, entry, refresh, vec![]);
    }
    let (_, rules) = opened.file_and_rules(cx, &tip)?;
    let request = request_of(cx, entry)?;
    let kind = kind(&request);
    let permits = sets
        .iter()
        .map(|set| permit_for(cx, set, kind, &rules))
        .collect::<Result<Vec<_>, _>>()?;
    let intent = Dispatch {
        candidate: candidate.commit,
        expected_tip: candidate.tip,
        payload: payload(permits.iter().map(Permit::payload)),
        policy: rules.digest(),
    };
    let mut commands = vec![Command::Entry(entry.id, entry::Command::Dispatch(intent))];
    commands.extend(
        sets.iter()
            .map(|set| Command::ChangeSet(set.id, change_set::Command::Dispatch)),
    );
    reached(Point::LandingIntended);
    cx.execute(cx.stamp(&queue.name), commands, vec![])?;
    reached(Point::LandingDispatched);
    queue.permits.insert(entry.id, permits);
    Ok(Step::Worked)
}

fn kind(request: &Request) -> ActionKind {
    if request.submission.rolls_back.is_some() {
        ActionKind::RollBack
    } else {
        ActionKind::Land
    }
}

fn payload(payloads: impl Iterator<Item = Digest>) -> Digest {
    let list: Vec<_> = payloads.map(|payload| payload.to_string()).collect();
    Digest::of_json(&serde_json::json!(list))
}

/// Mints the permit of one change from what it was approved by.
fn permit_for(cx: &Cx, set: &ChangeSet, kind: ActionKind, rules: &Rules) -> Result<Permit, Error> {
    let assessed = set
        .assessed
        .as_ref()
        .ok_or_else(|| Error::Missing(format!("the assessment of change set {}", set.id)))?;
    let action = Action {
        kind,
        subject: set.id.to_string(),
        payload: assessed.payload,
    };
    let minted = match &set.basis {
        Some(Basis::Approval { approval }) => {
            let found = cx.store.get::<Approval>(*approval)?;
            let found = found.ok_or_else(|| Error::Missing(format!("approval {approval}")))?;
            let verdict = found
                .verdict
                .as_ref()
                .ok_or_else(|| Error::Missing(format!("the decision on approval {approval}")))?;
            let basis = hyperion_policy::Basis::Approval {
                approval: *approval,
                level: found.question.level,
                required: assessed.level,
                decided_by: &verdict.by,
                payload: found.question.digest,
            };
            permit(&action, &basis, rules)
        }
        Some(Basis::Policy) => {
            let document: AssessmentDocument = cx.require_json(assessed.document)?;
            let basis = hyperion_policy::Basis::Policy {
                assessment: &document.assessment,
                payload: assessed.payload,
            };
            permit(&action, &basis, rules)
        }
        None => {
            let detail = format!("change set {} has nothing that lets it land", set.id);
            return Err(Problem::new("policy.refused", detail).into());
        }
    };
    minted.map_err(|refused| Problem::new("policy.refused", format!("failed to {refused}")).into())
}

/// Mints the permits of a landing that an earlier engine began: only to finish or undo that very one.
fn recovered(
    entry: &Entry,
    sets: &[ChangeSet],
    kind: ActionKind,
    rules: &Rules,
) -> Result<Vec<Permit>, Error> {
    let intent = intent(entry)?;
    let payloads = sets
        .iter()
        .filter_map(|set| set.assessed.as_ref())
        .map(|assessed| assessed.payload);
    if payload(payloads) != intent.payload {
        return Err(Error::Missing(format!(
            "the payload that queue entry {} was dispatched with",
            entry.id
        )));
    }
    sets.iter()
        .map(|set| {
            let payload = set
                .assessed
                .as_ref()
                .map_or(intent.payload, |assessed| assessed.payload);
            let action = Action {
                kind,
                subject: set.id.to_string(),
                payload,
            };
            let decision = match &set.basis {
                Some(Basis::Approval { approval }) => DecisionId::Approval(*approval),
                Some(Basis::Policy) | None => DecisionId::Policy(intent.policy),
            };
            let basis = hyperion_policy::Basis::Recovery {
                decision,
                payload,
                policy: intent.policy,
                purpose: Purpose::Finish,
            };
            permit(&action, &basis, rules).map_err(|refused| {
                Problem::new("policy.refused", format!("failed to {refused}")).into()
            })
        })
        .collect()
}

fn intent(entry: &Entry) -> Result<&Dispatch, Error> {
    entry
        .dispatch
        .as_ref()
        .ok_or_else(|| Error::Missing(format!("the intent of queue entry {}", entry.id)))
}

fn request_of(cx: &Cx, entry: &Entry) -> Result<Request, Error> {
    let id = entry.admission.request;
    cx.store
        .get::<Request>(id)?
        .ok_or_else(|| Error::Missing(format!("request {id}")))
}

/// Carries a committed intent out, or finds that it was carried out, or gives it up.
pub(super) fn finish(
    queue: &mut Queue,
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
) -> Result<Step, Error> {
    let began = cx.now();
    let sets = sets_of(cx, entry)?;
    let landing = landing_of(opened, entry)?;
    match opened.git.landed(&landing.branch, &landing.candidate)? {
        Landed::Yes => {
            // Died between git and the record, or somebody pushed it: either way it is there.
            opened.git.recover_checkouts()?;
            return record(queue, cx, opened, entry, &sets, 0);
        }
        Landed::No { tip } if tip.as_ref() != Some(&landing.expected) => {
            return give_up(queue, cx, opened, entry, &sets);
        }
        Landed::No { .. } => {}
    }
    let permits = match queue.permits.remove(&entry.id) {
        Some(permits) => permits,
        None => {
            let (_, rules) = opened.file_and_rules(cx, &landing.expected)?;
            recovered(entry, &sets, kind(&request_of(cx, entry)?), &rules)?
        }
    };
    match act(opened, &landing, permits)? {
        Move::Landed { behind } => {
            reached(Point::LandingMoved);
            if let Some(block) = behind {
                tracing::warn!(entry = %entry.id, remedy = block.remedy(), "a work tree could not follow the landing");
                queue.log(cx, entry, "land", "work_tree_behind", 0, None);
            }
            let took = millis(began, cx.now());
            record(queue, cx, opened, entry, &sets, took)
        }
        Move::TipIs(_) => give_up(queue, cx, opened, entry, &sets),
        Move::Blocked(block) => {
            let remedy = block.remedy();
            block_entry(queue, cx, opened, entry, &sets, &remedy)
        }
        Move::RefLocked { lock } => {
            let remedy = format!(
                "wait for the git command there; if none is running, remove {}",
                lock.display()
            );
            block_entry(queue, cx, opened, entry, &sets, &remedy)
        }
    }
}

/// Gives a committed intent as git takes it.
fn landing_of(opened: &Opened, entry: &Entry) -> Result<Landing, Error> {
    let intent = intent(entry)?;
    Ok(Landing {
        entry: entry.id.to_string(),
        branch: opened.branch(&entry.admission.branch)?,
        expected: oid(&intent.expected_tip)?,
        candidate: oid(&intent.candidate)?,
    })
}

/// Moves the branch: the only place in the engine that does, and only with a permit for every change.
fn act(opened: &Opened, landing: &Landing, permits: Vec<Permit>) -> Result<Move, Error> {
    if permits.is_empty() {
        return Err(Error::Missing("a permit to land anything".to_owned()));
    }
    opened.git.publish_objects(landing)?;
    opened.git.create_landing_ref(landing)?;
    let moved = opened.git.move_branch(landing)?;
    drop(permits);
    Ok(moved)
}

/// Puts a landing back into the queue because the branch is somewhere else now.
fn give_up(
    queue: &Queue,
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    sets: &[ChangeSet],
) -> Result<Step, Error> {
    let landing = landing_of(opened, entry)?;
    let Some(tip) = opened.git.tip(&landing.branch)? else {
        let branch = landing.branch.short();
        let remedy = format!("branch {branch} is gone; create it again, or cancel this entry");
        return block_entry(queue, cx, opened, entry, sets, &remedy);
    };
    opened.git.abandon(&landing)?;
    let mut commands = vec![Command::Entry(
        entry.id,
        entry::Command::Refresh { tip: git_id(&tip)? },
    )];
    commands.extend(undispatch(sets));
    cx.execute(cx.stamp(&queue.name), commands, vec![])?;
    reached(Point::LandingRefreshed);
    queue.log(cx, entry, "land", "moved", 0, None);
    Ok(Step::Worked)
}

fn block_entry(
    queue: &Queue,
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    sets: &[ChangeSet],
    remedy: &str,
) -> Result<Step, Error> {
    opened.git.abandon(&landing_of(opened, entry)?)?;
    let reason = ShortText::cut(remedy);
    let mut commands = vec![Command::Entry(entry.id, entry::Command::Block { reason })];
    commands.extend(undispatch(sets));
    cx.execute(cx.stamp(&queue.name), commands, vec![])?;
    reached(Point::LandingBlocked);
    queue.log(cx, entry, "land", "blocked", 0, None);
    Ok(Step::Worked)
}

fn undispatch(sets: &[ChangeSet]) -> impl Iterator<Item = Command> {
    sets.iter()
        .map(|set| Command::ChangeSet(set.id, change_set::Command::Undispatch))
}

/// Records that an entry landed, with everything that follows from it.
fn record(
    queue: &Queue,
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    sets: &[ChangeSet],
    took_ms: u64,
) -> Result<Step, Error> {
    let commit = intent(entry)?.candidate.clone();
    let mut commands = vec![Command::Entry(
        entry.id,
        entry::Command::Land {
            commit: commit.clone(),
        },
    )];
    for set in sets {
        let land = change_set::Command::Land {
            commit: commit.clone(),
        };
        commands.push(Command::ChangeSet(set.id, land));
        let complete = plan::Command::CompleteStep {
            number: set.proposal.step,
        };
        commands.push(Command::Plan(set.proposal.plan, complete));
    }
    let request = request_of(cx, entry)?;
    if let Some(original) = request.submission.rolls_back {
        let landed = Filter::default()
            .request(original)
            .status(change_set::Status::Landed.name())
            .limit(1000);
        for set in cx.store.list::<ChangeSet>(&landed)?.rows {
            let back = change_set::Command::RollBack {
                commit: commit.clone(),
            };
            commands.push(Command::ChangeSet(set.id, back));
        }
        // Git has moved already, so nothing may keep this from being recorded: a request that was taken up again
        // meanwhile, or taken back by somebody else, stays as it is.
        let there = cx.store.get::<Request>(original)?;
        let ended = there.is_some_and(|there| match there.status {
            request::Status::Completed | request::Status::PartlyLanded => true,
            request::Status::Pending
            | request::Status::NeedsClarification
            | request::Status::Planned
            | request::Status::Running
            | request::Status::AwaitingApproval
            | request::Status::Failed
            | request::Status::Cancelled
            | request::Status::RolledBack => false,
        });
        if ended {
            let back = request::Command::RollBack { by: request.id };
            commands.push(Command::Request(original, back));
        }
    }
    cx.execute(cx.stamp(&queue.name), commands, vec![])?;
    reached(Point::LandingRecorded);
    queue.log(cx, entry, "land", "landed", took_ms, None);
    opened.git.delete_landing_ref(&entry.id.to_string())?;
    Ok(Step::Worked)
}
