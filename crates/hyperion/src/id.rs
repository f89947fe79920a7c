//! Ids as people type and read them.

use std::str::FromStr;

/// How many hex digits lists show.
const SHORT: usize = 8;
/// The fewest hex digits that are taken for an id, as in git.
const FEWEST: usize = 4;
/// The most hex digits that an id has: those of a commit.
const MOST: usize = 64;

/// An id on the command line: whole, the end or the beginning of one, or a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdArg(String);

/// Says that a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no id: give one as lists show it, or {FEWEST} to {MOST} hex digits of an id or a commit"
)]
pub(crate) struct IdArgError;

impl IdArg {
    /// Gives the text for the API.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for IdArg {
    /// Takes an id that the API gave.
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

impl FromStr for IdArg {
    type Err = IdArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
        let known = text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if !known || !(FEWEST..=MOST).contains(&digits) || text.starts_with('-') {
            return Err(IdArgError);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// Shows the end of an id: the beginning is the time, which many share.
pub(crate) fn short(id: &str) -> &str {
    if id.is_ascii() && id.len() > SHORT {
        &id[id.len() - SHORT..]
    } else {
        id
    }
}

/// Shows the beginning of a commit's id, as git does.
pub(crate) fn short_commit(id: &str) -> &str {
    if id.is_ascii() && id.len() > 10 {
        &id[..10]
    } else {
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_ids_and_parts_of_them_are_taken() {
        let whole = "0190A1B2-c3d4-7e5f-8a6b-7c8d9e0f1a2b";
        assert_eq!(
            whole.parse::<IdArg>().unwrap().as_str(),
            whole.to_ascii_lowercase()
        );
        for part in ["0f1a", "0190A1b2", &"a".repeat(64)] {
            let taken = part.parse::<IdArg>().unwrap();
            assert_eq!(taken.as_str(), part.to_ascii_lowercase());
        }
        for text in ["", "f1a", "retry", "../../x", "-0f1a2b", &"a".repeat(65)] {
            assert!(text.parse::<IdArg>().is_err(), "{text}");
        }
        assert_eq!(short(whole), "9e0f1a2b");
        assert_eq!(short("e1"), "e1");
        assert_eq!(short_commit("4f1c2d3e5a6b7c8d9e0f"), "4f1c2d3e5a");
    }
}
