//! The thread that ships: of its own, because the folder may be slow, full or gone, and the engine must
//! not wait for it.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hyperion_backup::{Shipping, ship_once};

use crate::{Cx, Error};

/// How long an engine that leaves waits for the last shipment.
const LAST_SHIPMENT: Duration = Duration::from_secs(20);

/// The thread that ships; it ships once more when it is told to stop.
pub(crate) struct Shipper {
    parts: Mutex<Option<Parts>>,
}

struct Parts {
    stop: Sender<()>,
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

impl Shipper {
    /// Starts it, if anything is to be shipped anywhere.
    pub(crate) fn start(cx: Arc<Cx>) -> Result<Self, Error> {
        if cx.settings.backup.ship_to.is_none() {
            return Ok(Self {
                parts: Mutex::new(None),
            });
        }
        let (stop, stopping) = mpsc::channel();
        let (ending, ended) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("shipper".to_owned())
            .spawn(move || {
                run(&cx, &stopping);
                // Whoever waited may have given up.
                let _ = ending.send(());
            })
            .map_err(|source| Error::Io {
                what: "the shipper's thread".to_owned(),
                source,
            })?;
        Ok(Self {
            parts: Mutex::new(Some(Parts {
                stop,
                ended,
                thread,
            })),
        })
    }

    /// Has it ship what is left and end; a folder that does not answer is not waited for.
    pub(crate) fn stop(&self) {
        let parts = self
            .parts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(Parts {
            stop,
            ended,
            thread,
        }) = parts
        else {
            return;
        };
        drop(stop);
        match ended.recv_timeout(LAST_SHIPMENT) {
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!("the last shipment did not end in time; the next engine ships it");
            }
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                // A panic in there was printed.
                let _ = thread.join();
            }
        }
    }
}

fn run(cx: &Cx, stopping: &Receiver<()>) {
    let mut shipping = Shipping::default();
    let mut stops = false;
    loop {
        // At once: an engine that is killed again and again ships, too. What goes wrong is kept in the
        // store, and logged when it begins.
        if let Err(error) = ship_once(cx, &mut shipping) {
            tracing::debug!(%error, "could not ship");
        }
        if stops {
            return;
        }
        stops = match stopping.recv_timeout(cx.settings.backup.ship_every) {
            Err(RecvTimeoutError::Timeout) => false,
            Ok(()) | Err(RecvTimeoutError::Disconnected) => true,
        };
    }
}
