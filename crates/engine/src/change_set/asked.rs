//! What is judged and asked about a change, and what the answer is bound to.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_api::assignment::Assignment;
use hyperion_api::task_request::TaskRequest;
use hyperion_git::Oid;
use hyperion_model::approval::{Approval, Status};
use hyperion_model::change_set::ChangeSet;
use hyperion_model::plan::Plan;
use hyperion_model::request::Request;
use hyperion_model::run::Run;
use hyperion_model::{ChangeFacts, Digest};
use hyperion_policy::{Assessment, Rules, assess};
use hyperion_store::Filter;
use serde_json::{Value, json};

use super::links::led_astray;
use super::materialise::mode_bits;
use super::{
    MadeItem, Preview, accepted_lines, change_facts, mark_internal, moved_hunks, title,
    unified_diff,
};
use crate::approval::{QuestionDocument, TakenBack};
use crate::error::oid;
use crate::repo::{Opened, RepoFile};
use crate::{Cx, Error, rollback};

/// How many refused questions of a repository are compared with a new one, newest first.
const REFUSED_MAX: u32 = 500;

/// How a landing is taken back.
const UNDO: &str = "hyperion rollback takes it back, by a commit of its own";

/// Judges a change, with the checks that it adds to those of its branch, by the rules of that branch.
pub(crate) fn judge(
    cx: &Cx,
    opened: &Opened,
    set: &ChangeSet,
    request: &Request,
    accepted: &[MadeItem],
    (tip, file, rules): (&Oid, &RepoFile, &Rules),
) -> Result<(ChangeFacts, Assessment), Error> {
    let assignment = assignment(cx, set)?;
    let (owns, checks) = assignment.map_or_else(Default::default, |assignment| {
        (assignment.owns, assignment.checks)
    });
    let submission = &request.submission;
    let mut facts = change_facts(
        submission.class,
        accepted,
        owns,
        submission.source.is_outside(),
        submission.rolls_back.is_some(),
    );
    // What the branch runs anyway was decided when it came there.
    let runs_anyway = |check: &&String| file.checks.values().any(|known| known.run == **check);
    let added = checks.iter().filter(|check| !runs_anyway(check));
    mark_internal(&mut facts, &opened.git, tip);
    let astray = led_astray(opened, &oid(&set.proposal.base_tree)?, accepted, rules)?;
    let assessment = assess(&facts, rules, &cx.redactor)
        .refused_for(astray)
        .with_own_checks(added.map(String::as_str), rules);
    Ok((facts, assessment))
}

/// Finds what a change was made for; a new version may have been made for something else than its plan says.
pub(crate) fn assignment(cx: &Cx, set: &ChangeSet) -> Result<Option<Assignment>, Error> {
    if set.proposal.supersedes.is_some()
        && let Some(run) = cx.store.get::<Run>(set.proposal.run)?
    {
        return cx.read_json(run.spec);
    }
    let Some(plan) = cx.store.get::<Plan>(set.proposal.plan)? else {
        return Ok(None);
    };
    let document = crate::plan::plan_document(cx, plan.document)?;
    Ok(document.and_then(|document| {
        let mut assignments = document.assignments.into_iter();
        assignments.find(|assignment| assignment.step_id == set.proposal.step)
    }))
}

/// Gives what a new version says of itself, where that is not what was filed.
pub(crate) fn revised_text(
    cx: &Cx,
    set: &ChangeSet,
    filed: Option<&TaskRequest>,
) -> Result<Option<String>, Error> {
    if set.proposal.supersedes.is_none() {
        return Ok(None);
    }
    let Some(assignment) = assignment(cx, set)? else {
        return Ok(None);
    };
    let mut tasks = filed.iter().flat_map(|document| &document.tasks);
    let is_as_filed = tasks
        .any(|task| task.id == assignment.task_id && task.instructions == assignment.instructions);
    let text = assignment.instructions;
    Ok((!is_as_filed && !text.trim().is_empty()).then_some(text))
}

/// Lists the commands that a change brings along as checks; none once they were purged.
pub fn own_checks(cx: &Cx, set: &ChangeSet) -> Result<Vec<String>, Error> {
    let assignment = assignment(cx, set)?;
    Ok(assignment.map_or_else(Vec::new, |assignment| assignment.checks))
}

/// Gathers everything that a person is shown before they decide.
pub(super) fn asked(
    cx: &Cx,
    opened: &Opened,
    set: &ChangeSet,
    request: &Request,
    preview: &Preview,
    accepted: &[MadeItem],
) -> Result<QuestionDocument, Error> {
    let (additions, deletions) = accepted_lines(cx, set)?;
    Ok(QuestionDocument {
        summary: preview.summary.clone(),
        repo: opened.repo.name.as_str().to_owned(),
        branch: request.submission.branch.as_str().to_owned(),
        checks: own_checks(cx, set)?,
        files: u32::try_from(accepted.len()).unwrap_or(u32::MAX),
        additions,
        deletions,
        takes_back: takes_back(cx, request)?,
        reasons: Vec::new(),
        diff: Some(unified_diff(accepted)),
        moved_hunks: moved_hunks(accepted),
        undo: Some(UNDO.to_owned()),
        ..QuestionDocument::default()
    })
}

fn takes_back(cx: &Cx, request: &Request) -> Result<Vec<TakenBack>, Error> {
    let Some(original) = request.submission.rolls_back else {
        return Ok(Vec::new());
    };
    let mut taken = Vec::new();
    let only = request.submission.rolls_back_entry;
    for entry in rollback::landed(cx, original, only)? {
        let mut titles = Vec::new();
        for id in &entry.admission.change_sets {
            if let Some(set) = cx.store.get::<ChangeSet>(*id)? {
                titles.extend(title(cx, &set)?);
            }
        }
        taken.push(TakenBack {
            commit: entry.commit.map(|id| id.to_string()).unwrap_or_default(),
            title: titles.join("; "),
        });
    }
    Ok(taken)
}

/// Gives what a decision about a change is bound to: exactly what would land and run, where, and its diff.
pub(super) fn payload(
    set: &ChangeSet,
    tree: &hyperion_git::Oid,
    asked: &QuestionDocument,
) -> Digest {
    let mut bound = bound(set, asked);
    bound["details"]["change_set"] = json!(set.id.to_string());
    bound["details"]["base_tree"] = json!(set.proposal.base_tree.as_str());
    bound["details"]["tree"] = json!(tree.as_str());
    Digest::of_json(&bound)
}

/// Gives what makes a change the same whoever files it, when, and in whatever words.
///
/// That is what each path holds afterwards, not how it came there: a rename is a file made and another one taken away.
pub(super) fn content(set: &ChangeSet, asked: &QuestionDocument, accepted: &[MadeItem]) -> Digest {
    let mut results = BTreeMap::new();
    for item in accepted.iter().filter(|item| is_change(item)) {
        if let Some(from) = item.from_path.as_ref().filter(|from| **from != item.path) {
            results.entry(from.as_str()).or_insert(Value::Null);
        }
        let result = item
            .new
            .as_ref()
            .map(|side| json!([mode_bits(side.mode), Digest::of(&side.bytes).to_string()]));
        results.insert(item.path.as_str(), json!(result));
    }
    // What is run is the same in whatever order, however often and with whatever blanks around it.
    let checks: BTreeSet<&str> = asked.checks.iter().map(|check| check.trim()).collect();
    let bound = bound(set, asked);
    Digest::of_json(&json!({
        "action": bound["action"],
        "repo": bound["details"]["repo"],
        "branch": bound["details"]["branch"],
        "takes_back": bound["details"]["takes_back"],
        "checks": checks,
        "results": results,
    }))
}

fn is_change(item: &MadeItem) -> bool {
    item.old != item.new || item.from_path.is_some()
}

fn bound(set: &ChangeSet, asked: &QuestionDocument) -> Value {
    // Exhaustive, so that whoever shows more decides whether an answer is bound to it.
    let QuestionDocument {
        summary: _,
        repo: _,
        branch,
        checks,
        files,
        additions,
        deletions,
        takes_back,
        reasons: _,
        diff,
        // What comes of them is in the diff.
        moved_hunks: _,
        // Of what others ask.
        details: _,
        risk_reasons: _,
        place: _,
        rule: _,
        undo: _,
        // Bound beside this.
        tree: _,
    } = asked;
    json!({
        "action": "land",
        "details": {
            "repo": set.proposal.repo.to_string(),
            "branch": branch,
            "checks": checks,
            "files": files,
            "additions": additions,
            "deletions": deletions,
            "takes_back": takes_back.iter().map(|taken| &taken.commit).collect::<Vec<_>>(),
        },
        "diff": Digest::of(diff.as_deref().unwrap_or_default().as_bytes()).to_string(),
    })
}

/// Finds the question about the very same change that a person said no to.
pub(super) fn refused_before(
    cx: &Cx,
    set: &ChangeSet,
    content: Digest,
) -> Result<Option<Approval>, Error> {
    let filter = Filter {
        archived: true,
        ..Filter::default()
    };
    let filter = filter.repo(set.proposal.repo).newest().limit(REFUSED_MAX);
    let refused = cx
        .store
        .list::<Approval>(&filter.status(Status::Rejected.name()))?
        .rows;
    Ok(refused
        .into_iter()
        // What was only sent back may come again.
        .filter(|approval| {
            let verdict = approval.verdict.as_ref();
            !verdict.is_some_and(|verdict| verdict.changes_requested)
        })
        .find(|approval| approval.question.content == Some(content)))
}

/// Says who refused it, when and why.
pub(super) fn refused_words(refused: &Approval) -> String {
    let Some(verdict) = &refused.verdict else {
        return "this very change was rejected before".to_owned();
    };
    let why = verdict.reason.as_ref();
    format!(
        "this very change was rejected before, by {} on {} (approval {}){}",
        verdict.by,
        verdict.at.strftime("%Y-%m-%d"),
        refused.id.short(),
        why.map(|why| format!(": {why}")).unwrap_or_default(),
    )
}
