//! Where a request stands, and the exit status that says so.

use hyperion_api::request::{Request, RequestDetail};
use hyperion_api::summary::Summary;

use crate::exit::Exit;

/// Where a request stands, as far as somebody who waits for it cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It goes on by itself.
    GoesOn,
    /// It waits for these approvals.
    Asks(Vec<String>),
    /// It waits for answers to its questions.
    Unclear,
    /// It waits for a new version of what was sent back.
    SentBack,
    /// It ended.
    Ended(Exit),
}

/// Gives the status of a request that ended, as far as it alone says it; none while it goes on.
pub(crate) fn of_request(request: &Request) -> Option<Exit> {
    Some(match request.status.as_str() {
        "completed" => Exit::Done,
        "partly_landed" | "failed" | "rolled_back" => Exit::Failed,
        "cancelled" => Exit::Expired,
        _ => return None,
    })
}

/// Tells where a request stands.
pub(crate) fn stage(detail: &RequestDetail) -> Stage {
    let request = &detail.request;
    match request.status.as_str() {
        "partly_landed" | "failed" => {
            Stage::Ended(detail.summary.as_ref().map_or(Exit::Failed, of_summary))
        }
        "needs_clarification" => Stage::Unclear,
        "awaiting_approval" if !request.waiting_approvals.is_empty() => {
            Stage::Asks(request.waiting_approvals.clone())
        }
        "awaiting_approval" if is_sent_back(detail) => Stage::SentBack,
        _ => of_request(request).map_or(Stage::GoesOn, Stage::Ended),
    }
}

fn is_sent_back(detail: &RequestDetail) -> bool {
    let mut sets = detail.change_sets.iter();
    sets.any(|set| set.status == "changes_requested")
}

/// Gives the status of what did not land; what only waited for something that failed does not count.
fn of_summary(summary: &Summary) -> Exit {
    let causes = summary
        .not_landed
        .iter()
        .filter(|one| one.why != "dependency");
    let exits = causes.map(|one| match one.why.as_str() {
        "policy" => Exit::Refused,
        "conflict" | "empty" => Exit::Conflict,
        "expired" | "cancelled" => Exit::Expired,
        _ => Exit::Failed,
    });
    match Exit::of_several(exits) {
        Exit::Done => Exit::Failed,
        exit => exit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperion_api::summary::NotLanded;

    fn summary(whys: &[&str]) -> Summary {
        let not_landed = whys.iter().map(|why| NotLanded {
            task_id: "T1".into(),
            why: (*why).into(),
            detail: String::new(),
            next: String::new(),
            entry_id: None,
            change_set_id: None,
        });
        Summary {
            outcome: "failed".into(),
            dry_run: false,
            landed: vec![],
            not_landed: not_landed.collect(),
            checks: vec![],
            approved_by: vec![],
            wall_ms: 0,
            tokens: 0,
            cost_micro_usd: 0,
            take_back: None,
        }
    }

    // W1: contracts, §7
    #[test]
    fn what_stopped_the_work_is_the_exit_status() {
        for (whys, exit) in [
            (&["policy"][..], Exit::Refused),
            (&["conflict"], Exit::Conflict),
            (&["expired"], Exit::Expired),
            (&["cancelled"], Exit::Expired),
            (&["rejected"], Exit::Failed),
            (&["check"], Exit::Failed),
            (&["policy", "dependency", "dependency"], Exit::Refused),
            (&["dependency"], Exit::Failed),
            (&["policy", "conflict"], Exit::Failed),
            (&[], Exit::Failed),
        ] {
            assert_eq!(of_summary(&summary(whys)), exit, "{whys:?}");
        }
    }
}
