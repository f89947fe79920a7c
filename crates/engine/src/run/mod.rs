//! Runs: the processes at work, and what becomes of them.

mod channel;
mod check;
mod jobs;
mod log;
mod masks;
mod needs;
mod sandbox;
mod trial;

pub use channel::{
    Refused, give_channels, let_speak, listen_for_channels, refused, serve_channels,
};
pub(crate) use check::{CheckSpec, Checks, RUN_MARK};
#[cfg(test)]
pub(crate) use check::{RunAction, action_for};
pub use jobs::Jobs;
pub use log::{Piece, read_piece, start_of_last_lines};
pub(crate) use sandbox::sweep_homes;
pub use trial::try_checks;

use std::path::PathBuf;

use hyperion_model::run::Run;
use hyperion_model::{Digest, Name, RunId};
use hyperion_policy::Redactor;

use crate::repo::Opened;
use crate::{Cx, Error};

/// Gives the file that a run's output goes to.
pub fn log_path(cx: &Cx, id: RunId) -> PathBuf {
    cx.home.runs().join(id.to_string()).join("output.log")
}

/// How many lanes a repository has besides that of its own branch.
const OTHER_LANES: u16 = 32;

/// Gives the lane in which the checks of a branch run, one after the other.
///
/// The repository's branch has one to itself, and so have the others as long as there are few; two that share one wait for
/// each other. Which it is follows from the name, so that a lane stays warm.
pub(crate) fn lane_of(opened: &Opened, branch: &Name) -> u16 {
    lane_beside(&opened.repo.branch, branch)
}

fn lane_beside(own: &Name, branch: &Name) -> u16 {
    if own == branch {
        return 0;
    }
    let digest = Digest::of(branch.as_str().as_bytes());
    let [first, second, ..] = *digest.as_bytes();
    1 + u16::from_be_bytes([first, second]) % OTHER_LANES
}

/// Gives the folder that a repository's lanes are in.
pub(crate) fn lanes(cx: &Cx, opened: &Opened) -> PathBuf {
    let id = opened.repo.id.to_string();
    cx.home.cache().join("lanes").join(id)
}

/// How much before the end that is wanted is read, too: a secret is known by how it begins.
const BEFORE_BYTES: u64 = 256 * 1024;

/// Gives the end of what a process wrote, from the beginning of a line on, without its secrets; about `keep` bytes of it.
///
/// What comes before is looked at as well, so that nothing of a secret shows whose beginning is cut off.
pub(crate) fn end_of(redactor: &Redactor, bytes: &[u8], keep: usize) -> String {
    let line_after = |at: usize| {
        let rest = bytes.get(at..)?;
        let line = at + rest.iter().position(|byte| *byte == b'\n')? + 1;
        (line < bytes.len()).then_some(line)
    };
    let line_before = |at: usize| {
        let line = bytes.get(..at)?.iter().rposition(|byte| *byte == b'\n');
        line.map(|at| at + 1)
    };
    let from = match bytes.len().saturating_sub(keep) {
        0 => 0,
        at => line_after(at - 1).or_else(|| line_before(at)).unwrap_or(0),
    };
    let (before, shown) = bytes.split_at(from);
    let mut stream = redactor.stream();
    // Nobody sees it.
    let _ = stream.push_bytes(before);
    let mut text = stream.push_bytes(shown);
    text.push_str(&stream.finish());
    text
}

/// Reads the end of a run's output without its secrets, and whether its beginning is left out; none while there is none.
pub fn read_log(cx: &Cx, run: &Run, max_bytes: u64) -> Result<Option<(String, bool)>, Error> {
    let keep = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    let read = read_raw(cx, run, max_bytes.saturating_add(BEFORE_BYTES))?;
    Ok(read.map(|(bytes, truncated)| {
        let text = end_of(&cx.redactor, &bytes, keep);
        (text, truncated || bytes.len() > keep)
    }))
}

fn read_raw(cx: &Cx, run: &Run, max_bytes: u64) -> Result<Option<(Vec<u8>, bool)>, Error> {
    let start = raw_size(cx, run)?.saturating_sub(max_bytes);
    let read = raw_from(cx, run, start, max_bytes)?;
    Ok(read.map(|(bytes, _)| (bytes, start > 0)))
}

/// Gives how many bytes of a run's output there are.
fn raw_size(cx: &Cx, run: &Run) -> Result<u64, Error> {
    Ok(raw_from(cx, run, 0, 0)?.map_or(0, |(_, size)| size))
}

/// Reads a run's output as it was written, from a byte on, and says how many bytes there are in all; none while there is none.
fn raw_from(
    cx: &Cx,
    run: &Run,
    start: u64,
    max_bytes: u64,
) -> Result<Option<(Vec<u8>, u64)>, Error> {
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
            return Ok(kept.map(|bytes| {
                let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                let part = &bytes[index(start)..index(start.saturating_add(max_bytes))];
                (part.to_vec(), bytes.len() as u64)
            }));
        }
        Err(error) => return Err(failed(error)),
    };
    let size = file.metadata().map_err(failed)?.len();
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(max_bytes)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(Some((bytes, size)))
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

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = concat!("ghp_", "kX9vQ2mZ7rT4wB8nL5cJ1hG6dF3sP0yAeRuV");

    // C8: wherever somebody asks for an end to begin, no piece of a secret shows; and it begins with a line.
    #[test]
    fn the_end_of_an_output_shows_no_piece_of_a_secret() {
        let redactor = Redactor::default();
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n\
                   QyNTUxOQAAACBq1Fxm2fY6b1kQ5mC4xk2Yt7p0l8w3JrUoVQnXo6kPzAAAAJg6ZkqJOmZK\n-----END OPENSSH PRIVATE KEY-----\n";
        let output = format!("first\ntoken {TOKEN}\nbetween\n{key}last line\n");
        for keep in 1..=output.len() + 1 {
            let shown = end_of(&redactor, output.as_bytes(), keep);
            assert!(shown.ends_with("last line\n"), "{keep}: {shown}");
            for piece in ["qrstuvABCD", "QyNTUxOQ", "OmZK", "Zm2fY6b"] {
                assert!(!shown.contains(piece), "{keep}: {shown}");
            }
            let first = shown.lines().next().unwrap();
            let begins = ["first", "token ", "between", "[redacted", "last line"];
            assert!(
                begins.iter().any(|line| first.starts_with(line)),
                "{keep}: {shown}"
            );
        }
        assert_eq!(end_of(&redactor, b"", 10), "");
        assert_eq!(end_of(&redactor, b"no end", 3), "no end");
        assert_eq!(end_of(&redactor, b"a\nlong line\n", 3), "long line\n");
    }
}
