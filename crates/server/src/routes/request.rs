//! Requests.

use std::collections::BTreeMap;
use std::path::Path as FsPath;

use axum::Json;
use axum::extract::{Path, Query, State};
use hyperion_api::from_git::{FromGit, HandedIn};
use hyperion_api::request::{
    Answer as AnswerBody, Because, Brief, ErrorPlace, Filed, Given, Plan as PlanView, Progress,
    Request as Wire, RequestDetail, Step,
};
use hyperion_api::task_request::TaskRequest;
use hyperion_api::{List, Problem};
use hyperion_engine::rollback::What;
use hyperion_engine::{Cx, Error, intake, plan, request, rollback};
use hyperion_identity::Need;
use hyperion_model::approval::Approval;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_model::plan::Plan;
use hyperion_model::request::{Request, Source, Status};
use hyperion_model::{Name, RequestId};
use hyperion_store::Filter;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::page::{self, ListQuery, states};
use super::{approval, change_set, queue, repo};
use crate::Server;
use crate::answer::{Accepted, Answer, Taken, Written, blocking};
use crate::caller::Caller;
use crate::subject::{find, find_to, missing};
use crate::table::Routes;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Filing {
    dir: Option<String>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    source: Option<Source>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    agent: Option<Name>,
    /// A JSON object: see [`Given`].
    #[serde(default, deserialize_with = "as_json")]
    #[schemars(with = "Option<String>")]
    given: Option<Given>,
}

/// One, or an array; JSON lines do as well, which no schema can say.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "a description")]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

fn as_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Given>, D::Error> {
    let text = String::deserialize(deserializer)?;
    serde_json::from_str(&text).map_err(|error| D::Error::custom(format!("given: {error}")))
}

pub(super) fn routes() -> Routes {
    Routes::about("requests")
        .get("/api/requests", Need::VIEWER, "Lists requests", list)
        .post(
            "/api/requests",
            Need::OPERATOR,
            "Files one request or several",
            submit,
        )
        .post(
            "/api/requests/text",
            Need::OPERATOR,
            "Files a request from a text",
            submit_text,
        )
        .post(
            "/api/requests/git",
            Need::OPERATOR,
            "Files work that is in git already",
            submit_from_git,
        )
        .get(
            "/api/requests/{id}",
            Need::VIEWER,
            "Shows a request with all that came of it",
            show,
        )
        .post(
            "/api/requests/{id}/answer",
            Need::OPERATOR,
            "Answers the questions about a request",
            answer,
        )
        .post(
            "/api/requests/{id}/revise",
            Need::OPERATOR,
            "Hands in new versions of what was sent back",
            revise,
        )
        .post(
            "/api/requests/{id}/cancel",
            Need::OPERATOR,
            "Cancels a request",
            cancel,
        )
        .post(
            "/api/requests/{id}/rollback",
            Need::OPERATOR,
            "Asks to take back what landed",
            roll_back,
        )
}

async fn submit(
    State(server): State<Server>,
    caller: Caller,
    Query(filing): Query<Filing>,
    body: Written<OneOrMany<TaskRequest>>,
) -> Accepted<List<Filed>> {
    let filed = blocking(server, move |server| {
        let how = how(&caller, &filing);
        let filed = intake::submit_or_find(server.cx(), &body.bytes, &how)?;
        views(server.cx(), &filed)
    });
    filed.await.map(|Json(list)| Taken(list))
}

async fn submit_text(
    State(server): State<Server>,
    caller: Caller,
    Query(filing): Query<Filing>,
    Json(AnswerBody { text }): Json<AnswerBody>,
) -> Accepted<List<Filed>> {
    let filed = blocking(server, move |server| {
        let id = intake::submit_text(server.cx(), &text, &how(&caller, &filing))?;
        let filed = intake::Filed { id, existed: false };
        views(server.cx(), &[filed])
    });
    filed.await.map(|Json(list)| Taken(list))
}

async fn submit_from_git(
    State(server): State<Server>,
    caller: Caller,
    Query(filing): Query<Filing>,
    Json(wanted): Json<FromGit>,
) -> Accepted<HandedIn> {
    let filed = blocking(server, move |server| {
        if filing.given.is_some() {
            let detail = "`given` is for requests that are written out; say it in the body";
            return Err(Problem::new("input.invalid", detail).into());
        }
        let filed = intake::submit_from_git(server.cx(), &wanted, &how(&caller, &filing))?;
        handed_in(server.cx(), filed)
    });
    filed.await.map(|Json(filed)| Taken(filed))
}

/// Tells what became of work that was handed in.
pub(super) fn handed_in(cx: &Cx, filed: intake::FiledWork) -> Result<HandedIn, Error> {
    let request = intake::Filed {
        id: filed.id,
        existed: filed.again,
    };
    Ok(HandedIn {
        requests: views(cx, &[request])?,
        again: filed.again,
        revised: filed.revised,
        what: filed.what,
        notes: filed.notes,
    })
}

fn how<'a>(caller: &'a Caller, filing: &'a Filing) -> intake::Submitting<'a> {
    intake::Submitting {
        actor: caller.actor(),
        dir: filing.dir.as_deref().map(FsPath::new),
        dry_run: filing.dry_run,
        source: filing.source.unwrap_or(Source::Http),
        agent: filing.agent.as_ref(),
        given: filing.given.as_ref(),
    }
}

fn views(cx: &Cx, filed: &[intake::Filed]) -> Result<List<Filed>, Error> {
    let items = filed.iter().map(|filed| {
        Ok(Filed {
            request: again(cx, filed.id)?,
            existed: filed.existed,
        })
    });
    Ok(List::whole(items.collect::<Result<_, Error>>()?))
}

async fn list(State(server): State<Server>, Query(query): Query<ListQuery>) -> Answer<List<Wire>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let filter = query.filter(cx, &states!(request))?;
        page::list::<Request, _>(cx, &filter, |cx, request| {
            let mut wire = view(cx, request)?;
            wire.reason = wire.reason.or(first_cause(cx, request)?);
            Ok(wire)
        })
    })
    .await
}

/// Says why the first part of a request that did not land did not; all about a request says it for each part.
pub(super) fn first_cause(cx: &Cx, request: &Request) -> Result<Option<String>, Error> {
    if !matches!(request.status, Status::Failed | Status::PartlyLanded) {
        return Ok(None);
    }
    let summary = request::summary(cx, request)?;
    let mut causes = summary.into_iter().flat_map(|summary| summary.not_landed);
    let cause = causes.find(|one| one.why != "dependency");
    Ok(cause.map(|one| one.detail))
}

async fn show(State(server): State<Server>, Path(id): Path<String>) -> Answer<RequestDetail> {
    blocking(server, move |server| {
        let request = find::<Request>(server.cx(), &id, RequestId::new)?;
        detail(server.cx(), &request)
    })
    .await
}

async fn answer(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
    Json(AnswerBody { text }): Json<AnswerBody>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let request = find::<Request>(server.cx(), &id, RequestId::new)?;
        intake::answer(server.cx(), caller.actor(), request.id, &text)?;
        again(server.cx(), request.id)
    })
    .await
}

async fn revise(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
    body: Written<Value>,
) -> Accepted<Wire> {
    let revised = blocking(server, move |server| {
        let cx = server.cx();
        let request = find::<Request>(cx, &id, RequestId::new)?;
        intake::revise(cx, caller.actor(), request.id, &body.bytes)?;
        again(cx, request.id)
    });
    revised.await.map(|Json(request)| Taken(request))
}

async fn cancel(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
    Json(Because { reason }): Json<Because>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let request = find_to::<Request>("cancel", server.cx(), &id, RequestId::new)?;
        request::cancel(server.cx(), caller.actor(), request.id, reason.as_deref())?;
        again(server.cx(), request.id)
    })
    .await
}

async fn roll_back(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
    Query(Filing { source, .. }): Query<Filing>,
    Json(Because { reason }): Json<Because>,
) -> Accepted<Wire> {
    let filed = blocking(server, move |server| {
        let cx = server.cx();
        let what = What::named(cx, &id)?;
        let actor = caller.actor();
        let source = source.unwrap_or(Source::Http);
        let id = rollback::roll_back(cx, actor, what, reason.as_deref(), source)?;
        again(cx, id)
    });
    filed.await.map(|Json(request)| Taken(request))
}

fn again(cx: &Cx, id: RequestId) -> Result<Wire, Error> {
    let request = cx.store.get::<Request>(id)?;
    view(
        cx,
        &request.ok_or_else(|| missing::<Request>(&id.to_string()))?,
    )
}

fn document(cx: &Cx, request: &Request) -> Result<Option<TaskRequest>, Error> {
    cx.read_json(request.submission.document)
}

fn view(cx: &Cx, request: &Request) -> Result<Wire, Error> {
    let title = request::title(cx, request)?.unwrap_or_default();
    let pending = Filter::open().request(request.id).limit(100);
    let waiting = match request.status.is_open() {
        true => cx.store.list::<Approval>(&pending)?.rows,
        false => Vec::new(),
    };
    let sent_back = match request.status {
        Status::Running | Status::AwaitingApproval => {
            let sets = Filter::default().request(request.id);
            let status = hyperion_model::change_set::Status::ChangesRequested;
            cx.store.count::<ChangeSet>(&sets.status(status.name()))? > 0
        }
        _ => false,
    };
    Ok(Wire {
        id: request.id.to_string(),
        title,
        class: request.submission.class.name().to_owned(),
        priority: request.submission.priority.name().to_owned(),
        status: request.status.name().to_owned(),
        repo: repo::name(cx, request.submission.repo)?,
        branch: request.submission.branch.to_string(),
        agent: request.submission.agent.to_string(),
        source: source(request.submission.source).to_owned(),
        dry_run: request.submission.dry_run,
        submitted_by: request.submitted_by.to_string(),
        submitted_at: request.submitted_at.to_string(),
        started_at: request.started_at.map(|at| at.to_string()),
        finished_at: request.finished_at.map(|at| at.to_string()),
        reason: request.reason.as_ref().map(ToString::to_string),
        rolls_back: request.submission.rolls_back.map(|id| id.to_string()),
        rolled_back_by: request.rolled_back_by.map(|id| id.to_string()),
        waiting_approvals: waiting
            .iter()
            .map(|approval| approval.id.to_string())
            .collect(),
        sent_back,
    })
}

pub(super) const fn source(source: Source) -> &'static str {
    match source {
        Source::Cli => "cli",
        Source::Chat => "chat",
        Source::Http => "http",
        Source::Mcp => "mcp",
        Source::Web => "web",
        Source::Slack => "slack",
        Source::Github => "github",
    }
}

fn detail(cx: &Cx, request: &Request) -> Result<RequestDetail, Error> {
    let all = Filter::default().request(request.id).limit(1000);
    let document = document(cx, request)?;
    let redact = |text: &str| cx.redactor.redact(text).into_owned();
    let redact_all = |texts: Vec<String>| texts.iter().map(|text| redact(text)).collect::<Vec<_>>();
    let change_sets = cx.store.list::<ChangeSet>(&all)?.rows;
    let entries = cx.store.list::<Entry>(&all)?.rows;
    let approvals = cx.store.list::<Approval>(&all)?.rows;
    let waiting = request.status == Status::NeedsClarification;
    let questions = if waiting {
        intake::questions(cx, request)?
    } else {
        Vec::new()
    };
    Ok(RequestDetail {
        request: view(cx, request)?,
        description: document
            .as_ref()
            .map(|document| redact(&document.description))
            .unwrap_or_default(),
        acceptance: redact_all(
            document
                .map(|document| document.acceptance)
                .unwrap_or_default(),
        ),
        questions: redact_all(questions),
        answers: redact_all(intake::answers(cx, request)?),
        brief: intake::brief(cx, request)?.map(|brief| redacted(brief, &redact_all)),
        plan: plan(cx, request)?,
        change_sets: change_sets
            .iter()
            .map(|set| change_set::view(cx, set, change_set::Depth::Listed))
            .collect::<Result<_, _>>()?,
        entries: entries
            .iter()
            .map(|entry| queue::in_full(cx, entry))
            .collect::<Result<_, _>>()?,
        approvals: approvals
            .iter()
            .map(|one| approval::view(cx, one))
            .collect::<Result<_, _>>()?,
        summary: request::summary(cx, request)?,
    })
}

fn redacted(brief: Brief, redact: &impl Fn(Vec<String>) -> Vec<String>) -> Brief {
    let Brief {
        scope,
        non_goals,
        acceptance,
        open_questions,
        paths,
        symbols,
        keywords,
        errors,
        search_patterns,
    } = brief;
    let redact_error = |mut error: ErrorPlace| {
        error.message = redact(vec![error.message]).concat();
        error
    };
    Brief {
        scope: redact(scope),
        non_goals: redact(non_goals),
        acceptance: redact(acceptance),
        open_questions: redact(open_questions),
        paths: redact(paths),
        symbols: redact(symbols),
        keywords: redact(keywords),
        errors: errors.into_iter().map(redact_error).collect(),
        search_patterns: redact(search_patterns),
    }
}

fn plan(cx: &Cx, request: &Request) -> Result<Option<PlanView>, Error> {
    let Some(plan) = request
        .plan
        .map(|id| cx.store.get::<Plan>(id))
        .transpose()?
        .flatten()
    else {
        return Ok(None);
    };
    let document = plan::plan_document(cx, plan.document)?;
    let assignments = document.map_or_else(Vec::new, |document| document.assignments);
    let mut titles = BTreeMap::new();
    for step in &plan.steps {
        let assignment = assignments.iter().find(|a| a.step_id == step.number);
        let title = match (assignment, step.change_set) {
            (Some(assignment), _) => Some(cx.redactor.redact(&assignment.title).into_owned()),
            // Purged; the change that came of it has a title of its own.
            (None, Some(set)) => match cx.store.get::<ChangeSet>(set)? {
                Some(set) => hyperion_engine::change_set::title(cx, &set)?,
                None => None,
            },
            (None, None) => None,
        };
        titles.insert(step.number, title.unwrap_or_default());
    }
    let task = |number: &u32| plan.step(*number).map(|step| step.task.to_string());
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let progress = plan.progress();
    Ok(Some(PlanView {
        id: plan.id.to_string(),
        status: plan.status.name().to_owned(),
        steps: plan
            .steps
            .iter()
            .map(|step| Step {
                number: step.number,
                task_id: step.task.to_string(),
                title: titles.remove(&step.number).unwrap_or_default(),
                status: step.status.name().to_owned(),
                depends_on: step.depends_on.iter().filter_map(task).collect(),
                run_id: step.run.map(|id| id.to_string()),
                change_set_id: step.change_set.map(|id| id.to_string()),
                reason: step.reason.as_ref().map(ToString::to_string),
            })
            .collect(),
        progress: Progress {
            total: count(progress.total),
            completed: count(progress.completed),
            in_progress: count(progress.in_progress),
            pending: count(progress.pending),
            failed: count(progress.failed),
            skipped: count(progress.skipped),
            percent: count(progress.percent),
        },
    }))
}
