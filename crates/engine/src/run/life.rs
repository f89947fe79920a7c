//! Whether a run shows signs of life.

use std::time::{Duration, Instant};

use hyperion_model::Time;
use hyperion_shim::{Body, Frame, HeartbeatFrom};

/// How long a stalled run is left alone before it is asked to end once more.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// The signs of life of one run.
#[derive(Debug)]
pub(super) struct Life {
    from: HeartbeatFrom,
    patience: Duration,
    /// After how long a silence one is missed.
    miss_after: Duration,
    has_missed: bool,
    /// When the last one came, or when it was last said that none did; the machine's clock may be set meanwhile.
    since: Instant,
    last_seen: Time,
    cpu_ms: u64,
    is_stalled: bool,
}

impl Life {
    /// Begins with a sign: whoever is watched from now on is given all of the time.
    pub(super) fn new(from: HeartbeatFrom, patience: Duration, now: Instant, time: Time) -> Self {
        Self {
            from,
            patience,
            miss_after: patience,
            has_missed: false,
            since: now,
            last_seen: time,
            cpu_ms: 0,
            is_stalled: false,
        }
    }

    /// Says how often one should come; it may be late by half of that.
    pub(super) fn expected_every(mut self, interval: Duration) -> Self {
        self.miss_after = interval + interval / 2;
        self
    }

    /// Says of a run that it was found stalled by an earlier engine.
    pub(super) const fn stalled(mut self, is_stalled: bool) -> Self {
        self.is_stalled = is_stalled;
        self
    }

    /// When the last sign came.
    pub(super) const fn last_seen(&self) -> Time {
        self.last_seen
    }

    /// Whether frames, or the CPU time used so far, are a sign.
    pub(super) fn is_sign(&mut self, frames: &[Frame], cpu_ms: u64) -> bool {
        let any = |wanted: fn(&Body) -> bool| frames.iter().any(|frame| wanted(&frame.body));
        match self.from {
            HeartbeatFrom::Nobody => false,
            HeartbeatFrom::Socket => any(|body| matches!(body, Body::Said(_))),
            HeartbeatFrom::Output => {
                any(|body| matches!(body, Body::Output(..) | Body::Gap(_) | Body::NoRoom(_)))
            }
            HeartbeatFrom::Cpu => {
                let has_more = cpu_ms > self.cpu_ms;
                self.cpu_ms = self.cpu_ms.max(cpu_ms);
                has_more
            }
        }
    }

    /// Takes a sign; tells whether the run had stalled.
    pub(super) fn seen(&mut self, now: Instant, time: Time) -> bool {
        self.wait_anew(now);
        self.last_seen = time;
        std::mem::take(&mut self.is_stalled)
    }

    /// Begins to count anew, without a sign: it stood still because somebody wanted that.
    pub(super) const fn wait_anew(&mut self, now: Instant) {
        self.since = now;
        self.has_missed = false;
    }

    /// How long until a sign is missed; none where that was told, or more than that.
    pub(super) fn until_missed(&self, now: Instant) -> Option<Duration> {
        let is_told = self.from == HeartbeatFrom::Nobody || self.has_missed || self.is_stalled;
        (!is_told).then(|| (self.since + self.miss_after).saturating_duration_since(now))
    }

    /// Tells, once in a silence, that a sign is missed.
    pub(super) fn misses(&mut self, now: Instant) -> bool {
        let misses = self.until_missed(now) == Some(Duration::ZERO);
        self.has_missed |= misses;
        misses
    }

    /// How long until it counts as stalled, or has to be asked again; none where nothing is expected of it.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        if self.from == HeartbeatFrom::Nobody {
            return None;
        }
        let patience = match self.is_stalled {
            true => ASK_AGAIN.max(self.patience),
            false => self.patience,
        };
        Some((self.since + patience).saturating_duration_since(now))
    }

    /// Notes that there was no sign for too long; tells whether that is new.
    pub(super) const fn stall(&mut self, now: Instant) -> bool {
        self.since = now;
        !std::mem::replace(&mut self.is_stalled, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperion_shim::Stream;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn frame(body: Body) -> Frame {
        Frame {
            seq: 1,
            time_ms: 0,
            body,
        }
    }

    fn time() -> Time {
        Time::from_millisecond(1_000).unwrap()
    }

    // S2: what is silent too long has stalled, once; a sign brings it back; nothing is expected of who gives none.
    #[test]
    fn a_silent_run_stalls_once_and_comes_back() {
        let began = Instant::now();
        let later = began + PATIENCE;
        let mut life = Life::new(HeartbeatFrom::Socket, PATIENCE, began, time());
        assert_eq!(life.left(began), Some(PATIENCE));
        assert_eq!(life.left(later), Some(Duration::ZERO));
        assert!(life.stall(later));
        assert!(!life.stall(later), "it is told once");
        assert_eq!(life.left(later), Some(PATIENCE.max(ASK_AGAIN)));
        assert!(life.seen(later, time()));
        assert!(!life.seen(later, time()));
        let nobody = Life::new(HeartbeatFrom::Nobody, PATIENCE, began, time());
        assert_eq!(
            (nobody.left(later), nobody.until_missed(later)),
            (None, None)
        );
    }

    // S2: long before that, a sign that does not come is missed, once in a silence.
    #[test]
    fn a_sign_that_does_not_come_is_missed_once() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let life = Life::new(HeartbeatFrom::Output, PATIENCE, began, time());
        let mut life = life.expected_every(Duration::from_secs(10));
        assert_eq!(life.until_missed(at(5)), Some(Duration::from_secs(10)));
        assert_eq!(
            [14, 15, 16].map(|s| life.misses(at(s))),
            [false, true, false]
        );
        life.seen(at(20), time());
        assert_eq!([34, 35].map(|s| life.misses(at(s))), [false, true]);
    }

    #[test]
    fn each_kind_of_run_has_its_own_signs() {
        let frames = [frame(Body::Output(Stream::Out, b"x".to_vec()))];
        let said = [frame(Body::Said(b"{}".to_vec()))];
        let signs = [
            HeartbeatFrom::Nobody,
            HeartbeatFrom::Socket,
            HeartbeatFrom::Output,
            HeartbeatFrom::Cpu,
        ]
        .map(|from| {
            let mut life = Life::new(from, PATIENCE, Instant::now(), time());
            [
                life.is_sign(&frames, 0),
                life.is_sign(&said, 0),
                life.is_sign(&[], 10),
                life.is_sign(&[], 10),
            ]
        });
        assert_eq!(
            signs,
            [
                [false, false, false, false],
                [false, true, false, false],
                [true, false, false, false],
                [false, false, true, false],
            ]
        );
    }
}
