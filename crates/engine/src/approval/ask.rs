//! Asking people: one question, whoever asks it, found again by its lineage and key.
//!
//! Asking is idempotent. The same key with the same content gives the approval that stands, also after it was decided; with other content
//! it is refused. After nobody decided in time, or a person asked for changes, the same key opens the next generation.

use std::time::Duration;

use hyperion_api::approval::Place;
use hyperion_api::{FieldError, Problem};
use hyperion_model::approval::{self, Approval, MAX_TTL, Question, Risk, Status};
use hyperion_model::{
    Actor, ApprovalId, Command, Digest, Level, LineageId, Name, Refusal, RepoId, RequestId,
    Subject, Uuid,
};
use hyperion_store::{Filter, StoreError};
use serde_json::{Value, json};

use super::QuestionDocument;
use crate::cx::json_blob;
use crate::{Cx, Error};

/// The most questions of one run that wait at once.
const RUN_PENDING_MAX: u64 = 32;
/// The most new questions of one run in a minute.
const RUN_PER_MINUTE_MAX: u64 = 60;
/// The most characters of a summary.
const SUMMARY_CHARS_MAX: usize = 1000;
/// The most bytes of the details, as JSON.
const DETAILS_BYTES_MAX: usize = 256 * 1024;
/// The most bytes of a diff.
const DIFF_BYTES_MAX: usize = 1024 * 1024;
/// How often is looked again where somebody else asks the same at the same time.
const ATTEMPTS: u32 = 4;

/// What somebody wants to have decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// All starts of whoever asks.
    pub lineage: LineageId,
    /// Names the question within the lineage.
    pub key: Name,
    /// What would be done, in a word.
    pub action: Name,
    /// What would be done, in a sentence.
    pub summary: String,
    /// All that is to be known about it; the answer is bound to it.
    pub details: Value,
    /// What it changes; the answer is bound to it.
    pub diff: Option<String>,
    /// How risky it looks.
    pub risk: Risk,
    /// Why.
    pub risk_reasons: Vec<String>,
    /// Who has to agree.
    pub level: Level,
    /// What the answer moves on.
    pub about: Subject,
    /// The request it belongs to.
    pub request: Option<RequestId>,
    /// The repository it is about.
    pub repo: Option<RepoId>,
    /// How long it stands; else as long as the settings say.
    pub ttl: Option<Duration>,
    /// Where it would happen.
    pub place: Option<Place>,
    /// The rule by which it is asked.
    pub rule: Option<String>,
    /// How it can be taken back.
    pub undo: Option<String>,
}

impl Wanted {
    /// Gives what an answer is bound to.
    pub fn digest(&self) -> Digest {
        Digest::of_json(&json!({
            "action": self.action.as_str(),
            "details": self.details,
            "diff": self.diff,
        }))
    }

    fn check(&self) -> Result<(), Problem> {
        let mut wrong = Vec::new();
        let mut add = |pointer: &str, detail: String| {
            wrong.push(FieldError {
                pointer: pointer.to_owned(),
                detail,
            });
        };
        let length = self.summary.chars().count();
        if self.summary.trim().is_empty() || length > SUMMARY_CHARS_MAX {
            add(
                "/summary",
                format!("say what would happen, in 1 to {SUMMARY_CHARS_MAX} characters"),
            );
        }
        if self.details.to_string().len() > DETAILS_BYTES_MAX {
            add(
                "/details",
                format!("it has more than {DETAILS_BYTES_MAX} bytes as JSON: name the rest in it"),
            );
        }
        if self
            .diff
            .as_ref()
            .is_some_and(|diff| diff.len() > DIFF_BYTES_MAX)
        {
            add("/diff", format!("it has more than {DIFF_BYTES_MAX} bytes"));
        }
        if self
            .ttl
            .is_some_and(|ttl| ttl < Duration::from_secs(1) || ttl > MAX_TTL)
        {
            let days = MAX_TTL.as_secs() / 86_400;
            add("/ttl_sec", format!("give 1 second to {days} days"));
        }
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(
                Problem::new("input.invalid", "this cannot be asked as it is put").errors(wrong),
            ),
        }
    }
}

/// Says who has to agree to what a tool asks, by how risky it says that is.
pub const fn level_for(risk: Risk) -> Level {
    match risk {
        Risk::Low | Risk::Medium => Level::TeamLead,
        Risk::High => Level::Admin,
        Risk::Critical => Level::ManualOnly,
    }
}

/// Names the lineage of what a person's own scripts ask, outside of any run: the same key by the same person is the same question.
pub fn of_person(actor: &Actor, repo: Option<RepoId>) -> LineageId {
    let repo = repo.map(|repo| repo.to_string()).unwrap_or_default();
    let name = format!("{}\n{repo}", actor.id());
    LineageId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()))
}

/// Asks, or gives the approval that stands.
#[allow(
    clippy::needless_pass_by_value,
    reason = "what was wanted is asked once"
)]
pub fn ask(cx: &Cx, actor: &Actor, wanted: Wanted) -> Result<Approval, Error> {
    wanted.check()?;
    let digest = wanted.digest();
    let mut attempt = 1;
    loop {
        let generation = match latest(cx, wanted.lineage, wanted.key.as_str())? {
            None => 1,
            Some(before) if may_be_asked_again(&before) => before.question.generation + 1,
            Some(stands) if stands.question.digest == digest => return Ok(stands),
            Some(stands) => return Err(key_reused(&wanted, &stands, digest).into()),
        };
        match commit(cx, actor, &wanted, digest, generation) {
            // Somebody else asked it in this moment.
            Err(Error::Store(StoreError::Refused {
                refusal: Refusal::Exists(_),
                ..
            })) if attempt < ATTEMPTS => attempt += 1,
            other => return other,
        }
    }
}

/// Tells whether the same key asks anew.
fn may_be_asked_again(approval: &Approval) -> bool {
    let verdict = approval.verdict.as_ref();
    approval.status == Status::Expired || verdict.is_some_and(|verdict| verdict.changes_requested)
}

fn commit(
    cx: &Cx,
    actor: &Actor,
    wanted: &Wanted,
    digest: Digest,
    generation: u32,
) -> Result<Approval, Error> {
    if let Subject::Run(run) = wanted.about {
        within_limits(cx, Filter::default().run(run))?;
    }
    let Wanted {
        lineage,
        key,
        action,
        summary,
        details,
        diff,
        risk,
        risk_reasons,
        level,
        about,
        request,
        repo,
        ttl,
        place,
        rule,
        undo,
    } = wanted.clone();
    let repo_name = match repo {
        Some(repo) => cx
            .store
            .get::<hyperion_model::repo::Repo>(repo)?
            .map(|repo| repo.name.to_string())
            .unwrap_or_default(),
        None => String::new(),
    };
    let document = json_blob(&QuestionDocument {
        summary,
        repo: repo_name,
        diff,
        details: (!details.is_null()).then_some(details),
        risk_reasons,
        place,
        rule,
        undo,
        ..QuestionDocument::default()
    })?;
    let question = Question {
        lineage,
        key,
        generation,
        about,
        action,
        level,
        risk,
        digest,
        content: None,
        owners: None,
        document: document.digest,
        request,
        repo,
        expires_at: cx.now() + ttl.unwrap_or(cx.settings.approval_ttl),
    };
    let id = question.id();
    let command = Command::Approval(id, approval::Command::Ask(question));
    cx.execute(cx.stamp_person(actor), vec![command], vec![document])?;
    super::shown::find(cx, id)
}

/// Finds the last generation of a question: each has the one before, so it is found by doubling and halving.
pub fn latest(cx: &Cx, lineage: LineageId, key: &str) -> Result<Option<Approval>, Error> {
    let get = |generation| {
        let id = ApprovalId::derive(lineage, key, generation);
        cx.store.get::<Approval>(id)
    };
    let Some(mut found) = get(1)? else {
        return Ok(None);
    };
    let (mut there, mut step) = (1_u32, 1_u32);
    while let Some(later) = get(there.saturating_add(step))? {
        found = later;
        there = there.saturating_add(step);
        step = step.saturating_mul(2);
    }
    while step > 1 {
        step /= 2;
        if let Some(later) = get(there.saturating_add(step))? {
            found = later;
            there = there.saturating_add(step);
        }
    }
    Ok(Some(found))
}

/// Refuses more questions of a run than people can read.
pub(crate) fn within_limits(cx: &Cx, of_run: Filter) -> Result<(), Error> {
    let pending = Filter {
        open: Some(true),
        ..of_run.clone()
    };
    let minute = Filter {
        since: Some(cx.now() - Duration::from_secs(60)),
        ..of_run
    };
    let detail = if cx.store.count::<Approval>(&pending)? >= RUN_PENDING_MAX {
        format!("{RUN_PENDING_MAX} questions from there wait already")
    } else if cx.store.count::<Approval>(&minute)? >= RUN_PER_MINUTE_MAX {
        format!("{RUN_PER_MINUTE_MAX} questions were asked from there within a minute")
    } else {
        return Ok(());
    };
    Err(Problem::new("approval.too_many", detail)
        .hint("wait until some are decided; ask about several things in one question")
        .into())
}

fn key_reused(wanted: &Wanted, stands: &Approval, digest: Digest) -> Problem {
    let detail = format!(
        "the key {:?} belongs to another question, approval {} ({}): that one has the digest {}, this one {digest}",
        wanted.key.as_str(),
        stands.id.short(),
        stands.status.name(),
        stands.question.digest,
    );
    Problem::new("approval.key_reused", detail).hint(
        "give what is asked now a key of its own, or ask with the same action, details and diff",
    )
}
