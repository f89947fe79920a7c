//! Intake: from a file or a sentence to a filed request, and on to its plan.
//!
//! Filing is all or nothing: every request of a file is read, checked against itself, against the
//! limits and against the repository (each change is really applied to its base, in memory)
//! before the first one is filed.

pub(crate) mod change;
mod draft;
mod ownership;
mod parse;
mod reconciler;
mod roles;
mod submit;
mod validate;

pub use draft::{Draft, DraftTask};
pub use parse::{MAX_BYTES, MAX_REQUESTS, Parsed, parse};
pub(crate) use reconciler::Intake;
pub use roles::{Brief, PlanDocument, Questions};
pub(crate) use submit::tasks_with_answers;
pub use submit::{
    Submitting, answer, answers, brief, plan_document, questions, submit, submit_text,
};
pub use validate::{Limits, validate};
