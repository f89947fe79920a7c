//! Judges change sets, and asks or lets pass or refuses accordingly.

use std::sync::Arc;

use hyperion_api::change_set::MovedHunk;
use hyperion_fault::{Point, reached};
use hyperion_model::approval::{self, Question, Risk};
use hyperion_model::change_set::{self, Assessed, Basis, ChangeSet, Status};
use hyperion_model::machine::Machine as _;
use hyperion_model::plan::{Plan, step};
use hyperion_model::request::Request;
use hyperion_model::{
    Command, Decision, Digest, Level, LineageId, Name, NewBlob, ShortText, Subject,
};
use hyperion_policy::{Assessment, Review, Severity, assess, review};
use hyperion_store::Filter;
use serde::{Deserialize, Serialize};

use super::links::led_astray;
use super::stale::standing;
use super::{
    MadeItem, Preview, change_facts, mark_internal, moved_hunks, preview, unified_diff,
};
use crate::approval::QuestionDocument;
use crate::cx::json_blob;
use crate::error::{chain, git_id, oid};
use crate::look::Look;
use crate::reconcile::{Progress, Reconcile};
use crate::repo::Opened;
use crate::{Cx, Error, rollback};

/// How many change sets are judged in one go; the queue gets its turn in between.
const BATCH: u32 = 4;

/// What is said about a change set, in full.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AssessmentDocument {
    /// What policy says.
    pub assessment: Assessment,
    /// What the rule-based reviewer says.
    pub review: Review,
}

/// Judges change sets.
pub(crate) struct Assess {
    name: Name,
}

/// Everything a judgement rests on.
struct Judged {
    assessed: Assessed,
    document: AssessmentDocument,
    blob: NewBlob,
    summary: String,
    diff: String,
    moved_hunks: Vec<MovedHunk>,
}

impl Assess {
    pub(crate) const fn new(name: Name) -> Self {
        Self { name }
    }

    fn judge(&self, cx: &Cx, set: &ChangeSet) -> Result<(), Error> {
        let opened = cx.repos.open(cx, set.proposal.repo)?;
        let request = cx
            .store
            .get::<Request>(set.proposal.request)?
            .ok_or_else(|| Error::Missing(format!("request {}", set.proposal.request)))?;
        let Some(preview) = preview(cx, &opened, set)? else {
            return self.end(
                cx,
                set,
                change_set::Command::Fail {
                    reason: ShortText::cut("its content was purged before it was judged"),
                },
            );
        };
        let accepted = preview.accepted()?;
        if accepted.is_empty() {
            return self.end(
                cx,
                set,
                change_set::Command::Reject {
                    reason: ShortText::cut("every part of it was rejected"),
                },
            );
        }
        let judged = self.weigh(cx, &opened, set, &request, &preview, &accepted)?;
        self.commit(cx, &opened, set, judged)
    }

    fn weigh(
        &self,
        cx: &Cx,
        opened: &Opened,
        set: &ChangeSet,
        request: &Request,
        preview: &Preview,
        accepted: &[MadeItem],
    ) -> Result<Judged, Error> {
        let tip = opened.tip(&request.submission.branch)?;
        let (_, rules) = opened.file_and_rules(cx, &tip)?;
        let owns = owned(cx, set)?;
        let rolls_back = request.submission.rolls_back.is_some();
        let mut facts = change_facts(
            request.submission.class,
            accepted,
            owns,
            request.submission.source.is_outside(),
            rolls_back,
        );
        let base_tree = oid(&set.proposal.base_tree)?;
        let astray = led_astray(opened, &base_tree, accepted, &rules)?;
        mark_internal(&mut facts, &opened.git, &tip);
        let mut assessment = assess(&facts, &rules, &cx.redactor).refused_for(astray);
        if rolls_back {
            let level = rollback::level(cx, request)?;
            assessment = assessment.at_least(
                level,
                "taking a landing back needs the authority of the landing",
            );
            let landings = rollback::takes_back(cx, request)?;
            assessment.reasons.extend(landings);
        }
        if request.submission.requires_approval {
            assessment = assessment.at_least(Level::TeamLead, "the request asks for an approval");
        }
        let review = review(&facts, &rules, &assessment);
        let draft = preview.accepted_tree(opened, set, accepted)?;
        if assessment.allowed() {
            // The fact about to be committed names this tree: it has to be durable first. That of what is refused nobody reads.
            opened.git.keep(&draft)?;
            reached(Point::ChangeKept);
            opened.git.sync()?;
            let branch = &request.submission.branch;
            let standing = standing(cx, opened, set, branch, &tip, draft.tree())?;
            assessment.reasons.splice(0..0, standing);
        }
        reached(Point::ChangeJudged);
        let tree = draft.tree();
        let diff = unified_diff(accepted);
        let payload = payload(set, request, tree, &diff);
        let document = AssessmentDocument { assessment, review };
        let blob = json_blob(&document)?;
        let assessed = Assessed {
            decision: document.assessment.decision,
            level: document.assessment.level,
            risk: risk(document.assessment.severity),
            document: blob.digest,
            tree: git_id(tree)?,
            payload,
            policy: rules.digest(),
        };
        Ok(Judged {
            assessed,
            document,
            blob,
            summary: preview.summary.clone(),
            diff,
            moved_hunks: moved_hunks(accepted),
        })
    }

    fn commit(
        &self,
        cx: &Cx,
        opened: &Opened,
        set: &ChangeSet,
        judged: Judged,
    ) -> Result<(), Error> {
        let Judged {
            assessed,
            document,
            blob,
            summary,
            diff,
            moved_hunks,
        } = judged;
        let decision = assessed.decision;
        let mut blobs = vec![blob];
        let mut commands = vec![
            expect(set),
            Command::ChangeSet(set.id, change_set::Command::Assess(assessed.clone())),
        ];
        match decision {
            Decision::Deny => {
                let why = document.assessment.blockers.first().map_or_else(
                    || "policy refuses it".to_owned(),
                    |blocker| format!("{}: {}", blocker.code.name(), blocker.detail),
                );
                let reason = ShortText::cut(&why);
                commands.push(Command::ChangeSet(
                    set.id,
                    change_set::Command::Reject { reason },
                ));
            }
            // A dry run lands nothing, so there is nothing to ask.
            Decision::Allow | Decision::Ask(_) if set.proposal.dry_run => {}
            Decision::Allow => {
                let approve = change_set::Command::Approve(Basis::Policy);
                commands.push(Command::ChangeSet(set.id, approve));
            }
            Decision::Ask(level) => {
                let about = QuestionDocument {
                    summary,
                    repo: opened.repo.name.as_str().to_owned(),
                    reasons: document.assessment.reasons.clone(),
                    diff: Some(diff),
                    moved_hunks,
                };
                let (question, document) = question(cx, set, &assessed, level, &about)?;
                commands.push(Command::Approval(
                    question.id(),
                    approval::Command::Ask(question.clone()),
                ));
                let ask = change_set::Command::Ask {
                    approval: question.id(),
                };
                commands.push(Command::ChangeSet(set.id, ask));
                blobs.push(document);
            }
        }
        cx.execute(cx.stamp(&self.name), commands, blobs)?;
        reached(Point::ChangeAssessed);
        Ok(())
    }

    fn end(&self, cx: &Cx, set: &ChangeSet, command: change_set::Command) -> Result<(), Error> {
        cx.execute(
            cx.stamp(&self.name),
            vec![expect(set), Command::ChangeSet(set.id, command)],
            vec![],
        )?;
        Ok(())
    }
}

/// What is decided about a change holds only for the parts of it that were looked at.
fn expect(set: &ChangeSet) -> Command {
    Command::ChangeSet(set.id, change_set::Command::Expect(Box::new(set.clone())))
}

fn question(
    cx: &Cx,
    set: &ChangeSet,
    assessed: &Assessed,
    level: Level,
    about: &QuestionDocument,
) -> Result<(Question, NewBlob), Error> {
    let action = Name::new("land").map_err(|error| Error::Missing(error.to_string()))?;
    let document = json_blob(about)?;
    let question = Question {
        lineage: LineageId::new(set.id.uuid()),
        key: action.clone(),
        generation: set.questions + 1,
        about: Subject::ChangeSet(set.id),
        action,
        level,
        risk: assessed.risk,
        digest: assessed.payload,
        document: document.digest,
        request: Some(set.proposal.request),
        repo: Some(set.proposal.repo),
        expires_at: cx.now() + cx.settings.approval_ttl,
    };
    Ok((question, document))
}

/// Gives what a decision about a change is bound to: exactly what would land, where, and its diff.
fn payload(set: &ChangeSet, request: &Request, tree: &hyperion_git::Oid, diff: &str) -> Digest {
    Digest::of_json(&serde_json::json!({
        "action": "land",
        "details": {
            "change_set": set.id.to_string(),
            "repo": set.proposal.repo.to_string(),
            "branch": request.submission.branch.as_str(),
            "base_tree": set.proposal.base_tree.as_str(),
            "tree": tree.as_str(),
        },
        "diff": Digest::of(diff.as_bytes()).to_string(),
    }))
}

const fn risk(severity: Severity) -> Risk {
    match severity {
        Severity::Low => Risk::Low,
        Severity::Medium => Risk::Medium,
        Severity::High => Risk::High,
        Severity::Critical => Risk::Critical,
    }
}

/// Gives the globs that a change set's assignment owns.
pub(crate) fn owned(cx: &Cx, set: &ChangeSet) -> Result<Vec<String>, Error> {
    let Some(plan) = cx.store.get::<Plan>(set.proposal.plan)? else {
        return Ok(Vec::new());
    };
    let document = crate::intake::plan_document(cx, plan.document)?;
    let assignment = document.and_then(|document| {
        document
            .assignments
            .into_iter()
            .find(|a| a.step_id == set.proposal.step)
    });
    Ok(assignment
        .map(|assignment| assignment.owns)
        .unwrap_or_default())
}

/// Says which step that a step depends on did not come to be.
pub(crate) fn dependency_failed(plan: &Plan, number: u32) -> Option<ShortText> {
    let wanted = plan.step(number)?;
    let failed = wanted
        .depends_on
        .iter()
        .filter_map(|on| plan.step(*on))
        .find(|on| on.status == step::Status::Failed)?;
    Some(ShortText::cut(&format!(
        "task {} did not land, and this depends on it",
        failed.task
    )))
}

impl Reconcile for Assess {
    fn name(&self) -> &'static str {
        "assess"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        let pending = Filter::open().status(Status::Pending.name()).limit(BATCH);
        let sets = cx.store.list::<ChangeSet>(&pending)?.rows;
        for set in &sets {
            if let Err(error) = self.judge(cx, set) {
                if error.is_passing() {
                    return Err(error);
                }
                // Somebody decided about a part of it meanwhile: it is judged anew.
                if error.is_stale() {
                    continue;
                }
                let lost = cx
                    .repos
                    .lost_base(cx, set.proposal.repo, &set.proposal.base_commit);
                let reason = lost.unwrap_or_else(|| ShortText::cut(&chain(&error)));
                match self.end(cx, set, change_set::Command::Fail { reason }) {
                    Err(error) if error.is_stale() => {}
                    ended => ended?,
                }
            }
        }
        Ok(Progress::worked(!sets.is_empty()))
    }
}

/// Cancels the question that waits about a change set, if one does.
pub(crate) fn cancel_question(
    look: &impl Look,
    set: &ChangeSet,
    why: &str,
) -> Result<Option<Command>, Error> {
    let Some(id) = set.approval else {
        return Ok(None);
    };
    let approval = look.get::<approval::Approval>(id)?;
    Ok(approval.filter(|approval| approval.row().open).map(|_| {
        Command::Approval(
            id,
            approval::Command::Cancel {
                reason: ShortText::cut(why),
            },
        )
    }))
}
