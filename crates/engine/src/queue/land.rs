//! Landing a train of entries: permits, intents, git, records; and the same from the record after a crash.
//!
//! Each entry has its own commit, intent and record; the branch moves once for all of them, to the last.

use hyperion_api::Problem;
use hyperion_fault::{Point, reached};
use hyperion_git::{Landed, Landing, Move, Renames};
use hyperion_model::approval::Approval;
use hyperion_model::change_set::{self, Basis, ChangeSet};
use hyperion_model::entry::{self, Candidate, Dispatch, Entry};
use hyperion_model::plan;
use hyperion_model::request::Request;
use hyperion_model::{Command, Digest};
use hyperion_policy::{Action, ActionKind, DecisionId, Permit, Purpose, Rules, permit};
use hyperion_store::{Committed, StoreError};

use super::obstacle::{Obstacle, edited_in_the_way};
use super::refs;
use super::restless;
use super::ride::{self, TrainEntry};
use super::train;
use super::work::{Queue, millis};
use crate::change_set::AssessmentDocument;
use crate::error::{MissingFact, git_id, oid};
use crate::repo::Opened;
use crate::{Cx, Error, remote, rollback};

/// Commits the intents to land the entries of a train, as one, with a permit for every change in it.
///
/// It is `false` when nothing is to be landed: the branch has moved, or one of them was called off. They are back in the
/// queue then.
pub(super) fn dispatch(
    queue: &mut Queue,
    cx: &Cx,
    opened: &Opened,
    train: &[TrainEntry],
) -> Result<bool, Error> {
    let Some(first) = train.first() else {
        return Ok(false);
    };
    let entries = || {
        train
            .iter()
            .map(|train_entry| train_entry.entry.clone())
            .collect::<Vec<_>>()
    };
    let tip = opened.tip_if_there(&first.entry.admission.branch)?;
    if tip.is_none() {
        block_waiting(
            queue,
            cx,
            train.iter().map(|train_entry| &train_entry.entry),
        )?;
        return Ok(false);
    }
    if tip != Some(oid(&candidate_of(&first.entry)?.tip)?) {
        if let [only] = train
            && let Some(restless) = restless::moved(queue, cx, &only.entry)?
        {
            block_with(queue, cx, std::iter::once(&only.entry), &restless)?;
            return Ok(false);
        }
        ride::take_back(queue, cx, opened, &first.entry, &entries())?;
        return Ok(false);
    }
    let mut commands = Vec::new();
    let mut minted = Vec::new();
    for TrainEntry { entry, sets } in train {
        let candidate = candidate_of(entry)?;
        let (_, rules) = opened.file_and_rules(cx, &oid(&candidate.tip)?)?;
        let kind = kind(&request_of(cx, entry)?);
        let permits = sets
            .iter()
            .map(|set| permit_for(cx, set, kind, &rules))
            .collect::<Result<Vec<_>, _>>()?;
        let intent = Dispatch {
            candidate: candidate.commit.clone(),
            expected_tip: candidate.tip.clone(),
            payload: payload(permits.iter().map(Permit::payload)),
            policy: rules.digest(),
        };
        commands.push(Command::Entry(entry.id, entry::Command::Dispatch(intent)));
        commands.extend(
            sets.iter()
                .map(|set| Command::ChangeSet(set.id, change_set::Command::Dispatch)),
        );
        minted.push((entry.id, permits));
    }
    reached(Point::LandingIntended);
    match cx.execute(cx.stamp(&queue.name), commands, vec![]) {
        Ok(_) => reached(Point::LandingDispatched),
        // Called off in this very moment; the others stand on it.
        Err(Error::Store(StoreError::Refused { .. })) if train.len() > 1 => {
            ride::take_back(queue, cx, opened, &first.entry, &entries())?;
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    queue.permits.extend(minted);
    Ok(true)
}

fn candidate_of(entry: &Entry) -> Result<&Candidate, Error> {
    entry
        .candidate
        .as_ref()
        .ok_or_else(|| MissingFact::Candidate(entry.id).into())
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
        .ok_or(MissingFact::Assessment(set.id))?;
    let action = Action {
        kind,
        subject: set.id.to_string(),
        payload: assessed.payload,
    };
    let minted = match &set.basis {
        Some(Basis::Approval { approval }) => {
            let found = cx.store.get::<Approval>(*approval)?;
            let found = found.ok_or(MissingFact::Approval(*approval))?;
            let verdict = found
                .verdict
                .as_ref()
                .ok_or(MissingFact::Decision(*approval))?;
            let basis = hyperion_policy::Basis::Approval {
                approval: *approval,
                level: found.question.level,
                required: assessed.level,
                decided_by: &verdict.by,
                owners: found.question.owners.as_ref(),
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
        return Err(MissingFact::Payload(entry.id).into());
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
        .ok_or_else(|| MissingFact::Intent(entry.id).into())
}

fn request_of(cx: &Cx, entry: &Entry) -> Result<Request, Error> {
    let id = entry.admission.request;
    cx.store
        .get::<Request>(id)?
        .ok_or_else(|| MissingFact::Request(id).into())
}

/// Carries the committed intents of a train out, or finds that they were carried out, or gives them up.
///
/// The entries stand on each other, in this order.
pub(super) fn finish(
    queue: &mut Queue,
    cx: &Cx,
    opened: &Opened,
    train: &[TrainEntry],
) -> Result<(), Error> {
    let Some(landing) = landing_of(opened, train)? else {
        return Ok(());
    };
    let began = cx.now();
    match opened.git.landed(&landing.branch, &landing.candidate)? {
        Landed::Yes => {
            // Died between git and the record, or somebody pushed it: either way it is there.
            opened.git.secure_branch()?;
            opened.git.release_landed(&landing)?;
            opened.git.recover_checkouts()?;
            return record(queue, cx, opened, &landing, train, 0);
        }
        Landed::No { tip } if tip.as_ref() != Some(&landing.expected) => {
            return sort_out(queue, cx, opened, &landing, train);
        }
        Landed::No { .. } => {}
    }
    let mut permits = Vec::new();
    for TrainEntry { entry, sets } in train {
        permits.push(match queue.permits.remove(&entry.id) {
            Some(permits) => permits,
            None => {
                let tip = oid(&intent(entry)?.expected_tip)?;
                let (_, rules) = opened.file_and_rules(cx, &tip)?;
                recovered(entry, sets, kind(&request_of(cx, entry)?), &rules)?
            }
        });
    }
    match act(opened, &landing, permits)? {
        Move::Landed { behind } => {
            reached(Point::LandingMoved);
            if let Some(behind) = behind {
                tracing::warn!(entry = %landing.entry, remedy = behind.remedy(), "{behind}");
                for train_entry in train {
                    queue.log(cx, &train_entry.entry, "land", "work_tree_behind", 0, None);
                }
            }
            let took = millis(began, cx.now());
            record(queue, cx, opened, &landing, train, took)
        }
        Move::TipIs(_) => sort_out(queue, cx, opened, &landing, train),
        Move::Blocked(block) => {
            let obstacle = Obstacle::Checkout(block);
            block_train(queue, cx, opened, &landing, train, &obstacle)
        }
        Move::RefLocked { lock } => {
            let obstacle = Obstacle::RefLocked { lock };
            block_train(queue, cx, opened, &landing, train, &obstacle)
        }
    }
}

/// Gives the committed intents of a train as git takes them: one landing, from below the first to the last.
pub(super) fn landing_of(opened: &Opened, train: &[TrainEntry]) -> Result<Option<Landing>, Error> {
    let (Some(first), Some(last)) = (train.first(), train.last()) else {
        return Ok(None);
    };
    Ok(Some(Landing {
        // The last one's ref keeps all the others: its candidate stands on theirs.
        entry: last.entry.id.to_string(),
        branch: opened.branch(&first.entry.admission.branch)?,
        expected: oid(&intent(&first.entry)?.expected_tip)?,
        candidate: oid(&intent(&last.entry)?.candidate)?,
    }))
}

/// Moves the branch: the only place in the engine that does, and only with a permit for every change.
fn act(opened: &Opened, landing: &Landing, permits: Vec<Vec<Permit>>) -> Result<Move, Error> {
    if permits.is_empty() || permits.iter().any(Vec::is_empty) {
        return Err(MissingFact::Permit.into());
    }
    opened.git.publish_objects(landing)?;
    opened.git.create_landing_ref(landing)?;
    let moved = opened.git.move_branch(landing)?;
    drop(permits);
    Ok(moved)
}

/// The branch is neither where the train began nor where it ends: what landed of it is recorded, the rest given up.
fn sort_out(
    queue: &mut Queue,
    cx: &Cx,
    opened: &Opened,
    landing: &Landing,
    train: &[TrainEntry],
) -> Result<(), Error> {
    let there = train::landed(train.len(), |at| {
        let Some(train_entry) = train.get(at) else {
            return Ok(false);
        };
        let candidate = oid(&intent(&train_entry.entry)?.candidate)?;
        let landed = opened.git.landed(&landing.branch, &candidate)?;
        Ok::<_, Error>(landed == Landed::Yes)
    })?;
    let (landed, left) = train.split_at(there);
    if !landed.is_empty() {
        opened.git.secure_branch()?;
        opened.git.recover_checkouts()?;
        record(queue, cx, opened, landing, landed, 0)?;
    }
    give_up(queue, cx, opened, landing, left)
}

/// Puts landings back into the queue because the branch is somewhere else now.
fn give_up(
    queue: &mut Queue,
    cx: &Cx,
    opened: &Opened,
    landing: &Landing,
    train: &[TrainEntry],
) -> Result<(), Error> {
    let Some(tip) = opened.git.tip(&landing.branch)? else {
        let branch = landing.branch.short().to_owned();
        let gone = Obstacle::Gone { branch };
        return block_each(queue, cx, opened, landing, train, &gone);
    };
    abandon(queue, opened, landing)?;
    let refresh = entry::Command::Refresh { tip: git_id(&tip)? };
    undispatch(queue, cx, train, &vec![refresh; train.len()])?;
    reached(Point::LandingRefreshed);
    for train_entry in train {
        queue.log(cx, &train_entry.entry, "land", "moved", 0, None);
    }
    Ok(())
}

/// Lets entries wait that are at work, and have no intent yet, for a branch that is gone.
pub(super) fn block_waiting<'a>(
    queue: &Queue,
    cx: &Cx,
    entries: impl Iterator<Item = &'a Entry>,
) -> Result<(), Error> {
    let mut entries = entries.peekable();
    let Some(first) = entries.peek() else {
        return Ok(());
    };
    let branch = first.admission.branch.to_string();
    block_with(queue, cx, entries, &Obstacle::Gone { branch })
}

/// Lets entries of a branch wait that are at work, and have no intent yet.
fn block_with<'a>(
    queue: &Queue,
    cx: &Cx,
    entries: impl Iterator<Item = &'a Entry>,
    obstacle: &Obstacle,
) -> Result<(), Error> {
    let blocked: Vec<_> = entries.collect();
    let lists = blocked.iter().map(|entry| {
        let block = Command::Entry(entry.id, obstacle.block());
        (vec![block], vec![])
    });
    for answer in cx.execute_each(&cx.stamp(&queue.name), lists) {
        match answer {
            // Called off in this very moment.
            Ok(_) | Err(StoreError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    for entry in blocked {
        queue.log(cx, entry, "land", "blocked", 0, None);
    }
    Ok(())
}

fn abandon(queue: &mut Queue, opened: &Opened, landing: &Landing) -> Result<(), Error> {
    opened.git.abandon(landing)?;
    refs::delete(queue, opened, &landing.entry);
    Ok(())
}

/// Something at the repository is in the way. It may be in the way of one entry only, so a train is taken apart: where an
/// edited file is, those wait that change it, and the others go on together; else each goes alone.
fn block_train(
    queue: &mut Queue,
    cx: &Cx,
    opened: &Opened,
    landing: &Landing,
    train: &[TrainEntry],
    obstacle: &Obstacle,
) -> Result<(), Error> {
    let [first, _, ..] = train else {
        return block_each(queue, cx, opened, landing, train, obstacle);
    };
    let checkouts = opened.git.checkout_state(&landing.branch)?;
    let mut commands = Vec::new();
    let mut are_free = true;
    let refresh = entry::Command::Refresh {
        tip: git_id(&landing.expected)?,
    };
    for train_entry in train {
        let candidate = candidate_of(&train_entry.entry)?;
        let (from, to) = (oid(&candidate.tip)?, oid(&candidate.commit)?);
        let changes = opened.git.diff_trees(&from, &to, Renames::Off)?;
        let block = edited_in_the_way(&checkouts, &changes).map(Obstacle::Checkout);
        are_free &= block.is_none();
        commands.push(block.map_or_else(|| refresh.clone(), |block| block.block()));
    }
    if are_free {
        queue.go_alone(&first.entry, train.len());
        return give_up(queue, cx, opened, landing, train);
    }
    abandon(queue, opened, landing)?;
    undispatch(queue, cx, train, &commands)?;
    reached(Point::LandingBlocked);
    for (train_entry, command) in train.iter().zip(&commands) {
        let outcome = if *command == refresh {
            "moved"
        } else {
            "blocked"
        };
        queue.log(cx, &train_entry.entry, "land", outcome, 0, None);
    }
    Ok(())
}

fn block_each(
    queue: &mut Queue,
    cx: &Cx,
    opened: &Opened,
    landing: &Landing,
    train: &[TrainEntry],
    obstacle: &Obstacle,
) -> Result<(), Error> {
    abandon(queue, opened, landing)?;
    undispatch(queue, cx, train, &vec![obstacle.block(); train.len()])?;
    reached(Point::LandingBlocked);
    for train_entry in train {
        queue.log(cx, &train_entry.entry, "land", "blocked", 0, None);
    }
    Ok(())
}

/// Takes the intents of a train back, the last one first: what is left of it after a crash still stands on something.
fn undispatch(
    queue: &Queue,
    cx: &Cx,
    train: &[TrainEntry],
    each: &[entry::Command],
) -> Result<(), Error> {
    let lists = train.iter().zip(each).rev().map(|(train_entry, command)| {
        let mut commands = vec![Command::Entry(train_entry.entry.id, command.clone())];
        let undispatch =
            |set: &ChangeSet| Command::ChangeSet(set.id, change_set::Command::Undispatch);
        commands.extend(train_entry.sets.iter().map(undispatch));
        (commands, vec![])
    });
    all(cx.execute_each(&cx.stamp(&queue.name), lists))
}

/// Gives the first fault of several answers.
fn all(answers: Vec<Result<Committed, StoreError>>) -> Result<(), Error> {
    for answer in answers {
        answer?;
    }
    Ok(())
}

/// Records that the entries of a train landed, with everything that follows from it.
fn record(
    queue: &mut Queue,
    cx: &Cx,
    opened: &Opened,
    landing: &Landing,
    train: &[TrainEntry],
    took_ms: u64,
) -> Result<(), Error> {
    let lists = train
        .iter()
        .map(|train_entry| {
            let mut commands = landed(cx, train_entry)?;
            let branch = &train_entry.entry.admission.branch;
            let commit = &intent(&train_entry.entry)?.candidate;
            commands.extend(remote::landed(&opened.repo, branch, commit));
            Ok((commands, vec![]))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    all(cx.execute_each(&cx.stamp(&queue.name), lists))?;
    reached(Point::LandingRecorded);
    for train_entry in train {
        queue.restless.forget(train_entry.entry.id);
        queue.log(cx, &train_entry.entry, "land", "landed", took_ms, None);
    }
    refs::delete(queue, opened, &landing.entry);
    Ok(())
}

/// Gives the commands that record one landing.
pub(super) fn landed(cx: &Cx, train_entry: &TrainEntry) -> Result<Vec<Command>, Error> {
    let TrainEntry { entry, sets } = train_entry;
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
    commands.extend(rollback::recorded(cx, &request, &commit)?);
    Ok(commands)
}
