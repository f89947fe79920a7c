//! Judges change sets, and asks or lets pass or refuses accordingly.

use std::sync::Arc;

use hyperion_fault::{Point, reached};
use hyperion_model::approval::{self, Owners, Question, Risk};
use hyperion_model::change_set::{self, Assessed, Basis, ChangeSet, Status};
use hyperion_model::machine::Machine as _;
use hyperion_model::plan::step::Cause;
use hyperion_model::request::Request;
use hyperion_model::{
    Command, Decision, Digest, Level, LineageId, Name, NewBlob, ShortText, Subject,
};
use hyperion_policy::{Assessment, Review, Severity, review};
use hyperion_store::Filter;
use serde::{Deserialize, Serialize};

use super::asked::{asked, content, judge, payload, refused_before, refused_words};
use super::owners::owners;
use super::stale::standing;
use super::{MadeItem, Preview, preview};
use crate::approval::QuestionDocument;
use crate::cx::json_blob;
use crate::error::{chain, git_id};
use crate::read_facts::ReadFacts;
use crate::reconcile::{Progress, Reconcile};
use crate::repo::Opened;
use crate::{Cx, Error, identity, rollback};

/// How many change sets are judged in one go; the queue gets its turn in between.
const BATCH: u32 = 4;

/// Why a change is asked about that rules alone would let pass.
const ASKED_BEFORE: &str = "a person was asked about an earlier version of it";
const TOUCHES_OWNED: &str = "it touches paths that somebody owns";

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
    blob: NewBlob,
    /// What refuses it, where something does.
    refused: Option<String>,
    /// What is asked about it.
    asked: QuestionDocument,
    content: Digest,
    /// Whose paths it touches.
    owners: Option<Owners>,
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
                    cause: Cause::Change,
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
        self.commit(cx, set, judged)
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
        let (file, rules) = opened.file_and_rules(cx, &tip)?;
        let rolls_back = request.submission.rolls_back.is_some();
        let (facts, mut assessment) =
            judge(cx, opened, set, request, accepted, (&tip, &file, &rules))?;
        if rolls_back {
            let level = rollback::level(cx, request)?;
            assessment = assessment.at_least(
                level,
                "rolling a landing back takes the same authority as the landing",
            );
        }
        if let Some(level) = asked_before(cx, set)? {
            assessment = assessment.at_least(level, ASKED_BEFORE);
            if assessment.decision == Decision::Allow {
                assessment.decision = Decision::Ask(assessment.level.max(level));
                assessment.reasons.insert(0, ASKED_BEFORE.to_owned());
            }
        }
        let owners = match identity::is_single_user(cx)? {
            true => None,
            false => owners(&rules, accepted),
        };
        if owners.is_some() && assessment.decision == Decision::Allow {
            assessment = assessment.at_least(Level::TeamLead, TOUCHES_OWNED);
            assessment.decision = Decision::Ask(assessment.level);
        }
        if request.submission.requires_approval {
            assessment = assessment.at_least(Level::TeamLead, "the request asks for an approval");
        }
        let mut asked = asked(cx, opened, set, request, preview, accepted)?;
        let content = content(set, &asked, accepted);
        let before = refused_before(cx, set, content)?.map(|before| refused_words(&before));
        let refused = match before {
            // What landed was wrong, however often it was said to stay.
            Some(before) if rolls_back => {
                assessment.reasons.push(before);
                None
            }
            before if set.proposal.dry_run => {
                assessment.reasons.extend(before);
                None
            }
            before => before,
        };
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
        let payload = payload(set, tree, &asked);
        asked.reasons.clone_from(&assessment.reasons);
        asked.tree = Some(tree.as_str().to_owned());
        let blocker = assessment.blockers.first();
        let refused = match assessment.decision {
            Decision::Deny => Some(blocker.map_or_else(
                || "policy refuses it".to_owned(),
                |blocker| format!("{}: {}", blocker.code.name(), blocker.detail),
            )),
            Decision::Allow | Decision::Ask(_) => refused,
        };
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
            blob,
            refused,
            asked,
            content,
            owners,
        })
    }

    fn commit(&self, cx: &Cx, set: &ChangeSet, judged: Judged) -> Result<(), Error> {
        let Judged {
            assessed,
            blob,
            refused,
            asked,
            content,
            owners,
        } = judged;
        let decision = assessed.decision;
        let mut blobs = vec![blob];
        let mut commands = vec![
            expect(set),
            Command::ChangeSet(set.id, change_set::Command::Assess(assessed.clone())),
        ];
        match (decision, refused) {
            (_, Some(why)) => {
                let reason = ShortText::cut(&why);
                commands.push(Command::ChangeSet(
                    set.id,
                    change_set::Command::Reject { reason },
                ));
            }
            (Decision::Deny, None) => {}
            // A dry run lands nothing, so there is nothing to ask.
            (Decision::Allow | Decision::Ask(_), None) if set.proposal.dry_run => {}
            (Decision::Allow, None) => {
                let approve = change_set::Command::Approve(Basis::Policy);
                commands.push(Command::ChangeSet(set.id, approve));
            }
            (Decision::Ask(level), None) => {
                let (question, document) =
                    question(cx, set, &assessed, (level, owners), &asked, content)?;
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

/// Says whom a change was asked of before: this one, of which parts were decided since, or the version that was sent back.
fn asked_before(cx: &Cx, set: &ChangeSet) -> Result<Option<Level>, Error> {
    let former = match set.proposal.supersedes {
        Some(former) => cx.store.get::<ChangeSet>(former)?,
        None => None,
    };
    let asked = [Some(set), former.as_ref()].into_iter().flatten();
    let asked = asked.filter(|set| set.questions > 0);
    let levels = asked.filter_map(|set| set.assessed.as_ref().map(|assessed| assessed.level));
    Ok(levels.max())
}

/// What is decided about a change holds only for the parts of it that were looked at.
fn expect(set: &ChangeSet) -> Command {
    Command::ChangeSet(set.id, change_set::Command::Expect(Box::new(set.clone())))
}

fn question(
    cx: &Cx,
    set: &ChangeSet,
    assessed: &Assessed,
    (level, owners): (Level, Option<Owners>),
    asked: &QuestionDocument,
    content: Digest,
) -> Result<(Question, NewBlob), Error> {
    let action = Name::new("land").map_err(|error| Error::Missing(error.to_string()))?;
    let document = json_blob(asked)?;
    let question = Question {
        lineage: LineageId::new(set.id.uuid()),
        key: action.clone(),
        generation: set.questions + 1,
        about: Subject::ChangeSet(set.id),
        action,
        level,
        risk: assessed.risk,
        digest: assessed.payload,
        content: Some(content),
        document: document.digest,
        request: Some(set.proposal.request),
        repo: Some(set.proposal.repo),
        expires_at: cx.now() + cx.settings.approval_ttl,
        owners,
    };
    Ok((question, document))
}

const fn risk(severity: Severity) -> Risk {
    match severity {
        Severity::Low => Risk::Low,
        Severity::Medium => Risk::Medium,
        Severity::High => Risk::High,
        Severity::Critical => Risk::Critical,
    }
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
                let cause = if lost.is_some() {
                    Cause::BaseLost
                } else {
                    Cause::Change
                };
                let reason = lost.unwrap_or_else(|| ShortText::cut(&chain(&error)));
                match self.end(cx, set, change_set::Command::Fail { cause, reason }) {
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
    facts: &impl ReadFacts,
    set: &ChangeSet,
    why: &str,
) -> Result<Option<Command>, Error> {
    let Some(id) = set.approval else {
        return Ok(None);
    };
    let approval = facts.get::<approval::Approval>(id)?;
    Ok(approval.filter(|approval| approval.row().open).map(|_| {
        Command::Approval(
            id,
            approval::Command::Cancel {
                reason: ShortText::cut(why),
            },
        )
    }))
}
