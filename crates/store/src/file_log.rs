//! What files changed: a bounded log without events.

use hyperion_model::{RepoId, RunId, Time, Uuid};
use rusqlite::{ToSql, params, params_from_iter};
use serde_json::Value;

use crate::error::{ReadError, StoreError};
use crate::lease::time;
use crate::query::{DEFAULT_LIMIT, MAX_PAGE};
use crate::redact::redact_value;
use crate::rows::Params;
use crate::store::Store;

/// The most records that are kept; the oldest give way.
pub const MAX_FILE_RECORDS: u64 = 100_000;

/// The longest path that is kept, in bytes; longer ones are cut.
const MAX_PATH_BYTES: usize = 4096;

/// A file that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileModification {
    /// When.
    pub time: Time,
    /// Of which repository.
    pub repo: RepoId,
    /// By which run, where only one was at work there.
    pub run: Option<RunId>,
    /// The work tree or clone.
    pub root: String,
    /// Where it is, below the root.
    pub path: String,
    /// What happened to it: `created`, `modified`, `removed`; `missed` stands for more than was noted.
    pub kind: String,
    /// How that was found: `watch` or `comparison`.
    pub found_by: String,
}

/// Which records are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFilter {
    /// Only those of this repository.
    pub repo: Option<RepoId>,
    /// Only those of this run.
    pub run: Option<RunId>,
    /// Only those from this time on.
    pub since: Option<Time>,
    /// Only those older than this record.
    pub before: Option<i64>,
    /// At most how many, up to 1000.
    pub limit: u32,
}

impl Default for FileFilter {
    fn default() -> Self {
        Self {
            repo: None,
            run: None,
            since: None,
            before: None,
            limit: DEFAULT_LIMIT,
        }
    }
}

impl Store {
    /// Adds records; secrets in their paths are masked.
    pub fn log_files(&self, records: Vec<FileModification>) -> Result<(), StoreError> {
        self.operate(move |writer| {
            for record in &records {
                let text = |text: &str| {
                    let mut value = Value::from(cut(text));
                    redact_value(writer.redact.as_ref(), &mut value);
                    value.as_str().unwrap_or_default().to_owned()
                };
                writer
                    .conn
                    .prepare_cached(
                        "INSERT INTO file_modification (time_ms, repo_id, run_id, root, path, kind, found_by)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    )?
                    .execute(params![
                        record.time.as_millisecond(),
                        record.repo.uuid().as_bytes(),
                        record.run.map(|run| run.uuid().into_bytes()),
                        text(&record.root),
                        text(&record.path),
                        record.kind,
                        record.found_by,
                    ])?;
            }
            writer
                .conn
                .prepare_cached(
                    "DELETE FROM file_modification WHERE id <= (SELECT max(id) FROM file_modification) - ?1",
                )?
                .execute([MAX_FILE_RECORDS])?;
            Ok(())
        })
    }

    /// Removes records from before a time; tells how many.
    pub fn forget_files(&self, before: Time) -> Result<usize, StoreError> {
        self.operate(move |writer| {
            Ok(writer
                .conn
                .prepare_cached("DELETE FROM file_modification WHERE time_ms < ?1")?
                .execute([before.as_millisecond()])?)
        })
    }

    /// Lists the newest records, each with its number.
    pub fn file_modifications(
        &self,
        filter: &FileFilter,
    ) -> Result<Vec<(i64, FileModification)>, ReadError> {
        let mut sql =
            "SELECT time_ms, repo_id, run_id, root, path, kind, found_by, id FROM file_modification WHERE true"
                .to_owned();
        let mut params: Params = Vec::new();
        let mut add = |condition: &str, param: Box<dyn ToSql>| {
            params.push(param);
            sql.push_str(&format!(" AND {condition} ?{}", params.len()));
        };
        if let Some(repo) = filter.repo {
            add("repo_id =", Box::new(repo.uuid().into_bytes()));
        }
        if let Some(run) = filter.run {
            add("run_id =", Box::new(run.uuid().into_bytes()));
        }
        if let Some(since) = filter.since {
            add("time_ms >=", Box::new(since.as_millisecond()));
        }
        if let Some(before) = filter.before {
            add("id <", Box::new(before));
        }
        let limit = filter.limit.clamp(1, MAX_PAGE);
        sql.push_str(&format!(" ORDER BY id DESC LIMIT {limit}"));
        self.read(|conn| {
            let records = conn
                .prepare_cached(&sql)?
                .query_map(params_from_iter(params.iter()), |row| {
                    let run: Option<[u8; 16]> = row.get(2)?;
                    let record = FileModification {
                        time: time(row, 0)?,
                        repo: RepoId::new(Uuid::from_bytes(row.get(1)?)),
                        run: run.map(|run| RunId::new(Uuid::from_bytes(run))),
                        root: row.get(3)?,
                        path: row.get(4)?,
                        kind: row.get(5)?,
                        found_by: row.get(6)?,
                    };
                    Ok((row.get(7)?, record))
                })?
                .collect::<Result<_, _>>()?;
            Ok(records)
        })
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_PATH_BYTES))
        .unwrap_or(text)
}
