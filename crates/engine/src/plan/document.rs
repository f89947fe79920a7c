//! What a plan holds: a step for each task, and what each step is about.

use std::collections::BTreeMap;

use hyperion_api::assignment::{self, Assignment, Budget, Context};
use hyperion_api::request::Brief;
use hyperion_model::plan::NewStep;
use hyperion_model::{Digest, PlanId, RequestId};
use serde::{Deserialize, Serialize};

use crate::intake::DraftTask;
use crate::{Cx, Error};

/// What a plan's steps are about, in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDocument {
    /// One for each step, in order.
    pub assignments: Vec<Assignment>,
}

/// Reads the assignments of a plan.
pub fn plan_document(cx: &Cx, digest: Digest) -> Result<Option<PlanDocument>, Error> {
    cx.read_json(digest)
}

/// Makes a plan of tasks: one step for each, numbered so that each comes after those it depends on.
pub(crate) fn split(
    request: RequestId,
    plan: PlanId,
    base_commit: &str,
    title: &str,
    tasks: &[DraftTask],
    brief: &Brief,
) -> (Vec<NewStep>, PlanDocument) {
    let numbers: BTreeMap<_, u32> = tasks.iter().map(|task| &task.id).zip(1..).collect();
    let steps = tasks
        .iter()
        .map(|task| NewStep {
            number: numbers.get(&task.id).copied().unwrap_or(0),
            task: task.id.clone(),
            depends_on: task
                .depends_on
                .iter()
                .filter_map(|on| numbers.get(on).copied())
                .collect(),
        })
        .collect();
    let assignments = tasks
        .iter()
        .map(|task| Assignment {
            schema: assignment::SCHEMA.to_owned(),
            request_id: request.to_string(),
            plan_id: plan.to_string(),
            step_id: numbers.get(&task.id).copied().unwrap_or(0),
            task_id: task.id.as_str().to_owned(),
            title: if task.title.is_empty() {
                title.to_owned()
            } else {
                task.title.clone()
            },
            instructions: task.instructions.clone(),
            owns: task.owns.clone(),
            reads: Vec::new(),
            depends_on: task
                .depends_on
                .iter()
                .map(|on| on.as_str().to_owned())
                .collect(),
            base_commit: base_commit.to_owned(),
            checks: task.checks.clone(),
            budget: Budget::default(),
            context: brief
                .paths
                .iter()
                .map(|path| Context {
                    path: path.clone(),
                    lines: None,
                    why: "the request names it".to_owned(),
                })
                .collect(),
        })
        .collect();
    (steps, PlanDocument { assignments })
}
