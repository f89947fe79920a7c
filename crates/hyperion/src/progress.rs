//! What happens, told line by line while a person waits.

use std::collections::HashMap;
use std::time::Instant;

use hyperion_api::Client;
use hyperion_api::client::FeedItem;
use hyperion_api::event::Event;
use hyperion_api::request::RequestDetail;
use serde_json::Value;

use crate::id::{short, short_commit};
use crate::output::Output;
use crate::output::style::{self, paint};
use crate::output::visible::visible;
use crate::route::Route;
use crate::time::duration;

/// Turns events into lines; remembers the names that make a line readable.
pub(crate) struct Progress {
    requests: Vec<String>,
    names: HashMap<String, String>,
    began: Instant,
}

impl Progress {
    /// Tells of these requests; of all when none is named.
    pub(crate) fn new(requests: &[String]) -> Self {
        Self {
            requests: requests.to_vec(),
            names: HashMap::new(),
            began: Instant::now(),
        }
    }

    /// Gives the feed from after an event on.
    pub(crate) fn route(&self, after: u64) -> Route {
        let route = Route::new("/api/events").query("after", after.to_string());
        let route = route.query("follow", "true");
        match self.requests.as_slice() {
            [one] => route.query("request", one),
            _ => route,
        }
    }

    /// Tells what happens until the feed ends.
    pub(crate) async fn follow(&mut self, client: &Client, after: u64, output: &Output) {
        let Ok(mut feed) = client.events(self.route(after).as_str()).await else {
            return;
        };
        while let Ok(Some(item)) = feed.next().await {
            if let FeedItem::Event(event) = item {
                self.tell(&event, output);
            }
        }
    }

    /// Tells of one event, if it is worth a line.
    pub(crate) fn tell(&mut self, event: &Event, output: &Output) {
        let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Some(line) = self.line(event) {
            let clock = paint(style::FAINT, &format!("{:>9}", duration(elapsed)));
            output.progress(&format!("{clock}  {line}"));
        }
    }

    /// Gives the line of an event that is about what is followed.
    pub(crate) fn line(&mut self, event: &Event) -> Option<String> {
        let request = event.request_id.as_deref();
        if !self.requests.is_empty()
            && !request.is_some_and(|id| self.requests.iter().any(|known| known == id))
        {
            return None;
        }
        self.learn(event);
        let (verb, rest) = self.words(event)?;
        let (word, style) = verb;
        let padded = format!("{word:<10} ");
        Some(
            format!("{}{}", paint(style, &padded), visible(&rest))
                .trim_end()
                .to_owned(),
        )
    }

    /// Remembers which task a change set and an entry carry.
    fn learn(&mut self, event: &Event) {
        let data = &event.data;
        let name = match event.kind.as_str() {
            "change_set.proposed" => text(&data["proposal"]["task"]),
            "merge.enqueued" => {
                let sets = data["admission"]["change_sets"]
                    .as_array()
                    .into_iter()
                    .flatten();
                let tasks = sets
                    .filter_map(Value::as_str)
                    .map(|id| self.name("change", id));
                tasks.collect::<Vec<_>>().join(", ")
            }
            "approval.requested" => match data["about"]["id"].as_str() {
                Some(id) => self.name("change", id),
                None => return,
            },
            _ => return,
        };
        if !name.is_empty() {
            self.names.insert(event.subject.id.clone(), name);
        }
    }

    fn name(&self, noun: &str, id: &str) -> String {
        let noun = if noun == "change_set" { "change" } else { noun };
        let known = self.names.get(id).cloned();
        known.unwrap_or_else(|| format!("{noun} {}", short(id)))
    }

    /// Learns the names of what was there before it looked.
    pub(crate) fn know(&mut self, detail: &RequestDetail) {
        for set in &detail.change_sets {
            self.names.insert(set.id.clone(), set.task_id.clone());
            if let Some(approval) = &set.approval_id {
                self.names.insert(approval.clone(), set.task_id.clone());
            }
        }
        for entry in &detail.entries {
            let tasks: Vec<_> = entry
                .change_set_ids
                .iter()
                .map(|id| self.name("change", id))
                .collect();
            self.names.insert(entry.id.clone(), tasks.join(", "));
        }
    }

    /// Gives the words of an event: a verb with its style, and the rest of the line.
    fn words(&self, event: &Event) -> Option<((&'static str, anstyle::Style), String)> {
        let data = &event.data;
        let name = self.name(&event.subject.r#type, &event.subject.id);
        let id = short(&event.subject.id);
        let reason = || text(&data["reason"]);
        let named = |reason: String| {
            if reason.is_empty() {
                name.clone()
            } else {
                format!("{name}: {reason}")
            }
        };
        let good = |word| (word, style::GOOD);
        let bad = |word| (word, style::BAD);
        let waits = |word| (word, style::WAITS);
        let plain = |word| (word, style::PLAIN);
        Some(match event.kind.as_str() {
            "request.submitted" => (plain("filed"), format!("request {id}")),
            "request.clarification_requested" => (
                waits("unclear"),
                format!("request {id} has questions: hyperion request show {id}"),
            ),
            "request.planned" => (plain("planned"), format!("request {id}")),
            "request.completed" if data["partly"] == true => {
                (waits("partly done"), format!("request {id} {}", reason()))
            }
            "request.completed" => (good("done"), format!("request {id}")),
            "request.failed" => (bad("failed"), joined(&format!("request {id}"), &reason())),
            "request.cancelled" => (
                plain("cancelled"),
                joined(&format!("request {id}"), &reason()),
            ),
            "rollback.completed" => (good("taken back"), format!("request {id}")),
            "step.skipped" => (plain("skipped"), joined(&step(data), &reason())),
            "step.failed" => (bad("failed"), joined(&step(data), &reason())),
            "run.started" => match work(&data["work"]) {
                Some(work) => (plain("running"), work),
                None => return None,
            },
            "run.failed" | "run.killed" => (bad("failed"), joined(&format!("run {id}"), &reason())),
            "run.lost" => (bad("lost"), joined(&format!("run {id}"), &reason())),
            "change_set.proposed" => (plain("proposed"), format!("{name}: change {id}")),
            "change_set.rejected" => (bad("refused"), named(reason())),
            "change_set.failed" => (bad("failed"), named(reason())),
            "change_set.expired" => (waits("expired"), name),
            "approval.requested" => {
                let level = text(&data["level"]);
                (
                    waits("asks"),
                    format!("{name} needs {level}: hyperion approval show {id}"),
                )
            }
            "approval.decided" => {
                match (data["approved"] == true, data["changes_requested"] == true) {
                    (true, _) => (good("approved"), format!("{name} by {}", event.actor.id)),
                    (false, true) => (
                        waits("sent back"),
                        joined(&format!("{name} by {}", event.actor.id), &reason()),
                    ),
                    (false, false) => (
                        bad("rejected"),
                        joined(&format!("{name} by {}", event.actor.id), &reason()),
                    ),
                }
            }
            "request.revised" => (plain("revised"), format!("request {id}")),
            "approval.expiring" => (
                waits("hurry"),
                format!("{name} expires soon: hyperion approval show {id}"),
            ),
            "approval.expired" => (waits("expired"), format!("nobody decided {name} in time")),
            "merge.enqueued" => (plain("queued"), name),
            "merge.merged" => {
                let commit = text(&data["candidate"]["commit"]);
                (
                    plain("merged"),
                    format!("{name} as {}", short_commit(&commit)),
                )
            }
            "merge.checked" if data["green"] == "unchecked" => (
                waits("unchecked"),
                format!("{name}: the repository has no checks"),
            ),
            "merge.checked" => (good("checked"), name),
            "merge.landed" => {
                let commit = text(&data["commit"]);
                (
                    good("landed"),
                    format!("{name} as {}", short_commit(&commit)),
                )
            }
            "merge.refreshed" => (plain("again"), format!("{name}: the branch moved")),
            "merge.released" => (plain("again"), named(reason())),
            "merge.blocked" => (waits("blocked"), named(reason())),
            "merge.unblocked" => (plain("goes on"), name),
            "merge.quarantined" => (bad("put aside"), named(reason())),
            "merge.failed" => (bad("failed"), named(reason())),
            "merge.dead_lettered" => (bad("given up"), named(reason())),
            "merge.cancelled" => (plain("cancelled"), named(reason())),
            "merge.retried" => (plain("retried"), name),
            _ => return None,
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn joined(what: &str, reason: &str) -> String {
    if reason.is_empty() {
        what.to_owned()
    } else {
        format!("{what}: {reason}")
    }
}

fn step(data: &Value) -> String {
    format!("step {}", data["number"])
}

fn work(work: &Value) -> Option<String> {
    match work["type"].as_str()? {
        "agent" => Some(format!(
            "step {} with {}",
            work["step"],
            text(&work["agent"])
        )),
        "check" => Some(format!("check {}", text(&work["name"]))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperion_api::event::Party;
    use serde_json::json;

    const REQUEST: &str = "0190a1b2-0000-7000-8000-00000000r001";

    fn event(kind: &str, subject: &str, data: Value) -> Event {
        Event {
            v: 1,
            seq: 1,
            id: "e".into(),
            time: "2026-11-01T12:00:00Z".into(),
            kind: kind.into(),
            subject: Party {
                r#type: "x".into(),
                id: subject.into(),
                role: None,
            },
            request_id: Some(REQUEST.into()),
            run_id: None,
            actor: Party {
                r#type: "person".into(),
                id: "ada".into(),
                role: None,
            },
            data,
            prev_hash: String::new(),
            hash: String::new(),
        }
    }

    #[test]
    fn a_road_reads_as_a_story() {
        let mut progress = Progress::new(&[REQUEST.into()]);
        let (set, entry, approval) = (
            "change-set-00000c01",
            "entry-0000000000e01",
            "approval-000000a01",
        );
        let events = [
            event("request.submitted", REQUEST, json!({})),
            event(
                "run.started",
                "run",
                json!({"work": {"type": "agent", "plan": "p", "step": 1, "agent": "scripted"}}),
            ),
            event(
                "change_set.proposed",
                set,
                json!({"proposal": {"task": "T1"}}),
            ),
            event(
                "approval.requested",
                approval,
                json!({"level": "team-lead", "about": {"type": "change_set", "id": set}}),
            ),
            event(
                "approval.decided",
                approval,
                json!({"approved": true, "changes_requested": false}),
            ),
            event(
                "merge.enqueued",
                entry,
                json!({"admission": {"change_sets": [set]}}),
            ),
            event("merge.leased", entry, json!({"fence": 1})),
            event(
                "merge.merged",
                entry,
                json!({"candidate": {"commit": "4f1c2d3e5a6b7c8d"}}),
            ),
            event(
                "run.started",
                "run",
                json!({"work": {"type": "check", "entry": "e", "name": "cargo \u{1b}test"}}),
            ),
            event("merge.checked", entry, json!({"green": "strict"})),
            event("merge.landed", entry, json!({"commit": "4f1c2d3e5a6b7c8d"})),
            event("request.completed", REQUEST, json!({"partly": false})),
        ];
        let lines: Vec<_> = events
            .iter()
            .filter_map(|event| progress.line(event))
            .collect();
        let plain = anstream::adapter::strip_str(&lines.join("\n")).to_string();
        insta::assert_snapshot!(plain, @r"
        filed      request 0000r001
        running    step 1 with scripted
        proposed   T1: change 00000c01
        asks       T1 needs team-lead: hyperion approval show 00000a01
        approved   T1 by ada
        queued     T1
        merged     T1 as 4f1c2d3e5a
        running    check cargo \x1btest
        checked    T1
        landed     T1 as 4f1c2d3e5a
        done       request 0000r001
        ");
    }

    #[test]
    fn other_requests_are_left_out() {
        let mut progress = Progress::new(&["another".into()]);
        assert_eq!(
            progress.line(&event("request.submitted", REQUEST, json!({}))),
            None
        );
    }
}
