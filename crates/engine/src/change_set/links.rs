//! Where the links lead of a tree that a change would make.

use hyperion_git::{FileMode, Oid, RawChange};
use hyperion_policy::links::{Links, MAX_LINKS, astray};
use hyperion_policy::{Blocker, Rules};

use super::MadeItem;
use super::materialise::Side;
use crate::Error;
use crate::repo::Opened;

/// Finds the links that a change lets lead out of the repository, or to what no change may touch: its own, and others that
/// lead through them.
///
/// A tree's links are read only for a change that makes, moves or removes one.
pub(crate) fn led_astray(
    opened: &Opened,
    base_tree: &Oid,
    items: &[MadeItem],
    rules: &Rules,
) -> Result<Vec<Blocker>, Error> {
    let target = |side: &Option<Side>| {
        let link = side
            .as_ref()
            .filter(|side| side.mode == FileMode::Symlink)?;
        Some(String::from_utf8_lossy(&link.bytes).into_owned())
    };
    if !items
        .iter()
        .any(|item| target(&item.old).is_some() || target(&item.new).is_some())
    {
        return Ok(Vec::new());
    }
    let before = opened.git.links(base_tree, MAX_LINKS)?;
    let mut after = before.clone();
    for item in items {
        let was = item.from_path.as_ref().unwrap_or(&item.path);
        after.remove(was.as_str());
    }
    for item in items {
        if let Some(target) = target(&item.new) {
            after.insert(item.path.as_str().to_owned(), target);
        }
    }
    Ok(astray(&before, &after, rules))
}

/// The same for a merge: two changes can be harmless alone, and lead out together.
pub(crate) fn led_astray_by_merge(
    opened: &Opened,
    tip_tree: &Oid,
    tree: &Oid,
    changes: &[RawChange],
    rules: &Rules,
) -> Result<Vec<Blocker>, Error> {
    let is_link = |change: &RawChange| {
        [change.old_mode, change.new_mode].contains(&Some(hyperion_git::Mode::Symlink))
    };
    if !changes.iter().any(is_link) {
        return Ok(Vec::new());
    }
    let links = |tree: &Oid| -> Result<Links, Error> { Ok(opened.git.links(tree, MAX_LINKS)?) };
    Ok(astray(&links(tip_tree)?, &links(tree)?, rules))
}
