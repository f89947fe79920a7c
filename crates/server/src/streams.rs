//! The streams of pages: who holds them, and what they subscribed to.
//!
//! A stream outlives its connection by [`KEPT`], so that a page which reconnects goes on with the subscriptions it had. Where each of
//! them stands is in the id of every message, and the page sends that back.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyperion_api::Problem;
use hyperion_model::{RepoId, RunId, Uuid};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::feed::Wanted;

/// How long a stream is kept after its connection ended.
const KEPT: Duration = Duration::from_secs(60);
/// The most streams of a home.
const STREAMS_MAX: usize = 256;
/// The most subscriptions of a stream.
const SUBSCRIPTIONS_MAX: usize = 32;

/// What is subscribed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Topic {
    Events(Wanted),
    Notices(Option<RepoId>),
    Output(RunId),
}

impl Topic {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Events(_) => "events",
            Self::Notices(_) => "notices",
            Self::Output(_) => "output",
        }
    }
}

/// A topic, and behind what it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscribed {
    pub(crate) topic: Topic,
    pub(crate) after: u64,
}

/// All streams of a home.
#[derive(Debug)]
pub(crate) struct Streams {
    held: Mutex<HashMap<Uuid, Held>>,
    /// How long a stream is kept after its connection ended.
    kept: Duration,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            held: Mutex::default(),
            kept: KEPT,
        }
    }
}

#[derive(Debug)]
struct Held {
    owner: String,
    subscribed: BTreeMap<u32, Subscribed>,
    last: u32,
    /// Since when it has no connection.
    left_at: Option<Instant>,
    /// Counts connections and changes of the subscriptions: a connection looks when it moves.
    moved: watch::Sender<Version>,
}

/// Which connection a stream has, and how often its subscriptions changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) connection: u64,
    changes: u64,
}

/// A place in a stream, as its messages carry it: `ID/NUMBER=AFTER,…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) stream: Uuid,
    pub(crate) after: BTreeMap<u32, u64>,
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (stream, after) = text.split_once('/').unwrap_or((text, ""));
        let parts = after.split(',').filter(|part| !part.is_empty());
        let after = parts.map(|part| {
            let (id, after) = part.split_once('=')?;
            Some((id.parse().ok()?, after.parse().ok()?))
        });
        Ok(Self {
            stream: stream.parse().map_err(|_| ())?,
            after: after
                .take(SUBSCRIPTIONS_MAX)
                .collect::<Option<_>>()
                .ok_or(())?,
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/", self.stream)?;
        for (at, (id, after)) in self.after.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{id}={after}")?;
        }
        Ok(())
    }
}

impl Streams {
    /// Opens a stream; the caller is its first connection.
    pub(crate) fn open(&self, id: Uuid, owner: &str) -> Result<watch::Receiver<Version>, Problem> {
        let mut streams = self.lock();
        if streams.len() >= STREAMS_MAX {
            let detail = format!("{STREAMS_MAX} streams are open, which is the limit");
            return Err(Problem::new("engine.unavailable", detail)
                .hint("close some pages, or try again in a minute"));
        }
        let (moved, moves) = watch::channel(Version::default());
        streams.insert(
            id,
            Held {
                owner: owner.to_owned(),
                subscribed: BTreeMap::new(),
                last: 0,
                left_at: None,
                moved,
            },
        );
        Ok(moves)
    }

    /// Takes a stream up again; a connection it still has ends.
    pub(crate) fn resume(
        &self,
        place: &Place,
        owner: &str,
    ) -> Result<watch::Receiver<Version>, Problem> {
        let mut streams = self.lock();
        let held = find(&mut streams, place.stream, owner)?;
        for (id, after) in &place.after {
            if let Some(subscribed) = held.subscribed.get_mut(id) {
                subscribed.after = *after;
            }
        }
        held.left_at = None;
        held.moved.send_modify(|version| version.connection += 1);
        Ok(held.moved.subscribe())
    }

    /// Notes that a connection ended.
    pub(crate) fn leave(&self, place: &Place, connection: u64) {
        let mut streams = self.lock();
        if let Some(held) = streams.get_mut(&place.stream)
            && held.moved.borrow().connection == connection
        {
            for (id, after) in &place.after {
                if let Some(subscribed) = held.subscribed.get_mut(id) {
                    subscribed.after = *after;
                }
            }
            held.left_at = Some(Instant::now());
        }
    }

    /// Adds a subscription.
    pub(crate) fn subscribe(
        &self,
        stream: Uuid,
        owner: &str,
        new: Subscribed,
    ) -> Result<u32, Problem> {
        let mut streams = self.lock();
        let held = find(&mut streams, stream, owner)?;
        if held.subscribed.len() >= SUBSCRIPTIONS_MAX {
            let detail =
                format!("the stream has {SUBSCRIPTIONS_MAX} subscriptions, which is the limit");
            return Err(Problem::new("input.invalid", detail).hint("end one of them first"));
        }
        held.last += 1;
        held.subscribed.insert(held.last, new);
        held.moved.send_modify(|version| version.changes += 1);
        Ok(held.last)
    }

    /// Ends a subscription.
    pub(crate) fn unsubscribe(&self, stream: Uuid, owner: &str, id: u32) -> Result<(), Problem> {
        let mut streams = self.lock();
        let held = find(&mut streams, stream, owner)?;
        if held.subscribed.remove(&id).is_none() {
            let detail = format!("the stream has no subscription {id}");
            return Err(Problem::new("subject.not_found", detail));
        }
        held.moved.send_modify(|version| version.changes += 1);
        Ok(())
    }

    /// Lists what a stream is subscribed to.
    pub(crate) fn subscribed(&self, stream: Uuid) -> BTreeMap<u32, Subscribed> {
        let streams = self.lock();
        let held = streams.get(&stream);
        held.map(|held| held.subscribed.clone()).unwrap_or_default()
    }

    /// Gives all streams that are still kept.
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Held>> {
        let mut streams = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let is_kept = |held: &Held| held.left_at.is_none_or(|at| at.elapsed() < self.kept);
        streams.retain(|_, held| is_kept(held));
        streams
    }
}

/// Finds a stream; somebody else's is none.
fn find<'a>(
    streams: &'a mut HashMap<Uuid, Held>,
    id: Uuid,
    owner: &str,
) -> Result<&'a mut Held, Problem> {
    let held = streams.get_mut(&id).filter(|held| held.owner == owner);
    held.ok_or_else(|| {
        Problem::new("subject.not_found", format!("there is no stream {id}"))
            .hint("a stream is kept for a minute after its connection ended: open a new one, then subscribe again")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(after: u64) -> Subscribed {
        Subscribed {
            topic: Topic::Output(RunId::new(Uuid::nil())),
            after,
        }
    }

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let place = Place {
            stream: Uuid::nil(),
            after: [(1, 7), (3, 0)].into(),
        };
        assert_eq!(place.to_string().parse(), Ok(place));
        for wrong in ["", "x/1=2", "00000000-0000-0000-0000-000000000000/1"] {
            assert_eq!(wrong.parse::<Place>(), Err(()), "{wrong}");
        }
    }

    // W4: a stream goes on where it was, for a while, and for who opened it.
    #[test]
    fn a_stream_outlives_its_connection_and_is_nobody_elses() {
        let streams = Streams::default();
        let stream = Uuid::from_u128(1);
        streams.open(stream, "ada").unwrap();
        let id = streams.subscribe(stream, "ada", output(0)).unwrap();
        let place = Place {
            stream,
            after: [(id, 9)].into(),
        };
        assert!(streams.resume(&place, "bob").is_err());
        streams.leave(&place, 0);
        streams.resume(&place, "ada").unwrap();
        assert_eq!(streams.subscribed(stream), [(id, output(9))].into());
        // The connection before this one ends late: that changes nothing.
        streams.leave(&place, 0);
        let impatient = Streams {
            kept: Duration::ZERO,
            ..streams
        };
        impatient.unsubscribe(stream, "ada", id).unwrap();
        impatient.leave(&place, 1);
        assert!(impatient.subscribe(stream, "ada", output(0)).is_err());
    }

    #[test]
    fn subscriptions_are_bounded() {
        let streams = Streams::default();
        streams.open(Uuid::nil(), "ada").unwrap();
        for _ in 0..SUBSCRIPTIONS_MAX {
            streams.subscribe(Uuid::nil(), "ada", output(0)).unwrap();
        }
        assert!(streams.subscribe(Uuid::nil(), "ada", output(0)).is_err());
        assert_eq!(
            streams
                .unsubscribe(Uuid::nil(), "ada", 99)
                .unwrap_err()
                .code,
            "subject.not_found"
        );
    }
}
