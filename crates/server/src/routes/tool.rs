//! Tool calls, and what was kept about them.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyperion_api::list::{DEFAULT_LIMIT, MAX_LIMIT};
use hyperion_api::tool::{OpenSession, Record, Session, ToolResult};
use hyperion_api::{List, Problem};
use hyperion_store::ToolRecord;
use serde::Deserialize;
use serde_json::Value;

use crate::Server;
use crate::answer::{Answer, blocking};

/// How much of a session's token names it in the log.
const SHOWN_DIGITS: usize = 8;

pub(super) fn routes() -> Router<Server> {
    Router::new()
        .route("/api/tools/sessions", post(open))
        .route("/api/tools/{server}/{tool}", post(call))
        .route("/api/file-modifications", get(log))
}

async fn open(State(server): State<Server>, Json(wanted): Json<OpenSession>) -> Answer<Session> {
    blocking(server, move |server| {
        server
            .engine()
            .tools()
            .open(server.cx(), server.actor(), &wanted)
    })
    .await
}

async fn call(
    State(server): State<Server>,
    Path((name, tool)): Path<(String, String)>,
    headers: HeaderMap,
    Json(parameters): Json<Value>,
) -> Answer<ToolResult> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let tools = server.engine().tools();
    let admitted = tools.admit(server.cx(), token, &name, &tool)?;
    // The place is taken; waiting holds no thread.
    if !admitted.wait.is_zero() {
        tokio::time::sleep(admitted.wait).await;
    }
    blocking(server, move |server| {
        let tools = server.engine().tools();
        tools.call(server.cx(), &admitted, parameters)
    })
    .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    limit: Option<u32>,
    /// Also what only looked.
    #[serde(default)]
    looks: bool,
}

async fn log(
    State(server): State<Server>,
    Query(Wanted { limit, looks }): Query<Wanted>,
) -> Answer<List<Record>> {
    blocking(server, move |server| {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if limit == 0 || limit > MAX_LIMIT {
            let detail = format!("limit is {limit}; give 1 to {MAX_LIMIT}");
            return Err(Problem::new("input.invalid", detail).into());
        }
        let records = server.cx().store.tool_log(looks, limit)?;
        Ok(List {
            items: records.into_iter().map(view).collect(),
            next_cursor: None,
        })
    })
    .await
}

fn view(record: ToolRecord) -> Record {
    let ToolRecord {
        time,
        session,
        actor,
        root,
        server,
        tool,
        calls,
        paths,
        old_sha256,
        new_sha256,
        outcome,
    } = record;
    let mut session = session.simple().to_string();
    session = session.split_off(session.len() - SHOWN_DIGITS);
    Record {
        time: time.to_string(),
        session,
        actor,
        root,
        server,
        tool,
        calls,
        paths,
        old_sha256,
        new_sha256,
        outcome,
    }
}
