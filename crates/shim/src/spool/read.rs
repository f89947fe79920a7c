use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{FOLDER, HEADER_BYTES, Header, first_seq_of, path_of};
use crate::frame::{BODY_MAX, Body, Decoded, Frame, HEAD_BYTES};
use crate::spec::Ended;

/// How much is read from a segment at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Reads the frames of a run that follow one, until their bodies come to `max_bytes`; at least one, if there is one.
///
/// It works whoever lives, also while a shim writes. Whoever reads again and again keeps a [`Reader`].
pub fn read(folder: &Path, after_seq: u64, max_bytes: usize) -> io::Result<Vec<Frame>> {
    Reader::new(folder, after_seq).read(max_bytes)
}

/// How the run ended, if the last frame tells.
pub(crate) fn end(folder: &Path) -> io::Result<Option<Ended>> {
    let mut reader = Reader::new(folder, 0);
    let Some(last) = reader.segments()?.pop() else {
        return Ok(None);
    };
    reader.last_seq = last.saturating_sub(1);
    let mut end = None;
    loop {
        let frames = reader.read(CHUNK_BYTES)?;
        match frames.into_iter().next_back() {
            Some(frame) => end = Some(frame.body),
            None => break,
        }
    }
    Ok(match end {
        Some(Body::Ended(ended)) => Some(ended),
        _ => None,
    })
}

/// Whether a run has a spool.
#[must_use]
pub fn exists(folder: &Path) -> bool {
    folder.join(FOLDER).is_dir()
}

/// Finds a frame after which reading begins so that this place in the output is not missed, and says how much output came before it.
pub fn place_before(folder: &Path, output: u64) -> io::Result<(u64, u64)> {
    let reader = Reader::new(folder, 0);
    for first_seq in reader.segments()?.into_iter().rev() {
        if let Some((header, _)) = Segment::open(&reader.folder, first_seq)?
            && header.output_before <= output
        {
            return Ok((first_seq.saturating_sub(1), header.output_before));
        }
    }
    Ok((0, 0))
}

/// Finds a frame before the end after which there are at least so many bytes of frames, if there are so many at all.
pub fn near_end(folder: &Path, bytes: u64) -> io::Result<u64> {
    let mut found = 0;
    for first_seq in Reader::new(folder, 0).segments()?.into_iter().rev() {
        let size = match fs::metadata(path_of(&folder.join(FOLDER), first_seq)) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        found += size;
        if found >= bytes {
            return Ok(first_seq.saturating_sub(1));
        }
    }
    Ok(0)
}

/// A place in the spool of a run.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    last_seq: u64,
    segment: Option<Segment>,
    /// Output up to where it read in the segment.
    output: u64,
}

#[derive(Debug)]
struct Segment {
    file: File,
    first_seq: u64,
    /// Read, and not yet decoded.
    bytes: Vec<u8>,
    /// How many of these bytes are decoded.
    decoded: usize,
    is_garbage: bool,
}

impl Reader {
    /// Begins after a frame; after 0 is the beginning.
    #[must_use]
    pub fn new(folder: &Path, after_seq: u64) -> Self {
        Self {
            folder: folder.join(FOLDER),
            last_seq: after_seq,
            segment: None,
            output: 0,
        }
    }

    /// The number of the last frame that was read.
    #[must_use]
    pub const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Reads on, until the bodies come to `max_bytes`; none when there is nothing more yet.
    ///
    /// What cannot be read, because it was dropped or is damaged, is one [`Body::Gap`]; its number is that of the last frame it
    /// stands for.
    pub fn read(&mut self, max_bytes: usize) -> io::Result<Vec<Frame>> {
        let mut frames = Vec::new();
        let mut bytes = 0;
        while bytes < max_bytes.max(1) {
            let mut next = self.next_frame()?;
            if next.is_none() {
                let later = self.later_segments()?;
                if later.is_empty() {
                    break;
                }
                // A segment is whole when the next one is there, and was perhaps not yet when it was read.
                next = self.next_frame()?;
                if next.is_none() {
                    match self.go_to_one_of(later)? {
                        Some(gap) => next = gap,
                        None => break,
                    }
                }
            }
            if let Some(frame) = next {
                let output = usize::try_from(frame.body.output_bytes()).unwrap_or(usize::MAX);
                bytes += output.min(BODY_MAX) + HEAD_BYTES;
                self.last_seq = frame.seq;
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    /// Reads the next frame of the current segment, without those that were read before.
    fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        let Some(segment) = &mut self.segment else {
            return Ok(None);
        };
        while let Some(frame) = segment.next()? {
            self.output = self.output.saturating_add(frame.body.output_bytes());
            if frame.seq > self.last_seq {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Goes to the first of these segments that is one, if one is; gives a gap where something is missing before it.
    fn go_to_one_of(&mut self, later: Vec<u64>) -> io::Result<Option<Option<Frame>>> {
        for first_seq in later {
            let Some((header, segment)) = Segment::open(&self.folder, first_seq)? else {
                continue;
            };
            let missing = header.output_before.saturating_sub(self.output);
            self.output = header.output_before;
            self.segment = Some(segment);
            let is_gap = header.first_seq > self.last_seq + 1;
            return Ok(Some(is_gap.then(|| Frame {
                seq: header.first_seq - 1,
                time_ms: 0,
                body: Body::Gap(missing),
            })));
        }
        Ok(None)
    }

    /// The segments after the current one, in order; without one, from the one on in which the next frame is.
    fn later_segments(&self) -> io::Result<Vec<u64>> {
        let mut names = self.segments()?;
        match &self.segment {
            Some(current) => names.retain(|first| *first > current.first_seq),
            None => {
                let at = names.partition_point(|first| *first <= self.last_seq + 1);
                names.drain(..at.saturating_sub(1));
            }
        }
        Ok(names)
    }

    /// The numbers of the segments, in order.
    fn segments(&self) -> io::Result<Vec<u64>> {
        let mut names = Vec::new();
        match fs::read_dir(&self.folder) {
            Ok(entries) => {
                for entry in entries {
                    names.extend(entry?.file_name().to_str().and_then(first_seq_of));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        names.sort_unstable();
        Ok(names)
    }
}

impl Segment {
    /// None when it was removed meanwhile, or has no header that is understood.
    fn open(folder: &Path, first_seq: u64) -> io::Result<Option<(Header, Self)>> {
        let no_wait = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let opened = File::options()
            .read(true)
            .custom_flags(no_wait)
            .open(path_of(folder, first_seq));
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        (&mut file)
            .take(HEADER_BYTES as u64)
            .read_to_end(&mut bytes)?;
        let header = Header::decode(&bytes).filter(|header| header.first_seq == first_seq);
        Ok(header.map(|header| {
            let segment = Self {
                file,
                first_seq,
                bytes: Vec::new(),
                decoded: 0,
                is_garbage: false,
            };
            (header, segment)
        }))
    }

    /// None when there is no whole frame yet, or none any more.
    fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let missing = match Frame::decode(&self.bytes[self.decoded..]) {
                _ if self.is_garbage => return Ok(None),
                Decoded::Frame(frame, length) => {
                    self.decoded += length;
                    return Ok(Some(frame));
                }
                Decoded::Garbage => {
                    self.is_garbage = true;
                    return Ok(None);
                }
                Decoded::Partial(length) => length,
            };
            self.bytes.drain(..self.decoded);
            self.decoded = 0;
            // The length that a frame says is bounded, and what is read is bounded by the file.
            let wanted = (missing - self.bytes.len()).max(CHUNK_BYTES);
            let read = (&mut self.file)
                .take(wanted as u64)
                .read_to_end(&mut self.bytes)?;
            if read == 0 {
                return Ok(None);
            }
        }
    }
}
