//! The engine that this process is: listens, stays for as long as it has to, and leaves in good order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use hyperion_api::Problem;
use hyperion_api::engine::Mode;
use hyperion_engine::{Engine, identity, remote, run};
use hyperion_host::{Home, HomeLock, bound_log};
use hyperion_server::{Gate, Life, Server, router, serve, serve_port};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::connection::refusal;
use crate::service;
use crate::settings::{Settings, Variables};
use crate::socket::Socket;
use crate::wiring;

/// How often an engine looks whether its socket is still there, and how long its log is.
const LOOK: Duration = Duration::from_secs(1);
/// How long those who connected just before the socket went may take to ask.
const LAST_GUESTS: Duration = Duration::from_millis(30);
/// How long calls in flight may take when an engine leaves.
const LAST_CALLS: Duration = Duration::from_secs(10);
/// How often it is looked whether agents still use their tools: nobody says so when they do not.
const LOOK_AT_TOOLS: Duration = Duration::from_millis(250);
/// How often an engine that stays for a remote looks whether it still has to.
const LOOK_AT_REMOTES: Duration = Duration::from_secs(5);
/// How long the log of an engine in the background may get, before it is moved aside.
const LOG_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The engine that this process is.
pub(crate) struct OwnEngine {
    engine: Running,
    server: JoinHandle<std::io::Result<()>>,
    /// The port's, where there is one.
    port: Option<JoinHandle<std::io::Result<()>>>,
    routes: Router,
    channels: Channels,
    life: Arc<Life>,
    socket: Socket,
    /// Let go of last: whoever takes it may start at once.
    _lock: HomeLock,
}

impl OwnEngine {
    /// Starts it, for whoever holds the lock; gives its routes as well.
    pub(crate) async fn start(
        settings: &Settings,
        home: Home,
        variables: &Variables,
        lock: HomeLock,
        life: Life,
    ) -> anyhow::Result<(Self, Router)> {
        let socket = Socket::new(home.socket()?);
        let log = (life.mode == Mode::Background).then(|| home.engine_log());
        let (settings, owned) = (settings.clone(), variables.clone());
        let starting = tokio::task::spawn_blocking(move || {
            wiring::start(&settings, home, &owned, &lock).map(|engine| (engine, lock))
        });
        let (engine, lock) = starting.await.context("start the engine")??;
        let (engine, life) = (Arc::new(engine), Arc::new(life));
        let actor = wiring::owner(variables)?;
        let routes = router(Server::new(Arc::clone(&engine), actor, Arc::clone(&life)));
        let listener = socket.listen()?;
        let server = tokio::spawn(serve(listener, routes.clone(), Arc::clone(&life)));
        let channels = Channels::serve(&engine)?;
        tokio::spawn(look_after(
            Arc::clone(&engine),
            socket.clone(),
            routes.clone(),
            Arc::clone(&life),
            log,
        ));
        let own = Self {
            engine: Running(engine),
            server,
            port: None,
            routes: routes.clone(),
            channels,
            life,
            socket,
            _lock: lock,
        };
        Ok((own, routes))
    }

    /// The engine itself.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine.0
    }

    /// Listens on the port of the settings as well, if any; where another program has it, the engine goes on by its socket.
    pub(crate) async fn open_port(&mut self, settings: &Settings) -> anyhow::Result<Port> {
        let Some(address) = settings.server.address() else {
            return Ok(Port::Off);
        };
        if !address.ip().is_loopback() && !identity::has_users(self.engine().cx())? {
            let detail = format!(
                "`server.bind` is {address}, which others reach, and this home has no users yet"
            );
            let hint = "make users first (`hyperion user add`), or bind to 127.0.0.1 and have a proxy in front";
            return Err(refusal(Problem::new("input.invalid", detail).hint(hint)));
        }
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(error) => return Ok(Port::Failed(format!("{address}: {error}"))),
        };
        let bound = listener.local_addr().context("find the port's address")?;
        let gate = Gate::new(settings.server.public_url());
        let (routes, life) = (self.routes.clone(), Arc::clone(&self.life));
        self.port = Some(tokio::spawn(serve_port(listener, gate, routes, life)));
        Ok(Port::Open(bound))
    }

    /// Works until nothing can go on without a person, then leaves.
    pub(crate) async fn work_and_leave(self) -> anyhow::Result<()> {
        loop {
            let now = self.engine().idle().await;
            if now.halted.is_some() || self.engine().tools().running() == 0 {
                break;
            }
            tokio::time::sleep(LOOK_AT_TOOLS).await;
        }
        self.leave().await
    }

    /// Serves until told to stop, or until the engine cannot go on.
    pub(crate) async fn serve_until(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let mut activity = self.engine().activity();
        let is_service = self.life.mode == Mode::Foreground;
        if is_service {
            service::ready();
        }
        tokio::select! {
            () = stop => {}
            () = service::keep_alive(self.engine()), if is_service => {}
            // An error means that the engine is gone, which says the same.
            _ = activity.wait_for(|now| now.halted.is_some()) => {}
        }
        if is_service {
            service::stopping();
        }
        self.leave().await
    }

    /// Serves until told to stop, asked to leave, or needed by nobody for so long.
    pub(crate) async fn serve_while_needed(
        self,
        idle_exit: Duration,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let (engine, life) = (Arc::clone(&self.engine.0), Arc::clone(&self.life));
        let over = async {
            tokio::select! {
                () = stop => tracing::info!("told to stop"),
                () = life.asked_to_leave() => tracing::info!("asked to leave"),
                () = needed_by_nobody(&engine, &life, idle_exit) => tracing::info!("needed by nobody any more"),
            }
        };
        self.serve_until(over).await
    }

    /// Says why the engine works on nothing any more, if it does not.
    fn halted(&self) -> Option<anyhow::Error> {
        let why = self.engine().activity().borrow().halted.clone()?;
        let (code, hint) = match self.engine().cx().store.stands() {
            Err(displaced) => ("home.displaced", displaced.hint()),
            Ok(()) => (
                "store.damaged",
                "`hyperion doctor` says what is damaged, and where; what was begun is kept as it was last written",
            ),
        };
        let problem = Problem::new(code, format!("the engine has stopped: {why}")).hint(hint);
        Some(refusal(problem))
    }

    /// Stops taking calls, lets the engine end what it is doing, and lets go of the lock.
    async fn leave(self) -> anyhow::Result<()> {
        let halted = self.halted();
        let Self {
            engine,
            mut server,
            mut port,
            routes: _,
            channels,
            life,
            socket,
            _lock,
        } = self;
        // Remove the socket before the lock, so that no client finds a socket that nobody serves.
        socket.remove();
        if life.mode == Mode::Background {
            tokio::time::sleep(LAST_GUESTS).await;
        }
        life.close();
        let all = async {
            let _ = (&mut server).await;
            if let Some(port) = &mut port {
                let _ = port.await;
            }
        };
        if tokio::time::timeout(LAST_CALLS, all).await.is_err() {
            server.abort();
            port.inspect(JoinHandle::abort);
        }
        drop(channels);
        let stopping = tokio::task::spawn_blocking(move || drop(engine));
        stopping.await.context("stop the engine")?;
        halted.map_or(Ok(()), Err)
    }
}

/// What came of the port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Port {
    /// There is none.
    Off,
    /// It is listened on here.
    Open(SocketAddr),
    /// It cannot be listened on, and why.
    Failed(String),
}

/// An engine that is stopped, and whose processes end, also when a command is interrupted.
struct Running(Arc<Engine>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// What the shims of runs call for them; a shim that finds nobody looks again.
struct Channels(tokio::task::AbortHandle);

impl Channels {
    fn serve(engine: &Arc<Engine>) -> anyhow::Result<Self> {
        let listener = run::listen_for_channels(engine.cx()).context("listen to runs")?;
        let serving = run::serve_channels(Arc::clone(engine.cx()), listener);
        let task = tokio::spawn(async move {
            let Err(error) = serving.await;
            tracing::error!(%error, "runs reach no hosts any more");
        });
        Ok(Self(task.abort_handle()))
    }
}

impl Drop for Channels {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits until for so long there was neither work, nor anybody connected, nor a tool in use.
async fn needed_by_nobody(engine: &Engine, life: &Life, idle_exit: Duration) {
    let (mut guests, mut activity) = (life.guests(), engine.activity());
    loop {
        engine.idle().await;
        // An error means that the engine is gone, and nobody needs that.
        let _ = guests.wait_for(|guests| *guests == 0).await;
        // A store that cannot be read keeps nobody.
        let pushes = remote::is_to_be_tried(engine.cx()).unwrap_or(false);
        if pushes || engine.tools().are_in_use(engine.cx()) {
            let pause = if pushes {
                LOOK_AT_REMOTES
            } else {
                LOOK_AT_TOOLS
            };
            tokio::time::sleep(pause).await;
            continue;
        }
        activity.mark_unchanged();
        if !engine.is_idle() {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(idle_exit) => return,
            _ = guests.changed() => {}
            _ = activity.changed() => {}
        }
    }
}

/// Listens again when somebody removed or replaced the socket: nobody could reach the engine, nor take its place. Ends when the
/// home itself is gone: what is under its name then is not this engine's.
async fn look_after(
    engine: Arc<Engine>,
    socket: Socket,
    routes: Router,
    life: Arc<Life>,
    log: Option<PathBuf>,
) {
    loop {
        tokio::select! {
            () = life.closing() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        if !engine.stands() {
            return;
        }
        if let Some(log) = &log {
            // Without a log there is nowhere to say that there is none.
            let _ = bound_log(log, LOG_MAX_BYTES);
        }
        if socket.is_as_left() {
            continue;
        }
        match socket.listen() {
            Ok(listener) => {
                tracing::warn!(socket = %socket.path().display(), "the socket was gone; listening on a new one");
                tokio::spawn(serve(listener, routes.clone(), Arc::clone(&life)));
            }
            Err(error) => {
                tracing::error!(%error, "the socket is gone, and there can be no new one");
            }
        }
    }
}
