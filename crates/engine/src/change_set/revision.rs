//! What a new version of a change does otherwise than the one that was sent back.

use std::collections::BTreeMap;

use hyperion_api::task_request::Operation;
use hyperion_model::RepoPath;
use hyperion_model::change_set::ChangeSet;

use super::{MadeItem, Side, item_diff, preview};
use crate::{Cx, Error};

/// Compares a change with the version it takes the place of, path by path: what each would leave there.
///
/// None where there is no former version, or the content of one of them was purged.
pub fn since_former(cx: &Cx, set: &ChangeSet) -> Result<Option<Vec<MadeItem>>, Error> {
    let Some(former) = set.proposal.supersedes else {
        return Ok(None);
    };
    let Some(former) = cx.store.get::<ChangeSet>(former)? else {
        return Ok(None);
    };
    let opened = cx.repos.open(cx, set.proposal.repo)?;
    let (Some(before), Some(now)) = (preview(cx, &opened, &former)?, preview(cx, &opened, set)?)
    else {
        return Ok(None);
    };
    Ok(Some(between(&before.accepted()?, &now.accepted()?)))
}

/// Counts the lines that an item adds and takes away.
pub fn lines_of(item: &MadeItem) -> (usize, usize) {
    let diff = item_diff(item);
    (diff.additions, diff.deletions)
}

/// Gives what each path would hold after one version and after the other, where that differs.
fn between(before: &[MadeItem], now: &[MadeItem]) -> Vec<MadeItem> {
    let (before, now) = (left_by(before), left_by(now));
    let mut items = Vec::new();
    for path in before
        .keys()
        .chain(now.keys().filter(|path| !before.contains_key(*path)))
    {
        // What a version leaves alone is as it was before the other one.
        let untouched = |other: Option<&Left>| other.and_then(|left| left.base.clone());
        let left = |one: Option<&Left>, other| match one {
            Some(left) => left.after.clone(),
            None => untouched(other),
        };
        let old = left(before.get(path), now.get(path));
        let new = left(now.get(path), before.get(path));
        if old == new {
            continue;
        }
        let operation = match (&old, &new) {
            (None, _) => Operation::Create,
            (_, None) => Operation::Delete,
            (Some(_), Some(_)) => Operation::Modify,
        };
        items.push(MadeItem {
            path: path.clone(),
            from_path: None,
            operation,
            old,
            new,
            moved: Vec::new(),
        });
    }
    items.sort_by(|a, b| a.path.cmp(&b.path));
    items
}

/// What a path holds without a change, and with it.
struct Left {
    base: Option<Side>,
    after: Option<Side>,
}

fn left_by(items: &[MadeItem]) -> BTreeMap<RepoPath, Left> {
    let mut left = BTreeMap::new();
    for item in items {
        // What was moved away leaves nothing where it was.
        if let Some(from) = item.from_path.as_ref().filter(|from| **from != item.path) {
            let gone = Left {
                base: item.old.clone(),
                after: None,
            };
            left.entry(from.clone()).or_insert(gone);
        }
        let base = match &item.from_path {
            Some(from) if *from != item.path => None,
            _ => item.old.clone(),
        };
        let after = item.new.clone();
        left.insert(item.path.clone(), Left { base, after });
    }
    left
}

#[cfg(test)]
mod tests {
    use hyperion_git::FileMode;

    use super::*;
    use crate::change_set::unified_diff;

    fn item(path: &str, from: Option<&str>, old: Option<&str>, new: Option<&str>) -> MadeItem {
        let side = |text: &str| Side {
            mode: FileMode::File,
            bytes: text.as_bytes().to_vec(),
        };
        MadeItem {
            path: RepoPath::new(path).unwrap(),
            from_path: from.map(|from| RepoPath::new(from).unwrap()),
            operation: Operation::Modify,
            old: old.map(side),
            new: new.map(side),
            moved: Vec::new(),
        }
    }

    // S3: what is seen of a new version is what it does otherwise.
    #[test]
    fn two_versions_are_compared_by_what_they_leave() {
        let before = [
            item("same.txt", None, Some("1\n"), Some("2\n")),
            item("other.txt", None, Some("1\n"), Some("2\n")),
            item("only-before.txt", None, Some("1\n"), Some("2\n")),
            item("moved.txt", Some("from.txt"), Some("1\n"), Some("1\n")),
        ];
        let now = [
            item("same.txt", None, Some("1\n"), Some("2\n")),
            item("other.txt", None, Some("1\n"), Some("3\n")),
            item("only-now.txt", None, None, Some("new\n")),
        ];
        insta::assert_snapshot!(unified_diff(&between(&before, &now)), @"
        diff --git a/from.txt b/from.txt
        new file mode 100644
        --- /dev/null
        +++ b/from.txt
        @@ -0,0 +1 @@
        +1
        diff --git a/moved.txt b/moved.txt
        deleted file mode 100644
        --- a/moved.txt
        +++ /dev/null
        @@ -1 +0,0 @@
        -1
        diff --git a/only-before.txt b/only-before.txt
        --- a/only-before.txt
        +++ b/only-before.txt
        @@ -1 +1 @@
        -2
        +1
        diff --git a/only-now.txt b/only-now.txt
        new file mode 100644
        --- /dev/null
        +++ b/only-now.txt
        @@ -0,0 +1 @@
        +new
        diff --git a/other.txt b/other.txt
        --- a/other.txt
        +++ b/other.txt
        @@ -1 +1 @@
        -2
        +3
        ");
    }
}
