//! The archive: what ended long ago is kept out of the way of what goes on.
//!
//! A *unit* is a request with its plans, runs, change sets, approvals and entries. It moves as one,
//! in one transaction, into tables of the same shape, and comes back the same way when a command
//! needs any part of it. Rows move, events never: a row's place follows from no event, and what a
//! row says is the same in both places.
//!
//! Whoever reads one thing by its id, or the things of one request, run or parent, need not know
//! where it lies. Lists of everything leave the archive out unless they are asked for it.

use std::collections::VecDeque;

use hyperion_fault::{Point, reached};
use hyperion_model::machine::Row;
use hyperion_model::{Noun, Time, Uuid};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::{ReadError, StoreError};
use crate::key::KeyRing;
use crate::let_go;
use crate::purge::store_error;
use crate::rows::{self, Stored, for_noun};
use crate::store::Store;
use crate::writer::Writer;

/// What belongs to a request, itself included.
pub(crate) const UNIT: [Noun; 6] = [
    Noun::Request,
    Noun::Plan,
    Noun::Run,
    Noun::ChangeSet,
    Noun::Approval,
    Noun::Entry,
];

/// Entries that ended in one of these states may be taken up again: they wait for a person, or for
/// their time as dead letters, where they can be seen.
const WAITS_FOR_A_PERSON: &str = "('dead', 'failed', 'quarantined')";

/// How many rows one transaction moves at most, so that others can write in between.
const STEP_ROWS: u64 = 500;

/// How many requests are looked at before the writer is asked to move them.
const LOOK: usize = 200;

/// What was moved into the archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Archived {
    /// How many requests, each with all that belongs to it.
    pub units: u64,
    /// How many rows in all.
    pub rows: u64,
    /// Whether there may be more: the limit was reached.
    pub more: bool,
}

/// A request that ended, and where to go on behind it.
#[derive(Clone, Copy)]
struct Candidate {
    id: Uuid,
    ended_ms: i64,
    seq: u64,
}

impl Store {
    /// Archives requests that ended before a time, with all that belongs to them; their content goes.
    ///
    /// A request stays while any part of it is open, changed since, may be taken up again by a
    /// person, cannot be read, or is what something open refers to. It stops after `max_units`.
    pub fn archive(&self, ended_before: Time, max_units: u64) -> Result<Archived, StoreError> {
        let before_ms = ended_before.as_millisecond();
        let mut archived = Archived::default();
        let mut place = (i64::MIN, 0);
        loop {
            // A reader searches, so that the search does not block the writer.
            let mut found = self
                .read(|conn| candidates(conn, before_ms, place))
                .map_err(store_error)?;
            let Some(last) = found.back() else {
                return Ok(archived);
            };
            place = (last.ended_ms, last.seq);
            while !found.is_empty() {
                if archived.units >= max_units {
                    archived.more = true;
                    return Ok(archived);
                }
                let step: Vec<Uuid> = found.iter().map(|candidate| candidate.id).collect();
                let most = max_units - archived.units;
                let moved =
                    self.operate(move |writer| archive_some(writer, &step, before_ms, most))?;
                reached(Point::ArchiveUnitsCommitted);
                archived.units += moved.units;
                archived.rows += moved.rows;
                found.drain(..moved.looked_at);
            }
        }
    }
}

fn candidates(
    conn: &Connection,
    before_ms: i64,
    (ended_ms, seq): (i64, u64),
) -> Result<VecDeque<Candidate>, ReadError> {
    let found = conn
        .prepare_cached(&format!(
            "SELECT id, updated_ms, created_seq FROM request
             WHERE open = 0 AND updated_ms < ?1 AND (updated_ms, created_seq) > (?2, ?3)
             ORDER BY updated_ms, created_seq LIMIT {LOOK}"
        ))?
        .query_map(params![before_ms, ended_ms, seq], |row| {
            Ok(Candidate {
                id: Uuid::from_bytes(row.get(0)?),
                ended_ms: row.get(1)?,
                seq: row.get(2)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

/// What one transaction moved.
struct Moved {
    units: u64,
    rows: u64,
    /// How many of the requests it was given were dealt with, moved or not.
    looked_at: usize,
}

/// Archives the first few of these requests.
fn archive_some(
    writer: &Writer,
    requests: &[Uuid],
    before_ms: i64,
    most: u64,
) -> Result<Moved, StoreError> {
    let mut moved = Moved {
        units: 0,
        rows: 0,
        looked_at: 0,
    };
    for request in requests {
        if moved.rows >= STEP_ROWS || moved.units >= most {
            break;
        }
        moved.looked_at += 1;
        if may_go(&writer.conn, *request, before_ms)? {
            moved.units += 1;
            moved.rows += move_unit(
                writer,
                *request,
                Way::In {
                    purge_ms: before_ms,
                },
            )?;
        }
    }
    reached(Point::ArchiveUnitsMoved);
    Ok(moved)
}

/// Names a row by its table and id.
type Member = (&'static str, [u8; 16]);

/// Lists a request and all that belongs to it; nothing when it is not there, or part of it is open,
/// changed since, or may be taken up again by a person.
pub(crate) fn members_at_rest(
    conn: &Connection,
    request: Uuid,
    before_ms: i64,
) -> Result<Option<Vec<Member>>, StoreError> {
    let mut ids: Vec<Member> = Vec::new();
    for noun in UNIT {
        let table = noun.name();
        let mut statement = conn.prepare_cached(&format!(
            "SELECT id, open = 1 OR updated_ms >= ?2 {} FROM \"{table}\" WHERE {}",
            match noun {
                Noun::Entry => format!("OR status IN {WAITS_FOR_A_PERSON}"),
                _ => String::new(),
            },
            key_column(noun),
        ))?;
        let mut found = statement.query(params![request.as_bytes(), before_ms])?;
        while let Some(row) = found.next()? {
            if row.get(1)? {
                return Ok(None);
            }
            ids.push((table, row.get::<_, [u8; 16]>(0)?));
        }
    }
    // Moved meanwhile.
    if ids
        .first()
        .is_none_or(|(table, _)| *table != Noun::Request.name())
    {
        return Ok(None);
    }
    Ok(Some(ids))
}

/// Tells whether nothing needs a request, or anything that belongs to it, any more.
fn may_go(conn: &Connection, request: Uuid, before_ms: i64) -> Result<bool, StoreError> {
    let Some(members) = members_at_rest(conn, request, before_ms)? else {
        return Ok(false);
    };
    for (table, id) in members {
        let set_aside: bool = conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM quarantine WHERE noun = ?1 AND id = ?2)")?
            .query_row(params![table, id], |row| row.get(0))?;
        if set_aside {
            return Ok(false);
        }
        for noun in UNIT {
            let needed: bool = conn
                .prepare_cached(&format!(
                    "SELECT EXISTS (SELECT 1 FROM \"{}\" WHERE parent = ?1 AND open = 1)",
                    noun.name()
                ))?
                .query_row([id], |row| row.get(0))?;
            if needed {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Names the column that holds the request a row belongs to, as a condition on `?1`.
pub(crate) const fn key_column(noun: Noun) -> &'static str {
    match noun {
        // There is no index on its own id under that name.
        Noun::Request => "id = ?1",
        _ => "request_id = ?1",
    }
}

/// Into the archive, or out of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Content that was not let go of yet is, from then on.
    In {
        purge_ms: i64,
    },
    Out,
}

/// Tells whether rows of a noun can be in the archive.
pub(crate) fn has_archive(noun: Noun) -> bool {
    UNIT.contains(&noun)
}

/// Moves a request and all that belongs to it; tells how many rows.
fn move_unit(writer: &Writer, request: Uuid, way: Way) -> Result<u64, StoreError> {
    let mut moved = 0;
    for noun in UNIT {
        moved += for_noun!(noun, M => move_rows::<M>(writer, request, way))?;
    }
    Ok(moved)
}

const COLUMNS: &str = "created_seq, updated_seq, id, status, open, request_id, repo_id, run_id,
    parent, due_ms, created_ms, updated_ms, doc";

fn move_rows<M: Stored>(writer: &Writer, request: Uuid, way: Way) -> Result<u64, StoreError> {
    let (conn, noun) = (&writer.conn, M::NOUN.name());
    let archive = format!("{noun}_archive");
    let (from, to) = match way {
        Way::In { .. } => (noun, archive.as_str()),
        Way::Out => (archive.as_str(), noun),
    };
    let key = key_column(M::NOUN);
    let found: Vec<([u8; 16], String, Option<M>)> = conn
        .prepare_cached(&format!(
            "SELECT id, status, doc FROM \"{from}\" WHERE {key}"
        ))?
        .query_map([request.as_bytes()], |row| {
            let doc = row.get_ref(2)?;
            Ok((row.get(0)?, row.get(1)?, rows::parse(doc.as_bytes()?).ok()))
        })?
        .collect::<Result<_, _>>()?;
    conn.prepare_cached(&format!(
        "INSERT INTO \"{to}\" ({COLUMNS}) SELECT {COLUMNS} FROM \"{from}\" WHERE {key}"
    ))?
    .execute([request.as_bytes()])?;
    conn.prepare_cached(&format!("DELETE FROM \"{from}\" WHERE {key}"))?
        .execute([request.as_bytes()])?;
    for (id, status, state) in &found {
        conn.prepare_cached(
            "INSERT INTO archive_count (noun, status, rows) VALUES (?1, ?2, ?3)
             ON CONFLICT (noun, status) DO UPDATE SET rows = rows + ?3",
        )?
        .execute(params![noun, status, if way == Way::Out { -1 } else { 1 }])?;
        // A row that cannot be read keeps its references where they are: both places count.
        if let Some(state) = state {
            move_references(conn, &writer.keys, noun, id, &state.row(), way)?;
        }
    }
    Ok(found.len() as u64)
}

fn move_references(
    conn: &Connection,
    keys: &KeyRing,
    noun: &str,
    id: &[u8; 16],
    row: &Row,
    way: Way,
) -> Result<(), StoreError> {
    match way {
        Way::In { purge_ms } => {
            for digest in let_go::content(row) {
                let_go::set_aside(conn, keys, noun, id, digest, Some(purge_ms))?;
            }
            for digest in &row.kept {
                let_go::set_aside(conn, keys, noun, id, digest, None)?;
            }
        }
        // Content that was let go of may be purged by now, so it is not referred to again.
        Way::Out => {
            for name in row.kept.iter().flat_map(|digest| keys.blob_names(digest)) {
                let gone = conn
                    .prepare_cached(
                        "DELETE FROM reference_archive
                         WHERE name = ?1 AND noun = ?2 AND id = ?3 AND holds = 1",
                    )?
                    .execute(params![name, noun, id])?;
                if gone > 0 {
                    conn.prepare_cached(
                        "INSERT OR REPLACE INTO reference (name, noun, id, open)
                         VALUES (?1, ?2, ?3, 0)",
                    )?
                    .execute(params![name, noun, id])?;
                }
            }
        }
    }
    Ok(())
}

/// Brings back the unit that a subject belongs to; tells whether it was in the archive.
pub(crate) fn bring_back(writer: &Writer, noun: Noun, id: Uuid) -> Result<bool, StoreError> {
    if !has_archive(noun) {
        return Ok(false);
    }
    let request: Option<[u8; 16]> = writer
        .conn
        .prepare_cached(&format!(
            "SELECT request_id FROM \"{}_archive\" WHERE id = ?1",
            noun.name()
        ))?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?
        .flatten();
    let Some(request) = request else {
        return Ok(false);
    };
    move_unit(writer, Uuid::from_bytes(request), Way::Out)?;
    reached(Point::ArchiveUnitBroughtBack);
    Ok(true)
}

/// Brings back what a new row belongs to or refers to: a unit is never split, and nothing open
/// refers to the archive. What is known to be living needs no looking for.
pub(crate) fn bring_back_referred(
    writer: &Writer,
    row: &Row,
    living: &[Uuid],
) -> Result<(), StoreError> {
    if let Some(request) = row.request.filter(|id| !living.contains(&id.uuid())) {
        bring_back(writer, Noun::Request, request.uuid())?;
    }
    if let Some(parent) = row.parent.filter(|id| !living.contains(id)) {
        for noun in UNIT {
            bring_back(writer, noun, parent)?;
        }
    }
    Ok(())
}

/// Makes way for a row that is written anew: what it belongs to comes back as a whole.
pub(crate) fn take_out(writer: &Writer, noun: Noun, id: Uuid, row: &Row) -> Result<(), StoreError> {
    if !has_archive(noun) {
        return Ok(());
    }
    let conn = &writer.conn;
    let gone = conn.execute(
        &format!("DELETE FROM \"{}_archive\" WHERE id = ?1", noun.name()),
        [id.as_bytes()],
    )?;
    let rest = is_archived(conn, row)?;
    if gone > 0 || rest {
        // Whoever damaged the row may have damaged the figures.
        for noun in UNIT {
            recount(conn, noun)?;
        }
    }
    if let Some(request) = row.request.filter(|_| rest) {
        move_unit(writer, request.uuid(), Way::Out)?;
    }
    Ok(())
}

/// Tells whether the request a row belongs to is archived, so that its other rows are, too.
fn is_archived(conn: &Connection, row: &Row) -> Result<bool, rusqlite::Error> {
    let Some(request) = row.request else {
        return Ok(false);
    };
    for noun in UNIT {
        let found: bool = conn
            .prepare_cached(&format!(
                "SELECT EXISTS (SELECT 1 FROM \"{}_archive\" WHERE {})",
                noun.name(),
                key_column(noun)
            ))?
            .query_row([request.uuid().as_bytes()], |row| row.get(0))?;
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Counts archived rows by the figures that are kept.
pub(crate) fn count(
    conn: &Connection,
    noun: Noun,
    statuses: &[&'static str],
) -> Result<u64, rusqlite::Error> {
    let mut statement =
        conn.prepare_cached("SELECT status, rows FROM archive_count WHERE noun = ?1")?;
    let mut found = statement.query([noun.name()])?;
    let mut sum: i64 = 0;
    while let Some(row) = found.next()? {
        let status: String = row.get(0)?;
        if statuses.is_empty() || statuses.contains(&status.as_str()) {
            sum += row.get::<_, i64>(1)?;
        }
    }
    Ok(u64::try_from(sum).unwrap_or(0))
}

/// Counts a noun's archive afresh.
pub(crate) fn recount(conn: &Connection, noun: Noun) -> Result<(), rusqlite::Error> {
    conn.execute("DELETE FROM archive_count WHERE noun = ?1", [noun.name()])?;
    conn.execute(
        &format!(
            "INSERT INTO archive_count (noun, status, rows)
             SELECT ?1, status, count(*) FROM \"{}_archive\" GROUP BY status",
            noun.name()
        ),
        [noun.name()],
    )?;
    Ok(())
}

/// Finds units that lie in both places, and figures that are wrong.
pub(crate) fn inspect(
    conn: &Connection,
    mut found: impl FnMut(Noun, Uuid, &str),
) -> Result<(), rusqlite::Error> {
    for noun in UNIT {
        let table = noun.name();
        let key = match noun {
            Noun::Request => "id",
            _ => "request_id",
        };
        let mut each = |sql: &str, detail: &str| -> Result<(), rusqlite::Error> {
            let mut statement = conn.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                found(noun, Uuid::from_bytes(row.get(0)?), detail);
            }
            Ok(())
        };
        each(
            &format!(
                "SELECT id FROM \"{table}_archive\" AS old
                 WHERE EXISTS (SELECT 1 FROM \"{table}\" WHERE id = old.id)"
            ),
            "it is both in the archive and outside of it",
        )?;
        each(
            &format!(
                "SELECT id FROM \"{table}_archive\" AS old
                 WHERE NOT EXISTS (SELECT 1 FROM request_archive WHERE id = old.{key})"
            ),
            "it is archived, but the request it belongs to is not",
        )?;
        each(
            &format!(
                "SELECT id FROM \"{table}\" AS new
                 WHERE EXISTS (SELECT 1 FROM request_archive WHERE id = new.{key})"
            ),
            "the request it belongs to is archived, but it is not",
        )?;
    }
    Ok(())
}

/// Names a state whose figure is not how many rows there are.
pub(crate) fn wrong_figure(conn: &Connection) -> Result<Option<String>, rusqlite::Error> {
    for noun in UNIT {
        let table = noun.name();
        let wrong = conn
            .prepare(&format!(
                "SELECT status, sum(kept), sum(there) FROM (
                   SELECT status, rows AS kept, 0 AS there FROM archive_count WHERE noun = ?1
                   UNION ALL
                   SELECT status, 0, count(*) FROM \"{table}_archive\" GROUP BY status)
                 GROUP BY status HAVING sum(kept) <> sum(there) LIMIT 1"
            ))?
            .query_row([table], |row| {
                let (status, kept, there): (String, i64, i64) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(format!(
                    "the archive says that it has {kept} {noun}s that are {status}; it has {there}"
                ))
            })
            .optional()?;
        if wrong.is_some() {
            return Ok(wrong);
        }
    }
    Ok(None)
}
