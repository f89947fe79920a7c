//! Pure policy: what is allowed, what asks and whom, what is refused; the redactor and the secret scan.
//!
//! Architecture invariant: nothing here does IO, reads a clock or is async, and nothing here
//! acts. [`assess()`] judges a change, [`permit()`] mints the proof that an action is allowed, and
//! [`Redactor`] keeps secrets out of whatever is kept or shown.

pub mod assess;
pub mod blocker;
pub mod defaults;
pub mod limits;
pub mod message;
pub mod path_set;
pub mod permit;
pub mod redact;
pub mod review;
pub mod risk;
pub mod rule_error;
pub mod rules;

mod exports;
mod formatting;
mod language;
mod signals;
mod weakened;

pub use assess::{Assessment, assess};
pub use blocker::{Blocker, BlockerCode};
pub use message::{MessageFinding, commit_message, without_trailers};
pub use path_set::{Anchor, Case, PathSet};
pub use permit::{Action, ActionKind, Basis, DecisionId, Permit, Purpose, Refused, permit};
pub use redact::{RedactStream, Redactor, SecretFinding};
pub use review::{Review, review};
pub use risk::{Risk, RiskKind, Severity};
pub use rule_error::RuleError;
pub use rules::{AutoApprove, Limits, PathRules, RepoPolicy, RuleSource, Rules};
