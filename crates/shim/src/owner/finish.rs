//! The last steps of a run.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use super::{Shim, Source, timespec};
use crate::clients::Clients;
use crate::frame::Body;
use crate::inside::{end_of, failed};
use crate::record::{Recorder, now_ms, shortened};
use crate::socket::RunSocket;
use crate::spec::{End, Ended, Usage};
use crate::tree;

/// How long output is waited for that somebody outside of the run may still write.
const DRAIN_MAX: Duration = Duration::from_secs(1);
/// How often the run's socket is looked at once nobody is left to write to it.
const LAST_TURNS: u32 = 16;

impl Shim {
    /// Ends what is left, keeps the last output, and says how it went.
    pub(super) fn finish(mut self) -> (Recorder, Clients, Ended) {
        // What it reported before it ended is still to be heard.
        while self.leader.connection.is_some() && self.status.is_some() && self.end.is_none() {
            self.hear_leader();
        }
        let (status, _) = tree::kill_all(self.leader.pid);
        let status = self.status.or(status);
        self.ends.stdin = None;
        self.theirs.clear();
        self.drain();
        // What was said without waiting for an answer.
        for _ in 0..LAST_TURNS {
            self.serve_inside(&[Source::RunSocket(PollFlags::IN)], Instant::now());
        }
        let turned_away = self.run_socket.as_ref().map_or(0, RunSocket::turned_away);
        if turned_away > 0 {
            let said = crate::rpc::turned_away(turned_away);
            self.recorder.record(Instant::now(), Body::Said(said));
        }
        let by_itself = match (self.end, status) {
            (Some(end), _) => end,
            (None, Some(_)) if self.had.is_none() => {
                failed("the first process ended before it was inside".to_owned())
            }
            (None, Some(status)) => end_of(status),
            (None, None) => failed("nobody knows how it ended".to_owned()),
        };
        let end = match self.ending.end(by_itself) {
            End::NotStarted { code, why } => End::NotStarted {
                code,
                why: shortened(why),
            },
            end => end,
        };
        let (output_bytes, dropped_bytes) = self.recorder.counts();
        let (read_bytes, written_bytes) = tree::disk_bytes_of_children();
        let wall_ms = self.began.elapsed().as_millis();
        let ended = Ended {
            end,
            usage: Usage {
                cpu_ms: tree::sample(std::process::id(), None).cpu_ms,
                memory_peak_kb: self.memory_peak_kb,
                read_bytes,
                written_bytes,
                wall_ms: u64::try_from(wall_ms).unwrap_or(u64::MAX),
            },
            had: self.had.unwrap_or(self.outer.had),
            output_bytes,
            dropped_bytes,
            at_ms: Some(now_ms()),
            waits_for: self.run_socket.map_or_else(Vec::new, RunSocket::end),
        };
        self.recorder.close(ended.clone());
        (self.recorder, self.clients, ended)
    }

    /// Reads what is left of the output: to its end, or for a while where somebody outside of the run still has it open.
    fn drain(&mut self) {
        let mut deadline = Instant::now() + DRAIN_MAX;
        while self.recorder.is_full() || !self.ends.outputs.is_empty() && Instant::now() < deadline
        {
            let (fds, until) = match self.recorder.retry_at() {
                Some(at) if self.recorder.is_full() => (&[][..], at),
                _ => (&self.ends.outputs[..], deadline),
            };
            let mut polled: Vec<PollFd<'_>> = fds
                .iter()
                .map(|(_, fd)| PollFd::new(fd, PollFlags::IN))
                .collect();
            let left = until.saturating_duration_since(Instant::now());
            let is_ready = poll(&mut polled, Some(&timespec(left))).is_ok();
            let places = polled.iter().enumerate().rev();
            let ready: Vec<usize> = places
                .filter(|(_, fd)| is_ready && !fd.revents().is_empty())
                .map(|(at, _)| at)
                .collect();
            for at in ready {
                self.read_output(at);
            }
            if self.recorder.is_full() {
                deadline = Instant::now() + DRAIN_MAX;
            }
            self.recorder.retry(Instant::now());
        }
    }
}
