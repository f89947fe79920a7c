//! The routes, one file a noun.

mod approval;
mod audit;
mod change_request;
mod change_set;
mod doctor;
mod engine;
mod event;
mod file_modification;
mod page;
mod policy;
mod queue;
mod repo;
mod request;
mod run;
mod tool;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyperion_api::Problem;
use hyperion_engine::Error;

use crate::Server;
use crate::answer::Refusal;
use crate::caller::identify;

/// Gives every route over an engine.
pub fn router(server: Server) -> Router {
    Router::new()
        .merge(engine::routes())
        .merge(repo::routes())
        .merge(request::routes())
        .merge(approval::routes())
        .merge(change_request::routes())
        .merge(change_set::routes())
        .merge(queue::routes())
        .merge(run::routes())
        .merge(event::routes())
        .merge(file_modification::routes())
        .merge(audit::routes())
        .merge(doctor::routes())
        .merge(policy::routes())
        .merge(tool::routes())
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(
            hyperion_engine::intake::MAX_BYTES + 1024,
        ))
        .layer(axum::middleware::map_response(crate::answer::as_problem))
        .layer(axum::middleware::from_fn_with_state(
            server.clone(),
            identify,
        ))
        .layer(axum::middleware::from_fn_with_state(
            server.clone(),
            at_home,
        ))
        .with_state(server)
}

/// Answers nothing for a home that was moved away or replaced: another one may be under its name.
async fn at_home(State(server): State<Server>, request: Request, next: Next) -> Response {
    match server.cx().store.stands() {
        Ok(()) => next.run(request).await,
        Err(displaced) => Refusal::from(Error::from(displaced)).into_response(),
    }
}

async fn unknown(method: Method, uri: Uri) -> Refusal {
    Problem::new(
        "subject.not_found",
        format!("there is no call {method} {}", uri.path()),
    )
    .into()
}
