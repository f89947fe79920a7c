//! How an engine came to be up, who is with it, and how it comes to leave.

use hyperion_api::engine::{Mode, Setup};
use tokio::sync::watch;

/// What is known of the process that serves, beside its engine.
#[derive(Debug)]
pub struct Life {
    /// How it came to be up.
    pub mode: Mode,
    /// Its version.
    pub version: &'static str,
    /// What it was started with.
    pub setup: Setup,
    guests: watch::Sender<usize>,
    asked_to_leave: watch::Sender<bool>,
    closing: watch::Sender<bool>,
}

impl Life {
    /// Begins it: nobody is there yet.
    pub fn new(mode: Mode, version: &'static str, setup: Setup) -> Self {
        Self {
            mode,
            version,
            setup,
            guests: watch::Sender::new(0),
            asked_to_leave: watch::Sender::new(false),
            closing: watch::Sender::new(false),
        }
    }

    /// Follows how many connections are open.
    pub fn guests(&self) -> watch::Receiver<usize> {
        self.guests.subscribe()
    }

    /// Takes note of somebody who connected.
    pub(crate) fn welcome(&self) -> Guest {
        self.guests.send_modify(|guests| *guests += 1);
        Guest(self.guests.clone())
    }

    /// Has it leave in good order.
    pub fn ask_to_leave(&self) {
        self.asked_to_leave.send_replace(true);
    }

    /// Waits until somebody has it leave.
    pub async fn asked_to_leave(&self) {
        holds(self.asked_to_leave.subscribe()).await;
    }

    /// Ends the feeds, and has nobody else come in.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until it closes.
    pub async fn closing(&self) {
        holds(self.closing.subscribe()).await;
    }

    /// Whether it closes.
    pub fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }
}

async fn holds(mut said: watch::Receiver<bool>) {
    // An error means that whoever could say so is gone, which says the same.
    let _ = said.wait_for(|said| *said).await;
}

/// Somebody who is connected, until dropped.
#[derive(Debug)]
pub(crate) struct Guest(watch::Sender<usize>);

impl Drop for Guest {
    fn drop(&mut self) {
        self.0
            .send_modify(|guests| *guests = guests.saturating_sub(1));
    }
}
