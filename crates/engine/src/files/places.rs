//! Which folders there are to watch, and whose they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hyperion_model::RepoId;
use hyperion_model::repo::Repo;
use hyperion_store::Filter;
use hyperion_watch::Depth;

use crate::{Cx, Error, tool};

/// The most repositories of a home.
const MAX_REPOS: u32 = 1000;

/// What a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// A work tree or a clone: what changes in it is noted.
    Files(RepoId),
    /// Git's own: what changes in it may have been in the way, and is not noted.
    Git,
}

/// The folders to watch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places(BTreeMap<PathBuf, Of>);

impl Places {
    /// Gives them as they are watched.
    pub(super) fn roots(&self) -> BTreeMap<PathBuf, Depth> {
        let depth = |of: &Of| match of {
            Of::Files(_) => Depth::Tree,
            Of::Git => Depth::Folder,
        };
        let places = self.0.iter();
        places.map(|(path, of)| (path.clone(), depth(of))).collect()
    }

    /// Tells whose a watched folder is.
    pub(super) fn of(&self, root: &Path) -> Option<Of> {
        self.0.get(root).copied()
    }

    /// Finds the work tree or clone that a folder is in.
    pub(super) fn around(&self, folder: &Path) -> Option<(&Path, RepoId)> {
        folder.ancestors().find_map(|at| {
            let (root, of) = self.0.get_key_value(at)?;
            match of {
                Of::Files(repo) => Some((root.as_path(), *repo)),
                Of::Git => None,
            }
        })
    }
}

/// Finds the work trees of every repository, and agents' clones; a repository that is gone has none.
pub(super) fn find(cx: &Cx) -> Result<Places, Error> {
    let mut places = BTreeMap::new();
    let repos = cx
        .store
        .open_rows::<Repo>(&Filter::open().limit(MAX_REPOS))?;
    for repo in repos.rows {
        let Some(around) = hyperion_git::around(Path::new(&repo.path)) else {
            continue;
        };
        let found = around.places();
        places.extend(found.git.into_iter().map(|path| (path, Of::Git)));
        let trees = found.trees.into_iter();
        places.extend(trees.map(|path| (path, Of::Files(repo.id))));
    }
    let clones = tool::clone_places(cx).into_iter();
    places.extend(clones.map(|(path, repo)| (path, Of::Files(repo))));
    Ok(Places(places))
}
