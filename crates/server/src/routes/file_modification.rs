//! Which files changed.

use axum::extract::{Query, State};
use hyperion_api::file_modification::FileModification as Wire;
use hyperion_api::list::{DEFAULT_LIMIT, MAX_LIMIT};
use hyperion_api::{List, Problem};
use hyperion_engine::repo;
use hyperion_identity::Need;
use hyperion_model::RunId;
use hyperion_model::run::Run;
use hyperion_store::{FileFilter, FileModification};
use schemars::JsonSchema;
use serde::Deserialize;

use super::page::time;
use crate::Server;
use crate::answer::{Answer, blocking};
use crate::subject::find;
use crate::table::Routes;

pub(super) fn routes() -> Routes {
    Routes::about("files").get(
        "/api/file-modifications",
        Need::VIEWER,
        "Lists which files changed",
        list,
    )
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only those of this repository.
    repo: Option<String>,
    /// Only those of this run.
    run: Option<String>,
    /// Only those from this time on.
    since: Option<String>,
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

async fn list(State(server): State<Server>, Query(wanted): Query<Wanted>) -> Answer<List<Wire>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let limit = wanted.limit.unwrap_or(DEFAULT_LIMIT);
        if limit == 0 || limit > MAX_LIMIT {
            let detail = format!("limit is {limit}; give 1 to {MAX_LIMIT}");
            return Err(Problem::new("input.invalid", detail).into());
        }
        let before = wanted.cursor.map(|cursor| cursor.parse::<i64>());
        let before = before.transpose();
        let before = before.map_err(|_| {
            Problem::new(
                "input.invalid",
                "the cursor is not one that a list returned; leave it out to begin at the start",
            )
        })?;
        let repo = wanted.repo.map(|name| repo::find(cx, &name, None));
        let run = wanted.run.map(|id| find::<Run>(cx, &id, RunId::new));
        let found = cx.store.file_modifications(&FileFilter {
            repo: repo.transpose()?.map(|repo| repo.id),
            run: run.transpose()?.map(|run| run.id),
            since: wanted.since.as_deref().map(time).transpose()?,
            before,
            limit,
        })?;
        let last = found.last().map(|(id, _)| id.to_string());
        Ok(List {
            next_cursor: last.filter(|_| found.len() == limit as usize),
            items: found.into_iter().map(|(_, found)| view(found)).collect(),
        })
    })
    .await
}

pub(super) fn view(found: FileModification) -> Wire {
    let FileModification {
        time,
        repo,
        run,
        root,
        path,
        kind,
        found_by,
    } = found;
    Wire {
        time: time.to_string(),
        repo_id: repo.to_string(),
        run_id: run.map(|run| run.to_string()),
        root,
        path,
        kind,
        found_by,
    }
}
