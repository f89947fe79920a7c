//! What is kept of a run, whatever the disk does.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, fallocate};

use crate::folder::ENDED;
use crate::frame::Body;
use crate::spec::Ended;
use crate::spool::{Limits, Writer};

/// How long the process waits for a full disk until its output is dropped.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time between two attempts to write to a full disk.
const RETRY: Duration = Duration::from_millis(500);
/// Kept free for the end of the run.
const RESERVED_BYTES: u64 = 16 * 1024;
/// The most bytes of what the system said that the end of a run repeats.
const WHY_MAX_BYTES: usize = 2048;

/// Writes the spool, and waits for room or drops where there is none.
#[derive(Debug)]
pub(crate) struct Recorder {
    spool: Writer,
    state: Disk,
    /// Output that was dropped, and not yet told of.
    lost: u64,
}

#[derive(Debug)]
enum Disk {
    Fine,
    /// These wait for room.
    Full {
        since: Instant,
        retry_at: Instant,
        held: VecDeque<Body>,
    },
    /// Whatever comes is dropped, until there is room again.
    Dropping {
        retry_at: Instant,
    },
}

impl Recorder {
    pub(crate) fn create(folder: &Path, output_max: Option<u64>) -> io::Result<Self> {
        Ok(Self {
            spool: Writer::create(folder, Limits::of(output_max))?,
            state: Disk::Fine,
            lost: 0,
        })
    }

    pub(crate) fn record(&mut self, now: Instant, body: Body) {
        match &mut self.state {
            Disk::Fine => self.append(now, body),
            Disk::Full { held, .. } => held.push_back(body),
            Disk::Dropping { retry_at } if now < *retry_at => self.lost += body.output_bytes(),
            Disk::Dropping { .. } => {
                self.retry(now);
                match self.state {
                    Disk::Fine => self.append(now, body),
                    _ => self.lost += body.output_bytes(),
                }
            }
        }
    }

    fn append(&mut self, now: Instant, body: Body) {
        if self.spool.append(now_ms(), &body).is_err() {
            self.state = Disk::Full {
                since: now,
                retry_at: now + RETRY,
                held: VecDeque::from([body]),
            };
        }
    }

    /// Whether nothing more should be read from the process now.
    pub(crate) const fn is_full(&self) -> bool {
        matches!(self.state, Disk::Full { .. })
    }

    /// Whether what is recorded now can be written.
    pub(crate) const fn has_room(&self) -> bool {
        matches!(self.state, Disk::Fine)
    }

    /// When [`retry`](Self::retry) has something to do.
    pub(crate) const fn retry_at(&self) -> Option<Instant> {
        match self.state {
            Disk::Fine => None,
            Disk::Full { retry_at, .. } | Disk::Dropping { retry_at } => Some(retry_at),
        }
    }

    /// Writes what waits for room, if its time has come.
    pub(crate) fn retry(&mut self, now: Instant) {
        match &mut self.state {
            Disk::Full {
                since,
                retry_at,
                held,
            } if now >= *retry_at => {
                while let Some(body) = held.front() {
                    if self.spool.append(now_ms(), body).is_err() {
                        *retry_at = now + RETRY;
                        break;
                    }
                    held.pop_front();
                }
                if held.is_empty() {
                    self.state = Disk::Fine;
                } else if now.saturating_duration_since(*since) >= PATIENCE {
                    self.lost += held.iter().map(Body::output_bytes).sum::<u64>();
                    self.state = Disk::Dropping {
                        retry_at: now + RETRY,
                    };
                }
            }
            Disk::Dropping { retry_at } if now >= *retry_at => {
                match self.spool.append(now_ms(), &Body::NoRoom(self.lost)) {
                    Ok(()) => {
                        self.lost = 0;
                        self.state = Disk::Fine;
                    }
                    Err(_) => *retry_at = now + RETRY,
                }
            }
            _ => {}
        }
    }

    pub(crate) const fn last_seq(&self) -> u64 {
        self.spool.last_seq()
    }

    /// Bytes of output, and how many of them are not in the spool.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let (output, dropped) = self.spool.counts();
        let held: u64 = match &self.state {
            Disk::Full { held, .. } => held.iter().map(Body::output_bytes).sum(),
            _ => 0,
        };
        (output + self.lost + held, dropped + self.lost + held)
    }

    /// Writes the last frame, as far as the disk allows, and makes all of them durable.
    pub(crate) fn close(&mut self, ended: Ended) {
        let now = Instant::now();
        if let Disk::Full { retry_at, .. } | Disk::Dropping { retry_at } = &mut self.state {
            *retry_at = now;
            self.retry(now);
        }
        let _ = self.spool.append(now_ms(), &Body::Ended(ended));
        let _ = self.spool.sync();
    }
}

/// The file that says how a run ended, with its place on the disk.
#[derive(Debug)]
pub(crate) struct EndedFile {
    file: File,
    draft: PathBuf,
    path: PathBuf,
}

impl EndedFile {
    /// Takes the place on the disk.
    pub(crate) fn reserve(folder: &Path) -> io::Result<Self> {
        let path = folder.join(ENDED);
        let draft = folder.join(format!("{ENDED}.draft"));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        if fallocate(&file, FallocateFlags::empty(), 0, RESERVED_BYTES).is_err() {
            // A file system that knows no such promise.
            file.write_all_at(&[0; RESERVED_BYTES as usize], 0)?;
        }
        Ok(Self { file, draft, path })
    }

    /// Makes the end of the run durable.
    pub(crate) fn write(self, ended: &Ended) -> io::Result<()> {
        let json = serde_json::to_vec(ended)?;
        self.file.write_all_at(&json, 0)?;
        self.file.set_len(json.len() as u64)?;
        self.file.sync_all()?;
        fs::rename(&self.draft, &self.path)?;
        hyperion_host::fsync_dir(self.path.parent().unwrap_or(Path::new("/")))
    }
}

/// Cuts a text to what fits into the reserved place.
pub(crate) fn shortened(mut why: String) -> String {
    let mut end = WHY_MAX_BYTES.min(why.len());
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    why.truncate(end);
    why
}

/// The machine's clock; nothing is decided by it.
#[expect(
    clippy::disallowed_methods,
    reason = "a shim has nobody who tells it the time"
)]
pub(crate) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, Stream};
    use crate::spool;

    fn out(text: &str) -> Body {
        Body::Output(Stream::Out, text.as_bytes().to_vec())
    }

    fn bodies(folder: &Path) -> Vec<Body> {
        let frames: Vec<Frame> = spool::read(folder, 0, usize::MAX).unwrap();
        frames.into_iter().map(|frame| frame.body).collect()
    }

    // A spool that is not there is to the recorder what a full disk is.
    #[test]
    fn a_full_disk_holds_output_back_and_after_a_while_drops_it() {
        let run = tempfile::tempdir().unwrap();
        let spool = run.path().join("spool");
        let aside = run.path().join("aside");
        let mut recorder = Recorder::create(run.path(), None).unwrap();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);

        fs::rename(&spool, &aside).unwrap();
        recorder.record(start, out("one"));
        assert!(recorder.is_full());
        recorder.retry(at(1));
        assert_eq!(recorder.counts(), (3, 3));
        fs::rename(&aside, &spool).unwrap();
        recorder.retry(at(2));
        assert!(!recorder.is_full());
        assert_eq!(
            (recorder.counts(), bodies(run.path())),
            ((3, 0), vec![out("one")])
        );

        // The segment that is open stays so; another one is begun for what is long.
        let long = "x".repeat(1_000_000);
        for _ in 0..4 {
            recorder.record(at(2), out(&long));
        }
        fs::rename(&spool, &aside).unwrap();
        recorder.record(at(3), out(&long));
        recorder.retry(at(20));
        assert!(recorder.is_full(), "it still waits");
        recorder.retry(at(34));
        assert!(!recorder.is_full(), "it goes on without");
        recorder.record(at(34), out("two"));
        fs::rename(&aside, &spool).unwrap();
        recorder.record(at(36), out("three"));
        let kept = bodies(run.path());
        assert_eq!(
            kept[kept.len() - 2..],
            [Body::NoRoom(1_000_003), out("three")]
        );
        assert_eq!(recorder.counts(), (5_000_011, 1_000_003));
    }

    #[test]
    fn the_end_of_a_run_replaces_its_reserved_place() {
        let run = tempfile::tempdir().unwrap();
        let ended = Ended {
            end: crate::spec::End::Stopped,
            usage: crate::spec::Usage::default(),
            had: hyperion_sandbox::Had::default(),
            output_bytes: 1,
            dropped_bytes: 0,
            at_ms: None,
            waits_for: Vec::new(),
        };
        EndedFile::reserve(run.path())
            .unwrap()
            .write(&ended)
            .unwrap();
        let json = fs::read(run.path().join(ENDED)).unwrap();
        assert_eq!(serde_json::from_slice::<Ended>(&json).unwrap(), ended);
        assert_eq!(fs::read_dir(run.path()).unwrap().count(), 1);
        assert_eq!(shortened("ä".repeat(2000)).len(), WHY_MAX_BYTES);
    }
}
