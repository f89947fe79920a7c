//! Serving the home's socket, to its owner alone and never to a process inside a run; and a port, to whoever shows who they are.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Request, State};
use axum::http::{Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::serve::{IncomingStream, Listener};
use futures_util::{StreamExt as _, stream};
use hyperion_api::Problem;
use hyperion_host::{descends_from_run, effective_uid, is_confined, peer_of, raise_open_files};
use tokio::net::unix;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::Life;
use crate::answer::Refusal;
use crate::port::{Door, Gate};
use crate::seat::{Answering, Seat, Seated};

/// How many may be there at once.
#[derive(Debug, Clone, Copy)]
struct Room {
    /// The most connections; who comes then takes the place of one that asks nothing, or waits until one ends.
    connections: usize,
    /// The most of them that follow the feed or wait for something: the others are for calls that end soon.
    long_calls: usize,
}

impl Room {
    /// Leaves more than half of the files that may be open to others.
    fn within(self, open_files: u64) -> Self {
        let most = usize::try_from(open_files / 2).unwrap_or(usize::MAX);
        Self {
            connections: self.connections.min(most),
            long_calls: self.long_calls.min(most / 4 * 3),
        }
    }
}

/// How many files an engine with a port may have open, where the system allows it.
const OPEN_FILES: u64 = 4096;
const AT_THE_SOCKET: Room = Room {
    connections: 256,
    long_calls: 192,
};
/// Of its own, so that however many come by the port the home's owner gets in.
const AT_THE_PORT: Room = Room {
    connections: 1536,
    long_calls: 1280,
};
/// How long the body of a call may take to come.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// Serves a router on the home's socket until its life closes, then lets running calls finish.
pub async fn serve(listener: UnixListener, router: Router, life: Arc<Life>) -> io::Result<()> {
    let owned = OwnersOnly {
        listener,
        we_are_confined: is_confined(std::process::id()),
        places: Places::new(AT_THE_SOCKET, Arc::clone(&life)),
    };
    let router = with_room(router, AT_THE_SOCKET);
    axum::serve(owned, router.into_make_service_with_connect_info::<Seat>())
        .with_graceful_shutdown(async move { life.closing().await })
        .await
}

/// Serves a router on a port as well, to whoever gets through the gate.
pub async fn serve_port(
    listener: TcpListener,
    gate: Gate,
    router: Router,
    life: Arc<Life>,
) -> io::Result<()> {
    let room = AT_THE_PORT.within(raise_open_files(OPEN_FILES));
    let anybody = Anybody {
        listener,
        gate: Arc::new(gate),
        places: Places::new(room, Arc::clone(&life)),
    };
    let router = with_room(router, room);
    axum::serve(
        anybody,
        router.into_make_service_with_connect_info::<Seat>(),
    )
    .with_graceful_shutdown(async move { life.closing().await })
    .await
}

fn with_room(router: Router, room: Room) -> Router {
    let long_calls = Arc::new(Semaphore::new(room.long_calls));
    router.layer(axum::middleware::from_fn_with_state(
        (long_calls, room),
        answer,
    ))
}

/// Answers a call whose body comes in time, and keeps its place until the answer is read.
async fn answer(
    State((long_calls, room)): State<(Arc<Semaphore>, Room)>,
    ConnectInfo(seat): ConnectInfo<Seat>,
    mut request: Request,
    next: Next,
) -> Response {
    seat.works();
    request.extensions_mut().insert(seat.door());
    let is_long = takes_long(request.uri());
    let place = is_long.then(|| Arc::clone(&long_calls).try_acquire_owned());
    let (long, response) = match place.transpose() {
        Err(_) => (None, too_many(room)),
        Ok(long) => (long, next.run(request.map(in_time)).await),
    };
    let kind = response.headers().get(header::CONTENT_TYPE);
    seat.answers(kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")));
    response.map(|body| Answering::with(seat, long, body))
}

/// A body that breaks off when it has not come whole in time.
fn in_time(body: Body) -> Body {
    let until = Instant::now() + BODY_WITHIN;
    let pieces = stream::unfold(Some(body.into_data_stream()), move |rest| async move {
        let mut rest = rest?;
        match tokio::time::timeout_at(until, rest.next()).await {
            Ok(Some(Ok(piece))) => Some((Ok(piece), Some(rest))),
            Ok(Some(Err(error))) => Some((Err(error), None)),
            Ok(None) => None,
            Err(_elapsed) => {
                let late = io::Error::new(io::ErrorKind::TimedOut, "the body did not come in time");
                Some((Err(axum::Error::new(late)), None))
            }
        }
    });
    Body::from_stream(pieces)
}

/// Whether a call may go on for long: it follows the feed, runs something, or waits.
fn takes_long(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    if query.contains("follow=true") || query.contains("wait_ms=") {
        return true;
    }
    match uri.path() {
        "/api/idle" => !query.is_empty() && query != "timeout_ms=0",
        "/api/stream" | "/api/agent-monitor/events" => true,
        "/api/tools/sessions" => false,
        path => path.starts_with("/api/tools/"),
    }
}

fn too_many(room: Room) -> Response {
    let detail = format!(
        "{} calls already follow the feed or wait for something, which is the limit",
        room.long_calls
    );
    let problem = Problem::new("engine.unavailable", detail);
    Refusal::from(problem.hint("end some of the programs that wait, or try again in a moment"))
        .into_response()
}

/// Who is connected, and for how many more there is room.
struct Places {
    life: Arc<Life>,
    free: Arc<Semaphore>,
    taken: Vec<Seat>,
}

impl Places {
    fn new(room: Room, life: Arc<Life>) -> Self {
        Self {
            life,
            free: Arc::new(Semaphore::new(room.connections)),
            taken: Vec::new(),
        }
    }

    /// Waits for a place; where none is free, who has asked nothing for the longest time gives theirs up.
    async fn next(&mut self) -> Option<OwnedSemaphorePermit> {
        self.taken.retain(Seat::is_taken);
        if self.free.available_permits() == 0 {
            let silent = self.taken.iter().filter(|seat| seat.asks_until().is_some());
            if let Some(longest) = silent.min_by_key(|seat| seat.asks_until()) {
                longest.give_way();
            }
        }
        // Never closed, so there always is a place in the end.
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    fn seat<S: AsFd>(
        &mut self,
        stream: S,
        door: Door,
        place: Option<OwnedSemaphorePermit>,
    ) -> Seated<S> {
        let seated = Seated::new(stream, door, place, self.life.welcome());
        self.taken.push(seated.seat());
        seated
    }
}

/// Lets the home's owner in and nobody else.
///
/// A process inside a run carries "no new privileges", which nobody can take off again: it never
/// gets to decide anything. Where the engine itself carries it (some containers put it on
/// everything), it tells nothing, and only the variable of a run is looked for.
struct OwnersOnly {
    listener: UnixListener,
    we_are_confined: bool,
    places: Places,
}

impl OwnersOnly {
    fn welcome(&self, stream: &UnixStream) -> bool {
        let peer = match peer_of(stream) {
            Ok(peer) => peer,
            Err(error) => {
                tracing::warn!(%error, "turned somebody away: the system does not say who it is");
                return false;
            }
        };
        if peer.uid != effective_uid() {
            tracing::warn!(uid = peer.uid, "turned another user away");
            return false;
        }
        let confined =
            !self.we_are_confined && is_confined(peer.pid) || descends_from_run(peer.pid);
        if confined {
            tracing::warn!(
                pid = peer.pid,
                "turned a process inside a run away: it decides nothing"
            );
        }
        !confined
    }
}

impl Listener for OwnersOnly {
    type Io = Seated<UnixStream>;
    type Addr = unix::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let place = self.places.next().await;
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if self.welcome(&stream) {
                return (self.places.seat(stream, Door::Socket, place), address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, OwnersOnly>> for Seat {
    fn connect_info(stream: IncomingStream<'_, OwnersOnly>) -> Self {
        stream.io().seat()
    }
}

/// Lets anybody in as far as the gate.
struct Anybody {
    listener: TcpListener,
    gate: Arc<Gate>,
    places: Places,
}

impl Listener for Anybody {
    type Io = Seated<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let place = self.places.next().await;
        loop {
            let (stream, peer) = Listener::accept(&mut self.listener).await;
            // Whoever is gone already has no address here.
            let Ok(here) = stream.local_addr() else {
                continue;
            };
            let _ = stream.set_nodelay(true);
            let door = Door::Port {
                peer: peer.ip(),
                here: here.ip(),
                gate: Arc::clone(&self.gate),
            };
            return (self.places.seat(stream, door, place), peer);
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Anybody>> for Seat {
    fn connect_info(stream: IncomingStream<'_, Anybody>) -> Self {
        stream.io().seat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_takes_long_and_what_asks_does_not() {
        let long = |uri: &'static str| takes_long(&Uri::from_static(uri));
        assert!(long("/api/events?follow=true&after=3"));
        assert!(long("/api/idle?timeout_ms=500"));
        assert!(long("/api/runs/1/log?follow=true"));
        assert!(long("/api/tools/test-runner/runTests"));
        for short in [
            "/api/events?after=3",
            "/api/idle?timeout_ms=0",
            "/api/idle",
            "/api/tools/sessions",
            "/api/approvals?open=true",
        ] {
            assert!(!long(short), "{short}");
        }
    }
}
