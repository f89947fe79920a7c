//! Tests of policy through its public interface.

// Clippy knows tests by their attribute; what they share has none.
#![allow(clippy::unwrap_used)]

mod assess;
mod change;
mod command_rules;
mod commands;
mod commit;
mod corpus;
mod everyday;
mod exports;
mod permit;
mod places;
mod rates;
mod redact;
mod redact_corpus;
mod redact_diff;
mod redact_stream;
mod refusals;
mod risks;
mod rules;
mod secret_corpus;
mod weakened;
