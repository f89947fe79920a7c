//! Reaches the home's engine: over its socket, by becoming it, or by only reading its data.
//!
//! Whoever takes the lock also listens, so a second terminal works through the first. An engine
//! that a command became leaves when nothing can go on without a person: it lingers a moment for
//! others, stops taking calls, finishes what they began, and lets go of the lock.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyperion_api::client::{Body, Transport, TransportError, UnixTransport};
use hyperion_api::{Client, ClientError, Problem};
use hyperion_engine::Engine;
use hyperion_host::{
    Home, HomeLock, Locations, LockError, descends_from_run, is_confined, is_stopped,
};
use hyperion_server::{Server, router, serve};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use crate::settings::{Settings, Variables};
use crate::socket::Socket;
use crate::wiring;

/// How long an engine stays for others after nothing is left to do.
const LINGER: Duration = Duration::from_secs(2);
/// How long to wait for an engine that has the lock but does not listen (it is starting or leaving).
const PATIENCE: Duration = Duration::from_secs(20);
/// How often to look whether it does.
const LOOK: Duration = Duration::from_millis(25);
/// How often an engine looks whether its socket is still there.
const LOOK_AT_SOCKET: Duration = Duration::from_secs(1);
/// How long calls in flight may take when an engine leaves.
const LAST_CALLS: Duration = Duration::from_secs(10);

/// What a command is going to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only look.
    Read,
    /// Change something.
    Change,
}

/// A way to the home's engine.
pub(crate) struct Connection {
    /// Speaks to it.
    pub(crate) client: Client,
    /// What its store was opened in spite of, if this process opened it.
    pub(crate) notices: Vec<String>,
    /// Whether this process opened the home's data.
    opened: bool,
    own: Option<Own>,
}

/// The engine that this process is.
struct Own {
    engine: Running,
    server: JoinHandle<std::io::Result<()>>,
    closing: watch::Sender<bool>,
    socket: Socket,
    /// Let go of last: whoever takes it may start at once.
    _lock: HomeLock,
}

impl Connection {
    /// Reaches the home's engine over its socket, becomes it when nobody is (Change), or opens the data read-only (Read).
    pub(crate) async fn open(
        settings: &Settings,
        locations: &Locations,
        access: Access,
        variables: &Variables,
    ) -> anyhow::Result<Self> {
        let socket = locations.socket();
        if let Err(refused) = refuse_confined(settings) {
            return match access {
                // Looking does no harm, but the socket takes nothing from such a process.
                Access::Read => Self::read_only(settings, locations, variables),
                Access::Change => Err(refused),
            };
        }
        match (listens(&socket).await, access) {
            (Listens::Engine, _) => Ok(Self::remote(&socket)),
            (Listens::Nobody, Access::Read) => Self::read_only(settings, locations, variables),
            (Listens::Nobody, Access::Change) => {
                Self::take_over(settings, locations, variables).await
            }
            // Looking needs no engine.
            (Listens::Silent, Access::Read) => {
                let mut looking = Self::read_only(settings, locations, variables)?;
                let said = silent_engine(locations).detail;
                looking
                    .notices
                    .push(format!("{said}; this is what the database has"));
                Ok(looking)
            }
            (Listens::Silent, Access::Change) => Err(refusal(silent_engine(locations))),
        }
    }

    /// Whether this process opened the home's data itself.
    pub(crate) const fn is_own(&self) -> bool {
        self.opened
    }

    fn remote(socket: &std::path::Path) -> Self {
        Self {
            client: Client::new(UnixTransport::new(socket)),
            notices: Vec::new(),
            opened: false,
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
        let (_, closing) = watch::channel(false);
        let server = Server::new(
            engine,
            wiring::owner(variables)?,
            env!("CARGO_PKG_VERSION"),
            closing,
        );
        Ok(Self {
            client: Client::new(InProcess {
                router: router(server),
            }),
            notices,
            opened: true,
            own: None,
        })
    }

    /// Becomes the engine, or finds the one that was faster.
    async fn take_over(
        settings: &Settings,
        locations: &Locations,
        variables: &Variables,
    ) -> anyhow::Result<Self> {
        let home = Home::open_or_create(locations)?;
        let socket = home.socket()?;
        let began = Instant::now();
        loop {
            match home.lock() {
                Ok(lock) => {
                    return Self::become_engine(settings, home, variables, lock, socket).await;
                }
                Err(LockError::Busy { .. }) if began.elapsed() < PATIENCE => {}
                Err(error) => return Err(error.into()),
            }
            match listens(&socket).await {
                Listens::Engine => return Ok(Self::remote(&socket)),
                Listens::Silent => return Err(refusal(silent_engine(locations))),
                Listens::Nobody => tokio::time::sleep(LOOK).await,
            }
        }
    }

    async fn become_engine(
        settings: &Settings,
        home: Home,
        variables: &Variables,
        lock: HomeLock,
        socket: PathBuf,
    ) -> anyhow::Result<Self> {
        let (settings, owned) = (settings.clone(), variables.clone());
        let starting = tokio::task::spawn_blocking(move || {
            wiring::start(&settings, home, &owned, &lock).map(|engine| (engine, lock))
        });
        let (engine, lock) = starting.await.context("start the engine")??;
        let engine = Arc::new(engine);
        let (closing, closed) = watch::channel(false);
        let server = Server::new(
            Arc::clone(&engine),
            wiring::owner(variables)?,
            env!("CARGO_PKG_VERSION"),
            closed.clone(),
        );
        let notices = notices(&engine);
        let routes = router(server);
        let socket = Socket::new(socket);
        let listener = socket.listen()?;
        let stop = wait_for(closed.clone());
        let server = tokio::spawn(serve(listener, routes.clone(), stop));
        tokio::spawn(stay_reachable(
            Arc::clone(&engine),
            socket.clone(),
            routes.clone(),
            closed,
        ));
        Ok(Self {
            client: Client::new(InProcess { router: routes }),
            notices,
            opened: true,
            own: Some(Own {
                engine: Running(engine),
                server,
                closing,
                socket,
                _lock: lock,
            }),
        })
    }

    /// Drives what was begun until nothing can go on without a person, lingers, leaves.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        let Some(own) = self.own else { return Ok(()) };
        own.come_to_rest().await;
        let halted = own.halted();
        own.leave().await?;
        halted.map_or(Ok(()), Err)
    }

    /// Serves until told to stop.
    pub(crate) async fn serve_until(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Some(own) = self.own else {
            stop.await;
            return Ok(());
        };
        let mut activity = own.engine.0.activity();
        tokio::select! {
            () = stop => {}
            // An error means that the engine is gone, which says the same.
            _ = activity.wait_for(|now| now.halted.is_some()) => {}
        }
        let halted = own.halted();
        own.leave().await?;
        halted.map_or(Ok(()), Err)
    }
}

/// An engine that is stopped, and whose processes end, also when a command is interrupted.
struct Running(Arc<Engine>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Own {
    /// Waits until nothing is left to do, and nobody has come for a while.
    async fn come_to_rest(&self) {
        loop {
            let before = self.engine.0.idle().await;
            tokio::time::sleep(LINGER).await;
            let now = self.engine.0.activity().borrow().clone();
            if now.halted.is_some() {
                return;
            }
            if now.idle && now.seq == before.seq && self.engine.0.tools().running() == 0 {
                return;
            }
        }
    }

    /// Says why the engine works on nothing any more, if it does not.
    fn halted(&self) -> Option<anyhow::Error> {
        let why = self.engine.0.activity().borrow().halted.clone()?;
        let (code, hint) = match self.engine.0.cx().store.stands() {
            Err(displaced) => ("home.displaced", displaced.hint()),
            Ok(()) => (
                "store.damaged",
                "`hyperion doctor` says what is damaged, and where; unfinished work is kept as it was last written",
            ),
        };
        let problem = Problem::new(code, format!("the engine has stopped: {why}")).hint(hint);
        Some(refusal(problem))
    }

    /// Stops taking calls, lets the engine end what it is doing, and lets go of the lock.
    async fn leave(self) -> anyhow::Result<()> {
        let Self {
            engine,
            mut server,
            closing,
            socket,
            _lock,
        } = self;
        let _ = closing.send(true);
        // Remove the socket before the lock, so that no client finds a socket that nobody serves.
        socket.remove();
        if tokio::time::timeout(LAST_CALLS, &mut server).await.is_err() {
            server.abort();
        }
        let stopping = tokio::task::spawn_blocking(move || drop(engine));
        stopping.await.context("stop the engine")
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

/// Listens again when somebody removed or replaced the socket: nobody could reach the engine, nor take its place. Ends when the
/// home itself is gone: what is under its name then is not this engine's.
async fn stay_reachable(
    engine: Arc<Engine>,
    socket: Socket,
    routes: Router,
    closed: watch::Receiver<bool>,
) {
    let mut leaving = closed.clone();
    loop {
        tokio::select! {
            _ = leaving.wait_for(|closed| *closed) => return,
            () = tokio::time::sleep(LOOK_AT_SOCKET) => {}
        }
        if *closed.borrow() || !engine.stands() {
            return;
        }
        if socket.is_ours() {
            continue;
        }
        match socket.listen() {
            Ok(listener) => {
                tracing::warn!(socket = %socket.path().display(), "the socket was gone; listening on a new one");
                tokio::spawn(serve(listener, routes.clone(), wait_for(closed.clone())));
            }
            Err(error) => {
                tracing::error!(%error, "the socket is gone, and there can be no new one");
            }
        }
    }
}

/// What the engine's store was opened in spite of, for people.
fn notices(engine: &Engine) -> Vec<String> {
    let notices = engine.cx().store.notices().iter();
    notices.map(ToString::to_string).collect()
}

async fn wait_for(mut closed: watch::Receiver<bool>) {
    // An error means that whoever could say so is gone, which says the same.
    let _ = closed.wait_for(|closed| *closed).await;
}

/// Who is behind a home's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listens {
    /// The home's engine.
    Engine,
    /// Nobody, or an engine of a home that was here before.
    Nobody,
    /// Somebody who takes connections and answers nothing.
    Silent,
}

/// Finds out who is behind the socket.
///
/// That somebody takes the connection does not tell: the listener of an engine that was killed lives on for a moment in
/// the program it was just starting.
async fn listens(socket: &std::path::Path) -> Listens {
    let client = Client::new(UnixTransport::new(socket));
    match client.get::<serde::de::IgnoredAny>("/healthz").await {
        Err(ClientError::Transport(TransportError::Silent { .. })) => Listens::Silent,
        Err(ClientError::Transport(_)) => Listens::Nobody,
        Err(ClientError::Problem(problem)) if problem.code == "home.displaced" => Listens::Nobody,
        Ok(_) | Err(_) => Listens::Engine,
    }
}

/// Says which engine answers nothing, and what to do about it.
fn silent_engine(locations: &Locations) -> Problem {
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

fn refusal(problem: Problem) -> anyhow::Error {
    ClientError::Problem(Box::new(problem)).into()
}

/// Calls a router of this very process.
struct InProcess {
    router: Router,
}

impl Transport for InProcess {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        let router = self.router.clone();
        Box::pin(async move {
            let request = request.map(axum::body::Body::from);
            match router.oneshot(request).await {
                Ok(response) => Ok(response.map(|body| body.map_err(Into::into).boxed_unsync())),
                Err(never) => match never {},
            }
        })
    }
}
