//! Several changes as one tree.

use hyperion_git::{MergeSides, Merged, Oid, RepoStore};

use crate::Error;

/// Puts the trees of several changes on one base, one after the other.
///
/// Gives the path where they contradict each other.
pub fn stack<'a>(
    git: &RepoStore,
    base: &Oid,
    trees: impl Iterator<Item = &'a Oid>,
) -> Result<Result<Oid, String>, Error> {
    let mut at = base.clone();
    for tree in trees {
        if at == *base {
            at = tree.clone();
            continue;
        }
        let sides = MergeSides {
            base,
            ours: &at,
            theirs: tree,
            attributes: base,
        };
        match git.merge(&sides)? {
            Merged::Clean { tree } => at = tree,
            Merged::Conflict(files) => {
                let path = files
                    .first()
                    .map(|file| file.path.to_string())
                    .unwrap_or_default();
                return Ok(Err(path));
            }
        }
    }
    Ok(Ok(at))
}
