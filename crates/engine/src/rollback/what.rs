//! What is to be taken back: all that a request landed, or one landing alone.

use hyperion_api::Problem;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::{ChangeSetId, EntryId, RequestId, Subject};
use hyperion_store::Filter;

use crate::error::oid;
use crate::repo::Opened;
use crate::subject::{self, Named};
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
    /// Finds what an id names: a request stands for all that it landed, anything that belongs to one landing for that one.
    pub fn named(cx: &Cx, text: &str) -> Result<Self, Error> {
        let subject = match subject::named(cx, text)? {
            Named::Subject(subject) => subject,
            Named::OtherCommit { commit, repo } => {
                return Err(subject::not_landed("rollback.impossible", &commit, &repo)
                    .hint("file the reverse of it as a request, or revert it with git")
                    .into());
            }
            Named::Nothing => return Err(subject::nothing(text).into()),
        };
        Ok(match subject {
            Subject::Request(id) => Self::Request(id),
            Subject::ChangeSet(id) => Self::ChangeSet(id),
            Subject::Entry(id) => Self::Entry(id),
            Subject::Approval(_)
            | Subject::Run(_)
            | Subject::Plan(_)
            | Subject::Repo(_)
            | Subject::User(_)
            | Subject::Token(_)
            | Subject::Audit(_)
            | Subject::Grant(_) => {
                Self::ChangeSet(subject::belonging::<ChangeSet>(cx, text, subject, None)?.id)
            }
        })
    }

    /// Gives the request, and the one landing of it that is meant.
    pub(super) fn resolve(self, cx: &Cx) -> Result<(RequestId, Option<EntryId>), Error> {
        let missing = |what: String| Problem::new("subject.not_found", what);
        let entry = match self {
            Self::Request(id) => return Ok((id, None)),
            Self::Entry(id) => id,
            Self::ChangeSet(id) => {
                let set = cx.store.get::<ChangeSet>(id)?;
                let set =
                    set.ok_or_else(|| missing(format!("there is no change set {}", id.short())))?;
                set.entry.ok_or_else(|| {
                    let detail = format!("change {} has not landed", id.short());
                    Problem::new("rollback.impossible", detail).hint(format!(
                        "`hyperion changes show {}` says where it stands",
                        id.short()
                    ))
                })?
            }
        };
        let found = cx.store.get::<Entry>(entry)?;
        let found =
            found.ok_or_else(|| missing(format!("there is no queue entry {}", entry.short())))?;
        Ok((found.admission.request, Some(entry)))
    }
}

/// The commits of all repositories that some digits begin.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Commits {
    /// The queue entries that landed as such a commit.
    pub(crate) landed: Vec<EntryId>,
    /// A commit that did not land through Hyperion, with its repository's name.
    pub(crate) other: Option<(String, String)>,
}

/// Finds the commits that have an id, or an id that begins so.
pub(crate) fn landed_as(cx: &Cx, digits: &str) -> Result<Commits, Error> {
    let mut commits = Commits::default();
    let repos = cx.store.list::<Repo>(&Filter::open().limit(REPOS_MAX))?;
    for repo in repos.rows {
        // One that cannot be opened has its own findings; the commit may be in another.
        let Ok(opened) = cx.repos.open(cx, repo.id) else {
            continue;
        };
        let Ok(found) = opened.git.user().resolve_commit(digits) else {
            continue;
        };
        // A branch or a tag may have such a name.
        let Some(found) = found.filter(|found| found.as_str().starts_with(digits)) else {
            continue;
        };
        let message = opened.git.commit_info(&found)?.message;
        let named = message
            .lines()
            .find_map(|line| line.strip_prefix("Hyperion-Entry: "))
            .and_then(|id| id.trim().parse::<EntryId>().ok());
        // The trailer only says where to look: what landed is in the log.
        match named
            .map(|id| cx.store.get::<Entry>(id))
            .transpose()?
            .flatten()
        {
            Some(entry) if entry.commit.as_ref().map(oid).transpose()?.as_ref() == Some(&found) => {
                // A clone of a repository has the same commits.
                if !commits.landed.contains(&entry.id) {
                    commits.landed.push(entry.id);
                }
            }
            _ => commits.other = Some((found.to_string(), repo.name.to_string())),
        }
    }
    Ok(commits)
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
