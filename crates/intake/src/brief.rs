//! The Engineer without a model: the brief is what the request's own text says.
//!
//! A request that carries no edits stops with questions where no agent could make any: nothing is invented.

use hyperion_api::request::{Brief, ErrorPlace};
use hyperion_api::task_request::TaskRequest;
use serde::{Deserialize, Serialize};

use crate::draft::DraftTask;

/// The most errors a brief lists.
const MAX_ERROR_PLACES: usize = 20;

/// Questions that wait for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Questions {
    /// The questions.
    pub questions: Vec<String>,
}

/// Writes the brief: what the request's own words say.
pub fn engineer(request: &TaskRequest, answers: &[String]) -> Brief {
    let description = without_trailers(&request.description);
    let mut text = format!("{}\n{description}", request.title);
    if let Some(context) = &request.error_context {
        let parts = [&context.stack_trace, &context.logs].into_iter().flatten();
        for part in std::iter::once(&context.error_message).chain(parts) {
            text.push('\n');
            text.push_str(part);
        }
    }
    for answer in answers {
        text.push('\n');
        text.push_str(answer);
    }
    let found = hyperion_analyze::request(&text);
    let brief = hyperion_analyze::brief(&request.title, &description, &request.acceptance);
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
        keywords: found.keywords,
        errors: error_places(&text, found.errors),
        search_patterns: found
            .patterns
            .into_iter()
            .map(|pattern| pattern.pattern)
            .collect(),
    }
}

/// Leaves out who wrote and signed a commit: that is no wish.
fn without_trailers(text: &str) -> String {
    let is_trailer = |line: &&str| {
        let name = line.split_once("-by: ").map(|(name, _)| name);
        name.is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace))
    };
    let lines: Vec<_> = text.lines().filter(|line| !is_trailer(line)).collect();
    lines.join("\n")
}

/// Lists the errors that a text shows, each where it leads to; names of errors that lead nowhere come last.
fn error_places(text: &str, names: Vec<String>) -> Vec<ErrorPlace> {
    let analysis = hyperion_analyze::output(&hyperion_analyze::Output {
        bytes: text.as_bytes(),
        ..hyperion_analyze::Output::default()
    });
    let mut errors: Vec<ErrorPlace> = analysis
        .errors
        .into_iter()
        .filter(|error| error.place.is_some())
        .take(MAX_ERROR_PLACES)
        .map(|error| ErrorPlace {
            path: error.place.as_ref().map(|place| place.file.clone()),
            line: error.place.as_ref().and_then(|place| place.line),
            message: error.message,
            code: error.code,
        })
        .collect();
    let named = |errors: &[ErrorPlace], name: &str| {
        let is_said = |error: &ErrorPlace| {
            error.code.as_deref() == Some(name) || error.message.contains(name)
        };
        errors.iter().any(is_said)
    };
    for name in names {
        if errors.len() < MAX_ERROR_PLACES && !named(&errors, &name) {
            errors.push(ErrorPlace {
                message: name,
                ..ErrorPlace::default()
            });
        }
    }
    errors
}

/// Says what has to be answered before anything can be done; empty when work can begin.
pub fn questions(tasks: &[DraftTask], brief: &Brief) -> Vec<String> {
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
        "{what}, and the scripted agent only carries out edits that it is given. Which edits should be made? Answer with a \
         JSON object {{\"tasks\": [{{\"id\", \"changes\": […]}}]}} as in a task request."
    )];
    questions.extend(brief.open_questions.iter().cloned());
    questions
}

#[cfg(test)]
mod tests {
    use hyperion_api::task_request::{self, ErrorContext};

    use super::*;

    // R7: the stack trace and the logs of a request lead to a place, as its words do.
    #[test]
    fn what_went_wrong_reaches_the_brief() {
        let request: TaskRequest = serde_json::from_value(serde_json::json!({
            "schema": task_request::SCHEMA,
            "title": "The worker dies when the queue is empty",
        }))
        .unwrap();
        let request = TaskRequest {
            error_context: Some(ErrorContext {
                error_message: "worker stopped".to_owned(),
                stack_trace: Some(
                    "thread 'main' panicked at src/queue.rs:41:9:\ncalled `Option::unwrap()` on a `None` value\n"
                        .to_owned(),
                ),
                logs: Some(
                    "error[E0308]: mismatched types\n  --> src/worker.rs:7:5\n".to_owned(),
                ),
            }),
            ..request
        };
        let brief = engineer(&request, &[]);
        let places: Vec<_> = brief
            .errors
            .iter()
            .map(|error| (error.path.as_deref(), error.line))
            .collect();
        assert!(
            places.contains(&(Some("src/queue.rs"), Some(41))),
            "{places:?}"
        );
        assert!(
            places.contains(&(Some("src/worker.rs"), Some(7))),
            "{places:?}"
        );
        assert!(brief.keywords.contains(&"worker".to_owned()), "{brief:?}");
        assert!(
            brief.paths.contains(&"src/queue.rs".to_owned()),
            "{brief:?}"
        );
    }
}
