//! Rows that cannot be read: set aside and named, while everything else goes on.

use hyperion_model::{Noun, Subject, Uuid};
use rusqlite::{Connection, params};

use crate::archive;
use crate::error::{ReadError, StoreError};
use crate::history::{self, History};
use crate::rows::{self, RowStamp, Stored, for_noun};
use crate::store::Store;
use crate::writer::{Operation, Reply, Writer};

/// The most rows one answer lists.
const MAX_LISTED: u32 = 1000;

/// The longest description of what is wrong, in characters.
const MAX_DETAIL_CHARS: usize = 500;

/// A row that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Which.
    pub subject: Subject,
    /// What is wrong with it.
    pub detail: String,
    /// The number of the last event when it was found.
    pub found_seq: u64,
}

impl Store {
    /// Lists the rows that were set aside.
    pub fn quarantined(&self) -> Result<Vec<Quarantined>, ReadError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(&format!(
                "SELECT noun, id, detail, found_seq FROM quarantine ORDER BY found_seq, noun, id
                 LIMIT {MAX_LISTED}"
            ))?;
            let found = statement.query_map([], |row| {
                let noun: String = row.get(0)?;
                let id = Uuid::from_bytes(row.get(1)?);
                Ok((Noun::from_name(&noun), id, row.get(2)?, row.get(3)?))
            })?;
            let mut all = Vec::new();
            for row in found {
                if let (Some(noun), id, detail, found_seq) = row? {
                    all.push(Quarantined {
                        subject: rows::subject_of(noun, id),
                        detail,
                        found_seq,
                    });
                }
            }
            Ok(all)
        })
    }

    /// Writes a row anew from its events, and takes it out of quarantine; removes it if no event speaks of it.
    pub fn rebuild(&self, subject: Subject) -> Result<(), StoreError> {
        self.operate(move |writer| rebuild_row(writer, subject))
    }

    /// Has the writer note a row that a reader could not read; a read-only store cannot.
    pub(crate) fn report_damage(&self, subject: Subject, detail: &str) {
        tracing::error!(noun = %subject.noun(), id = %subject.uuid(), detail, "a row cannot be read");
        let detail = detail.to_owned();
        self.try_send(Operation {
            work: move |writer: &mut Writer| {
                let seq = writer.head.seq;
                Ok(record(&writer.conn, subject, &detail, seq)?)
            },
            made: None,
            reply: Reply::Nobody,
        });
    }
}

/// Notes a row that cannot be read; the first finding stays.
pub(crate) fn record(
    conn: &Connection,
    subject: Subject,
    detail: &str,
    seq: u64,
) -> Result<(), rusqlite::Error> {
    let detail: String = detail.chars().take(MAX_DETAIL_CHARS).collect();
    conn.prepare_cached(
        "INSERT OR IGNORE INTO quarantine (noun, id, detail, found_seq) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        subject.noun().name(),
        subject.uuid().as_bytes(),
        detail,
        seq
    ])?;
    Ok(())
}

/// Writes a row anew from its events, and takes it out of quarantine.
pub(crate) fn rebuild_row(writer: &mut Writer, subject: Subject) -> Result<(), StoreError> {
    for_noun!(subject.noun(), M => rebuild::<M>(writer, subject))
}

fn rebuild<M: Stored>(writer: &mut Writer, subject: Subject) -> Result<(), StoreError> {
    let (noun, id) = (M::NOUN.name(), subject.uuid());
    let conn = &writer.conn;
    let Some(found) =
        history::replay_subject::<M>(conn, id).map_err(|detail| StoreError::Damaged {
            detail: format!("the events of the {} {id}: {detail}", M::NOUN),
        })?
    else {
        return remove_stranger(conn, M::NOUN, id);
    };
    archive::take_out(writer, M::NOUN, id, &found.state.row())?;
    // Also remove what is in its place: a row whose own id was damaged may be there.
    conn.execute(
        &format!("DELETE FROM \"{noun}\" WHERE id = ?1 OR created_seq = ?2"),
        params![id.as_bytes(), found.created_seq],
    )?;
    let History {
        state,
        created_seq,
        updated_seq,
        created_at,
        updated_at,
    } = found;
    let row = state.row();
    // Written without its references first: some of what it refers to may be purged by now.
    let stamp = RowStamp {
        created_seq,
        updated_seq,
        time: updated_at,
    };
    rows::insert(conn, &state, &stamp, created_at)?;
    // References are added, never taken away: some may be under a key that comes back one day.
    for digest in &row.blobs {
        rows::put_references(conn, &writer.keys, subject, row.open, digest)?;
    }
    conn.execute(
        "DELETE FROM quarantine WHERE noun = ?1 AND id = ?2",
        params![noun, id.as_bytes()],
    )?;
    Ok(())
}

/// Removes a row that no event speaks of: nothing ever happened that it could say.
fn remove_stranger(conn: &Connection, noun: Noun, id: Uuid) -> Result<(), StoreError> {
    let table = noun.name();
    let mut tables = vec![table.to_owned()];
    tables.extend(archive::has_archive(noun).then(|| format!("{table}_archive")));
    for table in tables {
        conn.execute(
            &format!("DELETE FROM \"{table}\" WHERE id = ?1 OR length(id) != 16"),
            [id.as_bytes()],
        )?;
    }
    for table in ["quarantine", "reference", "reference_archive"] {
        conn.execute(
            &format!("DELETE FROM {table} WHERE noun = ?1 AND id = ?2"),
            params![noun.name(), id.as_bytes()],
        )?;
    }
    if archive::has_archive(noun) {
        archive::recount(conn, noun)?;
    }
    Ok(())
}
