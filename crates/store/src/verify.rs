//! Shows that history is whole, and that every row follows from it; says what it could not show.
//!
//! Everything is read in one snapshot, as a stream: memory holds one event, then one subject's
//! state at a time, and at most [`MAX_FINDINGS`] findings of a kind.

use std::collections::BTreeMap;

use hyperion_model::machine::Row;
use hyperion_model::{Digest, Noun, StoredEvent, Subject, Uuid};
use rusqlite::{Connection, params};

use crate::archive;
use crate::blob;
use crate::chain::{Head, SealedHead};
use crate::connection;
use crate::error::ReadError;
use crate::history::{compare, replay_subject};
use crate::rows::{self, Stored, for_noun};
use crate::store::Store;
use crate::structure;

/// The most findings of one kind that are listed; all are counted.
pub const MAX_FINDINGS: usize = 100;

/// The first event that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadEvent {
    /// Its number.
    pub seq: u64,
    /// What does not fit.
    pub detail: String,
}

/// What the seal on the end of the chain says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadState {
    /// The chain ends where the key says it ends.
    Sealed,
    /// There is no seal at all.
    Unsealed,
    /// The chain ends otherwise, or the seal is not genuine.
    Mismatch {
        /// What does not fit.
        detail: String,
    },
    /// The chain ends where the seal says, but the key to check the seal is not here.
    KeyMissing {
        /// Which key.
        key_id: String,
    },
}

/// A row that does not follow from its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowDifference {
    /// Which row.
    pub subject: Subject,
    /// What differs.
    pub detail: String,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// How many events there are.
    pub events: u64,
    /// The end of the chain.
    pub head: Head,
    /// What the seal on it says.
    pub seal: HeadState,
    /// The first event that does not fit; none when the chain is whole.
    pub first_bad: Option<BadEvent>,
    /// What is wrong with the database as a file, and what could not be read because of it.
    pub structure: Vec<String>,
    /// How many subjects were replayed and compared with their rows.
    pub rows_compared: u64,
    /// How many rows differ.
    pub rows_differing: u64,
    /// Those that differ, up to [`MAX_FINDINGS`].
    pub rows_differ: Vec<RowDifference>,
    /// How many contents were read and checked.
    pub blobs_checked: u64,
    /// The contents that are damaged, with why, up to [`MAX_FINDINGS`].
    pub damaged_blobs: Vec<(Digest, String)>,
    /// A figure of the archive that is wrong; counts are, too, as long as it is.
    pub wrong_figure: Option<String>,
    /// What could not be shown, each a sentence for people.
    pub not_shown: Vec<String>,
}

impl Verification {
    /// Tells whether nothing that was looked at is wrong.
    pub fn is_sound(&self) -> bool {
        let seal_holds = match self.seal {
            HeadState::Sealed | HeadState::KeyMissing { .. } => true,
            HeadState::Unsealed | HeadState::Mismatch { .. } => false,
        };
        seal_holds
            && self.first_bad.is_none()
            && self.structure.is_empty()
            && self.rows_differing == 0
            && self.damaged_blobs.is_empty()
            && self.wrong_figure.is_none()
    }
}

impl Store {
    /// Walks the chain, replays every subject, compares its row, and reads every content referred to.
    pub fn verify(&self) -> Result<Verification, ReadError> {
        self.read(|conn| {
            // One snapshot: writers go on meanwhile.
            let tx = conn.unchecked_transaction()?;
            let mut inspection = Inspection::new(self, &tx)?;
            inspection.look_at_the_file()?;
            // Damage in one place is no reason not to look at the others.
            inspection.survive("the events", Inspection::walk_chain)?;
            inspection.survive("the seals", Inspection::check_seals)?;
            inspection.survive("the rows of the events", Inspection::replay_subjects)?;
            for noun in Noun::ALL {
                inspection.survive(
                    noun.name(),
                    |inspection| for_noun!(noun, M => inspection.find_strangers::<M>()),
                )?;
            }
            inspection.survive("the archive", Inspection::check_archive)?;
            Ok(inspection.conclude())
        })
    }
}

/// A verification under way.
struct Inspection<'a> {
    store: &'a Store,
    conn: &'a Connection,
    former: Vec<SealedHead>,
    /// The hashes of the events that replaced keys had sealed.
    former_hashes: BTreeMap<u64, Digest>,
    /// Whether content may be encrypted under a key that is not here.
    keys_missing: bool,
    result: Verification,
}

impl<'a> Inspection<'a> {
    fn new(store: &'a Store, conn: &'a Connection) -> Result<Self, ReadError> {
        let used: Vec<String> = conn
            .prepare("SELECT key_id FROM store_key")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        Ok(Self {
            store,
            conn,
            former: SealedHead::load_former(conn)?,
            former_hashes: BTreeMap::new(),
            keys_missing: used.iter().any(|id| store.keys().get(id).is_none()),
            result: Verification {
                events: 0,
                head: Head::START,
                seal: HeadState::Unsealed,
                first_bad: None,
                structure: Vec::new(),
                rows_compared: 0,
                rows_differing: 0,
                rows_differ: Vec::new(),
                blobs_checked: 0,
                damaged_blobs: Vec::new(),
                wrong_figure: None,
                not_shown: vec![
                    "that the whole database is not an older copy of itself: compare its head with the Hyperion-Audit trailer of the last landing".to_owned(),
                ],
            },
        })
    }

    fn look_at_the_file(&mut self) -> Result<(), ReadError> {
        // What it says of the end of the chain is said better by the seals.
        let problems = structure::inspect_pages(self.conn)?;
        self.result.structure.extend(problems);
        Ok(())
    }

    /// Goes on where a part of the database cannot be read, and says that it could not.
    fn survive(
        &mut self,
        what: &str,
        part: impl FnOnce(&mut Self) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        match part(self) {
            Err(ReadError::Damaged { detail }) => {
                self.result
                    .structure
                    .push(format!("{what} cannot be read to the end: {detail}"));
                Ok(())
            }
            done => done,
        }
    }

    fn walk_chain(&mut self) -> Result<(), ReadError> {
        let conn = self.conn;
        let mut statement = conn.prepare(
            "SELECT seq, subject_type, subject_id, kind, request_id, run_id, time_ms, text
             FROM event ORDER BY seq",
        )?;
        let mut found = statement.query([])?;
        let mut head = Head::START;
        while let Some(row) = found.next()? {
            // One below zero is as good as one that is far too large: it does not follow the one before.
            let seq = row.get::<_, i64>(0)?.cast_unsigned();
            let text = row.get_ref(7)?.as_bytes().unwrap_or_default();
            self.result.events += 1;
            if self.result.first_bad.is_none() {
                self.result.first_bad = check_event(head, seq, text, row);
            }
            head = Head {
                seq,
                hash: Digest::of(text),
            };
            if self.former.iter().any(|sealed| sealed.head.seq == seq) {
                self.former_hashes.insert(seq, head.hash);
            }
            self.result.head = head;
        }
        Ok(())
    }

    fn check_seals(&mut self) -> Result<(), ReadError> {
        let end = self.result.head;
        self.result.seal = match SealedHead::load(self.conn)? {
            None => HeadState::Unsealed,
            Some(sealed) if sealed.head.seq != end.seq => HeadState::Mismatch {
                detail: if sealed.head.seq > end.seq {
                    format!(
                        "events are missing at the end: sealed was {}, the last one is {}",
                        sealed.head.seq, end.seq
                    )
                } else {
                    format!(
                        "events were added behind {}, which is sealed as the last",
                        sealed.head.seq
                    )
                },
            },
            Some(sealed) if sealed.head.hash != end.hash => HeadState::Mismatch {
                detail: format!(
                    "the last event, {}, is not the one that was sealed",
                    end.seq
                ),
            },
            Some(sealed) => match self.store.keys().get(&sealed.key_id) {
                None => HeadState::KeyMissing {
                    key_id: sealed.key_id,
                },
                Some(key) if sealed.is_sealed_by(key) => HeadState::Sealed,
                Some(_) => HeadState::Mismatch {
                    detail: "the seal is not genuine".to_owned(),
                },
            },
        };
        if let HeadState::KeyMissing { key_id } = &self.result.seal {
            let sentence = format!(
                "that nobody who can write the database has rewritten the history: the key {key_id} that seals it is not here"
            );
            self.result.not_shown.push(sentence);
        }
        for sealed in std::mem::take(&mut self.former) {
            self.check_former(&sealed);
        }
        Ok(())
    }

    /// Checks what a key that was replaced had sealed last.
    fn check_former(&mut self, sealed: &SealedHead) {
        let SealedHead {
            head: Head { seq, hash },
            key_id,
            mac: _,
        } = sealed;
        let known = if *seq == 0 {
            Some(&Head::START.hash)
        } else {
            self.former_hashes.get(seq)
        };
        match self.store.keys().get(key_id) {
            None => self.result.not_shown.push(format!(
                "that the events up to {seq} are those that the key {key_id} had sealed: it is not here"
            )),
            Some(key) if sealed.is_sealed_by(key) && known == Some(hash) => {}
            Some(_) => {
                if self.result.first_bad.is_none() {
                    self.result.first_bad = Some(BadEvent {
                        seq: *seq,
                        detail: format!("it is not the event that the key {key_id} had sealed"),
                    });
                }
            }
        }
    }

    /// Replays every subject that an event speaks of, and compares its row.
    fn replay_subjects(&mut self) -> Result<(), ReadError> {
        let conn = self.conn;
        // Along the index, one subject after the other; the creating event tells its noun.
        let mut subjects =
            conn.prepare("SELECT subject_id, min(seq) FROM event GROUP BY subject_id")?;
        let mut found = subjects.query([])?;
        while let Some(row) = found.next()? {
            let noun = conn
                .prepare_cached("SELECT subject_type FROM event WHERE seq = ?1")?
                .query_row([row.get::<_, i64>(1)?], |row| row.get::<_, String>(0));
            // An id or a noun that is none was found with the columns of its event.
            if let (Ok(id), Ok(noun)) = (row.get(0), noun)
                && let Some(noun) = Noun::from_name(&noun)
            {
                let id = Uuid::from_bytes(id);
                for_noun!(noun, M => self.compare_row::<M>(id))?;
            }
        }
        Ok(())
    }

    fn compare_row<M: Stored>(&mut self, id: Uuid) -> Result<(), ReadError> {
        self.result.rows_compared += 1;
        match replay_subject::<M>(self.conn, id) {
            Ok(Some(history)) => {
                if let Some(detail) = compare(self.conn, id, &history)? {
                    self.differs(M::subject(id), detail);
                }
                self.check_blobs(M::subject(id), &history.state.row())?;
            }
            Ok(None) => {}
            Err(detail) => self.differs(M::subject(id), detail),
        }
        Ok(())
    }

    /// Finds rows that no event speaks of.
    fn find_strangers<M: Stored>(&mut self) -> Result<(), ReadError> {
        let noun = M::NOUN.name();
        let mut strangers = self.conn.prepare(&format!(
            "SELECT id FROM ({}) AS row WHERE NOT EXISTS
               (SELECT 1 FROM event WHERE subject_id = row.id AND subject_type = ?1)",
            rows::anywhere(M::NOUN, "id", "true")
        ))?;
        let mut found = strangers.query([noun])?;
        while let Some(row) = found.next()? {
            match row.get(0).map(Uuid::from_bytes) {
                Ok(id) => self.differs(M::subject(id), "no event speaks of it".to_owned()),
                Err(_) => self.differs(M::subject(Uuid::nil()), "its id is none".to_owned()),
            }
        }
        Ok(())
    }

    /// Finds requests that are archived in part, and wrong figures of the archive.
    fn check_archive(&mut self) -> Result<(), ReadError> {
        let conn = self.conn;
        archive::inspect(conn, |noun, id, detail| {
            self.differs(rows::subject_of(noun, id), detail.to_owned());
        })?;
        self.result.wrong_figure = archive::wrong_figure(conn)?;
        Ok(())
    }

    fn check_blobs(&mut self, subject: Subject, row: &Row) -> Result<(), ReadError> {
        let keys = self.store.keys();
        if keys.current().is_none() {
            self.not_shown_once("that the content the rows refer to is whole: no key is here");
            return Ok(());
        }
        for digest in &row.blobs {
            match self.read_blob(digest) {
                Ok(Some(_)) => self.result.blobs_checked += 1,
                Ok(None) if blob::is_purged(self.conn, keys, digest)? => {}
                Ok(None) => self.damaged_blob(*digest, "it is gone"),
                Err(ReadError::DamagedBlob { digest, detail }) => {
                    self.damaged_blob(digest, &detail);
                }
                Err(ReadError::KeyMissing { key_id, .. }) => self.not_shown_once(&format!(
                    "that the content encrypted with the key {key_id} is there and whole: it is not here"
                )),
                Err(error) => return Err(error),
            }
            if !self.keys_missing && !is_referred(self.conn, keys, subject, row.open, digest)? {
                self.differs(subject, format!("its reference to {digest} is not kept"));
            }
        }
        Ok(())
    }

    /// Reads content in the snapshot; what looks damaged there may have been purged since.
    fn read_blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ReadError> {
        let (folder, keys) = (self.store.blobs_folder(), self.store.keys());
        let found = blob::read(self.conn, folder, keys, digest);
        if !matches!(found, Err(ReadError::DamagedBlob { .. })) {
            return found;
        }
        // Not from the pool: this verification holds one of its connections already.
        let now = connection::open_reader(self.store.database())?;
        if blob::is_purged(&now, keys, digest)? {
            Ok(Some(Vec::new()))
        } else {
            found
        }
    }

    fn differs(&mut self, subject: Subject, detail: String) {
        self.result.rows_differing += 1;
        if self.result.rows_differ.len() < MAX_FINDINGS {
            self.result
                .rows_differ
                .push(RowDifference { subject, detail });
        }
    }

    fn damaged_blob(&mut self, digest: Digest, detail: &str) {
        let listed = &mut self.result.damaged_blobs;
        if listed.len() < MAX_FINDINGS && listed.iter().all(|(known, _)| *known != digest) {
            listed.push((digest, detail.to_owned()));
        }
    }

    fn not_shown_once(&mut self, sentence: &str) {
        let listed = &mut self.result.not_shown;
        if listed.len() < MAX_FINDINGS && listed.iter().all(|known| known != sentence) {
            listed.push(sentence.to_owned());
        }
    }

    fn conclude(self) -> Verification {
        self.result
    }
}

/// Says what is wrong with an event, given the one before it.
fn check_event(before: Head, seq: u64, text: &[u8], row: &rusqlite::Row<'_>) -> Option<BadEvent> {
    let bad = |seq, detail: String| Some(BadEvent { seq, detail });
    if seq != before.seq + 1 {
        return bad(before.seq + 1, "it is missing".to_owned());
    }
    let parsed = std::str::from_utf8(text).ok().map(StoredEvent::parse);
    let stored = match parsed {
        None => return bad(seq, "its text is not UTF-8".to_owned()),
        Some(Err(error)) => return bad(seq, error.to_string()),
        Some(Ok(stored)) => stored,
    };
    if stored.seq != seq {
        return bad(
            seq,
            format!("its text says that it is the event {}", stored.seq),
        );
    }
    if stored.prev_hash != before.hash {
        return if seq == 1 {
            bad(seq, "it does not begin a chain".to_owned())
        } else {
            bad(
                before.seq,
                format!("it was changed: the event {seq} holds another hash of it"),
            )
        };
    }
    match columns_agree(&stored, row) {
        Ok(true) => None,
        Ok(false) => bad(seq, "its columns do not repeat its text".to_owned()),
        Err(error) => bad(seq, error.to_string()),
    }
}

fn columns_agree(stored: &StoredEvent, row: &rusqlite::Row<'_>) -> Result<bool, rusqlite::Error> {
    let event = &stored.event;
    let request: Option<[u8; 16]> = row.get(4)?;
    let run: Option<[u8; 16]> = row.get(5)?;
    Ok(row.get::<_, String>(1)? == event.subject.noun().name()
        && row.get::<_, [u8; 16]>(2)? == *event.subject.uuid().as_bytes()
        && row.get::<_, String>(3)? == stored.kind()
        && request == event.request.map(|id| id.uuid().into_bytes())
        && run == event.run.map(|id| id.uuid().into_bytes())
        && row.get::<_, i64>(6)? == event.stamp.time.as_millisecond())
}

fn is_referred(
    conn: &Connection,
    keys: &crate::key::KeyRing,
    subject: Subject,
    open: bool,
    digest: &Digest,
) -> Result<bool, ReadError> {
    for name in keys.blob_names(digest) {
        let kept = conn
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM reference
                   WHERE name = ?1 AND noun = ?2 AND id = ?3 AND open = ?4)
                 OR (NOT ?4 AND EXISTS (SELECT 1 FROM reference_archive
                   WHERE name = ?1 AND noun = ?2 AND id = ?3))",
            )?
            .query_row(
                params![name, subject.noun().name(), subject.uuid().as_bytes(), open],
                |row| row.get(0),
            )?;
        if kept {
            return Ok(true);
        }
    }
    Ok(false)
}
