//! Looks at SQLite's log before SQLite does: what follows a damaged frame was committed, and would be dropped without a word.
//!
//! A crash may leave the last transaction torn; nobody was told that it was done, and SQLite leaves
//! it out rightly. But each transaction is durable before the next one begins: where the ends of two
//! lie at or behind a frame that does not fit, the log was damaged later.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// Little-endian sums; with the lowest bit set, big-endian ones.
const MAGIC: u32 = 0x377f_0682;

/// Says what is wrong with a log, if what is wrong would lose what was committed.
pub(crate) fn damage(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut file = io::BufReader::with_capacity(256 * 1024, file);
    let mut header = [0; HEADER_BYTES];
    if !fill(&mut file, &mut header)? || header.iter().all(|byte| *byte == 0) {
        // Begun and never written.
        return Ok(None);
    }
    let log = path.display();
    let Some(mut sum) = Sum::of_header(&header) else {
        return Ok(Some(format!(
            "the header of its log {log} is damaged (bytes 0 to {HEADER_BYTES}): what is only in the log cannot be read"
        )));
    };
    let page_bytes = word(&header, 8) as usize;
    if !page_bytes.is_power_of_two() || !(512..=65536).contains(&page_bytes) {
        return Ok(Some(format!(
            "its log {log} has pages of {page_bytes} bytes"
        )));
    }
    let salts = &header[16..24];
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    let (mut at, mut ends, mut first_bad) = (HEADER_BYTES, 0, None);
    while fill(&mut file, &mut frame)? {
        let is_of_this_log = frame[8..16] == *salts;
        if first_bad.is_none() {
            let fits = is_of_this_log && sum.fits(&frame) && word(&frame, 0) > 0;
            if !fits {
                first_bad = Some(at);
            }
        }
        // The end of a transaction says how long the database is after it.
        if first_bad.is_some() && is_of_this_log && word(&frame, 4) > 0 {
            ends += 1;
        }
        at += frame.len();
    }
    if first_bad.is_some() && begun_anew(path, &header)? {
        // Somebody is at work on it.
        return Ok(None);
    }
    Ok(first_bad.filter(|_| ends > 1).map(|bad| {
        format!(
            "its log {log} is damaged at bytes {bad} to {}: {} that were committed behind it cannot be read",
            bad + frame.len(),
            if ends == 2 { "changes".to_owned() } else { format!("{} changes", ends - 1) },
        )
    }))
}

/// Tells whether the log was started over since its header was read.
fn begun_anew(path: &Path, header: &[u8; HEADER_BYTES]) -> io::Result<bool> {
    let mut now = [0; HEADER_BYTES];
    Ok(!fill(&mut File::open(path)?, &mut now)? || now != *header)
}

/// Fills a buffer; tells whether there was enough.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A number of the format: always big-endian.
fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    // Never short: the callers' buffers are whole headers.
    let _ = (&mut word[..]).write_all(&bytes[at..at + 4]);
    u32::from_be_bytes(word)
}

/// The sum over everything in the log so far.
struct Sum {
    big_endian: bool,
    value: (u32, u32),
}

impl Sum {
    /// Begins with the header; nothing when its own sum does not fit.
    fn of_header(header: &[u8; HEADER_BYTES]) -> Option<Self> {
        let magic = word(header, 0);
        if magic & !1 != MAGIC {
            return None;
        }
        let mut sum = Self {
            big_endian: magic & 1 == 1,
            value: (0, 0),
        };
        sum.add(&header[..24]);
        (sum.value == (word(header, 24), word(header, 28))).then_some(sum)
    }

    fn add(&mut self, bytes: &[u8]) {
        let (mut one, mut two) = self.value;
        for pair in bytes.chunks_exact(8) {
            let read = |at: usize| {
                let number = word(pair, at);
                if self.big_endian {
                    number
                } else {
                    number.swap_bytes()
                }
            };
            one = one.wrapping_add(read(0)).wrapping_add(two);
            two = two.wrapping_add(read(4)).wrapping_add(one);
        }
        self.value = (one, two);
    }

    /// Adds a frame, and tells whether the sum it carries is right.
    fn fits(&mut self, frame: &[u8]) -> bool {
        self.add(&frame[..8]);
        self.add(&frame[FRAME_HEADER_BYTES..]);
        self.value == (word(frame, 16), word(frame, 20))
    }
}
