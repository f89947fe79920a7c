//! The merge queue.

use hyperion_api::queue::{
    ConflictFile, Entry, EntryDetail, Evidence, FoundError, LogRecord, Metrics, QueueState,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{field, fields, hint, joined};
use crate::id::{short, short_commit};
use crate::output::style::{self, paint};
use crate::output::table::{Cell, Table, fixed, number, prose};
use crate::output::visible::{visible, visible_code, visible_text};
use crate::time::{ago, duration, local, readable};

/// Stands in front of a line of a program's output.
const QUOTED: &str = "|";
/// The most conflicting places that are shown in full.
const HUNKS_SHOWN: usize = 20;

/// Writes a list.
pub(crate) fn table(entries: &[Entry], now: Timestamp, width: Option<usize>) -> String {
    let mut table = Table::new([
        fixed("ID"),
        fixed("STATUS"),
        fixed("REPO").optional(),
        prose("TITLE"),
        prose("NOTE"),
        fixed("AGE").optional(),
        fixed("PRIORITY").optional(),
    ]);
    for entry in entries {
        table.row([
            short(&entry.id).into(),
            Cell::status(&entry.status),
            (&entry.repo).into(),
            (&entry.title).into(),
            joined(note(entry), entry.reason.as_ref()).into(),
            ago(&entry.enqueued_at, now).into(),
            (&entry.priority).into(),
        ]);
    }
    table.render(width)
}

/// Says whether a queue is stopped, by whom, and how it goes on.
pub(crate) fn state(state: &QueueState, zone: &TimeZone) -> String {
    let name = visible(&state.repo);
    if !state.paused {
        return format!("The queue of {name} goes on.\n");
    }
    let by = state.by.as_deref().map_or_else(String::new, |by| {
        format!(" by {}", paint(style::STRONG, &visible(by)))
    });
    let since = state.since.as_deref();
    let since = since.map(|since| format!(" since {}", local(since, zone)));
    let why = state.reason.as_deref();
    let why = why.map(|why| format!(": {}", visible(why)));
    format!(
        "The queue of {name} is paused{by}{}{}\n{}",
        since.unwrap_or_default(),
        why.unwrap_or_default(),
        hint(&format!("hyperion queue resume --repo {name}\n"))
    )
}

/// Says what is special about an entry.
fn note(entry: &Entry) -> Option<String> {
    let back = entry.taken_back_by.as_deref();
    let back = back.map(|by| format!("rolled back by {}", short(by)));
    let corrected = entry.corrected_by.as_deref();
    let corrected = corrected.map(|by| format!("corrected by {}", short_commit(by)));
    back.or(corrected)
        .or(entry.dry_run.then(|| "dry run".to_owned()))
}

/// Writes an entry with its evidence.
pub(crate) fn block(detail: &EntryDetail, zone: &TimeZone) -> String {
    let entry = &detail.entry;
    let title = paint(style::STRONG, &visible(&entry.title));
    let mut text = format!("Entry {}  {title}\n", short(&entry.id));
    text.push_str(&field("id", &entry.id));
    let reason = entry
        .reason
        .as_deref()
        .map(|reason| format!(": {}", visible(&readable(reason, zone))));
    let status = style::state(&entry.status);
    text.push_str(&field(
        "status",
        &format!("{status}{}", reason.unwrap_or_default()),
    ));
    text.push_str(&field("note", &note(entry).unwrap_or_default()));
    text.push_str(&field(
        "lands on",
        &format!("{} of {}", visible(&entry.branch), visible(&entry.repo)),
    ));
    text.push_str(&field("request", short(&entry.request_id)));
    text.push_str(&fields(
        "changes",
        entry.change_set_ids.iter().map(|id| short(id).to_owned()),
    ));
    text.push_str(&fields(
        "after",
        entry
            .depends_on
            .iter()
            .map(|id| format!("entry {}", short(id))),
    ));
    text.push_str(&field("priority", &entry.priority));
    let again = [
        (entry.attempts, "its worker ended"),
        (entry.refreshes, "the branch moved"),
    ];
    let again = again.into_iter().filter(|(times, _)| *times > 0);
    text.push_str(&fields(
        "tried again",
        again.map(|(times, why)| format!("{times}×, because {why}")),
    ));
    if let Some(tip) = &entry.tip {
        text.push_str(&field("merged on", short_commit(tip)));
    }
    if let Some(commit) = &entry.commit {
        text.push_str(&field("landed as", short_commit(commit)));
    }
    text.push_str(&field("queued", &local(&entry.enqueued_at, zone)));
    if let Some(ended) = &entry.ended_at {
        text.push_str(&field("ended", &local(ended, zone)));
    }
    let checks = detail.checks.iter().map(|check| {
        let result = style::state(&check.result);
        format!(
            "{}: {result} in {} (hyperion run logs {})",
            visible(&check.name),
            duration(check.duration_ms),
            short(&check.run_id)
        )
    });
    text.push_str(&fields("checks", checks));
    if let Some(quarantine) = &entry.quarantine {
        let what = match quarantine.as_str() {
            "conflict" => "make the change again on the branch's tip, or retry this one",
            "check" => {
                "mend the change and file it again; if the check fails for another reason, retry"
            }
            _ => "see the failure below; when it is mended, retry",
        };
        let next = format!("{what}: hyperion queue retry {}", short(&entry.id));
        text.push_str(&field("next", &next));
    }
    if let Some(evidence) = &detail.evidence {
        text.push_str(&why(evidence));
    }
    text
}

fn why(evidence: &Evidence) -> String {
    let mut text = field("failure", &visible(&evidence.failure.detail));
    for file in &evidence.conflicts {
        text.push('\n');
        text.push_str(&conflict(file));
    }
    if !evidence.errors.is_empty() {
        text.push_str("\n  What its output tells, the first cause first:\n");
    }
    for error in &evidence.errors {
        text.push_str(&found(error));
    }
    if let Some(tail) = &evidence.output_tail {
        text.push_str("\n  The end of the check's output:\n");
        for line in visible_text(tail).lines() {
            text.push_str(&format!("    {} {line}\n", paint(style::FAINT, QUOTED)));
        }
    }
    text
}

pub(super) fn found(error: &FoundError) -> String {
    let place = error.path.as_deref().map(|path| {
        let numbers = [error.line, error.column];
        let numbers: String = numbers.iter().flatten().map(|n| format!(":{n}")).collect();
        format!("{}{numbers}: ", paint(style::STRONG, &visible(path)))
    });
    let code = error
        .error_code
        .as_deref()
        .map(|code| format!(", {}", visible(code)));
    let mut text = format!(
        "    {}{} ({}{})\n",
        place.unwrap_or_default(),
        visible(&error.message),
        visible(&error.kind),
        code.unwrap_or_default()
    );
    if let Some(advice) = &error.advice {
        text.push_str(&format!("      {}\n", visible(advice)));
    }
    text
}

fn conflict(file: &ConflictFile) -> String {
    let mut text = format!(
        "  {} ({}): {}\n",
        paint(style::STRONG, &visible(&file.path)),
        visible(&file.kind),
        visible(&file.message)
    );
    if let Some(cause) = &file.caused_by {
        let entry = cause
            .entry_id
            .as_deref()
            .map(|id| format!(", entry {}", short(id)));
        let subject = visible(&cause.subject);
        let author = visible(&cause.author);
        text.push_str(&format!(
            "  changed by {} {subject} ({author}{})\n",
            short_commit(&cause.commit),
            entry.unwrap_or_default()
        ));
    }
    for hunk in file.hunks.iter().take(HUNKS_SHOWN) {
        text.push_str(&format!("  line {}\n", hunk.line));
        for (label, side, style) in [
            ("base  ", &hunk.base, style::FAINT),
            ("branch", &hunk.ours, style::BAD),
            ("change", &hunk.theirs, style::GOOD),
        ] {
            for line in side.split_terminator('\n') {
                text.push_str(&format!(
                    "    {} {}\n",
                    paint(style::FAINT, &format!("{label} |")),
                    paint(style, &visible_code(line))
                ));
            }
        }
    }
    if file.hunks.len() > HUNKS_SHOWN {
        text.push_str(&format!(
            "  and {} more places (`--format json` has all)\n",
            file.hunks.len() - HUNKS_SHOWN
        ));
    }
    text
}

/// Writes the queue's figures.
pub(crate) fn metrics(metrics: &Metrics, zone: &TimeZone) -> String {
    let mut text = String::from("Merge queue\n");
    text.push_str(&field("depth", &metrics.depth.to_string()));
    let status = metrics
        .by_status
        .iter()
        .map(|(status, number)| format!("{number} {status}"));
    text.push_str(&field("entries", &status.collect::<Vec<_>>().join(", ")));
    text.push_str(&field("workers", &metrics.workers.to_string()));
    text.push_str(&field(
        "throughput",
        &format!("{:.1} per minute", metrics.throughput_per_min),
    ));
    let wait = metrics.dequeue_latency_ms;
    text.push_str(&field(
        "wait",
        &format!(
            "{} median, {} at the 95th percentile",
            duration(wait.p50),
            duration(wait.p95)
        ),
    ));
    let apply = metrics.apply_duration_ms;
    text.push_str(&field(
        "apply",
        &format!(
            "{} median, {} at the 95th percentile",
            duration(apply.p50),
            duration(apply.p95)
        ),
    ));
    text.push_str(&field(
        "success",
        &format!("{:.0} %", metrics.success_rate * 100.0),
    ));
    text.push_str(&field("conflicts", &metrics.conflicts.to_string()));
    text.push_str(&field("retries", &metrics.retries.to_string()));
    text.push_str(&field("contention", &metrics.lease_contention.to_string()));
    text.push_str(&field("dead", &metrics.dead_letters.to_string()));
    text.push_str(&field("taken back", &metrics.taken_back.to_string()));
    let paused = metrics.paused.iter();
    text.extend(paused.map(|paused| state(paused, zone)));
    text
}

/// Writes the workers' log.
pub(crate) fn log_table(records: &[LogRecord], zone: &TimeZone, width: Option<usize>) -> String {
    let mut table = Table::new([
        fixed("TIME"),
        fixed("ENTRY"),
        fixed("WORKER"),
        fixed("STAGE"),
        fixed("OUTCOME"),
        number("TRY"),
        number("WAIT"),
        number("TOOK"),
        prose("FAILURE"),
    ]);
    for record in records {
        let failure = record
            .failure
            .as_ref()
            .map_or("", |failure| failure.detail.as_str());
        table.row([
            local(&record.time, zone).into(),
            short(&record.entry_id).into(),
            (&record.worker).into(),
            (&record.stage).into(),
            Cell::status(&record.outcome),
            record.attempt.to_string().into(),
            duration(record.dequeue_latency_ms).into(),
            duration(record.apply_duration_ms).into(),
            failure.into(),
        ]);
    }
    table.render(width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::plain;
    use serde_json::json;

    fn entry(title: &str, differs: &serde_json::Value) -> Entry {
        let mut entry = json!({
            "id": "0190a1b2-c3d4-7e5f-8a6b-00000000cccc", "title": title, "status": "queued", "repo": "shop",
            "branch": "main", "request_id": "0190a1b2-c3d4-7e5f-8a6b-00000000aaaa", "change_set_ids": [],
            "depends_on": [], "priority": "medium", "level": "none", "dry_run": false, "attempts": 0,
            "refreshes": 0, "tip": null, "candidate": null, "green": null, "commit": null, "quarantine": null,
            "reason": null, "enqueued_at": "2026-11-01T12:00:00Z", "ended_at": null
        });
        for (name, value) in differs.as_object().into_iter().flatten() {
            entry[name] = value.clone();
        }
        serde_json::from_value(entry).unwrap()
    }

    // W1, M1: what is a dry run, was taken back or put aside, and why, at every width.
    #[test]
    fn entries_say_what_is_special_about_them() {
        let entries = [
            entry("Cap the retry delay at 30 s", &json!({ "dry_run": true })),
            entry(
                "Say two",
                &json!({ "status": "quarantined", "reason": "check \"test\" failed on the merged result" }),
            ),
            entry(
                "Say three",
                &json!({ "status": "landed", "taken_back_by": "0190a1b2-00000000bbbb" }),
            ),
        ];
        let now = "2026-11-01T14:30:00Z".parse().unwrap();
        let at = |width| plain(&table(&entries, now, width));
        insta::assert_snapshot!([None, Some(80), Some(60)].map(at).join("\n"), @r#"
        ID        STATUS       REPO  TITLE                        NOTE                                      AGE  PRIORITY
        0000cccc  queued       shop  Cap the retry delay at 30 s  dry run                                   2h   medium
        0000cccc  quarantined  shop  Say two                      check "test" failed on the merged result  2h   medium
        0000cccc  landed       shop  Say three                    rolled back by 0000bbbb                   2h   medium

        ID        STATUS       REPO  TITLE                   NOTE                    AGE
        0000cccc  queued       shop  Cap the retry delay a…  dry run                 2h
        0000cccc  quarantined  shop  Say two                 check "test" failed o…  2h
        0000cccc  landed       shop  Say three               rolled back by 0000bb…  2h

        ID        STATUS       TITLE               NOTE
        0000cccc  queued       Cap the retry del…  dry run
        0000cccc  quarantined  Say two             check "test" fai…
        0000cccc  landed       Say three           rolled back by 0…
        "#);
    }
}
