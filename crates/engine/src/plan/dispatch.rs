//! Gives steps to agents: first the run is committed, then it is carried out, then its change handed in.
//!
//! A step starts as soon as the steps before it have handed in their changes; it is made on top of
//! them, so a chain of steps can be approved in one go and lands in order.

use std::sync::Arc;

use hyperion_agent::scripted;
use hyperion_api::assignment::Assignment;
use hyperion_api::change_request::ChangeRequest;
use hyperion_api::task_request::{Change, MadeBy, TaskRequest};
use hyperion_fault::{Point, reached};
use hyperion_model::change_set::ChangeSet;
use hyperion_model::plan::step::Cause;
use hyperion_model::plan::{self, Plan, Step, step};
use hyperion_model::request::Request;
use hyperion_model::run::{self, Ending, Run, Work};
use hyperion_model::{
    ChangeSetId, Command, Decision, LineageId, Name, NewBlob, RequestId, RunId, ShortText,
};

use super::depend::ready;
use super::document::plan_document;
use crate::change_set::{For, HandedIn, materialise, propose, stack};
use crate::cx::json_blob;
use crate::error::{chain, oid};
use crate::intake::revised_assignment;
use crate::read_facts::ReadFacts;
use crate::reconcile::{Progress, Reconcile};
use crate::repo::Opened;
use crate::wake_list::WakeList;
use crate::{Cx, Error, Sizes, rollback};

/// How many steps are worked at in one go; the queue gets its turn in between.
const BATCH: usize = 4;

/// Gives steps to agents.
pub(crate) struct Dispatch {
    name: Name,
    wake_list: WakeList,
}

/// Everything a step needs.
struct Brief {
    request: Request,
    assignment: Assignment,
    opened: Opened,
}

impl Dispatch {
    pub(crate) fn new(name: Name) -> Self {
        Self {
            name,
            wake_list: WakeList::with_all::<Plan>(),
        }
    }

    fn start(&self, cx: &Cx, plan: &Plan, step: &Step) -> Result<(), Error> {
        let brief = brief(cx, plan, step)?;
        let spec = json_blob(&brief.assignment)?;
        let id = cx.id(RunId::new);
        let start = run::Command::Start {
            id,
            lineage: cx.id(LineageId::new),
            incarnation: 1,
            request: Some(plan.request),
            work: Work::Agent {
                plan: plan.id,
                step: step.number,
                agent: brief.request.submission.agent.clone(),
            },
            spec: spec.digest,
        };
        let commands = vec![
            Command::Run(id, start),
            Command::Plan(
                plan.id,
                plan::Command::StartStep {
                    number: step.number,
                    run: id,
                },
            ),
        ];
        cx.execute(cx.stamp(&self.name), commands, vec![spec])?;
        reached(Point::RunStarted);
        Ok(())
    }

    /// Carries out a run of the scripted agent; doing it again after a crash gives the same change.
    fn carry_out(&self, cx: &Cx, plan: &Plan, step: &Step, run: &Run) -> Result<(), Error> {
        let brief = brief(cx, plan, step)?;
        let handed_in = match hand_in(cx, plan, step, &brief)? {
            Ok(handed_in) => handed_in,
            Err((cause, why)) => return self.fail(cx, plan, step, run, cause, &why),
        };
        let whose = For {
            plan,
            step,
            run,
            request: &brief.request,
        };
        propose(cx, &self.name, &brief.opened, whose, handed_in)
    }

    fn fail(
        &self,
        cx: &Cx,
        plan: &Plan,
        step: &Step,
        run: &Run,
        cause: Cause,
        why: &str,
    ) -> Result<(), Error> {
        let reason = ShortText::cut(why);
        let blob = NewBlob::new(why.as_bytes());
        let ending = Ending {
            exit_code: None,
            reason: Some(reason.clone()),
            result: Some(blob.digest),
            ..Ending::default()
        };
        let commands = vec![
            Command::Run(run.id, run::Command::Fail(ending)),
            Command::Plan(
                plan.id,
                plan::Command::FailStep {
                    number: step.number,
                    cause,
                    reason,
                },
            ),
        ];
        cx.execute(cx.stamp(&self.name), commands, vec![blob])?;
        Ok(())
    }

    /// Works at a plan's steps, at most `left` of them; gives how many it was.
    fn work_at(&self, cx: &Cx, plan: &Plan, left: usize) -> Result<usize, Error> {
        let mut worked = 0;
        for step in &plan.steps {
            if worked == left {
                break;
            }
            match step.status {
                step::Status::Pending if ready(plan, step) => {
                    self.start(cx, plan, step)?;
                    worked += 1;
                }
                // What it builds on may be on its way in a new version.
                step::Status::InProgress if step.change_set.is_none() && ready(plan, step) => {
                    let Some(run) = step.run else { continue };
                    let Some(run) = cx.store.get::<Run>(run)? else {
                        continue;
                    };
                    if !run.status.is_open() {
                        continue;
                    }
                    if let Err(error) = self.carry_out(cx, plan, step, &run) {
                        if error.is_passing() {
                            return Err(error);
                        }
                        let request = cx.store.get::<Request>(plan.request)?;
                        let lost = request.and_then(|request| {
                            cx.repos.lost_base(cx, plan.repo, &request.submission.base)
                        });
                        let (cause, why) = match lost {
                            Some(lost) => (Cause::BaseLost, lost.to_string()),
                            None => (Cause::Agent, chain(&error)),
                        };
                        self.fail(cx, plan, step, &run, cause, &why)?;
                    }
                    worked += 1;
                }
                step::Status::Pending
                | step::Status::InProgress
                | step::Status::Completed
                | step::Status::Skipped
                | step::Status::Failed => {}
            }
        }
        Ok(worked)
    }
}

/// Gives the plan that a request is being worked at by.
pub(crate) fn active_of(facts: &impl ReadFacts, request: RequestId) -> Result<Option<Plan>, Error> {
    let plan = facts
        .get::<Request>(request)?
        .and_then(|request| request.plan);
    let plan = plan.map(|plan| facts.get::<Plan>(plan)).transpose()?;
    Ok(plan
        .flatten()
        .filter(|plan| plan.status == plan::Status::Active))
}

fn brief(cx: &Cx, plan: &Plan, step: &Step) -> Result<Brief, Error> {
    let request = cx
        .store
        .get::<Request>(plan.request)?
        .ok_or_else(|| Error::Missing(format!("request {}", plan.request)))?;
    let assignment = match revised_assignment(cx, &request, step.number)? {
        Some(revised) => revised,
        None => plan_document(cx, plan.document)?
            .ok_or_else(|| Error::Missing(format!("the assignments of plan {}", plan.id)))?
            .assignments
            .into_iter()
            .find(|assignment| assignment.step_id == step.number)
            .ok_or_else(|| Error::Missing(format!("the assignment of step {}", step.number)))?,
    };
    let opened = cx.repos.open(cx, plan.repo)?;
    Ok(Brief {
        request,
        assignment,
        opened,
    })
}

/// Asks the agent for its change and carries it out on the tree it was made for.
fn hand_in(
    cx: &Cx,
    plan: &Plan,
    step: &Step,
    brief: &Brief,
) -> Result<Result<HandedIn, (Cause, String)>, Error> {
    let agent = |why| Ok(Err((Cause::Agent, why)));
    let git = &brief.opened.git;
    if brief.request.submission.rolls_back.is_some() {
        return Ok(
            match rollback::change(cx, &brief.opened, &brief.request, &brief.assignment)? {
                Ok((base_tree, request)) => {
                    match materialise(cx, git, &base_tree, &request.changes, &Sizes::ACCEPTED)? {
                        Ok(made) => Ok(HandedIn {
                            base_tree,
                            request,
                            made,
                        }),
                        Err(failures) => Err((Cause::Agent, first_failure(&failures))),
                    }
                }
                Err(why) => Err((why.cause(), why.to_string())),
            },
        );
    }
    let before = step
        .depends_on
        .iter()
        .filter_map(|on| plan.step(*on)?.change_set)
        .map(|set| tree_of_change(cx, &brief.opened, set))
        .collect::<Result<Result<Vec<_>, _>, _>>()?;
    let before = match before {
        Ok(before) => before,
        Err(why) => return agent(why),
    };
    let base = git.tree_of(&oid(&brief.request.submission.base)?)?;
    let base_tree = match stack(git, &base, before.iter())? {
        Ok(tree) => tree,
        Err(path) => {
            return agent(format!(
                "the tasks it depends on contradict each other in {path}"
            ));
        }
    };
    let (changes, made_by) = changes_of(cx, &brief.request, &brief.assignment)?;
    let mut request = match scripted::carry_out(&brief.assignment, &changes) {
        Ok(request) => request,
        Err(error) => return agent(error.to_string()),
    };
    if let Some(MadeBy {
        agent,
        checks,
        signature,
    }) = made_by
    {
        (request.agent, request.checks, request.signature) = (agent, checks, signature);
    }
    match materialise(cx, git, &base_tree, &request.changes, &cx.settings.sizes)? {
        Ok(made) => Ok(Ok(HandedIn {
            base_tree,
            request,
            made,
        })),
        Err(failures) => agent(first_failure(&failures)),
    }
}

fn first_failure(failures: &[crate::change_set::ItemFailure]) -> String {
    failures
        .first()
        .map(|failure| format!("{}: {}", failure.path, failure.detail))
        .unwrap_or_default()
}

/// Gives the tree of a change as it was handed in, with every part of it; the inner error says why nothing can be made on top of it.
fn tree_of_change(
    cx: &Cx,
    opened: &Opened,
    id: ChangeSetId,
) -> Result<Result<hyperion_git::Oid, String>, Error> {
    let set = cx
        .store
        .get::<ChangeSet>(id)?
        .ok_or_else(|| Error::Missing(format!("change set {id}")))?;
    let on = |why| format!("task {}, which it depends on, {why}", set.proposal.task);
    if let Some(assessed) = &set.assessed {
        return match assessed.decision {
            Decision::Deny => Ok(Err(on("was refused"))),
            Decision::Allow | Decision::Ask(_) => oid(&assessed.tree).map(Ok),
        };
    }
    let request: ChangeRequest = cx.require_json(set.proposal.document)?;
    let base = oid(&set.proposal.base_tree)?;
    match materialise(cx, &opened.git, &base, &request.changes, &Sizes::ACCEPTED)? {
        Ok(made) => Ok(made
            .write(cx, &opened.git)?
            .ok_or_else(|| on("adds a secret"))),
        Err(failures) => Err(Error::Missing(first_failure(&failures))),
    }
}

/// Finds the changes that the request, or an answer to it, carries for a task, and who made them if that was elsewhere.
fn changes_of(
    cx: &Cx,
    request: &Request,
    assignment: &Assignment,
) -> Result<(Vec<Change>, Option<MadeBy>), Error> {
    let document: TaskRequest = cx.require_json(request.submission.document)?;
    let tasks = crate::intake::tasks_with_answers(cx, request, document)?;
    let task = tasks.into_iter().find(|task| task.id == assignment.task_id);
    Ok(task
        .map(|task| (task.changes, task.made_by))
        .unwrap_or_default())
}

impl Reconcile for Dispatch {
    fn name(&self) -> &'static str {
        "dispatch"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        let taken = self.wake_list.take(&cx.store)?;
        let mut worked = 0;
        for (at, request) in taken.iter().enumerate() {
            let left = taken.get(at..).unwrap_or_default();
            if worked == BATCH {
                self.wake_list.put_back(left);
                break;
            }
            match active_of(cx, *request)
                .and_then(|plan| plan.map_or(Ok(0), |plan| self.work_at(cx, &plan, BATCH - worked)))
            {
                Ok(steps) => worked += steps,
                Err(error) => {
                    self.wake_list.put_back(left);
                    return Err(error);
                }
            }
        }
        Ok(Progress::worked(worked > 0 || self.wake_list.is_behind()))
    }
}
