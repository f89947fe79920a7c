//! Whose turn it is: queued entries by branch and priority, the oldest first, and what happened since a look.
//!
//! Both are asked again and again, so neither may cost more than what it answers, however much waits.

use hyperion_model::entry::Entry;
use hyperion_model::facts::Priority;
use hyperion_model::{EntryId, Name, RepoId, RequestId, Uuid};
use rusqlite::{OptionalExtension as _, params};

use crate::error::ReadError;
use crate::query::MAX_PAGE;
use crate::rows;
use crate::store::Store;

/// The branch of a queued entry, as its index has it.
const BRANCH: &str = "json_extract(doc, '$.admission.branch')";
/// Its priority.
const PRIORITY: &str = "json_extract(doc, '$.admission.priority')";

/// Some queued entries of one branch and priority, in the order in which they came.
#[derive(Debug, Clone, PartialEq)]
pub struct QueuedPage {
    /// The entries, each with the number of the event that made it: the order in which they came.
    pub entries: Vec<(u64, Entry)>,
    /// The number to go on behind; none when there are no more.
    pub next: Option<u64>,
}

impl Store {
    /// Lists the branches that entries wait for.
    pub fn queued_branches(&self) -> Result<Vec<(RepoId, Name)>, ReadError> {
        let next_of_repo = format!(
            "SELECT repo_id, {BRANCH} FROM entry WHERE status = 'queued' AND repo_id = ?1
               AND {BRANCH} > ?2 ORDER BY {BRANCH} LIMIT 1"
        );
        let next_repo = format!(
            "SELECT repo_id, {BRANCH} FROM entry WHERE status = 'queued' AND repo_id > ?1
             ORDER BY repo_id, {BRANCH} LIMIT 1"
        );
        self.read(|conn| {
            // From one to the next, not through all that wait for each.
            let mut found: Vec<([u8; 16], String)> = Vec::new();
            loop {
                let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
                let next = match found.last() {
                    None => conn
                        .prepare_cached(&next_repo)?
                        .query_row(params![[].as_slice()], read)
                        .optional()?,
                    Some((repo, branch)) => {
                        let same = conn
                            .prepare_cached(&next_of_repo)?
                            .query_row(params![repo, branch], read)
                            .optional()?;
                        match same {
                            Some(next) => Some(next),
                            None => conn
                                .prepare_cached(&next_repo)?
                                .query_row(params![repo], read)
                                .optional()?,
                        }
                    }
                };
                match next {
                    Some(next) => found.push(next),
                    None => break,
                }
            }
            let named = |(repo, branch): ([u8; 16], String)| {
                let repo = RepoId::new(Uuid::from_bytes(repo));
                // A row that was damaged is reported where it is read whole.
                Some((repo, Name::new(branch).ok()?))
            };
            Ok(found.into_iter().filter_map(named).collect())
        })
    }

    /// Gives entries that wait for a branch with one priority, in the order in which they came.
    pub fn queued(
        &self,
        repo: RepoId,
        branch: &Name,
        priority: Priority,
        after: Option<u64>,
        limit: u32,
    ) -> Result<QueuedPage, ReadError> {
        let sql = format!(
            "SELECT created_seq, id, doc FROM entry WHERE status = 'queued' AND repo_id = ?1
               AND {BRANCH} = ?2 AND {PRIORITY} = ?3 AND created_seq > ?4
             ORDER BY created_seq LIMIT ?5"
        );
        let limit = limit.clamp(1, MAX_PAGE);
        let mut damage = Vec::new();
        let mut page = QueuedPage {
            entries: Vec::new(),
            next: None,
        };
        self.read(|conn| {
            let mut statement = conn.prepare_cached(&sql)?;
            let mut rows = statement.query(params![
                repo.uuid().as_bytes(),
                branch.as_str(),
                priority.name(),
                after.unwrap_or(0),
                limit,
            ])?;
            let mut read = 0;
            while let Some(row) = rows.next()? {
                read += 1;
                let seq = row.get(0)?;
                match rows::parse::<Entry>(row.get_ref(2)?.as_bytes().unwrap_or_default()) {
                    Ok(entry) => page.entries.push((seq, entry)),
                    Err(detail) => {
                        damage.push((EntryId::new(Uuid::from_bytes(row.get(1)?)), detail));
                    }
                }
                page.next = (read == limit).then_some(seq);
            }
            Ok(())
        })?;
        for (id, detail) in damage {
            self.report_damage(hyperion_model::Subject::Entry(id), &detail);
        }
        Ok(page)
    }

    /// Gives the requests that the events behind a number belong to, and the number of the last event looked at.
    ///
    /// It looks at `limit` events at most; a request that more than one of them belongs to is named once.
    pub fn requests_since(&self, seq: u64, limit: u32) -> Result<(Vec<RequestId>, u64), ReadError> {
        self.read(|conn| {
            let mut last = seq;
            let mut found = Vec::new();
            let mut known = std::collections::HashSet::new();
            let mut statement = conn.prepare_cached(
                "SELECT seq, request_id FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )?;
            let mut rows = statement.query(params![seq, limit])?;
            while let Some(row) = rows.next()? {
                last = row.get(0)?;
                let request: Option<[u8; 16]> = row.get(1)?;
                if let Some(request) = request
                    && known.insert(request)
                {
                    found.push(RequestId::new(Uuid::from_bytes(request)));
                }
            }
            Ok((found, last))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate;

    // What is asked at every look must not walk through all that waits.
    #[test]
    fn the_next_in_the_queue_are_found_by_their_index() {
        let conn = migrate::in_memory().unwrap();
        for condition in [
            format!("repo_id = ?1 AND {BRANCH} > ?2 ORDER BY {BRANCH}"),
            format!("repo_id > ?1 ORDER BY repo_id, {BRANCH}"),
            format!(
                "repo_id = ?1 AND {BRANCH} = ?2 AND {PRIORITY} = ?3 AND created_seq > ?4
                 ORDER BY created_seq"
            ),
        ] {
            let sql = format!(
                "EXPLAIN QUERY PLAN SELECT doc FROM entry WHERE status = 'queued' AND {condition} LIMIT 9"
            );
            let mut statement = conn.prepare(&sql).unwrap();
            let marks = statement.parameter_count();
            let lines = statement
                .query_map(rusqlite::params_from_iter(vec![0_i64; marks]), |row| {
                    row.get::<_, String>(3)
                })
                .unwrap()
                .collect::<Result<Vec<_>, _>>()
                .unwrap()
                .join("; ");
            assert!(
                lines.contains("SEARCH entry USING INDEX entry_turn") && !lines.contains("B-TREE"),
                "{sql}: {lines}"
            );
        }
    }
}
