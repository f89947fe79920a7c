//! Taking landings back: a request of its own, whose change is the reverse of what landed.
//!
//! The reverse is merged with the branch's tip like any change (base: what landed, theirs: what was
//! there before), so later work on other lines stays, and later work on the same lines is a
//! conflict that is told, never undone by force. It goes through the same policy, approval and
//! queue; it asks for the level that the landing was stored with, and where it touches what guards the
//! repository, for what any change would.

#[cfg(test)]
mod tests;
mod what;

pub use what::What;
pub(crate) use what::landed_as;

use std::sync::{Mutex, PoisonError};

use hyperion_api::Problem;
use hyperion_api::assignment::{self, Assignment, Budget};
use hyperion_api::change_request::{self, ChangeRequest};
use hyperion_api::queue::CausedBy;
use hyperion_api::task_request::{self, TaskRequest};
use hyperion_fault::{Point, reached};
use hyperion_git::{MergeSides, Merged, Oid, TreePath};
use hyperion_model::change_set::{self, ChangeSet};
use hyperion_model::entry::{Entry, Status};
use hyperion_model::facts::{Class, Priority};
use hyperion_model::plan::step::Cause;
use hyperion_model::request::{self, Request, Source, Submission};
use hyperion_model::{Actor, Command, EntryId, GitId, Level, PlanId, Refusal, RequestId, Subject};
use hyperion_policy::{Assessment, RiskKind};
use hyperion_store::{Filter, Order};

use crate::change_set::changes_between;
use crate::cx::json_blob;
use crate::error::{git_id, oid};
use crate::queue::conflict;
use crate::read_facts::ReadFacts;
use crate::repo::Opened;
use crate::{Cx, Error};

/// The id of the one task of a rollback.
pub const TASK: &str = "rollback";

static FILING: Mutex<()> = Mutex::new(());

/// Files the request that takes landings of another one back: all of them, or one alone.
pub fn roll_back(
    cx: &Cx,
    actor: &Actor,
    what: impl Into<What>,
    reason: Option<&str>,
    source: Source,
) -> Result<RequestId, Error> {
    let (id, only) = what.into().resolve(cx)?;
    let original = cx.store.get::<Request>(id)?.ok_or_else(|| {
        Problem::new(
            "subject.not_found",
            format!("there is no request {}", id.short()),
        )
    })?;
    // Looking whether another one is under way and filing this one are one step; a home has one engine.
    let _filing = FILING.lock().unwrap_or_else(PoisonError::into_inner);
    let landings = check(cx, actor, &original, only)?;
    let opened = cx.repos.open(cx, original.submission.repo)?;
    let title = what::title(cx, &opened, &original, only.and(landings.first()))?;
    let request: TaskRequest = serde_json::from_value(serde_json::json!({
        "schema": task_request::SCHEMA,
        "title": title,
        "description": reason.unwrap_or_default(),
    }))
    .map_err(Error::Encode)?;
    let (blob, title) = (json_blob(&request)?, cx.title_blob(&title));
    let base = opened.tip(&original.submission.branch)?;
    opened.git.pin_base(&base)?;
    let new = cx.id(RequestId::new);
    let submission = Submission {
        class: Class::Bugfix,
        priority: Priority::High,
        repo: original.submission.repo,
        branch: original.submission.branch.clone(),
        base: git_id(&base)?,
        document: blob.digest,
        title: Some(title.digest),
        source,
        agent: original.submission.agent.clone(),
        dry_run: false,
        atomic: false,
        requires_approval: true,
        rolls_back: Some(id),
        rolls_back_entry: only,
    };
    let submit = request::Command::Submit {
        id: new,
        submission,
    };
    cx.execute(
        cx.stamp_person(actor),
        vec![Command::Request(new, submit)],
        vec![blob, title],
    )?;
    reached(Point::RollbackFiled);
    Ok(new)
}

/// Refuses what cannot be taken back, with the reason; gives the landings that can.
pub(crate) fn check(
    facts: &impl ReadFacts,
    actor: &Actor,
    original: &Request,
    only: Option<EntryId>,
) -> Result<Vec<Entry>, Error> {
    let impossible = |detail: String| Error::from(Problem::new("rollback.impossible", detail));
    if original.status == request::Status::RolledBack {
        let by = original
            .rolled_back_by
            .map(|by| format!(" by request {}", by.short()))
            .unwrap_or_default();
        return Err(Problem::new(
            "rollback.impossible",
            format!("it was rolled back already{by}"),
        )
        .hint("to have it again, roll that request back")
        .into());
    }
    // One landing is there to be taken back whatever becomes of the others.
    if original.status.is_open() && only.is_none() {
        let id = original.id.short();
        let detail = format!("request {id} goes on: nothing of it has landed for good");
        return Err(Problem::new("rollback.impossible", detail)
            .hint(format!(
                "cancel it instead with `hyperion request cancel {id}`; what landed by itself is rolled back by its commit"
            ))
            .into());
    }
    let landings = landed(facts, original.id, only)?;
    if landings.is_empty() {
        return Err(impossible(match only {
            Some(entry) => format!(
                "queue entry {} has not landed, or was rolled back already",
                entry.short()
            ),
            None => "nothing of it landed, or all of it was rolled back already".to_owned(),
        }));
    }
    if let Some(other) = under_way(facts, original.id)? {
        return Err(impossible(format!(
            "request {} is rolling it back already",
            other.short()
        )));
    }
    let level = level_of(&landings);
    if !actor.may_decide(level) {
        let refusal = Refusal::NotEntitled {
            by: actor.clone(),
            level,
        };
        return Err(Problem::new("approval.not_entitled", refusal.to_string())
            .hint("rolling a landing back takes the same authority as the landing: ask somebody with that role")
            .into());
    }
    Ok(landings)
}

/// Tells whether all that landed of a request can be taken back, and nobody does so already.
pub fn is_possible(cx: &Cx, request: &Request) -> Result<bool, Error> {
    let has_ended = !request.status.is_open() && request.status != request::Status::RolledBack;
    Ok(has_ended
        && !landed(cx, request.id, None)?.is_empty()
        && under_way(cx, request.id)?.is_none())
}

/// Finds the open request that takes another one back.
pub(crate) fn under_way(facts: &impl ReadFacts, id: RequestId) -> Result<Option<RequestId>, Error> {
    let open = facts.list::<Request>(&Filter::open().parent(id.uuid()).limit(10))?;
    Ok(open
        .iter()
        .find(|other| other.submission.rolls_back == Some(id))
        .map(|other| other.id))
}

/// Lists what landed of a request and was not taken back, oldest first; of one landing, that alone.
pub(crate) fn landed(
    facts: &impl ReadFacts,
    id: RequestId,
    only: Option<EntryId>,
) -> Result<Vec<Entry>, Error> {
    let filter = Filter {
        order: Order::OldestFirst,
        ..Filter::default()
    };
    let filter = filter.request(id).status(Status::Landed.name()).limit(1000);
    let mut rows = facts.list::<Entry>(&filter)?;
    let back = Filter::default()
        .request(id)
        .status(change_set::Status::RolledBack.name())
        .limit(1000);
    let back: Vec<_> = facts
        .list::<ChangeSet>(&back)?
        .into_iter()
        .filter_map(|set| set.entry)
        .collect();
    rows.retain(|entry| only.is_none_or(|only| only == entry.id) && !back.contains(&entry.id));
    // Not by time: clocks go back.
    let order = facts.in_order(id, "merge.landed")?;
    rows.sort_by_key(|entry| {
        let place = order
            .iter()
            .rposition(|landed| *landed == Subject::Entry(entry.id));
        (place, entry.id)
    });
    Ok(rows)
}

/// Finds the request that took a landing back.
pub fn taken_back_by(cx: &Cx, entry: &Entry) -> Result<Option<RequestId>, Error> {
    let mut taken = false;
    for id in &entry.admission.change_sets {
        let set = cx.store.get::<ChangeSet>(*id)?;
        taken |= set.is_some_and(|set| set.status == change_set::Status::RolledBack);
    }
    if !taken {
        return Ok(None);
    }
    let original = entry.admission.request;
    let back = Filter::default()
        .parent(original.uuid())
        .status(request::Status::Completed.name())
        .limit(1000);
    let back = cx.store.list::<Request>(&back)?.rows;
    // One that took all back is the latest: it took what was left.
    let of_all = |by: &&Request| by.submission.rolls_back_entry.is_none();
    let of_this = |by: &&Request| by.submission.rolls_back_entry == Some(entry.id);
    let by = back.iter().find(of_this).or(back.iter().rfind(of_all));
    Ok(by.map(|by| by.id))
}

fn level_of(entries: &[Entry]) -> Level {
    // What policy let pass by itself is still taken back by somebody who may decide.
    entries
        .iter()
        .map(|entry| entry.admission.level)
        .max()
        .unwrap_or(Level::TeamLead)
        .max(Level::TeamLead)
}

/// Gives the level that taking back what a rollback request names asks for.
pub(crate) fn level(facts: &impl ReadFacts, rollback: &Request) -> Result<Level, Error> {
    let Some(original) = rollback.submission.rolls_back else {
        return Ok(Level::TeamLead);
    };
    let only = rollback.submission.rolls_back_entry;
    Ok(level_of(&landed(facts, original, only)?))
}

/// Tells whether asking for a rollback decides it: not where it touches what guards the repository, for there a person
/// looks at what would change before it does.
pub(crate) fn is_decided_by_asking(assessment: &Assessment) -> bool {
    !assessment
        .risks
        .iter()
        .any(|risk| risk.kind == RiskKind::ProtectedPath)
}

/// Gives the commands that record what the landing of a rollback took back.
pub(crate) fn recorded(
    facts: &impl ReadFacts,
    rollback: &Request,
    commit: &GitId,
) -> Result<Vec<Command>, Error> {
    let Some(original) = rollback.submission.rolls_back else {
        return Ok(Vec::new());
    };
    let landed = Filter::default()
        .request(original)
        .status(change_set::Status::Landed.name())
        .limit(1000);
    let only = rollback.submission.rolls_back_entry;
    let (taken, left): (Vec<_>, Vec<_>) = facts
        .list::<ChangeSet>(&landed)?
        .into_iter()
        .partition(|set| only.is_none() || set.entry == only);
    let back = change_set::Command::RollBack {
        commit: commit.clone(),
    };
    let mut commands: Vec<_> = taken
        .iter()
        .map(|set| Command::ChangeSet(set.id, back.clone()))
        .collect();
    // Git has moved already, so nothing may keep this from being recorded: a request that was taken up again
    // meanwhile, or taken back by somebody else, stays as it is. So does one of which something is still landed.
    let there = facts.get::<Request>(original)?;
    let ended = there.is_some_and(|there| {
        matches!(
            there.status,
            request::Status::Completed | request::Status::PartlyLanded
        )
    });
    if ended && left.is_empty() {
        let back = request::Command::RollBack { by: rollback.id };
        commands.push(Command::Request(original, back));
    }
    Ok(commands)
}

/// Writes the assignment of a rollback's one step.
pub(crate) fn assignment(cx: &Cx, request: &Request, plan: PlanId) -> Result<Assignment, Error> {
    let document: TaskRequest = cx.require_json(request.submission.document)?;
    Ok(Assignment {
        schema: assignment::SCHEMA.to_owned(),
        request_id: request.id.to_string(),
        plan_id: plan.to_string(),
        step_id: 1,
        task_id: TASK.to_owned(),
        title: document.title,
        instructions: document.description,
        owns: Vec::new(),
        reads: Vec::new(),
        depends_on: Vec::new(),
        base_commit: request.submission.base.as_str().to_owned(),
        checks: Vec::new(),
        budget: Budget::default(),
        context: Vec::new(),
    })
}

/// Why no change takes landings back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Irreversible {
    /// Something else changed the same places since.
    #[error(
        "{} changed since it landed as {commit:.10}{}",
        listed(paths),
        later.as_ref().map(|later| format!(", by {:.10} ({})", later.commit, later.subject)).unwrap_or_default()
    )]
    Changed {
        /// The first of the files.
        paths: Vec<TreePath>,
        /// What was to be rolled back.
        commit: Oid,
        /// The latest commit that changed one of them since.
        later: Option<CausedBy>,
    },
    /// A path that no change can be made of.
    #[error("{0}: roll it back by hand")]
    Unwritable(String),
    /// The branch has nothing of it any more.
    #[error("there is nothing left of it to roll back")]
    Nothing,
}

impl Irreversible {
    /// Why the step of the rollback fails.
    pub(crate) const fn cause(&self) -> Cause {
        match self {
            Self::Changed { .. } => Cause::ChangedSince,
            Self::Unwritable(_) | Self::Nothing => Cause::Agent,
        }
    }
}

fn listed(paths: &[TreePath]) -> String {
    let paths: Vec<_> = paths.iter().map(ToString::to_string).collect();
    paths.join(", ")
}

/// Makes the change that takes landings back, on the tree the request starts from.
///
/// The inner error says why that is impossible.
pub(crate) fn change(
    cx: &Cx,
    opened: &Opened,
    request: &Request,
    assignment: &Assignment,
) -> Result<Result<(Oid, ChangeRequest), Irreversible>, Error> {
    let Some(original) = request.submission.rolls_back else {
        return Err(Error::Missing("the request to roll back".to_owned()));
    };
    let base = opened.git.tree_of(&oid(&request.submission.base)?)?;
    let tree = match reversed(cx, opened, request, original)? {
        Ok(tree) => tree,
        Err(why) => return Ok(Err(why)),
    };
    Ok(match changes_between(cx, &opened.git, &base, &tree)? {
        Err(why) => Err(Irreversible::Unwritable(why)),
        Ok(changes) if changes.is_empty() => Err(Irreversible::Nothing),
        Ok(changes) => Ok((
            base,
            ChangeRequest {
                schema: change_request::SCHEMA.to_owned(),
                task_id: TASK.to_owned(),
                request_id: request.id.to_string(),
                agent: request.submission.agent.as_str().to_owned(),
                base_commit: request.submission.base.as_str().to_owned(),
                summary: assignment.title.clone(),
                changes,
                checks: Vec::new(),
                signature: None,
            },
        )),
    })
}

/// Says how somebody gets on whose rollback failed because of what changed since.
pub(crate) fn way_out(cx: &Cx, request: &Request) -> Result<String, Error> {
    let opened = cx.repos.open(cx, request.submission.repo)?;
    let reversed = match request.submission.rolls_back {
        Some(original) => reversed(cx, &opened, request, original)?,
        None => Err(Irreversible::Nothing),
    };
    Ok(match reversed {
        Err(Irreversible::Changed {
            later: Some(later),
            commit,
            ..
        }) => match later.entry_id {
            Some(_) => format!(
                "roll back the later change first with `hyperion rollback {:.10}`, then this one with `hyperion rollback {commit:.10}`; or undo it by hand and hand that in",
                later.commit
            ),
            None => format!(
                "undo it by hand, with what {:.10} changed in mind (`git show {:.10}`), and hand that in",
                later.commit, later.commit
            ),
        },
        _ => "undo it by hand, and hand that in".to_owned(),
    })
}

/// Makes the tree that a rollback comes to on the commit it starts from.
fn reversed(
    cx: &Cx,
    opened: &Opened,
    request: &Request,
    original: RequestId,
) -> Result<Result<Oid, Irreversible>, Error> {
    let base_commit = oid(&request.submission.base)?;
    let mut tree = opened.git.tree_of(&base_commit)?;
    let only = request.submission.rolls_back_entry;
    for entry in landed(cx, original, only)?.iter().rev() {
        let commit = entry.commit.as_ref().map(oid).transpose()?;
        let commit =
            commit.ok_or_else(|| Error::Missing(format!("the commit of entry {}", entry.id)))?;
        let before = opened.git.commit_info(&commit)?.parents.into_iter().next();
        let before = before.ok_or_else(|| Error::Missing(format!("the parent of {commit}")))?;
        let sides = MergeSides {
            base: &commit,
            ours: &tree,
            theirs: &before,
            attributes: &base_commit,
        };
        match opened.git.merge(&sides)? {
            Merged::Clean { tree: merged } => tree = merged,
            Merged::Conflict(files) => {
                let paths = files.into_iter().take(3).map(|file| file.path);
                let paths: Vec<_> = paths.collect();
                let mut later = None;
                for path in &paths {
                    later = conflict::cause(cx, opened, &commit, &base_commit, path)?;
                    if later.is_some() {
                        break;
                    }
                }
                let changed = Irreversible::Changed {
                    paths,
                    commit,
                    later,
                };
                return Ok(Err(changed));
            }
        }
    }
    Ok(Ok(tree))
}
