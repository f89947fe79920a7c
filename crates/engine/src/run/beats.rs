//! Signs of life that runs give on their sockets: the last of each, and notices for whoever follows them.
//!
//! Nothing of it is kept: a run says it again, and the spool has every word.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyperion_model::{RequestId, RunId, Time};
use hyperion_policy::Redactor;
use serde::Deserialize;
use tokio::sync::broadcast;

/// How many notices wait for a reader that is slow; older ones are not told.
const NOTICES_MAX: usize = 1024;
/// How often a run is told of, and within which time the home's notices are counted.
const PER_RUN: Duration = Duration::from_secs(1);
/// How many notices all runs of the home have in that time.
const PER_HOME: usize = 50;
/// The longest action that is shown, in characters.
const ACTION_MAX: usize = 200;

/// What a run last said of itself on its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// When.
    pub at: Time,
    /// How much of it is done, in percent.
    pub progress: Option<u8>,
    /// What it is doing.
    pub action: Option<String>,
}

/// Something about a run that is told and not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunNotice {
    /// When.
    pub time: Time,
    /// Of which run.
    pub run: RunId,
    /// The request that it belongs to.
    pub request: Option<RequestId>,
    /// What.
    pub what: Noticed,
}

/// What is told of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noticed {
    /// It got on with its work.
    Progressed(Beat),
    /// A sign of life that was due did not come.
    HeartbeatMissed {
        /// When the last one came.
        last_seen: Time,
    },
}

/// The last signs of life of all runs.
pub(super) struct Beats {
    last: Mutex<HashMap<RunId, Beat>>,
    /// The runs that wait because the disk is full.
    without_room: Mutex<HashSet<RunId>>,
    throttle: Mutex<Throttle>,
    notices: broadcast::Sender<RunNotice>,
}

impl Default for Beats {
    fn default() -> Self {
        Self {
            last: Mutex::default(),
            without_room: Mutex::default(),
            throttle: Mutex::default(),
            notices: broadcast::channel(NOTICES_MAX).0,
        }
    }
}

impl Beats {
    /// Hears of every notice from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<RunNotice> {
        self.notices.subscribe()
    }

    pub(super) fn last(&self, run: RunId) -> Option<Beat> {
        locked(&self.last).get(&run).cloned()
    }

    /// Forgets a run that is not watched any more.
    pub(super) fn forget(&self, run: RunId) {
        locked(&self.last).remove(&run);
        self.note_disk(run, false);
        locked(&self.throttle).forget(run);
    }

    pub(super) fn is_disk_full(&self, run: RunId) -> bool {
        locked(&self.without_room).contains(&run)
    }

    pub(super) fn note_disk(&self, run: RunId, is_full: bool) {
        let mut runs = locked(&self.without_room);
        match is_full {
            true => runs.insert(run),
            false => runs.remove(&run),
        };
    }

    /// Notes a sign of life; it is told where it says something new.
    pub(super) fn note(&self, run: RunId, request: Option<RequestId>, beat: Beat) {
        let says = |beat: &Beat| (beat.progress, beat.action.clone());
        let said = says(&beat);
        let before = locked(&self.last).insert(run, beat.clone());
        let is_new = before.map(|before| says(&before)) != Some(said.clone());
        if is_new && said != (None, None) {
            self.tell(RunNotice {
                time: beat.at,
                run,
                request,
                what: Noticed::Progressed(beat),
            });
        }
    }

    /// Has something told as soon as it may be.
    pub(super) fn tell(&self, notice: RunNotice) {
        if self.notices.receiver_count() > 0 {
            locked(&self.throttle).offer(notice);
        }
    }

    /// Tells what may be told now; says how long until there is more to tell.
    pub(super) fn publish(&self, now: Instant) -> Option<Duration> {
        let mut throttle = locked(&self.throttle);
        for notice in throttle.take(now) {
            // An error means that nobody follows.
            let _ = self.notices.send(notice);
        }
        throttle.due(now)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a message on a run's socket as a sign of life; anything else that is said there is for others.
pub(super) fn beat_of(message: &[u8], at: Time, redactor: &Redactor) -> Option<Beat> {
    #[derive(Deserialize)]
    struct Message {
        method: String,
        #[serde(default)]
        params: Params,
    }
    #[derive(Default, Deserialize)]
    struct Params {
        progress: Option<f64>,
        action: Option<String>,
    }
    let message = serde_json::from_slice::<Message>(message).ok();
    let params = message
        .filter(|message| message.method == "heartbeat")?
        .params;
    let action = params.action.map(|action| {
        let line: String = action.chars().take(ACTION_MAX).collect();
        redactor.redact(&line).into_owned()
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and 100"
    )]
    let progress = params.progress.map(|done| done.clamp(0.0, 100.0) as u8);
    Some(Beat {
        at,
        progress,
        action,
    })
}

/// Lets notices through, so many in a time. Of a run whose turn has not come, the latest one waits.
#[derive(Default)]
struct Throttle {
    /// The runs that were told of in the last [`PER_RUN`], the oldest first.
    told: Vec<(Instant, RunId)>,
    waiting: Vec<RunNotice>,
}

impl Throttle {
    fn offer(&mut self, notice: RunNotice) {
        match self
            .waiting
            .iter_mut()
            .find(|other| other.run == notice.run)
        {
            Some(other) => *other = notice,
            None => self.waiting.push(notice),
        }
    }

    fn forget(&mut self, run: RunId) {
        self.waiting.retain(|notice| notice.run != run);
    }

    fn take(&mut self, now: Instant) -> Vec<RunNotice> {
        self.told
            .retain(|(at, _)| now.saturating_duration_since(*at) < PER_RUN);
        let told = &mut self.told;
        let may_go = |notice: &mut RunNotice| {
            let is_free = told.len() < PER_HOME && told.iter().all(|(_, run)| *run != notice.run);
            if is_free {
                told.push((now, notice.run));
            }
            is_free
        };
        self.waiting.extract_if(.., may_go).collect()
    }

    /// How long until one of those that wait may go, after [`take`](Self::take).
    fn due(&self, now: Instant) -> Option<Duration> {
        let (first, _) = self.told.first()?;
        let left = (*first + PER_RUN).saturating_duration_since(now);
        (!self.waiting.is_empty()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use hyperion_model::Uuid;

    use super::*;

    fn time() -> Time {
        Time::from_millisecond(1_000).unwrap()
    }

    fn run(number: u128) -> RunId {
        RunId::new(Uuid::from_u128(number))
    }

    fn progress(number: u128, progress: u8) -> RunNotice {
        let beat = Beat {
            at: time(),
            progress: Some(progress),
            action: None,
        };
        RunNotice {
            time: time(),
            run: run(number),
            request: None,
            what: Noticed::Progressed(beat),
        }
    }

    // S2: however fast runs speak, of each is told once a second, the latest, and of all of them so much.
    #[test]
    fn notices_are_few_and_the_latest() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut throttle = Throttle::default();
        throttle.offer(progress(1, 1));
        assert_eq!(throttle.take(at(0)), [progress(1, 1)]);
        assert_eq!(throttle.due(at(0)), None);
        for done in 2..50 {
            throttle.offer(progress(1, done));
        }
        assert_eq!(throttle.take(at(900)), []);
        assert_eq!(throttle.due(at(900)), Some(Duration::from_millis(100)));
        assert_eq!(throttle.take(at(1000)), [progress(1, 49)]);

        for number in 0..200 {
            throttle.offer(progress(number, 50));
        }
        let told: Vec<_> = (2..8).map(|s| throttle.take(at(s * 1000)).len()).collect();
        assert_eq!(told, [50, 50, 50, 50, 0, 0]);
    }

    // S2: a sign that says nothing new is none to tell of; secrets in it are masked.
    #[test]
    fn a_sign_of_life_is_read_and_told_once() {
        let token = concat!("ghp_", "kX9vQ2mZ7rT4wB8nL5cJ1hG6dF3sP0yAeRuV");
        let said = |text: &str| beat_of(text.as_bytes(), time(), &Redactor::default());
        let beats = Beats::default();
        let mut heard = beats.subscribe();
        let message = format!(
            r#"{{"method":"heartbeat","params":{{"progress":140,"action":"push {token}"}}}}"#
        );
        let beat = said(&message).unwrap();
        assert_eq!(beat.progress, Some(100));
        assert!(!beat.action.as_ref().unwrap().contains(token));
        for _ in 0..2 {
            beats.note(run(1), None, beat.clone());
            beats.publish(Instant::now());
        }
        assert_eq!(heard.try_recv().unwrap().what, Noticed::Progressed(beat));
        assert!(heard.try_recv().is_err());
        assert_eq!(said(r#"{"method":"event","params":{"name":"x"}}"#), None);
        assert_eq!(said("heartbeat"), None);
    }
}
