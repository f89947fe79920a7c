//! Files work that exists in git: a branch, a range of commits, a patch.
//!
//! It is read here, in the registered repository, whoever asks. What it changes goes into a request like any other, on a
//! commit of the branch that it lands on.

mod commits;
pub(super) mod mail;
mod patch;
mod words;

#[cfg(test)]
mod tests;

use std::path::Path;

use hyperion_api::from_git::{FromGit, Work};
use hyperion_api::task_request::{self, Task, TaskRequest};
use hyperion_api::{FieldError, Problem};
use hyperion_git::{Oid, UserRepo};
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::{Digest, RequestId};

use super::known::{Known, known};
use super::revise::revise;
use super::submit::{Submitting, submit_request};
use crate::change_set::changes_between;
use crate::repo::{self, Opened};
use crate::{Cx, Error};

/// What became of work that was handed in.
#[derive(Debug)]
pub struct FiledWork {
    /// The request.
    pub id: RequestId,
    /// Whether it was filed before.
    pub again: bool,
    /// What was handed in and what it starts from, in one line.
    pub what: String,
    /// What somebody should know about it.
    pub notes: Vec<String>,
}

/// Where work is looked for.
struct At<'a> {
    cx: &'a Cx,
    opened: &'a Opened,
    /// Where whoever asks stands, if that is in this repository.
    here: Option<UserRepo>,
    /// Where the branch stands that the work lands on.
    tip: Oid,
    dry_run: bool,
}

/// A part of the work that becomes a task of its own: the difference between two trees.
struct Part {
    from: Oid,
    to: Oid,
    title: String,
    text: String,
}

/// Work as it was found.
struct Found {
    /// The commit of the target branch that it starts from.
    base: Oid,
    /// What it is called.
    name: String,
    /// What it is and what it starts from, in one line.
    what: String,
    /// What it does, if it says so itself.
    title: String,
    text: String,
    parts: Vec<Part>,
    notes: Vec<String>,
    /// The request that this is the new version of.
    revises: Option<Box<Request>>,
}

/// Files work that exists in git.
///
/// The same work filed twice is one request; what ended without landing can be filed again. A dry run is made each time.
pub fn submit_from_git(
    cx: &Cx,
    wanted: &FromGit,
    how: &Submitting<'_>,
) -> Result<FiledWork, Error> {
    let repo = repo::find(cx, wanted.repo.as_deref().unwrap_or("."), how.dir)?;
    let opened = cx.repos.open(cx, repo.id)?;
    let tip = opened.git.user().tip_of(&opened.branch(&repo.branch)?)?;
    let at = At {
        cx,
        opened: &opened,
        here: how.dir.and_then(|dir| here(cx, &opened, dir)),
        tip,
        dry_run: how.dry_run,
    };
    let (key, found) = match &wanted.from {
        Work::Branch(name) => {
            let named = at.branch(name)?;
            match at.before(&named.key())? {
                Known::As(request) => return Ok(filed_before(&request, &named.name)),
                Known::Free(key) => (key, at.work_on(&named, wanted.split)?),
            }
        }
        Work::Commits(range) => {
            let range = at.range(range)?;
            match at.before(&range.key())? {
                Known::As(request) => return Ok(filed_before(&request, &range.name)),
                Known::Free(key) => (key, at.work_in(&range, wanted.split)?),
            }
        }
        Work::Patch(text) => {
            let key = format!("patch {}", Digest::of(text.as_bytes()));
            match at.before(&key)? {
                Known::As(request) => return Ok(filed_before(&request, "the patch")),
                Known::Free(key) => (key, at.patched(text, wanted.split)?),
            }
        }
    };
    let request = at.request(wanted, &found, (!how.dry_run).then_some(key))?;
    if let (Some(former), [task]) = (&found.revises, request.tasks.as_slice()) {
        let task = serde_json::json!({"id": task.id, "changes": task.changes});
        let version = serde_json::json!({"tasks": [task]});
        let bytes = serde_json::to_vec(&version).map_err(Error::Encode)?;
        revise(cx, how.actor, former.id, &bytes).map_err(|error| in_paths(error, &request))?;
        return Ok(FiledWork {
            id: former.id,
            again: false,
            what: found.what,
            notes: found.notes,
        });
    }
    let id = submit_request(cx, request.clone(), how).map_err(|error| in_paths(error, &request))?;
    Ok(FiledWork {
        id,
        again: false,
        what: found.what,
        notes: found.notes,
    })
}

fn filed_before(request: &Request, name: &str) -> FiledWork {
    FiledWork {
        id: request.id,
        again: true,
        what: format!("{name} was handed in before"),
        notes: match request.status.is_open() {
            true => vec![format!(
                "to hand it in otherwise, call that request off first: hyperion request cancel {}",
                request.id.short()
            )],
            false => Vec::new(),
        },
    }
}

/// Opens the work tree that somebody stands in, if it belongs to the repository: it has a `HEAD` of its own.
fn here(cx: &Cx, opened: &Opened, dir: &Path) -> Option<UserRepo> {
    let here = UserRepo::discover(&cx.git, dir).ok()?;
    let common = |repo: &UserRepo| repo.git_dir().canonicalize().ok();
    (common(&here)? == common(opened.git.user())?).then_some(here)
}

impl At<'_> {
    /// Finds what the same work was filed as; a dry run says how things are now, and is made each time.
    fn before(&self, key: &str) -> Result<Known, Error> {
        match self.dry_run {
            true => Ok(Known::Free(String::new())),
            false => self.known(key),
        }
    }

    /// Finds what work was filed as, or the key to file it with.
    fn known(&self, key: &str) -> Result<Known, Error> {
        let Repo { id, branch, .. } = &self.opened.repo;
        known(self.cx, *id, &format!("git: {key} for {branch}"))
    }

    fn request(
        &self,
        wanted: &FromGit,
        found: &Found,
        key: Option<String>,
    ) -> Result<TaskRequest, Error> {
        let mut tasks: Vec<Task> = Vec::new();
        for part in &found.parts {
            let changes = changes_between(self.cx, &self.opened.git, &part.from, &part.to)?;
            let changes = changes.map_err(|why| cannot_be_changes(found, part, &why))?;
            if changes.is_empty() {
                continue;
            }
            let on = tasks.last().map(|task| task.id.clone());
            tasks.push(Task {
                id: format!("T{}", tasks.len() + 1),
                title: part.title.clone(),
                instructions: part.text.clone(),
                owns: Vec::new(),
                depends_on: on.into_iter().collect(),
                checks: Vec::new(),
                changes,
                made_by: None,
            });
        }
        if tasks.is_empty() {
            let detail = format!(
                "{} changes nothing that {} does not have already",
                found.name, self.opened.repo.branch
            );
            return Err(Problem::new("git.nothing", detail)
                .hint("`git diff` between the two shows what differs")
                .into());
        }
        let title = wanted.title.as_ref().unwrap_or(&found.title).clone();
        if let [only] = tasks.as_mut_slice() {
            only.title.clone_from(&title);
        }
        Ok(TaskRequest {
            schema: task_request::SCHEMA.to_owned(),
            title,
            description: found.text.clone(),
            class: wanted.class,
            priority: wanted.priority,
            repo: Some(self.opened.repo.id.to_string()),
            base: Some(found.base.to_string()),
            acceptance: wanted.acceptance.clone(),
            agent: None,
            requires_approval: wanted.requires_approval,
            atomic: wanted.atomic,
            target_files: Vec::new(),
            error_context: None,
            feature_request_id: None,
            session_id: None,
            source: None,
            idempotency_key: key,
            tasks,
        })
    }
}

fn cannot_be_changes(found: &Found, part: &Part, why: &str) -> Problem {
    let which = match found.parts.len() {
        1 => String::new(),
        _ => format!("{}: ", part.title),
    };
    let detail = format!("{} cannot be handed in: {which}{why}", found.name);
    Problem::new("request.unprocessable", detail)
        .hint("take that out of the work and commit again, or hand it in as several branches")
}

/// Names files and tasks where the request that was made of the work is wrong: nobody wrote that request.
fn in_paths(error: Error, request: &TaskRequest) -> Error {
    let mut problem = Problem::from(error);
    if problem.errors.is_empty() {
        return problem.into();
    }
    let several = request.tasks.len() > 1;
    for error in &mut problem.errors {
        let mut parts = error.pointer.split('/').skip(1);
        let task = match (parts.next(), parts.next()) {
            (Some("tasks"), Some(at)) => {
                at.parse().ok().and_then(|at: usize| request.tasks.get(at))
            }
            _ => None,
        };
        let path = match (task, parts.next(), parts.next()) {
            (Some(task), Some("changes"), Some(at)) => {
                let at = at.parse().ok();
                let change = at.and_then(|at: usize| task.changes.get(at));
                change.map(|change| change.path.as_str())
            }
            _ => None,
        };
        let of = match (task, several) {
            (Some(task), true) => format!("{}: ", task.title),
            _ => String::new(),
        };
        let place = match path {
            Some(path) => format!("{path}: "),
            None if error.pointer.is_empty() => String::new(),
            None => {
                let field = error.pointer.rsplit('/').next().unwrap_or_default();
                format!("{field}: ")
            }
        };
        let detail = format!("{of}{place}{}", error.detail);
        *error = FieldError {
            pointer: String::new(),
            detail,
        };
    }
    if let [one] = problem.errors.as_slice() {
        problem.detail.clone_from(&one.detail);
    }
    problem.into()
}
