//! Pure policy: what is allowed, what asks and whom, what is refused; the redactor and the secret scan.
//!
//! Architecture invariant: nothing here does IO, reads a clock or is async, and nothing here
//! acts. [`assess()`] judges a change, [`judge_command()`] a command and [`judge_path()`] a path, [`permit()`] mints the proof that an action is allowed, and
//! [`Redactor`] keeps secrets out of whatever is kept or shown.

pub mod assess;
pub mod blocker;
pub mod command;
pub mod commit;
pub mod defaults;
pub mod invisible;
pub mod judgement;
pub mod limits;
pub mod message;
pub mod path;
pub mod path_set;
pub mod permit;
pub mod place;
pub mod reach;
pub mod redact;
pub mod review;
pub mod risk;
pub mod rule_error;
pub mod rules;

mod exports;
mod formatting;
mod language;
pub mod links;
mod own_checks;
mod owned_paths;
mod runs_text;
mod signals;
mod weakened;

pub use assess::{Assessment, assess};
pub use blocker::{Blocker, BlockerCode, adds_secret, is_lock_file};
pub use command::{CommandRule, RuleVerdict, Shape, judge_argv, judge_command};
pub use commit::{judge_commit, judge_push};
pub use invisible::is_invisible;
pub use judgement::{Judgement, Reason};
pub use message::{MessageFinding, commit_message, commit_subject, without_trailers};
pub use owned_paths::OwnedPaths;
pub use path::{Access, Inside, PathJudgement, judge_path};
pub use path_set::{Anchor, Case, PathSet};
pub use permit::{Action, ActionKind, Basis, DecisionId, Permit, Purpose, Refused, permit};
pub use place::{Place, PlaceError};
pub use reach::mark_internal;
pub use redact::{MaskedDiff, RedactStream, Redactor, SecretFinding};
pub use review::{Review, review};
pub use risk::{Risk, RiskKind, Severity};
pub use rule_error::RuleError;
pub use rules::{AutoApprove, Limits, PathRules, RepoPolicy, RuleSource, Rules};
