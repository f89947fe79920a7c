//! The routes, one file a noun.

mod approval;
mod audit;
mod change_set;
mod doctor;
mod event;
mod page;
mod policy;
mod queue;
mod repo;
mod request;
mod run;
mod tool;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, Uri};
use axum::routing::get;
use axum::{Json, Router};
use hyperion_api::Problem;

use crate::Server;
use crate::answer::Refusal;

/// Gives every route over an engine.
pub fn router(server: Server) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .merge(repo::routes())
        .merge(request::routes())
        .merge(approval::routes())
        .merge(change_set::routes())
        .merge(queue::routes())
        .merge(run::routes())
        .merge(event::routes())
        .merge(audit::routes())
        .merge(doctor::routes())
        .merge(policy::routes())
        .merge(tool::routes())
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(
            hyperion_engine::intake::MAX_BYTES + 1024,
        ))
        .layer(axum::middleware::map_response(crate::answer::as_problem))
        .with_state(server)
}

async fn health(State(server): State<Server>) -> Json<serde_json::Value> {
    Json(serde_json::json!({
        "status": "ok",
        "version": server.version(),
        "pid": std::process::id(),
        "engine": server.engine().works(),
        "notices": lasting(&server),
    }))
}

/// What the store was opened in spite of, and what still holds for whoever comes later.
fn lasting(server: &Server) -> Vec<String> {
    let notices = server.cx().store.notices().iter();
    notices
        .filter(|notice| notice.lasts())
        .map(ToString::to_string)
        .collect()
}

async fn unknown(method: Method, uri: Uri) -> Refusal {
    Problem::new(
        "subject.not_found",
        format!("there is no call {method} {}", uri.path()),
    )
    .into()
}
