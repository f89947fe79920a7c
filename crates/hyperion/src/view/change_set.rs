//! Change sets.

use hyperion_api::change_set::{Assessment, Blocker, ChangeSet, Item, MovedHunk};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::approval::own_checks;
use super::{count, field, fields, lines_changed};
use crate::id::{short, short_commit};
use crate::output::style::{self, paint};
use crate::output::table::{Cell, Table, fixed, number, prose};
use crate::output::visible::visible;
use crate::time::{ago, local};

/// The most moved hunks that are listed one by one.
const MOVED_SHOWN: usize = 20;
/// The most hunks that are listed for one item.
const HUNKS_SHOWN: usize = 100;

/// Writes a list.
pub(crate) fn table(sets: &[ChangeSet], now: Timestamp, width: Option<usize>) -> String {
    let mut table = Table::new([
        fixed("ID"),
        fixed("STATUS"),
        fixed("REPO").optional(),
        prose("TITLE"),
        prose("WHY"),
        fixed("AGE").optional(),
        number("+").optional(),
        number("-").optional(),
        number("FILES").optional(),
        fixed("TASK").optional(),
    ]);
    for set in sets {
        table.row([
            short(&set.id).into(),
            Cell::status(stands(set)),
            (&set.repo).into(),
            (&set.title).into(),
            set.reason.as_deref().unwrap_or_default().into(),
            ago(&set.proposed_at, now).into(),
            set.additions.to_string().into(),
            set.deletions.to_string().into(),
            set.items.len().to_string().into(),
            (&set.task_id).into(),
        ]);
    }
    table.render(width)
}

/// Says where a change stands: one whose entry goes no further by itself stands where that does, and is not queued.
fn stands(set: &ChangeSet) -> &str {
    match set.entry_status.as_deref() {
        Some(entry @ ("quarantined" | "dead" | "failed" | "blocked")) => entry,
        Some(_) | None => &set.status,
    }
}

/// Says what a version of a change does otherwise than the former one, besides its diff; nothing where that is the same.
pub(crate) fn besides_diff(former: &ChangeSet, now: &ChangeSet) -> String {
    let mut text = String::new();
    if former.title != now.title {
        let titles = [&former.title, &now.title].map(|title| visible(title));
        text.push_str(&field("was called", &titles[0]));
        text.push_str(&field("is called", &titles[1]));
    }
    let only = |one: &ChangeSet, other: &ChangeSet| -> Vec<String> {
        let checks = one
            .checks
            .iter()
            .filter(|check| !other.checks.contains(check));
        checks
            .map(|check| format!("$ {}", visible(check)))
            .collect()
    };
    text.push_str(&fields("runs no more", only(former, now)));
    text.push_str(&fields("runs now", only(now, former)));
    text
}

/// Writes a change set with its items; the diff comes after it.
pub(crate) fn block(set: &ChangeSet, zone: &TimeZone) -> String {
    let title = paint(style::STRONG, &visible(&set.title));
    let mut text = format!("Change {}  {title}\n", short(&set.id));
    text.push_str(&field("id", &set.id));
    let reason = set
        .reason
        .as_deref()
        .map(|reason| format!(": {}", visible(reason)));
    let status = style::state(stands(set));
    text.push_str(&field(
        "status",
        &format!("{status}{}", reason.unwrap_or_default()),
    ));
    text.push_str(&field(
        "task",
        &format!(
            "{} of request {}",
            visible(&set.task_id),
            short(&set.request_id)
        ),
    ));
    if let Some(key) = &set.signed_by {
        let key = format!("key {}, verified", visible(key));
        text.push_str(&field("signed by", &key));
    }
    text.push_str(&field(
        "made by",
        &format!("{} on {}", visible(&set.agent), short_commit(&set.base)),
    ));
    let place = [&set.branch, &set.repo].map(|name| visible(name));
    text.push_str(&field("lands on", &place.join(" of ")));
    text.push_str(&own_checks(&set.checks));
    text.push_str(&field("proposed", &local(&set.proposed_at, zone)));
    if let Some(until) = &set.revise_by {
        let wanted = format!("a new version, until {}", local(until, zone));
        text.push_str(&field("waits for", &wanted));
    }
    if let Some(former) = &set.supersedes {
        let (id, former) = (short(&set.id), short(former));
        let what = format!("change {former} (hyperion changes show {id} --against-former)");
        text.push_str(&field("replaces", &what));
    }
    if let Some(commit) = &set.commit {
        text.push_str(&field("landed as", short_commit(commit)));
    }
    if let Some(id) = &set.approval_id {
        text.push_str(&field("approval", short(id)));
    }
    if let Some(id) = &set.entry_id {
        text.push_str(&field("entry", short(id)));
        if matches!(stands(set), "quarantined" | "dead" | "failed") {
            let next = format!(
                "hyperion queue show {0}, then hyperion queue retry {0}",
                short(id)
            );
            text.push_str(&field("next", &next));
        }
    }
    if let Some(assessment) = &set.assessment {
        text.push_str(&assessed(assessment));
    }
    if let Some(review) = &set.review {
        let issues = review.issues.iter().chain(&review.security_concerns);
        text.push_str(&fields(
            "review",
            issues.map(|one| format!("- {}", visible(one))),
        ));
    }
    let total = format!(
        "{}  {}",
        count(set.items.len(), "item"),
        lines_changed(set.additions, set.deletions)
    );
    let items = set.items.iter().flat_map(item);
    text.push_str(&fields("items", std::iter::once(total).chain(items)));
    text.push_str(&fields("undecided", undecided(set)));
    text.push_str(&moved(&set.moved_hunks));
    text
}

/// Says what becomes of items that nobody decides, while somebody still can.
fn undecided(set: &ChangeSet) -> Option<String> {
    let open = matches!(set.status.as_str(), "pending" | "previewing");
    let pending = set.items.iter().filter(|item| item.status == "pending");
    let pending = pending.count();
    (open && pending > 0).then(|| {
        let (what, lands) = match (pending == set.items.len(), pending) {
            (true, _) => ("all of it".to_owned(), "lands"),
            (false, 1) => ("1 pending item".to_owned(), "lands"),
            (false, several) => (format!("{several} pending items"), "land"),
        };
        let id = short(&set.id);
        format!("{what} {lands} when the change is approved; leave parts out with hyperion changes reject {id} --item N or --hunk N:M")
    })
}

/// Says which hunks were not where their patch says; nothing where all were.
pub(crate) fn moved(hunks: &[MovedHunk]) -> String {
    let said = hunks.iter().take(MOVED_SHOWN).map(|moved| {
        let MovedHunk {
            path,
            hunk,
            stated_line,
            line,
        } = moved;
        format!(
            "{}: hunk {hunk} of the patch says line {stated_line}, and was applied at line {line}",
            visible(path)
        )
    });
    let more = hunks.len().saturating_sub(MOVED_SHOWN);
    let more = (more > 0).then(|| format!("and {}", count(more, "more hunk")));
    fields("moved", said.chain(more))
}

fn assessed(assessment: &Assessment) -> String {
    let Assessment {
        allowed,
        requires_approval,
        approval_level,
        risk,
        risks,
        blockers,
        reasons,
    } = assessment;
    let verdict = match (allowed, requires_approval) {
        (false, _) => paint(style::BAD, "refused by policy"),
        (true, true) => format!("asks {approval_level} (risk: {risk})"),
        (true, false) => format!("passes by itself (risk: {risk})"),
    };
    let mut text = field("policy", &verdict);
    text.push_str(&fields(
        "",
        reasons.iter().map(|one| format!("- {}", visible(one))),
    ));
    let risks = risks.iter().map(|risk| {
        format!(
            "{} ({}): {}",
            visible(&risk.r#type),
            visible(&risk.severity),
            visible(&risk.description)
        )
    });
    text.push_str(&fields("risks", risks));
    text.push_str(&fields("blockers", blockers.iter().flat_map(blocker)));
    text
}

fn blocker(blocker: &Blocker) -> Vec<String> {
    let Blocker {
        code,
        path,
        line,
        detail,
        remedy,
    } = blocker;
    let place = match (path, line) {
        (Some(path), Some(line)) => format!("{}:{line}: ", visible(path)),
        (Some(path), None) => format!("{}: ", visible(path)),
        (None, _) => String::new(),
    };
    vec![
        format!(
            "{} {place}{} ({code})",
            paint(style::BAD, "✗"),
            visible(detail)
        ),
        format!("  {} {}", paint(style::HINT, "next:"), visible(remedy)),
    ]
}

fn item(item: &Item) -> Vec<String> {
    let from = item
        .from_path
        .as_deref()
        .map(|from| format!("{} → ", visible(from)));
    let mode = match (&item.old_mode, &item.new_mode) {
        (Some(old), Some(new)) if old != new => format!(", mode {old} → {new}"),
        _ => String::new(),
    };
    let binary = if item.binary { ", binary" } else { "" };
    let mut lines = vec![format!(
        "{}. {} {}{}  {}{mode}{binary}  {}",
        item.order_index + 1,
        item.operation,
        from.unwrap_or_default(),
        visible(&item.path),
        lines_changed(item.additions, item.deletions),
        style::state(&item.status),
    )];
    for hunk in item.hunks.iter().take(HUNKS_SHOWN) {
        let decided = match (hunk.accepted, item.status.as_str()) {
            (false, _) => "rejected",
            (true, "pending") => "pending",
            (true, _) => "accepted",
        };
        let decided = style::state(decided);
        // As the diff below heads it, so that it is found there.
        let place = format!(
            "@@ -{},{} +{},{} @@",
            hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines
        );
        let number = format!("{}:{}", item.order_index + 1, hunk.index + 1);
        lines.push(format!("   {number}  {place}  {decided}"));
    }
    if item.hunks.len() > HUNKS_SHOWN {
        let more = count(item.hunks.len() - HUNKS_SHOWN, "more hunk");
        lines.push(format!("   and {more} (`--format json` has all)"));
    }
    lines
}
