//! Reads what the recorder wrote.

use std::fs;
use std::path::Path;

/// The kind of record that a test writes by itself.
pub(super) const MARK: u8 = b'A';

const MAGIC: u32 = 0x5257_5048;
const HEADER_BYTES: usize = 84;

/// An inode, told from a later one with the same number by when it was born.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id {
    pub(super) number: u64,
    pub(super) born: u64,
}

/// One recorded call.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) kind: u8,
    pub(super) mode: u32,
    pub(super) pid: u32,
    pub(super) id: Id,
    pub(super) folder: Id,
    pub(super) other_folder: Id,
    pub(super) offset: u64,
    pub(super) name: Vec<u8>,
    pub(super) other_name: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

impl Record {
    pub(super) fn bytes_of_mark(label: &str) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4] = MARK;
        bytes[76..].copy_from_slice(&(label.len() as u64).to_le_bytes());
        bytes.extend_from_slice(label.as_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (header, rest) = bytes.split_at_checked(HEADER_BYTES)?;
        let short = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let word = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let id = |at: usize| Id {
            number: long(at),
            born: long(at + 8),
        };
        assert_eq!(word(0), MAGIC, "the trace is out of step");
        let (name, rest) = rest.split_at_checked(usize::from(short(6)))?;
        let (other_name, rest) = rest.split_at_checked(usize::from(short(8)))?;
        let length = usize::try_from(long(76)).ok()?;
        let (payload, rest) = rest.split_at_checked(length)?;
        let record = Self {
            kind: header[4],
            mode: word(12),
            pid: word(16),
            id: id(20),
            folder: id(36),
            other_folder: id(52),
            offset: long(68),
            name: name.to_vec(),
            other_name: other_name.to_vec(),
            payload: payload.to_vec(),
        };
        Some((record, rest))
    }
}

/// Something in a trace at which the power may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A test acknowledged something.
    Mark(String),
    /// A sync ended.
    Sync,
    /// Anything else.
    Call,
}

/// All that was recorded, in order.
#[derive(Debug)]
pub struct Trace {
    pub(super) records: Vec<Record>,
}

impl Trace {
    pub(super) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).expect("read the trace");
        let mut rest = bytes.as_slice();
        let mut records = Vec::new();
        while let Some((record, after)) = Record::parse(rest) {
            records.push(record);
            rest = after;
        }
        assert!(rest.is_empty(), "the trace ends within a record");
        Self { records }
    }

    /// How many calls were recorded.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Says whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// What the record with this number (from 0) is; power may go right after it.
    pub fn what(&self, at: usize) -> What {
        let record = &self.records[at];
        match record.kind {
            MARK => What::Mark(String::from_utf8_lossy(&record.payload).into_owned()),
            b'e' | b'E' => What::Sync,
            _ => What::Call,
        }
    }

    /// Names a record for people who look into a failure.
    pub fn describe(&self, at: usize) -> String {
        let record = &self.records[at];
        format!(
            "#{at} of {}: {} {} {} {} ({} bytes, process {})",
            self.records.len(),
            char::from(record.kind),
            record.id.number,
            String::from_utf8_lossy(&record.name),
            String::from_utf8_lossy(&record.other_name),
            record.payload.len(),
            record.pid,
        )
    }
}
