//! How a change stands to the branch that moved since it was made: it is merged before anybody is asked about it.

use hyperion_api::queue::{ConflictFile, ConflictHunk};
use hyperion_git::{MergeSides, Merged, Oid};
use hyperion_model::approval::Approval;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::machine::Machine as _;
use hyperion_model::request::Request;
use hyperion_model::{Name, Subject};

use crate::error::oid;
use crate::queue::conflict;
use crate::repo::Opened;
use crate::{Cx, Error};

/// The most conflicting places that are told; the change's own page has them all once it was tried.
const PLACES_MAX: usize = 8;
/// The most characters of one side of a place.
const SIDE_CHARS: usize = 120;

/// Says what merging a change with the branch as it is now comes to, one sentence each; nothing where its base is the tip.
///
/// `tree` is what the change makes of its base, and is there to be read.
pub(super) fn standing(
    cx: &Cx,
    opened: &Opened,
    set: &ChangeSet,
    branch: &Name,
    tip: &Oid,
    tree: &Oid,
) -> Result<Vec<String>, Error> {
    let base_commit = oid(&set.proposal.base_commit)?;
    let base = oid(&set.proposal.base_tree)?;
    // What stands on changes that are not on the branch yet can only be tried once they are.
    if base_commit == *tip || opened.git.tree_of(&base_commit)? != base {
        return Ok(Vec::new());
    }
    let behind = match opened.git.commits_since(tip, &base_commit)? {
        0 => format!("{branch} was moved back to before its base"),
        1 => format!("its base is 1 commit behind {branch}"),
        several => format!("its base is {several} commits behind {branch}"),
    };
    let ours = opened.git.tree_of(tip)?;
    let sides = MergeSides {
        base: &base,
        ours: &ours,
        theirs: tree,
        attributes: tip,
    };
    match opened.git.merge(&sides)? {
        Merged::Clean { tree } if tree == ours => Ok(vec![format!(
            "{behind}: merging it with {branch} as it is now changes nothing"
        )]),
        Merged::Clean { .. } => Ok(vec![format!("{behind}: it merges without conflict")]),
        Merged::Conflict(files) => {
            let (files, detail) = conflict::told(cx, opened, set, branch, tip, &files)?;
            let mut said = vec![format!(
                "conflicts: {detail}; {behind}, so it cannot land as it is"
            )];
            said.extend(
                files
                    .iter()
                    .flat_map(|file| places(file, branch))
                    .take(PLACES_MAX),
            );
            Ok(said)
        }
    }
}

/// Says what merging the change that a question is about comes to by now, where that is not what was said when it was asked.
///
/// Where it cannot be tried now (the repository is gone, for instance), nothing is added to the question.
pub fn since_asked(cx: &Cx, approval: &Approval) -> Vec<String> {
    tried_again(cx, approval).unwrap_or_else(|error| {
        tracing::debug!(approval = %approval.id, %error, "what it would merge to now is not known");
        Vec::new()
    })
}

fn tried_again(cx: &Cx, approval: &Approval) -> Result<Vec<String>, Error> {
    let Subject::ChangeSet(id) = approval.question.about else {
        return Ok(Vec::new());
    };
    let Some(set) = cx.store.get::<ChangeSet>(id)? else {
        return Ok(Vec::new());
    };
    let request = cx.store.get::<Request>(set.proposal.request)?;
    let (true, Some(request), Some(assessed)) = (approval.row().open, request, &set.assessed)
    else {
        return Ok(Vec::new());
    };
    let opened = cx.repos.open(cx, set.proposal.repo)?;
    let branch = &request.submission.branch;
    let tip = opened.tip(branch)?;
    let mut now = standing(cx, &opened, &set, branch, &tip, &oid(&assessed.tree)?)?;
    let said = crate::approval::document(cx, approval)?.map(|document| document.reasons);
    if now.is_empty() || said.is_some_and(|said| said.starts_with(&now)) {
        return Ok(Vec::new());
    }
    now.insert(0, format!("{branch} moved on since this was asked; now:"));
    Ok(now)
}

/// Words both sides of every place of a file.
fn places(file: &ConflictFile, branch: &Name) -> Vec<String> {
    if file.hunks.is_empty() {
        return vec![file.message.clone()];
    }
    let place = |hunk: &ConflictHunk| {
        format!(
            "{} ({}), line {}: it was {}; {branch} has {}; the change has {}",
            file.path,
            file.kind,
            hunk.line,
            side(&hunk.base),
            side(&hunk.ours),
            side(&hunk.theirs)
        )
    };
    file.hunks.iter().map(place).collect()
}

/// Words one side: its first line, and how many more there are.
fn side(text: &str) -> String {
    let mut lines = text.lines();
    let Some(first) = lines.next() else {
        return "nothing".to_owned();
    };
    let mut shown: String = first.chars().take(SIDE_CHARS).collect();
    if shown.len() < first.len() {
        shown.push('…');
    }
    match lines.count() {
        0 => format!("`{shown}`"),
        1 => format!("`{shown}` and 1 line more"),
        more => format!("`{shown}` and {more} lines more"),
    }
}

#[cfg(test)]
mod tests {
    use super::side;

    #[test]
    fn a_side_is_one_line_of_bounded_length() {
        assert_eq!(side(""), "nothing");
        assert_eq!(side("one\n"), "`one`");
        assert_eq!(side("one\ntwo\nthree\n"), "`one` and 2 lines more");
        assert_eq!(side(&"ä".repeat(500)).chars().count(), 120 + 3);
    }
}
