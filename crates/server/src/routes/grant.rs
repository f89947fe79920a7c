//! Grants.

use axum::Json;
use axum::extract::{Path, Query, State};
use hyperion_api::grant::{
    Grant as Wire, NewGrant, Rehearsal, Revoke, Scope as WireScope, StillAsked,
};
use hyperion_api::{List, Problem};
use hyperion_engine::command::Site;
use hyperion_engine::grant::{self, Wanted, Why};
use hyperion_engine::{Cx, Error, repo};
use hyperion_identity::Need;
use hyperion_model::approval::Approval;
use hyperion_model::grant::{Grant, Scope};
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::run::Run;
use hyperion_model::{ApprovalId, GrantId, RequestId, RunId};
use hyperion_policy::{Shape, judge_command};

use super::approval::view as approval_view;
use super::page::{self, ListQuery, states, time};
use crate::Server;
use crate::answer::{Answer, blocking};
use crate::caller::Caller;
use crate::subject::{find, find_to};
use crate::table::Routes;

pub(super) fn routes() -> Routes {
    Routes::about("grants")
        .get("/api/grants", Need::VIEWER, "Lists grants", list)
        .post(
            "/api/grants",
            Need::TEAM_LEAD,
            "Agrees beforehand to commands of one shape",
            give,
        )
        .post(
            "/api/grants/rehearse",
            Need::VIEWER,
            "Tells which past questions a grant would have answered",
            rehearse,
        )
        .get("/api/grants/{id}", Need::VIEWER, "Shows a grant", show)
        .post(
            "/api/grants/{id}/revoke",
            Need::TEAM_LEAD,
            "Takes a grant back",
            revoke,
        )
}

async fn list(State(server): State<Server>, Query(query): Query<ListQuery>) -> Answer<List<Wire>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let filter = query.filter(cx, &states!(grant))?;
        page::list::<Grant, _>(cx, &filter, view)
    })
    .await
}

async fn show(State(server): State<Server>, Path(id): Path<String>) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        view(cx, &find::<Grant>(cx, &id, GrantId::new)?)
    })
    .await
}

async fn give(
    State(server): State<Server>,
    caller: Caller,
    Json(new): Json<NewGrant>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let wanted = wanted(cx, &new)?;
        view(cx, &grant::give(cx, caller.actor(), &wanted)?)
    })
    .await
}

async fn revoke(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
    Json(Revoke { reason }): Json<Revoke>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let found = find_to::<Grant>("revoke", cx, &id, GrantId::new)?;
        let revoked = grant::revoke(cx, caller.actor(), found.id, reason.as_deref())?;
        view(cx, &revoked)
    })
    .await
}

async fn rehearse(
    State(server): State<Server>,
    caller: Caller,
    Json(new): Json<NewGrant>,
) -> Answer<Rehearsal> {
    blocking(server, move |server| {
        let cx = server.cx();
        let wanted = wanted(cx, &new)?;
        let level = wanted.level_by(caller.actor());
        let (past, approvals): (Vec<_>, Vec<_>) = grant::past(cx)?.into_iter().unzip();
        let done = grant::rehearse(&wanted, level, &past);
        let wire = |id: &ApprovalId| {
            let found = approvals.iter().find(|approval| approval.id == *id);
            let found = found.ok_or_else(|| Error::Missing(format!("approval {id}")))?;
            approval_view(cx, found)
        };
        let still_asked = done.still_asked.iter().map(|(id, why)| {
            let (why, detail) = words(*why);
            Ok(StillAsked {
                approval: wire(id)?,
                why: why.to_owned(),
                detail,
            })
        });
        Ok(Rehearsal {
            shape: cx.redactor.redact(wanted.shape.as_str()).into_owned(),
            scope: wanted.scope.name().to_owned(),
            subject_id: wanted.scope.subject_id().to_string(),
            level: level.name().to_owned(),
            looked_at: u32::try_from(past.len()).unwrap_or(u32::MAX),
            answered: done
                .answered
                .iter()
                .map(wire)
                .collect::<Result<_, Error>>()?,
            still_asked: still_asked.collect::<Result<_, Error>>()?,
        })
    })
    .await
}

/// Says why a question would still be asked: the word of the wire, and a sentence.
fn words(why: Why) -> (&'static str, String) {
    let (word, text) = match why {
        Why::NoCommand => ("no_command", "it is not about a command"),
        Why::NoShape => ("no_shape", "this command is agreed to each time"),
        Why::OtherShape => ("other_shape", "the command has another shape"),
        Why::OtherScope => ("other_scope", "it was asked elsewhere"),
        Why::UsedUp => ("used_up", "the grant would have been used up"),
        Why::Stricter(level) => return ("stricter", format!("it asks for {level}")),
    };
    (word, text.to_owned())
}

/// Reads what somebody wants to grant.
fn wanted(cx: &Cx, new: &NewGrant) -> Result<Wanted, Error> {
    let invalid = |detail: &str| Error::from(Problem::new("input.invalid", detail));
    let approval = match &new.approval {
        Some(id) => Some(find::<Approval>(cx, id, ApprovalId::new)?),
        None => None,
    };
    let scope = scope(cx, new, approval.as_ref())?;
    let (shape, level) = match (&new.shape, &new.command, &approval) {
        (Some(shape), None, None) => (Shape::kept(shape.trim()), None),
        (None, Some(command), None) => (shape_of(cx, command, scope)?, None),
        (None, None, Some(approval)) => {
            let level = Some(approval.question.level);
            (grant::shape_asked(cx, approval)?, level)
        }
        _ => {
            return Err(invalid(
                "say in one way which commands are meant: `shape`, `command` or `approval`",
            ));
        }
    };
    Ok(Wanted {
        shape,
        scope,
        level,
        uses_max: new.uses_max,
        expires_at: new.expires_at.as_deref().map(time).transpose()?,
    })
}

/// Finds what a grant is to be given for.
fn scope(cx: &Cx, new: &NewGrant, approval: Option<&Approval>) -> Result<Scope, Error> {
    let question = approval.map(|approval| &approval.question);
    let invalid = |detail: &str| Error::from(Problem::new("input.invalid", detail));
    let wanted = match (new.scope, question) {
        (Some(scope), _) => scope,
        (None, Some(question)) if question.request.is_some() => WireScope::Request,
        (None, Some(_)) => WireScope::Run,
        (None, None) => return Err(invalid("say what it is for: `scope` and `subject_id`")),
    };
    let of_approval = || invalid("the approval belongs to no such thing; give `subject_id`");
    Ok(match (wanted, &new.subject_id, question) {
        (WireScope::Run, Some(id), _) => Scope::Run(find::<Run>(cx, id, RunId::new)?.lineage),
        (WireScope::Run, None, Some(question)) => Scope::Run(question.lineage),
        (WireScope::Request, Some(id), _) => {
            Scope::Request(find::<Request>(cx, id, RequestId::new)?.id)
        }
        (WireScope::Request, None, Some(question)) => {
            Scope::Request(question.request.ok_or_else(of_approval)?)
        }
        (WireScope::Repo, Some(name), _) => Scope::Repo(repo::find(cx, name, None)?.id),
        (WireScope::Repo, None, Some(question)) => {
            Scope::Repo(question.repo.ok_or_else(of_approval)?)
        }
        (_, None, None) => return Err(invalid("say which one: `subject_id`")),
    })
}

/// Gives the shape of a command, as it would be judged in the repository that a grant is for.
fn shape_of(cx: &Cx, command: &str, scope: Scope) -> Result<Shape, Error> {
    let repo = match scope {
        Scope::Repo(id) => cx.store.get::<Repo>(id)?,
        Scope::Request(id) => match cx.store.get::<Request>(id)? {
            Some(request) => cx.store.get::<Repo>(request.submission.repo)?,
            None => None,
        },
        Scope::Run(_) => None,
    };
    let Some(repo) = repo else {
        let detail = "what a command's shape is depends on where it is run, and a run's folder is not known here";
        return Err(Problem::new("input.invalid", detail)
            .hint("give the shape itself, or an approval that the run asked for")
            .into());
    };
    let site = Site::of(cx, std::path::Path::new(&repo.path))?;
    let judgement = judge_command(command, &site.rules, &site.place);
    let why = judgement.reasons.first();
    let why = why.map_or("", |reason| reason.detail.as_str());
    judgement.shape.ok_or_else(|| {
        let detail = format!("this command is never answered by a grant: {why}");
        Problem::new("input.invalid", detail).into()
    })
}

fn view(cx: &Cx, grant: &Grant) -> Result<Wire, Error> {
    let subject = match grant.terms.scope {
        Scope::Repo(id) => cx.store.get::<Repo>(id)?.map(|repo| repo.name.to_string()),
        Scope::Request(id) => match cx.store.get::<Request>(id)? {
            Some(request) => hyperion_engine::request::title(cx, &request)?,
            None => None,
        },
        Scope::Run(_) => None,
    };
    let revoked = grant.revoked.as_ref();
    let reason = revoked.and_then(|revoked| revoked.reason.as_ref());
    Ok(Wire {
        id: grant.id.to_string(),
        shape: grant::shape_of(cx, grant)?,
        scope: grant.terms.scope.name().to_owned(),
        subject_id: grant.terms.scope.subject_id().to_string(),
        subject,
        level: grant.terms.level.name().to_owned(),
        status: grant.status.name().to_owned(),
        uses_max: grant.terms.uses_max,
        uses: grant.uses,
        used_at: grant.used_at.map(|at| at.to_string()),
        expires_at: grant.terms.expires_at.map(|at| at.to_string()),
        granted_by: grant.granted_by.to_string(),
        granted_at: grant.granted_at.to_string(),
        revoked_by: revoked.map(|revoked| revoked.by.to_string()),
        revoked_at: revoked.map(|revoked| revoked.at.to_string()),
        reason: reason.map(|reason| cx.redactor.redact(reason.as_str()).into_owned()),
    })
}
