//! `editFile`

use std::collections::BTreeSet;

use hyperion_api::Problem;
use hyperion_api::tool::filesystem::{EditFile, LineEnding, WriteResult};

use super::{name_of, read_any, read_expected, refuse_larger, relative, replace};
use crate::text::{Text, count_lines, in_style, line_ending};
use crate::{Access, Place, Planned};

/// The most places that are named when a text occurs several times.
const PLACES_MAX: usize = 10;

/// Replaces a part of a file that the caller has read.
pub fn edit_file(place: &Place<'_>, params: &EditFile) -> Result<WriteResult, Problem> {
    let path = relative(place, &params.path);
    place.overseer.judge(path, Access::Write)?;
    let edit = Edit::of(params)?;
    refuse_larger(
        "the new text",
        edit.replacement().len() as u64,
        place.limits.write_bytes,
        "make the change in several edits",
    )?;
    let before = match (&params.sha256, edit) {
        (Some(expected), _) => read_expected(place, path, expected)?,
        (None, Edit::Match { .. }) => read_any(place, path)?,
        (None, Edit::Lines { .. }) => return Err(unseen(path)),
    };
    let text = Text::read(path, &before, params.encoding)?;
    let masked = place.overseer.mask(&text.text);
    // What is masked is edited by those who read where.
    if masked.is_some() && params.sha256.is_none() {
        return Err(unseen(path));
    }
    let shown = masked.as_deref().unwrap_or(&text.text);
    let (edited, first, last) = match edit {
        Edit::Lines { first, last, new } => {
            let edited = by_lines(path, &text.text, first, last, new)?;
            let hidden = masked_lines(&text.text, shown).any(|line| (first..=last).contains(&line));
            // Writing back the same secret would change nothing, and so confirm a right guess.
            if hidden && (edited == text.text || place.overseer.mask(new).is_some()) {
                return Err(holds_one_too(path, first, last));
            }
            (edited, first, last)
        }
        Edit::Match { old, new } => by_match(path, &text.text, shown, old, new)?,
    };
    if masked.is_some() {
        keep_hidden(place, path, (&text.text, shown), &edited, (first, last))?;
    }
    if edited == text.text {
        return Err(
            Problem::new("edit.no_match", format!("the edit would not change {path}"))
                .hint("what you asked for is there already"),
        );
    }
    let after = text.bytes_of(&edited)?;
    refuse_larger(
        path,
        after.len() as u64,
        place.limits.file_bytes,
        "split the file, or ask a person",
    )?;
    place.overseer.before_write(&Planned {
        path,
        before: Some(&before),
        after: Some(&after),
    })?;
    replace(place, path, &before, &after)?;
    Ok(WriteResult {
        path: path.to_owned(),
        created: false,
        sha256: name_of(place, path, &after),
        bytes: after.len() as u64,
        total_lines: count_lines(&edited),
    })
}

fn unseen(path: &str) -> Problem {
    Problem::new("input.invalid", format!("you have not read {path} yet"))
        .hint("read it with readFile, and then edit it")
}

/// What is wanted, once it is clear.
#[derive(Clone, Copy)]
enum Edit<'p> {
    Lines { first: u64, last: u64, new: &'p str },
    Match { old: &'p str, new: &'p str },
}

impl<'p> Edit<'p> {
    fn of(params: &'p EditFile) -> Result<Self, Problem> {
        let EditFile {
            path: _,
            sha256: _,
            encoding: _,
            start_line,
            end_line,
            new_content,
            old_text,
            new_text,
        } = params;
        match (start_line, end_line, new_content, old_text, new_text) {
            (Some(first), Some(last), Some(new), None, None) => Ok(Self::Lines {
                first: *first,
                last: *last,
                new,
            }),
            // Checked before the file is read: the answer must not reveal whether the text is in it.
            (None, None, None, Some(old), Some(new)) if old == new => Err(Problem::new(
                "input.invalid",
                "oldText and newText are the same, so there is nothing to change",
            )
            .hint("give the text as it should be afterwards as newText")),
            (None, None, None, Some(old), Some(new)) if !old.is_empty() => {
                Ok(Self::Match { old, new })
            }
            _ => Err(Problem::new(
                "input.invalid",
                "give either startLine, endLine and newContent, or oldText (not empty) and newText",
            )
            .hint(
                "newText and newContent may be empty, to remove; endLine one less than startLine inserts before it",
            )),
        }
    }

    const fn replacement(&self) -> &'p str {
        match self {
            Self::Lines { new, .. } | Self::Match { new, .. } => new,
        }
    }
}

/// Gives the numbers of the lines that are shown masked; masking never removes a line.
fn masked_lines(text: &str, shown: &str) -> impl Iterator<Item = u64> {
    let pairs = text.split('\n').zip(shown.split('\n')).zip(1..);
    pairs.filter_map(|((is, shown), number)| (is != shown).then_some(number))
}

/// Refuses an edit after which a line would be shown that is masked now: what is a secret is told by what stands around it,
/// like a key by its first lines.
fn keep_hidden(
    place: &Place<'_>,
    path: &str,
    (text, shown): (&str, &str),
    edited: &str,
    (first, last): (u64, u64),
) -> Result<(), Problem> {
    let masked = place.overseer.mask(edited);
    let shown_after = masked.as_deref().unwrap_or(edited);
    let count = |text: &str| text.split('\n').count() as u64;
    let moved = |line: u64| (line + count(edited)).saturating_sub(count(text));
    let hidden: BTreeSet<u64> = masked_lines(text, shown).collect();
    let hidden_after: BTreeSet<u64> = masked_lines(edited, shown_after).collect();
    // Together with the lines around them, the new lines can form a secret.
    let replaces_some = first <= last && hidden.range(first..=last).next().is_some();
    if replaces_some && hidden_after.range(first..).any(|line| *line <= moved(last)) {
        return Err(holds_one_too(path, first, last));
    }
    let after = |line: u64| if line < first { line } else { moved(line) };
    let mut others = hidden.iter().filter(|line| !(first..=last).contains(*line));
    match others.find(|line| !hidden_after.contains(&after(**line))) {
        None => Ok(()),
        Some(line) => Err(Problem::new(
            "secret.masked",
            format!(
                "line {line} of {path} is part of a masked secret, and would not be masked any more"
            ),
        )
        .hint(
            "replace all the lines of the secret in one edit, or leave the lines around it alone",
        )),
    }
}

fn holds_one_too(path: &str, first: u64, last: u64) -> Problem {
    Problem::new(
        "secret.masked",
        format!("a line from {first} to {last} of {path} holds a masked secret, and the new text holds one, too"),
    )
    .hint("take the secret out of the new text, or leave those lines alone")
}

/// Replaces the only place where `old` stands. A line that is shown masked never matches: whether a guess is right would
/// be told by the answer. Gives the first and the last line that it touches, too.
fn by_match(
    path: &str,
    text: &str,
    shown: &str,
    old: &str,
    new: &str,
) -> Result<(String, u64, u64), Problem> {
    let ending = line_ending(text);
    // The caller saw the lines, but perhaps not their line endings.
    let respelled = in_style(old, ending);
    let old = if text.contains(old) { old } else { &respelled };
    let new = in_style(new, ending);
    let hidden: BTreeSet<u64> = masked_lines(text, shown).collect();
    let touched = |at: usize| {
        let first = count_lines_before(text, at) as u64;
        let last = first + old.matches('\n').count() as u64;
        let head = text.get(..at).unwrap_or_default();
        let before = if new.is_empty() { head } else { &new };
        // Without it, the next line would be joined to these.
        let ends_a_line = before.is_empty() || before.ends_with('\n');
        (first, last - u64::from(ends_a_line && old.ends_with('\n')))
    };
    let is_shown = |at: &usize| {
        let (first, last) = touched(*at);
        hidden.range(first..=last).next().is_none()
    };
    let found: Vec<usize> = occurrences(text, old)
        .filter(is_shown)
        .take(PLACES_MAX + 1)
        .collect();
    match found.as_slice() {
        [at] => {
            let (first, last) = touched(*at);
            let edited = format!(
                "{}{new}{}",
                text.get(..*at).unwrap_or_default(),
                text.get(at + old.len()..).unwrap_or_default()
            );
            Ok((edited, first, last))
        }
        [] => Err(
            Problem::new("edit.no_match", format!("oldText does not occur in {path}")).hint(
                "copy it from what readFile gave, with its blanks and without line numbers; masked secrets cannot be matched: edit such lines by number",
            ),
        ),
        several => {
            let lines: Vec<String> = several
                .iter()
                .take(PLACES_MAX)
                .map(|at| count_lines_before(text, *at).to_string())
                .collect();
            let more = if several.len() > PLACES_MAX {
                " and more"
            } else {
                ""
            };
            Err(Problem::new(
                "edit.ambiguous",
                format!(
                    "oldText occurs more than once in {path}: at lines {}{more}",
                    lines.join(", ")
                ),
            )
            .hint("take more of the lines around it into oldText, or edit by line numbers"))
        }
    }
}

/// Gives every place where a text begins in another; places may overlap.
fn occurrences<'t>(text: &'t str, old: &'t str) -> impl Iterator<Item = usize> + 't {
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = from + text.get(from..)?.find(old)?;
        let step = old.chars().next().map_or(1, char::len_utf8);
        from = at + step;
        Some(at)
    })
}

fn count_lines_before(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}

fn by_lines(path: &str, text: &str, first: u64, last: u64, new: &str) -> Result<String, Problem> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let total = lines.len() as u64;
    let fits = first >= 1 && last.saturating_add(1) >= first && last <= total && first <= total + 1;
    if !fits {
        return Err(Problem::new(
            "input.invalid",
            format!("{path} has {total} lines; startLine {first} and endLine {last} do not fit"),
        )
        .hint("lines are counted from 1; to add at the end, startLine is one more than there are lines and endLine is their number"));
    }
    let from = usize::try_from(first - 1).unwrap_or(usize::MAX);
    let to = usize::try_from(last).unwrap_or(usize::MAX);
    let (head, rest) = lines.split_at(from.min(lines.len()));
    let tail = rest.get(to.saturating_sub(from)..).unwrap_or_default();
    let ending = line_ending(text);
    let newline = if ending == LineEnding::Crlf {
        "\r\n"
    } else {
        "\n"
    };
    let mut new = in_style(new, ending);
    let ended = text.is_empty() || text.ends_with('\n');
    let mut edited = head.concat();
    // Lines stay lines: what is put in ends as the file's lines do, and the file's end stays as it was.
    if !new.is_empty() {
        if tail.is_empty() {
            if !ended {
                let kept = new.strip_suffix('\n').unwrap_or(&new);
                new = kept.strip_suffix('\r').unwrap_or(kept).to_owned();
                if !edited.is_empty() && !edited.ends_with('\n') {
                    edited.push_str(newline);
                }
            } else if !text.is_empty() && !new.ends_with('\n') {
                new.push_str(newline);
            }
        } else if !new.ends_with('\n') {
            new.push_str(newline);
        }
    } else if tail.is_empty() && !ended {
        let kept = edited.strip_suffix('\n').unwrap_or(&edited);
        edited = kept.strip_suffix('\r').unwrap_or(kept).to_owned();
    }
    edited.push_str(&new);
    edited.push_str(&tail.concat());
    Ok(edited)
}

#[cfg(test)]
mod tests {
    use super::*;

    // T1: lines are replaced, added and removed, and the file's end and line endings stay as they were.
    #[test]
    fn lines_stay_lines_however_the_file_ends() {
        let cases = [
            // text, first, last, new, edited
            ("a\nb\nc\n", 2, 2, "X", "a\nX\nc\n"),
            ("a\nb\nc\n", 2, 2, "X\n", "a\nX\nc\n"),
            ("a\nb\nc\n", 2, 3, "", "a\n"),
            ("a\nb\nc\n", 1, 0, "X\n", "X\na\nb\nc\n"),
            ("a\nb\n", 3, 2, "X", "a\nb\nX\n"),
            ("a\nb", 3, 2, "X\n", "a\nb\nX"),
            ("a\nb", 2, 2, "X\n", "a\nX"),
            ("a\nb", 2, 2, "", "a"),
            ("a\nb", 1, 1, "X", "X\nb"),
            ("a\r\nb\r\n", 2, 2, "X\nY", "a\r\nX\r\nY\r\n"),
            ("a\r\nb", 2, 2, "X\n", "a\r\nX"),
            ("", 1, 0, "X", "X"),
            ("", 1, 0, "X\n", "X\n"),
            ("\n", 1, 1, "X", "X\n"),
        ];
        for (text, first, last, new, edited) in cases {
            assert_eq!(
                by_lines("f", text, first, last, new).unwrap(),
                edited,
                "{text:?} {first}..={last} {new:?}"
            );
        }
        for (first, last) in [(0, 1), (3, 1), (1, 4), (5, 4), (2, 0), (u64::MAX, u64::MAX)] {
            let refused = by_lines("f", "a\nb\nc\n", first, last, "X");
            assert_eq!(refused.unwrap_err().code, "input.invalid", "{first} {last}");
        }
    }

    // T1: an edit whose text occurs twice is refused, and says where.
    #[test]
    fn a_text_that_occurs_twice_is_refused_with_its_lines() {
        let refused = |text: &str, old: &str| {
            let problem = by_match("f", text, text, old, "x").unwrap_err();
            format!("{} ({})", problem.detail, problem.code)
        };
        insta::assert_snapshot!(refused("one\ntwo\none\n", "one"), @"oldText occurs more than once in f: at lines 1, 3 (edit.ambiguous)");
        insta::assert_snapshot!(refused("aaa", "aa"), @"oldText occurs more than once in f: at lines 1, 1 (edit.ambiguous)");
        insta::assert_snapshot!(refused("ää\n", "ä"), @"oldText occurs more than once in f: at lines 1, 1 (edit.ambiguous)");
        insta::assert_snapshot!(refused(&"x\n".repeat(20), "x"), @"oldText occurs more than once in f: at lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and more (edit.ambiguous)");
        insta::assert_snapshot!(refused("one", "three"), @"oldText does not occur in f (edit.no_match)");
    }

    // T1: a caller that was shown lines need not know how they end.
    #[test]
    fn a_match_over_lines_fits_a_file_with_other_line_endings() {
        let text = "a\r\nb\r\nc\r\n";
        let (edited, first, last) = by_match("f", text, text, "a\nb\n", "x\ny\n").unwrap();
        assert_eq!((edited.as_str(), first, last), ("x\r\ny\r\nc\r\n", 1, 2));
    }
}
