//! Changes that were made elsewhere (contracts §3).

use std::path::Path as FsPath;

use axum::Json;
use axum::extract::{Query, State};
use hyperion_api::change_request::ChangeRequest;
use hyperion_api::from_git::HandedIn;
use hyperion_engine::intake;
use hyperion_identity::Need;
use hyperion_model::Name;
use hyperion_model::request::Source;
use schemars::JsonSchema;
use serde::Deserialize;

use super::request::handed_in;
use crate::Server;
use crate::answer::{Accepted, Taken, Written, blocking};
use crate::caller::Caller;
use crate::table::Routes;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Filing {
    dir: Option<String>,
    repo: Option<String>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    source: Option<Source>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    agent: Option<Name>,
}

pub(super) fn routes() -> Routes {
    Routes::about("change requests").post(
        "/api/change-requests",
        Need::OPERATOR,
        "Hands in a change that was made elsewhere",
        submit,
    )
}

async fn submit(
    State(server): State<Server>,
    caller: Caller,
    Query(filing): Query<Filing>,
    body: Written<ChangeRequest>,
) -> Accepted<HandedIn> {
    let filed = blocking(server, move |server| {
        let how = intake::Submitting {
            actor: caller.actor(),
            dir: filing.dir.as_deref().map(FsPath::new),
            dry_run: filing.dry_run,
            source: filing.source.unwrap_or(Source::Http),
            agent: filing.agent.as_ref(),
            given: None,
        };
        let filed = intake::submit_change(server.cx(), &body.bytes, filing.repo.as_deref(), &how)?;
        handed_in(server.cx(), filed)
    });
    filed.await.map(|Json(filed)| Taken(filed))
}
