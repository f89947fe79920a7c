//! Handing a branch in: it becomes a request, and goes the way of every request.
//!
//! The request's id follows from the clone and the commit, so that whoever dies on the way, and whoever does not hear the
//! answer, hands in the same thing once ([decision 15](../../../../../../docs/decisions/0015-idempotent-requests.md)).

use hyperion_api::Problem;
use hyperion_api::task_request::{self, Priority, Task, TaskRequest};
use hyperion_api::tool::git::{HandedIn, Push};
use hyperion_fault::{Point, reached};
use hyperion_git::{Oid, RefName};
use hyperion_model::approval::{self, Approval};
use hyperion_model::change_set::ChangeSet;
use hyperion_model::request::{Request, Source, Status};
use hyperion_policy::{judge_push, without_trailers};
use hyperion_store::Filter;

use super::look::{own_commits, require_agents};
use super::{CloneCall, first_reason};
use crate::change_set::changes_between;
use crate::intake::{self, Submitting};
use crate::tool::clones::branch_name;
use crate::{Cx, Error};

/// The id of the one task of a request that a branch becomes.
const TASK: &str = "branch";
/// The most bytes of a description that is made of commits.
const DESCRIPTION_MAX_BYTES: usize = 16 * 1024;

/// What a branch's request says, where the commits are not to speak for it.
pub(in crate::tool) struct RequestText {
    pub(in crate::tool) title: String,
    pub(in crate::tool) description: String,
}

pub(super) fn push(at: &CloneCall<'_>, wanted: &Push) -> Result<HandedIn, Error> {
    let Push { branch, force } = wanted;
    let branch = match branch {
        Some(branch) => branch_name(branch)?,
        None => at.clone.git.head()?.0,
    };
    if *force {
        let judged = judge_push(
            "hyperion",
            branch.short(),
            true,
            &at.rules,
            &at.clone.folder.place,
        );
        let detail = format!(
            "a push is never forced from here, for nobody can be asked: {}",
            first_reason(&judged)
        );
        return Err(Problem::new("policy.refused", detail)
            .hint(
                "push without force: what is handed in is a change of its own and replaces nothing",
            )
            .into());
    }
    hand_in(at, &branch, None)
}

/// Hands a branch of the clone in, or tells what became of it.
pub(in crate::tool) fn hand_in(
    at: &CloneCall<'_>,
    branch: &RefName,
    said: Option<RequestText>,
) -> Result<HandedIn, Error> {
    require_agents(branch.short(), "handing in")?;
    let Some(tip) = at.clone.git.tip(branch)? else {
        let detail = format!("the clone has no branch {}", branch.short());
        return Err(Problem::new("git.name", detail)
            .hint("`status` lists its branches")
            .into());
    };
    let git = &at.opened.git;
    let base = git.merge_base(&tip, &at.target)?;
    let base = base.ok_or_else(|| {
        let detail = format!(
            "{} has nothing in common with {} any more",
            branch.short(),
            at.clone.note.branch
        );
        Problem::new("git.branch", detail)
            .hint("make a new branch with createBranch, and bring the change there")
    })?;
    if let Some(known) = at.clone.request_of(at.cx, &tip)? {
        return told(at, branch, &tip, &base, &known, true);
    }
    let own = own_commits(at, &tip)?;
    check_earlier(at, branch, &own)?;
    let changes = match changes_between(at.cx, git, &base, &tip)? {
        Ok(changes) => changes,
        Err(why) => {
            return Err(
                Problem::new("policy.refused", format!("that cannot land: {why}"))
                    .hint("split it into several branches, or take that file back and commit again")
                    .into(),
            );
        }
    };
    if changes.is_empty() {
        let detail = format!(
            "{} has nothing that {} has not",
            branch.short(),
            at.clone.note.branch
        );
        return Err(Problem::new("git.nothing", detail)
            .hint("commit something first")
            .into());
    }
    let said = match said {
        Some(said) => said,
        None => said_by_commits(at, &own)?,
    };
    let request = TaskRequest {
        schema: task_request::SCHEMA.to_owned(),
        title: said.title.clone(),
        description: said.description,
        class: None,
        priority: Priority::default(),
        repo: Some(at.opened.repo.id.to_string()),
        base: Some(base.to_string()),
        acceptance: Vec::new(),
        agent: None,
        requires_approval: None,
        atomic: false,
        target_files: Vec::new(),
        error_context: None,
        feature_request_id: None,
        session_id: None,
        source: None,
        idempotency_key: Some(at.clone.key_of(&tip)),
        tasks: vec![Task {
            id: TASK.to_owned(),
            title: said.title,
            instructions: String::new(),
            owns: Vec::new(),
            depends_on: Vec::new(),
            checks: Vec::new(),
            changes,
            made_by: None,
        }],
    };
    at.oversight
        .note(vec![branch.short().to_owned(), tip.to_string()])?;
    reached(Point::ToolHandingIn);
    let how = Submitting {
        actor: &at.oversight.session.actor,
        dir: None,
        dry_run: false,
        source: Source::Mcp,
        agent: None,
        given: None,
    };
    let filed = intake::submit_request(at.cx, request, &how)?;
    reached(Point::ToolHandedIn);
    let filed = at.cx.store.get::<Request>(filed)?;
    let filed = filed.ok_or_else(|| Error::Missing("the request just filed".to_owned()))?;
    told(at, branch, &tip, &base, &filed, false)
}

/// Refuses to hand in what contains a change that is on its way already, or has landed: it would meet itself.
fn check_earlier(at: &CloneCall<'_>, branch: &RefName, own: &[Oid]) -> Result<(), Error> {
    for commit in own.iter().skip(1) {
        let Some(request) = at.clone.request_of(at.cx, commit)? else {
            continue;
        };
        let (short, id) = (branch.short(), request.id);
        let (what, hint) = match request.status {
            Status::Pending
            | Status::NeedsClarification
            | Status::Planned
            | Status::Running
            | Status::AwaitingApproval => (
                "is not settled",
                format!("go on with another branch; or have a person cancel it (`hyperion request cancel {id}`), and push again"),
            ),
            Status::Completed | Status::PartlyLanded => (
                "has landed",
                "make a new branch with createBranch, which starts from what landed, and bring the rest there".to_owned(),
            ),
            // Nothing of it is on the target branch: what comes now is all of it again.
            Status::Failed | Status::Cancelled | Status::RolledBack => return Ok(()),
        };
        let detail =
            format!("an earlier commit of {short} was handed in as request {id}, which {what}");
        return Err(Problem::new("git.handed_in", detail).hint(hint).into());
    }
    Ok(())
}

/// The oldest commit gives the title; what all of them say is the description.
fn said_by_commits(at: &CloneCall<'_>, own: &[Oid]) -> Result<RequestText, Error> {
    let mut title = String::new();
    let mut description = String::new();
    for commit in own.iter().rev() {
        let message = without_trailers(&at.opened.git.commit_info(commit)?.message);
        let message = message.trim();
        if title.is_empty() {
            let (subject, body) = message.split_once('\n').unwrap_or((message, ""));
            title = subject.to_owned();
            description.push_str(body.trim());
        } else if description.len() < DESCRIPTION_MAX_BYTES {
            description.push_str("\n\n");
            description.push_str(message);
        }
    }
    let mut end = description.len().min(DESCRIPTION_MAX_BYTES);
    while !description.is_char_boundary(end) {
        end -= 1;
    }
    description.truncate(end);
    Ok(RequestText {
        title,
        description: description.trim().to_owned(),
    })
}

fn told(
    at: &CloneCall<'_>,
    branch: &RefName,
    tip: &Oid,
    base: &Oid,
    request: &Request,
    again: bool,
) -> Result<HandedIn, Error> {
    let (change_set, approval) = parts(at.cx, request)?;
    Ok(HandedIn {
        branch: branch.short().to_owned(),
        commit: tip.to_string(),
        base: base.to_string(),
        request: request.id.to_string(),
        status: request.status.to_string(),
        again,
        change_set,
        approval,
        look: format!("hyperion request show {}", request.id.short()),
    })
}

/// Finds the newest change set of a request, and the approval that it waits for.
pub(in crate::tool) fn parts(
    cx: &Cx,
    request: &Request,
) -> Result<(Option<String>, Option<String>), Error> {
    let newest = || Filter::default().request(request.id).newest().limit(1);
    let set = cx.store.list::<ChangeSet>(&newest())?.rows;
    let waiting = newest().status(approval::Status::Pending.name());
    let approval = cx.store.list::<Approval>(&waiting)?.rows;
    Ok((
        set.first().map(|set| set.id.to_string()),
        approval.first().map(|approval| approval.id.to_string()),
    ))
}
