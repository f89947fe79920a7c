//! The engine itself: how it is, and that it may leave.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use hyperion_api::Problem;
use hyperion_api::engine::{Health, Leaving, Mode, Ready};

use crate::Server;
use crate::answer::{Answer, Refusal, blocking};
use crate::caller::Caller;
use crate::table::Routes;
use hyperion_identity::Need;
use hyperion_model::repo::Repo;
use hyperion_store::Filter;
use schemars::JsonSchema;
use serde::Serialize;

/// After how long in one step the driver is taken to be stuck: as long as a service manager waits.
const STUCK_AFTER: Duration = Duration::from_secs(120);

pub(super) fn routes() -> Routes {
    Routes::about("engine")
        .get(
            "/healthz",
            Need::Nothing,
            "Says that the engine is alive",
            health,
        )
        .get(
            "/readyz",
            Need::Nothing,
            "Says whether the engine can work",
            ready,
        )
        .post_here(
            "/api/engine/leave",
            Need::ADMIN,
            "Has an engine in the background leave",
            leave,
        )
}

/// That it is alive; to whoever is known, how it is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum Alive {
    Whole(Health),
    Status { status: &'static str },
}

async fn health(State(server): State<Server>, caller: Result<Caller, Refusal>) -> Json<Alive> {
    let (engine, life) = (server.engine(), server.life());
    if caller.is_err() {
        return Json(Alive::Status { status: "ok" });
    }
    Json(Alive::Whole(Health {
        status: "ok".to_owned(),
        version: life.version.to_owned(),
        pid: std::process::id(),
        engine: engine.works(),
        mode: Some(life.mode),
        setup: life.setup.clone(),
        idle: engine.is_idle() && !engine.tools().are_in_use(engine.cx()),
        notices: lasting(&server),
    }))
}

/// That calls can be worked on: the store answers, and the driver gets on.
async fn ready(State(server): State<Server>) -> Answer<Ready> {
    let halted = server.engine().activity().borrow().halted.is_some();
    let busy = server.engine().busy_for();
    let not_now = |detail: String| Problem::new("engine.unavailable", detail);
    if !server.engine().works() {
        return Err(Problem::new("engine.read_only", "no engine works here").into());
    }
    if halted {
        let problem = not_now("the engine has stopped".to_owned());
        return Err(problem.hint("`hyperion doctor` says why").into());
    }
    if busy > STUCK_AFTER {
        let detail = format!(
            "one step of the engine has not ended for {} s",
            busy.as_secs()
        );
        return Err(not_now(detail).into());
    }
    blocking(server, |server| {
        server.cx().store.count::<Repo>(&Filter::open())?;
        Ok(Ready {
            status: "ready".to_owned(),
        })
    })
    .await
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
