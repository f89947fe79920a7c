//! Repositories.

use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use hyperion_api::List;
use hyperion_api::repo::{Check, RegisterRepo, Repo as Wire};
use hyperion_engine::{Cx, Error, repo};
use hyperion_model::repo::{Repo, Status};
use hyperion_store::Filter;
use serde::Deserialize;

use crate::Server;
use crate::answer::{Answer, blocking};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct All {
    #[serde(default)]
    all: bool,
}

pub(super) fn routes() -> Router<Server> {
    Router::new()
        .route("/api/repos", get(list).post(register))
        .route("/api/repos/{repo}", get(show))
}

async fn list(State(server): State<Server>, Query(All { all }): Query<All>) -> Answer<List<Wire>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let rows = cx.store.list::<Repo>(&Filter::default().limit(1000))?.rows;
        let shown = rows
            .iter()
            .filter(|repo| all || repo.status == Status::Active);
        Ok(List::whole(
            shown.map(|repo| view(cx, repo, false)).collect(),
        ))
    })
    .await
}

async fn register(State(server): State<Server>, Json(wanted): Json<RegisterRepo>) -> Answer<Wire> {
    blocking(server, move |server| {
        let (repo, created) = repo::register(server.cx(), server.actor(), &wanted)?;
        Ok(view(server.cx(), &repo, created))
    })
    .await
}

async fn show(State(server): State<Server>, Path(wanted): Path<String>) -> Answer<Wire> {
    blocking(server, move |server| {
        let repo = repo::find(server.cx(), &wanted, None)?;
        Ok(view(server.cx(), &repo, false))
    })
    .await
}

fn view(cx: &Cx, repo: &Repo, created: bool) -> Wire {
    Wire {
        id: repo.id.to_string(),
        name: repo.name.to_string(),
        path: repo.path.clone(),
        branch: repo.branch.to_string(),
        status: repo.status.name().to_owned(),
        registered_at: repo.registered_at.to_string(),
        // What cannot be read now is no reason to hide the repository.
        checks: checks(cx, repo).ok(),
        created,
    }
}

fn checks(cx: &Cx, repo: &Repo) -> Result<Vec<Check>, Error> {
    let opened = cx.repos.open(cx, repo.id)?;
    let tip = opened.tip(&repo.branch)?;
    let (file, _) = opened.file_and_rules(cx, &tip)?;
    Ok(file
        .checks
        .into_iter()
        .map(|(name, command)| Check { name, command })
        .collect())
}

/// Gives the name of a repository.
pub(super) fn name(cx: &Cx, id: hyperion_model::RepoId) -> Result<String, Error> {
    Ok(cx
        .store
        .get::<Repo>(id)?
        .map(|repo| repo.name.to_string())
        .unwrap_or_default())
}
