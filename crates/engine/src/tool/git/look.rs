//! What the git server shows: status, differences, history.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::time::{Duration, SystemTime};

use hyperion_api::tool::git::{
    Branch, Diff, DiffResult, Log, LogEntry, LogResult, OtherClone, StatusEntry, StatusResult,
};
use hyperion_git::{FileState, Oid, TreePath};
use hyperion_model::Time;
use hyperion_policy::Access;

use super::CloneCall;
use crate::tool::clones::{Clones, LOOK_BACK, OpenClone, is_agents, unusable, used_at};
use crate::{Cx, Error};

/// The most files that one status lists.
const FILES_MAX: usize = 1000;
/// The most files of which a difference is shown.
const DIFF_FILES_MAX: usize = 500;
/// The most bytes of a difference.
const DIFF_MAX_BYTES: usize = 256 * 1024;
/// How many lines are shown around a change, and how many are all of a file.
const LINES_AROUND: u32 = 3;
const WHOLE_FILE: u32 = 100_000_000;
/// The shortest line of a key.
const LONG_WORD: usize = 16;
/// How many commits are listed unless told otherwise, and at most.
const LOG_DEFAULT: u32 = 20;
const LOG_MAX: u32 = 200;
/// The most bytes of the text of one commit, below its subject.
const BODY_MAX_BYTES: usize = 4096;
/// The most other clones that are named.
const OTHERS_MAX: usize = 20;
/// A clone that was not used for so long was left by somebody.
const LEFT_AFTER: Duration = Duration::from_secs(86_400);

/// Names clones of the same repository that somebody left.
pub(super) fn others(cx: &Cx, clones: &Clones, own: &OpenClone) -> Result<Vec<OtherClone>, Error> {
    let now = SystemTime::from(cx.now());
    let mut others = Vec::new();
    for clone in clones.of(cx, own.note.repo)? {
        let Some(used) = used_at(cx, clone.id).filter(|_| clone.id != own.id) else {
            continue;
        };
        let is_left = now.duration_since(used).is_ok_and(|age| age > LEFT_AFTER);
        if is_left && others.len() < OTHERS_MAX {
            others.push(OtherClone {
                clone: clone.id.to_string(),
                folder: clone.work.clone(),
                used_at: Time::try_from(used).map_or_else(|_| String::new(), |at| at.to_string()),
            });
        }
    }
    Ok(others)
}

pub(super) fn status(
    at: &CloneCall<'_>,
    other_clones: Vec<OtherClone>,
) -> Result<StatusResult, Error> {
    let git = &at.clone.git;
    // Looking at all files takes longest: branches are looked at meanwhile.
    let (states, head, branches) = std::thread::scope(|scope| {
        let states = scope.spawn(|| git.states());
        let (head, branches) = (git.head(), branches(at));
        let states = states.join().unwrap_or_else(|panic| resume_unwind(panic));
        (states, head, branches)
    });
    let (states, (head, commit), branches) = (states.map_err(unusable)?, head?, branches?);
    let left_out = states.len().saturating_sub(FILES_MAX);
    let files = states.iter().take(FILES_MAX).map(|state| StatusEntry {
        path: at.oversight.shown(state.path.to_string()),
        staged: state.staged.map(word),
        unstaged: state.unstaged.map(word),
    });
    Ok(StatusResult {
        folder: at.clone.work.clone(),
        clone: at.clone.id.to_string(),
        branch: head.short().to_owned(),
        head: commit.to_string(),
        target: at.clone.note.branch.to_string(),
        target_tip: at.target.to_string(),
        files: files.collect(),
        files_left_out: left_out as u64,
        branches,
        other_clones,
    })
}

fn branches(at: &CloneCall<'_>) -> Result<Vec<Branch>, Error> {
    let mut branches = Vec::new();
    for (name, tip) in at.clone.git.branches()? {
        let ahead = own_commits(at, &tip)?;
        let request = at.clone.request_of(at.cx, &tip)?;
        branches.push(Branch {
            name: name.short().to_owned(),
            commit: tip.to_string(),
            ahead: u32::try_from(ahead.len()).unwrap_or(u32::MAX),
            request: request.map(|request| request.id.to_string()),
        });
    }
    Ok(branches)
}

fn word(letter: char) -> String {
    match letter {
        'A' => "added",
        'M' => "modified",
        'D' => "deleted",
        'T' => "type_changed",
        '?' => "untracked",
        'U' => "unmerged",
        other => return other.to_string(),
    }
    .to_owned()
}

pub(super) fn diff(at: &CloneCall<'_>, wanted: &Diff) -> Result<DiffResult, Error> {
    let states = at.clone.git.states().map_err(unusable)?;
    let differs = |state: &&FileState| match wanted.staged {
        true => state.staged.is_some(),
        false => state.unstaged.is_some_and(|letter| letter != '?'),
    };
    let untracked = states.iter().filter(|state| state.unstaged == Some('?'));
    let untracked = untracked.count() as u64;
    let (mut shown, mut files, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for state in states.iter().filter(differs) {
        let name = at.oversight.shown(state.path.to_string());
        let is_denied = match state.path.as_str() {
            Some(path) => at.denied(path, Access::Read).is_some(),
            None => true,
        };
        if is_denied || shown.len() >= DIFF_FILES_MAX {
            left_out.push(name);
        } else {
            shown.push(state.path.clone());
            files.push(name);
        }
    }
    let more = left_out.len().saturating_sub(FILES_MAX);
    left_out.truncate(FILES_MAX);
    let diff = |lines_around| {
        let git = &at.clone.git;
        let made = git.diff(wanted.staged, lines_around, &shown);
        let text = made.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        text.map_err(unusable)
    };
    let text = diff(LINES_AROUND)?;
    let text = if has_long_word(&text) {
        let whole = diff(WHOLE_FILE)?;
        masked_as(&text, &whole, &at.oversight.shown_diff(&whole))
    } else {
        text
    };
    // Masked before it is cut, so that no half of a secret is left.
    let text = at.oversight.shown_diff(&text);
    let (diff, truncated) = cut(text, DIFF_MAX_BYTES);
    Ok(DiffResult {
        staged: wanted.staged,
        diff,
        truncated: truncated || more > 0,
        files,
        left_out,
        untracked,
    })
}

/// Tells whether a line could be one of a secret of several lines.
fn has_long_word(diff: &str) -> bool {
    let is_of_a_word = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=');
    let words = diff.as_bytes().split(|c| !is_of_a_word(c));
    words.into_iter().any(|word| word.len() >= LONG_WORD)
}

/// Masks those lines of a diff that are masked where their whole file is shown: a hunk can begin in the middle of a key.
fn masked_as(diff: &str, whole: &str, masked: &str) -> String {
    let body = |line: &'_ str| line.get(1..).map(str::to_owned).unwrap_or_default();
    let pairs = whole.split('\n').zip(masked.split('\n'));
    let hidden: BTreeMap<String, String> = pairs
        .filter(|(is, shown)| is != shown)
        .map(|(is, shown)| (body(is), body(shown)))
        .collect();
    if hidden.is_empty() {
        return diff.to_owned();
    }
    let lines = diff.split('\n').map(|line| {
        // Behind a hunk's numbers git gives a line of the file, any that it takes for a heading.
        if let Some((numbers, _)) = line
            .strip_prefix("@@ ")
            .and_then(|rest| rest.split_once(" @@"))
        {
            return format!("@@ {numbers} @@");
        }
        match (line.get(..1), hidden.get(&body(line))) {
            (Some(sign), Some(shown)) => format!("{sign}{shown}"),
            _ => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Cuts a text behind a line.
fn cut(mut text: String, max_bytes: usize) -> (String, bool) {
    if text.len() <= max_bytes {
        return (text, false);
    }
    let mut at = max_bytes;
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let at = text
        .get(..at)
        .and_then(|kept| kept.rfind('\n'))
        .map_or(at, |line| line + 1);
    text.truncate(at);
    (text, true)
}

pub(super) fn log(at: &CloneCall<'_>, wanted: &Log) -> Result<LogResult, Error> {
    let limit = wanted.limit.unwrap_or(LOG_DEFAULT).clamp(1, LOG_MAX) as usize;
    let (branch, tip) = at.clone.git.head()?;
    let own = own_commits(at, &tip)?;
    let mut commits = at.opened.git.log(&tip, limit + 1)?;
    let more = commits.len() > limit;
    commits.truncate(limit);
    let commits = commits.into_iter().map(|commit| {
        let (subject, body) = commit
            .message
            .split_once('\n')
            .unwrap_or((&commit.message, ""));
        let body = at.oversight.shown(body.trim().to_owned());
        let time = Time::from_second(commit.author.seconds);
        LogEntry {
            own: own.contains(&commit.oid),
            commit: commit.oid.to_string(),
            author: at.oversight.shown(commit.author.name.clone()),
            time: time.map_or_else(|_| String::new(), |time| time.to_string()),
            subject: at.oversight.shown(subject.to_owned()),
            body: cut(body, BODY_MAX_BYTES).0,
        }
    });
    Ok(LogResult {
        branch: branch.short().to_owned(),
        commits: commits.collect(),
        more,
    })
}

/// The commits of a branch that the target branch does not have, newest first; of very many, some.
pub(super) fn own_commits(at: &CloneCall<'_>, tip: &Oid) -> Result<Vec<Oid>, Error> {
    let git = &at.opened.git;
    if git.is_ancestor(tip, &at.target)? {
        return Ok(Vec::new());
    }
    let base = git.merge_base(tip, &at.target)?;
    let commits = git.log(tip, LOOK_BACK)?;
    let own = commits
        .into_iter()
        .map(|commit| commit.oid)
        .take_while(|commit| Some(commit) != base.as_ref());
    Ok(own.collect())
}

/// Tells whether a branch is one that an agent may change, in words for whoever asked.
pub(super) fn require_agents(branch: &str, what: &str) -> Result<(), hyperion_api::Problem> {
    if is_agents(branch) {
        return Ok(());
    }
    let detail = format!("{what} is for agent/ branches alone, and this is {branch}");
    Err(hyperion_api::Problem::new("git.branch", detail)
        .hint("make one with createBranch, named agent/<ticket>-<slug>: what is not committed comes along"))
}

/// Names paths for a note, of many the first.
pub(super) fn names(paths: &[TreePath], max: usize) -> Vec<String> {
    paths.iter().take(max).map(ToString::to_string).collect()
}
