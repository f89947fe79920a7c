//! Work that was handed in before: as the new version of what was sent back, or with parts that landed or were rejected.

use hyperion_api::Problem;
use hyperion_git::Oid;
use hyperion_model::change_set::{self, ChangeSet};
use hyperion_model::plan::Plan;
use hyperion_model::request::Request;
use hyperion_model::{GitId, ShortText, TaskId};
use hyperion_store::Filter;

use super::commits::{Branch, COMMITS_MAX, branch_key};
use super::{At, Found, Known};
use crate::change_set::title;
use crate::error::oid;
use crate::intake::known::came_to_nothing;
use crate::{Cx, Error};

/// The most requests that are looked through for one that a branch was the new version of.
const REVISED_MAX: u32 = 1000;

impl At<'_> {
    /// Finds what a branch changes as the new version of a request.
    pub(super) fn work_on_again(
        &self,
        branch: &Branch,
        request: Box<Request>,
    ) -> Result<Found, Error> {
        let what = format!("branch {}", branch.name);
        let start = self.opened.git.merge_base(&branch.tip, &self.tip)?;
        let start = start.ok_or_else(|| {
            let detail = format!(
                "{what} and {} have no history in common",
                self.opened.repo.branch
            );
            Problem::new("request.unprocessable", detail)
        })?;
        self.require_news(&what, &start, &branch.tip)?;
        self.new_version(&what, &start, &branch.tip, request)
    }

    /// Finds what commits change as the new version of a request: on the commit that this is made on.
    pub(super) fn new_version(
        &self,
        what: &str,
        start: &Oid,
        tip: &Oid,
        request: Box<Request>,
    ) -> Result<Found, Error> {
        let base = oid(&request.submission.base)?;
        let onto = self.opened.git.tree_of(&base)?;
        let to = self.brought_over(what, start, tip, &onto)?;
        let mut found = self.found(what, start, tip, false)?;
        for part in &mut found.parts {
            (part.from, part.to) = (onto.clone(), to.clone());
        }
        found.tip = Some(tip.clone());
        found.revises = Some(request);
        Ok(found)
    }

    /// Finds where the commits begin that the branch they land on does not have, whatever they are called there.
    pub(super) fn start_of_news(&self, what: &str, start: &Oid, tip: &Oid) -> Result<Oid, Error> {
        let git = &self.opened.git;
        let there = git.tree_of(&self.tip)?;
        let mut from = start.clone();
        for commit in git.commits_between(start, tip, COMMITS_MAX)? {
            match self.brought_over(what, &from, &commit.oid, &there) {
                Ok(tree) if tree == there => from = commit.oid,
                // What does not fit is told of when all of it is put on the branch.
                Ok(_) | Err(_) => break,
            }
        }
        // Where all of it is there, saying so is left to whoever looks at the whole.
        Ok(if from == *tip { start.clone() } else { from })
    }

    /// Says which parts of a request somebody rejected: they are handed in again with the rest.
    pub(super) fn refused_before(&self, request: &Request) -> Result<Option<String>, Error> {
        let sets = Filter::default()
            .request(request.id)
            .status(change_set::Status::Rejected.name())
            .limit(100);
        let mut titles = Vec::new();
        for set in self.cx.store.list::<ChangeSet>(&sets)?.rows {
            titles.extend(title(self.cx, &set)?);
        }
        let id = request.id.short();
        Ok((!titles.is_empty()).then(|| {
            format!(
                "this holds again what was rejected in request {id} ({}); leave those commits out with `git rebase -i` if they are not wanted",
                titles.join(", ")
            )
        }))
    }

    /// Lists the newest requests of the repository that a new version from a branch was handed in for.
    pub(super) fn revised(&self) -> Result<Vec<Request>, Error> {
        let newest = Filter {
            archived: true,
            ..Filter::default()
        };
        let newest = newest.repo(self.opened.repo.id).newest();
        let mut requests = self
            .cx
            .store
            .list::<Request>(&newest.limit(REVISED_MAX))?
            .rows;
        requests.retain(|request| {
            !request.revised_tips.is_empty()
                && request.submission.branch == self.opened.repo.branch
                && !came_to_nothing(request)
        });
        Ok(requests)
    }

    /// Finds what a branch that stood at a commit was handed in as: as a request, or as the new version of one.
    pub(super) fn handed_in_at(&self, commit: &Oid, revised: &[Request]) -> Result<Known, Error> {
        let known = self.known(&branch_key(commit))?;
        let is_tip = |tip: &GitId| tip.as_str() == commit.as_str();
        let mut revised = revised.iter();
        match revised.find(|request| request.revised_tips.iter().any(is_tip)) {
            Some(request) => Ok(Known::As(Box::new(request.clone()))),
            None => Ok(known),
        }
    }

    /// Tells whether all of a request is one change that was sent back.
    pub(super) fn is_sent_back(&self, request: &Request) -> Result<bool, Error> {
        Ok(!self.dry_run && sent_back(self.cx, request)?.is_some())
    }
}

/// What was sent back of a request.
pub(super) struct SentBack {
    pub(super) task: TaskId,
    /// What should be different.
    pub(super) wanted: Option<ShortText>,
}

/// Gives the task of a request of which all is one change that was sent back.
pub(super) fn sent_back(cx: &Cx, request: &Request) -> Result<Option<SentBack>, Error> {
    let plan = request.plan.map(|plan| cx.store.get::<Plan>(plan));
    let steps = plan.transpose()?.flatten().map(|plan| plan.steps);
    let [step] = steps.as_deref().unwrap_or_default() else {
        return Ok(None);
    };
    let set = step.change_set.map(|set| cx.store.get::<ChangeSet>(set));
    let set = set.transpose()?.flatten();
    let set = set.filter(|set| set.status == change_set::Status::ChangesRequested);
    Ok(set.map(|set| SentBack {
        task: step.task.clone(),
        wanted: set.reason,
    }))
}
