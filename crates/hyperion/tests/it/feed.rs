//! What follows what happens: the feed, the stream of a page, and the operation monitor.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use hyperion_testkit::{RequestFile, task, task_request};
use serde_json::{Value, json};

use crate::api::Api;
use crate::world::{World, text};

/// How long a message may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A message of a stream: its id, its name, and what it says.
#[derive(Debug)]
struct Message {
    id: String,
    name: String,
    data: Value,
}

/// Somebody who follows a stream.
struct Reader(BufReader<UnixStream>);

impl Reader {
    fn open(world: &World, path: &str, last: Option<&str>) -> Self {
        let mut stream = UnixStream::connect(world.hyperion.home().join("socket")).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let last = last.map(|id| format!("last-event-id: {id}\r\n"));
        let last = last.unwrap_or_default();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: h\r\n{last}\r\n").unwrap();
        Self(BufReader::new(stream))
    }

    /// Waits for the next message; none when the stream ended.
    fn next(&mut self) -> Option<Message> {
        let (mut id, mut name) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            let line = line.trim_end();
            if line == "0" {
                return None;
            } else if let Some(found) = line.strip_prefix("id: ") {
                found.clone_into(&mut id);
            } else if let Some(found) = line.strip_prefix("event: ") {
                found.clone_into(&mut name);
            } else if let Some(found) = line.strip_prefix("data: ") {
                let data = serde_json::from_str(found).unwrap();
                return Some(Message { id, name, data });
            }
        }
    }

    /// Waits for a message of this name.
    fn until(&mut self, name: &str) -> Message {
        std::iter::from_fn(|| self.next())
            .find(|message| message.name == name)
            .unwrap_or_else(|| panic!("no {name} came"))
    }
}

fn makes(name: &str) -> RequestFile {
    task_request(&format!("Make {name}"))
        .class("feature")
        .task(task("T1", &format!("make {name}")).create(&format!("{name}.txt"), "x\n"))
}

// W4: events are given by subject, from where a client left off, and under the monitor's names.
#[test]
fn the_feed_is_filtered_and_resumed() {
    let world = World::up(&[("a.txt", "a\n")]);
    let api = Api::new(&world.hyperion);
    let mut monitor = Reader::open(&world, "/api/agent-monitor/events", None);
    let first = world.ask(&makes("one"));
    let second = world.ask(&makes("two"));

    let of = |subject: &str| {
        let id = crate::world::short(subject);
        let subject = format!("approval:{id}");
        world
            .run(&["events", "--subject", &subject, "--format", "jsonl"])
            .code(0)
            .json_lines()
    };
    let events = of(&second.approval);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["kind"], "approval.requested");
    assert_eq!(events[0]["subject"]["id"], second.approval.as_str());
    for wrong in ["approval", "weather:1234", "plan:1234"] {
        let refused = world.run(&["events", "--subject", wrong]).code(2);
        assert!(
            refused.stderr.contains("hint:") || wrong == "plan:1234",
            "{}",
            refused.stderr
        );
    }

    let asked = monitor.until("approval.requested");
    assert_eq!(asked.data["subject"]["id"], first.approval.as_str());
    let seq: u64 = asked.id.parse().unwrap();
    let mut rest = Reader::open(
        &world,
        "/api/events?kinds=approval.&follow=true",
        Some(&asked.id),
    );
    let next = rest.next().unwrap();
    assert_eq!(
        next.data["subject"]["id"],
        second.approval.as_str(),
        "behind {seq}"
    );
    world.approve(&first, 0);
    assert_eq!(
        rest.until("approval.decided").data["subject"]["id"],
        first.approval.as_str()
    );
    let done = monitor.until("operation.completed");
    assert_eq!(done.data["subject"]["id"], first.request.as_str());

    let listed = api
        .get("/api/agent-monitor/operations?type=feature&status=completed")
        .unwrap()
        .unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

// The operation monitor's record of what landed, what was rejected and what was taken back.
#[test]
fn operations_tell_how_requests_ended() {
    let world = World::up(&[("a.txt", "a\n")]);
    let api = Api::new(&world.hyperion);
    let show = |id: &str| {
        api.get(&format!("/api/agent-monitor/operations/{id}"))
            .unwrap()
            .unwrap()
    };
    let post = |id: &str, verb: &str, body: &Value| {
        let path = format!("/api/agent-monitor/operations/{id}/{verb}");
        api.post(&path, body).unwrap()
    };
    let asked = world.ask(&makes("one"));
    let waiting = show(&asked.request);
    assert_eq!(waiting["status"], "awaiting_approval");
    assert_eq!(waiting["approval_status"], "pending");
    assert_eq!(waiting["can_rollback"], false);
    let approved = post(&asked.request, "approve", &json!({})).unwrap();
    assert_eq!(approved["approval_status"], "approved");
    api.rest().unwrap();

    let landed = show(&asked.request);
    let tip = world.repo.git(&["rev-parse", "main"]);
    for (field, value) in [
        ("operation_type", json!("feature")),
        ("status", json!("completed")),
        ("description", json!("Make one")),
        ("triggered_by", json!("ada")),
        ("source", json!("cli")),
        ("branch", json!("main")),
        ("base_branch", json!("main")),
        ("commit_sha", json!(tip.trim())),
        ("pr_number", Value::Null),
        ("files_changed", json!(1)),
        ("lines_added", json!(1)),
        ("lines_removed", json!(0)),
        ("approved_by", json!("ada")),
        ("error_message", Value::Null),
        ("can_rollback", json!(true)),
        ("rollback_sha", Value::Null),
    ] {
        assert_eq!(landed[field], value, "{field}: {landed:#}");
    }
    for field in ["approved_at", "started_at", "completed_at", "risk_level"] {
        assert!(landed[field].is_string(), "{field}: {landed:#}");
    }
    let diff = api.get(&format!(
        "/api/agent-monitor/operations/{}/diff",
        asked.request
    ));
    assert!(text(&diff.unwrap().unwrap()["unified_diff"]).contains("+x"));

    let refused = world.ask(&makes("two"));
    let rejected = post(&refused.request, "reject", &json!({"reason": "not now"})).unwrap();
    assert_eq!(rejected["approval_status"], "rejected");
    api.rest().unwrap();
    let rejected = show(&refused.request);
    assert_eq!(rejected["status"], "failed");
    assert_eq!(rejected["can_rollback"], false);
    assert!(rejected["error_message"].is_string(), "{rejected:#}");

    let back = post(&asked.request, "rollback", &json!({})).unwrap();
    assert_eq!(back["operation_type"], "rollback");
    api.rest().unwrap();
    let taken = show(&asked.request);
    assert_eq!(taken["status"], "rolled_back");
    assert_eq!(taken["can_rollback"], false);
    assert!(taken["rolled_back_at"].is_string(), "{taken:#}");
    let tip = world.repo.git(&["rev-parse", "main"]);
    assert_eq!(taken["rollback_sha"], tip.trim());
    let again = post(&asked.request, "rollback", &json!({})).unwrap_err();
    assert_eq!(again.code, "rollback.impossible");
}

// W4: one stream carries all that a page subscribed to, and goes on where it was.
#[test]
fn a_page_has_one_stream_that_resumes() {
    let world = World::up(&[("a.txt", "a\n")]);
    let api = Api::new(&world.hyperion);
    let mut page = Reader::open(&world, "/api/stream", None);
    let opened = page.until("stream");
    let stream = text(&opened.data["stream_id"]);
    let subscribe = |stream: &str, topic: Value| {
        api.post(&format!("/api/stream/{stream}/subscriptions"), &topic)
            .unwrap()
    };
    let events = subscribe(&stream, json!({"topic": "events", "kinds": "approval."})).unwrap();
    let asked = world.ask(&makes("one"));
    let told = page.until("event");
    assert_eq!(told.data["subscription"], events["id"]);
    assert_eq!(told.data["event"]["subject"]["id"], asked.approval.as_str());

    world.run(&["exec", "--", "sh", "-c", "echo hello"]).code(0);
    let run = text(&world.list(&["run", "list", "--limit", "1"])[0]["id"]);
    let output = subscribe(&stream, json!({"topic": "output", "run": run})).unwrap();
    let written = page.until("output");
    assert_eq!(written.data["subscription"], output["id"]);
    assert_eq!(written.data["items"][0]["text"], "hello\n");

    // What happens while nobody is connected is told afterwards, and nothing of before again.
    drop(page);
    world.approve(&asked, 0);
    let mut page = Reader::open(&world, "/api/stream", Some(&written.id));
    let resumed = page.until("stream");
    assert_eq!(resumed.data["subscriptions"].as_array().unwrap().len(), 2);
    let told = page.until("event");
    assert_eq!(told.data["event"]["kind"], "approval.decided", "{told:?}");

    let unknown = subscribe(
        "0190b7c4-6f2e-7a31-9d52-3f1c8a4be901",
        json!({"topic": "notices"}),
    );
    assert_eq!(unknown.unwrap_err().code, "subject.not_found");
    let wrong = subscribe(&stream, json!({"topic": "output", "run": "ffffffff"})).unwrap_err();
    assert_eq!(wrong.code, "subject.not_found");
}
