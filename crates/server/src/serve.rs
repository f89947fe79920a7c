//! Serving the home's socket: to its owner alone, and never to a process inside a run.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::serve::Listener;
use hyperion_host::{descends_from_run, effective_uid, is_confined, peer_of};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most connections at once; who comes then waits until one ends.
const MAX_CONNECTIONS: usize = 256;

/// Serves a router until `stop` ends, then lets running calls finish.
pub async fn serve(
    listener: UnixListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let owned = OwnersOnly {
        listener,
        we_are_confined: is_confined(std::process::id()),
        seats: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
    };
    axum::serve(owned, router)
        .with_graceful_shutdown(stop)
        .await
}

/// Lets the home's owner in and nobody else.
///
/// A process inside a run carries "no new privileges", which nobody can take off again: it never
/// gets to decide anything. Where the engine itself carries it (some containers put it on
/// everything), it tells nothing, and only the variable of a run is looked for.
struct OwnersOnly {
    listener: UnixListener,
    we_are_confined: bool,
    seats: Arc<Semaphore>,
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
        // Never closed, so there always is a seat in the end.
        let seat = Arc::clone(&self.seats).acquire_owned().await.ok();
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if self.welcome(&stream) {
                return (
                    Seated {
                        stream,
                        _seat: seat,
                    },
                    address,
                );
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that counts as one until it is dropped.
struct Seated {
    stream: UnixStream,
    _seat: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for Seated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Seated {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
