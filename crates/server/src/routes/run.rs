//! Runs.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use hyperion_api::run::{Log, Run as Wire};
use hyperion_api::{List, Problem};
use hyperion_engine::{Cx, Error, run};
use hyperion_model::RunId;
use hyperion_model::run::{Run, Work};
use serde::Deserialize;

use super::page::{self, ListQuery, states};
use crate::Server;
use crate::answer::{Answer, blocking};
use crate::subject::find;

/// How much of a log is shown unless asked otherwise.
const DEFAULT_TAIL_KB: u64 = 64;
/// The most of a log that one answer holds.
const MAX_TAIL_KB: u64 = 4096;

pub(super) fn routes() -> Router<Server> {
    Router::new()
        .route("/api/runs", get(list))
        .route("/api/runs/{id}", get(show))
        .route("/api/runs/{id}/log", get(log))
}

async fn list(State(server): State<Server>, Query(query): Query<ListQuery>) -> Answer<List<Wire>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let filter = query.filter(cx, &states!(run))?;
        page::list::<Run, _>(cx, &filter, view)
    })
    .await
}

async fn show(State(server): State<Server>, Path(id): Path<String>) -> Answer<Wire> {
    blocking(server, move |server| {
        view(server.cx(), &find::<Run>(server.cx(), &id, RunId::new)?)
    })
    .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tail {
    tail_kb: Option<u64>,
}

async fn log(
    State(server): State<Server>,
    Path(id): Path<String>,
    Query(Tail { tail_kb }): Query<Tail>,
) -> Answer<Log> {
    blocking(server, move |server| {
        let cx = server.cx();
        let found = find::<Run>(cx, &id, RunId::new)?;
        let max = tail_kb.unwrap_or(DEFAULT_TAIL_KB).clamp(1, MAX_TAIL_KB) * 1024;
        let (text, truncated) = run::read_log(cx, &found, max)?.ok_or_else(|| {
            Problem::new(
                "subject.not_found",
                format!("run {} has no output", found.id),
            )
        })?;
        Ok(Log { text, truncated })
    })
    .await
}

fn view(cx: &Cx, run: &Run) -> Result<Wire, Error> {
    let entry = match &run.work {
        Work::Agent { .. } => None,
        Work::Check { entry, .. } => Some(entry.to_string()),
    };
    let began = run.began_at.unwrap_or(run.created_at);
    let ended = run.ended_at.unwrap_or_else(|| cx.now());
    let title = run::title(cx, run)?;
    Ok(Wire {
        id: run.id.to_string(),
        kind: run.work.kind().to_owned(),
        title: cx.redactor.redact(&title).into_owned(),
        status: run.status.name().to_owned(),
        request_id: run.request.to_string(),
        entry_id: entry,
        incarnation: run.incarnation,
        pid: run.process.as_ref().map(|process| process.pid),
        exit_code: run.exit_code,
        reason: run.reason.as_ref().map(ToString::to_string),
        created_at: run.created_at.to_string(),
        ended_at: run.ended_at.map(|at| at.to_string()),
        duration_ms: u64::try_from(ended.duration_since(began).as_millis()).unwrap_or(0),
    })
}
