//! Serving the home's socket: to its owner alone, and never to a process inside a run.

use std::io;
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
use hyperion_host::{descends_from_run, effective_uid, is_confined, peer_of};
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::Life;
use crate::answer::Refusal;
use crate::seat::{Answering, Seat, Seated};

/// The most connections at once; who comes then takes the place of one that asks nothing, or waits until one ends.
const MAX_CONNECTIONS: usize = 256;
/// The most of them that follow the feed or wait for something: the others are for calls that end soon.
const MAX_LONG_CALLS: usize = 192;
/// How long the body of a call may take to come.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// Serves a router until its life closes, then lets running calls finish.
pub async fn serve(listener: UnixListener, router: Router, life: Arc<Life>) -> io::Result<()> {
    let owned = OwnersOnly {
        listener,
        life: Arc::clone(&life),
        we_are_confined: is_confined(std::process::id()),
        places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        seats: Vec::new(),
    };
    let long_calls = Arc::new(Semaphore::new(MAX_LONG_CALLS));
    let router = router.layer(axum::middleware::from_fn_with_state(long_calls, answer));
    axum::serve(owned, router.into_make_service_with_connect_info::<Seat>())
        .with_graceful_shutdown(async move { life.closing().await })
        .await
}

/// Answers a call whose body comes in time, and keeps its place until the answer is read.
async fn answer(
    State(long_calls): State<Arc<Semaphore>>,
    ConnectInfo(seat): ConnectInfo<Seat>,
    request: Request,
    next: Next,
) -> Response {
    seat.works();
    let is_long = takes_long(request.uri());
    let place = is_long.then(|| Arc::clone(&long_calls).try_acquire_owned());
    let (long, response) = match place.transpose() {
        Err(_) => (None, too_many()),
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
    match uri.path() {
        "/api/events" => query.contains("follow=true"),
        "/api/idle" => !query.is_empty() && query != "timeout_ms=0",
        "/api/tools/sessions" => false,
        path => path.starts_with("/api/tools/"),
    }
}

fn too_many() -> Response {
    let detail = format!(
        "{MAX_LONG_CALLS} calls already follow the feed or wait for something, which is the limit"
    );
    let problem = Problem::new("engine.unavailable", detail);
    Refusal::from(problem.hint("end some of the programs that wait, or try again in a moment"))
        .into_response()
}

/// Lets the home's owner in and nobody else.
///
/// A process inside a run carries "no new privileges", which nobody can take off again: it never
/// gets to decide anything. Where the engine itself carries it (some containers put it on
/// everything), it tells nothing, and only the variable of a run is looked for.
struct OwnersOnly {
    listener: UnixListener,
    life: Arc<Life>,
    we_are_confined: bool,
    places: Arc<Semaphore>,
    /// Who has a place.
    seats: Vec<Seat>,
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
    type Io = Seated;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        self.seats.retain(Seat::is_taken);
        if self.places.available_permits() == 0 {
            let silent = self.seats.iter().filter(|seat| seat.asks_until().is_some());
            if let Some(longest) = silent.min_by_key(|seat| seat.asks_until()) {
                longest.give_way();
            }
        }
        // Never closed, so there always is a place in the end.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if self.welcome(&stream) {
                let seated = Seated::new(stream, place, self.life.welcome());
                self.seats.push(seated.seat());
                return (seated, address);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_takes_long_and_what_asks_does_not() {
        let long = |uri: &'static str| takes_long(&Uri::from_static(uri));
        assert!(long("/api/events?follow=true&after=3"));
        assert!(long("/api/idle?timeout_ms=500"));
        assert!(long("/api/tools/test-runner/runTests"));
        for short in [
            "/api/events?after=3",
            "/api/idle?timeout_ms=0",
            "/api/idle",
            "/api/tools/sessions",
            "/api/approvals?follow=true",
        ] {
            assert!(!long(short), "{short}");
        }
    }
}
