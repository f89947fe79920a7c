//! Where a request is to land, and what its changes start from.

use hyperion_api::{FieldError, Problem};
use hyperion_git::{DiscoverError, GitError, Oid};
use hyperion_model::Name;
use hyperion_model::repo::Repo;

use super::draft::Draft;
use super::submit::Submitting;
use crate::repo::Opened;
use crate::{Cx, Error, repo};

/// Where a request is to land, and what it starts from.
pub(super) struct Place {
    pub(super) opened: Opened,
    pub(super) branch: Name,
    pub(super) base: Oid,
}

/// Why a request has no place to land.
#[derive(Debug)]
pub(super) enum Misplaced {
    /// What the request says is wrong.
    Field(FieldError),
    /// The repository it names cannot be used as it is.
    Repo(Problem),
    /// The engine could not look.
    Engine(Error),
}

impl From<Error> for Misplaced {
    fn from(error: Error) -> Self {
        if error.is_about_the_repo() {
            Self::Repo(error.into())
        } else {
            Self::Engine(error)
        }
    }
}

impl From<GitError> for Misplaced {
    fn from(error: GitError) -> Self {
        Self::Engine(error.into())
    }
}

/// Finds the repository a request names.
pub(super) fn find_repo(cx: &Cx, draft: &Draft, how: &Submitting<'_>) -> Result<Repo, Misplaced> {
    let wanted = draft.request.repo.as_deref().unwrap_or(".");
    Ok(repo::find(cx, wanted, how.dir)?)
}

/// Finds the branch and the commit a request names.
pub(super) fn find(cx: &Cx, draft: &Draft, repo: &Repo) -> Result<Place, Misplaced> {
    let opened = cx.repos.open(cx, repo.id)?;
    let place = on_branch(draft, repo, opened)?;
    // Nothing could be judged by rules that cannot be read, so nothing is begun.
    let tip = place.opened.tip(&place.branch)?;
    place.opened.file_and_rules(cx, &tip)?;
    Ok(place)
}

fn on_branch(draft: &Draft, repo: &Repo, opened: Opened) -> Result<Place, Misplaced> {
    let Some(base) = draft.request.base.as_deref() else {
        return Ok(at_tip(opened, repo.branch.clone())?);
    };
    // A branch may be called like a commit; who names one in full means the commit.
    let is_commit = Oid::parse(base).is_ok();
    let branch = Name::new(base).ok().filter(|_| !is_commit);
    if let Some(branch) = branch.filter(|name| opened.tip(name).is_ok()) {
        return Ok(at_tip(opened, branch)?);
    }
    let unknown = |why: &str| {
        Err(Misplaced::Field(FieldError {
            pointer: format!("{}/base", draft.pointer),
            detail: format!(
                "{base:?} is {why}; name a branch, or a commit of branch {}",
                repo.branch
            ),
        }))
    };
    let Some(commit) = opened.git.resolve_commit(base)? else {
        return unknown("neither a branch nor a commit here");
    };
    let tip = tip_of(&opened, &repo.branch)?;
    if commit != tip && !opened.git.is_ancestor(&commit, &tip)? {
        return unknown("a commit outside that branch");
    }
    Ok(Place {
        branch: repo.branch.clone(),
        opened,
        base: commit,
    })
}

fn at_tip(opened: Opened, branch: Name) -> Result<Place, Error> {
    let base = tip_of(&opened, &branch)?;
    Ok(Place {
        opened,
        branch,
        base,
    })
}

fn tip_of(opened: &Opened, branch: &Name) -> Result<Oid, Error> {
    let name = opened.branch(branch)?;
    match opened.git.tip(&name)? {
        Some(tip) => Ok(tip),
        None => Err(Error::Repo(DiscoverError::NoSuchBranch {
            path: opened.repo.path.clone().into(),
            branch: name,
        })),
    }
}
