//! Takes secrets out of a unified diff without hiding anything else of it.
//!
//! A mask stays within its line: no line, sign, file header or hunk header is ever changed. Of a private key each line
//! is masked by itself, and only where the key's lines follow each other in one hunk and on one side of it; its first
//! and last line stay. What is masked in an added line is what [`Redactor::scan`] finds in the added lines of that file.

use std::borrow::Cow;
use std::ops::Range;

use super::{MARKER_START, Redactor, key};

/// A unified diff without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedDiff<'t> {
    /// The diff; clean text is not copied.
    pub text: Cow<'t, str>,
    /// How many of its lines are not shown as they are.
    pub lines_masked: usize,
}

impl Redactor {
    /// Masks the secrets in a unified diff; everything else stays visible, line for line.
    pub fn redact_diff<'t>(&self, diff: &'t str) -> MaskedDiff<'t> {
        let mut lines: Vec<Line<'t>> = lines(diff);
        for side in [Side::Old, Side::Added] {
            for run in runs(&lines, side) {
                self.mask_run(&mut lines, &run);
            }
        }
        for line in lines
            .iter_mut()
            .filter(|line| matches!(line.part, Part::Hunk | Part::Other))
        {
            self.mask_line(line);
        }
        let lines_masked = lines
            .iter()
            .filter(|line| matches!(line.text, Cow::Owned(_)))
            .count();
        let text = if lines_masked == 0 {
            Cow::Borrowed(diff)
        } else {
            Cow::Owned(
                lines
                    .iter()
                    .flat_map(|line| [line.head, &*line.text, line.end])
                    .collect(),
            )
        };
        MaskedDiff { text, lines_masked }
    }

    /// Masks one hunk, given by its lines with their signs: as it is masked in the diff that it is part of.
    pub fn redact_hunk(&self, lines: &[String]) -> Vec<String> {
        let count = |sides: [char; 2]| lines.iter().filter(|line| line.starts_with(sides)).count();
        // Without a hunk header the lines would be taken for text between hunks.
        let header = format!("@@ -1,{} +1,{} @@\n", count([' ', '-']), count([' ', '+']));
        let diff = format!("{header}{}", lines.join("\n"));
        let shown = self.redact_diff(&diff).text;
        shown.split('\n').skip(1).map(str::to_owned).collect()
    }

    /// Counts the lines of a unified diff that no view shows as they are.
    pub fn lines_masked(&self, diff: &str) -> usize {
        self.redact_diff(diff).lines_masked
    }

    /// Masks lines that follow each other in a file.
    fn mask_run(&self, lines: &mut [Line<'_>], run: &[usize]) {
        let mut joined = String::new();
        let mut spans: Vec<Range<usize>> = Vec::with_capacity(run.len());
        for at in run {
            let start = joined.len();
            joined.push_str(&lines[*at].text);
            spans.push(start..joined.len());
            joined.push('\n');
        }
        joined.pop();
        let found = self.find(&joined);
        if found.is_empty() {
            return;
        }
        let across = |found: &&super::Found| joined[found.start..found.end].contains('\n');
        for found in found.iter().filter(across) {
            let first = spans.partition_point(|span| span.end < found.start);
            for (span, at) in spans.iter().zip(run).skip(first) {
                if span.start >= found.end {
                    break;
                }
                let shared = span.start.max(found.start)..span.end.min(found.end);
                let line = &joined[span.clone()];
                let mut masked = String::new();
                let mut shown = 0;
                for part in secret_parts(found.rule, &joined[shared]) {
                    let start = part.as_ptr() as usize - line.as_ptr() as usize;
                    masked.push_str(&line[shown..start]);
                    masked.push_str(&format!("{MARKER_START}{}]", found.rule));
                    shown = start + part.len();
                }
                if shown > 0 {
                    masked.push_str(&line[shown..]);
                    lines[*at].text = Cow::Owned(masked);
                }
            }
        }
        for at in run {
            self.mask_line(&mut lines[*at]);
        }
    }

    fn mask_line(&self, line: &mut Line<'_>) {
        if let Cow::Owned(masked) = self.redact(&line.text) {
            line.text = Cow::Owned(masked);
        }
    }
}

/// Gives those parts of a line that are secret, of what was found over several lines.
fn secret_parts<'t>(rule: &str, line: &'t str) -> Vec<&'t str> {
    if rule == key::RULE {
        key::bodies(line)
    } else {
        Some(line.trim())
            .filter(|line| !line.is_empty())
            .into_iter()
            .collect()
    }
}

/// What a line of a diff is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// It says which file is meant.
    Header,
    /// The header of a hunk: its line numbers, and after them a line of the file, which git adds.
    Hunk,
    /// Anything else outside a hunk.
    Other,
    Context,
    Removed,
    Added,
}

/// Tells of each line of a unified diff whether it is a line of a file, whatever it looks like.
pub fn hunk_lines(diff: &str) -> Vec<bool> {
    let in_file = |part| matches!(part, Part::Context | Part::Removed | Part::Added);
    lines(diff).iter().map(|line| in_file(line.part)).collect()
}

struct Line<'t> {
    part: Part,
    /// Which hunk it stands in, counted from 1.
    hunk: usize,
    /// What is never changed: the sign, the numbers of a hunk, or all of a file's header.
    head: &'t str,
    text: Cow<'t, str>,
    end: &'t str,
}

fn lines(diff: &str) -> Vec<Line<'_>> {
    let mut hunk = 0;
    // How many lines of the old and of the new side are still to come in the hunk.
    let mut left = (0usize, 0usize);
    diff.split_inclusive('\n')
        .map(|whole| {
            let line = whole.strip_suffix('\n').unwrap_or(whole);
            let line = line.strip_suffix('\r').unwrap_or(line);
            let end = &whole[line.len()..];
            let part = match line.bytes().next() {
                Some(b' ') | None if left.0 > 0 && left.1 > 0 => {
                    left = (left.0 - 1, left.1 - 1);
                    Part::Context
                }
                Some(b'-') if left.0 > 0 => {
                    left.0 -= 1;
                    Part::Removed
                }
                Some(b'+') if left.1 > 0 => {
                    left.1 -= 1;
                    Part::Added
                }
                Some(b'\\') => Part::Other,
                _ => {
                    left = (0, 0);
                    if let Some(counts) = hunk_counts(line) {
                        hunk += 1;
                        left = counts;
                        Part::Hunk
                    } else if is_file_header(line) {
                        Part::Header
                    } else {
                        Part::Other
                    }
                }
            };
            let head = match part {
                Part::Header => line.len(),
                Part::Hunk => line.find(" @@").map_or(0, |at| at + " @@".len()),
                Part::Other => 0,
                Part::Context | Part::Removed | Part::Added => {
                    line.chars().next().map_or(0, char::len_utf8)
                }
            };
            let (head, text) = line.split_at(head);
            Line {
                part,
                hunk,
                head,
                text: Cow::Borrowed(text),
                end,
            }
        })
        .collect()
}

/// Reads how many lines a hunk has: `@@ -1,3 +1,4 @@`.
fn hunk_counts(line: &str) -> Option<(usize, usize)> {
    let (ranges, _) = line.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let count = |range: &str| match range.split_once(',') {
        Some((_, count)) => count.parse().ok(),
        None => range.parse::<usize>().ok().map(|_| 1),
    };
    Some((count(old)?, count(new)?))
}

fn is_file_header(line: &str) -> bool {
    const STARTS: [&str; 16] = [
        "diff ",
        "index ",
        "--- ",
        "+++ ",
        "old mode ",
        "new mode ",
        "new file mode ",
        "deleted file mode ",
        "rename from ",
        "rename to ",
        "copy from ",
        "copy to ",
        "similarity index ",
        "dissimilarity index ",
        "Binary files ",
        "GIT binary patch",
    ];
    STARTS.iter().any(|start| line.starts_with(start))
}

/// Which lines follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// As the file was: context and removed lines.
    Old,
    /// Only what is added: what the change is refused for must not depend on what stood around it.
    Added,
}

/// Gives the places of lines that follow each other on one side of one hunk.
fn runs(lines: &[Line<'_>], side: Side) -> Vec<Vec<usize>> {
    let mut runs: Vec<Vec<usize>> = Vec::new();
    let (mut hunk, mut broken) = (0, true);
    for (at, line) in lines.iter().enumerate() {
        let on_side = match (side, line.part) {
            (Side::Old, Part::Context | Part::Removed) | (Side::Added, Part::Added) => true,
            // The new file has nothing there.
            (Side::Added, Part::Removed)
            | (Side::Old, Part::Added)
            | (_, Part::Header | Part::Hunk)
                if line.hunk == hunk =>
            {
                continue;
            }
            _ => false,
        };
        if on_side {
            match runs.last_mut().filter(|_| !broken && line.hunk == hunk) {
                Some(run) => run.push(at),
                None => runs.push(vec![at]),
            }
        }
        broken = !on_side;
        hunk = line.hunk;
    }
    runs
}
