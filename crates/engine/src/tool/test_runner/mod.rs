//! The test-runner server: the project's own tools, run within limits, ended when nobody waits for them.
//!
//! It executes what is in the root, so a call is noted before it begins. Each program is a supervised run, in the sandbox of checks:
//! it ends with the call, and after a crash with the next engine.

#[cfg(test)]
mod tests;
mod turns;
mod work;

use std::sync::Arc;

use hyperion_api::Problem;
use hyperion_api::tool::test_runner as wire;
use hyperion_host::CancelFlag;
use hyperion_tools::test_runner::{Seen, Verb, Wanted};
use hyperion_tools::words::test_runner as words;
use hyperion_tools::{Limits, Place};
use serde_json::Value;

use super::call::{Done, answer, read};
use super::oversee::Oversight;
use crate::{Cx, Error};

pub(super) use turns::Runs;
pub(super) use work::reports;

/// A call's hold on the runs.
pub(super) struct Running<'a> {
    /// What starts and watches them.
    pub(super) cx: &'a Arc<Cx>,
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
