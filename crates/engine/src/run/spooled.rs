//! The output of a run as its shim spooled it: both streams in the order in which they came.
//!
//! A place in an output is how much the process had written before it, kept or not. Segments say that of their beginning, so nobody
//! reads from the first byte on to find a place.

use std::io;
use std::path::Path;

use hyperion_shim::{Body, spool};

use crate::Error;

/// How much of the spool is read at once.
const CHUNK_BYTES: usize = 1024 * 1024;

/// A part of an output, and what stands in front of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// What stands in front of it, without a gap between.
    pub(super) before: Vec<u8>,
    pub(super) bytes: Vec<u8>,
    /// Where output that was not kept ends, if it begins where the part would.
    pub(super) gap_to: Option<u64>,
    /// Whether output that was not kept, or nothing, comes after it now.
    pub(super) is_cut: bool,
    /// Whether there is nothing after it now.
    pub(super) is_last: bool,
}

/// Reads a part of an output, from a place on, with so much of what stands before it.
pub(super) fn part(
    folder: &Path,
    from: u64,
    max_before: u64,
    max_bytes: u64,
) -> Result<Part, Error> {
    let first = from.saturating_sub(max_before);
    let (after, mut at) = spool::place_before(folder, first).map_err(failed(folder))?;
    let mut part = Part {
        is_cut: true,
        is_last: true,
        ..Part::default()
    };
    let end = from.saturating_add(max_bytes);
    each(folder, after, |piece| {
        let begins = at;
        at += piece.length();
        if at <= first {
            return true;
        }
        // Something comes behind what was taken.
        if begins >= end || part.gap_to.is_some() {
            part.is_cut = matches!(piece, Piece::Gap(_));
            part.is_last = false;
            return false;
        }
        let bytes = match piece {
            Piece::Gap(_) if at <= from => {
                part.before.clear();
                return true;
            }
            Piece::Gap(_) if part.bytes.is_empty() => {
                part.gap_to = Some(at);
                return true;
            }
            Piece::Gap(_) => {
                part.is_last = false;
                return false;
            }
            Piece::Output(bytes) => bytes,
        };
        let index = |place: u64| {
            let index = usize::try_from(place.saturating_sub(begins));
            index.map_or(bytes.len(), |index| index.min(bytes.len()))
        };
        let (start, middle, stop) = (index(first), index(from), index(end));
        part.before.extend_from_slice(&bytes[start..middle]);
        part.bytes.extend_from_slice(&bytes[middle..stop]);
        if stop < bytes.len() {
            (part.is_cut, part.is_last) = (false, false);
        }
        part.is_last
    })?;
    Ok(part)
}

/// Counts the bytes of an output, also of what was not kept.
pub(super) fn size(folder: &Path) -> Result<u64, Error> {
    let (after, mut size) = spool::place_before(folder, u64::MAX).map_err(failed(folder))?;
    each(folder, after, |piece| {
        size += piece.length();
        true
    })?;
    Ok(size)
}

/// Reads the end of an output, and tells whether its beginning is left out.
pub(super) fn tail(folder: &Path, max_bytes: usize) -> Result<(Vec<u8>, bool), Error> {
    let start = spool::near_end(folder, max_bytes as u64).map_err(failed(folder))?;
    let (mut tail, mut is_cut) = (Vec::new(), start > 0);
    each(folder, start, |piece| {
        match piece {
            Piece::Output(bytes) => tail.extend_from_slice(bytes),
            Piece::Gap(count) => tail.extend_from_slice(gap_note(count).as_bytes()),
        }
        if tail.len() > 2 * max_bytes {
            tail.drain(..tail.len() - max_bytes);
            is_cut = true;
        }
        true
    })?;
    is_cut |= tail.len() > max_bytes;
    tail.drain(..tail.len().saturating_sub(max_bytes));
    Ok((tail, is_cut))
}

/// What is shown in the place of output that was not kept.
pub(super) fn gap_note(bytes: u64) -> String {
    format!("\n[hyperion: {bytes} bytes of output were not kept]\n")
}

enum Piece<'f> {
    Output(&'f [u8]),
    /// So much was not kept.
    Gap(u64),
}

impl Piece<'_> {
    const fn length(&self) -> u64 {
        match self {
            Self::Output(bytes) => bytes.len() as u64,
            Self::Gap(count) => *count,
        }
    }
}

/// Gives the output piece by piece, as long as more is wanted.
fn each(folder: &Path, after: u64, mut take: impl FnMut(Piece<'_>) -> bool) -> Result<(), Error> {
    let mut reader = spool::Reader::new(folder, after);
    loop {
        let frames = reader.read(CHUNK_BYTES).map_err(failed(folder))?;
        if frames.is_empty() {
            return Ok(());
        }
        for frame in frames {
            let goes_on = match frame.body {
                Body::Output(_, bytes) => take(Piece::Output(&bytes)),
                Body::Gap(count) | Body::NoRoom(count) => take(Piece::Gap(count)),
                Body::Started(_) | Body::Said(_) | Body::Ended(_) => true,
            };
            if !goes_on {
                return Ok(());
            }
        }
    }
}

fn failed(folder: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    |source| Error::Io {
        what: folder.display().to_string(),
        source,
    }
}
