//! How things look to people: each noun's file turns wire types into text, and decides nothing.

use crate::output::style::{self, paint};
use crate::output::visible::visible_text;

pub(crate) mod approval;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod change_set;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod file_modification;
pub(crate) mod filed;
pub(crate) mod grant;
pub(crate) mod ledger;
pub(crate) mod policy;
pub(crate) mod queue;
pub(crate) mod repo;
pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod summary;
pub(crate) mod trial;
pub(crate) mod user;

/// The column where the values of a block begin.
const LABEL_CHARS: usize = 15;

/// Says what a person should know though the work goes on.
pub(crate) fn warning(text: &str) -> String {
    format!("{} {}", paint(style::WAITS, "warning:"), visible_text(text))
}

/// Says what to do next.
pub(crate) fn hint(text: &str) -> String {
    format!("{} {}", paint(style::HINT, "hint:"), visible_text(text))
}

/// Writes a line of a block: a label and its value; nothing where there is no value.
pub(crate) fn field(label: &str, value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    let padded = format!("  {label:<width$}", width = LABEL_CHARS - 2);
    format!("{}{}\n", paint(style::FAINT, &padded), value)
}

/// Writes a label with one line for each value.
pub(crate) fn fields(label: &str, values: impl IntoIterator<Item = String>) -> String {
    let mut label = label;
    let mut text = String::new();
    for value in values {
        text.push_str(&field(label, &value));
        label = "";
    }
    text
}

/// Joins what is special about a thing and why it stands where it stands, in one line.
pub(crate) fn joined<'a>(
    notes: impl IntoIterator<Item = String>,
    reason: impl IntoIterator<Item = &'a String>,
) -> String {
    let reason = reason.into_iter().cloned();
    let all: Vec<_> = notes.into_iter().chain(reason).collect();
    all.join("; ")
}

/// Writes `+3 -1`.
pub(crate) fn lines_changed(additions: u32, deletions: u32) -> String {
    format!(
        "{} {}",
        paint(style::GOOD, &format!("+{additions}")),
        paint(style::BAD, &format!("-{deletions}"))
    )
}

/// Writes `1 file`, `2 files`.
pub(crate) fn count(number: usize, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}

/// Makes what a test looks at.
#[cfg(test)]
pub(crate) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}
