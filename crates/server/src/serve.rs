//! Serving the home's socket: to its owner alone, and never to a process inside a run.

use axum::Router;
use axum::serve::{Listener, ListenerExt as _};
use hyperion_host::{effective_uid, is_confined, peer_of};
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};

/// Serves a router until `stop` ends, then lets running calls finish.
pub async fn serve(
    listener: UnixListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let owned = OwnersOnly {
        listener,
        we_are_confined: is_confined(std::process::id()),
    };
    axum::serve(owned.tap_io(|_| {}), router)
        .with_graceful_shutdown(stop)
        .await
}

/// Lets the home's owner in and nobody else.
///
/// A process inside a run carries "no new privileges", which nobody can take off again: it never
/// gets to decide anything. Where the engine itself carries it (some containers put it on
/// everything), it tells nothing, and is not looked at.
struct OwnersOnly {
    listener: UnixListener,
    we_are_confined: bool,
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
        let confined = !self.we_are_confined && is_confined(peer.pid);
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
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if self.welcome(&stream) {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
