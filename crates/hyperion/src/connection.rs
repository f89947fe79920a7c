//! Reaches the home's engine: over its socket, by starting one, by being it, or by only reading its data.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyperion_api::client::{Body, Transport, TransportError, UnixTransport};
use hyperion_api::engine::{Health, Mode};
use hyperion_api::{Client, ClientError, Problem};
use hyperion_engine::Engine;
use hyperion_host::{Home, Locations, LockError, descends_from_run, is_confined, is_stopped};
use hyperion_server::{Server, router};
use tower::ServiceExt as _;

use crate::background::{Fit, Starter, dismiss};
use crate::own_engine::{OwnEngine, Port};
use crate::remote::Remote;
use crate::settings::{Settings, Variables};
use crate::wiring;

/// How long to wait for an engine that has the lock but does not listen (it is starting or leaving).
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
/// How often to look whether it does.
pub(crate) const LOOK: Duration = Duration::from_millis(25);

/// What a command is going to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only look.
    Read,
    /// Change something.
    Change,
    /// Be the engine, if there is none.
    Serve(Mode),
}

/// A way to the home's engine.
pub(crate) struct Connection {
    /// Speaks to it.
    pub(crate) client: Client,
    /// What its store was opened in spite of, and what else the person should know.
    pub(crate) notices: Vec<String>,
    own: Option<OwnEngine>,
}

impl Connection {
    /// Reaches the home's engine over its socket; where nobody is, starts one or becomes it (Change, Serve), or opens the data
    /// read-only (Read).
    pub(crate) async fn open(
        settings: &Settings,
        locations: &Locations,
        access: Access,
        variables: &Variables,
    ) -> anyhow::Result<Self> {
        if let Err(refused) = refuse_confined(settings) {
            return match access {
                // Looking does no harm, but the socket takes nothing from such a process.
                Access::Read => Self::read_only(settings, locations, variables),
                Access::Change | Access::Serve(_) => Err(refused),
            };
        }
        let found = listens(&locations.socket()).await;
        match access {
            Access::Read => match found {
                Listens::Engine(health) => Ok(Self::remote(locations, health)),
                Listens::Nobody => Self::read_only(settings, locations, variables),
                // Looking needs no engine.
                Listens::Silent => {
                    let mut looking = Self::read_only(settings, locations, variables)?;
                    let said = silent_engine(locations).detail;
                    let notice = format!("{said}; this is what the database has");
                    looking.notices.push(notice);
                    Ok(looking)
                }
            },
            Access::Change if settings.engine.detach => {
                Self::reach(settings, locations, variables, found).await
            }
            Access::Change => {
                Self::serve(settings, locations, Mode::Foreground, variables, found).await
            }
            Access::Serve(mode) => Self::serve(settings, locations, mode, variables, found).await,
        }
    }

    /// Reaches an engine again after the one it spoke to left; whichever there is now will do.
    pub(crate) async fn reopen(
        settings: &Settings,
        locations: &Locations,
        access: Access,
        variables: &Variables,
    ) -> anyhow::Result<Self> {
        if access == Access::Change
            && settings.engine.detach
            && let Listens::Engine(_) = listens(&locations.socket()).await
        {
            let starter = Starter::new(settings, locations, variables);
            return Ok(Self::kept_up(starter, Vec::new()));
        }
        Self::open(settings, locations, access, variables).await
    }

    /// Whether this very process is the engine.
    pub(crate) const fn is_own_engine(&self) -> bool {
        self.own.is_some()
    }

    /// Listens on the port as well, where this very process is the engine.
    pub(crate) async fn open_port(&mut self, settings: &Settings) -> anyhow::Result<Port> {
        match &mut self.own {
            Some(own) => own.open_port(settings).await,
            None => Ok(Port::Off),
        }
    }

    /// Becomes a client of the engine that is up, if it may stay, or of one that is started.
    async fn reach(
        settings: &Settings,
        locations: &Locations,
        variables: &Variables,
        found: Listens,
    ) -> anyhow::Result<Self> {
        let starter = Starter::new(settings, locations, variables);
        match found {
            Listens::Silent => return Err(refusal(silent_engine(locations))),
            Listens::Engine(None) => return Ok(Self::kept_up(starter, Vec::new())),
            Listens::Engine(Some(health)) => match starter.fit(&health) {
                Fit::Stays(notice) => {
                    let notices = health.notices.into_iter().chain(notice).collect();
                    return Ok(Self::kept_up(starter, notices));
                }
                Fit::Leaves => match dismiss(locations).await {
                    Ok(_) => {}
                    // One in the foreground took its place meanwhile, and does as well.
                    Err(_) if is_up_in_the_foreground(locations).await => {
                        return Ok(Self::kept_up(starter, Vec::new()));
                    }
                    Err(error) => return Err(error),
                },
            },
            Listens::Nobody => {}
        }
        let notices = starter.start().await?;
        Ok(Self::kept_up(starter, notices))
    }

    fn kept_up(starter: Starter, notices: Vec<String>) -> Self {
        Self {
            client: Client::new(starter.into_transport()),
            notices,
            own: None,
        }
    }

    /// Speaks to an engine elsewhere.
    pub(crate) fn elsewhere(remote: &Remote) -> anyhow::Result<Self> {
        Ok(Self {
            client: remote.client()?,
            notices: Vec::new(),
            own: None,
        })
    }

    fn remote(locations: &Locations, health: Option<Health>) -> Self {
        Self {
            client: Client::new(UnixTransport::new(locations.socket())),
            notices: health.map(|health| health.notices).unwrap_or_default(),
            own: None,
        }
    }

    fn read_only(
        settings: &Settings,
        locations: &Locations,
        variables: &Variables,
    ) -> anyhow::Result<Self> {
        let home =
            Home::open(locations)?.filter(|home| home.database().exists() || home.blobs().exists());
        let Some(home) = home else {
            let detail = format!("there is no home at {} yet", locations.home.display());
            let problem = Problem::new("home.missing", detail)
                .hint("run `hyperion init` in a repository, or set HYPERION_HOME to where it is");
            return Err(refusal(problem));
        };
        let engine = Arc::new(wiring::read_only(settings, home, variables)?);
        let notices = notices(&engine);
        let life = wiring::life(Mode::Foreground, settings, variables);
        let server = Server::new(engine, wiring::owner(variables)?, Arc::new(life));
        Ok(Self {
            client: Client::new(InProcess(router(server))),
            notices,
            own: None,
        })
    }

    /// Becomes the engine, or finds the one that is there or was faster.
    async fn serve(
        settings: &Settings,
        locations: &Locations,
        mode: Mode,
        variables: &Variables,
        mut found: Listens,
    ) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut opened = None;
        loop {
            match found {
                Listens::Engine(health) => return Ok(Self::remote(locations, health)),
                Listens::Silent => return Err(refusal(silent_engine(locations))),
                Listens::Nobody => {}
            }
            let home = match opened.take() {
                Some(home) => home,
                None => Home::open_or_create(locations)?,
            };
            let makes_room = mode == Mode::Background && home.is_claimed()?;
            match (!makes_room).then(|| home.lock()) {
                Some(Ok(lock)) => {
                    let life = wiring::life(mode, settings, variables);
                    let started = OwnEngine::start(settings, home, variables, lock, life).await?;
                    let (own, routes) = started;
                    return Ok(Self {
                        client: Client::new(InProcess(routes)),
                        notices: notices(own.engine()),
                        own: Some(own),
                    });
                }
                Some(Err(LockError::Busy { .. })) | None if began.elapsed() < PATIENCE => {}
                Some(Err(error)) => return Err(error.into()),
                None => {
                    let detail =
                        "another command wants to be this home's engine, and has not come to it";
                    let problem = Problem::new("engine.unavailable", detail);
                    return Err(refusal(problem.hint("try again in a moment")));
                }
            }
            opened = Some(home);
            tokio::time::sleep(LOOK).await;
            found = listens(&locations.socket()).await;
        }
    }

    /// Drives what this process began as the engine until nothing can go on without a person, then leaves.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        match self.own {
            Some(own) => own.work_and_leave().await,
            None => Ok(()),
        }
    }

    /// Serves until told to stop.
    pub(crate) async fn serve_until(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        match self.own {
            Some(own) => own.serve_until(stop).await,
            None => {
                stop.await;
                Ok(())
            }
        }
    }

    /// Serves until told to stop, asked to leave, or needed by nobody for so long.
    pub(crate) async fn serve_while_needed(
        self,
        idle_exit: Duration,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        match self.own {
            Some(own) => own.serve_while_needed(idle_exit, stop).await,
            None => Ok(()),
        }
    }
}

/// Refuses a process inside a run, or left behind by one, what only people do: it decides nothing, neither over the socket nor
/// as the engine, and changes nothing that decides.
pub(crate) fn refuse_confined(settings: &Settings) -> anyhow::Result<()> {
    let own = std::process::id();
    let (detail, hint) = if descends_from_run(own) {
        (
            "this process, or one that started it, belongs to a run (HYPERION_RUN_ID is set there); such a process may not decide or change anything",
            "run it from a shell of your own",
        )
    } else if is_confined(own) && !settings.engine.allow_confined {
        (
            "this process carries \"no new privileges\", as everything does that a check starts; such a process may not decide or change anything",
            "run it from a shell of your own; in a container that puts this on everything, write `allow_confined = true` below `[engine]` into the home's config.toml with an editor",
        )
    } else {
        return Ok(());
    };
    Err(refusal(Problem::new("policy.refused", detail).hint(hint)))
}

/// What the engine's store was opened in spite of, for people.
fn notices(engine: &Engine) -> Vec<String> {
    let notices = engine.cx().store.notices().iter();
    notices.map(ToString::to_string).collect()
}

/// Who is behind a home's socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listens {
    /// The home's engine, and what it says of itself, if that can be understood.
    Engine(Option<Health>),
    /// Nobody, or an engine of a home that was here before.
    Nobody,
    /// Somebody who takes connections and answers nothing.
    Silent,
}

/// Finds out who is behind the socket.
///
/// That somebody takes the connection does not tell: the listener of an engine that was killed lives on for a moment in
/// the program it was just starting.
pub(crate) async fn listens(socket: &Path) -> Listens {
    let client = Client::new(UnixTransport::new(socket));
    match client.get::<Health>("/healthz").await {
        Ok(health) => Listens::Engine(Some(health)),
        Err(ClientError::Transport(TransportError::Silent { .. })) => Listens::Silent,
        Err(ClientError::Transport(_)) => Listens::Nobody,
        Err(ClientError::Problem(problem)) if problem.code == "home.displaced" => Listens::Nobody,
        Err(_) => Listens::Engine(None),
    }
}

async fn is_up_in_the_foreground(locations: &Locations) -> bool {
    let found = listens(&locations.socket()).await;
    matches!(found, Listens::Engine(Some(up)) if up.mode == Some(Mode::Foreground))
}

/// Says which engine answers nothing, and what to do about it.
pub(crate) fn silent_engine(locations: &Locations) -> Problem {
    let held = Home::open(locations).ok().flatten().map(|home| home.lock());
    let (who, hint) = match held {
        Some(Err(LockError::Busy { pid: Some(pid), .. })) if is_stopped(pid) => (
            format!("the home's engine, process {pid}, is stopped and answers nothing"),
            format!(
                "`kill -CONT {pid}` lets it go on; to end it, `kill {pid}` first and then `kill -CONT {pid}`: nothing that it answered is lost"
            ),
        ),
        Some(Err(LockError::Busy { pid: Some(pid), .. })) => (
            format!("the home's engine, process {pid}, takes connections and answers nothing"),
            format!(
                "look at what process {pid} does; `kill {pid}` ends it, and nothing that it answered is lost"
            ),
        ),
        _ => (
            format!(
                "whoever listens on {} answers nothing",
                locations.socket().display()
            ),
            "try again in a moment".to_owned(),
        ),
    };
    Problem::new("engine.unavailable", who).hint(hint)
}

pub(crate) fn refusal(problem: Problem) -> anyhow::Error {
    ClientError::Problem(Box::new(problem)).into()
}

/// Calls a router of this very process.
struct InProcess(Router);

impl Transport for InProcess {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        let router = self.0.clone();
        Box::pin(async move {
            let request = request.map(axum::body::Body::from);
            match router.oneshot(request).await {
                Ok(response) => Ok(response.map(|body| body.map_err(Into::into).boxed_unsync())),
                Err(never) => match never {},
            }
        })
    }
}
