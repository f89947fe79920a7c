//! Landings that are no longer on their branch because somebody moved it: nothing is wrong with the log then.

use std::collections::{BTreeMap, HashMap, HashSet};

use hyperion_git::Oid;
use hyperion_model::entry::{Entry, Status};
use hyperion_model::{EntryId, GitId, Name, RepoId};
use hyperion_store::{Filter, MAX_PAGE};

use crate::error::{chain, oid};
use crate::repo::Opened;
use crate::{Cx, Error};

/// How far back a branch that was moved is searched for commits that go by the name of a landing.
const COMMITS_MAX: usize = 1000;

/// What the branches no longer have of what landed.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    /// The landings by repository and branch, in the order they were looked at.
    branches: BTreeMap<(RepoId, Name), Vec<(EntryId, GitId)>>,
    /// Of those, the ones whose name another commit on the branch goes by: they were rewritten.
    rewritten: HashMap<EntryId, Oid>,
    /// What could not be told, and why.
    pub(crate) unknown: Vec<String>,
}

impl Moved {
    /// Looks at the newest landings, one page of them; the newest of a branch comes first.
    pub(crate) fn newest(cx: &Cx) -> Result<Self, Error> {
        let mut landed = Filter::default()
            .status(Status::Landed.name())
            .newest()
            .limit(MAX_PAGE);
        landed.open = Some(false);
        let mut moved = Self::default();
        moved.look(cx, &cx.store.list::<Entry>(&landed)?.rows);
        Ok(moved)
    }

    /// Looks at some landed entries.
    pub(crate) fn look(&mut self, cx: &Cx, entries: &[Entry]) {
        let mut branches: BTreeMap<_, Vec<&Entry>> = BTreeMap::new();
        for entry in entries {
            let branch = (entry.admission.repo, entry.admission.branch.clone());
            branches.entry(branch).or_default().push(entry);
        }
        for ((repo, branch), entries) in branches {
            match off_branch(cx, repo, &branch, &entries) {
                Ok(Some((off, _))) if off.is_empty() => {}
                Ok(Some((off, names))) => {
                    let of_these =
                        |(id, _): &(EntryId, _)| off.iter().any(|(entry, _)| entry == id);
                    self.rewritten.extend(names.into_iter().filter(of_these));
                    self.branches.entry((repo, branch)).or_default().extend(off);
                }
                Ok(None) => self.unknown.push(format!(
                    "whether {} landed on {branch}, which is not there any more",
                    count(entries.len())
                )),
                Err(error) => self.unknown.push(format!(
                    "whether {} {} still on {branch}: {}",
                    count(entries.len()),
                    if entries.len() == 1 { "is" } else { "are" },
                    chain(&error)
                )),
            }
        }
    }

    /// Gives the entries whose landings are off their branches.
    pub(crate) fn entries(&self) -> HashSet<EntryId> {
        let all = self.branches.values().flatten();
        all.map(|(entry, _)| *entry).collect()
    }

    /// Gives the commit that goes by the name of a landing which is off its branch.
    pub(super) fn rewritten(&self, entry: EntryId) -> Option<&Oid> {
        self.rewritten.get(&entry)
    }

    /// Says of every branch that was moved how many landings it no longer has.
    pub(crate) fn told(&self, cx: &Cx) -> Vec<String> {
        let told = self.branches.iter().map(|((repo, branch), off)| {
            let repo = cx.repos.open(cx, *repo).map(|opened| opened.repo.name);
            let of = repo.map_or_else(|_| String::new(), |name| format!(" of {name}"));
            let named = |(entry, commit): &(EntryId, GitId), more| {
                format!(
                    "({:.10}, queue entry {}{more})",
                    commit.as_str(),
                    entry.short()
                )
            };
            let (are, named) = match off.as_slice() {
                [] => ("are", String::new()),
                [one] => ("is", named(one, "")),
                [first, ..] => ("are", named(first, ", …")),
            };
            format!(
                "{branch}{of} was moved: {} {are} no longer on it {named}",
                count(off.len())
            )
        });
        told.collect()
    }
}

fn count(landings: usize) -> String {
    match landings {
        1 => "1 landing".to_owned(),
        several => format!("{several} landings"),
    }
}

/// Landings that a branch does not have, and the commits that go by the names of landings there.
type OffBranch = (Vec<(EntryId, GitId)>, HashMap<EntryId, Oid>);

/// Gives the landings that a branch does not have; none where there is no such branch.
fn off_branch(
    cx: &Cx,
    repo: RepoId,
    branch: &Name,
    entries: &[&Entry],
) -> Result<Option<OffBranch>, Error> {
    let opened = cx.repos.open(cx, repo)?;
    let Some(tip) = opened.tip_if_there(branch)? else {
        return Ok(None);
    };
    let mut landed = Vec::new();
    for entry in entries {
        let Some(commit) = &entry.commit else {
            return Err(Error::Missing(format!(
                "the commit that queue entry {} landed as",
                entry.id
            )));
        };
        landed.push((entry.id, commit.clone(), oid(commit)?));
    }
    let commits: Vec<_> = landed.iter().map(|(.., commit)| commit.clone()).collect();
    let off = opened.git.user().not_part_of(&tip, &commits)?;
    let off: Vec<_> = landed
        .into_iter()
        .filter(|(.., commit)| off.contains(commit))
        .map(|(entry, commit, _)| (entry, commit))
        .collect();
    let names = match off.is_empty() {
        true => HashMap::new(),
        false => names_on(&opened, &tip)?,
    };
    Ok(Some((off, names)))
}

/// Gives the commits of a branch by the queue entries whose names they go by.
fn names_on(opened: &Opened, tip: &Oid) -> Result<HashMap<EntryId, Oid>, Error> {
    let log = opened.git.log(tip, COMMITS_MAX)?;
    let named = log.into_iter().filter_map(|commit| {
        let mut lines = commit.message.lines();
        let id = lines.find_map(|line| line.strip_prefix("Hyperion-Entry: "))?;
        Some((id.trim().parse().ok()?, commit.oid))
    });
    Ok(named.collect())
}
