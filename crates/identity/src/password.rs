//! Passwords: hashed by argon2id, in the form that says its own parameters.

use std::fmt;

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::secret::{RandomError, random};

/// The fewest characters a password may have.
pub const MIN_PASSWORD_CHARS: usize = 12;
/// The most bytes a password may have: more would only take time.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// The memory that one hash takes, in KiB, and how often it is gone through (OWASP's first choice).
const MEMORY_KIB: u32 = 47_104;
const PASSES: u32 = 1;

/// A hash that no password has: whoever asks for a user that is not there waits as long.
const NOBODYS: &str = "$argon2id$v=19$m=47104,t=1,p=1$bm8gc3VjaCB1c2VyIGhlcmU$QMUP5JKuSL+2mTQZu2a0eNHeOK0zNgFJbpKYzcX2AIM";

/// A password as somebody typed it.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Says why a password cannot be taken, or not be hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It is too short.
    #[error("a password has at least {MIN_PASSWORD_CHARS} characters")]
    TooShort,
    /// It is too long.
    #[error("a password has at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// It is the user's name, or one character over and over.
    #[error("this password is too easy to guess; take several words")]
    TooEasy,
    /// It has a line break or another control character, which a prompt cannot take.
    #[error("a password is one line without control characters")]
    Control,
    /// The system has no random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The hash could not be made.
    #[error("hash the password: {0}")]
    Hash(String),
}

impl Password {
    /// Wraps what somebody typed, whatever it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Refuses what is too easy to guess for the user of this name.
    pub fn check(&self, name: &str) -> Result<(), PasswordError> {
        let text = self.0.as_str();
        if text.len() > MAX_PASSWORD_BYTES {
            return Err(PasswordError::TooLong);
        }
        if text.chars().count() < MIN_PASSWORD_CHARS {
            return Err(PasswordError::TooShort);
        }
        if text.chars().any(char::is_control) {
            return Err(PasswordError::Control);
        }
        let first = text.chars().next();
        let easy = text.chars().all(|c| Some(c) == first) || text.eq_ignore_ascii_case(name);
        match easy {
            true => Err(PasswordError::TooEasy),
            false => Ok(()),
        }
    }

    /// Hashes it with a new salt; takes tens of milliseconds and 46 MiB.
    pub fn hash(&self) -> Result<String, PasswordError> {
        let salt = random()?;
        let failed = |error: argon2::password_hash::Error| PasswordError::Hash(error.to_string());
        let salt = SaltString::encode_b64(&salt[..16]).map_err(failed)?;
        let hashed = argon2()?.hash_password(self.0.as_bytes(), &salt);
        Ok(hashed.map_err(failed)?.to_string())
    }

    /// Tells whether it is the one of a hash; takes as long where there is none, which never fits.
    pub fn is_of(&self, hash: Option<&str>) -> bool {
        if self.0.len() > MAX_PASSWORD_BYTES {
            return false;
        }
        let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODYS)) else {
            return false;
        };
        let fits = Argon2::default().verify_password(self.0.as_bytes(), &parsed);
        fits.is_ok() && hash.is_some()
    }
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None);
    let params = params.map_err(|error| PasswordError::Hash(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // X8: passwords are kept as argon2id hashes with a salt each.
    #[test]
    fn a_password_is_known_by_its_hash_alone() {
        let password = Password::new("correct horse battery");
        let hash = password.hash().unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"),
            "{hash}"
        );
        assert_ne!(password.hash().unwrap(), hash);
        assert!(password.is_of(Some(&hash)));
        assert!(!Password::new("correct horse batterz").is_of(Some(&hash)));
        assert!(!password.is_of(None) && !password.is_of(Some("not a hash")));
        assert_eq!(format!("{password:?}"), "Password(…)");
    }

    #[test]
    fn the_hash_of_nobody_takes_as_long_as_any() {
        let parsed = PasswordHash::new(NOBODYS).unwrap();
        let params = Params::try_from(&parsed).unwrap();
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (MEMORY_KIB, PASSES, 1)
        );
        assert!(parsed.hash.is_some() && parsed.salt.is_some());
    }

    #[test]
    fn what_is_easy_to_guess_is_refused() {
        let why = |text: &str| {
            Password::new(text)
                .check("ada-lovelace")
                .unwrap_err()
                .to_string()
        };
        assert_eq!(why("short"), "a password has at least 12 characters");
        assert_eq!(
            why("Ada-Lovelace"),
            "this password is too easy to guess; take several words"
        );
        assert_eq!(why(&"a".repeat(20)), why("Ada-Lovelace"));
        assert_eq!(
            why("two lines\nof text"),
            "a password is one line without control characters"
        );
        assert_eq!(why(&"ab".repeat(600)), "a password has at most 1024 bytes");
        Password::new("vier Wörter für Ada").check("ada").unwrap();
    }
}
