//! A plan: the steps that lead from a request to its changes, as a DAG.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::machine::{
    Corrupt, Machine, Noun, Refusal, Row, Stamp, damaged, expect, moves, out_of_order,
};
use crate::{ChangeSetId, Digest, PlanId, RepoId, RequestId, RunId, ShortText, TaskId, Time};

mod command;
mod event;
pub mod step;

pub use command::Command;
pub use event::Event;

moves! {
    noun Noun::Plan;
    states {
        /// Written down, not begun.
        Draft = "draft" open;
        /// Its steps are being worked on.
        Active = "active" open;
        /// Every step ended, none failed.
        Completed = "completed" closed;
        /// Given up: a step failed, or the request was called off.
        Abandoned = "abandoned" closed;
    }
    verbs {
        Activate = "be activated": [Draft] => Active;
        WorkStep = "work on a step": [Active] => Active;
        Complete = "complete": [Active] => Completed;
        Abandon = "be abandoned": [Draft Active] => Abandoned;
        Reopen = "be reopened": [Abandoned] => Active;
    }
}

/// The most steps a plan can ever have; the setting `plan.max_steps` is lower.
pub const MAX_STEPS: usize = 500;

/// A step before anybody worked on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewStep {
    /// Its number, from 1.
    pub number: u32,
    /// The task it carries out.
    pub task: TaskId,
    /// The numbers of the steps that come before it.
    pub depends_on: Vec<u32>,
}

/// A step's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its number, from 1.
    pub number: u32,
    /// The task it carries out.
    pub task: TaskId,
    /// The numbers of the steps that come before it.
    pub depends_on: Vec<u32>,
    /// Where it stands.
    pub status: step::Status,
    /// The latest run at it.
    pub run: Option<RunId>,
    /// The change set that came of it.
    pub change_set: Option<ChangeSetId>,
    /// Why it failed or was skipped.
    pub reason: Option<ShortText>,
    /// Why it failed, for whoever decides what to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<step::Cause>,
    /// When work began.
    pub started_at: Option<Time>,
    /// When it ended.
    pub ended_at: Option<Time>,
}

/// How far a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// All steps.
    pub total: usize,
    /// Steps that completed.
    pub completed: usize,
    /// Steps being worked on.
    pub in_progress: usize,
    /// Steps not begun.
    pub pending: usize,
    /// Steps that failed.
    pub failed: usize,
    /// Steps passed over.
    pub skipped: usize,
    /// Ended steps in percent of all, rounded down.
    pub percent: usize,
}

/// A plan's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// The request it serves.
    pub request: RequestId,
    /// The repository it is about.
    pub repo: RepoId,
    /// The blob with its assignments: titles, instructions, owned paths.
    pub document: Digest,
    /// Where it stands.
    pub status: Status,
    /// Its steps, by number.
    pub steps: Vec<Step>,
    /// When it was made.
    pub created_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
}

impl Plan {
    /// Finds a step by its number.
    pub fn step(&self, number: u32) -> Option<&Step> {
        self.steps.iter().find(|step| step.number == number)
    }

    /// Counts how far it is.
    pub fn progress(&self) -> Progress {
        let count = |status| {
            self.steps
                .iter()
                .filter(|step| step.status == status)
                .count()
        };
        let total = self.steps.len();
        let pending = count(step::Status::Pending);
        let in_progress = count(step::Status::InProgress);
        Progress {
            total,
            completed: count(step::Status::Completed),
            in_progress,
            pending,
            failed: count(step::Status::Failed),
            skipped: count(step::Status::Skipped),
            percent: (100 * (total - pending - in_progress))
                .checked_div(total)
                .unwrap_or(100),
        }
    }
}

/// Refuses steps that are not numbered 1, 2, 3…, or that depend on later steps or themselves.
///
/// A step may depend on earlier numbers only, so the steps form a DAG by construction.
fn check_steps(steps: &[NewStep]) -> Result<(), Refusal> {
    if steps.len() > MAX_STEPS {
        return Err(Refusal::Limit {
            what: "steps in a plan",
            given: steps.len(),
            max: MAX_STEPS,
        });
    }
    let numbered = steps
        .iter()
        .zip(1..)
        .all(|(step, number)| step.number == number);
    if steps.is_empty() || !numbered {
        return Err(Refusal::Inconsistent(
            "steps are numbered 1, 2, 3 and so on; at least one",
        ));
    }
    let backwards = steps.iter().all(|step| {
        step.depends_on
            .iter()
            .all(|on| *on >= 1 && *on < step.number)
    });
    if !backwards {
        return Err(Refusal::Inconsistent(
            "a step depends on earlier steps only",
        ));
    }
    let tasks: BTreeSet<_> = steps.iter().map(|step| &step.task).collect();
    if tasks.len() != steps.len() {
        return Err(Refusal::Inconsistent("every step has a task of its own"));
    }
    Ok(())
}

impl Machine for Plan {
    type Id = PlanId;
    type Command = Command;
    type Event = Event;
    const NOUN: Noun = Noun::Plan;

    fn decide(state: Option<&Self>, command: &Command, _: &Stamp) -> Result<Vec<Event>, Refusal> {
        let plan = match (state, command) {
            (
                None,
                Command::Create {
                    id,
                    request,
                    repo,
                    document,
                    steps,
                },
            ) => {
                check_steps(steps)?;
                return Ok(vec![Event::Created {
                    id: *id,
                    request: *request,
                    repo: *repo,
                    document: *document,
                    steps: steps.clone(),
                }]);
            }
            (None, _) => return Err(Refusal::Missing(Noun::Plan)),
            (Some(plan), _) => plan,
        };
        let standing = |number: &u32| {
            lead(plan.status, Verb::WorkStep)?;
            plan.step(*number)
                .map(|step| step.status)
                .ok_or_else(|| Refusal::NoSuchPart {
                    noun: Noun::Plan,
                    part: format!("step {number}"),
                })
        };
        let event = match command {
            Command::Create { .. } => return Err(Refusal::Exists(Noun::Plan)),
            Command::Expect(looked_at) => return expect(plan, looked_at),
            Command::Activate => {
                lead(plan.status, Verb::Activate)?;
                Event::Activated {}
            }
            Command::StartStep { number, run } => {
                step::start(standing(number)?)?;
                Event::StepStarted {
                    number: *number,
                    run: *run,
                }
            }
            Command::HandIn { number, change_set } => {
                step::hand_in(standing(number)?)?;
                Event::StepHandedIn {
                    number: *number,
                    change_set: *change_set,
                }
            }
            Command::ReviseStep { number } => {
                step::revise(standing(number)?)?;
                Event::StepRevised { number: *number }
            }
            Command::CompleteStep { number } => {
                step::complete(standing(number)?)?;
                Event::StepCompleted { number: *number }
            }
            Command::SkipStep { number, reason } => {
                step::skip(standing(number)?)?;
                Event::StepSkipped {
                    number: *number,
                    reason: reason.clone(),
                }
            }
            Command::FailStep {
                number,
                cause,
                reason,
            } => {
                step::fail(standing(number)?)?;
                Event::StepFailed {
                    number: *number,
                    cause: *cause,
                    reason: reason.clone(),
                }
            }
            Command::RetryStep { number } => {
                step::retry(standing(number)?)?;
                Event::StepRetried { number: *number }
            }
            Command::Complete => {
                lead(plan.status, Verb::Complete)?;
                if plan.steps.iter().any(|step| step.status.is_open()) {
                    return Err(Refusal::Inconsistent(
                        "a plan with open steps is not complete",
                    ));
                }
                if plan
                    .steps
                    .iter()
                    .any(|step| step.status == step::Status::Failed)
                {
                    return Err(Refusal::Inconsistent(
                        "a plan with failed steps is not complete; it is abandoned",
                    ));
                }
                Event::Completed {}
            }
            Command::Abandon { reason } => {
                lead(plan.status, Verb::Abandon)?;
                Event::Abandoned {
                    reason: reason.clone(),
                }
            }
            Command::Reopen => {
                lead(plan.status, Verb::Reopen)?;
                Event::Reopened {}
            }
        };
        Ok(vec![event])
    }

    fn apply(state: Option<Self>, event: &Event, stamp: &Stamp) -> Result<Self, Corrupt> {
        let mut plan = match (state, event) {
            (
                None,
                Event::Created {
                    id,
                    request,
                    repo,
                    document,
                    steps,
                },
            ) => {
                let steps = steps.iter().cloned().map(
                    |NewStep {
                         number,
                         task,
                         depends_on,
                     }| Step {
                        number,
                        task,
                        depends_on,
                        status: step::Status::Pending,
                        run: None,
                        change_set: None,
                        reason: None,
                        cause: None,
                        started_at: None,
                        ended_at: None,
                    },
                );
                return Ok(Self {
                    id: *id,
                    request: *request,
                    repo: *repo,
                    document: *document,
                    status: Status::Draft,
                    steps: steps.collect(),
                    created_at: stamp.time,
                    ended_at: None,
                });
            }
            (None, _) => return Err(out_of_order(Noun::Plan, false)),
            (Some(plan), _) => plan,
        };
        let damaged = damaged(Noun::Plan);
        let verb = match event {
            Event::Created { .. } => return Err(out_of_order(Noun::Plan, true)),
            Event::Activated {} => Verb::Activate,
            Event::Completed {} => Verb::Complete,
            Event::Abandoned { .. } => Verb::Abandon,
            Event::Reopened {} => Verb::Reopen,
            Event::StepStarted { number, .. }
            | Event::StepHandedIn { number, .. }
            | Event::StepRevised { number }
            | Event::StepCompleted { number }
            | Event::StepSkipped { number, .. }
            | Event::StepFailed { number, .. }
            | Event::StepRetried { number } => {
                let step = plan
                    .steps
                    .iter_mut()
                    .find(|step| step.number == *number)
                    .ok_or_else(|| Corrupt {
                        noun: Noun::Plan,
                        detail: format!("it has no step {number}"),
                    })?;
                apply_step(step, event, stamp.time).map_err(&damaged)?;
                Verb::WorkStep
            }
        };
        plan.status = lead(plan.status, verb).map_err(damaged)?;
        plan.ended_at = (!plan.status.is_open()).then_some(stamp.time);
        Ok(plan)
    }

    fn row(&self) -> Row {
        Row {
            status: self.status.name(),
            open: self.status.is_open(),
            request: Some(self.request),
            repo: Some(self.repo),
            blobs: vec![self.document],
            ..Row::default()
        }
    }
}

fn apply_step(step: &mut Step, event: &Event, now: Time) -> Result<(), Refusal> {
    step.status = match event {
        Event::StepStarted { run, .. } => {
            step.run = Some(*run);
            step.started_at = Some(now);
            step::start(step.status)?
        }
        Event::StepHandedIn { change_set, .. } => {
            step.change_set = Some(*change_set);
            step::hand_in(step.status)?
        }
        Event::StepRevised { .. } => {
            step.change_set = None;
            step::revise(step.status)?
        }
        Event::StepCompleted { .. } => step::complete(step.status)?,
        Event::StepSkipped { reason, .. } => {
            step.reason = Some(reason.clone());
            step::skip(step.status)?
        }
        Event::StepFailed { cause, reason, .. } => {
            step.reason = Some(reason.clone());
            step.cause = cause.named();
            step::fail(step.status)?
        }
        Event::StepRetried { .. } => {
            step.reason = None;
            step.cause = None;
            step::retry(step.status)?
        }
        Event::Created { .. }
        | Event::Activated {}
        | Event::Completed {}
        | Event::Abandoned { .. }
        | Event::Reopened {} => step.status,
    };
    step.ended_at = (!step.status.is_open()).then_some(now);
    Ok(())
}
