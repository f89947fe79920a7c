//! The supervisor: one thread that watches the shims of all runs.
//!
//! It reads what they spool, records that a run has begun, and looks after its signs of life. A run's end is not its business: when a
//! shim hangs up, the reconciler finds in the run's folder how it went, as it does after a restart.

use std::collections::HashMap;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use hyperion_fault::{Point, reached};
use hyperion_git::Lane;
use hyperion_host::{Bell, CancelFlag, ProcessMark, wait_any};
use hyperion_model::run::{self, Process, Run, Status, Work};
use hyperion_model::{Command, Name, RequestId, RunId};
use hyperion_shim::{AttachError, Attachment, Body, Control, Frame, Spec, spool};
use hyperion_store::StoreError;
use tokio::sync::broadcast;

use super::beats::{Beat, Beats, Noticed, RunNotice, beat_of};
use super::desk::{Desk, Message};
use super::jobs::Asked;
use super::life::Life;
use crate::{Cx, Error, OnStall};

/// The fence of every client of this home's shims: the engine, which holds the home's lock, and the terminals of people.
pub const FENCE: u64 = 1;

/// How much of what a run spooled is read before the others have their turn.
const TURN_BYTES: usize = 1024 * 1024;
/// How long the thread sleeps when nothing is due.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The way to the thread.
pub struct Supervisor {
    inbox: Arc<Inbox>,
}

struct Inbox {
    orders: Mutex<Vec<Order>>,
    beats: Beats,
    /// The lanes of checks whose shims hung up: others get them when nothing is left of the check.
    lanes: Mutex<HashMap<RunId, Lane>>,
    /// Answers what runs ask.
    desk: Mutex<Option<Desk>>,
    is_running: AtomicBool,
    bell: Bell,
}

enum Order {
    Watch(Box<Watched>),
    Ask(RunId, Asked),
    /// The answer to what a run asked, by its number.
    Answer(RunId, u64, Vec<u8>),
    Leave,
}

impl Supervisor {
    pub(crate) fn new() -> Result<Self, Error> {
        let bell = Bell::new().map_err(|source| Error::Io {
            what: "a descriptor for the supervisor".to_owned(),
            source,
        })?;
        Ok(Self {
            inbox: Arc::new(Inbox {
                orders: Mutex::default(),
                beats: Beats::default(),
                lanes: Mutex::default(),
                desk: Mutex::default(),
                is_running: AtomicBool::new(false),
                bell,
            }),
        })
    }

    /// Gives what a run last said of itself on its socket; none of one that said nothing, or is not at work.
    pub fn beat(&self, id: RunId) -> Option<Beat> {
        self.inbox.beats.last(id)
    }

    /// Tells whether a run waits because the disk is full.
    pub fn is_disk_full(&self, id: RunId) -> bool {
        self.inbox.beats.is_disk_full(id)
    }

    /// Hears of what runs say of themselves from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<RunNotice> {
        self.inbox.beats.subscribe()
    }

    /// Watches a run from now on.
    pub(super) fn watch(&self, cx: &Arc<Cx>, watched: Watched) -> Result<(), Error> {
        cx.jobs.watch(watched.run);
        self.open_desk(cx)?;
        self.order(Order::Watch(Box::new(watched)));
        if self.inbox.is_running.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let (inbox, weak) = (Arc::clone(&self.inbox), Arc::downgrade(cx));
        let started = std::thread::Builder::new()
            .name("supervisor".to_owned())
            .spawn(move || watch_all(&inbox, &weak));
        started.map(drop).map_err(|source| {
            self.inbox.is_running.store(false, Ordering::SeqCst);
            Error::Io {
                what: "the supervisor's thread".to_owned(),
                source,
            }
        })
    }

    fn open_desk(&self, cx: &Arc<Cx>) -> Result<(), Error> {
        let mut desk = locked(&self.inbox.desk);
        if desk.is_none() {
            let opened = Desk::open(Arc::downgrade(cx)).map_err(|source| Error::Io {
                what: "the thread that answers what runs ask".to_owned(),
                source,
            })?;
            *desk = Some(opened);
        }
        Ok(())
    }

    /// Passes the answer to what a run asked on to its shim.
    pub(super) fn answer(&self, id: RunId, number: u64, json: Vec<u8>) {
        self.order(Order::Answer(id, number, json));
    }

    /// Lets go of what a run had that is over.
    pub(super) fn release(&self, id: RunId) {
        locked(&self.inbox.lanes).remove(&id);
    }

    /// Passes on what is asked of a run.
    pub(super) fn ask(&self, id: RunId, asked: Asked) {
        self.order(Order::Ask(id, asked));
    }

    /// Leaves every run alone: it goes on without this engine.
    pub(crate) fn leave(&self) {
        self.order(Order::Leave);
    }

    fn order(&self, order: Order) {
        locked(&self.inbox.orders).push(order);
        self.inbox.bell.ring();
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Inbox {
    /// Notes that the thread ends. What it watched, or was just given, is the reconciler's to find, and another thread's to watch.
    fn end(&self, cx: Option<&Arc<Cx>>, mut all: Vec<Watched>) {
        self.is_running.store(false, Ordering::SeqCst);
        let orders = std::mem::take(&mut *locked(&self.orders)).into_iter();
        all.extend(orders.filter_map(|order| match order {
            Order::Watch(watched) => Some(*watched),
            Order::Ask(..) | Order::Answer(..) | Order::Leave => None,
        }));
        if let Some(cx) = cx {
            all.iter_mut().for_each(|watched| watched.let_go(cx, self));
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread.
fn watch_all(inbox: &Inbox, cx: &Weak<Cx>) {
    let mut all: Vec<Watched> = Vec::new();
    loop {
        inbox.bell.silence();
        let patience = {
            let Some(cx) = cx.upgrade() else { return };
            // Not in the head of the loop, where the lock would be held until its end.
            let orders = std::mem::take(&mut *locked(&inbox.orders));
            for order in orders {
                match order {
                    Order::Watch(watched) => all.push(*watched),
                    Order::Ask(id, asked) => {
                        if let Some(watched) = all.iter_mut().find(|watched| watched.run == id) {
                            watched.ask(asked);
                        }
                    }
                    Order::Answer(id, number, json) => {
                        if let Some(watched) = all.iter_mut().find(|watched| watched.run == id) {
                            watched.answer(number, json);
                        }
                    }
                    // A call must not wait for what nobody watches any more.
                    Order::Leave => return inbox.end(Some(&cx), all),
                }
            }
            all.retain_mut(|watched| watched.stays(&cx, inbox));
            let now = Instant::now();
            let due = all.iter().filter_map(|watched| watched.due(now));
            let due = due.chain(inbox.beats.publish(now)).min();
            due.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)
        };
        let mut descriptors = vec![inbox.bell.as_fd()];
        descriptors.extend(all.iter().map(|watched| watched.attachment.fd()));
        let called_off = all.iter().filter_map(|watched| watched.cancel.as_ref());
        descriptors.extend(called_off.map(CancelFlag::as_fd));
        let ready = match wait_any(&descriptors, patience) {
            Ok(ready) => ready,
            Err(error) => {
                tracing::error!(%error, "the supervisor cannot wait for the shims of runs");
                return inbox.end(cx.upgrade().as_ref(), all);
            }
        };
        for (watched, is_ready) in all.iter_mut().zip(ready.into_iter().skip(1)) {
            watched.is_ready |= is_ready;
        }
    }
}

/// A run whose shim is watched.
pub(super) struct Watched {
    run: RunId,
    request: Option<RequestId>,
    part: Name,
    attachment: Attachment,
    /// Whether there may be something to read.
    is_ready: bool,
    /// Whether its beginning is recorded.
    has_begun: bool,
    is_check: bool,
    is_paused: bool,
    is_disk_full: bool,
    grace_ms: u64,
    life: Life,
    folder: PathBuf,
    /// The number of the last thing that it asked and that was handed on.
    last_ask: u64,
    /// What it waits for, and until when: meanwhile it need not show that it is alive.
    waits: HashMap<u64, Instant>,
    /// Where it is a check: no other one gets it meanwhile.
    lane: Option<Lane>,
    /// Raised when nobody waits for it any more; none once that was done, or where somebody always does.
    cancel: Option<CancelFlag>,
}

impl Watched {
    /// Attaches to the shim of a run.
    pub(super) fn attach(
        cx: &Cx,
        part: &Name,
        run: &Run,
        folder: &Path,
        spec: &Spec,
        lane: Option<Lane>,
    ) -> Result<Self, AttachError> {
        // Its beginning is recorded: what it wrote until now says nothing any more.
        let after = match run.status {
            Status::Starting => 0,
            _ => spool::near_end(folder, 1)?,
        };
        let rules = &cx.settings.supervision;
        let patience = rules.stall_after.max(2 * rules.heartbeat_interval);
        let life = Life::new(spec.heartbeat, patience, Instant::now(), cx.now());
        let life = life.expected_every(rules.heartbeat_interval);
        let mut watched = Self {
            run: run.id,
            request: run.request,
            part: part.clone(),
            attachment: Attachment::open(folder, FENCE, after)?,
            is_ready: true,
            has_begun: run.status != Status::Starting,
            is_check: matches!(run.work, Work::Check { .. }),
            is_paused: run.status == Status::Paused,
            is_disk_full: false,
            grace_ms: spec.grace_ms,
            life: life.stalled(run.status == Status::Stalled),
            folder: folder.to_path_buf(),
            last_ask: 0,
            waits: HashMap::new(),
            lane,
            cancel: None,
        };
        if spec.token.is_some() {
            watched.attachment.answer_asks()?;
        }
        if run.status != Status::Starting {
            // The engine that recorded this may have died before it did it.
            let control = match run.status {
                Status::Paused => Control::Pause,
                _ => Control::Resume,
            };
            watched.tell(control);
        }
        Ok(watched)
    }

    /// Has the run end once a flag is raised.
    pub(super) fn until_called_off(mut self, cancel: CancelFlag) -> Self {
        self.cancel = Some(cancel);
        self
    }

    fn tell(&mut self, control: Control) {
        if let Err(error) = self.attachment.send(control) {
            tracing::warn!(run = %self.run, %error, "could not tell a run's shim what to do");
        }
    }

    fn ask(&mut self, asked: Asked) {
        if asked.pause != self.is_paused {
            self.is_paused = asked.pause;
            self.tell(match asked.pause {
                true => Control::Pause,
                false => Control::Resume,
            });
            self.life.wait_anew(Instant::now());
        }
        if asked.stop {
            self.tell(Control::Stop {
                grace_ms: self.grace_ms,
            });
        }
    }

    /// How long until something has to be done without anybody saying so.
    fn due(&self, now: Instant) -> Option<Duration> {
        if self.is_ready || self.attachment.has_unsent() {
            return Some(if self.is_ready {
                Duration::ZERO
            } else {
                Duration::from_millis(100)
            });
        }
        let left = self.life.left(now).map(|left| {
            let waits = self.waits.values().max();
            left.max(waits.map_or(Duration::ZERO, |until| until.saturating_duration_since(now)))
        });
        let next = [left, self.life.until_missed(now)];
        next.into_iter().flatten().min().filter(|_| !self.is_paused)
    }

    /// Hands on what it asked since.
    fn hand_on(&mut self, inbox: &Inbox, now: Instant) -> Result<(), Error> {
        let asks = self.attachment.news().asks;
        if asks <= self.last_ask {
            return Ok(());
        }
        let failed = |source| Error::Io {
            what: format!("what run {} asks", self.run),
            source,
        };
        let mut last = asks;
        for number in hyperion_shim::asks::unanswered(&self.folder).map_err(failed)? {
            if number <= self.last_ask {
                continue;
            }
            last = last.max(number);
            let Some(message) = hyperion_shim::asks::read(&self.folder, number).map_err(failed)?
            else {
                continue;
            };
            let message = Message::read(&message);
            if let Ok(Message::Wait { within, .. }) = &message {
                self.waits.insert(number, now + *within);
            }
            if let Some(desk) = &*locked(&inbox.desk) {
                desk.put(self.run, number, message);
            }
        }
        self.last_ask = last;
        Ok(())
    }

    fn answer(&mut self, number: u64, json: Vec<u8>) {
        if self.waits.remove(&number).is_some() {
            self.life.wait_anew(Instant::now());
        }
        self.tell(Control::Answer { number, json });
    }

    /// Does what is to be done now; tells whether the shim is still there.
    fn stays(&mut self, cx: &Arc<Cx>, inbox: &Inbox) -> bool {
        let now = Instant::now();
        if self.attachment.has_unsent() {
            let _ = self.attachment.flush();
        }
        if self.cancel.take_if(|flag| flag.is_cancelled()).is_some() {
            self.tell(Control::Stop {
                grace_ms: self.grace_ms,
            });
        }
        let went_well = match self.is_ready {
            true => self.read(cx, inbox, now),
            false => Ok(true),
        };
        if self.waits.values().any(|until| *until <= now) {
            self.waits.retain(|_, until| *until > now);
            self.life.wait_anew(now);
        }
        let waits = self.is_paused || !self.waits.is_empty();
        if !waits && self.life.misses(now) {
            inbox.beats.tell(RunNotice {
                time: cx.now(),
                run: self.run,
                request: self.request,
                what: Noticed::HeartbeatMissed {
                    last_seen: self.life.last_seen(),
                },
            });
        }
        let late = self.life.left(now) == Some(Duration::ZERO) && !waits;
        let went_well = match went_well {
            Ok(true) if late => self.stall(cx, now).map(|()| true),
            other => other,
        };
        let stays = went_well.unwrap_or_else(|error| {
            tracing::error!(run = %self.run, error = crate::error::chain(&error), "could not watch a run");
            // The reconciler says so, and watches it again.
            cx.jobs.note_unrecorded(error);
            false
        });
        if !stays {
            self.let_go(cx, inbox);
        }
        stays
    }

    /// Gives the run back to the reconciler.
    fn let_go(&mut self, cx: &Cx, inbox: &Inbox) {
        inbox.beats.forget(self.run);
        if let Some(desk) = &*locked(&inbox.desk) {
            desk.forget(self.run);
        }
        if let Some(lane) = self.lane.take() {
            locked(&inbox.lanes).insert(self.run, lane);
        }
        cx.jobs.remove(self.run);
    }

    /// Reads what came; tells whether more can come.
    fn read(&mut self, cx: &Arc<Cx>, inbox: &Inbox, now: Instant) -> Result<bool, Error> {
        let frames = self.attachment.frames(TURN_BYTES);
        let frames = frames.map_err(|source| Error::Io {
            what: format!("the output of run {}", self.run),
            source,
        })?;
        self.is_ready = !frames.is_empty();
        for Frame { body, .. } in &frames {
            match body {
                Body::Started(mark) => self.begin(cx, mark)?,
                Body::Said(message) => {
                    if let Some(beat) = beat_of(message, cx.now(), &cx.redactor) {
                        inbox.beats.note(self.run, self.request, beat);
                    }
                }
                Body::Output(..) | Body::Gap(_) | Body::NoRoom(_) | Body::Ended(_) => {}
            }
        }
        self.hand_on(inbox, now)?;
        let news = self.attachment.news();
        let cpu_ms = news.cpu_ms;
        if std::mem::replace(&mut self.is_disk_full, news.disk_full) != news.disk_full {
            self.tell_of_disk(inbox);
        }
        if self.life.is_sign(&frames, cpu_ms) && self.life.seen(now, cx.now()) {
            self.commit(cx, run::Command::Recover)?;
        }
        Ok(self.is_ready || !self.attachment.is_over())
    }

    fn tell_of_disk(&self, inbox: &Inbox) {
        inbox.beats.note_disk(self.run, self.is_disk_full);
        match self.is_disk_full {
            true => {
                tracing::warn!(run = %self.run, "the disk is full: a run waits until its output can be kept");
            }
            false => {
                tracing::info!(run = %self.run, "there is room on the disk again: a run goes on");
            }
        }
    }

    fn begin(&mut self, cx: &Cx, mark: &str) -> Result<(), Error> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        if self.is_check {
            reached(Point::CheckSpawned);
        }
        let mark: Option<ProcessMark> = mark.parse().ok();
        let process = mark.map(|mark| Process {
            pid: mark.pid,
            start_ticks: mark.start_ticks,
            boot_id: Name::new(mark.boot_id).unwrap_or_else(|_| cx.boot_id.clone()),
        });
        self.commit(cx, run::Command::Begin { process })?;
        if self.is_check {
            reached(Point::CheckBegun);
        }
        Ok(())
    }

    fn stall(&mut self, cx: &Cx, now: Instant) -> Result<(), Error> {
        let last_seen = self.life.last_seen();
        if self.life.stall(now) {
            tracing::warn!(run = %self.run, %last_seen, "a run gives no sign of life");
            self.commit(cx, run::Command::Stall { last_seen })?;
        }
        if cx.settings.supervision.on_stall != OnStall::Warn {
            self.tell(Control::Stop {
                grace_ms: self.grace_ms,
            });
        }
        Ok(())
    }

    /// Records something. A refusal is an answer: somebody else said what became of the run.
    fn commit(&self, cx: &Cx, command: run::Command) -> Result<(), Error> {
        let commands = vec![Command::Run(self.run, command)];
        match cx.execute(cx.stamp(&self.part), commands, vec![]) {
            Ok(_) | Err(Error::Store(StoreError::Refused { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
