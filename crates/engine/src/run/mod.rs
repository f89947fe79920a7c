//! Runs: the processes at work, and what becomes of them.

mod act;
mod beats;
mod channel;
mod check;
mod command;
mod desk;
mod ending;
mod first_error;
mod follow;
mod jobs;
mod life;
mod log;
mod masks;
mod needs;
mod park;
#[cfg(test)]
mod park_tests;
mod reconcile;
mod refused;
mod sandbox;
mod spooled;
mod supervise;
#[cfg(test)]
mod supervise_tests;
mod tool;
mod tool_chain;
mod trial;

pub use act::{pause, resume, stop};
pub use beats::{Beat, Noticed, RunNotice};
pub use channel::{give_channels, let_speak, listen_for_channels, serve_channels};
pub(crate) use check::CheckSpec;
pub use command::register;
pub(crate) use command::{line, words_max};
pub use first_error::first_error;
pub(crate) use first_error::told_of;
pub use follow::{Follow, Read};
pub use jobs::Jobs;
pub use log::{Piece, read_piece, start_of_last_lines};
pub(crate) use reconcile::Runs;
#[cfg(test)]
pub(crate) use reconcile::{Left, RunAction, action_for};
pub use refused::refused_hosts;
pub(crate) use sandbox::{Place as SandboxPlace, limits_for, sandbox_for, sweep_homes};
pub use supervise::{FENCE, Supervisor};
pub(crate) use tool::{Program, each_output, run_to_end};
pub(crate) use tool_chain::ToolChains;
pub use trial::try_checks;

use std::path::PathBuf;

use hyperion_model::run::Run;
use hyperion_model::{Digest, Name, RunId};
use hyperion_policy::Redactor;

use self::spooled::Part;
use crate::repo::Opened;
use crate::{Cx, Error};

/// Gives the folder of a run: what it is, what it wrote, how it ended.
pub fn folder_of(cx: &Cx, id: RunId) -> PathBuf {
    cx.home.runs().join(id.to_string())
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
    let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    Ok(match Kept::of(cx, run)? {
        Kept::Spool(folder) => Some(spooled::tail(&folder, max_bytes)?),
        Kept::Bytes(mut bytes) => {
            let cut = bytes.len().saturating_sub(max_bytes);
            bytes.drain(..cut);
            Some((bytes, cut > 0))
        }
        Kept::Nothing => None,
    })
}

/// Gives how many bytes of a run's output there are, also of those that were not kept.
fn raw_size(cx: &Cx, run: &Run) -> Result<u64, Error> {
    Ok(match Kept::of(cx, run)? {
        Kept::Spool(folder) => spooled::size(&folder)?,
        Kept::Bytes(bytes) => bytes.len() as u64,
        Kept::Nothing => 0,
    })
}

/// Reads a run's output as it was written, from a byte on, with so much of what stands before it; none while there is none.
fn raw_from(
    cx: &Cx,
    run: &Run,
    start: u64,
    max_before: u64,
    max_bytes: u64,
) -> Result<Option<Part>, Error> {
    Ok(match Kept::of(cx, run)? {
        Kept::Spool(folder) => Some(spooled::part(&folder, start, max_before, max_bytes)?),
        Kept::Bytes(bytes) => {
            let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            let end = start.saturating_add(max_bytes);
            let is_last = end >= bytes.len() as u64;
            Some(Part {
                before: bytes[index(start.saturating_sub(max_before))..index(start)].to_vec(),
                bytes: bytes[index(start)..index(end)].to_vec(),
                gap_to: None,
                is_cut: is_last,
                is_last,
            })
        }
        Kept::Nothing => None,
    })
}

/// Where a run's output is.
enum Kept {
    /// In the spool of its shim, in this folder.
    Spool(PathBuf),
    /// In a log of the time before there were shims, or in its record: that of work inside the engine, or after its folder was purged.
    Bytes(Vec<u8>),
    Nothing,
}

impl Kept {
    fn of(cx: &Cx, run: &Run) -> Result<Self, Error> {
        let folder = folder_of(cx, run.id);
        if folder.join("spool").is_dir() {
            return Ok(Self::Spool(folder));
        }
        let log = folder.join("output.log");
        match std::fs::read(&log) {
            Ok(bytes) => return Ok(Self::Bytes(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(Error::Io {
                    what: log.display().to_string(),
                    source,
                });
            }
        }
        let kept = run.result.map(|digest| cx.store.blob(digest));
        Ok(kept
            .transpose()?
            .flatten()
            .map_or(Self::Nothing, Self::Bytes))
    }
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
