//! Checks of a repository that an admin lets have more than the machine gives to checks.

use serde::{Deserialize, Serialize};

use super::{Command, Event, Repo};
use crate::machine::{Refusal, Stamp};
use crate::{Actor, Digest, Level, ShortText, Time};

/// The most checks of a repository that were agreed to.
pub const MAX_AGREEMENTS: usize = 200;

/// An admin's yes to one check, exactly as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The digest of what it runs, and of what it asks for.
    pub check: Digest,
    /// Its name at the time.
    pub name: ShortText,
    /// Who agreed.
    pub by: Actor,
    /// When.
    pub at: Time,
}

impl Repo {
    /// Whether an admin agreed to a check.
    pub fn agrees_to(&self, check: Digest) -> bool {
        self.agreements.iter().any(|known| known.check == check)
    }

    /// Decides what is about agreements.
    pub(super) fn decide_agreement(
        &self,
        command: &Command,
        stamp: &Stamp,
    ) -> Result<Vec<Event>, Refusal> {
        if !stamp.actor.may_decide(Level::Admin) {
            return Err(Refusal::NotEntitled {
                by: stamp.actor.clone(),
                level: Level::Admin,
            });
        }
        match command {
            Command::AgreeToCheck { check, .. } if self.agrees_to(*check) => {
                Err(Refusal::Inconsistent("this check was agreed to already"))
            }
            Command::AgreeToCheck { check, name } => {
                if self.agreements.len() >= MAX_AGREEMENTS {
                    return Err(Refusal::Limit {
                        what: "checks of a repository that were agreed to",
                        given: self.agreements.len() + 1,
                        max: MAX_AGREEMENTS,
                    });
                }
                Ok(vec![Event::CheckAgreed {
                    check: *check,
                    name: name.clone(),
                }])
            }
            Command::WithdrawCheck { check } if self.agrees_to(*check) => {
                Ok(vec![Event::CheckWithdrawn { check: *check }])
            }
            _ => Err(Refusal::Inconsistent("nobody agreed to this check")),
        }
    }

    pub(super) fn with_agreement(mut self, check: Digest, name: &ShortText, stamp: &Stamp) -> Self {
        self.agreements.push(Agreement {
            check,
            name: name.clone(),
            by: stamp.actor.clone(),
            at: stamp.time,
        });
        self
    }

    pub(super) fn without_agreement(mut self, check: Digest) -> Self {
        self.agreements.retain(|known| known.check != check);
        self
    }
}
