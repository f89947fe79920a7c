//! Approvals.

use hyperion_api::approval::{Approval, ApprovalDetail, Place, TakenBack};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{change_set, count, field, fields, lines_changed};
use crate::id::{short, short_commit};
use crate::output::style::{self, paint};
use crate::output::table::{Cell, Table, fixed, prose};
use crate::output::visible::visible;
use crate::time::{ago, clock, local};

/// Writes a list.
pub(crate) fn table(approvals: &[Approval], now: Timestamp, width: Option<usize>) -> String {
    let mut table = Table::new([
        fixed("ID"),
        fixed("STATUS"),
        fixed("REPO").optional(),
        prose("SUMMARY"),
        fixed("EXPIRES"),
        fixed("LEVEL").optional(),
        fixed("RISK").optional(),
        fixed("AGE").optional(),
    ]);
    for approval in approvals {
        let expires = if approval.status == "pending" {
            ago(&approval.expires_at, now)
        } else {
            String::new()
        };
        table.row([
            short(&approval.id).into(),
            Cell::status(state(approval)),
            (&approval.repo).into(),
            (&approval.summary).into(),
            expires.into(),
            (&approval.level).into(),
            (&approval.risk).into(),
            ago(&approval.asked_at, now).into(),
        ]);
    }
    table.render(width)
}

/// Says in one line what happened to an approval.
pub(crate) fn line(kind: &str, approval: &Approval, now: Timestamp, zone: &TimeZone) -> String {
    let summary = visible(&approval.summary);
    let by = approval.decided_by.as_deref().map(visible);
    let by = by.map_or_else(String::new, |by| format!(" by {by}"));
    let (at, what) = match (kind, state(approval)) {
        ("approval.requested", _) => (
            &approval.asked_at,
            format!(
                "{} ({}, risk {}) expires {}",
                paint(style::WAITS, "asked"),
                approval.level,
                approval.risk,
                ago(&approval.expires_at, now)
            ),
        ),
        ("approval.expiring", "pending") => (
            &approval.asked_at,
            format!("expires {}", ago(&approval.expires_at, now)),
        ),
        ("approval.extended", "pending") => (
            &approval.asked_at,
            format!("has more time, expires {}", ago(&approval.expires_at, now)),
        ),
        (_, state) => (
            approval.decided_at.as_ref().unwrap_or(&approval.asked_at),
            format!("{}{by}", style::state(state)),
        ),
    };
    let id = short(&approval.id);
    format!("{}  {id}  {what}  {summary}\n", clock(at, zone))
}

/// Says where an approval stands: one that was rejected so that a new version comes was sent back.
fn state(approval: &Approval) -> &str {
    match approval.changes_requested {
        true => "changes_requested",
        false => &approval.status,
    }
}

/// Writes what is decided at once: each approval with the digest that the decision is bound to.
pub(crate) fn digests(approvals: &[Approval]) -> String {
    let mut text = String::new();
    for approval in approvals {
        text.push_str(&format!(
            "{}  {}\n          {}\n",
            short(&approval.id),
            visible(&approval.summary),
            paint(style::FAINT, &approval.digest)
        ));
    }
    text
}

/// Writes the question without its diff.
pub(crate) fn block(detail: &ApprovalDetail, zone: &TimeZone) -> String {
    let Approval {
        id,
        status: _,
        action,
        summary,
        repo,
        branch,
        files,
        additions,
        deletions,
        checks,
        takes_back,
        level,
        risk,
        reasons,
        digest,
        generation,
        request_id,
        change_set_id,
        former_change_set_id,
        signed_by,
        asked_at,
        expires_at,
        decided_by,
        decided_at,
        reason,
        changes_requested: _,
        key,
        asked_by,
        run_id,
        may_decide,
        extensions,
    } = &detail.approval;
    let ApprovalDetail {
        approval: _,
        diff: _,
        moved_hunks: _,
        lines_masked,
        looked_at_by,
        details,
        risk_reasons,
        place,
        rule,
        undo,
        tree,
    } = detail;
    let title = paint(style::STRONG, &visible(summary));
    let mut text = format!("Approval {}  {title}\n", short(id));
    text.push_str(&field("id", id));
    text.push_str(&field("status", &style::state(state(&detail.approval))));
    let on_branch = match branch.as_str() {
        "" if repo.is_empty() => String::new(),
        "" => format!(" in {}", visible(repo)),
        branch => format!(" on {} of {}", visible(branch), visible(repo)),
    };
    text.push_str(&field("would", &format!("{}{on_branch}", visible(action))));
    if let Some(place) = place {
        text.push_str(&self::place(place));
    }
    if *files > 0 {
        let lines = lines_changed(*additions, *deletions);
        let files = usize::try_from(*files).unwrap_or(usize::MAX);
        text.push_str(&field(
            "changes",
            &format!("{}  {lines}", count(files, "file")),
        ));
    }
    if let Some(key) = signed_by {
        let key = format!("key {}, verified", visible(key));
        text.push_str(&field("signed by", &key));
    }
    text.push_str(&own_checks(checks));
    if let (Some(tree), false) = (tree, checks.is_empty()) {
        text.push_str(&field("on tree", &visible(tree)));
    }
    text.push_str(&fields("rolls back", takes_back.iter().map(taken_back)));
    if *lines_masked > 0 {
        text.push_str(&field("masked", &masked(detail, looked_at_by.as_deref())));
    }
    text.push_str(&field("needs", &needs(level, risk, may_decide)));
    text.push_str(&fields(
        "risk",
        risk_reasons.iter().map(|one| format!("- {}", visible(one))),
    ));
    text.push_str(&fields(
        "rule",
        rule.iter().map(|one| visible(one).into_owned()),
    ));
    text.push_str(&fields(
        "undo",
        undo.iter().map(|one| visible(one).into_owned()),
    ));
    text.push_str(&fields(
        "because",
        reasons.iter().map(|one| format!("- {}", visible(one))),
    ));
    text.push_str(&change_set::moved(&detail.moved_hunks));
    if let Some(run) = run_id {
        text.push_str(&field("run", short(run)));
    }
    if let Some(request) = request_id {
        text.push_str(&field("request", short(request)));
    }
    if let Some(change) = change_set_id {
        text.push_str(&field("change", short(change)));
        if let Some(former) = former_change_set_id {
            let (change, former) = (short(change), short(former));
            let what = format!("change {former} (hyperion changes show {change} --against-former)");
            text.push_str(&field("replaces", &what));
        }
    }
    let again = if *generation > 1 {
        format!(" (asked {generation} times)")
    } else {
        String::new()
    };
    // A change is asked about by the engine.
    let by = asked_by.as_ref().filter(|_| change_set_id.is_none());
    let by = by.map_or_else(String::new, |by| format!(" by {}", visible(by)));
    text.push_str(&field(
        "asked",
        &format!("{}{by}{again}", local(asked_at, zone)),
    ));
    // What belongs to a change needs no key to be found.
    if !key.is_empty() && change_set_id.is_none() {
        text.push_str(&field("key", &visible(key)));
    }
    match (decided_by, decided_at) {
        (Some(by), at) => {
            let at = at.as_deref().map(|at| format!(", {}", local(at, zone)));
            text.push_str(&field(
                "decided by",
                &format!("{}{}", visible(by), at.unwrap_or_default()),
            ));
        }
        (None, _) => {
            let extended = match extensions {
                0 => String::new(),
                times => format!(" (given more time {times} times)"),
            };
            text.push_str(&field(
                "expires",
                &format!("{}{extended}", local(expires_at, zone)),
            ));
        }
    }
    if let Some(reason) = reason {
        text.push_str(&field("reason", &visible(reason)));
    }
    if let Some(details) = details {
        text.push_str("  details\n");
        for line in details.lines() {
            text.push_str(&format!("    {}\n", visible(line)));
        }
    }
    // On a line of its own, which it fills.
    text.push_str(&format!("  digest\n    {digest}\n"));
    text
}

/// Says where it would happen.
fn place(place: &Place) -> String {
    let Place {
        folder,
        host,
        environment,
    } = place;
    let mut text = String::new();
    if let Some(folder) = folder {
        text.push_str(&field("in folder", &visible(folder)));
    }
    if let Some(host) = host {
        text.push_str(&field("on host", &visible(host)));
    }
    if !environment.is_empty() {
        let names: Vec<_> = environment.iter().map(|name| visible(name)).collect();
        text.push_str(&field("variables", &names.join(" ")));
    }
    text
}

/// Says who has to agree.
fn needs(level: &str, risk: &str, may_decide: &[String]) -> String {
    let who = match may_decide {
        [] => String::new(),
        roles => format!("; {} may decide", roles.join(", ")),
    };
    format!("{level} (risk: {risk}{who})")
}

/// Lists the commands that a change brings along: approving it runs them.
pub(crate) fn own_checks(checks: &[String]) -> String {
    fields(
        "runs itself",
        checks.iter().map(|check| format!("$ {}", visible(check))),
    )
}

fn taken_back(taken: &TakenBack) -> String {
    let TakenBack { commit, title } = taken;
    format!("{}  {}", short_commit(commit), visible(title))
}

fn masked(detail: &ApprovalDetail, looked_at_by: Option<&str>) -> String {
    let lines = usize::try_from(detail.lines_masked).unwrap_or(usize::MAX);
    let lines = count(lines, "line");
    match looked_at_by {
        Some(by) => format!("{lines}; {} looked at it whole", visible(by)),
        None => format!(
            "{lines}: look at it whole before you approve (hyperion approval show {} --unmasked)",
            short(&detail.approval.id)
        ),
    }
}

#[cfg(test)]
pub(crate) fn sample() -> ApprovalDetail {
    use hyperion_api::change_set::MovedHunk;
    ApprovalDetail {
        approval: Approval {
            id: "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b".into(),
            status: "pending".into(),
            action: "land".into(),
            summary: "Cap the retry delay at 30 s".into(),
            repo: "shop".into(),
            branch: "main".into(),
            files: 1,
            additions: 1,
            deletions: 1,
            checks: vec!["sh tests/\tretry.sh".into()],
            takes_back: vec![],
            level: "team-lead".into(),
            risk: "low".into(),
            reasons: vec!["every request asks (request.requires_approval)".into()],
            digest: "sha256:00ff".into(),
            generation: 1,
            request_id: Some("0190a1b2-c3d4-7e5f-8a6b-00000000aaaa".into()),
            change_set_id: Some("0190a1b2-c3d4-7e5f-8a6b-00000000bbbb".into()),
            former_change_set_id: None,
            signed_by: None,
            asked_at: "2026-11-01T12:00:00Z".into(),
            expires_at: "2026-11-02T12:00:00Z".into(),
            decided_by: None,
            decided_at: None,
            reason: None,
            changes_requested: false,
            key: "land".into(),
            asked_by: None,
            run_id: None,
            may_decide: vec!["team-lead".into(), "admin".into()],
            extensions: 0,
        },
        diff: Some("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-one\n+two\n".into()),
        moved_hunks: vec![MovedHunk {
            path: "x".into(),
            hunk: 1,
            stated_line: 6,
            line: 1,
        }],
        lines_masked: 0,
        looked_at_by: None,
        details: None,
        risk_reasons: vec![],
        place: None,
        rule: None,
        undo: Some("hyperion rollback takes it back".into()),
        tree: Some("4b825dc642cb6eb9a060e54bf8d69288fbee4904".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::plain;

    // S3: what a rollback takes back, and how much cannot be seen, is said before anybody decides.
    #[test]
    fn what_is_taken_back_and_what_is_masked_is_said() {
        let mut detail = sample();
        detail.approval.takes_back = vec![TakenBack {
            commit: "0123456789abcdef".into(),
            title: "Cap\u{202e} it".into(),
        }];
        detail.lines_masked = 2;
        let text = plain(&block(&detail, &TimeZone::UTC));
        let said: Vec<_> = text
            .lines()
            .filter(|line| line.contains("rolls back") || line.contains("masked"))
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r"
          rolls back   0123456789  Cap<U+202E> it
          masked       2 lines: look at it whole before you approve (hyperion approval show 9e0f1a2b --unmasked)
        ");
        detail.looked_at_by = Some("ana".into());
        assert!(block(&detail, &TimeZone::UTC).contains("2 lines; ana looked at it whole"));
    }

    #[test]
    fn a_question_says_what_it_asks_and_why() {
        insta::assert_snapshot!(plain(&block(&sample(), &TimeZone::UTC)), @r"
        Approval 9e0f1a2b  Cap the retry delay at 30 s
          id           0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b
          status       pending
          would        land on main of shop
          changes      1 file  +1 -1
          runs itself  $ sh tests/\tretry.sh
          on tree      4b825dc642cb6eb9a060e54bf8d69288fbee4904
          needs        team-lead (risk: low; team-lead, admin may decide)
          undo         hyperion rollback takes it back
          because      - every request asks (request.requires_approval)
          moved        x: hunk 1 of the patch says line 6, and was applied at line 1
          request      0000aaaa
          change       0000bbbb
          asked        2026-11-01 12:00:00
          expires      2026-11-02 12:00:00
          digest
            sha256:00ff
        ");
        let now = "2026-11-01T14:30:00Z".parse().unwrap();
        insta::assert_snapshot!(plain(&table(&[sample().approval], now, Some(72))), @r"
        ID        STATUS   REPO  SUMMARY                EXPIRES  LEVEL      RISK
        9e0f1a2b  pending  shop  Cap the retry delay …  in 21h   team-lead  low
        ");
    }
}
