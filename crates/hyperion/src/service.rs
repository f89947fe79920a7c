//! What a service manager is told (systemd's `sd_notify`): ready, still at work, stopping.
//!
//! Without `NOTIFY_SOCKET` in the environment nobody listens, and nothing is sent.

use std::time::Duration;

use hyperion_engine::Engine;
use sd_notify::NotifyState;

/// Says that the engine takes calls.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Says that the engine ends what it is doing, and leaves.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells the watchdog again and again that the engine gets on with its work; never ends.
///
/// One that is stuck says nothing: the service manager kills it and starts another, which goes on where it was.
pub(crate) async fn keep_alive(engine: &Engine) {
    let Some(patience) = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero())
    else {
        return std::future::pending().await;
    };
    loop {
        let busy = engine.busy_for();
        if busy < patience {
            tell(&[NotifyState::Watchdog]);
        } else {
            tracing::error!(
                seconds = busy.as_secs(),
                "one step of the engine does not end; the service manager will start another engine"
            );
        }
        // Twice within its patience, as systemd's manual wants it.
        tokio::time::sleep((patience / 2).max(Duration::from_millis(1))).await;
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager could not be told how the engine is");
    }
}
