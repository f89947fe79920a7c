//! API tokens: `hyp_`, 32 random bytes and a checksum, in letters that a URL and a shell leave alone.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::secret::{Kept, RandomError, random};

/// What every token begins with: scanners for secrets know it by that.
const PREFIX: &str = "hyp_";
/// How many bytes the checksum has: with it the text is a whole number of letters.
const CHECK_BYTES: usize = 4;
/// How many letters follow the prefix.
const LETTERS: usize = 48;

/// The text of a token; it is shown once, and never printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken(Zeroizing<String>);

/// Says why a text cannot be a token, so that a cut copy is noticed as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not begin as tokens do.
    #[error("it is no token of Hyperion: those begin with `{PREFIX}`")]
    NoToken,
    /// It has too few or too many letters.
    #[error(
        "the token is not whole: {LETTERS} letters follow `{PREFIX}`, here are {0}; copy all of it"
    )]
    Length(usize),
    /// Its letters do not belong together.
    #[error("the token has a letter that is wrong: copy it again")]
    Checksum,
}

impl ApiToken {
    /// Makes a new one.
    pub fn new() -> Result<Self, RandomError> {
        let random = random()?;
        let mut bytes = Zeroizing::new(random.to_vec());
        bytes.extend_from_slice(&check(random.as_slice()));
        let letters = Zeroizing::new(URL_SAFE_NO_PAD.encode(&*bytes));
        Ok(Self(Zeroizing::new(format!("{PREFIX}{}", *letters))))
    }

    /// Gives the text, for the one who is to have it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Gives what is kept of it.
    pub fn kept(&self) -> Kept {
        Kept::of(self.0.as_bytes())
    }
}

fn check(random: &[u8]) -> [u8; CHECK_BYTES] {
    let digest: [u8; 32] = Sha256::digest(random).into();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&digest[..CHECK_BYTES]);
    check
}

impl FromStr for ApiToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let letters = text.strip_prefix(PREFIX).ok_or(TokenError::NoToken)?;
        if letters.len() != LETTERS {
            return Err(TokenError::Length(letters.chars().count()));
        }
        let bytes = URL_SAFE_NO_PAD.decode(letters).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| TokenError::Checksum)?;
        let (random, given) = bytes.split_at(bytes.len() - CHECK_BYTES);
        match given == check(random) {
            true => Ok(Self(Zeroizing::new(text.to_owned()))),
            false => Err(TokenError::Checksum),
        }
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // X8: a token is long, of its own kind, and not printed; one that was cut or mistyped is told from one that is unknown.
    #[test]
    fn a_token_is_read_back_and_a_cut_one_is_noticed() {
        let token = ApiToken::new().unwrap();
        let text = token.reveal().to_owned();
        assert_eq!(text.len(), 52);
        assert_eq!(text.parse::<ApiToken>().unwrap().kept(), token.kept());
        assert_ne!(ApiToken::new().unwrap().kept(), token.kept());
        assert_eq!(
            format!("{token:?} {:?}", token.kept()),
            "ApiToken(…) Kept(…)"
        );

        let refused = |text: &str| text.parse::<ApiToken>().unwrap_err();
        assert_eq!(refused("ghp_x"), TokenError::NoToken);
        assert_eq!(refused(&text[..51]), TokenError::Length(47));
        let other = if text.ends_with('A') { 'B' } else { 'A' };
        assert_eq!(
            refused(&format!("{}{other}", &text[..51])),
            TokenError::Checksum
        );
        assert_eq!(refused(&format!("{}é", &text[..50])), TokenError::Checksum);
    }
}
