//! The one door for facts: a batch is decided, applied and written as one, or not at all.

use std::sync::Arc;

use hyperion_model::machine::{Refusal, Row};
use hyperion_model::{Batch, Command, Digest, Event, StoredEvent, Uuid, command};
use rusqlite::{OptionalExtension as _, params};
use tokio::sync::oneshot;

use crate::archive;
use crate::blob::{SealedBlob, keep_inserted};
use crate::chain;
use crate::error::StoreError;
use crate::feed;
use crate::lease::{self, Lease};
use crate::redact::{finds_any, redact_value};
use crate::rows::{self, Loaded, RowStamp, Stored};
use crate::store::Store;
use crate::sync::mpsc;
use crate::writer::{Job, Reply, Writer};

/// The most bytes the stored text of one event may have.
pub const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// The most bytes an idempotency key may have.
pub const MAX_KEY_BYTES: usize = 256;

/// The most blobs one batch may carry.
const MAX_BLOBS: usize = 4096;

/// What a batch came to; on the disk for good.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The number of its first event.
    pub first_seq: u64,
    /// The number of its last event; below `first_seq` when no event came of it.
    pub last_seq: u64,
    /// Its events.
    pub events: Vec<Arc<StoredEvent>>,
    /// Whether an earlier batch with the same key had done it already.
    pub replayed: bool,
}

impl Store {
    /// Decides, applies and writes a batch; returns once it is durable.
    ///
    /// All of it is done or nothing. It blocks the calling thread for about one disk flush.
    pub fn execute(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.execute_guarded(batch, None)
    }

    /// Does the same, unless the lease has ended by the batch's time.
    ///
    /// The check and the batch are one transaction: a holder that overslept changes nothing.
    pub fn execute_under(&self, batch: Batch, lease: &Lease) -> Result<Committed, StoreError> {
        self.execute_guarded(batch, Some(lease.clone()))
    }

    /// Decides several batches, each for itself: what is refused keeps no other from being done.
    ///
    /// They are decided in the order given. They share commits, so a hundred take hardly longer than one, and a
    /// crash leaves the first of them done and the rest not.
    pub fn execute_each(
        &self,
        batches: impl IntoIterator<Item = Batch>,
    ) -> Vec<Result<Committed, StoreError>> {
        let handed: Vec<_> = batches
            .into_iter()
            .map(|batch| {
                let (sender, receiver) = mpsc::sync_channel(1);
                let job = BatchJob {
                    reply: Reply::Thread(sender),
                    ..self.prepare(batch, None)?
                };
                self.send(Box::new(job)).map(|()| receiver)
            })
            .collect();
        handed
            .into_iter()
            .map(|handed| handed?.recv().map_err(|_| StoreError::Closed)?)
            .collect()
    }

    /// Hands a batch to the writer and returns at once; the receiver gets the answer.
    ///
    /// It does not wait for room: when too much is waiting, the answer is `Overloaded`.
    pub fn submit(&self, batch: Batch) -> oneshot::Receiver<Result<Committed, StoreError>> {
        let (sender, receiver) = oneshot::channel();
        match self.prepare(batch, None) {
            Ok(prepared) => self.try_send(BatchJob {
                reply: Reply::Task(sender),
                ..prepared
            }),
            Err(error) => Reply::Task(sender).send(Err(error)),
        }
        receiver
    }

    fn execute_guarded(&self, batch: Batch, guard: Option<Lease>) -> Result<Committed, StoreError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let job = BatchJob {
            reply: Reply::Thread(sender),
            ..self.prepare(batch, guard)?
        };
        self.send(Box::new(job))?;
        receiver.recv().map_err(|_| StoreError::Closed)?
    }

    /// Does on the caller's thread what does not need the writer: limits and encryption.
    fn prepare(&self, batch: Batch, guard: Option<Lease>) -> Result<BatchJob, StoreError> {
        let limit = |what, given, max| {
            if given > max {
                Err(StoreError::TooLarge { what, given, max })
            } else {
                Ok(())
            }
        };
        limit(
            "a batch, in commands",
            batch.commands.len(),
            command::MAX_COMMANDS,
        )?;
        limit("a batch, in blobs", batch.blobs.len(), MAX_BLOBS)?;
        limit(
            "an idempotency key, in bytes",
            batch.key.as_ref().map_or(0, String::len),
            MAX_KEY_BYTES,
        )?;
        let blobs = self.seal_blobs(&batch.blobs)?;
        // The plain bytes are not needed any more.
        let batch = Batch {
            blobs: Vec::new(),
            ..batch
        };
        Ok(BatchJob {
            digest: batch.key.as_ref().map(|_| batch.digest()),
            batch,
            guard,
            blobs,
            inserted: Vec::new(),
            made: None,
            reply: Reply::Nobody,
        })
    }
}

/// A batch on its way through the writer.
struct BatchJob {
    batch: Batch,
    /// What the idempotency key is bound to, where there is one.
    digest: Option<Digest>,
    guard: Option<Lease>,
    blobs: Vec<SealedBlob>,
    /// Which of the blobs were new.
    inserted: Vec<bool>,
    made: Option<Committed>,
    reply: Reply<Committed>,
}

impl Job for BatchJob {
    fn attempt(&mut self, writer: &mut Writer) -> Result<(), StoreError> {
        self.inserted.clear();
        if let Some(key) = &self.batch.key
            && let Some(committed) = replay(writer, key, self.digest)?
        {
            self.made = Some(committed);
            return Ok(());
        }
        if let Some(guard) = &self.guard {
            lease::check(&writer.conn, guard, self.batch.stamp.time)?;
        }
        for blob in &self.blobs {
            self.inserted
                .push(blob.insert(&writer.conn, self.batch.stamp.time)?);
        }
        let first_seq = writer.head.seq + 1;
        let mut progress = Progress {
            batch: &self.batch,
            there: self.blobs.iter().map(SealedBlob::name).collect(),
            living: Vec::new(),
            events: Vec::new(),
        };
        let mut index = 0;
        // Commands to one subject that follow each other load and write its row once.
        for commands in (self.batch.commands).chunk_by(|a, b| a.subject() == b.subject()) {
            run_commands(writer, &mut progress, index, commands)?;
            index += commands.len();
        }
        let last_seq = writer.head.seq;
        if let Some(key) = &self.batch.key {
            writer
                .conn
                .prepare_cached(
                    "INSERT INTO receipt (key, first_seq, last_seq, time_ms, digest)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    key,
                    first_seq,
                    last_seq,
                    self.batch.stamp.time.as_millisecond(),
                    self.digest.map(|digest| *digest.as_bytes()),
                ])?;
        }
        self.made = Some(Committed {
            first_seq,
            last_seq,
            events: progress.events,
            replayed: false,
        });
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        let Self {
            batch: _,
            digest: _,
            guard: _,
            mut blobs,
            inserted,
            made,
            reply,
        } = *self;
        if result.is_ok() {
            keep_inserted(&mut blobs, &inserted);
        }
        // Files nobody needs go before the answer.
        drop(blobs);
        reply.send(result.and_then(|()| made.ok_or(StoreError::Closed)));
    }
}

/// Gives the answer an earlier batch with this key got; refuses what asks for something else.
fn replay(
    writer: &Writer,
    key: &str,
    digest: Option<Digest>,
) -> Result<Option<Committed>, StoreError> {
    let receipt = writer
        .conn
        .prepare_cached("SELECT first_seq, last_seq, digest FROM receipt WHERE key = ?1")?
        .query_row([key], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<[u8; 32]>>(2)?))
        })
        .optional()?;
    let Some((first_seq, last_seq, bound_to)) = receipt else {
        return Ok(None);
    };
    // Receipts from before digests were kept have none; they go with their retention time.
    let same = bound_to.is_none_or(|bound_to| digest == Some(Digest::from_bytes(bound_to)));
    if !same {
        return Err(StoreError::KeyReused {
            key: key.to_owned(),
        });
    }
    let events = feed::load_span(&writer.conn, first_seq, last_seq)?;
    Ok(Some(Committed {
        first_seq,
        last_seq,
        events,
        replayed: true,
    }))
}

fn run_commands(
    writer: &mut Writer,
    progress: &mut Progress<'_>,
    index: usize,
    commands: &[Command],
) -> Result<(), StoreError> {
    use hyperion_model::{
        approval, audit, change_set, entry, grant, plan, repo, request, run, token, user,
    };
    let Some(first) = commands.first() else {
        return Ok(());
    };
    let step = Step {
        writer,
        progress,
        index,
        id: first.subject().uuid(),
    };
    macro_rules! all {
        ($noun:ident) => {
            commands.iter().filter_map(|command| match command {
                Command::$noun(_, command) => Some(command),
                _ => None,
            })
        };
    }
    match first {
        Command::Repo(..) => step.run::<repo::Repo>(all!(Repo)),
        Command::Request(..) => step.run::<request::Request>(all!(Request)),
        Command::Plan(..) => step.run::<plan::Plan>(all!(Plan)),
        Command::Run(..) => step.run::<run::Run>(all!(Run)),
        Command::ChangeSet(..) => step.run::<change_set::ChangeSet>(all!(ChangeSet)),
        Command::Approval(..) => step.run::<approval::Approval>(all!(Approval)),
        Command::Entry(..) => step.run::<entry::Entry>(all!(Entry)),
        Command::User(..) => step.run::<user::User>(all!(User)),
        Command::Token(..) => step.run::<token::Token>(all!(Token)),
        Command::Audit(..) => step.run::<audit::Ledger>(all!(Audit)),
        Command::Grant(..) => step.run::<grant::Grant>(all!(Grant)),
    }
}

/// A batch while it is carried out.
struct Progress<'a> {
    batch: &'a Batch,
    /// The names of the blobs it brought along.
    there: Vec<[u8; 32]>,
    /// Its subjects so far: none of them is archived.
    living: Vec<Uuid>,
    events: Vec<Arc<StoredEvent>>,
}

/// Some commands of a batch to one subject.
struct Step<'a, 'b> {
    writer: &'a mut Writer,
    progress: &'a mut Progress<'b>,
    /// Of the first command.
    index: usize,
    id: Uuid,
}

impl Step<'_, '_> {
    /// Loads, decides, applies, writes.
    fn run<'c, M: Stored>(
        self,
        commands: impl Iterator<Item = &'c M::Command>,
    ) -> Result<(), StoreError>
    where
        M::Command: 'c,
    {
        let Self {
            writer,
            progress,
            index,
            id,
        } = self;
        let Progress {
            batch,
            there,
            living,
            events,
        } = progress;
        living.push(id);
        let subject = M::subject(id);
        let found = match rows::load::<M>(&writer.conn, id)? {
            // A command that needs something archived finds it where it was.
            None if archive::bring_back(writer, M::NOUN, id)? => rows::load(&writer.conn, id)?,
            found => found,
        };
        let (mut state, created_seq) = match found {
            Some(Loaded { state, created_seq }) => (Some(state), created_seq),
            None => (None, writer.head.seq + 1),
        };
        let before: Option<Row> = state.as_ref().map(M::row);
        let last_before = writer.head.seq;
        for (index, command) in (index..).zip(commands) {
            let refused = |refusal| StoreError::Refused {
                index,
                subject,
                refusal,
            };
            for event in M::decide(state.as_ref(), command, &batch.stamp).map_err(refused)? {
                // Redacted first: the state has to follow from the very event that is stored.
                let event = redacted::<M>(writer, event).ok_or(StoreError::Secret { subject })?;
                let next = M::apply(state.take(), &event, &batch.stamp)
                    .map_err(|source| StoreError::Corrupt { subject, source })?;
                if next.own_uuid() != id {
                    return Err(refused(Refusal::Inconsistent(
                        "the id in the command is not its subject's",
                    )));
                }
                let row = next.row();
                let event = Event {
                    id: batch.event_id(writer.head.seq + 1),
                    stamp: batch.stamp.clone(),
                    subject,
                    request: row.request,
                    run: row.run,
                    fact: M::fact(event),
                };
                events.push(chain::append(&writer.conn, &mut writer.head, event)?);
                state = Some(next);
            }
        }
        let Some(state) = state.filter(|_| writer.head.seq > last_before) else {
            // Nothing happened to it.
            return Ok(());
        };
        if before.is_none() {
            archive::bring_back_referred(writer, &state.row(), living)?;
        }
        let stamp = RowStamp {
            created_seq,
            updated_seq: writer.head.seq,
            time: batch.stamp.time,
        };
        let (conn, keys) = (&writer.conn, &writer.keys);
        rows::save(conn, keys, before.as_ref(), &state, &stamp, there)
    }
}

/// Masks secrets in an event's texts; nothing when a mask does not fit where a secret stands.
fn redacted<M: Stored>(writer: &Writer, event: M::Event) -> Option<M::Event> {
    let text = serde_json::to_string(&event).ok()?;
    if !finds_any(writer.redact.as_ref(), &text) {
        return Some(event);
    }
    let mut json: serde_json::Value = serde_json::from_str(&text).ok()?;
    if redact_value(writer.redact.as_ref(), json.get_mut("data")?) {
        serde_json::from_value(json).ok()
    } else {
        Some(event)
    }
}
