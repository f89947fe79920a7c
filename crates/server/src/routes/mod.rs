//! The routes, one file a noun.

mod approval;
mod audit;
mod change_request;
mod change_set;
mod command;
mod doctor;
mod engine;
mod event;
mod file_modification;
mod grant;
mod notify;
mod openapi;
mod operation;
mod page;
mod policy;
mod queue;
mod repo;
mod request;
mod run;
mod session;
mod stream;
mod token;
mod tool;
mod user;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use hyperion_api::{API_VERSION, API_VERSION_HEADER, Problem};
use hyperion_engine::Error;
use hyperion_model::{Actor, Name};

use crate::Server;
use crate::answer::{Refusal, Why};
use crate::caller::{Caller, identify};
use crate::port::gate;
use crate::table::Routes;

/// Gives every call there is, by noun.
pub(crate) fn table() -> Vec<Routes> {
    vec![
        engine::routes(),
        openapi::routes(),
        repo::routes(),
        request::routes(),
        approval::routes(),
        change_request::routes(),
        change_set::routes(),
        queue::routes(),
        run::routes(),
        event::routes(),
        file_modification::routes(),
        audit::routes(),
        doctor::routes(),
        policy::routes(),
        command::routes(),
        grant::routes(),
        tool::routes(),
        stream::routes(),
        operation::routes(),
        notify::routes(),
        user::routes(),
        token::routes(),
        session::routes(),
    ]
}

/// Who is recorded where nobody knows who made a call.
const UNKNOWN: &str = "unknown";

/// Gives every route over an engine.
pub fn router(server: Server) -> Router {
    let calls = table().into_iter().map(Routes::into_router);
    calls
        .fold(Router::new(), Router::merge)
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(
            hyperion_engine::intake::MAX_BYTES + 1024,
        ))
        .layer(map_response(crate::answer::as_problem))
        .layer(from_fn_with_state(server.clone(), record_refusal))
        .layer(from_fn_with_state(server.clone(), identify))
        .layer(from_fn_with_state(server.clone(), at_home))
        .layer(from_fn(gate))
        .layer(from_fn(versioned))
        .with_state(server)
}

/// Answers nothing for a home that was moved away or replaced: another one may be under its name.
async fn at_home(State(server): State<Server>, request: Request, next: Next) -> Response {
    match server.cx().store.stands() {
        Ok(()) => next.run(request).await,
        Err(displaced) => Refusal::from(Error::from(displaced)).into_response(),
    }
}

/// Says in every answer which version of the API it is, and refuses calls to another one.
async fn versioned(request: Request, next: Next) -> Response {
    let wanted = request.headers().get(API_VERSION_HEADER);
    let mut response = match wanted {
        Some(wanted) if wanted != API_VERSION => {
            let wanted = String::from_utf8_lossy(wanted.as_bytes());
            let detail = format!(
                "this engine speaks version {API_VERSION} of the API; the call names {wanted:?} in {API_VERSION_HEADER}"
            );
            let problem = Problem::new("api.version_unknown", detail);
            Refusal::from(
                problem.hint("leave the header out, or use a client of this engine's version"),
            )
            .into_response()
        }
        _ => next.run(request).await,
    };
    let version = HeaderValue::from_static(API_VERSION);
    response.headers_mut().insert(API_VERSION_HEADER, version);
    response
}

/// Records that somebody was refused what they may not do.
async fn record_refusal(State(server): State<Server>, request: Request, next: Next) -> Response {
    let call = shape(request.method(), request.uri());
    let caller = request.extensions().get::<Caller>().cloned();
    let response = next.run(request).await;
    let is_refused = matches!(
        response.status(),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    );
    if let (true, Some(Why(code))) = (is_refused, response.extensions().get::<Why>()) {
        let status = response.status().as_u16();
        let records = &server.cx().records;
        match (caller, Name::new(UNKNOWN)) {
            (Some(caller), _) => records.refused(caller.actor(), &call, status, code),
            (None, Ok(id)) => records.refused(&Actor::Engine { id }, &call, status, code),
            (None, Err(_)) => {}
        }
    }
    response
}

/// Names a call without the ids in it, so that calls of one kind are counted together.
fn shape(method: &Method, uri: &Uri) -> String {
    let is_id = |part: &str| {
        part.len() >= 4
            && part
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    };
    let parts = uri.path().split('/');
    let parts = parts.map(|part| if is_id(part) { "{id}" } else { part });
    format!("{method} {}", parts.collect::<Vec<_>>().join("/"))
}

async fn unknown(method: Method, uri: Uri) -> Refusal {
    Problem::new(
        "subject.not_found",
        format!("there is no call {method} {}", uri.path()),
    )
    .into()
}
