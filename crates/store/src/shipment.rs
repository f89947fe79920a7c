//! What was committed since the last look, as it is stored: events, content, answers.
//!
//! The texts of events are given byte for byte, so that whoever gets them can check the chain;
//! content is given sealed, so that whoever gets it without the key can read nothing.

use std::collections::HashSet;

use hyperion_model::{Digest, Machine as _, Noun, Uuid};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::blob::Place;
use crate::chain::{Head, SealedHead};
use crate::connection;
use crate::error::ReadError;
use crate::key::KeyRing;
use crate::rows::{self, for_noun};
use crate::snapshot::{Positions, positions};
use crate::store::Store;

/// The most events in one shipment.
pub const MAX_SHIPPED_EVENTS: usize = 5_000;

/// The most bytes of events and content in one shipment, roughly; more waits for the next.
pub const MAX_SHIPPED_BYTES: usize = 16 * 1024 * 1024;

/// Where shipping stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShipPosition {
    /// The last event that was shipped.
    pub seq: u64,
    /// How far the tables without events were shipped.
    pub tables: Positions,
}

/// The end of a chain with its seal, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// The end of the chain.
    pub head: Head,
    /// Which key sealed it.
    pub key_id: String,
    /// The seal.
    pub mac: Vec<u8>,
}

/// One content, sealed as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedContent {
    /// Its name: an HMAC of its digest.
    pub name: [u8; 32],
    /// The key it is sealed with.
    pub key_id: String,
    /// How long it is when opened.
    pub bytes: u64,
    /// When it was stored, in milliseconds since 1970.
    pub created_ms: i64,
    /// Its file below the blobs folder, when it is large.
    pub file: Option<String>,
    /// The sealed bytes, when it is small.
    pub body: Option<Vec<u8>>,
}

/// The answer that was kept for an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The key.
    pub key: String,
    /// Its first event.
    pub first_seq: u64,
    /// Its last event.
    pub last_seq: u64,
    /// When it was given, in milliseconds since 1970.
    pub time_ms: i64,
    /// What the key is bound to, where that is known.
    pub digest: Option<Digest>,
}

/// What was committed since the last look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    /// The end of the chain before its first event.
    pub before: Head,
    /// The exact stored texts, in order, from `before.seq + 1` on.
    pub events: Vec<String>,
    /// The seal on its last event; none when it was cut short, and more follows.
    pub seal: Option<Seal>,
    /// New content, and older content that the events' subjects refer to.
    pub contents: Vec<SealedContent>,
    /// New kept answers.
    pub answers: Vec<KeptAnswer>,
    /// Where the next shipment goes on.
    pub next: ShipPosition,
}

impl Store {
    /// Gives what was committed behind a position; nothing when there is no new event.
    ///
    /// `shipped` names content that need not come again; content that an event's subject refers to
    /// and that is not in there is given also when it is older.
    pub fn shipment(
        &self,
        from: &ShipPosition,
        shipped: &HashSet<[u8; 32]>,
    ) -> Result<Option<Shipment>, ReadError> {
        // A connection of its own: with a slow disk, one from the pool would keep readers waiting.
        let conn = connection::open_reader(self.database())?;
        let tx = conn.unchecked_transaction()?;
        read(&tx, self.keys(), from, shipped)
    }
}

fn read(
    conn: &Connection,
    keys: &KeyRing,
    from: &ShipPosition,
    shipped: &HashSet<[u8; 32]>,
) -> Result<Option<Shipment>, ReadError> {
    let before = match from.seq {
        0 => Head::START,
        seq => Head {
            seq,
            hash: hash_of(conn, seq)?.ok_or_else(|| ReadError::Damaged {
                detail: format!("the event {seq}, which was shipped, is not there"),
            })?,
        },
    };
    let (events, whole) = texts(conn, from.seq)?;
    let Some(last) = events.last() else {
        return Ok(None);
    };
    let end = Head {
        seq: from.seq + events.len() as u64,
        hash: Digest::of(last.as_bytes()),
    };
    let seal = SealedHead::load(conn)?
        .filter(|sealed| whole && sealed.head == end)
        .map(|SealedHead { head, key_id, mac }| Seal { head, key_id, mac });
    let tables = if whole { positions(conn)? } else { from.tables };
    let mut contents = Vec::new();
    let mut seen = HashSet::new();
    let mut wanted = named_by_subjects(conn, keys, from.seq, end.seq)?;
    if whole {
        wanted.extend(names_behind(conn, from.tables.blob)?);
    }
    for name in wanted {
        if !shipped.contains(&name) && seen.insert(name) {
            contents.extend(content(conn, name)?);
        }
    }
    Ok(Some(Shipment {
        before,
        events,
        seal,
        contents,
        answers: answers(conn, from.tables.receipt, whole)?,
        next: ShipPosition {
            seq: end.seq,
            tables,
        },
    }))
}

pub(crate) fn hash_of(conn: &Connection, seq: u64) -> Result<Option<Digest>, rusqlite::Error> {
    conn.prepare_cached("SELECT text FROM event WHERE seq = ?1")?
        .query_row([seq], |row| {
            Ok(Digest::of(row.get_ref(0)?.as_bytes().unwrap_or_default()))
        })
        .optional()
}

/// Reads texts up to the limits; tells whether these are all there are.
fn texts(conn: &Connection, after: u64) -> Result<(Vec<String>, bool), ReadError> {
    let mut statement =
        conn.prepare_cached("SELECT seq, text FROM event WHERE seq > ?1 ORDER BY seq")?;
    let mut rows = statement.query([after])?;
    let (mut events, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        if events.len() == MAX_SHIPPED_EVENTS || bytes >= MAX_SHIPPED_BYTES {
            return Ok((events, false));
        }
        let seq: u64 = row.get(0)?;
        if seq != after + 1 + events.len() as u64 {
            return Err(ReadError::Damaged {
                detail: format!("the event before {seq} is missing"),
            });
        }
        let text: String = row.get(1)?;
        bytes += text.len();
        events.push(text);
    }
    Ok((events, true))
}

/// Names what the subjects of some events refer to by now.
fn named_by_subjects(
    conn: &Connection,
    keys: &KeyRing,
    after: u64,
    last: u64,
) -> Result<Vec<[u8; 32]>, rusqlite::Error> {
    let subjects: Vec<(String, [u8; 16])> = conn
        .prepare_cached(
            "SELECT DISTINCT subject_type, subject_id FROM event WHERE seq > ?1 AND seq <= ?2",
        )?
        .query_map([after, last], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut names = Vec::new();
    for (noun, id) in subjects {
        // From the state and not from `reference`, which is not searched by subject.
        let Some(noun) = Noun::from_name(&noun) else {
            continue;
        };
        let digests = for_noun!(noun, M => match rows::load::<M>(conn, Uuid::from_bytes(id)) {
            Ok(Some(loaded)) => loaded.state.row().blobs,
            // A row that cannot be read is rebuilt from its events where it is restored.
            Ok(None) | Err(_) => Vec::new(),
        });
        names.extend(digests.iter().flat_map(|digest| keys.blob_names(digest)));
    }
    Ok(names)
}

fn names_behind(conn: &Connection, row: u64) -> Result<Vec<[u8; 32]>, rusqlite::Error> {
    conn.prepare_cached("SELECT name FROM blob WHERE rowid > ?1 ORDER BY rowid")?
        .query_map([row], |row| row.get(0))?
        .collect()
}

/// Reads sealed content; nothing when it was purged.
fn content(conn: &Connection, name: [u8; 32]) -> Result<Option<SealedContent>, rusqlite::Error> {
    let found = conn
        .prepare_cached(
            "SELECT key_id, bytes, place, file, body, created_ms FROM blob WHERE name = ?1",
        )?
        .query_row(params![name], |row| {
            let content = SealedContent {
                name,
                key_id: row.get(0)?,
                bytes: row.get(1)?,
                file: row.get(3)?,
                body: row.get(4)?,
                created_ms: row.get(5)?,
            };
            Ok((row.get::<_, Place>(2)?, content))
        })
        .optional()?;
    Ok(found.and_then(|(place, content)| match place {
        Place::Row | Place::File => Some(content),
        Place::Purged => None,
    }))
}

fn answers(
    conn: &Connection,
    behind: u64,
    whole: bool,
) -> Result<Vec<KeptAnswer>, rusqlite::Error> {
    if !whole {
        return Ok(Vec::new());
    }
    conn.prepare_cached(
        "SELECT key, first_seq, last_seq, time_ms, digest FROM receipt
         WHERE rowid > ?1 ORDER BY rowid",
    )?
    .query_map([behind], |row| {
        Ok(KeptAnswer {
            key: row.get(0)?,
            first_seq: row.get(1)?,
            last_seq: row.get(2)?,
            time_ms: row.get(3)?,
            digest: row.get::<_, Option<[u8; 32]>>(4)?.map(Digest::from_bytes),
        })
    })?
    .collect()
}
