//! What is told of a conflict: both sides of every place, and the commit on the branch that caused it.

use hyperion_api::queue::{CausedBy, ConflictFile, ConflictHunk};
use hyperion_git::{CommitInfo, ConflictSide, Mode, Oid, Renames, TreePath};
use hyperion_model::Name;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_patch::{DiffOptions, Line, Merge, diff, is_binary, merge3};

use crate::error::oid;
use crate::repo::Opened;
use crate::{Cx, Error};

/// The most conflicting files whose hunks are kept.
const MAX_FILES: usize = 50;
/// The most conflicting places of one file that are kept.
const MAX_HUNKS: usize = 50;
/// The most bytes of one side of a conflicting place that are kept.
const MAX_SIDE_BYTES: usize = 8 * 1024;
/// How far back the commit on the other side is looked for.
const MAX_HISTORY: usize = 500;

/// Tells of every file in conflict, and of all of them in one sentence.
pub(crate) fn told(
    cx: &Cx,
    opened: &Opened,
    set: &ChangeSet,
    branch: &Name,
    tip: &Oid,
    files: &[hyperion_git::ConflictFile],
) -> Result<(Vec<ConflictFile>, String), Error> {
    let base_commit = oid(&set.proposal.base_commit)?;
    let mut conflicts = Vec::new();
    for file in files.iter().take(MAX_FILES) {
        // Where the change moved the file, the branch knows it by the name it had.
        let moved = set.proposal.items.iter().filter_map(|item| {
            let to = TreePath::from(item.path.as_str());
            let from = item.from_path.as_ref()?;
            (to == file.path).then(|| TreePath::from(from.as_str()))
        });
        let mut caused_by = None;
        for path in std::iter::once(file.path.clone()).chain(moved) {
            caused_by = cause(cx, opened, &base_commit, tip, &path)?;
            if caused_by.is_some() {
                break;
            }
        }
        conflicts.push(ConflictFile {
            path: file.path.to_string(),
            kind: file.kind.clone(),
            message: file.message.clone(),
            hunks: hunks(cx, opened, file)?,
            caused_by,
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
        "it conflicts with {branch} in {}{more}{by}",
        paths.join(", ")
    );
    Ok((conflicts, detail))
}

/// One side of a file in conflict, as far as it can be shown.
enum Side {
    /// The file is not there.
    Absent,
    /// Its content.
    Bytes(Vec<u8>),
    /// A link, a submodule, or a folder.
    Other,
}

fn read(opened: &Opened, side: Option<&ConflictSide>) -> Result<Side, Error> {
    Ok(match side {
        None => Side::Absent,
        Some(ConflictSide {
            mode: Mode::File | Mode::Executable,
            oid,
        }) => {
            let max_bytes = crate::Sizes::ACCEPTED.max_file_bytes;
            Side::Bytes(opened.git.read_blob(oid, max_bytes)?)
        }
        Some(_) => Side::Other,
    })
}

fn hunks(
    cx: &Cx,
    opened: &Opened,
    file: &hyperion_git::ConflictFile,
) -> Result<Vec<ConflictHunk>, Error> {
    let sides = (
        read(opened, file.base.as_ref())?,
        read(opened, file.ours.as_ref())?,
        read(opened, file.theirs.as_ref())?,
    );
    let hunk = |line: usize, base: &[u8], ours: &[u8], theirs: &[u8]| ConflictHunk {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        base: shown(cx, base),
        ours: shown(cx, ours),
        theirs: shown(cx, theirs),
    };
    let both = |base: &[u8], ours: &[u8], theirs: &[u8]| match merge3(base, ours, theirs) {
        Merge::Conflict { conflicts, .. } => conflicts
            .iter()
            .take(MAX_HUNKS)
            .map(|one| hunk(one.line, &one.base, &one.ours, &one.theirs))
            .collect(),
        Merge::Clean(_) | Merge::Binary => Vec::new(),
    };
    Ok(match sides {
        (Side::Bytes(base), Side::Bytes(ours), Side::Bytes(theirs)) => both(&base, &ours, &theirs),
        // Each made a file of its own there.
        (Side::Absent, Side::Bytes(ours), Side::Bytes(theirs)) => both(b"", &ours, &theirs),
        // One took the file away: what the other changed of it is what would be lost.
        (Side::Bytes(base), Side::Bytes(ours), Side::Absent) => changed(&base, &ours)
            .map(|(line, base, ours)| hunk(line, &base, &ours, b""))
            .collect(),
        (Side::Bytes(base), Side::Absent, Side::Bytes(theirs)) => changed(&base, &theirs)
            .map(|(line, base, theirs)| hunk(line, &base, b"", &theirs))
            .collect(),
        _ => Vec::new(),
    })
}

/// Lists the places that differ: the line, and what stood and stands there.
fn changed(old: &[u8], new: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>, Vec<u8>)> {
    let bare = DiffOptions {
        context: 0,
        ..DiffOptions::default()
    };
    let hunks = if is_binary(old) || is_binary(new) {
        Vec::new()
    } else {
        diff(old, new, &bare).hunks
    };
    hunks.into_iter().take(MAX_HUNKS).map(|hunk| {
        let of = |lines: &mut dyn Iterator<Item = &Line>| {
            lines.flat_map(|line| line.text.clone()).collect()
        };
        let (old, new) = (of(&mut hunk.old_side()), of(&mut hunk.new_side()));
        (hunk.new_start.max(1), old, new)
    })
}

fn shown(cx: &Cx, bytes: &[u8]) -> String {
    let kept = bytes
        .get(..MAX_SIDE_BYTES.min(bytes.len()))
        .unwrap_or_default();
    cx.redactor
        .redact(&String::from_utf8_lossy(kept))
        .into_owned()
}

/// Finds the latest commit on the branch since the base that changed a file, by whatever name the file went then.
///
/// A commit that only moved it is named where no other changed it.
pub(crate) fn cause(
    cx: &Cx,
    opened: &Opened,
    base: &Oid,
    tip: &Oid,
    path: &TreePath,
) -> Result<Option<CausedBy>, Error> {
    let mut path = path.clone();
    let mut moved = None;
    for commit in opened.git.log_since(tip, base, MAX_HISTORY)? {
        let Some(parent) = commit.parents.first() else {
            break;
        };
        let now = opened
            .git
            .lookup(&commit.oid, &path)?
            .map(|entry| entry.oid);
        let before = opened.git.lookup(parent, &path)?.map(|entry| entry.oid);
        if now == before {
            continue;
        }
        if now.is_some() == before.is_some() {
            return caused(cx, &commit).map(Some);
        }
        let changes = opened.git.diff_trees(parent, &commit.oid, Renames::On)?;
        let came = changes.iter().find(|change| {
            change.path == path && change.from_path.is_some() && change.old_oid == change.new_oid
        });
        let went = changes.iter().any(|change| {
            change.from_path.as_ref() == Some(&path) && change.old_oid == change.new_oid
        });
        match came.and_then(|change| change.from_path.clone()) {
            Some(from) if now.is_some() => path = from,
            // The same content under another name: before this commit it had the name that is looked for.
            _ if now.is_none() && went => {}
            _ => return caused(cx, &commit).map(Some),
        }
        moved.get_or_insert(commit);
    }
    moved.map(|commit| caused(cx, &commit)).transpose()
}

fn caused(cx: &Cx, commit: &CommitInfo) -> Result<CausedBy, Error> {
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
    Ok(CausedBy {
        commit: commit.oid.to_string(),
        subject: cx.redactor.redact(commit.subject()).into_owned(),
        author: commit.author.name.clone(),
        entry_id: entry,
    })
}
