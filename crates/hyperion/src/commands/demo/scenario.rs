//! One thing the demo shows: a request, and what has to come of it.

use hyperion_api::request::RequestDetail;
use hyperion_api::summary::Summary;
use serde_json::Value;

use super::copy::CopiedRepo;

/// A part of the demo: requests that are filed at the same time.
pub(super) struct Act {
    /// What it is about.
    pub(super) title: &'static str,
    /// What to look out for.
    pub(super) story: &'static str,
    /// Whether every station of the road is told, or only what tells them apart.
    pub(super) every_station: bool,
    /// Its requests.
    pub(super) scenarios: Vec<Scenario>,
}

/// A request with what is expected of it.
pub(super) struct Scenario {
    /// What the request file is called.
    pub(super) name: &'static str,
    /// Writes the request, looking at the copy as it is at that moment.
    pub(super) request: fn(&CopiedRepo) -> anyhow::Result<Value>,
    /// What has to come of it.
    pub(super) expected: Expected,
}

/// What has to come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// All of it lands, let pass at this level.
    Lands {
        /// auto, team-lead or admin.
        level: &'static str,
    },
    /// None of it lands.
    Stops {
        /// The summary's word for what stopped it.
        why: &'static str,
        /// A part of what is said about it.
        says: &'static str,
        /// The level it was let pass at before it was stopped; none where it was not.
        level: Option<&'static str>,
    },
    /// Whatever the person at the terminal says.
    AsDecided,
}

/// What the person at the terminal said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decided {
    /// Yes.
    Approved,
    /// No, or not like this.
    Refused,
    /// Nothing yet.
    Later,
}

/// Compares what came of a request with what was expected; the error says how they differ.
pub(super) fn judge(
    expected: Expected,
    decided: Option<Decided>,
    detail: &RequestDetail,
) -> Result<(), String> {
    let status = detail.request.status.as_str();
    if (expected, decided) == (Expected::AsDecided, Some(Decided::Later)) {
        return same("status", status, "awaiting_approval");
    }
    let Some(summary) = &detail.summary else {
        return Err(format!("it did not end: it is {status}"));
    };
    match expected {
        Expected::Lands { level } => landed(detail, summary, level),
        Expected::Stops { why, says, level } => stopped(summary, why, says, level),
        Expected::AsDecided => match decided {
            Some(Decided::Approved) => landed(detail, summary, "team-lead"),
            Some(Decided::Refused) => stopped(summary, "rejected", "", None),
            Some(Decided::Later) | None => Err("nobody was asked about it".to_owned()),
        },
    }
}

fn landed(detail: &RequestDetail, summary: &Summary, level: &str) -> Result<(), String> {
    same("outcome", summary.outcome.as_str(), "completed")?;
    let tasks: usize = summary.landed.iter().map(|one| one.task_ids.len()).sum();
    same(
        "number of landed tasks",
        tasks,
        detail.plan.as_ref().map_or(0, |plan| plan.steps.len()),
    )?;
    for landing in &summary.landed {
        same("verdict", landing.green.as_str(), "strict")?;
    }
    levels(summary, Some(level))
}

fn stopped(summary: &Summary, why: &str, says: &str, level: Option<&str>) -> Result<(), String> {
    same("number of landings", summary.landed.len(), 0)?;
    let Some(first) = summary.not_landed.first() else {
        return Err("the summary does not say what stopped it".to_owned());
    };
    same("cause", first.why.as_str(), why)?;
    if !first.detail.contains(says) {
        return Err(format!("{:?} does not say {says:?}", first.detail));
    }
    levels(summary, level)
}

/// The highest level that let it pass.
fn levels(summary: &Summary, expected: Option<&str>) -> Result<(), String> {
    let found = summary.approved_by.iter().map(|one| one.level.as_str());
    let rank = |level: &&str| {
        ["auto", "team-lead", "admin"]
            .iter()
            .position(|one| one == level)
    };
    same("level", found.max_by_key(rank), expected)
}

fn same<T: PartialEq + std::fmt::Debug + Copy>(
    what: &str,
    found: T,
    expected: T,
) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("the {what} is {found:?}, not {expected:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperion_api::request::Request;
    use hyperion_api::summary::{ApprovedBy, NotLanded};

    fn ended(status: &str, why: Option<&str>, level: &str) -> RequestDetail {
        let not_landed = why.map(|why| NotLanded {
            task_id: "T1".into(),
            why: why.into(),
            detail: "check \"scripts\" failed".into(),
            next: String::new(),
            entry_id: None,
            change_set_id: None,
        });
        let summary = Summary {
            outcome: status.into(),
            dry_run: false,
            landed: vec![],
            not_landed: not_landed.into_iter().collect(),
            checks: vec![],
            approved_by: vec![ApprovedBy {
                approval_id: None,
                by: "ada".into(),
                at: None,
                level: level.into(),
            }],
            wall_ms: 0,
            tokens: 0,
            cost_micro_usd: 0,
            take_back: None,
        };
        RequestDetail {
            request: Request {
                id: "r1".into(),
                title: "Cap the delay".into(),
                class: "bugfix".into(),
                priority: "medium".into(),
                status: status.into(),
                repo: "demo".into(),
                branch: "main".into(),
                agent: "scripted".into(),
                source: "cli".into(),
                dry_run: false,
                submitted_by: "ada".into(),
                submitted_at: String::new(),
                started_at: None,
                finished_at: None,
                reason: None,
                rolls_back: None,
                rolled_back_by: None,
                waiting_approvals: vec![],
                sent_back: false,
            },
            description: String::new(),
            acceptance: vec![],
            questions: vec![],
            answers: vec![],
            brief: None,
            plan: None,
            change_sets: vec![],
            entries: vec![],
            approvals: vec![],
            summary: Some(summary),
        }
    }

    #[test]
    fn every_deviation_is_named() {
        let check = Expected::Stops {
            why: "check",
            says: "scripts",
            level: Some("admin"),
        };
        let judge = |detail| judge(check, None, &detail).err();
        assert_eq!(judge(ended("failed", Some("check"), "admin")), None);
        assert_eq!(
            judge(ended("failed", Some("policy"), "admin")).as_deref(),
            Some("the cause is \"policy\", not \"check\"")
        );
        assert_eq!(
            judge(ended("failed", Some("check"), "auto")).as_deref(),
            Some("the level is Some(\"auto\"), not Some(\"admin\")")
        );
        assert!(judge(ended("completed", None, "admin")).is_some());
        let mut waits = ended("awaiting_approval", None, "admin");
        waits.summary = None;
        assert!(judge(waits).is_some_and(|why| why.contains("did not end")));
    }

    #[test]
    fn a_question_may_stay_open() {
        let waits = ended("awaiting_approval", None, "team-lead");
        assert_eq!(
            judge(Expected::AsDecided, Some(Decided::Later), &waits),
            Ok(())
        );
        assert!(judge(Expected::AsDecided, None, &waits).is_err());
        let rejected = Expected::AsDecided;
        let mut detail = ended("failed", Some("rejected"), "team-lead");
        if let Some(summary) = &mut detail.summary {
            summary.approved_by.clear();
        }
        assert_eq!(judge(rejected, Some(Decided::Refused), &detail), Ok(()));
        assert!(judge(rejected, Some(Decided::Approved), &detail).is_err());
    }
}
