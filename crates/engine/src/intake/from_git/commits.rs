//! Branches and ranges of commits.

use hyperion_api::Problem;
use hyperion_git::{CommitInfo, Head, MergeSides, Merged, Oid, RefName};
use hyperion_model::request::{Request, Status};

use super::words::{Said, all_of, title_of_all};
use super::{At, Found, Known, Part};
use crate::Error;

/// The most commits that are read for what they say, and for what of them was handed in before.
pub(super) const COMMITS_MAX: usize = 500;
/// The most files in conflict that are named.
const NAMED_MAX: usize = 5;

/// A branch that was named.
pub(super) struct Branch {
    /// What it is called.
    pub(super) name: String,
    pub(super) tip: Oid,
}

/// A range of commits that was named.
pub(super) struct Range {
    /// What it was called.
    pub(super) name: String,
    /// The commit before the first.
    start: Oid,
    end: Oid,
}

impl Range {
    pub(super) fn key(&self) -> String {
        format!("commits {}..{}", self.start, self.end)
    }
}

/// A branch is known by where it stands, whatever it is called.
pub(super) fn branch_key(tip: &Oid) -> String {
    format!("branch at {tip}")
}

/// What came of the part of a branch that was handed in before.
enum Before {
    /// There is none, or it came to nothing.
    Nothing,
    /// It landed, up to this commit.
    Landed(Oid, Box<Request>),
    /// Some parts of it landed, others did not.
    Partly(Box<Request>),
    /// It was sent back, and this branch is its new version.
    SentBack(Box<Request>),
}

impl At<'_> {
    /// Finds a branch by its name.
    pub(super) fn branch(&self, wanted: &str) -> Result<Branch, Error> {
        let name = match wanted {
            "HEAD" | "@" => self.checked_out()?,
            name => RefName::branch(name.strip_prefix("refs/heads/").unwrap_or(name)).map_err(
                |error| {
                    tracing::debug!(%error, "no branch can be called so");
                    Problem::new(
                        "input.invalid",
                        format!("git allows no branch that is called {wanted:?}"),
                    )
                    .hint("name one as `git branch` lists it; commits go with --commits")
                },
            )?,
        };
        let target = &self.opened.repo.branch;
        if name.short() == target.as_str() {
            let detail =
                format!("{target} is the branch that work lands on: what is on it has landed");
            return Err(Problem::new("request.unprocessable", detail)
                .hint("name the branch with the work on it, or commits with --commits")
                .into());
        }
        let git = &self.opened.git;
        let tip = match git.tip(&name)? {
            Some(tip) => Some(tip),
            None => git.resolve_commit(&format!("refs/remotes/{}", name.short()))?,
        };
        let tip = tip.ok_or_else(|| {
            let detail = format!("{} has no branch {}", self.opened.repo.path, name.short());
            Problem::new("request.unprocessable", detail)
                .hint("`git branch -a` lists them; one of another clone has to be fetched first")
        })?;
        Ok(Branch {
            name: name.short().to_owned(),
            tip,
        })
    }

    fn checked_out(&self) -> Result<RefName, Error> {
        let user = self.here.as_ref().unwrap_or(self.opened.git.user());
        match user.head()? {
            Head::Branch(name) | Head::Unborn(name) => Ok(name),
            Head::Detached(commit) => {
                let detail = format!("no branch is checked out: HEAD is at {commit:.10}");
                Err(Problem::new("request.unprocessable", detail)
                    .hint("name a branch, or hand the commits in with --commits")
                    .into())
            }
        }
    }

    /// Finds the commits that `A..B`, or one revision alone, stands for.
    pub(super) fn range(&self, wanted: &str) -> Result<Range, Error> {
        let name = format!("commits {wanted}");
        if wanted.starts_with(['^', '-']) || wanted.contains("..^") || wanted.contains(' ') {
            let detail = format!("{wanted:?} is no range of commits");
            return Err(Problem::new("input.invalid", detail)
                .hint("write A..B for what B has and A has not, or one commit alone")
                .into());
        }
        if wanted.contains("...") {
            let detail = format!("{wanted} is a range with three dots");
            return Err(Problem::new("input.invalid", detail)
                .hint("write two dots: A..B is what B has and A has not")
                .into());
        }
        let git = &self.opened.git;
        let Some((from, to)) = wanted.split_once("..") else {
            let end = self.commit(wanted)?;
            let parents = git.commit_info(&end)?.parents;
            let [parent] = parents.as_slice() else {
                let (what, hint) = match parents.len() {
                    0 => (
                        "has no parent",
                        "name a commit that came after it".to_owned(),
                    ),
                    _ => (
                        "is a merge",
                        format!("name the range that it brought in: {wanted}^1..{wanted}"),
                    ),
                };
                let detail =
                    format!("commit {wanted} {what}, so it does not tell what was changed");
                return Err(Problem::new("input.invalid", detail).hint(hint).into());
            };
            return Ok(Range {
                name,
                start: parent.clone(),
                end,
            });
        };
        let head = |revision: &'_ str| match revision {
            "" => "HEAD".to_owned(),
            revision => revision.to_owned(),
        };
        let (from, end) = (self.commit(&head(from))?, self.commit(&head(to))?);
        let start = git.merge_base(&from, &end)?.ok_or_else(|| {
            let detail = format!("the two ends of {wanted} have no history in common");
            Problem::new("input.invalid", detail).hint("name two commits of one branch")
        })?;
        if start == end {
            let detail = format!("{wanted} holds no commit: its end is part of its start");
            return Err(Problem::new("git.nothing", detail)
                .hint("write the older commit first: OLDER..NEWER")
                .into());
        }
        Ok(Range { name, start, end })
    }

    /// Finds one commit; a `HEAD` is that of the work tree where whoever asks stands.
    fn commit(&self, revision: &str) -> Result<Oid, Error> {
        let found = match &self.here {
            Some(here) => here.resolve_commit_here(revision)?,
            None => self.opened.git.resolve_commit(revision)?,
        };
        found.ok_or_else(|| {
            let detail = format!("{} has no commit {revision:?}", self.opened.repo.path);
            Problem::new("git.name", detail)
                .hint("`git log --oneline` lists commits; give more digits if several begin so")
                .into()
        })
    }

    /// Finds what a branch has and the branch it lands on has not.
    pub(super) fn work_on(&self, branch: &Branch, split: bool) -> Result<Found, Error> {
        let Branch { name, tip } = branch;
        let what = format!("branch {name}");
        let start = self.opened.git.merge_base(tip, &self.tip)?;
        let start = start.ok_or_else(|| {
            let target = &self.opened.repo.branch;
            let detail = format!("{name} and {target} have no history in common");
            Problem::new("request.unprocessable", detail).hint(format!(
                "make a branch of {target} and bring the change there, or hand it in with --commits or --patch"
            ))
        })?;
        self.require_news(&what, &start, tip)?;
        match self.handed_in_before(branch, &start)? {
            Before::Nothing => self.found(&what, &start, tip, split),
            Before::SentBack(request) => self.new_version(&what, &start, tip, request),
            Before::Partly(request) => {
                let from = match split {
                    true => self.start_of_news(&what, &start, tip)?,
                    false => start,
                };
                let mut found = self.found(&what, &from, tip, split)?;
                found.notes.extend(self.refused_before(&request)?);
                Ok(found)
            }
            Before::Landed(commit, request) => {
                let mut found = self.found(&what, &commit, tip, split)?;
                found.notes.push(format!(
                    "{name} was handed in up to {commit:.10} as request {}, which landed: this is what came after it",
                    request.id.short()
                ));
                Ok(found)
            }
        }
    }

    /// Finds what a range of commits changes.
    pub(super) fn work_in(&self, range: &Range, split: bool) -> Result<Found, Error> {
        let Range { name, start, end } = range;
        self.require_news(name, start, end)?;
        self.found(name, start, end, split)
    }

    pub(super) fn require_news(&self, what: &str, start: &Oid, end: &Oid) -> Result<(), Error> {
        if start != end && !self.opened.git.is_ancestor(end, &self.tip)? {
            return Ok(());
        }
        let target = &self.opened.repo.branch;
        let detail = format!("everything in {what} is on {target} already");
        Err(Problem::new("git.nothing", detail)
            .hint("commit something first, or name another branch")
            .into())
    }

    /// Finds up to where a branch was handed in before and landed, or what was sent back of it. What landed is another
    /// commit there than here.
    fn handed_in_before(&self, branch: &Branch, start: &Oid) -> Result<Before, Error> {
        let own = (self.opened.git).commits_between(start, &branch.tip, COMMITS_MAX)?;
        let revised = self.revised()?;
        for commit in own.iter().rev().map(|commit| &commit.oid) {
            if *commit == branch.tip {
                continue;
            }
            let Known::As(request) = self.handed_in_at(commit, &revised)? else {
                continue;
            };
            match request.status {
                Status::Completed => return Ok(Before::Landed(commit.clone(), request)),
                Status::PartlyLanded => return Ok(Before::Partly(request)),
                Status::Failed | Status::Cancelled | Status::RolledBack => {
                    return Ok(Before::Nothing);
                }
                Status::AwaitingApproval if self.is_sent_back(&request)? => {
                    return Ok(Before::SentBack(request));
                }
                Status::Pending
                | Status::NeedsClarification
                | Status::Planned
                | Status::Running
                | Status::AwaitingApproval => {}
            }
            let (name, id) = (&branch.name, request.id.short());
            let detail = format!(
                "{name} was handed in up to {commit:.10} as request {id}, which is not settled yet"
            );
            return Err(Problem::new("git.handed_in", detail)
                .hint(format!(
                    "hand it in again once that has landed, or call it off: hyperion request cancel {id}"
                ))
                .into());
        }
        Ok(Before::Nothing)
    }

    /// Puts the work from one commit to another on the branch that it lands on.
    pub(super) fn found(
        &self,
        what: &str,
        start: &Oid,
        end: &Oid,
        split: bool,
    ) -> Result<Found, Error> {
        let git = &self.opened.git;
        let target = &self.opened.repo.branch;
        let is_on_target = git.is_ancestor(start, &self.tip)?;
        // What starts on the target branch stays there, and the queue merges it. What starts elsewhere is brought over.
        let base = if is_on_target { start } else { &self.tip };
        let commits = git.commits_between(start, end, COMMITS_MAX)?;
        let count = git.commits_since(end, start)?;
        let said: Vec<Said> = commits
            .iter()
            .filter(|commit| commit.parents.len() < 2)
            .map(Said::by_commit)
            .collect();
        let title = title_of_all(&said).unwrap_or_else(|| what.to_owned());
        let text = all_of(&said);
        let mut found = Found {
            base: base.clone(),
            name: what.to_owned(),
            what: described(
                what,
                count,
                base,
                target.as_str(),
                git.commits_since(&self.tip, base)?,
            ),
            title,
            text,
            parts: Vec::new(),
            notes: Vec::new(),
            tip: None,
            revises: None,
        };
        let mut onto = git.tree_of(base)?;
        if split {
            self.require_straight(what, &commits, count, start)?;
            // Each of several tasks says for itself what it does.
            if commits.len() > 1 {
                found.text.clear();
            }
            let mut before = start;
            for (commit, said) in commits.iter().zip(&said) {
                let from = onto;
                onto = self.brought_over(what, before, &commit.oid, &from)?;
                found.parts.push(Part {
                    from,
                    to: onto.clone(),
                    title: said.title.clone(),
                    text: said.body(),
                });
                before = &commit.oid;
            }
        } else {
            let to = self.brought_over(what, start, end, &onto)?;
            found.parts.push(Part {
                from: onto,
                to,
                title: found.title.clone(),
                text: String::new(),
            });
        }
        Ok(found)
    }

    /// Makes the tree that a change between two commits comes to on another tree.
    pub(super) fn brought_over(
        &self,
        what: &str,
        from: &Oid,
        to: &Oid,
        onto: &Oid,
    ) -> Result<Oid, Error> {
        let git = &self.opened.git;
        let (from, to) = (git.tree_of(from)?, git.tree_of(to)?);
        if from == *onto {
            return Ok(to);
        }
        let sides = MergeSides {
            base: &from,
            ours: onto,
            theirs: &to,
            attributes: onto,
        };
        let files = match git.merge(&sides)? {
            Merged::Clean { tree } => return Ok(tree),
            Merged::Conflict(files) => files,
        };
        let mut names: Vec<_> = files.iter().map(|file| file.path.to_string()).collect();
        names.dedup();
        let more = match names.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        names.truncate(NAMED_MAX);
        let target = &self.opened.repo.branch;
        let detail = format!(
            "{what} does not fit {target} without the commits before it: conflict in {}{more}",
            names.join(", ")
        );
        Err(Problem::new("change_set.stale_base", detail)
            .hint(format!(
                "hand in the commits before it too, or `git rebase {target}` first"
            ))
            .into())
    }

    /// Requires that commits follow each other one by one, so that each can be a task.
    fn require_straight(
        &self,
        what: &str,
        commits: &[CommitInfo],
        count: u64,
        start: &Oid,
    ) -> Result<(), Error> {
        let max = self.cx.settings.max_steps;
        if count > max as u64 {
            let detail = format!("{what} has {count} commits, and a plan has at most {max} steps");
            return Err(Problem::new("request.unprocessable", detail)
                .hint("leave --split out, squash some commits, or raise the setting plan.max_steps")
                .into());
        }
        let mut before = start;
        let mut bent = None;
        for commit in commits {
            if commit.parents.as_slice() != std::slice::from_ref(before) {
                bent = bent.or(Some(commit));
            }
            before = &commit.oid;
        }
        let merge = commits.iter().find(|commit| commit.parents.len() > 1);
        let Some(commit) = merge.or(bent) else {
            return Ok(());
        };
        let detail = format!(
            "{what} cannot be split: {:.10} ({}) {}",
            commit.oid,
            commit.subject(),
            if merge.is_some() {
                "is a merge"
            } else {
                "does not follow the one before it"
            }
        );
        Err(Problem::new("request.unprocessable", detail)
            .hint("leave --split out, or make one line of it with `git rebase`")
            .into())
    }
}

fn described(what: &str, count: u64, base: &Oid, target: &str, behind: u64) -> String {
    let commits = match count {
        1 => "1 commit".to_owned(),
        count => format!("{count} commits"),
    };
    let behind = match behind {
        0 => String::new(),
        1 => format!(", 1 commit behind {target}"),
        behind => format!(", {behind} commits behind {target}"),
    };
    format!("{what}: {commits} on {base:.10}{behind}")
}
