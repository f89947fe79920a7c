//! What a subject's events make of it, and whether its row says the same.

use hyperion_model::{Time, Uuid};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::{ReadError, is_bad_value};
use crate::feed;
use crate::rows::{self, Columns, Stored};

/// A subject's state as its events make it.
pub(crate) struct History<M> {
    pub(crate) state: M,
    pub(crate) created_seq: u64,
    pub(crate) updated_seq: u64,
    pub(crate) created_at: Time,
    pub(crate) updated_at: Time,
}

/// Replays one subject; nothing when no event speaks of it, an error when its history is damaged.
pub(crate) fn replay_subject<M: Stored>(
    conn: &Connection,
    id: Uuid,
) -> Result<Option<History<M>>, String> {
    let failed = |error: rusqlite::Error| error.to_string();
    let mut statement = conn
        .prepare_cached(
            "SELECT seq, text FROM event WHERE subject_type = ?1 AND subject_id = ?2 ORDER BY seq",
        )
        .map_err(failed)?;
    let mut found = statement
        .query(params![M::NOUN.name(), id.as_bytes()])
        .map_err(failed)?;
    let mut history: Option<History<M>> = None;
    while let Some(row) = found.next().map_err(failed)? {
        let seq: u64 = row.get(0).map_err(failed)?;
        let text = row.get_ref(1).map_err(failed)?;
        let event = feed::parse(seq, text.as_bytes().unwrap_or_default())
            .ok_or_else(|| format!("the event {seq} cannot be read"))?
            .event;
        let fact = M::from_fact(event.fact)
            .ok_or_else(|| format!("the event {seq} is about another noun"))?;
        let (before, created_seq, created_at) = match history.take() {
            Some(history) => (Some(history.state), history.created_seq, history.created_at),
            None => (None, seq, event.stamp.time),
        };
        let state = M::apply(before, &fact, &event.stamp).map_err(|error| error.to_string())?;
        let updated_at = event.stamp.time;
        history = Some(History {
            state,
            created_seq,
            updated_seq: seq,
            created_at,
            updated_at,
        });
    }
    Ok(history)
}

/// Says what is wrong with a subject's row, given its history.
pub(crate) fn compare<M: Stored>(
    conn: &Connection,
    id: Uuid,
    history: &History<M>,
) -> Result<Option<String>, ReadError> {
    struct Found<M> {
        columns: Columns,
        numbers: (u64, u64, i64, i64),
        state: Result<M, String>,
    }
    let sql = rows::anywhere(
        M::NOUN,
        "status, open, request_id, repo_id, run_id, parent, due_ms,
           created_seq, updated_seq, created_ms, updated_ms, doc",
        "id = ?1",
    );
    let found = match conn
        .prepare_cached(&sql)?
        .query_row([id.as_bytes()], |row| {
            Ok(Found {
                columns: Columns {
                    status: row.get(0)?,
                    open: row.get(1)?,
                    request: row.get(2)?,
                    repo: row.get(3)?,
                    run: row.get(4)?,
                    parent: row.get(5)?,
                    due_ms: row.get(6)?,
                },
                numbers: (row.get(7)?, row.get(8)?, row.get(9)?, row.get(10)?),
                state: rows::parse::<M>(row.get_ref(11)?.as_bytes().unwrap_or_default()),
            })
        })
        .optional()
    {
        Err(error) if is_bad_value(&error) => {
            return Ok(Some(format!("its row cannot be read: {error}")));
        }
        found => found?,
    };
    let Some(Found {
        columns,
        numbers,
        state,
    }) = found
    else {
        return Ok(Some("its row is gone".to_owned()));
    };
    let History {
        state: expected,
        created_seq,
        updated_seq,
        created_at,
        updated_at,
    } = history;
    let expected_numbers = (
        *created_seq,
        *updated_seq,
        created_at.as_millisecond(),
        updated_at.as_millisecond(),
    );
    Ok(match state {
        Err(detail) => Some(format!("its row cannot be read: {detail}")),
        Ok(state) if state != *expected => {
            Some("its state is not what its events make of it".to_owned())
        }
        Ok(_) if columns != Columns::of(&expected.row()) => {
            Some("its columns do not follow from its state".to_owned())
        }
        Ok(_) if numbers != expected_numbers => {
            Some("its numbers or times are not those of its events".to_owned())
        }
        Ok(_) => None,
    })
}
