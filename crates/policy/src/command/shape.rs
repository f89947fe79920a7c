//! The shape of a command: what stays the same when only names and numbers in it change.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The shape of a command, as a person sees and grants it: `git commit -m <text>`.
///
/// It is made of the program, its subcommand and the names of its options, with what stands for the rest. What names
/// code that is run (a script, a target, a program text) is kept as written, and so is everything of a program that
/// no table knows. Two commands of one shape are judged alike; a command that is refused has no shape.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shape(String);

impl Shape {
    /// Takes a shape that was kept; it covers a command only where that command's own shape is the same.
    pub fn kept(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// Gives the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Quotes a word so that it cannot be taken for anything else of a shape.
pub(super) fn kept(word: &str) -> String {
    let plain = !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./:=@+,%".contains(c));
    if plain {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}
