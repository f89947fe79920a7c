//! Merges an entry's changes with the branch's tip, in memory.

use std::collections::BTreeSet;

use hyperion_git::{ConflictFile, MergeSides, Merged, NewCommit, Oid, Renames, Signature};
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::{Candidate, Entry};
use hyperion_model::{Decision, Level};

use super::message;
use crate::change_set::{judge, led_astray_by_merge, preview};
use crate::error::{MissingFact, git_id, oid};
use crate::read_facts::ReadFacts;
use crate::repo::Opened;
use crate::{Cx, Error};

/// What merging an entry came to.
pub(super) enum Outcome {
    /// The tip with the changes on top.
    Candidate(Candidate),
    /// The branch has all of it already, or nothing is left there for it to change.
    Nothing {
        /// The tip that it changes nothing of.
        tip: Oid,
    },
    /// It conflicts with what landed before it.
    Conflict {
        /// The change set at fault.
        set: Box<ChangeSet>,
        /// The tip it conflicts with.
        tip: Oid,
        /// Where.
        files: Vec<ConflictFile>,
    },
    /// What would land is not what was judged: by today's rules, or in the files it would change.
    Policy {
        /// The change set at fault.
        set: Box<ChangeSet>,
        /// What the rules say now.
        why: String,
    },
}

/// Merges every change of an entry onto `onto`, one after the other.
///
/// What it wrote has to be made durable (`sync`) before a fact may name it.
pub(super) fn merge(
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    sets: &[ChangeSet],
    onto: &Oid,
) -> Result<Outcome, Error> {
    if let Some((set, why)) = stricter(cx, opened, entry, sets, onto)? {
        let branch = &entry.admission.branch;
        return Ok(Outcome::Policy {
            set: Box::new(set),
            why: format!("the rules of {branch} changed since it was judged: {why}"),
        });
    }
    let tip_tree = opened.git.tree_of(onto)?;
    let mut tree = tip_tree.clone();
    for set in sets {
        let assessed = set
            .assessed
            .as_ref()
            .ok_or(MissingFact::Assessment(set.id))?;
        let base = oid(&set.proposal.base_tree)?;
        let theirs = oid(&assessed.tree)?;
        let sides = MergeSides {
            base: &base,
            ours: &tree,
            theirs: &theirs,
            attributes: onto,
        };
        match opened.git.merge(&sides)? {
            Merged::Clean { tree: merged } => tree = merged,
            Merged::Conflict(files) => {
                return Ok(Outcome::Conflict {
                    set: Box::new(set.clone()),
                    tip: onto.clone(),
                    files,
                });
            }
        }
    }
    if tree == tip_tree {
        return Ok(Outcome::Nothing { tip: onto.clone() });
    }
    if let Some((set, why)) = astray(cx, opened, entry, sets, onto, &tip_tree, &tree)? {
        return Ok(Outcome::Policy {
            set: Box::new(set),
            why,
        });
    }
    let commit = commit(cx, opened, entry, sets, onto, &tree)?;
    Ok(Outcome::Candidate(Candidate {
        tip: git_id(onto)?,
        tree: git_id(&tree)?,
        commit: git_id(&commit)?,
    }))
}

fn commit(
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    sets: &[ChangeSet],
    onto: &Oid,
    tree: &Oid,
) -> Result<Oid, Error> {
    let seconds = cx.now().as_second();
    let agent = sets
        .first()
        .map_or("hyperion", |set| set.proposal.agent.as_str());
    let sign = |name: &str| Signature {
        name: name.to_owned(),
        email: "hyperion@localhost".to_owned(),
        seconds,
        offset_minutes: 0,
    };
    Ok(opened.git.commit(&NewCommit {
        tree: tree.clone(),
        parents: vec![onto.clone()],
        author: sign(&format!("{agent} (agent)")),
        committer: sign("Hyperion"),
        message: message::compose(cx, entry, sets)?,
    })?)
}

/// Finds a path that the merge changes and nobody judged: git follows a file that the branch moved meanwhile,
/// and where it went may be denied, protected, or somebody else's. Or a link that leads out now.
fn astray(
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    sets: &[ChangeSet],
    onto: &Oid,
    tip_tree: &Oid,
    tree: &Oid,
) -> Result<Option<(ChangeSet, String)>, Error> {
    let mut judged = BTreeSet::new();
    for set in sets {
        let Some(assessed) = &set.assessed else {
            continue;
        };
        let (base, theirs) = (oid(&set.proposal.base_tree)?, oid(&assessed.tree)?);
        if sets.len() == 1 && base == *tip_tree {
            // The merge is the change itself.
            return Ok(None);
        }
        let changes = opened.git.diff_trees(&base, &theirs, Renames::Off)?;
        judged.extend(changes.into_iter().map(|change| change.path));
    }
    let changes = opened.git.diff_trees(tip_tree, tree, Renames::Off)?;
    let (_, rules) = opened.file_and_rules(cx, onto)?;
    let links = led_astray_by_merge(opened, tip_tree, tree, &changes, &rules)?;
    if let Some((link, set)) = links.first().zip(sets.first()) {
        let why = format!("merged with {}, {}", entry.admission.branch, link.detail);
        return Ok(Some((set.clone(), why)));
    }
    let stray = changes
        .into_iter()
        .find(|change| !judged.contains(&change.path));
    Ok(stray.zip(sets.first()).map(|(change, set)| {
        let why = format!(
            "{} moved files since the change was judged, and it would now change {}; make it again on the tip",
            entry.admission.branch, change.path
        );
        (set.clone(), why)
    }))
}

/// Judges changes anew where the branch's rules are not those they were judged by.
fn stricter(
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    sets: &[ChangeSet],
    tip: &Oid,
) -> Result<Option<(ChangeSet, String)>, Error> {
    let (file, rules) = opened.file_and_rules(cx, tip)?;
    let policy = rules.digest();
    for set in sets {
        let Some(assessed) = set
            .assessed
            .as_ref()
            .filter(|assessed| assessed.policy != policy)
        else {
            continue;
        };
        let Some(preview) = preview(cx, opened, set)? else {
            continue;
        };
        let request = cx
            .store
            .get::<hyperion_model::request::Request>(entry.admission.request)?;
        let Some(request) = request else { continue };
        let accepted = preview.accepted()?;
        let (_, now) = judge(cx, opened, set, &request, &accepted, (tip, &file, &rules))?;
        let level = match now.decision {
            Decision::Allow => Level::Auto,
            Decision::Ask(level) => level,
            Decision::Deny => {
                let why = now.blockers.first().map(|blocker| blocker.detail.clone());
                return Ok(Some((
                    set.clone(),
                    why.unwrap_or_else(|| "it is refused now".to_owned()),
                )));
            }
        };
        if level > assessed.level {
            let why = format!(
                "it was approved at level {}, the branch asks for {level} now",
                assessed.level
            );
            return Ok(Some((set.clone(), why)));
        }
    }
    Ok(None)
}

/// Reads the change sets of an entry, in order.
pub(crate) fn sets_of(facts: &impl ReadFacts, entry: &Entry) -> Result<Vec<ChangeSet>, Error> {
    entry
        .admission
        .change_sets
        .iter()
        .map(|id| {
            let set = facts.get::<ChangeSet>(*id)?;
            set.ok_or_else(|| MissingFact::ChangeSet(*id).into())
        })
        .collect()
}
