//! What differs between two trees, as changes and as facts.

use base64::Engine as _;
use hyperion_api::task_request::{Change, Encoding, Operation};
use hyperion_git::{ChangeStatus, FileMode, Mode, Oid, RawChange, Renames, RepoStore, TreePath};
use hyperion_model::RepoPath;
use hyperion_model::change_set::MAX_ITEMS;
use hyperion_patch::{DiffOptions, FileHeader, diff, unified};

use super::materialise::note_made;
use super::{MadeItem, Side};
use crate::{Cx, Error, Sizes};

/// The most bytes of both sides of all files of a difference.
pub(super) const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Writes the difference between two trees or commits as changes; the inner error names a path that no change can be made of.
pub(crate) fn changes_between(
    cx: &Cx,
    git: &RepoStore,
    from: &Oid,
    to: &Oid,
) -> Result<Result<Vec<Change>, String>, Error> {
    let items = match items_between(git, from, to)? {
        Ok(items) => items,
        Err(why) => return Ok(Err(why)),
    };
    let changes: Vec<Change> = items.iter().map(change).collect();
    let trees = (&git.tree_of(from)?, &git.tree_of(to)?);
    note_made(cx, git, trees, &changes, items)?;
    Ok(Ok(changes))
}

/// Reads both sides of every file that differs between two trees.
pub(crate) fn items_between(
    git: &RepoStore,
    from: &Oid,
    to: &Oid,
) -> Result<Result<Vec<MadeItem>, String>, Error> {
    let raws = git.diff_trees(from, to, Renames::On)?;
    if let Some(why) = too_much(git, &raws)? {
        return Ok(Err(why));
    }
    let mut items = Vec::new();
    for raw in &raws {
        match item(git, raw)? {
            Ok(found) => items.push(found),
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(Ok(items))
}

/// Says why a difference is more than one change can be, before any of it is read.
fn too_much(git: &RepoStore, raws: &[RawChange]) -> Result<Option<String>, Error> {
    if raws.len() > MAX_ITEMS {
        let files = raws.len();
        return Ok(Some(format!(
            "{files} files differ, and one change has at most {MAX_ITEMS}"
        )));
    }
    let mut bytes = 0;
    for oid in raws
        .iter()
        .flat_map(|raw| [&raw.old_oid, &raw.new_oid])
        .flatten()
    {
        bytes += git.object(oid)?.map_or(0, |(_, size)| size);
    }
    Ok((bytes > BYTES_MAX).then(|| {
        format!(
            "the files that differ have {bytes} bytes, and those of one change at most {BYTES_MAX}"
        )
    }))
}

fn item(git: &RepoStore, raw: &RawChange) -> Result<Result<MadeItem, String>, Error> {
    let named = |path: &TreePath| match path.as_str() {
        Some(name) => RepoPath::new(name).map_err(|error| error.to_string()),
        None => Err(format!("{path} is not UTF-8")),
    };
    let path = match named(&raw.path) {
        Ok(path) => path,
        Err(why) => return Ok(Err(why)),
    };
    // A copy is a new file.
    let is_copy = raw.status == ChangeStatus::Copied;
    let from_path = raw.from_path.as_ref().filter(|_| !is_copy);
    let from_path = match from_path.map(named).transpose() {
        Ok(from_path) => from_path,
        Err(why) => return Ok(Err(why)),
    };
    let submodule = |mode: Option<Mode>| mode == Some(Mode::Submodule);
    if submodule(raw.old_mode) || submodule(raw.new_mode) {
        return Ok(Err(format!("{path} is a submodule")));
    }
    let operation = match raw.status {
        ChangeStatus::Added | ChangeStatus::Copied => Operation::Create,
        ChangeStatus::Deleted => Operation::Delete,
        ChangeStatus::Renamed => Operation::Rename,
        ChangeStatus::Modified if raw.old_oid == raw.new_oid => Operation::Chmod,
        // A link that becomes a file, or a file a link, is given its whole content too.
        ChangeStatus::Modified | ChangeStatus::TypeChanged => Operation::Modify,
    };
    let side = |mode: Option<Mode>, oid: &Option<Oid>| -> Result<Option<Side>, Error> {
        let Some((mode, oid)) = mode.and_then(Mode::file_mode).zip(oid.as_ref()) else {
            return Ok(None);
        };
        let bytes = git.read_blob(oid, Sizes::ACCEPTED.max_file_bytes)?;
        Ok(Some(Side { mode, bytes }))
    };
    Ok(Ok(MadeItem {
        path,
        from_path,
        operation,
        old: match is_copy {
            true => None,
            false => side(raw.old_mode, &raw.old_oid)?,
        },
        new: side(raw.new_mode, &raw.new_oid)?,
        moved: Vec::new(),
    }))
}

fn change(item: &MadeItem) -> Change {
    let MadeItem {
        path,
        from_path,
        operation,
        old,
        new,
        moved: _,
    } = item;
    let mode = new
        .as_ref()
        .map(|new| Mode::from(new.mode).octal().to_owned());
    let is_edited = match operation {
        Operation::Create | Operation::Modify => true,
        Operation::Rename => {
            let sides = old.as_ref().zip(new.as_ref());
            sides.is_some_and(|(old, new)| old.bytes != new.bytes)
        }
        Operation::Delete | Operation::Chmod => false,
    };
    let patch = match (old, new) {
        (Some(old), Some(new)) if is_edited => shorter_patch(path.as_str(), old, new),
        _ => None,
    };
    let content = new.as_ref().filter(|_| is_edited && patch.is_none());
    let (content, encoding) = match content.map(|new| std::str::from_utf8(&new.bytes)) {
        None => (None, Encoding::Utf8),
        Some(Ok(text)) => (Some(text.to_owned()), Encoding::Utf8),
        Some(Err(_)) => {
            let bytes = content.map(|new| new.bytes.as_slice()).unwrap_or_default();
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            (Some(text), Encoding::Base64)
        }
    };
    Change {
        operation: *operation,
        path: path.as_str().to_owned(),
        from_path: from_path.as_ref().map(|path| path.as_str().to_owned()),
        mode,
        base_hash: None,
        patch,
        content,
        encoding,
        result_hash: None,
    }
}

/// Writes what changes of a text, where that is shorter than the whole: one line of a large file is a small change.
fn shorter_patch(path: &str, old: &Side, new: &Side) -> Option<String> {
    if [old.mode, new.mode].contains(&FileMode::Symlink) {
        return None;
    }
    let diff = diff(&old.bytes, &new.bytes, &DiffOptions::default());
    let patch = unified(&FileHeader::modify(path.as_bytes()), &diff);
    let is_shorter = !diff.binary && patch.len() < new.bytes.len();
    String::from_utf8(patch).ok().filter(|_| is_shorter)
}
