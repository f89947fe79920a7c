//! Files requests: all of a file, or none.

use std::collections::HashMap;
use std::path::Path;

use hyperion_api::task_request::{self, TaskRequest};
use hyperion_api::{FieldError, Problem};
use hyperion_git::{DiscoverError, Oid};
use hyperion_model::request::{self, Request, Source, Submission};
use hyperion_model::{Actor, Command, Digest, Name, RequestId, TaskId, Uuid};

use super::draft::Draft;
use super::parse::Parsed;
use super::validate::{Limits, validate};
use super::{PlanDocument, Questions, parse, roles};
use crate::change_set::{ItemFailure, materialise};
use crate::cx::json_blob;
use crate::error::git_id;
use crate::repo::Opened;
use crate::{Cx, Error, repo};

/// How requests are filed.
#[derive(Debug, Clone)]
pub struct Submitting<'a> {
    /// Who files them.
    pub actor: &'a Actor,
    /// Where relative paths start.
    pub dir: Option<&'a Path>,
    /// Whether they land nothing.
    pub dry_run: bool,
    /// The surface, where the request itself names none.
    pub source: Source,
}

/// Files every request in a file, or none of them; gives their ids in order.
pub fn submit(cx: &Cx, bytes: &[u8], how: &Submitting<'_>) -> Result<Vec<RequestId>, Error> {
    file(cx, parse(bytes)?, how)
}

/// Files a plain sentence.
pub fn submit_text(cx: &Cx, text: &str, how: &Submitting<'_>) -> Result<RequestId, Error> {
    let text = text.trim();
    let (title, description) = text.split_once('\n').unwrap_or((text, ""));
    let request: TaskRequest = serde_json::from_value(serde_json::json!({
        "schema": task_request::SCHEMA, "title": title.trim(), "description": description.trim(),
    }))
    .map_err(Error::Encode)?;
    let filed = file(
        cx,
        vec![Parsed {
            pointer: String::new(),
            request,
        }],
        how,
    )?;
    filed
        .first()
        .copied()
        .ok_or_else(|| Error::Missing("the request just filed".to_owned()))
}

fn limits(cx: &Cx) -> Limits {
    Limits {
        max_tasks: cx.settings.max_steps,
        max_content_bytes: cx.settings.max_content_bytes,
        default_agent: cx.settings.default_agent.clone(),
    }
}

fn file(cx: &Cx, parsed: Vec<Parsed>, how: &Submitting<'_>) -> Result<Vec<RequestId>, Error> {
    let limits = limits(cx);
    let mut drafts = Vec::new();
    let mut errors = Vec::new();
    for parsed in parsed {
        match validate(parsed, &limits) {
            Ok(draft) => drafts.push(draft),
            Err(found) => errors.extend(found),
        }
    }
    if !errors.is_empty() {
        return Err(unprocessable(errors).into());
    }
    let mut placed = Vec::new();
    let mut stale = false;
    for draft in drafts {
        let place = place(cx, &draft, how)?;
        let failures = dry_apply(cx, &place, &draft)?;
        stale |= failures.iter().any(|failure| failure.stale);
        errors.extend(failures.into_iter().map(|failure| failure.error));
        placed.push((draft, place));
    }
    if !errors.is_empty() {
        let problem = unprocessable(errors);
        return Err(if stale { as_stale(problem) } else { problem }.into());
    }
    let mut ids = Vec::new();
    let mut commands = Vec::new();
    let mut blobs = Vec::new();
    for (draft, place) in placed {
        let document = json_blob(&draft.request)?;
        let id = match &draft.request.idempotency_key {
            None => cx.id(RequestId::new),
            Some(key) => {
                let id = keyed_id(place.opened.repo.id.uuid(), key);
                if let Some(known) = cx.store.get::<Request>(id)? {
                    same_request(&known, document.digest, key)?;
                    ids.push(id);
                    continue;
                }
                id
            }
        };
        let submission = submission(cx, &draft, &place, document.digest, how)?;
        place.opened.git.pin_base(&place.base)?;
        commands.push(Command::Request(
            id,
            request::Command::Submit { id, submission },
        ));
        blobs.push(document);
        ids.push(id);
    }
    if !commands.is_empty() {
        cx.execute(cx.stamp_person(how.actor), commands, blobs)?;
    }
    Ok(ids)
}

fn submission(
    cx: &Cx,
    draft: &Draft,
    place: &Place,
    document: Digest,
    how: &Submitting<'_>,
) -> Result<Submission, Error> {
    let asked = draft
        .request
        .requires_approval
        .unwrap_or(cx.settings.requires_approval);
    Ok(Submission {
        class: draft.class,
        priority: draft.priority,
        repo: place.opened.repo.id,
        branch: place.branch.clone(),
        base: git_id(&place.base)?,
        document,
        source: if draft.request.source.is_some() {
            draft.source
        } else {
            how.source
        },
        agent: draft.agent.clone(),
        dry_run: how.dry_run,
        atomic: draft.request.atomic,
        requires_approval: asked,
        rolls_back: None,
    })
}

/// Derives the id of a request with an idempotency key, so that the same key finds the same request.
fn keyed_id(repo: Uuid, key: &str) -> RequestId {
    RequestId::new(Uuid::new_v5(&repo, format!("request\n{key}").as_bytes()))
}

fn same_request(known: &Request, document: Digest, key: &str) -> Result<(), Error> {
    if known.submission.document == document {
        return Ok(());
    }
    let detail = format!(
        "the idempotency key {key:?} belongs to request {} already, which says something else",
        known.id
    );
    Err(Problem::new("input.invalid", detail)
        .hint("choose another key, or leave it out")
        .into())
}

fn unprocessable(errors: Vec<FieldError>) -> Problem {
    let detail = match errors.as_slice() {
        [one] => format!("{}: {}", one.pointer, one.detail),
        several => format!("{} things are wrong; nothing was filed", several.len()),
    };
    Problem::new("request.unprocessable", detail).errors(errors)
}

fn as_stale(problem: Problem) -> Problem {
    let Problem { detail, errors, .. } = problem;
    Problem::new("change_set.stale_base", detail)
        .errors(errors)
        .hint(
            "make the change anew on the branch's tip, or name in `base` the commit it was made on",
        )
}

/// Where a request is to land, and what it starts from.
struct Place {
    opened: Opened,
    branch: Name,
    base: Oid,
}

fn place(cx: &Cx, draft: &Draft, how: &Submitting<'_>) -> Result<Place, Error> {
    let wanted = draft.request.repo.as_deref().unwrap_or(".");
    let repo = repo::find(cx, wanted, how.dir)?;
    let opened = cx.repos.open(cx, repo.id)?;
    let Some(base) = draft.request.base.as_deref() else {
        let base = tip_of(&opened, &repo.branch)?;
        return Ok(Place {
            branch: repo.branch.clone(),
            opened,
            base,
        });
    };
    let branch = Name::new(base).ok();
    if let Some(branch) = branch.filter(|branch| opened.tip(branch).is_ok()) {
        let base = tip_of(&opened, &branch)?;
        return Ok(Place {
            opened,
            branch,
            base,
        });
    }
    let unknown = |why: &str| {
        let pointer = format!("{}/base", draft.pointer);
        let detail = format!(
            "{base:?} is {why}; name a branch, or a commit of branch {}",
            repo.branch
        );
        unprocessable(vec![FieldError { pointer, detail }])
    };
    let commit = opened
        .git
        .resolve_commit(base)?
        .ok_or_else(|| unknown("neither a branch nor a commit here"))?;
    let tip = tip_of(&opened, &repo.branch)?;
    if commit != tip && !opened.git.is_ancestor(&commit, &tip)? {
        return Err(unknown("a commit outside that branch").into());
    }
    Ok(Place {
        branch: repo.branch.clone(),
        opened,
        base: commit,
    })
}

fn tip_of(opened: &Opened, branch: &Name) -> Result<Oid, Error> {
    let name = opened.branch(branch)?;
    match opened.git.tip(&name)? {
        Some(tip) => Ok(tip),
        None => Err(Error::Repo(DiscoverError::NoSuchBranch {
            path: opened.repo.path.clone().into(),
            branch: name,
        })),
    }
}

struct Failure {
    error: FieldError,
    stale: bool,
}

/// Applies every change in memory, each task on top of those it depends on.
fn dry_apply(cx: &Cx, place: &Place, draft: &Draft) -> Result<Vec<Failure>, Error> {
    let git = &place.opened.git;
    let base_tree = git.tree_of(&place.base)?;
    let mut trees: HashMap<TaskId, Oid> = HashMap::new();
    let mut failures = Vec::new();
    for task in draft.tasks.iter().filter(|task| !task.changes.is_empty()) {
        let before = match crate::change_set::stack(
            git,
            &base_tree,
            task.depends_on.iter().filter_map(|on| trees.get(on)),
        )? {
            Ok(tree) => tree,
            Err(path) => {
                let pointer = format!("{}/tasks/{}/depends_on", draft.pointer, task.index);
                let detail = format!("the tasks it depends on contradict each other in {path}");
                failures.push(Failure {
                    error: FieldError { pointer, detail },
                    stale: false,
                });
                continue;
            }
        };
        match materialise(git, &before, &task.changes, cx.settings.max_content_bytes)? {
            Ok(made) => {
                trees.insert(task.id.clone(), made.tree);
            }
            Err(found) => failures.extend(found.into_iter().map(
                |ItemFailure {
                     index,
                     field,
                     detail,
                     stale,
                     ..
                 }| {
                    let field = field.map(|field| format!("/{field}")).unwrap_or_default();
                    let pointer = format!(
                        "{}/tasks/{}/changes/{index}{field}",
                        draft.pointer, task.index
                    );
                    Failure {
                        error: FieldError { pointer, detail },
                        stale,
                    }
                },
            )),
        }
    }
    Ok(failures)
}

/// Answers a request's questions.
pub fn answer(cx: &Cx, actor: &Actor, id: RequestId, text: &str) -> Result<(), Error> {
    if text.trim().is_empty() {
        return Err(Problem::new("input.invalid", "the answer is empty").into());
    }
    if text.len() > parse::MAX_BYTES {
        return Err(Problem::new("request.too_large", "the answer is too large").into());
    }
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

/// A request that was checked, or everything that is wrong with it.
pub(super) type Checked = Result<Draft, Vec<FieldError>>;

/// Reads a filed request again as it was checked when it was filed, with the tasks of its answers.
pub(super) fn read_again(cx: &Cx, request: &Request) -> Result<(Checked, Vec<String>), Error> {
    let mut document: TaskRequest = cx.require_json(request.submission.document)?;
    let answers = answers(cx, request)?;
    document.tasks = with_answers(document.tasks, &answers);
    let parsed = Parsed {
        pointer: String::new(),
        request: document,
    };
    let checked = match validate(parsed, &limits(cx)) {
        Err(errors) => Err(errors),
        Ok(draft) => {
            let opened = cx.repos.open(cx, request.submission.repo)?;
            let base = crate::error::oid(&request.submission.base)?;
            let place = Place {
                opened,
                branch: request.submission.branch.clone(),
                base,
            };
            let failures = dry_apply(cx, &place, &draft)?;
            if failures.is_empty() {
                Ok(draft)
            } else {
                Err(failures.into_iter().map(|failure| failure.error).collect())
            }
        }
    };
    Ok((checked, answers))
}

/// Reads the answers to a request, oldest first.
pub fn answers(cx: &Cx, request: &Request) -> Result<Vec<String>, Error> {
    let text = |digest: &Digest| {
        let bytes = cx.store.blob(*digest)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    request.answers.iter().map(text).collect()
}

/// Gives a request's tasks, with those that its answers brought.
pub(crate) fn tasks_with_answers(
    cx: &Cx,
    request: &Request,
    document: TaskRequest,
) -> Result<Vec<task_request::Task>, Error> {
    Ok(with_answers(document.tasks, &answers(cx, request)?))
}

/// Puts the tasks of answers in place of those with the same id, or behind the others.
fn with_answers(mut tasks: Vec<task_request::Task>, answers: &[String]) -> Vec<task_request::Task> {
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

/// Reads the assignments of a plan.
pub fn plan_document(cx: &Cx, digest: Digest) -> Result<Option<PlanDocument>, Error> {
    cx.read_json(digest)
}

/// Reads the brief of a request.
pub fn brief(cx: &Cx, request: &Request) -> Result<Option<roles::Brief>, Error> {
    match request.brief {
        Some(digest) => cx.read_json(digest),
        None => Ok(None),
    }
}
