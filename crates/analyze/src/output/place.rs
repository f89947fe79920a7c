//! Where something is: a file, a line, a column.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The most bytes of a path.
const MAX_PATH_BYTES: usize = 500;

/// A place in a file, as a tool wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file; relative to the folder the command ran in where it is below it.
    pub file: String,
    /// The line, counted from 1.
    pub line: Option<u32>,
    /// The column, counted from 1.
    pub column: Option<u32>,
}

impl Place {
    /// A place in a file; none where that cannot be a file's name.
    pub(crate) fn new(file: &str, line: Option<u32>, column: Option<u32>) -> Option<Self> {
        let file = file.trim();
        let file = file.strip_prefix("file://").unwrap_or(file);
        let file = file.strip_prefix("./").unwrap_or(file);
        let is_name = !file.is_empty()
            && file.len() <= MAX_PATH_BYTES
            && !file.contains(['\n', '\t', '<', '>', '"', '|', '*', '?'])
            && !file.ends_with('/')
            && file.contains(|c: char| c.is_alphanumeric());
        is_name.then(|| Self {
            file: file.to_owned(),
            line,
            column,
        })
    }

    /// Reads `file:3:4` and `file:3`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (rest, last) = number_after_colon(text.trim())?;
        match number_after_colon(rest) {
            Some((file, line)) => Self::new(file, Some(line), Some(last)),
            None => Self::new(rest, Some(last), None),
        }
    }

    /// Reads `file(3,4)`.
    pub(crate) fn read_in_brackets(text: &str) -> Option<Self> {
        let (file, rest) = text.strip_suffix(')')?.rsplit_once('(')?;
        let (line, column) = rest.split_once(',')?;
        Self::new(file, Some(number(line)?), Some(number(column)?))
    }

    /// Makes the path relative to a folder it is below.
    pub(crate) fn below(&mut self, folder: &str) {
        if let Some(rest) = self.file.strip_prefix(folder.trim_end_matches('/'))
            && let Some(rest) = rest.strip_prefix('/')
            && !rest.is_empty()
        {
            self.file = rest.to_owned();
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        Ok(())
    }
}

/// Reads a line's or a column's number.
pub(crate) fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    digits
        .then(|| text.parse().ok())?
        .filter(|number| *number > 0)
}

fn number_after_colon(text: &str) -> Option<(&str, u32)> {
    let (rest, last) = text.rsplit_once(':')?;
    Some((rest, number(last)?))
}
