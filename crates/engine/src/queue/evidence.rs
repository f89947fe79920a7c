//! What is kept of an entry that could not land: both sides of every conflict, or the check's output.

use hyperion_api::change_request::{Failure, FailureCode};
use hyperion_api::queue::{CausedBy, ConflictFile, ConflictHunk, Evidence, FoundError};
use hyperion_git::{ConflictSide, Lane, Mode, Oid, TreePath};
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_model::run::Run;
use hyperion_patch::{Merge, merge3};

use crate::error::oid;
use crate::repo::Opened;
use crate::{Cx, Error, run};

/// The most conflicting files whose hunks are kept.
const MAX_FILES: usize = 50;
/// The most conflicting places of one file that are kept.
const MAX_HUNKS: usize = 50;
/// The most bytes of one side of a conflicting place that are kept.
const MAX_SIDE_BYTES: usize = 8 * 1024;
/// The most errors of a failed check that are kept.
const MAX_ERRORS: usize = 20;
/// How much of the end of a failed check's output is looked at.
const MAX_READ_BYTES: u64 = 4 * 1024 * 1024;
/// How far back the commit on the other side is looked for.
const MAX_HISTORY: usize = 500;

/// Reads the evidence of an entry; none when there is none, or it was purged.
pub fn read(cx: &Cx, entry: &Entry) -> Result<Option<Evidence>, Error> {
    match entry.evidence {
        Some(digest) => cx.read_json(digest),
        None => Ok(None),
    }
}

/// Collects both sides of every conflict, and the landed change that caused it.
pub(super) fn of_conflict(
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    set: &ChangeSet,
    tip: &Oid,
    files: &[hyperion_git::ConflictFile],
) -> Result<(Evidence, String), Error> {
    let base_commit = oid(&set.proposal.base_commit)?;
    let mut conflicts = Vec::new();
    for file in files.iter().take(MAX_FILES) {
        conflicts.push(ConflictFile {
            path: file.path.to_string(),
            kind: file.kind.clone(),
            message: file.message.clone(),
            hunks: hunks(cx, opened, file)?,
            caused_by: cause(cx, opened, &base_commit, tip, &file.path)?,
        });
    }
    let paths: Vec<_> = files
        .iter()
        .take(3)
        .map(|file| file.path.to_string())
        .collect();
    let more = files.len().saturating_sub(paths.len());
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let by = conflicts.iter().find_map(|file| file.caused_by.as_ref());
    let by = by
        .map(|by| format!(", changed meanwhile by {:.10} ({})", by.commit, by.subject))
        .unwrap_or_default();
    let detail = format!(
        "it conflicts with {} in {}{more}{by}",
        entry.admission.branch,
        paths.join(", ")
    );
    let failure = Failure {
        entry_id: Some(entry.id.to_string()),
        task_id: set.proposal.task.to_string(),
        path: paths.first().cloned(),
        code: FailureCode::Conflict,
        detail: detail.clone(),
        exit_code: None,
        stdout_ref: None,
        stderr_ref: None,
    };
    let evidence = Evidence {
        kind: "conflict".to_owned(),
        failure,
        conflicts,
        errors: Vec::new(),
        output_tail: None,
    };
    Ok((evidence, detail))
}

fn hunks(
    cx: &Cx,
    opened: &Opened,
    file: &hyperion_git::ConflictFile,
) -> Result<Vec<ConflictHunk>, Error> {
    let read = |side: &Option<ConflictSide>| match side {
        Some(ConflictSide {
            mode: Mode::File | Mode::Executable,
            oid,
        }) => opened
            .git
            .read_blob(oid, crate::Sizes::ACCEPTED.max_file_bytes)
            .map(Some),
        Some(_) | None => Ok(None),
    };
    let (Some(base), Some(ours), Some(theirs)) =
        (read(&file.base)?, read(&file.ours)?, read(&file.theirs)?)
    else {
        return Ok(Vec::new());
    };
    let Merge::Conflict { conflicts, .. } = merge3(&base, &ours, &theirs) else {
        return Ok(Vec::new());
    };
    let text = |bytes: &[u8]| {
        let kept = bytes
            .get(..MAX_SIDE_BYTES.min(bytes.len()))
            .unwrap_or_default();
        cx.redactor
            .redact(&String::from_utf8_lossy(kept))
            .into_owned()
    };
    Ok(conflicts
        .iter()
        .take(MAX_HUNKS)
        .map(|hunk| ConflictHunk {
            line: u32::try_from(hunk.line).unwrap_or(u32::MAX),
            base: text(&hunk.base),
            ours: text(&hunk.ours),
            theirs: text(&hunk.theirs),
        })
        .collect())
}

/// Finds the latest commit on the branch since the base that changed a path.
fn cause(
    cx: &Cx,
    opened: &Opened,
    base: &Oid,
    tip: &Oid,
    path: &TreePath,
) -> Result<Option<CausedBy>, Error> {
    for commit in opened.git.log(tip, MAX_HISTORY)? {
        if commit.oid == *base {
            break;
        }
        let Some(parent) = commit.parents.first() else {
            break;
        };
        let now = opened.git.lookup(&commit.oid, path)?.map(|entry| entry.oid);
        let before = opened.git.lookup(parent, path)?.map(|entry| entry.oid);
        if now == before {
            continue;
        }
        let trailer = commit
            .message
            .lines()
            .find_map(|line| line.strip_prefix("Hyperion-Entry: "))
            .and_then(|id| id.trim().parse().ok());
        // A trailer is for people: only an entry that is in the log counts.
        let entry = match trailer {
            Some(id) => cx.store.get::<Entry>(id)?.map(|entry| entry.id.to_string()),
            None => None,
        };
        return Ok(Some(CausedBy {
            commit: commit.oid.to_string(),
            subject: cx.redactor.redact(commit.subject()).into_owned(),
            author: commit.author.name.clone(),
            entry_id: entry,
        }));
    }
    Ok(None)
}

/// Collects how a check failed.
pub(super) fn of_check(
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    task: &str,
    name: &str,
    run: &Run,
) -> Result<(Evidence, String), Error> {
    let tail = match run.result {
        Some(digest) => cx.read_text(digest)?.unwrap_or_default(),
        None => String::new(),
    };
    let why = run
        .reason
        .as_ref()
        .map_or("it failed", |reason| reason.as_str());
    let errors = errors_of(cx, opened, run)?;
    let first = errors.first().and_then(first_cause).unwrap_or_default();
    let detail = format!("check {name:?} failed on the merged result: {why}{first}");
    let failure = Failure {
        entry_id: Some(entry.id.to_string()),
        task_id: task.to_owned(),
        path: errors.first().and_then(|error| error.path.clone()),
        code: FailureCode::CheckFailed,
        detail: detail.clone(),
        exit_code: run.exit_code,
        stdout_ref: Some(format!("run:{}", run.id)),
        stderr_ref: None,
    };
    let evidence = Evidence {
        kind: "check".to_owned(),
        failure,
        conflicts: Vec::new(),
        errors,
        output_tail: Some(tail),
    };
    Ok((evidence, detail))
}

/// Reads what is wrong from a check's output; nothing of it when the output is gone.
fn errors_of(cx: &Cx, opened: &Opened, run: &Run) -> Result<Vec<FoundError>, Error> {
    let Some((output, _)) = run::read_log(cx, run, MAX_READ_BYTES)? else {
        return Ok(Vec::new());
    };
    let lane = Lane::folder_of(&run::lanes(cx, opened), run::LANE);
    let analysis = hyperion_analyze::output(&hyperion_analyze::Output {
        bytes: output.as_bytes(),
        exit_code: run.exit_code,
        command: None,
        folder: lane.to_str(),
    });
    let told = analysis.errors.into_iter().take(MAX_ERRORS).map(|error| {
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
    });
    Ok(told.collect())
}

/// Words where it went wrong first; none where the output does not say where.
fn first_cause(error: &FoundError) -> Option<String> {
    let path = error.path.as_deref()?;
    let line = error
        .line
        .map(|line| format!(":{line}"))
        .unwrap_or_default();
    Some(format!("; {path}{line}: {}", error.message))
}

/// Says why what would land is not what was judged.
pub(super) fn of_policy(entry: &Entry, set: &ChangeSet, why: &str) -> (Evidence, String) {
    let detail = why.to_owned();
    let failure = Failure {
        entry_id: Some(entry.id.to_string()),
        task_id: set.proposal.task.to_string(),
        path: None,
        code: FailureCode::PermissionDenied,
        detail: detail.clone(),
        exit_code: None,
        stdout_ref: None,
        stderr_ref: None,
    };
    let evidence = Evidence {
        kind: "policy".to_owned(),
        failure,
        conflicts: Vec::new(),
        errors: Vec::new(),
        output_tail: None,
    };
    (evidence, detail)
}
