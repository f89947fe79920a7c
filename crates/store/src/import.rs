//! Brings a copy of a database to a later moment, from events that were shipped.
//!
//! Only for a copy that nobody uses yet: a restore makes it in a folder of its own and throws the
//! folder away when anything fails. The texts of events are taken byte for byte, the chain and its
//! seals are checked while they are, and rows are made anew from them.

use std::collections::BTreeSet;
use std::sync::Arc;

use hyperion_model::{Digest, Machine as _, Noun, Subject, Uuid};
use rusqlite::{Connection, params};

use crate::blob::Place;
use crate::chain::{self, Head, SealedHead};
use crate::connection;
use crate::error::{OpenError, StoreError};
use crate::key::KeyRing;
use crate::migrate;
use crate::quarantine;
use crate::rows::{self, for_noun};
use crate::shipment::{KeptAnswer, Seal, SealedContent, Shipment};
use crate::store::{Notice, StoreConfig, settle_key};
use crate::writer::Writer;

/// How far fences jump, so that no lease from before the restore has the fence of one given after it.
const FENCE_JUMP: u64 = 1 << 32;

/// A database that is being brought to a later moment.
pub struct Import {
    writer: Writer,
    touched: BTreeSet<(&'static str, [u8; 16])>,
    notices: Vec<Notice>,
}

impl std::fmt::Debug for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Import")
            .field("head", &self.writer.head)
            .finish_non_exhaustive()
    }
}

impl Import {
    /// Opens a copy, migrates it and checks the seal on its chain's end.
    pub fn open(config: &StoreConfig) -> Result<Self, OpenError> {
        connection::check_version()?;
        let conn = connection::open_writer(&config.database)?;
        migrate::is_empty(&conn, &config.database)?;
        connection::prepare_writer(&conn)?;
        let mut notices = Vec::new();
        notices.extend(migrate::migrate(&conn, &config.database, config.now)?);
        let keys = Arc::new(settle_key(&conn, config, &mut notices)?);
        connection::trust(&conn)?;
        Ok(Self {
            writer: Writer::new(conn, keys, Arc::clone(&config.redact), Arc::default())?,
            touched: BTreeSet::new(),
            notices,
        })
    }

    /// Gives the end of the chain by now.
    pub const fn head(&self) -> Head {
        self.writer.head
    }

    /// Gives what opening found, and went on in spite of.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Takes a shipment's events up to a number, and its content.
    pub fn append(&mut self, shipment: &Shipment, last: u64) -> Result<(), StoreError> {
        let Shipment {
            before,
            events,
            seal,
            contents,
            answers,
            next: _,
        } = shipment;
        if *before != self.writer.head {
            return Err(damaged(format!(
                "the events behind {} do not go on where the chain ends, at {}",
                before.seq, self.writer.head.seq
            )));
        }
        self.check_seal(seal.as_ref())?;
        let Writer { conn, keys, .. } = &self.writer;
        let tx = conn.unchecked_transaction()?;
        for content in contents {
            take_content(&tx, content)?;
        }
        let mut head = self.writer.head;
        for text in events {
            if head.seq >= last {
                break;
            }
            let event = chain::take(&tx, &mut head, text).map_err(damaged)?;
            let subject = event.event.subject;
            let key = (subject.noun().name(), subject.uuid().into_bytes());
            if self.touched.insert(key) {
                forget_references(&tx, keys, subject)?;
            }
        }
        for answer in answers.iter().filter(|answer| answer.last_seq <= head.seq) {
            take_answer(&tx, answer)?;
        }
        if let Some(key) = keys.current() {
            SealedHead::seal(head, key).save(&tx)?;
        }
        tx.commit()?;
        self.writer.head = head;
        Ok(())
    }

    /// Makes the rows anew from their events, forgets who worked at what, keeps values, and closes the database.
    pub fn finish(self, values: &[(&str, String)], forget: &[&str]) -> Result<Head, StoreError> {
        let Self {
            mut writer,
            touched,
            notices: _,
        } = self;
        writer.conn.execute_batch("BEGIN IMMEDIATE")?;
        for (noun, id) in &touched {
            if let Some(noun) = Noun::from_name(noun) {
                let subject = rows::subject_of(noun, Uuid::from_bytes(*id));
                quarantine::rebuild_row(&mut writer, subject)?;
            }
        }
        let Writer { conn: tx, head, .. } = writer;
        tx.execute("DELETE FROM lease", [])?;
        tx.execute("UPDATE fence SET last = last + ?1", [FENCE_JUMP])?;
        tx.execute("DELETE FROM cursor WHERE seq > ?1", [head.seq])?;
        for key in forget {
            tx.execute("DELETE FROM meta WHERE key = ?1", [key])?;
        }
        for (key, value) in values {
            tx.execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
                params![key, value],
            )?;
        }
        tx.execute_batch("COMMIT")?;
        // What is in the log goes into the database, so that the folder can be moved as it is.
        tx.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
        tx.close().map_err(|(_, error)| error)?;
        Ok(head)
    }

    /// Checks a seal whose key is here; one whose key is not here says nothing.
    fn check_seal(&self, seal: Option<&Seal>) -> Result<(), StoreError> {
        let Some(Seal { head, key_id, mac }) = seal else {
            return Ok(());
        };
        match self.writer.keys.get(key_id) {
            Some(key) if !key.check_head(head.seq, &head.hash, mac) => Err(damaged(format!(
                "the seal on the event {} is not genuine",
                head.seq
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

fn take_content(conn: &Connection, content: &SealedContent) -> Result<(), rusqlite::Error> {
    let SealedContent {
        name,
        key_id,
        bytes,
        created_ms,
        file,
        body,
    } = content;
    let place = if file.is_some() {
        Place::File
    } else {
        Place::Row
    };
    conn.prepare_cached(
        "INSERT INTO blob (name, key_id, bytes, place, file, created_ms, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (name) DO UPDATE SET
           place = excluded.place, file = excluded.file, created_ms = excluded.created_ms,
           purge_after_ms = NULL, body = excluded.body
         WHERE place = 2",
    )?
    .execute(params![name, key_id, bytes, place, file, created_ms, body])?;
    Ok(())
}

fn take_answer(conn: &Connection, answer: &KeptAnswer) -> Result<(), rusqlite::Error> {
    let KeptAnswer {
        key,
        first_seq,
        last_seq,
        time_ms,
        digest,
    } = answer;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO receipt (key, first_seq, last_seq, time_ms, digest)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        key,
        first_seq,
        last_seq,
        time_ms,
        digest.as_ref().map(Digest::as_bytes)
    ])?;
    Ok(())
}

/// Takes away what a row refers to; rebuilding it refers to what its events say.
fn forget_references(
    conn: &Connection,
    keys: &KeyRing,
    subject: Subject,
) -> Result<(), StoreError> {
    let digests = for_noun!(subject.noun(), M => match rows::load::<M>(conn, subject.uuid()) {
        Ok(Some(loaded)) => loaded.state.row().blobs,
        Ok(None) | Err(StoreError::Quarantined { .. }) => Vec::new(),
        Err(error) => return Err(error),
    });
    for name in digests.iter().flat_map(|digest| keys.blob_names(digest)) {
        conn.prepare_cached("DELETE FROM reference WHERE name = ?1 AND noun = ?2 AND id = ?3")?
            .execute(params![
                name,
                subject.noun().name(),
                subject.uuid().as_bytes()
            ])?;
    }
    Ok(())
}

fn damaged(detail: String) -> StoreError {
    StoreError::Damaged { detail }
}

/// Says which keys a key file holds, the current one first; none when there is no file.
pub fn key_ids(path: &std::path::Path) -> Result<Vec<String>, crate::KeyError> {
    KeyRing::load(path).map(|keys| keys.ids())
}
