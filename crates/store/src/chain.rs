//! The chain of events: each holds the hash of the one before; the end is sealed with a key.

use std::sync::Arc;

use hyperion_model::{Digest, Event, StoredEvent};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::StoreError;
use crate::execute::MAX_EVENT_BYTES;
use crate::key::Key;

/// The end of the chain: what a landing's trailer quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of the last event; 0 when there is none.
    pub seq: u64,
    /// Its hash; all zeroes when there is none.
    pub hash: Digest,
}

impl Head {
    /// The start of every chain.
    pub(crate) const START: Head = Head {
        seq: 0,
        hash: Digest::from_bytes([0; 32]),
    };
}

/// The row that seals the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedHead {
    pub(crate) head: Head,
    pub(crate) key_id: String,
    pub(crate) mac: Vec<u8>,
}

impl SealedHead {
    pub(crate) fn seal(head: Head, key: &Key) -> Self {
        let mac = key.seal_head(head.seq, &head.hash).to_vec();
        Self {
            head,
            key_id: key.id().to_owned(),
            mac,
        }
    }

    pub(crate) fn is_sealed_by(&self, key: &Key) -> bool {
        key.check_head(self.head.seq, &self.head.hash, &self.mac)
    }

    pub(crate) fn load(conn: &Connection) -> Result<Option<Self>, rusqlite::Error> {
        conn.prepare_cached("SELECT seq, hash, key_id, mac FROM head WHERE one = 1")?
            .query_row([], Self::from_row)
            .optional()
    }

    pub(crate) fn load_former(conn: &Connection) -> Result<Vec<Self>, rusqlite::Error> {
        conn.prepare("SELECT seq, hash, key_id, mac FROM former_head ORDER BY seq, key_id")?
            .query_map([], Self::from_row)?
            .collect()
    }

    fn from_row(row: &rusqlite::Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            head: Head {
                seq: row.get(0)?,
                hash: Digest::from_bytes(row.get(1)?),
            },
            key_id: row.get(2)?,
            mac: row.get(3)?,
        })
    }

    pub(crate) fn save(&self, conn: &Connection) -> Result<(), rusqlite::Error> {
        let Self {
            head: Head { seq, hash },
            key_id,
            mac,
        } = self;
        conn.prepare_cached(
            "INSERT INTO head (one, seq, hash, key_id, mac) VALUES (1, ?1, ?2, ?3, ?4)
             ON CONFLICT (one) DO UPDATE SET
               seq = excluded.seq, hash = excluded.hash, key_id = excluded.key_id, mac = excluded.mac",
        )?
        .execute(params![seq, hash.as_bytes(), key_id, mac])?;
        Ok(())
    }

    /// Keeps the last seal of a key that is replaced.
    pub(crate) fn save_former(&self, conn: &Connection) -> Result<(), rusqlite::Error> {
        let Self {
            head: Head { seq, hash },
            key_id,
            mac,
        } = self;
        conn.execute(
            "INSERT OR IGNORE INTO former_head (seq, hash, key_id, mac) VALUES (?1, ?2, ?3, ?4)",
            params![seq, hash.as_bytes(), key_id, mac],
        )?;
        Ok(())
    }
}

/// Reads the number and the hash of the last event that is there, whatever the head says.
pub(crate) fn last_event(conn: &Connection) -> Result<Head, rusqlite::Error> {
    let last = conn
        .prepare_cached("SELECT seq, text FROM event ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| {
            let text = row.get_ref(1)?;
            Ok(Head {
                seq: row.get(0)?,
                hash: Digest::of(text.as_bytes()?),
            })
        })
        .optional()?;
    Ok(last.unwrap_or(Head::START))
}

/// Writes an event behind the head and moves the head on.
pub(crate) fn append(
    conn: &Connection,
    head: &mut Head,
    event: Event,
) -> Result<Arc<StoredEvent>, StoreError> {
    let seq = head.seq + 1;
    let text = event.seal(seq, head.hash);
    if text.len() > MAX_EVENT_BYTES {
        return Err(StoreError::TooLarge {
            what: "an event, in bytes",
            given: text.len(),
            max: MAX_EVENT_BYTES,
        });
    }
    let stored = StoredEvent {
        seq,
        prev_hash: head.hash,
        hash: Digest::of(text.as_bytes()),
        event,
    };
    insert(conn, &stored, &text)?;
    *head = Head {
        seq,
        hash: stored.hash,
    };
    Ok(Arc::new(stored))
}

/// Writes an event that was sealed into this very chain before; says what does not fit.
pub(crate) fn take(conn: &Connection, head: &mut Head, text: &str) -> Result<StoredEvent, String> {
    let seq = head.seq + 1;
    let stored = StoredEvent::parse(text).map_err(|error| format!("the event {seq}: {error}"))?;
    if stored.seq != seq {
        return Err(format!(
            "where the event {seq} belongs is the event {}",
            stored.seq
        ));
    }
    if stored.prev_hash != head.hash {
        return Err(format!("the event {seq} does not follow the one before it"));
    }
    insert(conn, &stored, text).map_err(|error| error.to_string())?;
    *head = Head {
        seq,
        hash: stored.hash,
    };
    Ok(stored)
}

fn insert(conn: &Connection, stored: &StoredEvent, text: &str) -> Result<(), rusqlite::Error> {
    let StoredEvent {
        seq,
        event:
            Event {
                id: _,
                stamp,
                subject,
                request,
                run,
                fact: _,
            },
        ..
    } = stored;
    conn.prepare_cached(
        "INSERT INTO event (seq, subject_type, subject_id, kind, request_id, run_id, time_ms, text)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        seq,
        subject.noun().name(),
        subject.uuid().as_bytes(),
        hyperion_model::event::kind_of(text),
        request.map(|id| id.uuid().into_bytes()),
        run.map(|id| id.uuid().into_bytes()),
        stamp.time.as_millisecond(),
        text,
    ])?;
    Ok(())
}
