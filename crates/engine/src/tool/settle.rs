//! Changes that a dead engine had begun: looked at, cleared up, and given their outcome.

use std::path::Path;

use hyperion_api::tool::filesystem::SERVER;
use hyperion_api::tool::{control, git, test_runner};
use hyperion_host::{BeneathError, Root, Settled};
use hyperion_store::ToolRecord;
use hyperion_tools::filesystem::sha256;

use crate::{Cx, Error};

/// The most changes that are looked at; an engine that dies leaves as many as it was making at once.
const MAX_LEFT: u32 = 1000;

/// How a change went whose engine died, as its record says it from then on.
const DONE: &str = "done";
const UNDONE: &str = "undone";
const UNKNOWN: &str = "unknown";
/// Of what ran programs: the supervisor ends what is left of them.
const LOST: &str = "lost";

/// Looks at every change that is still `intended`: no other engine is up, so nobody makes it any more.
pub(super) fn settle(cx: &Cx) -> Result<(), Error> {
    for (id, record) in cx.store.tools_intended(SERVER, MAX_LEFT)? {
        let outcome = outcome(cx, &record).unwrap_or_else(|error| {
            // A folder that is gone, a file that became a folder: nobody can tell any more.
            tracing::warn!(%error, "could not look at a file that a tool was changing");
            UNKNOWN
        });
        cx.store.end_tool(id, outcome)?;
    }
    // What became of these is told by branches, requests and runs, and the agent makes the call again.
    for (server, outcome) in [
        (git::SERVER, UNKNOWN),
        (control::SERVER, UNKNOWN),
        (test_runner::SERVER, LOST),
    ] {
        for (id, _) in cx.store.tools_intended(server, MAX_LEFT)? {
            cx.store.end_tool(id, outcome)?;
        }
    }
    Ok(())
}

fn outcome(cx: &Cx, record: &ToolRecord) -> Result<&'static str, BeneathError> {
    let Some(path) = record.paths.first() else {
        return Ok(UNKNOWN);
    };
    let max_bytes = cx.settings.sizes.max_file_bytes;
    let root = Root::open(Path::new(&record.root))?;
    let is_ours = |bytes: &[u8]| {
        let hash = Some(sha256(bytes));
        hash == record.old_sha256 || hash == record.new_sha256
    };
    match root.settle(path, &is_ours, max_bytes) {
        Ok(Settled::Cleared | Settled::PutBack) => {}
        Ok(Settled::Kept(left)) => tracing::warn!(
            root = record.root,
            path,
            left,
            "somebody else's content lies beside a file that a tool was changing when its engine died"
        ),
        // Not even the folders on the way to it were made.
        Err(BeneathError::Missing { .. }) if record.old_sha256.is_none() => return Ok(UNDONE),
        Err(error) => return Err(error),
    }
    let now = match root.read(path, max_bytes) {
        Ok(found) => Some(sha256(&found.bytes)),
        Err(BeneathError::Missing { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(if now == record.new_sha256 {
        DONE
    } else if now == record.old_sha256 {
        UNDONE
    } else {
        UNKNOWN
    })
}
