//! Names of git objects and refs, checked at the edge.

use std::fmt;
use std::str::FromStr;

/// The id of a git object: 40 (SHA-1) or 64 (SHA-256) lowercase hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Box<str>);

/// A text is not an object id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read an object id: expected 40 or 64 lowercase hexadecimal digits, found {found:?}")]
pub struct OidError {
    found: String,
}

impl Oid {
    /// Checks a text.
    pub fn parse(text: &str) -> Result<Self, OidError> {
        let hex = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hex && matches!(text.len(), 40 | 64) {
            Ok(Self(text.into()))
        } else {
            Err(OidError {
                found: text.chars().take(80).collect(),
            })
        }
    }

    /// Reads the raw bytes that a tree holds.
    pub(crate) fn from_raw(raw: &[u8]) -> Option<Self> {
        let text: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
        Self::parse(&text).ok()
    }

    /// The raw bytes, as a tree holds them.
    pub(crate) fn to_raw(&self) -> Vec<u8> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => byte - b'0',
            _ => byte - b'a' + 10,
        };
        let pairs = self.0.as_bytes().chunks_exact(2);
        pairs
            .map(|pair| pair.iter().fold(0, |value, byte| value << 4 | digit(*byte)))
            .collect()
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether this is the id git writes for "nothing".
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({})", self.0)
    }
}

impl FromStr for Oid {
    type Err = OidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The full name of a ref, such as `refs/heads/main`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(Box<str>);

/// A text is not the name of a ref.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use {found:?} as the name of a branch or ref: git does not allow it")]
pub struct RefNameError {
    found: String,
}

impl RefName {
    /// Checks a full name by git's rules.
    pub fn new(full: impl Into<String>) -> Result<Self, RefNameError> {
        let full = full.into();
        if full.starts_with("refs/") && is_well_formed(&full) {
            Ok(Self(full.into()))
        } else {
            Err(RefNameError {
                found: full.chars().take(200).collect(),
            })
        }
    }

    /// Names a branch by its short name.
    pub fn branch(short: &str) -> Result<Self, RefNameError> {
        // `git branch` refuses these two although the ref itself would be well-formed.
        if short.starts_with('-') || short == "HEAD" {
            return Err(RefNameError {
                found: short.to_owned(),
            });
        }
        Self::new(format!("refs/heads/{short}")).map_err(|_| RefNameError {
            found: short.chars().take(200).collect(),
        })
    }

    /// The full name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name people use: without `refs/heads/`.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.strip_prefix("refs/heads/").unwrap_or(&self.0)
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for RefName {
    type Err = RefNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

/// The rules of `git check-ref-format`, and a length that fits any filesystem.
fn is_well_formed(name: &str) -> bool {
    const NAME_MAX_BYTES: usize = 240;
    let forbidden = |c: char| c.is_ascii_control() || " ~^:?*[\\".contains(c);
    name.len() <= NAME_MAX_BYTES
        && !name.contains(forbidden)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && name
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_lowercase_hexadecimal_of_two_lengths() {
        for good in ["0".repeat(40), "a1".repeat(32)] {
            assert_eq!(Oid::parse(&good).unwrap().to_string(), good);
        }
        for bad in [
            String::new(),
            "0".repeat(39),
            "A".repeat(40),
            "g".repeat(40),
            format!("{}\n", "0".repeat(39)),
        ] {
            assert!(Oid::parse(&bad).is_err(), "{bad:?}");
        }
        assert!(Oid::parse(&"0".repeat(64)).unwrap().is_null());
        assert_eq!(
            Oid::from_raw(&[0xab; 20]).unwrap().as_str(),
            "ab".repeat(20)
        );
    }

    #[test]
    fn ref_names_follow_git() {
        for good in ["main", "feature/x", "ünïcode", "a.b", "v1@x"] {
            assert_eq!(RefName::branch(good).unwrap().short(), good);
        }
        for bad in [
            "", "-x", "HEAD", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "/a",
            "a/", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a.", "a@{1}", "a\nb", "a\0b",
        ] {
            assert!(RefName::branch(bad).is_err(), "{bad:?}");
        }
        assert!(RefName::new("main").is_err());
    }
}
