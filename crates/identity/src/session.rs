//! Sessions of pages: a random secret in a cookie, and a second one that follows from it, which another site's page cannot know.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::secret::{Kept, RandomError, random};

/// What a page's cookie holds.
#[derive(Clone)]
pub struct SessionSecret(Zeroizing<[u8; 32]>);

/// What a page says beside the cookie with every change: a form of another site has the cookie at most.
#[derive(Clone)]
pub struct Csrf(String);

impl SessionSecret {
    /// Makes a new one.
    pub fn new() -> Result<Self, RandomError> {
        Ok(Self(random()?))
    }

    /// Gives the text for the cookie.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_slice())
    }

    /// Gives what is kept of it.
    pub fn kept(&self) -> Kept {
        Kept::of(self.0.as_slice())
    }

    /// Gives what a page says beside it.
    pub fn csrf(&self) -> Csrf {
        let mut hasher = Sha256::new();
        hasher.update(b"hyperion page session: said beside the cookie\n");
        hasher.update(self.0.as_slice());
        Csrf(URL_SAFE_NO_PAD.encode(hasher.finalize()))
    }
}

/// Says that a text is no session's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session's cookie cannot be read")]
pub struct SessionError;

impl FromStr for SessionSecret {
    type Err = SessionError;

    fn from_str(text: &str) -> Result<Self, SessionError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| SessionError)?;
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| SessionError)?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

impl Csrf {
    /// Gives the text for the page.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Tells whether a page said it; takes the same time wherever it differs.
    pub fn is(&self, said: &str) -> bool {
        self.0.as_bytes().ct_eq(said.as_bytes()).into()
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSecret(…)")
    }
}

impl fmt::Debug for Csrf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Csrf(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read_back_and_says_its_second_secret() {
        let session = SessionSecret::new().unwrap();
        let again: SessionSecret = session.reveal().parse().unwrap();
        assert_eq!(again.kept(), session.kept());
        assert!(session.csrf().is(again.csrf().reveal()));
        assert!(!session.csrf().is("") && !session.csrf().is(&session.reveal()));
        assert!("short".parse::<SessionSecret>().is_err());
        assert_eq!(
            format!("{session:?} {:?}", session.csrf()),
            "SessionSecret(…) Csrf(…)"
        );
    }
}
