//! Names of users.

use hyperion_model::Name;

/// The most characters a user's name may have.
const MAX_CHARS: usize = 64;

/// Says why a text cannot be a user's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is no name at all.
    #[error("{0}")]
    Name(#[from] hyperion_model::NameError),
    /// It is too long.
    #[error("a user's name has at most {MAX_CHARS} characters")]
    TooLong,
    /// It has a character that only other names have.
    #[error(
        "{0:?} has {1:?} in it; a user's name has small letters, digits, `.`, `_`, `-`, `+` and `@`"
    )]
    Character(String, char),
}

/// Checks a user's name: small letters only, so that nobody can be taken for somebody else.
pub fn user_name(text: &str) -> Result<Name, NameError> {
    let name = Name::new(text.trim())?;
    let text = name.as_str();
    if text.len() > MAX_CHARS {
        return Err(NameError::TooLong);
    }
    let refused = |c: &char| c.is_ascii_uppercase() || matches!(c, '/' | ':');
    match text.chars().find(refused) {
        Some(found) => Err(NameError::Character(text.to_owned(), found)),
        None => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_name_is_small_and_plain() {
        for name in ["ada", " ada.lovelace@example.org\n", "r2-d2_x+y"] {
            assert_eq!(user_name(name).unwrap().as_str(), name.trim());
        }
        for name in [
            "",
            "Ada",
            "a/b",
            "nobody:unknown",
            "a b",
            "-a",
            &"a".repeat(65),
        ] {
            assert!(user_name(name).is_err(), "{name}");
        }
    }
}
