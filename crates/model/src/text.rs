//! Short validated strings: the only free text that may stand inside an event.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// Says why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a name is empty; give 1 to {max} characters")]
    Empty {
        /// The most characters allowed.
        max: usize,
    },
    /// Longer than the limit.
    #[error("a name has {len} characters; at most {max} are allowed")]
    TooLong {
        /// How many it has.
        len: usize,
        /// The most characters allowed.
        max: usize,
    },
    /// A character that has no place in a name.
    #[error(
        "{text:?} has the character {found:?}; a name has letters, digits, `.`, `_`, `-`, `/`, `:`, `@` and `+`, and starts with a letter or digit"
    )]
    Character {
        /// The whole text, cut to the limit.
        text: String,
        /// The first character that is not allowed.
        found: char,
    },
}

fn check_name(text: &str, max: usize) -> Result<(), NameError> {
    let len = text.chars().count();
    if len == 0 {
        return Err(NameError::Empty { max });
    }
    if len > max {
        return Err(NameError::TooLong { len, max });
    }
    let refused = text.chars().enumerate().find(|(at, c)| {
        let inside = *at > 0 && matches!(c, '.' | '_' | '-' | '/' | ':' | '@' | '+');
        !(c.is_ascii_alphanumeric() || inside)
    });
    match refused {
        Some((_, found)) => Err(NameError::Character {
            text: text.to_owned(),
            found,
        }),
        None => Ok(()),
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $max:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl $name {
            /// The most characters it may have.
            pub const MAX_CHARS: usize = $max;

            /// Checks and wraps a text.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                check_name(&text, Self::MAX_CHARS)?;
                Ok(Self(text))
            }

            /// Gives the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    )*};
}

names! {
    /// A name of a person, agent, part, host, repository or branch.
    Name, 120;
    /// A task's id inside one request, for instance `T1`.
    TaskId, 64;
}

/// A single line of at most 200 characters, for reasons inside events: no control characters.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShortText(String);

impl ShortText {
    /// The most characters it keeps.
    pub const MAX_CHARS: usize = 200;

    /// Makes one line of a text: control characters become spaces, the rest is cut with `…`.
    pub fn cut(text: &str) -> Self {
        let mut kept: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(Self::MAX_CHARS)
            .collect();
        if text.chars().nth(Self::MAX_CHARS).is_some() {
            kept.pop();
            kept.push('…');
        }
        Self(kept.trim().to_owned())
    }

    /// Gives the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Says why a text is not the name of a git object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the name of a git object; those are 40 or 64 hexadecimal digits")]
pub struct GitIdError(String);

/// The name of a git object as a fact records it: 40 or 64 lowercase hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct GitId(String);

impl Serialize for GitId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl GitId {
    /// Checks and wraps a text.
    pub fn new(text: impl Into<String>) -> Result<Self, GitIdError> {
        let text = text.into();
        let hex = text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex && matches!(text.len(), 40 | 64) {
            Ok(Self(text))
        } else {
            Err(GitIdError(text.chars().take(80).collect()))
        }
    }

    /// Gives the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Gives the first ten digits: what people read.
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

impl TryFrom<String> for GitId {
    type Error = GitIdError;
    fn try_from(text: String) -> Result<Self, GitIdError> {
        Self::new(text)
    }
}

impl From<GitId> for String {
    fn from(id: GitId) -> String {
        id.0
    }
}

impl fmt::Display for GitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for GitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_wrong_with_them() {
        assert!(Name::new("feature/retry-2").is_ok());
        for (text, expected) in [
            ("", "a name is empty; give 1 to 120 characters"),
            (
                "a b",
                "\"a b\" has the character ' '; a name has letters, digits, `.`, `_`, `-`, `/`, `:`, `@` and `+`, and starts with a letter or digit",
            ),
        ] {
            assert_eq!(Name::new(text).unwrap_err().to_string(), expected);
        }
        assert!(matches!(
            Name::new("-x"),
            Err(NameError::Character { found: '-', .. })
        ));
        assert!(matches!(
            TaskId::new("x".repeat(65)),
            Err(NameError::TooLong { len: 65, max: 64 })
        ));
    }

    #[test]
    fn a_short_text_is_one_line_and_bounded() {
        assert_eq!(ShortText::cut("a\nb\u{7}").as_str(), "a b");
        let long = ShortText::cut(&"é".repeat(500));
        assert_eq!(long.as_str().chars().count(), ShortText::MAX_CHARS);
        assert!(long.as_str().ends_with('…'));
    }
}
