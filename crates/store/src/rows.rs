//! Rows: one table a noun, all of one shape, written only together with the events they follow from.

use std::borrow::Cow;
use std::collections::BTreeSet;

use hyperion_model::approval::Approval;
use hyperion_model::audit::Ledger;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_model::grant::Grant;
use hyperion_model::machine::Row;
use hyperion_model::plan::Plan;
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::run::Run;
use hyperion_model::token::Token;
use hyperion_model::user::User;
use hyperion_model::{Digest, Fact, Machine, Noun, Subject, Time, Uuid};
use rusqlite::{Connection, OptionalExtension as _, ToSql, params};

use crate::archive;
use crate::blob::Place;
use crate::error::{StoreError, is_bad_value};
use crate::key::KeyRing;

/// A noun that has a table: all of them.
pub trait Stored: Machine + Send + 'static {
    /// Gives the bare UUID of an id.
    fn uuid(id: Self::Id) -> Uuid;

    /// Gives the id in the state.
    fn own_uuid(&self) -> Uuid;

    /// Names one of its kind.
    fn subject(id: Uuid) -> Subject;

    /// Wraps an event of its kind.
    fn fact(event: Self::Event) -> Fact;

    /// Unwraps an event of its kind; nothing when it is another noun's.
    fn from_fact(fact: Fact) -> Option<Self::Event>;
}

macro_rules! stored {
    ($($state:ident $noun:ident $id:ident;)*) => {$(
        impl Stored for $state {
            fn uuid(id: Self::Id) -> Uuid {
                id.uuid()
            }

            fn own_uuid(&self) -> Uuid {
                self.id.uuid()
            }

            fn subject(id: Uuid) -> Subject {
                Subject::$noun(hyperion_model::$id::new(id))
            }

            fn fact(event: Self::Event) -> Fact {
                Fact::$noun(event)
            }

            fn from_fact(fact: Fact) -> Option<Self::Event> {
                match fact {
                    Fact::$noun(event) => Some(event),
                    #[allow(unreachable_patterns, reason = "one arm of them is the one above")]
                    Fact::Repo(_)
                    | Fact::Request(_)
                    | Fact::Plan(_)
                    | Fact::Run(_)
                    | Fact::ChangeSet(_)
                    | Fact::Approval(_)
                    | Fact::Entry(_)
| Fact::User(_) | Fact::Token(_) | Fact::Audit(_) | Fact::Grant(_) => None,
                }
            }
        }
    )*};
}

stored! {
    Repo Repo RepoId;
    Request Request RequestId;
    Plan Plan PlanId;
    Run Run RunId;
    ChangeSet ChangeSet ChangeSetId;
    Approval Approval ApprovalId;
    Entry Entry EntryId;
    User User UserId;
    Token Token TokenId;
    Ledger Audit AuditId;
    Grant Grant GrantId;
}

/// Does the same for whichever noun a value is: `for_noun!(noun, M => expression with M)`.
macro_rules! for_noun {
    ($noun:expr, $m:ident => $body:expr) => {
        match $noun {
            hyperion_model::Noun::Repo => {
                type $m = hyperion_model::repo::Repo;
                $body
            }
            hyperion_model::Noun::Request => {
                type $m = hyperion_model::request::Request;
                $body
            }
            hyperion_model::Noun::Plan => {
                type $m = hyperion_model::plan::Plan;
                $body
            }
            hyperion_model::Noun::Run => {
                type $m = hyperion_model::run::Run;
                $body
            }
            hyperion_model::Noun::ChangeSet => {
                type $m = hyperion_model::change_set::ChangeSet;
                $body
            }
            hyperion_model::Noun::Approval => {
                type $m = hyperion_model::approval::Approval;
                $body
            }
            hyperion_model::Noun::Entry => {
                type $m = hyperion_model::entry::Entry;
                $body
            }
            hyperion_model::Noun::User => {
                type $m = hyperion_model::user::User;
                $body
            }
            hyperion_model::Noun::Token => {
                type $m = hyperion_model::token::Token;
                $body
            }
            hyperion_model::Noun::Audit => {
                type $m = hyperion_model::audit::Ledger;
                $body
            }
            hyperion_model::Noun::Grant => {
                type $m = hyperion_model::grant::Grant;
                $body
            }
        }
    };
}
pub(crate) use for_noun;

/// Writes a statement with a noun's table in the middle; each is written once, at compile time.
macro_rules! with_table {
    ($noun:expr, $before:literal, $after:literal) => {
        match $noun {
            Noun::Repo => concat!($before, "\"repo\"", $after),
            Noun::Request => concat!($before, "\"request\"", $after),
            Noun::Plan => concat!($before, "\"plan\"", $after),
            Noun::Run => concat!($before, "\"run\"", $after),
            Noun::ChangeSet => concat!($before, "\"change_set\"", $after),
            Noun::Approval => concat!($before, "\"approval\"", $after),
            Noun::Entry => concat!($before, "\"entry\"", $after),
            Noun::User => concat!($before, "\"user\"", $after),
            Noun::Token => concat!($before, "\"token\"", $after),
            Noun::Audit => concat!($before, "\"audit\"", $after),
            Noun::Grant => concat!($before, "\"grant\"", $after),
        }
    };
}

/// A state as it was loaded, with what its row says beside it.
pub(crate) struct Loaded<M> {
    pub(crate) state: M,
    pub(crate) created_seq: u64,
}

/// Loads a subject's state; a row that cannot be read is `Quarantined`.
pub(crate) fn load<M: Stored>(
    conn: &Connection,
    id: Uuid,
) -> Result<Option<Loaded<M>>, StoreError> {
    let found = conn
        .prepare_cached(with_table!(
            M::NOUN,
            "SELECT created_seq, doc FROM ",
            " WHERE id = ?1"
        ))?
        .query_row([id.as_bytes()], |row| {
            let doc = row.get_ref(1)?;
            Ok((row.get(0)?, parse::<M>(doc.as_bytes().unwrap_or_default())))
        })
        .optional();
    let found = match found {
        Err(error) if is_bad_value(&error) => {
            return Err(StoreError::Quarantined {
                subject: M::subject(id),
                detail: error.to_string(),
            });
        }
        found => found?,
    };
    match found {
        None => Ok(None),
        Some((created_seq, Ok(state))) => Ok(Some(Loaded { state, created_seq })),
        Some((_, Err(detail))) => Err(StoreError::Quarantined {
            subject: M::subject(id),
            detail,
        }),
    }
}

/// Writes a question to a noun's table and to its archive.
pub(crate) fn anywhere(noun: Noun, columns: &str, condition: &str) -> String {
    let table = noun.name();
    let living = format!("SELECT {columns} FROM \"{table}\" WHERE {condition}");
    if archive::has_archive(noun) {
        format!("{living} UNION ALL SELECT {columns} FROM \"{table}_archive\" WHERE {condition}")
    } else {
        living
    }
}

/// Reads a state from its row's text, or says why it cannot be read.
pub(crate) fn parse<M: Stored>(doc: &[u8]) -> Result<M, String> {
    serde_json::from_slice(doc).map_err(|error| error.to_string())
}

/// The numbers and times a row carries beside its state.
pub(crate) struct RowStamp {
    pub(crate) created_seq: u64,
    pub(crate) updated_seq: u64,
    pub(crate) time: Time,
}

/// Writes a state and its references; `before` is what the row said until now, `there` names blobs
/// that were just put there.
pub(crate) fn save<M: Stored>(
    conn: &Connection,
    keys: &KeyRing,
    before: Option<&Row>,
    state: &M,
    stamp: &RowStamp,
    there: &[[u8; 32]],
) -> Result<(), StoreError> {
    match before {
        None => insert(conn, state, stamp, stamp.time)?,
        Some(before) => update(conn, before, state, stamp)?,
    }
    save_references::<M>(
        conn,
        keys,
        before,
        &state.row(),
        state.own_uuid(),
        stamp.time,
        there,
    )
}

/// Writes a new row, without its references.
pub(crate) fn insert<M: Stored>(
    conn: &Connection,
    state: &M,
    stamp: &RowStamp,
    created_at: Time,
) -> Result<(), StoreError> {
    let Columns {
        status,
        open,
        request,
        repo,
        run,
        parent,
        due_ms,
    } = Columns::of(&state.row());
    conn.prepare_cached(with_table!(
        M::NOUN,
        "INSERT INTO ",
        " (created_seq, updated_seq, id, status, open, request_id, repo_id,
           run_id, parent, due_ms, created_ms, updated_ms, doc)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
    ))?
    .execute(params![
        stamp.created_seq,
        stamp.updated_seq,
        state.own_uuid().as_bytes(),
        status,
        open,
        request,
        repo,
        run,
        parent,
        due_ms,
        created_at.as_millisecond(),
        stamp.time.as_millisecond(),
        doc(state)?,
    ])?;
    Ok(())
}

/// Writes what changed of a row. SQLite takes a row out of every index on a column that is named,
/// and puts it back, also where the value stays: so only what changed is named.
fn update<M: Stored>(
    conn: &Connection,
    before: &Row,
    state: &M,
    stamp: &RowStamp,
) -> Result<(), StoreError> {
    let Columns {
        status,
        open,
        request,
        repo,
        run,
        parent,
        due_ms,
    } = &Columns::of(&state.row());
    let (updated_ms, doc) = (stamp.time.as_millisecond(), doc(state)?);
    let always = params![
        stamp.created_seq,
        stamp.updated_seq,
        updated_ms,
        doc,
        status
    ];
    if same_place(before, &state.row()) {
        conn.prepare_cached(with_table!(
            M::NOUN,
            "UPDATE ",
            " SET updated_seq = ?2, updated_ms = ?3, doc = ?4, status = ?5
             WHERE created_seq = ?1"
        ))?
        .execute(always)?;
        return Ok(());
    }
    let place = params![open, request, repo, run, parent, due_ms];
    let all: Vec<&dyn ToSql> = always.iter().chain(place).copied().collect();
    conn.prepare_cached(with_table!(
        M::NOUN,
        "UPDATE ",
        " SET updated_seq = ?2, updated_ms = ?3, doc = ?4, status = ?5, open = ?6,
           request_id = ?7, repo_id = ?8, run_id = ?9, parent = ?10, due_ms = ?11
         WHERE created_seq = ?1"
    ))?
    .execute(all.as_slice())?;
    Ok(())
}

/// Tells whether a row is found where it was: by everything but its status.
fn same_place(before: &Row, after: &Row) -> bool {
    let place = |row: &Row| {
        let Row {
            status: _,
            open,
            request,
            repo,
            run,
            parent,
            due,
            blobs: _,
            kept: _,
        } = row;
        (*open, *request, *repo, *run, *parent, *due)
    };
    place(before) == place(after)
}

fn doc<M: Stored>(state: &M) -> Result<String, StoreError> {
    serde_json::to_string(state).map_err(|_| StoreError::Damaged {
        detail: format!(
            "the {} {} cannot be written as JSON",
            M::NOUN,
            state.own_uuid()
        ),
    })
}

/// The columns that are searched, as SQLite takes them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) status: Cow<'static, str>,
    pub(crate) open: bool,
    pub(crate) request: Option<[u8; 16]>,
    pub(crate) repo: Option<[u8; 16]>,
    pub(crate) run: Option<[u8; 16]>,
    pub(crate) parent: Option<[u8; 16]>,
    pub(crate) due_ms: Option<i64>,
}

impl Columns {
    pub(crate) fn of(row: &Row) -> Self {
        let Row {
            status,
            open,
            request,
            repo,
            run,
            parent,
            due,
            blobs: _,
            kept: _,
        } = row;
        Self {
            status: Cow::Borrowed(status),
            open: *open,
            request: request.map(|id| id.uuid().into_bytes()),
            repo: repo.map(|id| id.uuid().into_bytes()),
            run: run.map(|id| id.uuid().into_bytes()),
            parent: parent.map(Uuid::into_bytes),
            due_ms: due.map(due_ms),
        }
    }
}

/// Rounds a deadline up, so that a row is never due before its time.
fn due_ms(due: Time) -> i64 {
    let whole = due.as_millisecond();
    if Time::from_millisecond(whole).is_ok_and(|floor| floor < due) {
        whole + 1
    } else {
        whole
    }
}

fn save_references<M: Stored>(
    conn: &Connection,
    keys: &KeyRing,
    before: Option<&Row>,
    after: &Row,
    id: Uuid,
    now: Time,
    there: &[[u8; 32]],
) -> Result<(), StoreError> {
    let noun = M::NOUN.name();
    let old: BTreeSet<&Digest> = before.iter().flat_map(|row| &row.blobs).collect();
    let new: BTreeSet<&Digest> = after.blobs.iter().collect();
    for gone in old.difference(&new) {
        for name in keys.blob_names(gone) {
            conn.prepare_cached("DELETE FROM reference WHERE name = ?1 AND noun = ?2 AND id = ?3")?
                .execute(params![name, noun, id.as_bytes()])?;
            // It goes with the next purge, unless something else holds it.
            conn.prepare_cached(
                "UPDATE blob SET purge_after_ms = ?2 WHERE name = ?1 AND place < 2",
            )?
            .execute(params![name, now.as_millisecond()])?;
        }
    }
    for added in new.difference(&old) {
        let subject = M::subject(id);
        if !refer(conn, keys, subject, after.open, added, there)? {
            return Err(StoreError::MissingBlob {
                subject,
                digest: **added,
            });
        }
    }
    if before.is_some_and(|row| row.open != after.open) {
        for kept in old.intersection(&new) {
            put_references(conn, keys, M::subject(id), after.open, kept)?;
        }
    }
    Ok(())
}

/// Notes that a row refers to a blob from now on; tells whether the blob is there.
fn refer(
    conn: &Connection,
    keys: &KeyRing,
    subject: Subject,
    open: bool,
    digest: &Digest,
    there: &[[u8; 32]],
) -> Result<bool, StoreError> {
    let mut found = false;
    for name in keys.blob_names(digest) {
        if there.contains(&name) {
            found = true;
            continue;
        }
        let place = conn
            .prepare_cached("SELECT place, purge_after_ms IS NOT NULL FROM blob WHERE name = ?1")?
            .query_row([name], |row| {
                Ok((row.get::<_, Place>(0)?, row.get::<_, bool>(1)?))
            })
            .optional()?;
        match place {
            Some((Place::Row | Place::File, marked)) => {
                found = true;
                if marked {
                    // A mark from before would purge content that is wanted again.
                    conn.prepare_cached("UPDATE blob SET purge_after_ms = NULL WHERE name = ?1")?
                        .execute([name])?;
                }
            }
            Some((Place::Purged, _)) | None => {}
        }
    }
    put_references(conn, keys, subject, open, digest)?;
    Ok(found)
}

/// Writes that a row refers to a blob, under every name the blob may have.
pub(crate) fn put_references(
    conn: &Connection,
    keys: &KeyRing,
    subject: Subject,
    open: bool,
    digest: &Digest,
) -> Result<(), StoreError> {
    for name in keys.blob_names(digest) {
        conn.prepare_cached(
            "INSERT INTO reference (name, noun, id, open) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET open = excluded.open",
        )?
        .execute(params![
            name,
            subject.noun().name(),
            subject.uuid().as_bytes(),
            open
        ])?;
    }
    Ok(())
}

/// Turns a noun and a UUID into a subject.
pub(crate) fn subject_of(noun: Noun, id: Uuid) -> Subject {
    for_noun!(noun, M => M::subject(id))
}

/// A list of SQL parameters that grows with a query.
pub(crate) type Params = Vec<Box<dyn ToSql>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_rounded_up() {
        let whole = Time::from_millisecond(5_000).unwrap();
        assert_eq!(due_ms(whole), 5_000);
        assert_eq!(
            due_ms("1970-01-01T00:00:05.0000001Z".parse().unwrap()),
            5_001
        );
    }
}
