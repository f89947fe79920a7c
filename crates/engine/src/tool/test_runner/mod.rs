//! The test-runner server: the project's own tools, run within limits, ended when nobody waits for them.
//!
//! A run executes what is in the root, so it is noted before it begins. Its processes carry a mark in their environment, by
//! which they are ended with it, wherever they went, and after a crash by the next engine; and "no new privileges", so that
//! none of them decides anything.

mod runs;
mod sweep;
#[cfg(test)]
mod tests;
mod work;

use hyperion_api::Problem;
use hyperion_api::tool::test_runner as wire;
use hyperion_host::CancelFlag;
use hyperion_tools::test_runner::{Seen, Verb, Wanted};
use hyperion_tools::words::test_runner as words;
use hyperion_tools::{Limits, Place};
use serde_json::Value;

use super::call::{Done, answer, read};
use super::oversee::Oversight;
use crate::Error;

pub(super) use runs::Runs;
pub(super) use sweep::Sweep;

/// A call's hold on the runs.
pub(super) struct Running<'a> {
    /// All of them.
    pub(super) runs: &'a Runs,
    /// Raised when nobody waits for the call any more.
    pub(super) cancel: &'a CancelFlag,
}

pub(super) fn make(
    oversight: &Oversight<'_>,
    running: &Running<'_>,
    parameters: Value,
) -> Result<Done, Error> {
    let Some(verb) = Verb::of(oversight.tool) else {
        let detail = format!("{} is not wired", oversight.tool);
        return Ok(Err(Problem::new("internal", detail)));
    };
    let (files, pattern) = match verb {
        Verb::Typecheck => {
            let wire::Typecheck {} = read(parameters)?;
            (None, None)
        }
        Verb::Build => {
            let wire::Build {} = read(parameters)?;
            (None, None)
        }
        Verb::Lint => {
            let wire::Lint { files } = read(parameters)?;
            (files, None)
        }
        Verb::FormatCheck => {
            let wire::FormatCheck { files } = read(parameters)?;
            (files, None)
        }
        Verb::Test => {
            let wire::Test { pattern, watch } = read(parameters)?;
            if watch == Some(true) {
                return Ok(Err(unwatched()));
            }
            (None, pattern)
        }
    };
    let limits = Limits::default();
    let place = Place {
        root: &oversight.session.folder()?.root,
        limits: &limits,
        overseer: oversight,
    };
    let looked = Wanted::read(&place, files.as_deref(), pattern.as_deref())
        .and_then(|wanted| Ok((wanted, Seen::look(&place)?)));
    let (wanted, seen) = match looked {
        Ok(looked) => looked,
        Err(problem) => return Ok(Err(problem)),
    };
    let done = work::run(oversight, running, &place, verb, &wanted, &seen);
    Ok(answer(done, words::told))
}

fn unwatched() -> Problem {
    Problem::new(
        "input.invalid",
        "watching is refused: a call ends with an answer, and watching goes on",
    )
    .hint("leave `watch` out, and call again after each change, with a pattern for less")
}
