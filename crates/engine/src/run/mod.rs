//! Runs: the processes at work, and what becomes of them.

mod check;
mod jobs;

pub(crate) use check::{CheckSpec, Checks};
#[cfg(test)]
pub(crate) use check::{Fate, fate};
pub use jobs::Jobs;

use std::path::PathBuf;

use hyperion_model::RunId;
use hyperion_model::run::Run;

use crate::repo::Opened;
use crate::{Cx, Error};

/// Gives the file that a run's output goes to.
pub fn log_path(cx: &Cx, id: RunId) -> PathBuf {
    cx.home.runs().join(id.to_string()).join("output.log")
}

/// Which of a repository's lanes checks use: one after the other.
pub(crate) const LANE: u16 = 0;

/// Gives the folder that a repository's lanes are in.
pub(crate) fn lanes(cx: &Cx, opened: &Opened) -> PathBuf {
    let id = opened.repo.id.to_string();
    cx.home.cache().join("lanes").join(id)
}

/// Reads the end of a run's output, and whether its beginning is left out; none while there is none.
pub fn read_log(cx: &Cx, run: &Run, max_bytes: u64) -> Result<Option<(Vec<u8>, bool)>, Error> {
    use std::io::{Read as _, Seek as _, SeekFrom};

    let path = log_path(cx, run.id);
    let failed = |source| Error::Io {
        what: path.display().to_string(),
        source,
    };
    let mut file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // Scripted agents and runs whose log was purged: the record keeps the end.
            let kept = run
                .result
                .map(|digest| cx.store.blob(digest))
                .transpose()?
                .flatten();
            return Ok(kept.map(|bytes| (bytes, false)));
        }
        Err(error) => return Err(failed(error)),
    };
    let size = file.metadata().map_err(failed)?.len();
    let start = size.saturating_sub(max_bytes);
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(max_bytes)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(Some((bytes, start > 0)))
}

/// Says what a run works at, in one line.
pub fn title(cx: &Cx, run: &Run) -> Result<String, Error> {
    let spec: Option<serde_json::Value> = cx.read_json(run.spec)?;
    let field = if run.work.kind() == "check" {
        "command"
    } else {
        "title"
    };
    Ok(spec
        .and_then(|spec| spec[field].as_str().map(str::to_owned))
        .unwrap_or_default())
}
