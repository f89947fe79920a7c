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
            since: now,
            last_seen: time,
            cpu_ms: 0,
            is_stalled: false,
        }
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
            HeartbeatFrom::Output => any(|body| matches!(body, Body::Output(..) | Body::Gap(_))),
            HeartbeatFrom::Cpu => {
                let has_more = cpu_ms > self.cpu_ms;
                self.cpu_ms = self.cpu_ms.max(cpu_ms);
                has_more
            }
        }
    }

    /// Takes a sign; tells whether the run had stalled.
    pub(super) fn seen(&mut self, now: Instant, time: Time) -> bool {
        self.since = now;
        self.last_seen = time;
        std::mem::take(&mut self.is_stalled)
    }

    /// Begins to count anew, without a sign: it stood still because somebody wanted that.
    pub(super) const fn wait_anew(&mut self, now: Instant) {
        self.since = now;
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
        assert_eq!(nobody.left(later), None);
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
