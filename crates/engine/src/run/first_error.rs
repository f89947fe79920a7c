//! What a run failed of, by its output.

use hyperion_analyze::ErrorKind;
use hyperion_api::queue::FoundError;
use hyperion_model::run::{Run, Status};
use hyperion_shim::{End, Found, look, read_spec};
use serde::Deserialize;

use super::{folder_of, read_log};
use crate::{Cx, Error};

/// How much of the output is read.
const MAX_READ_BYTES: u64 = 4 * 1024 * 1024;

/// The command as a person gave it.
#[derive(Debug, Default, Deserialize)]
struct Told {
    #[serde(default)]
    command: Option<String>,
}

/// Finds the first cause in what a run wrote that did not do its work; none where the output does not tell.
pub fn first_error(cx: &Cx, run: &Run) -> Result<Option<FoundError>, Error> {
    let exit_code = match run.status {
        Status::Failed | Status::Killed => run.exit_code,
        status if status.is_open() => match look(&folder_of(cx, run.id)) {
            // It has ended, and the engine has not put that on record yet.
            Ok(Found::Ended(ended)) => match ended.end {
                End::Exited { code: 0 } => return Ok(None),
                End::Exited { code } => Some(code),
                End::Signalled { .. } | End::Limit { .. } | End::Stopped => None,
                End::NotStarted { .. } => return Ok(None),
            },
            Ok(Found::NotStarted | Found::Live { .. } | Found::Dead) | Err(_) => return Ok(None),
        },
        _ => return Ok(None),
    };
    let Some((output, _)) = read_log(cx, run, MAX_READ_BYTES)? else {
        return Ok(None);
    };
    if output.trim().is_empty() {
        return Ok(None);
    }
    let told: Told = cx.read_json(run.spec).ok().flatten().unwrap_or_default();
    // The folder it was started in: of a check, that is a lane.
    let spec = read_spec(&folder_of(cx, run.id)).ok();
    let analysis = hyperion_analyze::output(&hyperion_analyze::Output {
        bytes: output.as_bytes(),
        exit_code,
        command: told.command.as_deref(),
        folder: spec.as_ref().and_then(|spec| spec.cwd.to_str()),
        tree: None,
    });
    let first = analysis.errors.into_iter().next();
    // A last line that tells of nothing known is no cause.
    let first = first.filter(|error| error.kind != ErrorKind::Unknown || error.place.is_some());
    Ok(first.map(told_of))
}

/// Says it as the API does.
pub(crate) fn told_of(error: hyperion_analyze::FoundError) -> FoundError {
    let (path, line, column) = match error.place {
        Some(place) => (Some(place.file), place.line, place.column),
        None => (None, None, None),
    };
    FoundError {
        kind: error.kind.name().to_owned(),
        message: error.message,
        path,
        line,
        column,
        error_code: error.code,
        test: error.test,
        advice: error.advice.map(|advice| advice.what),
    }
}
