//! One id type per noun, all from one macro: a request's id can never be handed to an approval.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
pub use uuid::Uuid;

/// Says why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {noun} id; ids look like 0190b7c4-6f2e-7a31-9d52-3f1c8a4be901")]
pub struct IdError {
    /// The noun with its article, for the message.
    noun: &'static str,
    /// What was given, cut to a readable length.
    text: String,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $noun:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that was made for this noun.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Gives the bare UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// Gives the last eight hexadecimal digits: what people read in lists.
            pub fn short(self) -> String {
                let text = self.0.simple().to_string();
                text[text.len() - 8..].to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| IdError { noun: $noun, text: text.chars().take(64).collect() })
            }
        }
    )*};
}

ids! {
    /// Names a request.
    RequestId, "a request";
    /// Names a plan.
    PlanId, "a plan";
    /// Names a run: one incarnation.
    RunId, "a run";
    /// Names all incarnations of a run.
    LineageId, "a lineage";
    /// Names a change set.
    ChangeSetId, "a change set";
    /// Names an item of a change set.
    ItemId, "an item";
    /// Names one generation of an approval.
    ApprovalId, "an approval";
    /// Names an entry of the merge queue.
    EntryId, "a queue entry";
    /// Names a registered repository.
    RepoId, "a repository";
    /// Names a user.
    UserId, "a user";
    /// Names a token.
    TokenId, "a token";
    /// Names the ledger of a home.
    AuditId, "a ledger";
    /// Names a grant.
    GrantId, "a grant";
    /// Names an event.
    EventId, "an event";
    /// Names a batch of commands; its events' ids follow from it.
    BatchId, "a batch";
}

/// The namespace of users' ids.
const USERS: Uuid = Uuid::from_u128(0x6a1f_3c52_8f0b_4d7e_9b61_2f40_7c1d_e5a8);

impl UserId {
    /// Derives the id of the user of a name: a name is never given twice.
    pub fn of(name: &crate::Name) -> Self {
        Self(Uuid::new_v5(&USERS, name.as_str().as_bytes()))
    }
}

impl ApprovalId {
    /// Derives the id of one generation of a question, so that a restarted asker finds it again.
    ///
    /// UUIDv5 (RFC 9562 §5.5) in the lineage's namespace over `key` and `generation`.
    pub fn derive(lineage: LineageId, key: &str, generation: u32) -> Self {
        let name = format!("{key}\n{generation}");
        Self(Uuid::new_v5(&lineage.uuid(), name.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_text_and_refuses_garbage() {
        let id: RequestId = "0190b7c4-6f2e-7a31-9d52-3f1c8a4be901".parse().unwrap();
        assert_eq!(id.to_string().parse::<RequestId>().unwrap(), id);
        assert_eq!(id.short(), "8a4be901");
        let refused = "nonsense".parse::<ApprovalId>().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "\"nonsense\" is not an approval id; ids look like 0190b7c4-6f2e-7a31-9d52-3f1c8a4be901"
        );
    }

    #[test]
    fn an_approval_is_found_again_by_lineage_key_and_generation() {
        let lineage = LineageId::new(Uuid::from_u128(7));
        assert_eq!(
            ApprovalId::derive(lineage, "k", 1),
            ApprovalId::derive(lineage, "k", 1)
        );
        assert_ne!(
            ApprovalId::derive(lineage, "k", 1),
            ApprovalId::derive(lineage, "k", 2)
        );
        assert_ne!(
            ApprovalId::derive(lineage, "k", 1),
            ApprovalId::derive(lineage, "l", 1)
        );
    }
}
