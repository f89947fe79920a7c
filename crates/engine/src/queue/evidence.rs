//! What is kept of an entry that could not land: both sides of every conflict, or the check's output.

use hyperion_analyze::{MAX_TREE_FILES, Tree};
use hyperion_api::change_request::{Failure, FailureCode};
use hyperion_api::queue::{Evidence, FoundError};
use hyperion_git::{Lane, Mode, Oid, TreePath};
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_model::run::Run;

use super::conflict;
use crate::error::oid;
use crate::repo::Opened;
use crate::{Cx, Error, run};

/// The most errors of a failed check that are kept.
const MAX_ERRORS: usize = 20;
/// How much of the end of a failed check's output is looked at.
const MAX_READ_BYTES: u64 = 4 * 1024 * 1024;

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
    let (conflicts, detail) = conflict::told(cx, opened, set, &entry.admission.branch, tip, files)?;
    let failure = Failure {
        entry_id: Some(entry.id.to_string()),
        task_id: set.proposal.task.to_string(),
        path: conflicts.first().map(|file| file.path.clone()),
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

/// Says why merging an entry changes nothing, with the commit that left nothing of it to land.
pub(super) fn of_nothing(
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    sets: &[ChangeSet],
    tip: &Oid,
) -> Result<String, Error> {
    let branch = &entry.admission.branch;
    for set in sets {
        let base = oid(&set.proposal.base_commit)?;
        for item in &set.proposal.items {
            for path in item.from_path.iter().chain([&item.path]) {
                let at = TreePath::from(path.as_str());
                if let Some(by) = conflict::cause(cx, opened, &base, tip, &at)? {
                    return Ok(format!(
                        "nothing is left of it to land: merging it with {branch} changes nothing since {:.10} ({}), which changed {path}",
                        by.commit, by.subject
                    ));
                }
            }
        }
    }
    Ok(format!(
        "nothing is left of it to land: merging it with {branch} changes nothing"
    ))
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
    let errors = errors_of(cx, opened, entry, run)?;
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
fn errors_of(cx: &Cx, opened: &Opened, entry: &Entry, run: &Run) -> Result<Vec<FoundError>, Error> {
    let Some((output, _)) = run::read_log(cx, run, MAX_READ_BYTES)? else {
        return Ok(Vec::new());
    };
    let lane = Lane::folder_of(
        &run::lanes(cx, opened),
        run::lane_of(opened, &entry.admission.branch),
    );
    let tree = match &entry.candidate {
        Some(candidate) => Some(Tree::of(paths(opened, &oid(&candidate.tree)?)?)),
        None => None,
    };
    let analysis = hyperion_analyze::output(&hyperion_analyze::Output {
        bytes: output.as_bytes(),
        exit_code: run.exit_code,
        command: None,
        folder: lane.to_str(),
        tree: tree.as_ref(),
    });
    let told = analysis
        .errors
        .into_iter()
        .take(MAX_ERRORS)
        .map(run::told_of);
    Ok(told.collect())
}

/// Lists the files of a tree, as far as their names are text and an analysis looks at so many.
fn paths(opened: &Opened, tree: &Oid) -> Result<Vec<String>, Error> {
    let mut folders = vec![(String::new(), tree.clone())];
    let mut paths = Vec::new();
    while let Some((above, tree)) = folders.pop() {
        for entry in opened.git.read_tree(&tree)? {
            let Ok(name) = String::from_utf8(entry.name) else {
                continue;
            };
            let path = format!("{above}{name}");
            match entry.mode {
                Mode::Tree => folders.push((format!("{path}/"), entry.oid)),
                Mode::File | Mode::Executable | Mode::Symlink => paths.push(path),
                Mode::Submodule => {}
            }
        }
        if paths.len().max(folders.len()) > MAX_TREE_FILES {
            break;
        }
    }
    Ok(paths)
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
