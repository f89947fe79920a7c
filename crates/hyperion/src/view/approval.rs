//! Approvals.

use hyperion_api::approval::{Approval, ApprovalDetail};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{change_set, field, fields};
use crate::id::short;
use crate::output::style::{self, paint};
use crate::output::table::{Cell, Table, fixed, prose};
use crate::output::visible::visible;
use crate::time::{ago, local};

/// Writes a list.
pub(crate) fn table(approvals: &[Approval], now: Timestamp, width: Option<usize>) -> String {
    let mut table = Table::new([
        fixed("ID"),
        fixed("STATUS"),
        fixed("LEVEL"),
        fixed("RISK"),
        prose("SUMMARY"),
        fixed("AGE"),
        fixed("EXPIRES"),
    ]);
    for approval in approvals {
        let expires = if approval.status == "pending" {
            ago(&approval.expires_at, now)
        } else {
            String::new()
        };
        table.row([
            short(&approval.id).into(),
            Cell::status(&approval.status),
            (&approval.level).into(),
            (&approval.risk).into(),
            (&approval.summary).into(),
            ago(&approval.asked_at, now).into(),
            expires.into(),
        ]);
    }
    table.render(width)
}

/// Writes the question without its diff.
pub(crate) fn block(detail: &ApprovalDetail, zone: &TimeZone) -> String {
    let Approval {
        id,
        status,
        action,
        summary,
        level,
        risk,
        reasons,
        digest,
        generation,
        request_id,
        change_set_id,
        asked_at,
        expires_at,
        decided_by,
        decided_at,
        reason,
        changes_requested,
    } = &detail.approval;
    let title = paint(style::STRONG, &visible(summary));
    let mut text = format!("Approval {}  {title}\n", short(id));
    text.push_str(&field("id", id));
    let status = if *changes_requested {
        format!("{status}: a revision is wanted")
    } else {
        status.clone()
    };
    text.push_str(&field(
        "status",
        &paint(style::of_status(&detail.approval.status), &status),
    ));
    text.push_str(&field("would", &visible(action)));
    text.push_str(&field("needs", &format!("{level} (risk: {risk})")));
    text.push_str(&fields(
        "because",
        reasons.iter().map(|one| format!("- {}", visible(one))),
    ));
    text.push_str(&change_set::moved(&detail.moved_hunks));
    if let Some(request) = request_id {
        text.push_str(&field("request", short(request)));
    }
    if let Some(change) = change_set_id {
        text.push_str(&field("change", short(change)));
    }
    let again = if *generation > 1 {
        format!(" (asked {generation} times)")
    } else {
        String::new()
    };
    text.push_str(&field(
        "asked",
        &format!("{}{again}", local(asked_at, zone)),
    ));
    match (decided_by, decided_at) {
        (Some(by), at) => {
            let at = at.as_deref().map(|at| format!(", {}", local(at, zone)));
            text.push_str(&field(
                "decided by",
                &format!("{}{}", visible(by), at.unwrap_or_default()),
            ));
        }
        (None, _) => text.push_str(&field("expires", &local(expires_at, zone))),
    }
    if let Some(reason) = reason {
        text.push_str(&field("reason", &visible(reason)));
    }
    text.push_str(&field("digest", digest));
    text
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
            level: "team-lead".into(),
            risk: "low".into(),
            reasons: vec!["every request asks (request.requires_approval)".into()],
            digest: "sha256:00ff".into(),
            generation: 1,
            request_id: Some("0190a1b2-c3d4-7e5f-8a6b-00000000aaaa".into()),
            change_set_id: Some("0190a1b2-c3d4-7e5f-8a6b-00000000bbbb".into()),
            asked_at: "2026-11-01T12:00:00Z".into(),
            expires_at: "2026-11-02T12:00:00Z".into(),
            decided_by: None,
            decided_at: None,
            reason: None,
            changes_requested: false,
        },
        diff: Some("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-one\n+two\n".into()),
        moved_hunks: vec![MovedHunk {
            path: "x".into(),
            hunk: 1,
            stated_line: 6,
            line: 1,
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::plain;

    #[test]
    fn a_question_says_what_it_asks_and_why() {
        insta::assert_snapshot!(plain(&block(&sample(), &TimeZone::UTC)), @r"
        Approval 9e0f1a2b  Cap the retry delay at 30 s
          id           0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b
          status       pending
          would        land
          needs        team-lead (risk: low)
          because      - every request asks (request.requires_approval)
          moved        x: hunk 1 of the patch says line 6, and was applied at line 1
          request      0000aaaa
          change       0000bbbb
          asked        2026-11-01 12:00:00
          expires      2026-11-02 12:00:00
          digest       sha256:00ff
        ");
        let now = "2026-11-01T14:30:00Z".parse().unwrap();
        insta::assert_snapshot!(plain(&table(&[sample().approval], now, Some(72))), @r"
        ID        STATUS   LEVEL      RISK  SUMMARY                 AGE  EXPIRES
        9e0f1a2b  pending  team-lead  low   Cap the retry delay a…  2h   in 21h
        ");
    }
}
