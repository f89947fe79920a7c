//! What tools were called to do: a bounded log without events.
//!
//! A change is noted before it is made, and its outcome after: a note that stayed `intended` was left by a crash, and the next
//! engine looks at the file whether it was made. What only looked is noted in one record for many calls.

use hyperion_model::{Time, Uuid};
use rusqlite::params;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{ReadError, StoreError};
use crate::lease::time;
use crate::query::MAX_PAGE;
use crate::redact::redact_value;
use crate::store::Store;
use crate::sync::mpsc::Receiver;
use crate::writer::{Operation, Reply, Writer};

/// The most records that are kept; the oldest give way.
pub const MAX_TOOL_RECORDS: u64 = 100_000;

/// The most bytes that the paths of one record may have.
const MAX_PATHS_BYTES: usize = 256 * 1024;

/// One change, or many looks, by a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolRecord {
    /// When it began.
    pub time: Time,
    /// Which session it belongs to.
    pub session: Uuid,
    /// Who opened the session.
    pub actor: String,
    /// The folder that it is bound to.
    pub root: String,
    /// The server, for instance `filesystem`.
    pub server: String,
    /// The tool, for instance `writeFile`.
    pub tool: String,
    /// How many calls it stands for.
    pub calls: u32,
    /// Which paths they were about, of many the first; of a run, its commands.
    pub paths: Vec<String>,
    /// The SHA-256 of what a changed file held; none of a new one.
    pub old_sha256: Option<String>,
    /// The SHA-256 of what it was to hold; none of one that was to be removed.
    pub new_sha256: Option<String>,
    /// `looked`, or of a change `intended`, `done`, or the code it failed with; of a run how it went.
    pub outcome: String,
}

/// A record on its way.
#[derive(Debug)]
#[must_use = "it is not durable yet"]
pub struct Logging(Receiver<Result<i64, StoreError>>);

impl Logging {
    /// Waits until it is durable; gives what [`Store::end_tool`] names it by.
    pub fn wait(self) -> Result<i64, StoreError> {
        self.0.recv().map_err(|_| StoreError::Closed)?
    }
}

impl Store {
    /// Adds a record, durably; gives what [`Store::end_tool`] names it by. Secrets in its paths are masked.
    pub fn log_tool(&self, record: &ToolRecord) -> Result<i64, StoreError> {
        self.begin_tool(record)?.wait()
    }

    /// As [`Store::log_tool`], for whoever has something to do meanwhile.
    pub fn begin_tool(&self, record: &ToolRecord) -> Result<Logging, StoreError> {
        let record = record.clone();
        let answer = self.begin(move |writer| {
            let id = insert(writer, &record)?;
            writer
                .conn
                .prepare_cached(
                    "DELETE FROM tool_log WHERE id <= (SELECT max(id) FROM tool_log) - ?1",
                )?
                .execute([MAX_TOOL_RECORDS])?;
            Ok(id)
        })?;
        Ok(Logging(answer))
    }

    /// Notes how a change went, soon: a crash before leaves it `intended`, as one in the middle of the change does.
    pub fn end_tool(&self, id: i64, outcome: &str) -> Result<(), StoreError> {
        let outcome = outcome.to_owned();
        let work = move |writer: &mut Writer| {
            writer
                .conn
                .prepare_cached("UPDATE tool_log SET outcome = ?2 WHERE id = ?1")?
                .execute(params![id, outcome])?;
            Ok(())
        };
        self.send(Box::new(Operation {
            work,
            made: None::<()>,
            reply: Reply::Nobody,
        }))
    }

    /// Lists the oldest records of a server that are still `intended`, with what [`Store::end_tool`] names them by.
    pub fn tools_intended(
        &self,
        server: &str,
        limit: u32,
    ) -> Result<Vec<(i64, ToolRecord)>, ReadError> {
        self.read(|conn| {
            let records = conn
                .prepare_cached(
                    "SELECT time_ms, session, actor, root, server, tool, calls, paths, old_sha256, new_sha256, outcome, id
                     FROM tool_log WHERE outcome = 'intended' AND server = ?1 ORDER BY id LIMIT ?2",
                )?
                .query_map(params![server, limit.clamp(1, MAX_PAGE)], |row| {
                    Ok((row.get(11)?, from_row(row)?))
                })?
                .collect::<Result<_, _>>()?;
            Ok(records)
        })
    }

    /// Lists the oldest records that ended and are not in the chain, with what [`Store::mark_tools_chained`] names them by.
    pub fn tools_unchained(&self, limit: u32) -> Result<Vec<(i64, ToolRecord)>, ReadError> {
        self.read(|conn| {
            let records = conn
                .prepare_cached(
                    "SELECT time_ms, session, actor, root, server, tool, calls, paths, old_sha256, new_sha256, outcome, id
                     FROM tool_log WHERE chained = 0 AND outcome <> 'intended' ORDER BY id LIMIT ?1",
                )?
                .query_map([limit.clamp(1, MAX_PAGE)], |row| {
                    Ok((row.get(11)?, from_row(row)?))
                })?
                .collect::<Result<_, _>>()?;
            Ok(records)
        })
    }

    /// Notes that records joined the chain, soon: a crash before has them looked at once more.
    pub fn mark_tools_chained(&self, ids: Vec<i64>) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let work = move |writer: &mut Writer| {
            let mut mark = writer
                .conn
                .prepare_cached("UPDATE tool_log SET chained = 1 WHERE id = ?1")?;
            for id in &ids {
                mark.execute([id])?;
            }
            Ok(())
        };
        self.send(Box::new(Operation {
            work,
            made: None::<()>,
            reply: Reply::Nobody,
        }))
    }

    /// Lists the newest records; only those of changes, unless looks are wanted, too.
    pub fn tool_log(&self, with_looks: bool, limit: u32) -> Result<Vec<ToolRecord>, ReadError> {
        // What was handed in before is to be seen; a store that only reads has nothing to wait for.
        let _ = self.operate(|_| Ok(()));
        let sql = format!(
            "SELECT time_ms, session, actor, root, server, tool, calls, paths, old_sha256, new_sha256, outcome
             FROM tool_log {} ORDER BY id DESC LIMIT {}",
            if with_looks { "" } else { "WHERE outcome <> 'looked'" },
            limit.clamp(1, MAX_PAGE),
        );
        self.read(|conn| {
            let records = conn
                .prepare_cached(&sql)?
                .query_map([], from_row)?
                .collect::<Result<_, _>>()?;
            Ok(records)
        })
    }
}

fn insert(writer: &Writer, record: &ToolRecord) -> Result<i64, StoreError> {
    let mut paths = Value::from(record.paths.clone());
    redact_value(writer.redact.as_ref(), &mut paths);
    let paths = paths.to_string();
    if paths.len() > MAX_PATHS_BYTES {
        return Err(StoreError::TooLarge {
            what: "a tool record's paths, in bytes",
            given: paths.len(),
            max: MAX_PATHS_BYTES,
        });
    }
    writer
        .conn
        .prepare_cached(
            "INSERT INTO tool_log (time_ms, session, actor, root, server, tool, calls, paths,
               old_sha256, new_sha256, outcome, chained)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0)",
        )?
        .execute(params![
            record.time.as_millisecond(),
            record.session.as_bytes(),
            record.actor,
            record.root,
            record.server,
            record.tool,
            record.calls,
            paths,
            record.old_sha256,
            record.new_sha256,
            record.outcome,
        ])?;
    Ok(writer.conn.last_insert_rowid())
}

fn from_row(row: &rusqlite::Row<'_>) -> Result<ToolRecord, rusqlite::Error> {
    let paths: String = row.get(7)?;
    Ok(ToolRecord {
        time: time(row, 0)?,
        session: Uuid::from_bytes(row.get(1)?),
        actor: row.get(2)?,
        root: row.get(3)?,
        server: row.get(4)?,
        tool: row.get(5)?,
        calls: row.get(6)?,
        // A record whose paths cannot be read is still a record.
        paths: serde_json::from_str(&paths).unwrap_or_else(|_| vec![paths]),
        old_sha256: row.get(8)?,
        new_sha256: row.get(9)?,
        outcome: row.get(10)?,
    })
}
