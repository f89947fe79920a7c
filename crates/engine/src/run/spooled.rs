//! The output of a run as its shim spooled it: both streams in the order in which they came.

use std::io;
use std::path::Path;

use hyperion_shim::{Body, spool};

use crate::Error;

/// How much of the spool is read at once.
const CHUNK_BYTES: usize = 1024 * 1024;

/// A part of an output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) bytes: Vec<u8>,
    /// Whether there is nothing after it now.
    pub(super) is_last: bool,
}

/// A place in an output: a byte, and the last frame before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    at: u64,
    seq: u64,
}

/// Reads a part of an output, from a byte on. `known` is a place that was found before; the answer has one for the next time.
pub(super) fn part(
    folder: &Path,
    from: u64,
    max_bytes: u64,
    known: Place,
) -> Result<(Part, Place), Error> {
    let known = if known.at <= from {
        known
    } else {
        Place::default()
    };
    let (mut place, mut found) = (known, known);
    let mut part = Part {
        bytes: Vec::new(),
        is_last: true,
    };
    let end = from.saturating_add(max_bytes);
    each(folder, known.seq, |seq, bytes| {
        let begins = place.at;
        place = Place {
            at: begins + bytes.len() as u64,
            seq,
        };
        if place.at <= from {
            found = place;
            return true;
        }
        let index = |at: u64| {
            usize::try_from(at.saturating_sub(begins)).map_or(bytes.len(), |at| at.min(bytes.len()))
        };
        part.bytes
            .extend_from_slice(&bytes[index(from)..index(end).max(index(from))]);
        part.is_last = place.at <= end;
        part.is_last
    })?;
    Ok((part, found))
}

/// Counts the bytes of an output.
pub(super) fn size(folder: &Path) -> Result<u64, Error> {
    let mut size = 0;
    each(folder, 0, |_, bytes| {
        size += bytes.len() as u64;
        true
    })?;
    Ok(size)
}

/// Reads the end of an output.
pub(super) fn tail(folder: &Path, max_bytes: usize) -> Result<Vec<u8>, Error> {
    let mut tail = Vec::new();
    each(folder, 0, |_, bytes| {
        tail.extend_from_slice(bytes);
        if tail.len() > 2 * max_bytes {
            tail.drain(..tail.len() - max_bytes);
        }
        true
    })?;
    tail.drain(..tail.len().saturating_sub(max_bytes));
    Ok(tail)
}

/// Gives the output frame by frame, and a note where some of it was not kept, as long as more is wanted.
fn each(folder: &Path, after: u64, mut take: impl FnMut(u64, &[u8]) -> bool) -> Result<(), Error> {
    let failed = |source: io::Error| Error::Io {
        what: folder.display().to_string(),
        source,
    };
    let mut reader = spool::Reader::new(folder, after);
    loop {
        let frames = reader.read(CHUNK_BYTES).map_err(failed)?;
        if frames.is_empty() {
            return Ok(());
        }
        for frame in frames {
            let goes_on = match frame.body {
                Body::Output(_, bytes) => take(frame.seq, &bytes),
                Body::Gap(count) => {
                    let note = format!("\n[hyperion: {count} bytes of output were not kept]\n");
                    take(frame.seq, note.as_bytes())
                }
                Body::Started(_) | Body::Said(_) | Body::Ended(_) => true,
            };
            if !goes_on {
                return Ok(());
            }
        }
    }
}
