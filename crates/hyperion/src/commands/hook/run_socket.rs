//! Inside a run: asks on the run's own socket. The home's is out of reach there, and takes nothing from such a process.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use hyperion_api::policy::Verdict;
use hyperion_client::{Approval, Risk, Run, Status};
use hyperion_model::Digest;
use serde_json::json;

use super::agent::{Act, Adapter, Call, Told};
use super::ask::{asks, refused};
use crate::context::Cx;

/// Finds the run that this process is part of.
pub(super) fn of(cx: &Cx) -> Option<Run> {
    let text = |name| cx.variables().get(name)?.to_str();
    let socket = PathBuf::from(text("HYPERION_SOCKET")?);
    Some(Run::at(&socket, text("HYPERION_RUN_TOKEN")?))
}

/// Answers by a verdict; where somebody has to agree, asks and waits for the decision.
pub(super) async fn ask(
    run: Run,
    adapter: &dyn Adapter,
    call: &Call,
    act: &Act,
    verdict: Verdict,
    until: Instant,
) -> Told {
    match (verdict.verdict.as_str(), act) {
        ("allow", Act::Command(_)) => Told::Allow("policy lets it run".to_owned()),
        ("allow", _) => Told::Pass,
        ("deny", _) => Told::Deny(refused(&verdict)),
        _ => {
            let question = Question::of(adapter, call, act, &verdict);
            let waited = tokio::task::spawn_blocking(move || question.put(run, until));
            waited
                .await
                .unwrap_or_else(|error| Told::Deny(error.to_string()))
        }
    }
}

struct Question {
    key: String,
    summary: String,
    details: serde_json::Value,
    risk: Risk,
}

impl Question {
    fn of(adapter: &dyn Adapter, call: &Call, act: &Act, verdict: &Verdict) -> Self {
        let name = adapter.name();
        let (what, act) = match act {
            Act::Command(text) => (format!("`{text}`"), json!({"command": text})),
            Act::Edit(path) | Act::Read(path) => (format!("edit {path}"), json!({"edit": path})),
        };
        let mut details = act;
        details["folder"] = json!(call.dir);
        details["run_by"] = name.into();
        details["level"] = json!(verdict.level);
        details["shape"] = json!(verdict.shape);
        details["reasons"] = json!(verdict.reasons);
        // The same call is the same question, also after the agent was started again.
        let digest = Digest::of_json(&details).to_string();
        let digest: String = digest
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(32)
            .collect();
        Self {
            key: format!(
                "hook:{}:{digest}",
                call.session
                    .chars()
                    .filter(char::is_ascii_alphanumeric)
                    .take(40)
                    .collect::<String>()
            ),
            summary: format!("{name} wants {what}: {}", asks(verdict)),
            details,
            risk: match verdict.level.as_deref() {
                Some("team-lead") => Risk::Medium,
                Some("admin") => Risk::High,
                _ => Risk::Critical,
            },
        }
    }

    fn put(&self, mut run: Run, until: Instant) -> Told {
        let asked = run.request_approval(&Approval {
            key: &self.key,
            action: "command",
            summary: &self.summary,
            details: self.details.clone(),
            risk: self.risk,
            diff: None,
            ttl_sec: None,
        });
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => {
                return Told::Ask(format!("{}, and could not be asked: {error}", self.summary));
            }
        };
        let left = until.saturating_duration_since(Instant::now());
        let (status, reason) = match asked.status {
            Status::Pending if left > Duration::ZERO => match run.wait(&asked.id, left) {
                Ok(decision) => (decision.status, decision.reason),
                Err(error) => {
                    return Told::Deny(format!("the decision cannot be waited for: {error}"));
                }
            },
            status => (status, None),
        };
        let reason = reason
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        match status {
            Status::Approved => Told::Allow("it was approved".to_owned()),
            Status::Rejected => Told::Deny(format!("it was rejected{reason}")),
            Status::Expired => Told::Deny("nobody answered in time".to_owned()),
            Status::Cancelled => Told::Deny(format!("the question was withdrawn{reason}")),
            _ => Told::Deny(format!(
                "nobody has decided yet; approval {} waits. Make this very call again later",
                asked.id
            )),
        }
    }
}
