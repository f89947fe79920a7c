//! Files work that exists in git: a branch, a range of commits, a patch.
//!
//! It is read here, in the registered repository, whoever asks. What it changes goes into a request like any other, on a
//! commit of the branch that it lands on.

mod again;
mod commits;
pub(super) mod mail;
mod patch;
mod words;

#[cfg(test)]
mod tests;

use std::path::Path;

use hyperion_api::from_git::{FromGit, Work};
use hyperion_api::task_request::{self, Priority, Task, TaskRequest};
use hyperion_api::{FieldError, Problem};
use hyperion_git::{Oid, UserRepo};
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::{Digest, RequestId};

use super::known::{Known, known};
use super::revise::revise_from;
use super::submit::{Submitting, submit_request};
use crate::change_set::changes_between;
use crate::error::git_id;
use crate::repo::{self, Opened};
use crate::{Cx, Error, subject};

use commits::Branch;

/// What became of work that was handed in.
#[derive(Debug)]
pub struct FiledWork {
    /// The request.
    pub id: RequestId,
    /// Whether it was filed before.
    pub again: bool,
    /// Whether it is the new version of what was sent back.
    pub revised: bool,
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
    /// Where the branch stood that it was taken from.
    tip: Option<Oid>,
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
    let former = match &wanted.revises {
        Some(id) => Some(revised(cx, id)?),
        None => None,
    };
    let repo = match &former {
        Some(former) => former.submission.repo,
        None => repo::find(cx, wanted.repo.as_deref().unwrap_or("."), how.dir)?.id,
    };
    let opened = cx.repos.open(cx, repo)?;
    let tip = opened
        .git
        .user()
        .tip_of(&opened.branch(&opened.repo.branch)?)?;
    let at = At {
        cx,
        opened: &opened,
        here: how.dir.and_then(|dir| here(cx, &opened, dir)),
        tip,
        dry_run: how.dry_run,
    };
    if former.is_some() && how.dry_run {
        let detail = "a new version is no dry run";
        return Err(Problem::new("input.invalid", detail)
            .hint("hand the branch in as a dry run of its own")
            .into());
    }
    if let Some(former) = former {
        let found = match &wanted.from {
            Work::Branch(name) => at.work_on_again(&at.branch(name)?, former)?,
            Work::Commits(_) => {
                let detail = "a new version is a branch or a patch, not a range of commits";
                return Err(Problem::new("input.invalid", detail).into());
            }
            Work::Patch(text) => at.patched_again(text, former)?,
        };
        return at.revise(wanted, found, how);
    }
    let (key, found) = match &wanted.from {
        Work::Branch(name) => {
            let named = at.branch(name)?;
            match at.branch_before(&named)? {
                Known::As(request) => return at.filed_before(&request, &named.name, &wanted.from),
                Known::Free(key) => (key, at.work_on(&named, wanted.split)?),
            }
        }
        Work::Commits(range) => {
            let range = at.range(range)?;
            match at.before(&range.key())? {
                Known::As(request) => return at.filed_before(&request, &range.name, &wanted.from),
                Known::Free(key) => (key, at.work_in(&range, wanted.split)?),
            }
        }
        Work::Patch(text) => {
            let key = format!("patch {}", Digest::of(text.as_bytes()));
            match at.before(&key)? {
                Known::As(request) => return at.filed_before(&request, "the patch", &wanted.from),
                Known::Free(key) => (key, at.patched(text, wanted.split)?),
            }
        }
    };
    if found.revises.is_some() {
        return at.revise(wanted, found, how);
    }
    let request = at.request(wanted, &found, (!how.dry_run).then_some(key))?;
    let id = submit_request(cx, request.clone(), how).map_err(|error| in_paths(error, &request))?;
    Ok(FiledWork {
        id,
        again: false,
        revised: false,
        what: found.what,
        notes: found.notes,
    })
}

/// Finds the request that a new version is handed in for.
fn revised(cx: &Cx, id: &str) -> Result<Box<Request>, Error> {
    let request = subject::find::<Request>(cx, id, RequestId::new)?;
    if again::sent_back(cx, &request)?.is_some() {
        return Ok(Box::new(request));
    }
    let id = request.id.short();
    let detail = format!("request {id} is not one change that was sent back");
    Err(Problem::new("state.illegal_move", detail)
        .hint(format!(
            "`hyperion request show {id}` says where it stands; a request with several tasks takes new versions as a file: hyperion request revise {id} FILE"
        ))
        .into())
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

    /// Finds what a branch was handed in as, or the key to file it with.
    fn branch_before(&self, branch: &Branch) -> Result<Known, Error> {
        match self.dry_run {
            true => Ok(Known::Free(String::new())),
            false => self.handed_in_at(&branch.tip, &self.revised()?),
        }
    }

    /// Says that work was handed in before, and what can be done with it.
    fn filed_before(&self, request: &Request, name: &str, work: &Work) -> Result<FiledWork, Error> {
        let id = request.id.short();
        let note = match again::sent_back(self.cx, request)? {
            Some(sent_back) => {
                let wanted = sent_back.wanted.map(|wanted| format!(" ({wanted})"));
                let wanted = wanted.unwrap_or_default();
                let next = match work {
                    Work::Branch(_) => {
                        format!("commit that, then `hyperion request --branch {name}`")
                    }
                    Work::Commits(_) => format!(
                        "commit that to a branch, then `hyperion request revise {id} --branch NAME`"
                    ),
                    Work::Patch(_) => {
                        format!("hand in another one: `hyperion request revise {id} --patch FILE`")
                    }
                };
                format!("it was sent back{wanted}: {next}")
            }
            None => format!("to hand it in otherwise, first `hyperion request cancel {id}`"),
        };
        Ok(FiledWork {
            id: request.id,
            again: true,
            revised: false,
            what: format!("{name} was handed in before"),
            notes: request
                .status
                .is_open()
                .then_some(note)
                .into_iter()
                .collect(),
        })
    }

    /// Finds what work was filed as, or the key to file it with.
    fn known(&self, key: &str) -> Result<Known, Error> {
        let Repo { id, branch, .. } = &self.opened.repo;
        known(self.cx, *id, &format!("git: {key} for {branch}"))
    }

    /// Hands work in as the new version of what was sent back.
    fn revise(
        &self,
        wanted: &FromGit,
        found: Found,
        how: &Submitting<'_>,
    ) -> Result<FiledWork, Error> {
        let request = self.request(wanted, &found, None)?;
        let former = found.revises.as_ref();
        let task = former.map(|former| again::sent_back(self.cx, former));
        let task = task.transpose()?.flatten().map(|back| back.task);
        let (Some(former), Some(task), [made]) = (former, task, request.tasks.as_slice()) else {
            return Err(Error::Missing("the task that was sent back".to_owned()));
        };
        let mut version = serde_json::json!({"id": task, "changes": made.changes});
        // What was found may say nothing of itself, as a bare diff; then it stays as it was.
        for (field, said) in [
            ("title", wanted.title.as_ref().unwrap_or(&found.title)),
            ("instructions", &found.text),
        ] {
            if !said.is_empty() {
                version[field] = said.as_str().into();
            }
        }
        let version = serde_json::json!({"tasks": [version]});
        let bytes = serde_json::to_vec(&version).map_err(Error::Encode)?;
        let tip = found.tip.as_ref().map(git_id).transpose()?;
        revise_from(self.cx, how.actor, former.id, &bytes, tip.as_ref())
            .map_err(|error| in_paths(error, &request))?;
        let mut notes = found.notes;
        if wanted.revises.is_none() {
            notes.push(format!(
                "this is the new version of request {}, which was sent back",
                former.id.short()
            ));
        }
        notes.extend(kept_as_filed(wanted));
        Ok(FiledWork {
            id: former.id,
            again: false,
            revised: true,
            what: found.what,
            notes,
        })
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

/// Names what was said of a new version and stays as the request was filed.
fn kept_as_filed(wanted: &FromGit) -> Option<String> {
    let said = [
        (wanted.split, "--split"),
        (wanted.class.is_some(), "--class"),
        (wanted.priority != Priority::default(), "--priority"),
        (!wanted.acceptance.is_empty(), "--accept"),
    ];
    let said: Vec<_> = said
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, of)| *of)
        .collect();
    (!said.is_empty()).then(|| {
        format!(
            "a new version stays one change of the request as it was filed: {} not used",
            match said.as_slice() {
                [one] => format!("{one} is"),
                several => format!("{} are", several.join(", ")),
            }
        )
    })
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
