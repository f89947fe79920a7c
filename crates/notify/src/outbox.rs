//! When something is told: after a moment in which it may be settled without, and never in a flood.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::message::Kind;

/// How often a message is tried before it is given up.
const ATTEMPTS_MAX: u32 = 8;
/// How long after the first failure it is tried again; then twice as long each time.
const FIRST_PAUSE_MS: i64 = 2000;
/// How much may wait to be told at once.
const WAITING_MAX: usize = 10_000;

/// What is told, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Which kinds are told.
    pub on: BTreeSet<Kind>,
    /// How long something waits for a person before they are told of it.
    pub dwell: Duration,
    /// How long after a message nothing more is told: what comes meanwhile is one message.
    pub cooldown: Duration,
}

impl Rules {
    /// Tells all that waits now: for an engine that leaves.
    #[must_use]
    pub fn at_once(&self) -> Self {
        Self {
            on: self.on.clone(),
            dwell: Duration::ZERO,
            cooldown: Duration::ZERO,
        }
    }
}

/// Something that may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News<T> {
    /// The number of the event that it follows from.
    pub seq: u64,
    /// Why it is told.
    pub kind: Kind,
    /// When it happened, in milliseconds.
    pub at_ms: i64,
    /// What it is about.
    pub what: T,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Tell what is due.
    Tell,
    /// Try the last message again.
    Again,
    /// Nothing before this time, or before something happens.
    Wait(Option<i64>),
}

/// What is to be told, and the message that is on its way.
#[derive(Debug)]
pub struct Outbox<T> {
    /// The number of the last event that was looked at.
    read: u64,
    waiting: Vec<News<T>>,
    /// When the last message was sent or given up.
    told_ms: Option<i64>,
    on_its_way: Option<OnItsWay>,
}

#[derive(Debug)]
struct OnItsWay {
    /// The first event that it tells of.
    first: u64,
    failures: u32,
    again_ms: i64,
}

impl<T> Outbox<T> {
    /// Begins behind an event.
    pub const fn new(read: u64) -> Self {
        Self {
            read,
            waiting: Vec::new(),
            told_ms: None,
            on_its_way: None,
        }
    }

    /// Gives the number of the last event that was looked at.
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// Says whether more can be taken up.
    pub const fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    /// Takes up what was found in the events up to `read`.
    pub fn add(&mut self, read: u64, news: impl IntoIterator<Item = News<T>>) {
        self.read = read;
        self.waiting.extend(news);
    }

    /// Forgets what needs no telling any more.
    pub fn keep(&mut self, still: impl FnMut(&News<T>) -> bool) {
        self.waiting.retain(still);
    }

    /// Gives the number of the last event of which, as of all before it, nothing is left to tell.
    pub fn settled(&self) -> u64 {
        let waiting = self.waiting.iter().map(|news| news.seq);
        let first = waiting
            .chain(self.on_its_way.as_ref().map(|it| it.first))
            .min();
        first.map_or(self.read, |first| first.saturating_sub(1))
    }

    /// Says what to do now.
    pub fn step(&self, now_ms: i64, rules: &Rules) -> Step {
        if let Some(OnItsWay { again_ms, .. }) = self.on_its_way {
            return match now_ms >= again_ms {
                true => Step::Again,
                false => Step::Wait(Some(again_ms)),
            };
        }
        let Some(due_ms) = self.waiting.iter().map(|news| due_ms(news, rules)).min() else {
            return Step::Wait(None);
        };
        let quiet_until_ms = self.told_ms.map(|told_ms| told_ms + millis(rules.cooldown));
        let at_ms = due_ms.max(quiet_until_ms.unwrap_or(i64::MIN));
        match now_ms >= at_ms {
            true => Step::Tell,
            false => Step::Wait(Some(at_ms)),
        }
    }

    /// Gives all that is due, to be one message that is on its way from now on.
    pub fn begin(&mut self, now_ms: i64, rules: &Rules) -> Vec<News<T>> {
        let waiting = std::mem::take(&mut self.waiting);
        let (due, early) = waiting
            .into_iter()
            .partition(|news| due_ms(news, rules) <= now_ms);
        self.waiting = early;
        let due: Vec<_> = due;
        self.on_its_way = due.iter().map(|news| news.seq).min().map(|first| OnItsWay {
            first,
            failures: 0,
            again_ms: now_ms,
        });
        due
    }

    /// Notes that the message arrived, or never will.
    pub fn done(&mut self, now_ms: i64) {
        self.on_its_way = None;
        self.told_ms = Some(now_ms);
    }

    /// Notes that the message did not arrive; says whether it is tried again.
    pub fn failed(&mut self, now_ms: i64) -> bool {
        let Some(it) = &mut self.on_its_way else {
            return false;
        };
        it.failures += 1;
        if it.failures >= ATTEMPTS_MAX {
            self.done(now_ms);
            return false;
        }
        it.again_ms = now_ms + (FIRST_PAUSE_MS << (it.failures - 1));
        true
    }
}

/// When something is to be told: what waits for a person may be settled in a moment.
fn due_ms<T>(news: &News<T>, rules: &Rules) -> i64 {
    match news.kind {
        Kind::NeedsMe => news.at_ms + millis(rules.dwell),
        Kind::Expiring | Kind::Failed | Kind::Done => news.at_ms,
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules {
            on: Kind::ALL.into(),
            dwell: Duration::from_secs(10),
            cooldown: Duration::from_secs(60),
        }
    }

    const fn news(seq: u64, kind: Kind, at_ms: i64) -> News<()> {
        News {
            seq,
            kind,
            at_ms,
            what: (),
        }
    }

    #[test]
    fn what_is_decided_within_the_dwell_is_never_told() {
        let mut outbox = Outbox::new(4);
        outbox.add(5, [news(5, Kind::NeedsMe, 1000)]);
        assert_eq!(outbox.step(1000, &rules()), Step::Wait(Some(11_000)));
        assert_eq!(outbox.settled(), 4, "a crash now finds it again");
        outbox.keep(|_| false);
        assert_eq!(outbox.step(11_000, &rules()), Step::Wait(None));
        assert_eq!(outbox.settled(), 5);
    }

    #[test]
    fn a_burst_is_one_message_and_what_follows_waits_for_the_cooldown() {
        let mut outbox = Outbox::new(0);
        outbox.add(50, (1..=50).map(|seq| news(seq, Kind::NeedsMe, 0)));
        assert_eq!(outbox.step(10_000, &rules()), Step::Tell);
        assert_eq!(outbox.begin(10_000, &rules()).len(), 50);
        assert_eq!(outbox.settled(), 0, "it is on its way");
        outbox.done(10_000);
        assert_eq!(outbox.settled(), 50);
        outbox.add(51, [news(51, Kind::Failed, 11_000)]);
        assert_eq!(outbox.step(11_000, &rules()), Step::Wait(Some(70_000)));
        assert_eq!(outbox.step(11_000, &rules().at_once()), Step::Tell);
    }

    #[test]
    fn a_message_is_tried_again_ever_later_and_given_up_in_the_end() {
        let mut outbox = Outbox::new(0);
        outbox.add(1, [news(1, Kind::Done, 0)]);
        outbox.begin(0, &rules());
        assert_eq!(outbox.step(0, &rules()), Step::Again);
        assert!(outbox.failed(0));
        assert_eq!(outbox.step(0, &rules()), Step::Wait(Some(2000)));
        assert!(outbox.failed(2000));
        assert_eq!(outbox.step(2000, &rules()), Step::Wait(Some(6000)));
        let tries = std::iter::repeat_with(|| outbox.failed(6000)).take_while(|again| *again);
        assert_eq!(tries.count(), 5);
        assert_eq!(outbox.settled(), 1);
    }
}
