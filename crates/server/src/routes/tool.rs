//! Tool calls, and what was kept about them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, header};
use hyperion_api::list::{DEFAULT_LIMIT, MAX_LIMIT};
use hyperion_api::tool::{OpenSession, Record, Session, ToolResult};
use hyperion_api::{List, Problem, TOOL_SESSION_HEADER};
use hyperion_engine::tool::Admitted;
use hyperion_identity::Need;
use hyperion_model::{Actor, Name};
use hyperion_store::ToolRecord;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::Server;
use crate::answer::{Answer, blocking};
use crate::port::Door;
use crate::table::Routes;

/// The agent of a session whose client does not say who it is.
const UNNAMED: &str = "unnamed";

/// How much of a session's token names it in the log.
const SHOWN_DIGITS: usize = 8;

pub(super) fn routes() -> Routes {
    Routes::about("tools")
        .post_here(
            "/api/tools/sessions",
            Need::OPERATOR,
            "Opens a session of tool calls",
            open,
        )
        .post(
            "/api/tools/{server}/{tool}",
            Need::Nothing,
            "Calls a tool in a session",
            call,
        )
        .get(
            "/api/tools/records",
            Need::VIEWER,
            "Lists what tools did",
            log,
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Opening {
    /// What the program that calls the tools says it is.
    #[serde(default)]
    agent: Option<String>,
}

async fn open(
    State(server): State<Server>,
    Query(Opening { agent }): Query<Opening>,
    Json(wanted): Json<OpenSession>,
) -> Answer<Session> {
    blocking(server, move |server| {
        // Whoever calls tools is an agent, whose engine it is: it decides nothing, and the record says so.
        let name = agent.as_deref().unwrap_or(UNNAMED);
        let id = Name::new(name).map_err(|error| {
            Problem::new("input.invalid", format!("agent: {error}"))
                .hint("name the program that calls the tools, in a word")
        })?;
        let actor = Actor::Agent { id };
        server.engine().tools().open(server.cx(), &actor, &wanted)
    })
    .await
}

async fn call(
    State(server): State<Server>,
    Path((name, tool)): Path<(String, String)>,
    headers: HeaderMap,
    door: Option<Extension<Door>>,
    Json(parameters): Json<Value>,
) -> Answer<ToolResult> {
    let token = session_of(&headers, door.as_deref());
    let tools = server.engine().tools();
    let admitted = Arc::new(tools.admit(server.cx(), token, &name, &tool)?);
    // This future is dropped when the client leaves: then nobody waits for what its call runs.
    let waits = Waits {
        server: server.clone(),
        admitted: Arc::clone(&admitted),
    };
    // The place is taken; waiting holds no thread.
    if !admitted.wait.is_zero() {
        tokio::time::sleep(admitted.wait).await;
    }
    let leaving = server.clone();
    let mut making = std::pin::pin!(blocking(server, move |server| {
        let tools = server.engine().tools();
        tools.call(server.cx(), &admitted, parameters)
    }));
    tokio::select! {
        made = &mut making => made,
        // An engine that leaves waits for no suite of tests.
        () = leaving.life().closing() => {
            drop(waits);
            making.await
        }
    }
}

/// Finds the session that a call is made in. On the socket it may stand where tokens of people do, as it did at first.
fn session_of<'a>(headers: &'a HeaderMap, door: Option<&Door>) -> Option<&'a str> {
    if let Some(session) = headers.get(TOOL_SESSION_HEADER) {
        return session.to_str().ok();
    }
    match door {
        Some(Door::Port { .. }) => None,
        Some(Door::Socket) | None => headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer ")),
    }
}

/// Somebody who waits for a call's answer.
struct Waits {
    server: Server,
    admitted: Arc<Admitted>,
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.server.engine().tools().abandon(&self.admitted);
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
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
