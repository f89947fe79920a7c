//! What a person is shown of a question, and whether that was all of it before they agree.
//!
//! A mask takes out what may be a secret, and with it a part of what would land. So a question in which something is
//! masked is agreed to only by somebody who was shown it whole, and that is a fact of its own.

use std::borrow::Cow;

use hyperion_api::Problem;
use hyperion_model::approval::{self, Approval, Status};
use hyperion_model::{Actor, ApprovalId, Command, Digest};
use hyperion_policy::Redactor;

use super::{QuestionDocument, document};
use crate::{Cx, Error};

/// A question as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The diff.
    pub diff: Option<String>,
    /// The commands that the change brings along as checks.
    pub checks: Vec<String>,
    /// The details, as JSON that people can read.
    pub details: Option<String>,
    /// How many lines of them have something masked.
    pub lines_masked: usize,
}

impl QuestionDocument {
    /// Gives what is shown of it by itself: without what may be a secret.
    pub fn masked(&self, redactor: &Redactor) -> Shown {
        let diff = self.diff.as_ref().map(|diff| redactor.redact_diff(diff));
        let checks = || self.checks.iter().map(|check| redactor.redact(check));
        let masked = checks()
            .zip(&self.checks)
            .filter(|(shown, whole)| shown != *whole);
        let whole = self.details_text();
        let details = whole.as_ref().map(|details| redactor.redact(details));
        let of_details = whole.as_ref().zip(details.as_ref());
        let of_details = of_details.map_or(0, |(whole, shown)| lines_changed(whole, shown));
        Shown {
            lines_masked: diff.as_ref().map_or(0, |diff| diff.lines_masked)
                + masked.count()
                + of_details,
            diff: diff.map(|diff| diff.text.into_owned()),
            checks: checks().map(Cow::into_owned).collect(),
            details: details.map(Cow::into_owned),
        }
    }

    /// Gives the details as JSON that people can read; nothing where there are none.
    pub fn details_text(&self) -> Option<String> {
        let details = self.details.as_ref()?;
        let is_empty = details.as_object().is_some_and(serde_json::Map::is_empty);
        (!is_empty).then(|| serde_json::to_string_pretty(details).unwrap_or_default())
    }
}

/// Counts the lines that a mask changed; where it took line ends away, the lines that are missing count as well.
fn lines_changed(whole: &str, shown: &str) -> usize {
    let differ = whole.lines().zip(shown.lines());
    let differ = differ.filter(|(whole, shown)| whole != shown).count();
    differ + whole.lines().count().abs_diff(shown.lines().count())
}

/// Gives a question with nothing masked to somebody who may decide it, and records that they were shown it.
pub fn look_at_whole(
    cx: &Cx,
    actor: &Actor,
    id: ApprovalId,
    digest: Option<Digest>,
) -> Result<(Approval, QuestionDocument), Error> {
    let asked = find(cx, id)?;
    let question = document(cx, &asked)?.ok_or_else(|| purged(id))?;
    let command = approval::Command::LookAt {
        digest: digest.unwrap_or(asked.question.digest),
    };
    cx.execute(
        cx.stamp_person(actor),
        vec![Command::Approval(id, command)],
        vec![],
    )?;
    Ok((find(cx, id)?, question))
}

/// Refuses that somebody agrees to what they were not shown.
pub(super) fn require_shown(cx: &Cx, actor: &Actor, approval: &Approval) -> Result<(), Error> {
    // What is decided already says so itself.
    if approval.status != Status::Pending {
        return Ok(());
    }
    let masked = lines_masked(cx, approval)?;
    let looked = approval.looked_at.as_ref();
    if masked == 0 || looked.is_some_and(|looked| looked.by.id() == actor.id()) {
        return Ok(());
    }
    let lines = match masked {
        1 => "1 line of it is".to_owned(),
        several => format!("{several} lines of it are"),
    };
    let detail = format!(
        "{lines} masked, and {} was not shown what stands there",
        actor.id()
    );
    Err(Problem::new("approval.masked", detail)
        .hint(format!(
            "look at it whole with `hyperion approval show {} --unmasked`, then decide",
            id_of(approval)
        ))
        .into())
}

/// Counts the lines that are masked where a question is shown.
pub(super) fn lines_masked(cx: &Cx, approval: &Approval) -> Result<usize, Error> {
    let document = document(cx, approval)?;
    Ok(document.map_or(0, |document| document.masked(&cx.redactor).lines_masked))
}

fn id_of(approval: &Approval) -> String {
    approval.id.short().to_string()
}

pub(super) fn find(cx: &Cx, id: ApprovalId) -> Result<Approval, Error> {
    cx.store.get::<Approval>(id)?.ok_or_else(|| {
        Problem::new(
            "subject.not_found",
            format!("there is no approval {}", id.short()),
        )
        .into()
    })
}

fn purged(id: ApprovalId) -> Error {
    let detail = format!("the content of approval {} was purged", id.short());
    Problem::new("subject.not_found", detail)
        .hint("it is kept for `files.backup_retention_hours` after a change ended; what landed is read from git")
        .into()
}
