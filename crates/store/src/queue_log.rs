//! What the queue's workers did: a bounded log without events, for people and reports.

use hyperion_model::{EntryId, Time, Uuid};
use rusqlite::{ToSql, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{ReadError, StoreError};
use crate::lease::time;
use crate::query::MAX_PAGE;
use crate::redact::redact_value;
use crate::store::Store;
use crate::writer::Writer;

/// The most records that are kept; the oldest give way.
pub const MAX_QUEUE_RECORDS: u64 = 100_000;

/// The most bytes one record's failure may have.
const MAX_FAILURE_BYTES: usize = 64 * 1024;

/// One thing a worker of the queue did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRecord {
    /// When it ended.
    pub time: Time,
    /// Which entry it was about.
    pub entry_id: EntryId,
    /// Who did it.
    pub worker: String,
    /// Who held the lease.
    pub lease_owner: String,
    /// What was done, for instance `merging`.
    pub stage: String,
    /// How it went, for instance `ok` or `failed`.
    pub outcome: String,
    /// How long the entry had waited.
    pub dequeue_latency_ms: u64,
    /// How long it took.
    pub apply_duration_ms: u64,
    /// How often the worker looks.
    pub poll_interval_ms: u64,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// What went wrong, in the shape of the contracts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Value>,
}

/// Which records are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueLogFilter {
    /// Only those of this entry.
    pub entry: Option<EntryId>,
    /// Whether the newest come first.
    pub newest: bool,
    /// At most how many, up to 1000.
    pub limit: u32,
}

impl Default for QueueLogFilter {
    fn default() -> Self {
        Self {
            entry: None,
            newest: true,
            limit: crate::query::DEFAULT_LIMIT,
        }
    }
}

impl Store {
    /// Adds a record; secrets in its failure are masked.
    pub fn log_queue(&self, record: &QueueRecord) -> Result<(), StoreError> {
        self.log_queue_each(vec![record.clone()])
    }

    /// Adds several records in one commit.
    pub fn log_queue_each(&self, records: Vec<QueueRecord>) -> Result<(), StoreError> {
        self.operate(move |writer| {
            for record in &records {
                insert(writer, record)?;
            }
            // Ids only grow, so this deletes what is beyond the limit and touches nothing else.
            writer
                .conn
                .prepare_cached(
                    "DELETE FROM queue_log WHERE id <= (SELECT max(id) FROM queue_log) - ?1",
                )?
                .execute([MAX_QUEUE_RECORDS])?;
            Ok(())
        })
    }

    /// Lists records.
    pub fn queue_log(&self, filter: &QueueLogFilter) -> Result<Vec<QueueRecord>, ReadError> {
        let QueueLogFilter {
            entry,
            newest,
            limit,
        } = filter;
        let id = entry.map(|entry| entry.uuid().into_bytes());
        let sql = format!(
            "SELECT time_ms, entry_id, worker, lease_owner, stage, outcome, dequeue_latency_ms,
               apply_duration_ms, poll_interval_ms, attempt, failure FROM queue_log
             {} ORDER BY id {} LIMIT {}",
            if id.is_some() {
                "WHERE entry_id = ?1"
            } else {
                ""
            },
            if *newest { "DESC" } else { "ASC" },
            limit.clamp(&1, &MAX_PAGE),
        );
        let params: Vec<&dyn ToSql> = id.iter().map(|id| id as &dyn ToSql).collect();
        self.read(|conn| {
            let records = conn
                .prepare_cached(&sql)?
                .query_map(params.as_slice(), from_row)?
                .collect::<Result<_, _>>()?;
            Ok(records)
        })
    }
}

fn insert(writer: &Writer, record: &QueueRecord) -> Result<(), StoreError> {
    let failure = record.failure.clone().map(|mut failure| {
        redact_value(writer.redact.as_ref(), &mut failure);
        failure.to_string()
    });
    let given = failure.as_ref().map_or(0, String::len);
    if given > MAX_FAILURE_BYTES {
        return Err(StoreError::TooLarge {
            what: "a queue record's failure, in bytes",
            given,
            max: MAX_FAILURE_BYTES,
        });
    }
    writer
        .conn
        .prepare_cached(
            "INSERT INTO queue_log (time_ms, entry_id, worker, lease_owner, stage, outcome,
               dequeue_latency_ms, apply_duration_ms, poll_interval_ms, attempt, failure)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            record.time.as_millisecond(),
            record.entry_id.uuid().as_bytes(),
            record.worker,
            record.lease_owner,
            record.stage,
            record.outcome,
            record.dequeue_latency_ms,
            record.apply_duration_ms,
            record.poll_interval_ms,
            record.attempt,
            failure,
        ])?;
    Ok(())
}

fn from_row(row: &rusqlite::Row<'_>) -> Result<QueueRecord, rusqlite::Error> {
    let failure: Option<String> = row.get(10)?;
    Ok(QueueRecord {
        time: time(row, 0)?,
        entry_id: EntryId::new(Uuid::from_bytes(row.get(1)?)),
        worker: row.get(2)?,
        lease_owner: row.get(3)?,
        stage: row.get(4)?,
        outcome: row.get(5)?,
        dequeue_latency_ms: row.get(6)?,
        apply_duration_ms: row.get(7)?,
        poll_interval_ms: row.get(8)?,
        attempt: row.get(9)?,
        // A log line whose failure cannot be read is still a log line.
        failure: failure.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text))),
    })
}
