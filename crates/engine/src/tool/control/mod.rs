//! The control server: what became of the work in a repository, and handing a branch in with words of one's own.
//!
//! Architecture invariant: no tool decides an approval, and none shows a repository that the session is not bound to.

mod asking;
mod run_command;

use std::sync::Arc;

use hyperion_api::Problem;
use hyperion_api::tool::control as wire;
use hyperion_api::tool::git::HandedIn;
use hyperion_host::CancelFlag;
use hyperion_model::approval::Approval;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_model::plan::Plan;
use hyperion_model::request::Request;
use hyperion_model::{GitId, RepoId, ShortText, Uuid};
use hyperion_store::Filter;
use hyperion_tools::words;
use serde_json::Value;

use super::call::{Done, answer, read};
use super::clones::{Clones, OpenClone, branch_name};
use super::git::{CloneCall, RequestText, hand_in};
use super::oversee::Oversight;
use crate::{Cx, Error, request};

/// The most rows that one answer lists.
const ROWS_MAX: u32 = 200;
/// The fewest digits that name a request.
const DIGITS_MIN: usize = 6;

pub(super) fn make(
    clones: &Clones,
    oversight: &Oversight<'_>,
    cancel: &CancelFlag,
    parameters: Value,
) -> Result<Done, Error> {
    let cx = oversight.cx;
    let repo = oversight.session.repo()?;
    Ok(match oversight.tool {
        "plan" => answer(
            plan(cx, repo, &read(parameters)?).map_err(Problem::from),
            words::control::plan,
        ),
        "queue" => answer(
            queue(cx, repo, &read(parameters)?).map_err(Problem::from),
            words::control::queue,
        ),
        "approval" => answer(
            approval(cx, repo, &read(parameters)?).map_err(Problem::from),
            words::control::approval,
        ),
        "requestApproval" => answer(
            asking::request(oversight, repo, read(parameters)?).map_err(Problem::from),
            words::control::standing,
        ),
        "approvalStatus" => answer(
            asking::status(oversight, repo, &read(parameters)?).map_err(Problem::from),
            words::control::standing,
        ),
        "propose" => answer(
            propose(clones, oversight, repo, read(parameters)?).map_err(Problem::from),
            words::git::handed_in,
        ),
        "runCommand" => answer(
            run_command::run_command(oversight, cancel, &read(parameters)?).map_err(Problem::from),
            words::control::command,
        ),
        other => Err(Problem::new("internal", format!("{other} is not wired"))),
    })
}

fn plan(cx: &Cx, repo: RepoId, wanted: &wire::Plan) -> Result<wire::PlanResult, Error> {
    let found = find(cx, repo, &wanted.request)?;
    let plan = match found.plan {
        Some(plan) => cx.store.get::<Plan>(plan)?,
        None => None,
    };
    let steps = plan.into_iter().flat_map(|plan| plan.steps);
    let steps = steps.map(|step| wire::Step {
        number: step.number,
        task: step.task.to_string(),
        status: step.status.to_string(),
        depends_on: step.depends_on,
        error: said(cx, step.reason.as_ref()),
    });
    let sets = cx
        .store
        .list::<ChangeSet>(&Filter::default().request(found.id).limit(ROWS_MAX))?;
    let change_sets = sets.rows.into_iter().map(|set| wire::ChangeSet {
        id: set.id.to_string(),
        status: set.status.to_string(),
        task: set.proposal.task.to_string(),
        commit: commit(set.commit.as_ref()),
        reason: said(cx, set.reason.as_ref()),
    });
    Ok(wire::PlanResult {
        request: found.id.to_string(),
        title: request::title(cx, &found)?.unwrap_or_default(),
        status: found.status.to_string(),
        error: said(cx, found.reason.as_ref()),
        steps: steps.collect(),
        change_sets: change_sets.collect(),
    })
}

fn queue(cx: &Cx, repo: RepoId, wanted: &wire::Queue) -> Result<wire::QueueResult, Error> {
    let filter = match &wanted.request {
        Some(request) => Filter::default().request(find(cx, repo, request)?.id),
        None => Filter::open().repo(repo),
    };
    let page = cx.store.list::<Entry>(&filter.limit(ROWS_MAX))?;
    let entries = page.rows.into_iter().map(|entry| wire::QueueEntry {
        id: entry.id.to_string(),
        request: entry.admission.request.to_string(),
        status: entry.status.to_string(),
        branch: entry.admission.branch.to_string(),
        attempts: entry.attempts,
        commit: commit(entry.commit.as_ref()),
        reason: said(cx, entry.reason.as_ref()),
    });
    Ok(wire::QueueResult {
        entries: entries.collect(),
        more: page.next.is_some(),
    })
}

fn approval(cx: &Cx, repo: RepoId, wanted: &wire::Approval) -> Result<wire::ApprovalResult, Error> {
    let found = find(cx, repo, &wanted.request)?;
    let page = cx
        .store
        .list::<Approval>(&Filter::default().request(found.id).limit(ROWS_MAX))?;
    let questions = page.rows.into_iter().map(|approval| {
        let verdict = approval.verdict.as_ref();
        wire::Question {
            id: approval.id.to_string(),
            status: approval.status.to_string(),
            level: approval.question.level.to_string(),
            risk: approval.question.risk.name().to_owned(),
            expires_at: approval.question.expires_at.to_string(),
            decided_by: verdict.map(|verdict| verdict.by.id().to_string()),
            reason: said(cx, verdict.and_then(|verdict| verdict.reason.as_ref())),
            look: format!("hyperion approval show {}", approval.id.short()),
        }
    });
    Ok(wire::ApprovalResult {
        request: found.id.to_string(),
        status: found.status.to_string(),
        questions: questions.collect(),
    })
}

fn propose(
    clones: &Clones,
    oversight: &Oversight<'_>,
    repo: RepoId,
    wanted: wire::Propose,
) -> Result<HandedIn, Error> {
    let wire::Propose {
        title,
        description,
        branch,
    } = wanted;
    let clone = clone_with(clones, oversight, repo, branch.as_deref())?;
    let at = CloneCall::new(oversight, &clone)?;
    let branch = match branch {
        Some(branch) => branch_name(&branch)?,
        None => clone.git.head()?.0,
    };
    hand_in(&at, &branch, Some(RequestText { title, description }))
}

/// Finds the clone that a branch is in.
fn clone_with(
    clones: &Clones,
    oversight: &Oversight<'_>,
    repo: RepoId,
    branch: Option<&str>,
) -> Result<Arc<OpenClone>, Error> {
    if let Ok(own) = oversight.session.clone_of() {
        return Ok(Arc::clone(own));
    }
    let Some(branch) = branch else {
        let detail = "the server is bound to the repository and to no clone, so that no branch is checked out";
        return Err(Problem::new("git.branch", detail)
            .hint("name the branch, or start the server with `--clone ID`")
            .into());
    };
    let name = branch_name(branch)?;
    let mut found = Vec::new();
    for clone in clones.of(oversight.cx, repo)? {
        if clone.git.tip(&name)?.is_some() {
            found.push(clone);
        }
    }
    match (found.len(), found.pop()) {
        (1, Some(clone)) => Ok(clone),
        (0, _) => {
            let detail = format!("no clone of this repository has a branch {branch}");
            Err(Problem::new("git.name", detail)
                .hint("make it with the git server's createBranch")
                .into())
        }
        (several, _) => {
            let detail = format!("{several} clones of this repository have a branch {branch}");
            Err(Problem::new("git.name", detail)
                .hint("push it with the git server of the one that is meant, or start this server with `--clone ID`")
                .into())
        }
    }
}

/// Finds a request of the repository by its id, or by the end of it.
fn find(cx: &Cx, repo: RepoId, text: &str) -> Result<Request, Error> {
    let hex: String = text.chars().filter(|letter| *letter != '-').collect();
    let is_hex = hex.len() >= DIGITS_MIN && hex.chars().all(|digit| digit.is_ascii_hexdigit());
    let found: Vec<Uuid> = match text.parse::<Uuid>() {
        Ok(id) => vec![id],
        Err(_) if is_hex => cx.store.find::<Request>(&hex.to_ascii_lowercase())?,
        Err(_) => Vec::new(),
    };
    let mut requests = Vec::new();
    for id in found {
        let known = cx
            .store
            .get::<Request>(hyperion_model::RequestId::new(id))?;
        requests.extend(known.filter(|request| request.submission.repo == repo));
    }
    match (requests.len(), requests.pop()) {
        (1, Some(request)) => Ok(request),
        (0, _) => {
            let shown: String = text.chars().take(80).collect();
            let detail = format!("this repository has no request {shown:?}");
            Err(Problem::new("subject.not_found", detail)
                .hint("give the id that push or propose told")
                .into())
        }
        (_, _) => Err(
            Problem::new("subject.ambiguous", format!("{text} fits several requests"))
                .hint("give more of the id")
                .into(),
        ),
    }
}

fn said(cx: &Cx, text: Option<&ShortText>) -> Option<String> {
    text.map(|text| cx.redactor.redact(text.as_str()).into_owned())
}

fn commit(id: Option<&GitId>) -> Option<String> {
    id.map(|id| id.as_str().to_owned())
}
