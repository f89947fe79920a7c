//! Takes filed requests up: brief, questions, plan.

use std::sync::Arc;

use hyperion_api::request::Brief;
use hyperion_fault::{Point, reached};
use hyperion_model::plan::{self, NewStep};
use hyperion_model::request::{self, Request, Status};
use hyperion_model::{Command, Name, PlanId, ShortText, TaskId};
use hyperion_store::Filter;

use super::errors::one_line;
use super::submit::read_again;
use super::{Questions, brief};
use crate::cx::json_blob;
use crate::plan::{PlanDocument, split};
use crate::reconcile::{Progress, Reconcile};
use crate::request::summary_of_failure;
use crate::{Cx, Error, rollback};

/// How many requests are taken up in one go.
const BATCH: u32 = 8;

/// Takes filed requests up.
pub(crate) struct Intake {
    name: Name,
}

impl Intake {
    pub(crate) const fn new(name: Name) -> Self {
        Self { name }
    }

    fn take_up(&self, cx: &Cx, request: &Request) -> Result<(), Error> {
        if request.submission.rolls_back.is_some() {
            return self.plan_rollback(cx, request);
        }
        let (checked, answers) = read_again(cx, request)?;
        let draft = match checked {
            Ok(draft) => draft,
            // Only an answer can have brought in something wrong: the request was checked when filed.
            Err(errors) if !answers.is_empty() => {
                let mut questions =
                    vec!["The answer cannot be used; please answer again.".to_owned()];
                questions.extend(errors.listed().iter().map(one_line));
                return self.ask(cx, request, questions);
            }
            Err(errors) => {
                let why = errors.listed().first().map(one_line);
                return self.fail(cx, request, &why.unwrap_or_default());
            }
        };
        let brief = brief::engineer(&draft.request, &answers);
        let questions = brief::questions(&draft.tasks, &brief);
        if !questions.is_empty() {
            return self.ask(cx, request, questions);
        }
        let id = cx.id(PlanId::new);
        let base = request.submission.base.as_str();
        let (steps, document) = split(
            request.id,
            id,
            base,
            &draft.request.title,
            &draft.tasks,
            &brief,
        );
        self.commit_plan(cx, request, id, steps, &document, &brief)
    }

    fn plan_rollback(&self, cx: &Cx, request: &Request) -> Result<(), Error> {
        let id = cx.id(PlanId::new);
        let task =
            TaskId::new(rollback::TASK).map_err(|error| Error::Missing(error.to_string()))?;
        let steps = vec![NewStep {
            number: 1,
            task,
            depends_on: vec![],
        }];
        let assignment = rollback::assignment(cx, request, id)?;
        let brief = Brief {
            scope: vec![assignment.title.clone()],
            ..Brief::default()
        };
        let document = PlanDocument {
            assignments: vec![assignment],
        };
        self.commit_plan(cx, request, id, steps, &document, &brief)
    }

    fn commit_plan(
        &self,
        cx: &Cx,
        request: &Request,
        id: PlanId,
        steps: Vec<NewStep>,
        document: &PlanDocument,
        brief: &Brief,
    ) -> Result<(), Error> {
        let document = json_blob(document)?;
        let brief = json_blob(brief)?;
        let create = plan::Command::Create {
            id,
            request: request.id,
            repo: request.submission.repo,
            document: document.digest,
            steps,
        };
        let planned = request::Command::Plan {
            plan: id,
            brief: brief.digest,
        };
        let commands = vec![
            expect(request),
            Command::Plan(id, create),
            Command::Request(request.id, planned),
            Command::Plan(id, plan::Command::Activate),
            Command::Request(request.id, request::Command::Start),
        ];
        cx.execute(cx.stamp(&self.name), commands, vec![document, brief])?;
        reached(Point::PlanMade);
        Ok(())
    }

    fn ask(&self, cx: &Cx, request: &Request, questions: Vec<String>) -> Result<(), Error> {
        let blob = json_blob(&Questions { questions })?;
        let command = request::Command::Clarify {
            questions: blob.digest,
        };
        cx.execute(
            cx.stamp(&self.name),
            vec![expect(request), Command::Request(request.id, command)],
            vec![blob],
        )?;
        Ok(())
    }

    fn fail(&self, cx: &Cx, request: &Request, why: &str) -> Result<(), Error> {
        let summary = json_blob(&summary_of_failure(cx, request, why))?;
        let command = request::Command::Finish {
            outcome: request::Outcome::Failed,
            summary: summary.digest,
            reason: Some(ShortText::cut(why)),
        };
        cx.execute(
            cx.stamp(&self.name),
            vec![expect(request), Command::Request(request.id, command)],
            vec![summary],
        )?;
        Ok(())
    }
}

/// A request is taken up as it was looked at, or not at all.
fn expect(request: &Request) -> Command {
    let looked_at = request::Command::Expect(Box::new(request.clone()));
    Command::Request(request.id, looked_at)
}

impl Reconcile for Intake {
    fn name(&self) -> &'static str {
        "intake"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        let pending = Filter::open().status(Status::Pending.name()).limit(BATCH);
        let requests = cx.store.list::<Request>(&pending)?.rows;
        for request in &requests {
            if let Err(error) = self.take_up(cx, request) {
                if error.is_passing() {
                    return Err(error);
                }
                // It was called off meanwhile, or somebody else took it up.
                if error.is_stale() {
                    continue;
                }
                // A repository that is gone must not keep the others waiting, nor this one for ever.
                match self.fail(cx, request, &crate::error::chain(&error)) {
                    Err(error) if error.is_stale() => {}
                    failed => failed?,
                }
            }
        }
        Ok(Progress::worked(!requests.is_empty()))
    }
}
