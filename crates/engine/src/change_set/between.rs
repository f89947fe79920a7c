//! What differs between two trees, as changes and as facts.

use std::collections::HashMap;

use base64::Engine as _;
use hyperion_api::task_request::{Change, Encoding, Operation};
use hyperion_git::{ChangeStatus, FileMode, Mode, Oid, RawChange, Renames, RepoStore};
use hyperion_model::RepoPath;
use hyperion_model::change_set::MAX_ITEMS;
use hyperion_patch::{DiffOptions, FileHeader, diff, unified};

use super::{MadeItem, Side};
use crate::{Error, Sizes};

/// The most bytes of both sides of all files of a difference.
pub(super) const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Writes the difference between two trees as changes; the inner error names a path that no change can be made of.
pub(crate) fn changes_between(
    git: &RepoStore,
    from: &Oid,
    to: &Oid,
) -> Result<Result<Vec<Change>, String>, Error> {
    let items = match items_between(git, from, to)? {
        Ok(items) => items,
        Err(why) => return Ok(Err(why)),
    };
    Ok(Ok(items.into_iter().map(change).collect()))
}

/// Reads both sides of every file that differs between two trees.
pub(crate) fn items_between(
    git: &RepoStore,
    from: &Oid,
    to: &Oid,
) -> Result<Result<Vec<MadeItem>, String>, Error> {
    let raws = git.diff_trees(from, to, Renames::Off)?;
    if let Some(why) = too_much(git, &raws)? {
        return Ok(Err(why));
    }
    let moves = moves(&raws);
    let mut items = Vec::new();
    for (at, raw) in raws.iter().enumerate() {
        if moves.iter().any(|(_, from)| *from == at) {
            continue;
        }
        let mut found = match item(git, raw)? {
            Ok(found) => found,
            Err(why) => return Ok(Err(why)),
        };
        if let Some((_, from)) = moves.iter().find(|(to, _)| *to == at) {
            match item(git, &raws[*from])? {
                Ok(before) => {
                    (found.operation, found.old) = (Operation::Rename, before.old);
                    found.from_path = Some(before.path);
                }
                Err(why) => return Ok(Err(why)),
            }
        }
        items.push(found);
    }
    Ok(Ok(items))
}

/// Finds the files that only moved, as the places of their new and old path: nothing of them is written.
fn moves(raws: &[RawChange]) -> Vec<(usize, usize)> {
    let mut gone: HashMap<_, usize> = HashMap::new();
    for (at, raw) in raws.iter().enumerate() {
        if raw.status == ChangeStatus::Deleted {
            gone.insert((&raw.old_oid, raw.old_mode), at);
        }
    }
    let added = raws.iter().enumerate();
    added
        .filter(|(_, raw)| raw.status == ChangeStatus::Added)
        .filter_map(|(to, raw)| Some((to, gone.remove(&(&raw.new_oid, raw.new_mode))?)))
        .collect()
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
    let Some(name) = raw.path.as_str() else {
        return Ok(Err(format!("{} is not UTF-8", raw.path)));
    };
    let path = match RepoPath::new(name) {
        Ok(path) => path,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let submodule = |mode: Option<Mode>| mode == Some(Mode::Submodule);
    if submodule(raw.old_mode) || submodule(raw.new_mode) {
        return Ok(Err(format!("{name} is a submodule")));
    }
    let operation = match raw.status {
        ChangeStatus::Added => Operation::Create,
        ChangeStatus::Deleted => Operation::Delete,
        ChangeStatus::Modified if raw.old_oid == raw.new_oid => Operation::Chmod,
        // A link that becomes a file, or a file a link, is given its whole content too.
        ChangeStatus::Modified | ChangeStatus::TypeChanged => Operation::Modify,
        ChangeStatus::Renamed | ChangeStatus::Copied => {
            return Err(Error::Missing(format!("a plain difference for {name}")));
        }
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
        from_path: None,
        operation,
        old: side(raw.old_mode, &raw.old_oid)?,
        new: side(raw.new_mode, &raw.new_oid)?,
        moved: Vec::new(),
    }))
}

fn change(item: MadeItem) -> Change {
    let MadeItem {
        path,
        from_path,
        operation,
        old,
        mut new,
        moved: _,
    } = item;
    let mode = new
        .as_ref()
        .map(|new| Mode::from(new.mode).octal().to_owned());
    let patch = old
        .as_ref()
        .zip(new.as_ref())
        .filter(|_| operation == Operation::Modify)
        .and_then(|(old, new)| shorter_patch(path.as_str(), old, new));
    if patch.is_some() {
        new = None;
    }
    let content = new.filter(|_| matches!(operation, Operation::Create | Operation::Modify));
    let (content, encoding) = match content.map(|new| String::from_utf8(new.bytes)) {
        None => (None, Encoding::Utf8),
        Some(Ok(text)) => (Some(text), Encoding::Utf8),
        Some(Err(error)) => {
            let text = base64::engine::general_purpose::STANDARD.encode(error.as_bytes());
            (Some(text), Encoding::Base64)
        }
    };
    Change {
        operation,
        path: path.as_str().to_owned(),
        from_path: from_path.map(|path| path.as_str().to_owned()),
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
