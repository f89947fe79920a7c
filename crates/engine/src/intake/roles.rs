//! The roles that need no model: what an Engineer and an Orchestrator make of a request.
//!
//! The Engineer's brief is what the text itself says; the Orchestrator takes the tasks as given.
//! Where a request carries no edits and no agent could make any, it stops with questions: nothing
//! is ever invented.

use std::collections::BTreeMap;

use hyperion_api::assignment::{self, Assignment, Budget, Context};
use hyperion_api::request::Brief;
use hyperion_api::task_request::TaskRequest;
use hyperion_model::plan::NewStep;
use hyperion_model::{PlanId, RequestId};
use serde::{Deserialize, Serialize};

use super::draft::DraftTask;

/// What a plan's steps are about, in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDocument {
    /// One for each step, in order.
    pub assignments: Vec<Assignment>,
}

/// Questions that wait for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Questions {
    /// The questions.
    pub questions: Vec<String>,
}

/// Writes the brief: what the request's own words say.
pub(super) fn engineer(request: &TaskRequest, answers: &[String]) -> Brief {
    let mut text = format!("{}\n{}", request.title, request.description);
    if let Some(context) = &request.error_context {
        text.push('\n');
        text.push_str(&context.error_message);
    }
    for answer in answers {
        text.push('\n');
        text.push_str(answer);
    }
    let found = hyperion_analyze::request(&text);
    let brief = hyperion_analyze::brief(&request.title, &request.description, &request.acceptance);
    let mut paths: Vec<String> = request.target_files.clone();
    paths.extend(found.paths.into_iter().map(|found| found.path.to_string()));
    paths.dedup();
    Brief {
        scope: brief.scope,
        non_goals: brief.non_goals,
        acceptance: brief.acceptance,
        open_questions: brief.open_questions,
        paths,
        symbols: found.symbols,
        search_patterns: found
            .patterns
            .into_iter()
            .map(|pattern| pattern.pattern)
            .collect(),
    }
}

/// Says what has to be answered before anything can be done; empty when work can begin.
pub(super) fn questions(tasks: &[DraftTask], brief: &Brief) -> Vec<String> {
    let without: Vec<_> = tasks
        .iter()
        .filter(|task| task.changes.is_empty())
        .map(|task| task.id.as_str())
        .collect();
    if !tasks.is_empty() && without.is_empty() {
        return Vec::new();
    }
    let what = match without.as_slice() {
        [] => "The request carries no edits".to_owned(),
        [one] => format!("Task {one} carries no edits"),
        several => format!("Tasks {} carry no edits", several.join(", ")),
    };
    let mut questions = vec![format!(
        "{what}, and the scripted agent makes none up. Which edits should be made? Answer with a \
         JSON object {{\"tasks\": [{{\"id\", \"changes\": […]}}]}} as in a task request."
    )];
    questions.extend(brief.open_questions.iter().cloned());
    questions
}

/// Makes the plan: one step a task, numbered so that each comes after those it depends on.
pub(super) fn orchestrate(
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
