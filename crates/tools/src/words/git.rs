//! What the git tools answer, in words: for agents that read text.

use std::fmt::Write as _;

use hyperion_api::tool::git::{
    AddResult, BranchResult, CommitResult, DiffResult, HandedIn, LogResult, ResetResult,
    StatusResult,
};

/// How many files a text names.
const NAMED_MAX: usize = 200;
/// How much of an id a text names.
const ID_CHARS: usize = 12;

/// Tells what differs from the last commit.
pub fn status(status: &StatusResult) -> String {
    let mut text = format!(
        "On {} at {:.ID_CHARS$}; the files are in {}. Work lands on {}.\n",
        status.branch, status.head, status.folder, status.target
    );
    for file in status.files.iter().take(NAMED_MAX) {
        let staged = file
            .staged
            .as_deref()
            .map(|word| format!("{word}, to be committed"));
        let unstaged = file.unstaged.as_deref().map(str::to_owned);
        let what: Vec<_> = staged.into_iter().chain(unstaged).collect();
        let _ = writeln!(text, "{}: {}", file.path, what.join("; then "));
    }
    let more = status.files.len().saturating_sub(NAMED_MAX) as u64 + status.files_left_out;
    if more > 0 {
        let _ = writeln!(text, "And {more} more.");
    }
    if status.files.is_empty() {
        text.push_str("Everything is as it was committed.\n");
    }
    for branch in &status.branches {
        let _ = write!(text, "Branch {}, {} ahead", branch.name, branch.ahead);
        match &branch.request {
            Some(request) => {
                let _ = writeln!(text, ", handed in as request {request}");
            }
            None => text.push('\n'),
        }
    }
    for other in &status.other_clones {
        let _ = writeln!(
            text,
            "Clone {} was not used since {}: it may hold work that was not handed in.",
            other.clone, other.used_at
        );
    }
    text
}

/// Gives a diff, and what is left out of it.
pub fn diff(diff: &DiffResult) -> String {
    let mut text = String::new();
    if diff.files.is_empty() && diff.left_out.is_empty() {
        text.push_str("Nothing differs.\n");
    }
    if !diff.left_out.is_empty() {
        let named: Vec<_> = diff.left_out.iter().take(20).map(String::as_str).collect();
        let _ = writeln!(text, "Not shown: {}", named.join(", "));
    }
    if diff.untracked > 0 && !diff.staged {
        let _ = writeln!(
            text,
            "{} new files are in no diff before they are added.",
            diff.untracked
        );
    }
    text.push_str(&diff.diff);
    if diff.truncated {
        text.push_str("[cut here: read the other files instead]\n");
    }
    text
}

/// Lists commits.
pub fn log(log: &LogResult) -> String {
    let mut text = format!("{}:\n", log.branch);
    for commit in &log.commits {
        let mark = if commit.own { "*" } else { " " };
        let _ = writeln!(
            text,
            "{mark} {:.ID_CHARS$} {} {}: {}",
            commit.commit, commit.time, commit.author, commit.subject
        );
    }
    if log.more {
        text.push_str("There are more: give a higher limit.\n");
    }
    text
}

/// Tells on which branch the work goes on.
pub fn switched(switched: &BranchResult) -> String {
    format!("On {} at {:.ID_CHARS$}.", switched.branch, switched.head)
}

/// Tells what will be committed.
pub fn added(added: &AddResult) -> String {
    let mut text = format!("Added {} files.\n", added.count);
    for path in added.added.iter().take(NAMED_MAX) {
        let _ = writeln!(text, "{path}");
    }
    for path in added.protected.iter().take(NAMED_MAX) {
        let _ = writeln!(
            text,
            "{path} is protected: an admin has to approve a change of it."
        );
    }
    for left in added.left_out.iter().take(NAMED_MAX) {
        let _ = writeln!(text, "Not added: {}: {}", left.path, left.reason);
    }
    text
}

/// Tells of a commit that was made.
pub fn committed(made: &CommitResult) -> String {
    format!(
        "Committed {:.ID_CHARS$} on {}: {} ({} files). `push` hands the branch in.",
        made.commit, made.branch, made.subject, made.files
    )
}

/// Tells of a file that is as it was.
pub fn reset(reset: &ResetResult) -> String {
    if reset.restored {
        format!("{} is as it was committed.", reset.path)
    } else {
        format!(
            "{} is not part of the next commit; the file stays.",
            reset.path
        )
    }
}

/// Tells which request a branch became.
pub fn handed_in(handed: &HandedIn) -> String {
    let again = if handed.again {
        "was handed in before"
    } else {
        "is handed in"
    };
    let mut text = format!(
        "{} at {:.ID_CHARS$} {again}, as request {} ({}).\n",
        handed.branch, handed.commit, handed.request, handed.status
    );
    if let Some(approval) = &handed.approval {
        let _ = writeln!(text, "It waits for approval {approval}: a person decides.");
    }
    let _ = writeln!(text, "A person sees it with `{}`.", handed.look);
    text
}
