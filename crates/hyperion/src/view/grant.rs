//! Grants.

use hyperion_api::grant::{Grant, Rehearsal};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{count, field};
use crate::id::short;
use crate::output::style::{self, paint};
use crate::output::table::{Cell, Table, fixed, number, prose};
use crate::output::visible::visible;
use crate::time::{ago, local};

/// How many questions of one kind are named; the rest is counted.
const NAMED_MAX: usize = 10;

/// Writes a list.
pub(crate) fn table(grants: &[Grant], now: Timestamp, width: Option<usize>) -> String {
    let mut table = Table::new([
        fixed("ID"),
        fixed("STATUS"),
        prose("SHAPE"),
        fixed("FOR"),
        number("USED"),
        fixed("ENDS"),
        fixed("BY").optional(),
        fixed("AGE").optional(),
    ]);
    for grant in grants {
        table.row([
            short(&grant.id).into(),
            Cell::status(&grant.status),
            shape(grant).into(),
            subject(grant).into(),
            uses(grant).into(),
            grant
                .expires_at
                .as_deref()
                .map_or_else(String::new, |at| ago(at, now))
                .into(),
            (&grant.granted_by).into(),
            ago(&grant.granted_at, now).into(),
        ]);
    }
    table.render(width)
}

/// Says in one line what a grant answers.
pub(crate) fn line(grant: &Grant) -> String {
    let shape = shape(grant);
    format!("`{}` for {}", visible(&shape), visible(&subject(grant)))
}

/// Writes a grant.
pub(crate) fn block(grant: &Grant, zone: &TimeZone) -> String {
    let title = paint(style::STRONG, &visible(&shape(grant)));
    let mut text = format!("Grant {}  {title}\n", short(&grant.id));
    text.push_str(&field("id", &grant.id));
    let mut status = style::state(&grant.status);
    if let Some(by) = &grant.revoked_by {
        status.push_str(&format!(" by {}", visible(by)));
    }
    if let Some(reason) = &grant.reason {
        status.push_str(&format!(": {}", visible(reason)));
    }
    text.push_str(&field("status", &status));
    text.push_str(&field("for", &visible(&subject(grant))));
    text.push_str(&field("answers", &format!("what asks for {}", grant.level)));
    let mut used = uses(grant);
    if let Some(at) = &grant.used_at {
        used.push_str(&format!(", last {}", local(at, zone)));
    }
    text.push_str(&field("used", &used));
    let given = format!(
        "{} by {}",
        local(&grant.granted_at, zone),
        visible(&grant.granted_by)
    );
    text.push_str(&field("given", &given));
    if let Some(end) = &grant.expires_at {
        text.push_str(&field("ends", &local(end, zone)));
    }
    text
}

/// Writes which questions a grant would have answered.
pub(crate) fn rehearsal(rehearsal: &Rehearsal) -> String {
    let mut text = format!(
        "Shape  {}\n",
        paint(style::STRONG, &visible(&rehearsal.shape))
    );
    let answered = rehearsal.answered.len();
    let still = &rehearsal.still_asked;
    text.push_str(&format!(
        "Of the last {}, it would have answered {answered}, and {} would still be asked.\n",
        count(rehearsal.looked_at as usize, "question"),
        still.len()
    ));
    let lines = rehearsal.answered.iter().rev().map(|approval| {
        format!(
            "  + {}  {}\n",
            short(&approval.id),
            visible(&approval.summary)
        )
    });
    push_some(&mut text, answered, lines);
    let lines = still.iter().rev().map(|asked| {
        let approval = &asked.approval;
        format!(
            "  ? {}  {}: {}\n",
            short(&approval.id),
            visible(&approval.summary),
            asked.detail
        )
    });
    push_some(&mut text, still.len(), lines);
    text
}

fn push_some(text: &mut String, len: usize, lines: impl Iterator<Item = String>) {
    text.extend(lines.take(NAMED_MAX));
    if len > NAMED_MAX {
        text.push_str(&format!("    and {} more\n", len - NAMED_MAX));
    }
}

fn shape(grant: &Grant) -> String {
    grant.shape.clone().unwrap_or_else(|| "(purged)".to_owned())
}

fn subject(grant: &Grant) -> String {
    let name = grant.subject.as_deref();
    match grant.scope.as_str() {
        "repo" => format!("repo {}", name.unwrap_or_else(|| short(&grant.subject_id))),
        scope => format!("{scope} {}", short(&grant.subject_id)),
    }
}

fn uses(grant: &Grant) -> String {
    match grant.uses_max {
        Some(max) => format!("{} of {max}", grant.uses),
        None => grant.uses.to_string(),
    }
}
