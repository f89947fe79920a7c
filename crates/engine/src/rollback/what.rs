//! What is to be taken back: all that a request landed, or one landing alone.

use hyperion_api::Problem;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::{ChangeSetId, EntryId, RequestId};
use hyperion_store::Filter;

use crate::error::oid;
use crate::repo::Opened;
use crate::{Cx, Error};

/// The most repositories in which a commit is looked for.
const REPOS_MAX: u32 = 1000;

/// What a person names to have it taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// All that a request landed.
    Request(RequestId),
    /// The landing of one change set; with it goes what landed in the same commit.
    ChangeSet(ChangeSetId),
    /// One landing alone.
    Entry(EntryId),
}

impl From<RequestId> for What {
    fn from(id: RequestId) -> Self {
        Self::Request(id)
    }
}

impl What {
    /// Gives the request, and the one landing of it that is meant.
    pub(super) fn resolve(self, cx: &Cx) -> Result<(RequestId, Option<EntryId>), Error> {
        let missing = |what: String| Problem::new("subject.not_found", what);
        let entry = match self {
            Self::Request(id) => return Ok((id, None)),
            Self::Entry(id) => id,
            Self::ChangeSet(id) => {
                let set = cx.store.get::<ChangeSet>(id)?;
                let set = set.ok_or_else(|| missing(format!("there is no change set {id}")))?;
                set.entry.ok_or_else(|| {
                    let detail = format!("change set {id} has not landed: it is {}", set.status);
                    Problem::new("rollback.impossible", detail)
                })?
            }
        };
        let found = cx.store.get::<Entry>(entry)?;
        let found = found.ok_or_else(|| missing(format!("there is no queue entry {entry}")))?;
        Ok((found.admission.request, Some(entry)))
    }
}

/// Finds the landing that a commit is, by the commit's id or the beginning of it; none where no repository has such a commit.
pub fn landed_as(cx: &Cx, commit: &str) -> Result<Option<What>, Error> {
    if !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let mut other = None;
    let repos = cx.store.list::<Repo>(&Filter::open().limit(REPOS_MAX))?;
    for repo in repos.rows {
        // One that cannot be opened has its own findings; the commit may be in another.
        let Ok(opened) = cx.repos.open(cx, repo.id) else {
            continue;
        };
        let Ok(found) = opened.git.user().resolve_commit(commit) else {
            continue;
        };
        // A branch or a tag may have such a name.
        let Some(found) = found.filter(|found| found.as_str().starts_with(commit)) else {
            continue;
        };
        let message = opened.git.commit_info(&found)?.message;
        let named = message
            .lines()
            .find_map(|line| line.strip_prefix("Hyperion-Entry: "))
            .and_then(|id| id.trim().parse::<EntryId>().ok());
        // The trailer only says where to look: what landed is in the log.
        if let Some(id) = named
            && let Some(entry) = cx.store.get::<Entry>(id)?
            && entry.commit.as_ref().map(oid).transpose()?.as_ref() == Some(&found)
        {
            return Ok(Some(What::Entry(id)));
        }
        other = Some((found, repo.name));
    }
    match other {
        None => Ok(None),
        Some((found, repo)) => {
            let detail = format!("commit {found:.10} of {repo} did not land through Hyperion");
            Err(Problem::new("rollback.impossible", detail)
                .hint("file the reverse of it as a request, or revert it with git")
                .into())
        }
    }
}

/// Says what a rollback is to take back: the request, or the one landing.
pub(super) fn title(
    cx: &Cx,
    opened: &Opened,
    original: &Request,
    alone: Option<&Entry>,
) -> Result<String, Error> {
    let what = match alone.and_then(|entry| entry.commit.as_ref()) {
        Some(commit) => {
            let commit = opened.git.commit_info(&oid(commit)?)?;
            cx.redactor.redact(commit.subject()).into_owned()
        }
        None => crate::request::title(cx, original)?.unwrap_or_else(|| original.id.to_string()),
    };
    Ok(format!("Roll back: {what}"))
}
