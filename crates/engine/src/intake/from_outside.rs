//! A change that was made outside and is handed in whole (contracts §3): it answers a request that waits for it, or becomes
//! a request of its own.

use hyperion_api::change_request::{self, ChangeRequest, CheckReport};
use hyperion_api::task_request::{self, MadeBy, Priority, Task, TaskRequest};
use hyperion_api::{FieldError, Problem};
use hyperion_git::Oid;
use hyperion_model::request::{self, Request, Status};
use hyperion_model::{Command, Digest, Name, NewBlob, RequestId, TaskId};
use serde_json::Value;

use super::answers::with_answers;
use super::errors::Errors;
use super::from_git::FiledWork;
use super::json::Strict;
use super::known::{Known, known};
use super::parse::{MAX_BYTES, in_words, not_json, pointer};
use super::submit::{Submitting, check_again, submit_request};
use super::validate::check_lines;
use super::{answers, signature};
use crate::error::oid;
use crate::repo;
use crate::{Cx, Error};

/// The most checks that are reported.
const CHECKS_MAX: usize = 50;

/// Takes a change that was made outside.
pub fn submit_change(
    cx: &Cx,
    bytes: &[u8],
    repo: Option<&str>,
    how: &Submitting<'_>,
) -> Result<FiledWork, Error> {
    let (document, change) = read(bytes)?;
    check(cx, &document, &change)?;
    match change.request_id.as_str() {
        "" => file(cx, change, repo, how),
        id => {
            let wanted: Option<RequestId> = id.parse().ok();
            let request = wanted.map(|id| cx.store.get::<Request>(id)).transpose()?;
            let request = request.flatten().ok_or_else(|| {
                at("/request_id", format!("there is no request {id:?}; leave it out to file the change as one of its own"))
            })?;
            attach(cx, change, &request, how)
        }
    }
}

fn at(pointer: &str, detail: impl Into<String>) -> Problem {
    let mut errors = Errors::default();
    errors.push(pointer, detail);
    errors.into_problem("request.unprocessable")
}

/// Reads the document, as it is and as what it says.
fn read(bytes: &[u8]) -> Result<(Value, ChangeRequest), Problem> {
    let hint = "`hyperion generate schemas --out DIR` writes the shape to change_request.v1.json";
    if bytes.len() > MAX_BYTES {
        let detail = format!("the input is larger than {} MiB", MAX_BYTES / 1024 / 1024);
        return Err(Problem::new("request.too_large", detail).hint("split it into several changes"));
    }
    let Strict(document) = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
    let invalid = |pointer: String, detail: String| {
        let mut errors = Errors::default();
        errors.push(pointer, detail);
        errors.into_problem("request.invalid").hint(hint)
    };
    match document.get("schema").and_then(Value::as_str) {
        Some(change_request::SCHEMA) => {}
        Some(_) | None => {
            let detail = format!(
                "is missing or not known; write \"{}\"",
                change_request::SCHEMA
            );
            return Err(invalid("/schema".to_owned(), detail));
        }
    }
    let change = serde_path_to_error::deserialize(document.clone()).map_err(|error| {
        let at = pointer("", error.path());
        invalid(at, in_words(&error.into_inner()))
    })?;
    Ok((document, change))
}

/// Checks what is not the change itself: who made it, who vouches for it, what was checked.
fn check(cx: &Cx, document: &Value, change: &ChangeRequest) -> Result<(), Problem> {
    let ChangeRequest {
        schema: _,
        task_id,
        request_id: _,
        agent,
        base_commit,
        summary: _,
        changes,
        checks,
        signature,
    } = change;
    let mut errors = Errors::default();
    if let Err(error) = TaskId::new(task_id.as_str()) {
        errors.push("/task_id", error.to_string());
    }
    if let Err(error) = Name::new(agent.as_str()) {
        errors.push("/agent", error.to_string());
    }
    let is_commit = (7..=64).contains(&base_commit.len())
        && base_commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_commit {
        errors.push(
            "/base_commit",
            "is no id of a commit; give the one that the change was made on",
        );
    }
    if changes.is_empty() {
        errors.push("/changes", "is empty; nothing would change");
    }
    if checks.len() > CHECKS_MAX {
        errors.push(
            "/checks",
            format!("has {} entries; at most {CHECKS_MAX}", checks.len()),
        );
    }
    for (
        index,
        CheckReport {
            command,
            exit_code: _,
            log,
        },
    ) in checks.iter().take(CHECKS_MAX).enumerate()
    {
        check_lines(
            std::slice::from_ref(command),
            &format!("/checks/{index}/command"),
            &mut errors,
        );
        if let Some(Err(error)) = log.as_ref().map(|log| log.parse::<Digest>()) {
            errors.push(format!("/checks/{index}/log"), error.to_string());
        }
    }
    if let Some(signature) = signature
        && let Err((field, detail)) = signature::check(document, signature, &cx.settings.keys)
    {
        errors.push(format!("/signature/{field}"), detail);
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(errors.into_problem("request.unprocessable"))
}

fn task(change: ChangeRequest) -> Task {
    let ChangeRequest {
        schema: _,
        task_id,
        request_id: _,
        agent,
        base_commit: _,
        summary,
        changes,
        checks,
        signature,
    } = change;
    Task {
        id: task_id,
        title: summary,
        instructions: String::new(),
        owns: Vec::new(),
        depends_on: Vec::new(),
        checks: Vec::new(),
        changes,
        made_by: Some(MadeBy {
            agent,
            checks,
            signature,
        }),
    }
}

/// Files the change as a request of its own.
fn file(
    cx: &Cx,
    change: ChangeRequest,
    repo: Option<&str>,
    how: &Submitting<'_>,
) -> Result<FiledWork, Error> {
    let repo = repo::find(cx, repo.unwrap_or("."), how.dir)?;
    let digest = Digest::of_json(&serde_json::to_value(&change).map_err(Error::Encode)?);
    // A dry run says how things are now, and is made each time.
    let key = match how.dry_run {
        true => None,
        false => match known(cx, repo.id, &format!("change {digest}"))? {
            Known::Free(key) => Some(key),
            Known::As(request) => {
                return Ok(FiledWork {
                    id: request.id,
                    again: true,
                    revised: false,
                    what: "this very change was handed in before".to_owned(),
                    notes: Vec::new(),
                });
            }
        },
    };
    // In full, so that no branch can be meant by it.
    let git = &cx.repos.open(cx, repo.id)?.git;
    let base = match git.resolve_commit(&change.base_commit)? {
        Some(commit) => commit.to_string(),
        None => change.base_commit.clone(),
    };
    let task = task(change);
    let request = TaskRequest {
        schema: task_request::SCHEMA.to_owned(),
        title: task.title.clone(),
        description: String::new(),
        class: None,
        priority: Priority::default(),
        repo: Some(repo.id.to_string()),
        base: Some(base),
        acceptance: Vec::new(),
        agent: None,
        requires_approval: None,
        atomic: false,
        target_files: Vec::new(),
        error_context: None,
        feature_request_id: None,
        session_id: None,
        source: None,
        idempotency_key: key,
        tasks: vec![task],
    };
    Ok(FiledWork {
        id: submit_request(cx, request, how).map_err(in_the_document)?,
        again: false,
        revised: false,
        what: "the change is a request of its own".to_owned(),
        notes: Vec::new(),
    })
}

/// Gives the change to a request that waits for it.
fn attach(
    cx: &Cx,
    change: ChangeRequest,
    request: &Request,
    how: &Submitting<'_>,
) -> Result<FiledWork, Error> {
    let id = request.id;
    let base = change.base_commit.clone();
    let task = task(change);
    let text = serde_json::json!({ "tasks": [&task] }).to_string();
    let answer = NewBlob::new(text.as_bytes());
    let taken = |again| FiledWork {
        id,
        again,
        revised: false,
        what: match again {
            true => format!("request {} has this very change already", id.short()),
            false => format!(
                "request {} takes the change for its task {}",
                id.short(),
                task.id
            ),
        },
        notes: Vec::new(),
    };
    if request.answers.contains(&answer.digest) {
        return Ok(taken(true));
    }
    if request.status != Status::NeedsClarification {
        let detail = format!(
            "request {} waits for no change: it is {}",
            id.short(),
            hyperion_model::machine::in_words(request.status.name())
        );
        return Err(Problem::new("state.illegal_move", detail)
            .hint("leave `request_id` out to file the change as a request of its own")
            .into());
    }
    let opened = cx.repos.open(cx, request.submission.repo)?;
    let made_on = opened.git.resolve_commit(&base)?;
    let made_on =
        made_on.ok_or_else(|| at("/base_commit", format!("{base:?} is no commit here")))?;
    let starts_from: Oid = oid(&request.submission.base)?;
    if opened.git.tree_of(&made_on)? != opened.git.tree_of(&starts_from)? {
        let detail = format!(
            "/base_commit: the change was made on {made_on:.10}, and request {} starts from {starts_from:.10}",
            id.short()
        );
        return Err(Problem::new("change_set.stale_base", detail)
            .hint("make it on that commit, or leave `request_id` out to file it as a request of its own")
            .into());
    }
    let mut document: TaskRequest = cx.require_json(request.submission.document)?;
    document.tasks = with_answers(document.tasks, &answers(cx, request)?);
    if !document.tasks.is_empty() && !document.tasks.iter().any(|known| known.id == task.id) {
        let names: Vec<_> = document.tasks.iter().map(|task| task.id.as_str()).collect();
        let detail = format!(
            "request {} has no task {:?}; there is: {}",
            id.short(),
            task.id,
            names.join(", ")
        );
        return Err(at("/task_id", detail).into());
    }
    document.tasks = with_answers(document.tasks, &[text]);
    let place = document.tasks.iter().position(|known| known.id == task.id);
    let prefix = format!("/tasks/{}/", place.unwrap_or_default());
    if let Err(errors) = check_again(cx, request, document)? {
        let mut own = Errors::default();
        for error in errors.listed() {
            if error.pointer.starts_with(&prefix) {
                own.push(error.pointer.clone(), error.detail.clone());
            }
        }
        // What is wrong with others is asked about, as after any answer.
        if !own.is_empty() {
            let problem = own.into_problem("request.unprocessable");
            return Err(in_the_document(problem.into()));
        }
    }
    let command = request::Command::Answer {
        answer: answer.digest,
    };
    cx.execute(
        cx.stamp_person(how.actor),
        vec![Command::Request(id, command)],
        vec![answer],
    )?;
    Ok(taken(false))
}

/// Says of errors where they are in the document that was sent.
fn in_the_document(error: Error) -> Error {
    let mut problem = Problem::from(error);
    for FieldError { pointer, .. } in &mut problem.errors {
        let rest = pointer
            .strip_prefix("/tasks/")
            .and_then(|rest| rest.split_once('/'));
        *pointer = match (rest, pointer.as_str()) {
            (Some((_, "id")), _) => "/task_id".to_owned(),
            (Some((_, "title")), _) | (None, "/title") => "/summary".to_owned(),
            (Some((_, rest)), _) => format!("/{rest}"),
            (None, "/base") => "/base_commit".to_owned(),
            (None, _) => continue,
        };
    }
    // The summary is title and task's title at once.
    problem.errors.dedup();
    if let [one] = problem.errors.as_slice() {
        problem.detail = super::errors::one_line(one);
    }
    problem.into()
}

#[cfg(test)]
mod tests;
