//! Changes that were made elsewhere (contracts §3).

use std::path::Path as FsPath;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::post;
use hyperion_api::from_git::HandedIn;
use hyperion_engine::intake;
use hyperion_model::Name;
use hyperion_model::request::Source;
use serde::Deserialize;

use super::request::{Accepted, handed_in, unread};
use crate::Server;
use crate::answer::blocking;
use crate::caller::Caller;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filing {
    dir: Option<String>,
    repo: Option<String>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    source: Option<Source>,
    #[serde(default)]
    agent: Option<Name>,
}

pub(super) fn routes() -> Router<Server> {
    Router::new().route("/api/change-requests", post(submit))
}

async fn submit(
    State(server): State<Server>,
    caller: Caller,
    Query(filing): Query<Filing>,
    body: Result<Bytes, BytesRejection>,
) -> Accepted<HandedIn> {
    let body = body.map_err(|rejection| unread(&rejection))?;
    let filed = blocking(server, move |server| {
        let how = intake::Submitting {
            actor: caller.actor(),
            dir: filing.dir.as_deref().map(FsPath::new),
            dry_run: filing.dry_run,
            source: filing.source.unwrap_or(Source::Http),
            agent: filing.agent.as_ref(),
            given: None,
        };
        let filed = intake::submit_change(server.cx(), &body, filing.repo.as_deref(), &how)?;
        handed_in(server.cx(), filed)
    });
    filed.await.map(|filed| (StatusCode::ACCEPTED, filed))
}
