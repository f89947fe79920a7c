//! Merges an entry's changes with the branch's tip, in memory.

use hyperion_git::{ConflictFile, MergeSides, Merged, NewCommit, Oid, Signature};
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::{Candidate, Entry};
use hyperion_model::machine::Machine as _;
use hyperion_model::{Decision, Level};
use hyperion_policy::assess;

use super::message;
use crate::change_set::{change_facts, owned, preview};
use crate::error::{git_id, oid};
use crate::repo::Opened;
use crate::{Cx, Error};

/// What merging an entry came to.
pub(super) enum Outcome {
    /// The tip with the changes on top.
    Candidate(Candidate),
    /// The branch has all of it already.
    Nothing,
    /// It conflicts with what landed before it.
    Conflict {
        /// The change set at fault.
        set: Box<ChangeSet>,
        /// The tip it conflicts with.
        tip: Oid,
        /// Where.
        files: Vec<ConflictFile>,
    },
    /// The branch's rules became stricter than what the change was judged by.
    Policy {
        /// The change set at fault.
        set: Box<ChangeSet>,
        /// What the rules say now.
        why: String,
    },
}

/// Merges every change of an entry onto `onto`, one after the other.
pub(super) fn merge(
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    sets: &[ChangeSet],
    onto: &Oid,
) -> Result<Outcome, Error> {
    if let Some((set, why)) = stricter(cx, opened, entry, sets, onto)? {
        return Ok(Outcome::Policy {
            set: Box::new(set),
            why,
        });
    }
    let tip_tree = opened.git.tree_of(onto)?;
    let mut tree = tip_tree.clone();
    for set in sets {
        let assessed = set
            .assessed
            .as_ref()
            .ok_or_else(|| Error::Missing(format!("the assessment of change set {}", set.id)))?;
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
        return Ok(Outcome::Nothing);
    }
    let commit = commit(cx, opened, entry, sets, onto, &tree)?;
    // The fact about to be committed names these objects: they have to be durable first.
    opened.git.sync()?;
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

/// Judges changes anew where the branch's rules are not those they were judged by.
fn stricter(
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    sets: &[ChangeSet],
    tip: &Oid,
) -> Result<Option<(ChangeSet, String)>, Error> {
    let (_, rules) = opened.file_and_rules(cx, tip)?;
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
        let submission = &request.submission;
        let facts = change_facts(
            submission.class,
            &preview.accepted()?,
            owned(cx, set)?,
            submission.source.is_outside(),
            submission.rolls_back.is_some(),
        );
        let now = assess(&facts, &rules, &cx.redactor);
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
pub(super) fn sets_of(cx: &Cx, entry: &Entry) -> Result<Vec<ChangeSet>, Error> {
    entry
        .admission
        .change_sets
        .iter()
        .map(|id| {
            let set = cx.store.get::<ChangeSet>(*id)?;
            set.ok_or_else(|| Error::Missing(format!("{} {id}", ChangeSet::NOUN)))
        })
        .collect()
}
