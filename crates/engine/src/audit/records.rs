//! What joins the chain although it is no move of a noun: tool calls, refused calls, changed settings, backups, restores.
//!
//! What a tool does is in the tool log first, durably, and joins the chain within [`EVERY`]: one more commit a second, however many
//! calls there were. A crash in between leaves it unmarked, and the next engine goes on from there; the key of each record keeps it from
//! joining twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hyperion_backup::RESTORED;
use hyperion_host::{Home, create_private_dir, read_bounded, write_atomic};
use hyperion_model::audit::{self, Event, KEYS_MAX, PATHS_MAX, ToolCall};
use hyperion_model::{Actor, AuditId, Batch, BatchId, Command, Digest, Name, ShortText, Stamp};
use hyperion_store::ToolRecord;
use serde::{Deserialize, Serialize};

use crate::error::chain;
use crate::{Cx, Error};

/// How long records are gathered for.
const EVERY: Duration = Duration::from_secs(1);
/// How long the same refusal is only counted.
const REFUSED_EVERY: Duration = Duration::from_secs(60);
/// How many refusals are told apart at a time; the rest is counted as one.
const REFUSED_MAX: usize = 256;
/// How many records join the chain at once.
const AT_ONCE: u32 = 500;
/// Where the digests of the settings in force are kept, by key.
const SETTINGS: &str = "audit.settings";
/// Which restore was recorded.
const RESTORE: &str = "audit.restored";

/// A refusal of one kind: whose call, which, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Refused {
    /// None stands for many callers.
    actor: Option<Name>,
    call: String,
    status: u16,
    code: String,
}

/// How often, and when it was recorded last.
#[derive(Debug)]
struct Counted {
    actor: Actor,
    count: u32,
    recorded_at: Option<Instant>,
}

/// What is to be recorded.
#[derive(Debug, Default)]
pub struct Records {
    refused: Mutex<BTreeMap<Refused, Counted>>,
    wake: Mutex<Option<Sender<()>>>,
}

impl Records {
    /// Notes that somebody was refused what they called for.
    pub fn refused(&self, actor: &Actor, call: &str, status: u16, code: &str) {
        let mut refused = lock(&self.refused);
        let mut kind = Refused {
            actor: Some(actor.id().clone()),
            call: call.to_owned(),
            status,
            code: code.to_owned(),
        };
        if refused.len() >= REFUSED_MAX && !refused.contains_key(&kind) {
            kind.actor = None;
            "any".clone_into(&mut kind.call);
        }
        let counted = refused.entry(kind).or_insert_with(|| Counted {
            actor: actor.clone(),
            count: 0,
            recorded_at: None,
        });
        counted.count = counted.count.saturating_add(1);
        drop(refused);
        self.look();
    }

    /// Has the thread look: there is something to record.
    pub(crate) fn look(&self) {
        if let Some(wake) = &*lock(&self.wake) {
            // A thread that is gone was told to go.
            let _ = wake.send(());
        }
    }

    /// Takes what is due; gives whether something is left that will be.
    fn take_refused(&self, all: bool) -> (Vec<(Actor, Event)>, bool) {
        let mut due = Vec::new();
        let mut refused = lock(&self.refused);
        let now = Instant::now();
        let is_fresh = |counted: &Counted| {
            counted
                .recorded_at
                .is_some_and(|at| now.duration_since(at) < REFUSED_EVERY)
        };
        for (kind, counted) in refused.iter_mut() {
            if counted.count == 0 || !all && is_fresh(counted) {
                continue;
            }
            let Ok(code) = Name::new(kind.code.as_str()) else {
                continue;
            };
            due.push((
                counted.actor.clone(),
                Event::CallRefused {
                    call: ShortText::cut(&kind.call),
                    status: kind.status,
                    code,
                    count: std::mem::take(&mut counted.count),
                },
            ));
            counted.recorded_at = Some(now);
        }
        refused.retain(|_, counted| counted.count > 0 || is_fresh(counted));
        let is_left = refused.values().any(|counted| counted.count > 0);
        (due, is_left)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that records.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Option<JoinHandle<()>>>);

impl Recorder {
    /// Records what an engine finds when it starts, then starts the thread.
    pub(crate) fn start(cx: &Arc<Cx>) -> Result<Self, Error> {
        settings(cx)?;
        restored(cx)?;
        let (wake, woken) = mpsc::channel();
        // What an engine before this one left.
        let _ = wake.send(());
        *lock(&cx.records.wake) = Some(wake);
        let recording = Arc::clone(cx);
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || run(&recording, &woken))
            .map_err(|source| Error::Io {
                what: "the thread that records what was done".to_owned(),
                source,
            })?;
        Ok(Self(Mutex::new(Some(thread))))
    }

    /// Records what is left, and ends the thread.
    pub(crate) fn stop(&self, cx: &Cx) {
        drop(lock(&cx.records.wake).take());
        if let Some(thread) = lock(&self.0).take() {
            // A panic in there was printed.
            let _ = thread.join();
        }
    }
}

fn run(cx: &Cx, woken: &Receiver<()>) {
    let mut marked = Vec::new();
    let mut wait = None;
    loop {
        let woke = match wait {
            None => woken.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(wait) => woken.recv_timeout(wait),
        };
        let stops = woke == Err(RecvTimeoutError::Disconnected);
        // What comes within a second is one commit.
        let until = Instant::now() + EVERY;
        while !stops
            && woken
                .recv_timeout(until.saturating_duration_since(Instant::now()))
                .is_ok()
        {}
        let is_left = match record(cx, &mut marked, stops) {
            Ok(is_left) => is_left,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "could not record what was done; it is tried again");
                true
            }
        };
        if stops {
            return;
        }
        wait = is_left.then_some(EVERY);
    }
}

/// Records what there is; says whether more is left. `marked` are the tool records that joined last time.
fn record(cx: &Cx, marked: &mut Vec<i64>, all: bool) -> Result<bool, Error> {
    backups(cx)?;
    let (refused, is_left) = cx.records.take_refused(all);
    let mut tools = cx.store.tools_unchained(AT_ONCE)?;
    let is_full = tools.len() == AT_ONCE as usize;
    tools.retain(|(id, _)| !marked.contains(id));
    let part = part()?;
    let refused = refused
        .into_iter()
        .map(|(actor, event)| batch(cx, actor, event, None));
    let calls = tools.iter().map(|(id, record)| {
        let key = format!("audit.tool.{}.{id}", record.session);
        let call = Event::ToolCalled(call(record));
        batch(cx, Actor::Engine { id: part.clone() }, call, Some(key))
    });
    let batches: Vec<_> = refused.chain(calls).collect();
    // Sent along, so that both are one commit.
    cx.store.mark_tools_chained(std::mem::take(marked))?;
    for done in cx.store.execute_each(batches) {
        done?;
    }
    marked.extend(tools.iter().map(|(id, _)| *id));
    if all {
        cx.store.mark_tools_chained(std::mem::take(marked))?;
        if is_full {
            return record(cx, marked, all);
        }
    }
    Ok(is_left || is_full || !marked.is_empty())
}

fn part() -> Result<Name, Error> {
    Name::new("audit").map_err(|error| Error::Missing(error.to_string()))
}

fn batch(cx: &Cx, actor: Actor, event: Event, key: Option<String>) -> Batch {
    Batch {
        id: cx.id(BatchId::new),
        stamp: Stamp {
            time: cx.now(),
            actor,
        },
        key,
        commands: vec![Command::Audit(
            AuditId::of_home(),
            audit::Command::Record(event),
        )],
        blobs: Vec::new(),
    }
}

/// Makes a record of the tool log one of the ledger.
fn call(record: &ToolRecord) -> ToolCall {
    let digest = |hex: &Option<String>| -> Option<Digest> {
        hex.as_ref()
            .and_then(|hex| format!("sha256:{hex}").parse().ok())
    };
    let paths = record.paths.iter().take(PATHS_MAX);
    ToolCall {
        session: record.session,
        by: ShortText::cut(&record.actor),
        server: ShortText::cut(&record.server),
        tool: ShortText::cut(&record.tool),
        began_at: record.time,
        calls: record.calls,
        paths: paths.map(|path| ShortText::cut(path)).collect(),
        more_paths: u32::try_from(record.paths.len().saturating_sub(PATHS_MAX)).unwrap_or(u32::MAX),
        old: digest(&record.old_sha256),
        new: digest(&record.new_sha256),
        outcome: ShortText::cut(&record.outcome),
    }
}

/// Records that this engine's settings are not those of the one before.
fn settings(cx: &Cx) -> Result<(), Error> {
    let now = &cx.settings.digests;
    let before = cx.store.meta(SETTINGS)?;
    let kept = serde_json::to_string(now).map_err(Error::Encode)?;
    if before.as_deref() == Some(kept.as_str()) {
        return Ok(());
    }
    if let Some(before) = before {
        let before: BTreeMap<String, String> = serde_json::from_str(&before).unwrap_or_default();
        let keys: Vec<_> = before
            .keys()
            .chain(now.keys())
            .filter(|key| before.get(*key) != now.get(*key))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter_map(|key| Name::new(key.as_str()).ok())
            .collect();
        let more = keys.len().saturating_sub(KEYS_MAX);
        let event = Event::SettingsChanged {
            settings: Digest::of(kept.as_bytes()),
            more_keys: u32::try_from(more).unwrap_or(u32::MAX),
            keys: keys.into_iter().take(KEYS_MAX).collect(),
        };
        let actor = Actor::Engine { id: part()? };
        // A crash before it is kept has it recorded again: twice is better than never.
        cx.store.execute(batch(cx, actor, event, None))?;
    }
    cx.store.set_meta(SETTINGS, &kept)?;
    Ok(())
}

/// Records that this home was made from a backup.
fn restored(cx: &Cx) -> Result<(), Error> {
    let Some(text) = cx.store.meta(RESTORED)? else {
        return Ok(());
    };
    if cx.store.meta(RESTORE)?.as_deref() == Some(text.as_str()) {
        return Ok(());
    }
    let from: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let event = Event::HomeRestored {
        from: ShortText::cut(from["backup"].as_str().unwrap_or_default()),
        up_to: from["seq"].as_u64().unwrap_or_default(),
    };
    let actor = Actor::Engine { id: part()? };
    cx.store.execute(batch(cx, actor, event, None))?;
    cx.store.set_meta(RESTORE, &text)?;
    Ok(())
}

/// The most notes of backups that one look reads.
const NOTES_MAX: usize = 100;
/// The longest note of a backup.
const NOTE_BYTES_MAX: u64 = 16 * 1024;

/// What a backup leaves in the home: taking one needs no engine, and only an engine writes the chain.
#[derive(Debug, Serialize, Deserialize)]
struct BackupNote {
    by: Actor,
    to: String,
    up_to: u64,
}

/// Leaves a note that the home was copied; the engine that is up, or the next one, records it.
pub fn note_backup(cx: &Cx, by: &Actor, to: &Path, up_to: u64) -> Result<(), Error> {
    let note = BackupNote {
        by: by.clone(),
        to: to.display().to_string(),
        up_to,
    };
    let folder = notes(&cx.home);
    let name = format!("{}.json", cx.ids.next());
    let bytes = serde_json::to_vec(&note).map_err(Error::Encode)?;
    let written =
        create_private_dir(&folder).and_then(|()| write_atomic(&folder.join(name), &bytes, 0o600));
    written.map_err(|source| Error::Io {
        what: folder.display().to_string(),
        source,
    })
}

fn notes(home: &Home) -> PathBuf {
    home.path().join("noted")
}

/// Records the backups that were taken since.
fn backups(cx: &Cx) -> Result<(), Error> {
    let Ok(folder) = std::fs::read_dir(notes(&cx.home)) else {
        return Ok(());
    };
    for file in folder.flatten().take(NOTES_MAX) {
        let (path, name) = (file.path(), file.file_name());
        let note = read_bounded(&path, NOTE_BYTES_MAX).ok();
        let note = note.and_then(|bytes| serde_json::from_slice::<BackupNote>(&bytes).ok());
        if let Some(BackupNote { by, to, up_to }) = note {
            let to = ShortText::cut(&to);
            let key = format!("audit.backup.{}", name.to_string_lossy());
            let event = Event::BackupTaken { to, up_to };
            cx.store.execute(batch(cx, by, event, Some(key)))?;
        }
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(%error, "could not remove the note of a backup");
        }
    }
    Ok(())
}
