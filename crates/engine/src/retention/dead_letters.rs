//! Dead letters: entries that only a person could move on. Nobody did, so they end: said in the log, never silently.

use std::time::Duration;

use hyperion_model::entry::{Entry, Status};
use hyperion_model::{Name, ShortText, Time};
use hyperion_store::{Filter, StoreError};

use crate::queue::retry::ending;
use crate::{Cx, Error};

/// How many are looked at in one look; the rest waits for the next.
const BATCH: u32 = 500;
/// How many times.
const MAX_BATCHES: u32 = 20;

/// The states of dead letters.
pub(crate) const STATES: [Status; 3] = [Status::Dead, Status::Failed, Status::Quarantined];

/// Ends the dead letters whose time has passed.
pub(super) fn end(cx: &Cx, name: &Name, now: Time) -> Result<(), Error> {
    let before = now - cx.settings.dead_letters_after;
    let mut filter = Filter {
        open: Some(false),
        until: Some(before),
        ..Filter::default()
    }
    .limit(BATCH);
    for status in STATES {
        filter = filter.status(status.name());
    }
    for _ in 0..MAX_BATCHES {
        let page = cx.store.list::<Entry>(&filter)?;
        let past = page
            .rows
            .iter()
            .filter(|entry| entry.ended_at.is_some_and(|at| at <= before));
        for entry in past {
            let reason = format!(
                "nobody took it up within {}",
                days(cx.settings.dead_letters_after)
            );
            let commands = ending(cx, entry, &ShortText::cut(&reason))?;
            match cx.execute(cx.stamp(name), commands, vec![]) {
                Ok(_) => tracing::info!(entry = %entry.id, "a dead letter ended: {reason}"),
                // Somebody took it up at this moment.
                Err(Error::Store(StoreError::Refused { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        match page.next {
            Some(next) => filter = filter.after(next),
            None => break,
        }
    }
    Ok(())
}

fn days(time: Duration) -> String {
    match time.as_secs() / 86_400 {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
