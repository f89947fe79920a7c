//! What is read of a program's output: all of it, or its beginning and its end.

use std::collections::VecDeque;

/// Takes an output as it comes, and keeps its beginning and its end.
#[derive(Debug)]
pub struct Keeper {
    head: Vec<u8>,
    head_max: usize,
    tail: VecDeque<u8>,
    tail_max: usize,
    dropped: u64,
}

impl Keeper {
    /// Keeps so many bytes of the beginning, and so many of the end beside it.
    pub const fn new(head_max: usize, tail_max: usize) -> Self {
        Self {
            head: Vec::new(),
            head_max,
            tail: VecDeque::new(),
            tail_max,
            dropped: 0,
        }
    }

    /// Takes what comes next.
    pub fn take(&mut self, bytes: &[u8]) {
        let room = self.head_max.saturating_sub(self.head.len());
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(self.tail_max);
        self.tail.drain(..excess);
        self.dropped += excess as u64;
    }

    /// Notes that so many bytes are missing here: what comes from now on belongs to the end.
    pub fn skip(&mut self, bytes: u64) {
        self.head_max = self.head.len();
        self.dropped += bytes + self.tail.len() as u64;
        self.tail.clear();
    }

    /// How many bytes between the beginning and the end are missing.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Gives what was kept, in one piece; where something is missing, half a line before and after it is left out as well.
    pub fn joined(mut self) -> Vec<u8> {
        let mut tail = Vec::from(self.tail);
        if self.dropped > 0 {
            // Half a line is worse than none: half a secret would not be recognised and masked.
            let end = self.head.iter().rposition(|byte| *byte == b'\n');
            self.head.truncate(end.map_or(0, |at| at + 1));
            let start = tail.iter().position(|byte| *byte == b'\n');
            tail.drain(..start.map_or(tail.len(), |at| at + 1));
        }
        self.head.append(&mut tail);
        self.head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(head_max: usize, tail_max: usize, parts: &[&str]) -> (u64, String) {
        let mut keeper = Keeper::new(head_max, tail_max);
        for part in parts {
            keeper.take(part.as_bytes());
        }
        let dropped = keeper.dropped();
        (dropped, String::from_utf8(keeper.joined()).unwrap())
    }

    // T3: of a long output the beginning and the end are kept by whole lines, and how much is missing is told.
    #[test]
    fn the_beginning_and_the_end_are_kept() {
        assert_eq!(
            kept(100, 50, &["out\n", "more\n"]),
            (0, "out\nmore\n".to_owned())
        );
        let lines: Vec<String> = (0..2000).map(|number| format!("line {number}\n")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (dropped, text) = kept(100, 50, &lines);
        assert_eq!(dropped, 18_890 - 150);
        let shown: Vec<_> = text.lines().collect();
        assert_eq!((shown[0], shown[shown.len() - 1]), ("line 0", "line 1999"));
        assert!(shown.iter().all(|line| line.starts_with("line ")), "{text}");
    }

    #[test]
    fn what_is_missing_already_parts_the_beginning_from_the_end() {
        let mut keeper = Keeper::new(100, 5);
        keeper.take(b"first\nhal");
        keeper.skip(1000);
        keeper.take(b"f\nlast\n");
        assert_eq!(keeper.dropped(), 1002);
        assert_eq!(keeper.joined(), b"first\n");
        let mut keeper = Keeper::new(2, 8);
        keeper.take(b"a\nb\n");
        keeper.skip(10);
        keeper.take(b"f\nlast\n");
        assert_eq!(
            (keeper.dropped(), keeper.joined()),
            (12, b"a\nlast\n".to_vec())
        );
    }
}
