use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{FOLDER, HEADER_BYTES, Header, path_of};
use crate::frame::{Body, encode};

const SEGMENT_MAX_BYTES: u64 = 4 * 1024 * 1024;
const SEGMENT_MIN_BYTES: u64 = 4 * 1024;
/// A spool that keeps less than everything has at least this many segments, so that what is dropped at once is a small part.
const SEGMENTS: u64 = 16;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    segment: u64,
    /// Of the beginning; of the end it is as much. None: everything is kept.
    half: Option<u64>,
}

impl Limits {
    pub(crate) fn of(output_max: Option<u64>) -> Self {
        let segment = output_max.map_or(SEGMENT_MAX_BYTES, |max| {
            (max / SEGMENTS).clamp(SEGMENT_MIN_BYTES, SEGMENT_MAX_BYTES)
        });
        Self {
            segment,
            half: output_max.map(|max| (max / 2).max(2 * segment)),
        }
    }
}

/// Writes the frames of one run.
#[derive(Debug)]
pub(crate) struct Writer {
    folder: PathBuf,
    limits: Limits,
    segment: Option<Segment>,
    last_seq: u64,
    output: u64,
    dropped: u64,
    /// Bytes in the segments of the beginning, which are never removed.
    head: u64,
    /// Whole segments of the end.
    tail: VecDeque<Whole>,
    tail_bytes: u64,
}

#[derive(Debug)]
struct Segment {
    file: File,
    first_seq: u64,
    /// Up to here it is whole frames.
    length: u64,
    /// Output in it.
    kept: u64,
}

#[derive(Debug)]
struct Whole {
    first_seq: u64,
    length: u64,
    kept: u64,
}

impl Writer {
    /// Makes the spool of a run that has none.
    pub(crate) fn create(run: &Path, limits: Limits) -> io::Result<Self> {
        let folder = run.join(FOLDER);
        hyperion_host::create_private_dir(&folder)?;
        Ok(Self {
            folder,
            limits,
            segment: None,
            last_seq: 0,
            output: 0,
            dropped: 0,
            head: 0,
            tail: VecDeque::new(),
            tail_bytes: 0,
        })
    }

    /// The number of the newest frame.
    pub(crate) const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Output so far, kept or not, and how much of it is not kept.
    pub(crate) const fn counts(&self) -> (u64, u64) {
        (self.output, self.dropped)
    }

    /// Writes one frame. After an error nothing of it is there, and it may be tried again.
    pub(crate) fn append(&mut self, time_ms: u64, body: &Body) -> io::Result<()> {
        let output = body.output_bytes();
        let is_gap = matches!(body, Body::Gap(_) | Body::NoRoom(_));
        let encoded = encode(self.last_seq + 1, time_ms, body);
        let (head, payload) = encoded.ok_or(io::ErrorKind::InvalidInput)?;
        let length = (head.len() + payload.len()) as u64;
        let segment = self.segment_for(length)?;
        let written = write_both(&segment.file, &head, &payload);
        if let Err(error) = written {
            // A half frame would hide all that follow it in the segment.
            if segment.file.set_len(segment.length).is_err() {
                self.close_segment();
            }
            return Err(error);
        }
        segment.length += length;
        if !is_gap {
            segment.kept += output;
        }
        self.last_seq += 1;
        self.output += output;
        self.dropped += if is_gap { output } else { 0 };
        Ok(())
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        if let Some(segment) = &self.segment {
            segment.file.sync_data()?;
        }
        hyperion_host::fsync_dir(&self.folder)
    }

    fn segment_for(&mut self, length: u64) -> io::Result<&mut Segment> {
        let is_full = |segment: &Segment| {
            segment.length > HEADER_BYTES as u64 && segment.length + length > self.limits.segment
        };
        if self.segment.as_ref().is_some_and(is_full) {
            self.close_segment();
        }
        match self.segment {
            Some(ref mut segment) => Ok(segment),
            None => {
                let segment = self.open_segment()?;
                Ok(self.segment.insert(segment))
            }
        }
    }

    fn open_segment(&self) -> io::Result<Segment> {
        let header = Header {
            first_seq: self.last_seq + 1,
            output_before: self.output,
        };
        let path = path_of(&self.folder, header.first_seq);
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)?;
        // One that was begun when the disk was full.
        file.set_len(0)?;
        if let Err(error) = file.write_all(&header.encode()) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(Segment {
            file,
            first_seq: header.first_seq,
            length: HEADER_BYTES as u64,
            kept: 0,
        })
    }

    fn close_segment(&mut self) {
        let (Some(segment), Some(half)) = (self.segment.take(), self.limits.half) else {
            return;
        };
        if self.tail.is_empty() && self.head + segment.length <= half {
            self.head += segment.length;
            return;
        }
        self.tail_bytes += segment.length;
        self.tail.push_back(Whole {
            first_seq: segment.first_seq,
            length: segment.length,
            kept: segment.kept,
        });
        // The segment that is begun now counts, too.
        while self.tail_bytes + self.limits.segment > half {
            let Some(oldest) = self.tail.pop_front() else {
                return;
            };
            self.tail_bytes -= oldest.length;
            if fs::remove_file(path_of(&self.folder, oldest.first_seq)).is_ok() {
                self.dropped += oldest.kept;
            }
        }
    }
}

fn write_both(mut file: &File, head: &[u8], payload: &[u8]) -> io::Result<()> {
    let written = file.write_vectored(&[IoSlice::new(head), IoSlice::new(payload)])?;
    let (head_left, payload_left) = match written.checked_sub(head.len()) {
        None => (&head[written..], payload),
        Some(of_payload) => (&[][..], &payload[of_payload..]),
    };
    file.write_all(head_left)?;
    file.write_all(payload_left)
}
