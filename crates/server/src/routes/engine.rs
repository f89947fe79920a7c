//! The engine itself: how it is, and that it may leave.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use hyperion_api::Problem;
use hyperion_api::engine::{Health, Leaving, Mode};

use crate::Server;
use crate::answer::Answer;

pub(super) fn routes() -> Router<Server> {
    Router::new()
        .route("/healthz", get(health))
        .route("/api/engine/leave", post(leave))
}

async fn health(State(server): State<Server>) -> Json<Health> {
    let (engine, life) = (server.engine(), server.life());
    Json(Health {
        status: "ok".to_owned(),
        version: life.version.to_owned(),
        pid: std::process::id(),
        engine: engine.works(),
        mode: Some(life.mode),
        setup: life.setup.clone(),
        idle: engine.is_idle() && !engine.tools().are_in_use(engine.cx()),
        notices: lasting(&server),
    })
}

/// What the store was opened in spite of, and what still holds for whoever comes later.
fn lasting(server: &Server) -> Vec<String> {
    let notices = server.cx().store.notices().iter();
    notices
        .filter(|notice| notice.lasts())
        .map(ToString::to_string)
        .collect()
}

/// An engine in the background leaves for whoever asks; one that somebody started by hand is ended by that person.
async fn leave(State(server): State<Server>) -> Answer<Leaving> {
    let (life, pid) = (server.life(), std::process::id());
    if life.mode == Mode::Foreground {
        let detail = format!("the engine, process {pid}, is in the foreground");
        return Err(Problem::new("state.illegal_move", detail)
            .hint("stop it with Ctrl-C in its terminal")
            .into());
    }
    life.ask_to_leave();
    Ok(Json(Leaving { pid }))
}
