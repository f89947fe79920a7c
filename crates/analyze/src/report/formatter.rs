//! What formatters write that only look: which files they would change.
//!
//! `Diff in /project/src/a.rs:3:` (rustfmt), `Would reformat: a.py` or `unformatted: …` and ` --> a.py:1:2` (ruff), `[warn] a.js`
//! (prettier), `a.go` (gofmt).

use std::collections::BTreeSet;

use super::{Reader, Unreadable, malformed};
use crate::output::{ErrorKind, FoundError, Place, line_number, plain};

pub(super) fn read(bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    let text = plain(bytes).text;
    let mut files = BTreeSet::new();
    let lines: Vec<_> = text.lines().collect();
    let told = (0..lines.len()).filter_map(|at| told(&lines[at..]));
    let told: Vec<_> = told.collect();
    // gofmt gives bare names, and nothing else.
    let bare = || text.lines().filter_map(|line| Some((bare(line)?, "gofmt")));
    let found: Vec<_> = if told.is_empty() {
        bare().collect()
    } else {
        told
    };
    for (place, tool) in found {
        if !files.insert(place.file.clone()) {
            continue;
        }
        reader.report.failed += 1;
        reader.problem(FoundError {
            kind: ErrorKind::Compile,
            message: "it is not formatted".to_owned(),
            tool: Some(tool.to_owned()),
            place: Some(place),
            ..FoundError::default()
        });
    }
    if files.is_empty() {
        return Err(malformed("it names no file"));
    }
    // A file that cannot be read is not one that is formatted badly.
    reader.text(bytes);
    Ok(())
}

fn told(lines: &[&str]) -> Option<(Place, &'static str)> {
    let line = lines.first()?;
    if let Some(rest) = line.strip_prefix("Diff in ") {
        let rest = rest.strip_suffix(':')?;
        let (file, number) = rest
            .rsplit_once(" at line ")
            .or_else(|| rest.rsplit_once(':'))?;
        return Some((Place::new(file, line_number(number), None)?, "rustfmt"));
    }
    if let Some(file) = line.strip_prefix("Would reformat: ") {
        return Some((Place::new(file, None, None)?, "ruff"));
    }
    if line.starts_with("unformatted: ") {
        let place = lines.get(1)?.trim_start().strip_prefix("--> ")?;
        return Some((Place::read(place)?, "ruff"));
    }
    let file = line.strip_prefix("[warn] ")?;
    // The sum at the end is a sentence.
    let is_sum = file.starts_with("Code style issues");
    let place = Place::new(file, None, None).filter(|_| !is_sum)?;
    Some((place, "prettier"))
}

fn bare(line: &str) -> Option<Place> {
    let is_name = line.ends_with(".go") && !line.contains(": ");
    is_name.then(|| Place::new(line, None, None))?
}
