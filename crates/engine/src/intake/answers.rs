//! Questions of a request, and what was answered.

use hyperion_api::task_request::{self, TaskRequest};
use hyperion_api::{Problem, schemas};
use hyperion_model::request::{self, Request};
use hyperion_model::{Actor, Command, Digest, RequestId};

use super::Questions;
use super::errors::Errors;
use super::json::Strict;
use super::parse::{MAX_BYTES, claimed, read_shape};
use super::revise::revisions;
use crate::{Cx, Error};

/// Answers a request's questions.
pub fn answer(cx: &Cx, actor: &Actor, id: RequestId, text: &str) -> Result<(), Error> {
    if text.trim().is_empty() {
        return Err(Problem::new("input.invalid", "the answer is empty").into());
    }
    if text.len() > MAX_BYTES {
        return Err(Problem::new("request.too_large", "the answer is too large").into());
    }
    check_shape(text)?;
    let blob = hyperion_model::NewBlob::new(text.as_bytes());
    let command = request::Command::Answer {
        answer: blob.digest,
    };
    cx.execute(
        cx.stamp_person(actor),
        vec![Command::Request(id, command)],
        vec![blob],
    )?;
    Ok(())
}

/// Refuses an answer that is meant to be read by the program and cannot be.
fn check_shape(text: &str) -> Result<(), Problem> {
    if !text.trim_start().starts_with('{') {
        return Ok(());
    }
    let hint = "answer in words, or with {\"tasks\": [{\"id\": …, \"changes\": […]}]} as in a task request";
    let Strict(value) = serde_json::from_str(text).map_err(|error| {
        Problem::new("input.invalid", format!("the answer is not JSON: {error}")).hint(hint)
    })?;
    let Some(tasks) = value.get("tasks") else {
        return Err(Problem::new("input.invalid", "the answer has no `tasks`").hint(hint));
    };
    let schema = &schemas::task_request()["properties"]["tasks"];
    let mut errors = Errors::default();
    let read = read_shape::<Vec<task_request::Task>>(schema, "/tasks", tasks, &mut errors);
    if let Some((at, detail)) = read.as_deref().and_then(claimed) {
        errors.push(format!("/tasks/{at}"), detail);
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(errors.into_problem("input.invalid").hint(hint))
}

/// Reads the answers to a request, oldest first.
pub fn answers(cx: &Cx, request: &Request) -> Result<Vec<String>, Error> {
    texts(cx, &request.answers)
}

pub(super) fn texts(cx: &Cx, blobs: &[Digest]) -> Result<Vec<String>, Error> {
    let text = |digest: &Digest| {
        let bytes = cx.store.blob(*digest)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    blobs.iter().map(text).collect()
}

/// Gives a request's tasks, with those that its answers and revisions brought.
pub(crate) fn tasks_with_answers(
    cx: &Cx,
    request: &Request,
    document: TaskRequest,
) -> Result<Vec<task_request::Task>, Error> {
    let answered = with_answers(document.tasks, &answers(cx, request)?);
    Ok(with_answers(answered, &revisions(cx, request)?))
}

/// Puts the tasks of answers in place of those with the same id, or behind the others.
pub(super) fn with_answers(
    mut tasks: Vec<task_request::Task>,
    answers: &[String],
) -> Vec<task_request::Task> {
    for task in answers
        .iter()
        .filter_map(|text| tasks_of_answer(text))
        .flatten()
    {
        match tasks.iter_mut().find(|known| known.id == task.id) {
            Some(known) => *known = task,
            None => tasks.push(task),
        }
    }
    tasks
}

/// Finds the tasks in an answer that is JSON.
fn tasks_of_answer(text: &str) -> Option<Vec<task_request::Task>> {
    let mut value: serde_json::Value = serde_json::from_str(text).ok()?;
    serde_json::from_value(value.get_mut("tasks")?.take()).ok()
}

/// Reads the questions of a request.
pub fn questions(cx: &Cx, request: &Request) -> Result<Vec<String>, Error> {
    let Some(digest) = request.questions else {
        return Ok(Vec::new());
    };
    Ok(cx
        .read_json::<Questions>(digest)?
        .map(|questions| questions.questions)
        .unwrap_or_default())
}
