//! How a request ended (R10): what landed, what did not and why, and how to take it back.

use hyperion_api::summary::{ApprovedBy, CheckResult, Landed, NotLanded, Summary};
use jiff::tz::TimeZone;

use super::{field, fields, lines_changed};
use crate::id::{short, short_commit};
use crate::output::style::{self, paint};
use crate::output::visible::visible;
use crate::time::{duration, local};

/// The most paths that are named for one landing.
const PATHS_SHOWN: usize = 5;

/// Writes the summary below a request's heading.
pub(crate) fn block(summary: &Summary, zone: &TimeZone) -> String {
    let Summary {
        outcome,
        dry_run,
        landed,
        not_landed,
        checks,
        approved_by,
        wall_ms,
        tokens,
        cost_micro_usd,
        take_back,
    } = summary;
    let mut text = String::new();
    let dry = if *dry_run {
        " (dry run: nothing was moved)"
    } else {
        ""
    };
    let ended = format!("{} in {}{dry}", style::state(outcome), duration(*wall_ms));
    text.push_str(&field("outcome", &ended));
    let label = if *dry_run { "would land" } else { "landed" };
    text.push_str(&fields(label, landed.iter().map(landing)));
    text.push_str(&fields("not landed", not_landed.iter().flat_map(refusal)));
    text.push_str(&fields(
        "checks",
        checks.iter().map(|one| check(one, not_landed)),
    ));
    if checks.is_empty() && !landed.is_empty() {
        text.push_str(&field(
            "checks",
            "none: `hyperion.toml` on the branch names no check",
        ));
    }
    text.push_str(&fields(
        "approved by",
        approved_by.iter().map(|one| approval(one, zone)),
    ));
    let cents = cost_micro_usd / 10_000;
    text.push_str(&field(
        "spent",
        &format!("{tokens} tokens, ${}.{:02}", cents / 100, cents % 100),
    ));
    if let Some(command) = take_back {
        text.push_str(&format!("  roll back with: {}\n", visible(command)));
    }
    text
}

fn landing(landed: &Landed) -> String {
    let Landed {
        entry_id: _,
        task_ids,
        commit,
        branch,
        paths,
        additions,
        deletions,
        green,
    } = landed;
    let tasks = visible(&task_ids.join(", ")).into_owned();
    let place = match commit {
        Some(commit) => format!("{} at {}", visible(branch), short_commit(commit)),
        None => visible(branch).into_owned(),
    };
    let mut named: Vec<String> = paths
        .iter()
        .take(PATHS_SHOWN)
        .map(|path| visible(path).into_owned())
        .collect();
    if paths.len() > PATHS_SHOWN {
        named.push(format!("and {} more", paths.len() - PATHS_SHOWN));
    }
    let unchecked = if green == "unchecked" {
        "  unchecked"
    } else {
        ""
    };
    format!(
        "{} {tasks} on {place}  {}  {}{unchecked}",
        paint(style::GOOD, "✓"),
        lines_changed(*additions, *deletions),
        named.join(", "),
    )
}

fn refusal(refused: &NotLanded) -> Vec<String> {
    let NotLanded {
        task_id,
        why,
        detail,
        next,
        entry_id: _,
        change_set_id: _,
    } = refused;
    let mark = paint(style::BAD, "✗");
    let mut lines = vec![format!(
        "{mark} {} ({}): {}",
        visible(task_id),
        visible(why),
        visible(detail)
    )];
    if !next.is_empty() {
        lines.push(format!(
            "  {} {}",
            paint(style::HINT, "next:"),
            visible(next)
        ));
    }
    lines
}

fn check(check: &CheckResult, not_landed: &[NotLanded]) -> String {
    let CheckResult {
        run_id,
        name,
        command: _,
        result,
        exit_code,
        duration_ms,
    } = check;
    let passed = result == "passed";
    let mark = if passed {
        paint(style::GOOD, "✓")
    } else {
        paint(style::BAD, "✗")
    };
    let mut line = format!(
        "{mark} {} {} in {}",
        visible(name),
        visible(result),
        duration(*duration_ms)
    );
    if !passed {
        if let Some(code) = exit_code {
            line.push_str(&format!(", exit status {code}"));
        }
        let output = format!("hyperion run logs {}", short(run_id));
        if !not_landed.iter().any(|one| one.next.contains(&output)) {
            line.push_str(&format!(", output: {output}"));
        }
    }
    line
}

fn approval(approved: &ApprovedBy, zone: &TimeZone) -> String {
    let ApprovedBy {
        approval_id,
        by,
        at,
        level,
    } = approved;
    let mut line = format!("{} ({})", visible(by), visible(level));
    if let Some(at) = at {
        line.push_str(&format!(", {}", local(at, zone)));
    }
    if let Some(id) = approval_id {
        line.push_str(&format!(", approval {}", short(id)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::plain;

    // R10
    #[test]
    fn a_mixed_end_says_everything() {
        let summary = Summary {
            outcome: "partly_landed".into(),
            dry_run: false,
            landed: vec![Landed {
                entry_id: "e1".into(),
                task_ids: vec!["T1".into()],
                commit: Some("4f1c2d3e5a6b7c8d9e0f".into()),
                branch: "main".into(),
                paths: vec!["src/retry.rs".into()],
                additions: 3,
                deletions: 1,
                green: "strict".into(),
            }],
            not_landed: vec![NotLanded {
                task_id: "T2".into(),
                why: "conflict".into(),
                detail: "src/main.rs changed on main since 4f1c2d3e".into(),
                next: "hyperion queue show 0000e002".into(),
                entry_id: Some("e2".into()),
                change_set_id: None,
            }],
            checks: vec![
                CheckResult {
                    run_id: "r1".into(),
                    name: "test".into(),
                    command: "cargo test".into(),
                    result: "passed".into(),
                    exit_code: Some(0),
                    duration_ms: 1240,
                },
                CheckResult {
                    run_id: "run-00000000r2".into(),
                    name: "lint".into(),
                    command: "x".into(),
                    result: "failed".into(),
                    exit_code: Some(101),
                    duration_ms: 90,
                },
            ],
            approved_by: vec![ApprovedBy {
                approval_id: Some("approval-0000a1".into()),
                by: "ada".into(),
                at: Some("2026-11-01T12:00:00Z".into()),
                level: "team-lead".into(),
            }],
            wall_ms: 3200,
            tokens: 0,
            cost_micro_usd: 0,
            take_back: Some("hyperion rollback 0000r001".into()),
        };
        insta::assert_snapshot!(plain(&block(&summary, &TimeZone::UTC)), @"
        outcome      partly landed in 3.2 s
        landed       ✓ T1 on main at 4f1c2d3e5a  +3 -1  src/retry.rs
        not landed   ✗ T2 (conflict): src/main.rs changed on main since 4f1c2d3e
                       next: hyperion queue show 0000e002
        checks       ✓ test passed in 1.2 s
                     ✗ lint failed in 90 ms, exit status 101, output: hyperion run logs 000000r2
        approved by  ada (team-lead), 2026-11-01 12:00:00, approval l-0000a1
        spent        0 tokens, $0.00
        roll back with: hyperion rollback 0000r001
        ");
    }
}
