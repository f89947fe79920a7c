//! Intake: from a file or a sentence to a filed request, its brief and its questions.
//!
//! Filing is all or nothing: every request of a file is read, checked against itself, against the
//! limits and against the repository (each change is really applied to its base, in memory)
//! before the first one is filed. What of this needs no repository is in `hyperion-intake`.

mod answers;
mod dry_apply;
mod from_git;
mod from_outside;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod known;
mod place;
mod reconciler;
mod revise;
mod submit;

pub(crate) use hyperion_intake::change;
use hyperion_intake::{brief, draft, errors, json, parse, secret, signature, validate, version};

pub(crate) use answers::tasks_with_answers;
pub use answers::{answer, answers, questions};
pub use brief::Questions;
pub use draft::{Draft, DraftTask};
pub use errors::Errors;
pub use from_git::{FiledWork, submit_from_git};
pub use from_outside::submit_change;
pub use parse::{MAX_BYTES, MAX_REQUESTS, Parsed, parse};
pub(crate) use reconciler::Intake;
pub use revise::revise;
#[cfg(test)]
pub(crate) use revise::revise_commands;
pub(crate) use revise::revised_assignment;
pub use signature::SigningKey;
pub use submit::{Filed, Submitting, brief, check_sentence, submit, submit_or_find, submit_text};
pub(crate) use submit::{keyed_id, submit_request};
pub use validate::{Invalid, Limits, validate};
