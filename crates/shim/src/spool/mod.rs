//! The frames of a run, in files.
//!
//! A segment is a file named by the number of its first frame. It begins with a [`Header`] that says how much output came before it, so
//! that a reader knows what is missing when segments in the middle are gone: whoever removes them has nothing to write anywhere.

mod read;
mod write;

use std::path::{Path, PathBuf};

use crate::frame::{le_u32, le_u64};

pub(crate) use read::end;
pub use read::{Reader, exists, near_end, place_before, read};
pub(crate) use write::{Limits, Writer};

/// The folder of the segments, in a run's folder.
pub(crate) const FOLDER: &str = "spool";

/// Begins every segment; its last byte is the version.
const MAGIC: [u8; 8] = *b"HYSPOOL\x01";
const HEADER_BYTES: usize = 28;

/// The beginning of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    first_seq: u64,
    /// Output of the process before this segment, kept or not.
    output_before: u64,
}

impl Header {
    fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.first_seq.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.output_before.to_le_bytes());
        let sum = crc32fast::hash(&bytes[..24]);
        bytes[24..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// None for a file that is no segment, or of a version that is not known.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        let is_one = bytes[..8] == MAGIC && crc32fast::hash(&bytes[..24]) == le_u32(&bytes[24..]);
        is_one.then(|| Self {
            first_seq: le_u64(&bytes[8..]),
            output_before: le_u64(&bytes[16..]),
        })
    }
}

fn path_of(folder: &Path, first_seq: u64) -> PathBuf {
    folder.join(format!("{first_seq:020}.frames"))
}

fn first_seq_of(name: &str) -> Option<u64> {
    name.strip_suffix(".frames")?.parse().ok()
}

#[cfg(test)]
mod tests;
