//! The audit log and the history of landings.

use axum::extract::{Path, Query, State};
use hyperion_api::List;
use hyperion_api::audit::{Landing, Replay, Verification};
use hyperion_engine::audit;
use hyperion_engine::subject::entries_of;

use super::page::{ListQuery, states};
use crate::Server;
use crate::answer::{Answer, blocking};
use crate::table::Routes;
use hyperion_identity::Need;

pub(super) fn routes() -> Routes {
    Routes::about("audit")
        .get("/api/history", Need::VIEWER, "Lists landings", history)
        .get(
            "/api/history/{id}",
            Need::VIEWER,
            "Lists the landings that belong to what an id names",
            history_of,
        )
        .get(
            "/api/audit/verify",
            Need::VIEWER,
            "Checks the chain of events",
            verify,
        )
        .get(
            "/api/audit/replay",
            Need::VIEWER,
            "Compares the rows with what the events say",
            replay,
        )
}

async fn history(
    State(server): State<Server>,
    Query(query): Query<ListQuery>,
) -> Answer<List<Landing>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let filter = query.filter(cx, &states!(entry))?;
        let (items, next_cursor) = audit::history(cx, &filter)?;
        Ok(List { items, next_cursor })
    })
    .await
}

/// Tells of the landings that belong to whatever an id names.
async fn history_of(State(server): State<Server>, Path(id): Path<String>) -> Answer<List<Landing>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let mut entries = entries_of(cx, &id)?;
        entries.reverse();
        Ok(List::whole(audit::landings(cx, &entries)?))
    })
    .await
}

async fn verify(State(server): State<Server>) -> Answer<Verification> {
    blocking(server, |server| audit::verify(server.cx())).await
}

async fn replay(State(server): State<Server>) -> Answer<Replay> {
    blocking(server, |server| audit::replay(server.cx())).await
}
