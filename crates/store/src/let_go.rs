//! Lets go of content: what a request and all that belongs to it referred to, a while after it ended.
//!
//! Until then a reference holds its content, whether its row is open or not. Letting go moves the
//! references aside and marks the content; purging takes it once nothing else holds it. What a row
//! keeps (its title) stays held. Rows are looked at in the order in which they ended, each noun
//! with a mark of its own that moves in the same transaction, so a crash repeats nothing and
//! forgets nothing; what a clock that was set back hides from it is let go of by the archive.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_fault::{Point, reached};
use hyperion_model::machine::Row;
use hyperion_model::{Digest, Noun, Time, Uuid};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::archive::{self, UNIT};
use crate::error::{ReadError, StoreError};
use crate::key::KeyRing;
use crate::purge::store_error;
use crate::rows::{self, Stored, for_noun};
use crate::store::Store;
use crate::writer::Writer;

/// How many rows one transaction deals with.
const STEP: usize = 50;

/// What was let go of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LetGo {
    /// How many ended rows were looked at.
    pub rows: u64,
    /// Whether there may be more: the limit was reached.
    pub more: bool,
}

/// Up to which row, in the order in which they ended.
type Mark = (i64, u64);

/// A row that ended, with the request it belongs to.
#[derive(Clone, Copy)]
struct Ended {
    place: Mark,
    id: Uuid,
    request: Option<Uuid>,
}

impl Store {
    /// Lets go of the content of what ended before a time, after at most about `max_rows` rows.
    ///
    /// The content of a request stays held while any part of it is open, changed since, or may be
    /// taken up again by a person.
    pub fn let_go(
        &self,
        ended_before: Time,
        now: Time,
        max_rows: u64,
    ) -> Result<LetGo, StoreError> {
        let (before_ms, now_ms) = (ended_before.as_millisecond(), now.as_millisecond());
        let mut gone = LetGo::default();
        // A request shows up with each of its rows; once is enough.
        let mut seen = BTreeSet::new();
        for noun in UNIT {
            loop {
                if gone.rows >= max_rows {
                    gone.more = true;
                    return Ok(gone);
                }
                let ended = self
                    .read(|conn| ended(conn, noun, before_ms))
                    .map_err(store_error)?;
                let Some(last) = ended.last() else { break };
                let (mark, full) = (last.place, ended.len() == STEP);
                gone.rows += ended.len() as u64;
                let mut units: BTreeMap<Uuid, Option<Uuid>> = BTreeMap::new();
                for row in ended {
                    if row.request.is_none_or(|request| seen.insert(request)) {
                        units.insert(row.id, row.request);
                    }
                }
                self.operate(move |writer| {
                    for (id, request) in &units {
                        release_one(writer, noun, *id, *request, before_ms, now_ms)?;
                    }
                    move_mark(&writer.conn, noun.name(), mark)
                })?;
                reached(Point::PurgeContentReleased);
                if !full {
                    break;
                }
            }
        }
        Ok(gone)
    }
}

fn ended(conn: &Connection, noun: Noun, before_ms: i64) -> Result<Vec<Ended>, ReadError> {
    let (ms, seq): Mark = conn
        .prepare_cached("SELECT ended_ms, seq FROM let_go_mark WHERE noun = ?1")?
        .query_row([noun.name()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .unwrap_or((i64::MIN, 0));
    let found = conn
        .prepare_cached(&format!(
            "SELECT updated_ms, created_seq, id, request_id FROM \"{}\"
             WHERE open = 0 AND updated_ms < ?1 AND (updated_ms, created_seq) > (?2, ?3)
             ORDER BY updated_ms, created_seq LIMIT {STEP}",
            noun.name()
        ))?
        .query_map(params![before_ms, ms, seq], |row| {
            Ok(Ended {
                place: (row.get(0)?, row.get(1)?),
                id: Uuid::from_bytes(row.get(2)?),
                request: row.get::<_, Option<[u8; 16]>>(3)?.map(Uuid::from_bytes),
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

pub(crate) fn move_mark(conn: &Connection, noun: &str, (ms, seq): Mark) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO let_go_mark (noun, ended_ms, seq) VALUES (?1, ?2, ?3)
         ON CONFLICT (noun) DO UPDATE SET ended_ms = ?2, seq = ?3",
    )?
    .execute(params![noun, ms, seq])?;
    Ok(())
}

/// Lets go of the content of a request, or of a row that belongs to none.
fn release_one(
    writer: &Writer,
    noun: Noun,
    id: Uuid,
    request: Option<Uuid>,
    before_ms: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    let conn = &writer.conn;
    let Some(request) = request else {
        let column = "id = ?1 AND open = 0 AND request_id IS NULL";
        return for_noun!(noun, M => release_rows::<M>(writer, id, column, now_ms));
    };
    if archive::members_at_rest(conn, request, before_ms)?.is_none() {
        return Ok(());
    }
    for noun in UNIT {
        let column = archive::key_column(noun);
        for_noun!(noun, M => release_rows::<M>(writer, request, column, now_ms))?;
    }
    Ok(())
}

fn release_rows<M: Stored>(
    writer: &Writer,
    key: Uuid,
    condition: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let (conn, noun) = (&writer.conn, M::NOUN.name());
    let found: Vec<([u8; 16], Option<M>)> = conn
        .prepare_cached(&format!("SELECT id, doc FROM \"{noun}\" WHERE {condition}"))?
        .query_map([key.as_bytes()], |row| {
            let doc = row.get_ref(1)?;
            Ok((row.get(0)?, rows::parse(doc.as_bytes()?).ok()))
        })?
        .collect::<Result<_, _>>()?;
    for (id, state) in &found {
        // What cannot be read holds on to its content: it may be mended.
        if let Some(state) = state {
            let row = state.row();
            for digest in content(&row) {
                set_aside(conn, &writer.keys, noun, id, digest, Some(now_ms))?;
            }
        }
    }
    Ok(())
}

/// Gives what of a row's content may go before the row.
pub(crate) fn content(row: &Row) -> impl Iterator<Item = &Digest> {
    row.blobs.iter().filter(|digest| !row.kept.contains(digest))
}

/// Moves a reference aside; from `purge_ms` on it holds nothing any more.
pub(crate) fn set_aside(
    conn: &Connection,
    keys: &KeyRing,
    noun: &str,
    id: &[u8; 16],
    digest: &Digest,
    purge_ms: Option<i64>,
) -> Result<(), StoreError> {
    for name in keys.blob_names(digest) {
        let gone = conn
            .prepare_cached("DELETE FROM reference WHERE name = ?1 AND noun = ?2 AND id = ?3")?
            .execute(params![name, noun, id])?;
        if gone == 0 {
            continue;
        }
        conn.prepare_cached(
            "INSERT OR REPLACE INTO reference_archive (name, noun, id, holds)
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![name, noun, id, purge_ms.is_none()])?;
        if let Some(purge_ms) = purge_ms {
            conn.prepare_cached(
                "UPDATE blob SET purge_after_ms = ?2 WHERE name = ?1 AND place < 2",
            )?
            .execute(params![name, purge_ms])?;
        }
    }
    Ok(())
}
