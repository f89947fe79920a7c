//! Work trees that stayed where they were when an entry landed.

use std::path::Path;

use hyperion_git::may_be_behind;
use hyperion_model::entry::{Entry, Status};
use hyperion_model::repo::Repo;

use crate::{Cx, Error};

/// Says of a landed entry that a work tree did not follow it, with the command that brings it along.
///
/// It is asked of git: for whoever brought it along, nothing is left to say.
pub fn stayed(cx: &Cx, entry: &Entry) -> Result<Option<String>, Error> {
    if entry.status != Status::Landed {
        return Ok(None);
    }
    let repo = cx.store.get::<Repo>(entry.admission.repo)?;
    if !repo.is_some_and(|repo| may_be_behind(Path::new(&repo.path))) {
        return Ok(None);
    }
    // A repository that is gone has no work tree that anybody would miss here.
    let Ok(opened) = cx.repos.open(cx, entry.admission.repo) else {
        return Ok(None);
    };
    let id = entry.id.to_string();
    let behind = opened.git.behind()?;
    let of_this = behind.into_iter().find(|behind| behind.entry == id);
    Ok(of_this.map(|behind| format!("{behind}; {}", behind.advice())))
}

/// Says of each work tree of a repository that did not follow a landing how it is brought along.
pub fn behind(cx: &Cx, repo: &Repo) -> Result<Vec<String>, Error> {
    if !may_be_behind(Path::new(&repo.path)) {
        return Ok(Vec::new());
    }
    let behind = cx.repos.open(cx, repo.id)?.git.behind()?;
    let told = behind
        .iter()
        .map(|behind| format!("{behind}; {}", behind.advice()));
    Ok(told.collect())
}
