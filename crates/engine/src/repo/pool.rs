//! Opened repositories, one of each.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyperion_git::{DiscoverError, GitError, Oid, RefName, RepoStore, UserRepo};
use hyperion_model::entry::{self, Entry};
use hyperion_model::repo::Repo;
use hyperion_model::{EntryId, GitId, Name, RepoId, ShortText};
use hyperion_policy::Rules;
use hyperion_store::{Filter, MAX_PAGE};

use super::RepoFile;
use crate::error::oid;
use crate::{Cx, Error};

/// The most repositories that are kept open; beyond it the oldest is opened anew when needed.
const MAX_OPEN: usize = 32;

/// The most versions of `hyperion.toml` that are kept compiled.
const MAX_FILES: usize = 64;

/// The repositories that are open.
#[derive(Default)]
pub struct Pool {
    open: Mutex<HashMap<RepoId, Arc<RepoStore>>>,
    /// Held while one is opened, so that callers at the same moment get the same one.
    opening: Mutex<()>,
    /// What `hyperion.toml` says with the rules that follow, by its blob; none is a repository without one.
    files: Mutex<HashMap<Option<Oid>, (RepoFile, Rules)>>,
}

/// A repository with its registration.
pub struct Opened {
    /// What was registered.
    pub repo: Repo,
    /// Its objects.
    pub git: Arc<RepoStore>,
}

impl Pool {
    /// Opens a registered repository, or gives the one that is open.
    pub fn open(&self, cx: &Cx, id: RepoId) -> Result<Opened, Error> {
        let repo = cx
            .store
            .get::<Repo>(id)?
            .ok_or_else(|| Error::Missing(format!("the repository {id}")))?;
        if let Some(git) = self.known(id) {
            return Ok(Opened { repo, git });
        }
        let _opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(git) = self.known(id) {
            return Ok(Opened { repo, git });
        }
        let user = UserRepo::discover(&cx.git, Path::new(&repo.path)).map_err(gone)?;
        let folder = cx.home.repos().join(format!("{id}.git"));
        let git = Arc::new(RepoStore::open(
            &cx.git,
            &folder,
            &user,
            cx.boot_id.as_str(),
        )?);
        if cx.works {
            git.recover_checkouts()?;
            clear_leftovers(cx, &git)?;
        }
        let mut open = self.lock();
        if open.len() >= MAX_OPEN {
            open.clear();
        }
        open.insert(id, Arc::clone(&git));
        Ok(Opened { repo, git })
    }

    /// Says that what a change was made on is not there any more, if that is so: for whoever could not go on with the change.
    ///
    /// A base is copied when its history is seen to be rewritten; it goes where a person cleans up before that.
    pub(crate) fn lost_base(&self, cx: &Cx, repo: RepoId, base: &GitId) -> Option<ShortText> {
        let opened = self.open(cx, repo).ok()?;
        let commit = oid(base).ok()?;
        if opened.git.exists(&commit).ok()? {
            return None;
        }
        // A ref to nothing keeps nothing; if it cannot be removed now, the next housekeeping does.
        if let Err(error) = opened.git.unpin_base(&commit) {
            tracing::warn!(%error, "a base that is gone is still noted");
        }
        Some(ShortText::cut(&format!(
            "the repository does not have commit {commit:.10}, which it was made on: history was rewritten and cleaned up before it landed; file it again on the branch as it is now"
        )))
    }

    /// Forgets an open one: it is elsewhere now.
    pub(super) fn close(&self, id: RepoId) {
        self.lock().remove(&id);
    }

    fn known(&self, id: RepoId) -> Option<Arc<RepoStore>> {
        let mut open = self.lock();
        let git = open.get(&id).cloned()?;
        // A folder that was moved or deleted meanwhile has to be noticed.
        if git.user().git_dir().exists() {
            return Some(git);
        }
        open.remove(&id);
        None
    }

    fn lock_files(&self) -> MutexGuard<'_, HashMap<Option<Oid>, (RepoFile, Rules)>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RepoId, Arc<RepoStore>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes what an engine left in the person's repository which died after it had recorded a landing: refs, and marks
/// that keep packs from `gc`. Those of other homes, and those that a landing still needs, stay.
fn clear_leftovers(cx: &Cx, git: &RepoStore) -> Result<(), Error> {
    let under_way = Filter::default()
        .status(entry::Status::Dispatching.name())
        .limit(MAX_PAGE);
    let under_way = cx.store.list::<Entry>(&under_way)?.rows;
    for (id, _) in git.landing_refs()? {
        let Ok(entry) = id.parse::<EntryId>() else {
            continue;
        };
        if under_way.iter().any(|other| other.id == entry)
            || cx.store.get::<Entry>(entry)?.is_none()
        {
            continue;
        }
        // A lock of somebody's git must not keep the repository from being worked in; the next engine tries again.
        if let Err(error) = git.delete_landing_ref(&id) {
            tracing::warn!(entry = id, %error, "the ref of a landing that was recorded is left in the repository");
        }
    }
    let mut needed = Vec::new();
    for entry in &under_way {
        if let Some(intent) = &entry.dispatch {
            needed.push(oid(&intent.candidate)?);
        }
    }
    if let Err(error) = git.release_keeps_but(&needed) {
        tracing::warn!(%error, "packs of landings that were recorded are still kept from clean-up");
    }
    Ok(())
}

/// Reads the rules at the tip of a repository's branch; none while it has no commit.
pub(crate) fn rules_at_tip(cx: &Cx, repo: &Repo) -> Result<Option<Rules>, Error> {
    let opened = cx.repos.open(cx, repo.id)?;
    let Some(tip) = opened.tip_if_there(&repo.branch)? else {
        return Ok(None);
    };
    Ok(Some(opened.file_and_rules(cx, &tip)?.1))
}

/// A repository was there when it was registered, so it is missing now.
fn gone(error: DiscoverError) -> Error {
    match error {
        DiscoverError::NoSuchFolder { path } | DiscoverError::NotARepository { path } => {
            GitError::RepositoryGone { path }.into()
        }
        error => error.into(),
    }
}

impl Opened {
    /// Names a branch as git does.
    pub fn branch(&self, branch: &Name) -> Result<RefName, Error> {
        RefName::branch(branch.as_str()).map_err(|error| Error::Missing(error.to_string()))
    }

    /// Gives where a branch stands, which has to be there.
    pub fn tip(&self, branch: &Name) -> Result<Oid, Error> {
        self.tip_if_there(branch)?.ok_or_else(|| {
            Error::Missing(format!(
                "branch {branch} of {}; create it again, or file for another branch",
                self.repo.path
            ))
        })
    }

    /// Gives where a branch stands; none where a person removed or renamed it.
    pub fn tip_if_there(&self, branch: &Name) -> Result<Option<Oid>, Error> {
        Ok(self.git.tip(&self.branch(branch)?)?)
    }

    /// Gives what `hyperion.toml` says at a commit, with the rules that follow.
    pub fn file_and_rules(&self, cx: &Cx, commit: &Oid) -> Result<(RepoFile, Rules), Error> {
        let blob = RepoFile::blob_at(&self.git, commit)?;
        if let Some(known) = cx.repos.lock_files().get(&blob) {
            return Ok(known.clone());
        }
        let file = RepoFile::read(&self.git, blob.as_ref())?;
        let rules = file.rules(cx.rules()?)?;
        let mut files = cx.repos.lock_files();
        if files.len() >= MAX_FILES {
            files.clear();
        }
        files.insert(blob, (file.clone(), rules.clone()));
        Ok((file, rules))
    }
}
