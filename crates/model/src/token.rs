//! A token: what a program shows to make calls as a user, with some of that user's rights.
//!
//! Its text is shown once and kept nowhere; the store keeps the SHA-256 of it in a table that no event is made of.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::machine::{Corrupt, Machine, Noun, Refusal, Row, Stamp, damaged, moves, out_of_order};
use crate::{ShortText, Time, TokenId, UserId};

moves! {
    noun Noun::Token;
    states {
        /// Is taken.
        Active = "active" open;
        /// Was taken back.
        Revoked = "revoked" closed;
        /// Its time has passed.
        Expired = "expired" closed;
    }
    verbs {
        Revoke = "be revoked": [Active] => Revoked;
        Expire = "expire": [Active] => Expired;
    }
}

/// A part of what a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Looking at everything.
    Read,
    /// Filing requests, answering, cancelling, steering one's own runs.
    File,
    /// Deciding what a team lead may decide.
    Decide,
    /// Deciding the rest, and administration.
    Admin,
}

impl Scope {
    /// Lists every scope.
    pub const ALL: [Scope; 4] = [Scope::Read, Scope::File, Scope::Decide, Scope::Admin];

    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::File => "file",
            Scope::Decide => "decide",
            Scope::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Says that a text names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope; there are read, file, decide and admin")]
pub struct ScopeError(String);

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let found = Self::ALL.into_iter().find(|scope| scope.name() == text);
        found.ok_or_else(|| ScopeError(text.chars().take(40).collect()))
    }
}

/// A token's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// What it is for, in its maker's words.
    pub label: ShortText,
    /// Which of the user's rights it carries.
    pub scopes: BTreeSet<Scope>,
    /// When it ends by itself.
    pub expires_at: Option<Time>,
    /// Where it stands.
    pub status: Status,
    /// When it was issued.
    pub issued_at: Time,
}

/// What a token can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Command {
    /// Issues it.
    Issue {
        /// Its id.
        id: TokenId,
        /// To whom.
        user: UserId,
        /// What it is for.
        label: ShortText,
        /// Which of the user's rights it carries.
        scopes: BTreeSet<Scope>,
        /// When it ends by itself.
        expires_at: Option<Time>,
    },
    /// Takes it back.
    Revoke,
    /// Notes that its time has passed.
    Expire,
    /// Refuses a batch unless it still is taken.
    Vouch,
}

/// What can happen to a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
pub enum Event {
    /// It was issued.
    #[serde(rename = "token.issued")]
    Issued {
        /// Its id.
        id: TokenId,
        /// To whom.
        user: UserId,
        /// What it is for.
        label: ShortText,
        /// Which of the user's rights it carries.
        scopes: BTreeSet<Scope>,
        /// When it ends by itself.
        expires_at: Option<Time>,
    },
    /// It was taken back.
    #[serde(rename = "token.revoked")]
    Revoked {},
    /// Its time has passed.
    #[serde(rename = "token.expired")]
    Expired {},
}

impl Token {
    /// Tells whether it is taken at a time.
    pub fn is_taken(&self, now: Time) -> bool {
        self.status == Status::Active && self.expires_at.is_none_or(|end| now < end)
    }
}

impl Machine for Token {
    type Id = TokenId;
    type Command = Command;
    type Event = Event;
    const NOUN: Noun = Noun::Token;

    fn decide(
        state: Option<&Self>,
        command: &Command,
        stamp: &Stamp,
    ) -> Result<Vec<Event>, Refusal> {
        let token = match (state, command) {
            (
                None,
                Command::Issue {
                    id,
                    user,
                    label,
                    scopes,
                    expires_at,
                },
            ) => {
                if scopes.is_empty() {
                    return Err(Refusal::Inconsistent(
                        "a token without a scope is of no use",
                    ));
                }
                if expires_at.is_some_and(|end| end <= stamp.time) {
                    return Err(Refusal::Inconsistent("a token cannot end before it begins"));
                }
                return Ok(vec![Event::Issued {
                    id: *id,
                    user: *user,
                    label: label.clone(),
                    scopes: scopes.clone(),
                    expires_at: *expires_at,
                }]);
            }
            (None, _) => return Err(Refusal::Missing(Noun::Token)),
            (Some(token), _) => token,
        };
        let (verb, event) = match command {
            Command::Issue { .. } => return Err(Refusal::Exists(Noun::Token)),
            Command::Vouch => {
                return match token.is_taken(stamp.time) {
                    true => Ok(vec![]),
                    false => Err(Refusal::Lapsed(Noun::Token)),
                };
            }
            Command::Revoke => (Verb::Revoke, Event::Revoked {}),
            Command::Expire if token.expires_at.is_none_or(|end| stamp.time < end) => {
                return Err(Refusal::Inconsistent("its time has not passed yet"));
            }
            Command::Expire => (Verb::Expire, Event::Expired {}),
        };
        lead(token.status, verb)?;
        Ok(vec![event])
    }

    fn apply(state: Option<Self>, event: &Event, stamp: &Stamp) -> Result<Self, Corrupt> {
        let mut token = match (state, event) {
            (
                None,
                Event::Issued {
                    id,
                    user,
                    label,
                    scopes,
                    expires_at,
                },
            ) => {
                return Ok(Self {
                    id: *id,
                    user: *user,
                    label: label.clone(),
                    scopes: scopes.clone(),
                    expires_at: *expires_at,
                    status: Status::Active,
                    issued_at: stamp.time,
                });
            }
            (None, _) => return Err(out_of_order(Noun::Token, false)),
            (Some(token), _) => token,
        };
        let verb = match event {
            Event::Issued { .. } => return Err(out_of_order(Noun::Token, true)),
            Event::Revoked {} => Verb::Revoke,
            Event::Expired {} => Verb::Expire,
        };
        token.status = lead(token.status, verb).map_err(damaged(Noun::Token))?;
        Ok(token)
    }

    fn row(&self) -> Row {
        Row {
            status: self.status.name(),
            open: self.status.is_open(),
            parent: Some(self.user.uuid()),
            due: self.expires_at,
            ..Row::default()
        }
    }
}
