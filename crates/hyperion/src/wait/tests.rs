//! Waiting, against an engine that is a script of answers behind a real socket.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use hyperion_api::event::{Event, Party};
use hyperion_api::request::Request;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::*;
use crate::connection::Access;
use crate::context::Cx;
use crate::output::Output;
use crate::settings::Variables;

const REQUEST: &str = "0190a1b2-c3d4-7e5f-8a6b-00000000aaaa";
const APPROVAL: &str = "0190a1b2-c3d4-7e5f-8a6b-00000000bbbb";

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn detail(status: &str, waiting: &[&str]) -> RequestDetail {
    RequestDetail {
        request: Request {
            id: REQUEST.into(),
            title: "Clamp the retry delay".into(),
            class: "bugfix".into(),
            priority: "medium".into(),
            status: status.into(),
            repo: "web".into(),
            branch: "main".into(),
            agent: "scripted".into(),
            source: "cli".into(),
            dry_run: false,
            submitted_by: "ada".into(),
            submitted_at: "2026-11-01T12:00:00Z".into(),
            started_at: None,
            finished_at: None,
            reason: None,
            rolls_back: None,
            rolled_back_by: None,
            waiting_approvals: waiting.iter().map(|id| (*id).to_owned()).collect(),
            sent_back: false,
        },
        description: String::new(),
        acceptance: vec![],
        questions: if status == "needs_clarification" {
            vec!["Which file?".into()]
        } else {
            vec![]
        },
        answers: vec![],
        brief: None,
        plan: None,
        change_sets: vec![],
        entries: vec![],
        approvals: vec![],
        summary: None,
    }
}

fn event(seq: u64, kind: &str, subject: &str, data: Value) -> Event {
    Event {
        v: 1,
        seq,
        id: "e".into(),
        time: "2026-11-01T12:00:00Z".into(),
        kind: kind.into(),
        subject: Party {
            r#type: "entry".into(),
            id: subject.into(),
            role: None,
        },
        request_id: Some(REQUEST.into()),
        run_id: None,
        actor: Party {
            r#type: "engine".into(),
            id: "queue".into(),
            role: None,
        },
        data,
        prev_hash: String::new(),
        hash: String::new(),
    }
}

/// What the engine will say: a state for each look (the last one stays), the events, whether it is idle.
struct Script {
    looks: VecDeque<RequestDetail>,
    events: Vec<Event>,
    idle: bool,
    /// After how many looks the engine leaves, and another one takes its place.
    leaves_after: Option<usize>,
}

async fn serve(socket: &Path, mut script: Script) {
    let mut looks = 0;
    let mut listener = UnixListener::bind(socket).unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let Some(path) = read_path(&mut stream).await else {
            continue;
        };
        let (kind, body) = match path.split('?').next().unwrap() {
            "/healthz" => ("application/json", json!({"status": "ok", "version": env!("CARGO_PKG_VERSION"), "pid": 1, "engine": true}).to_string()),
            "/api/idle" => ("application/json", json!({"idle": script.idle, "queue_depth": 0, "waiting_approvals": 0, "last_seq": 7}).to_string()),
            "/api/events" => {
                let events = script.events.iter().map(|event| format!("data: {}\n\n", serde_json::to_string(event).unwrap()));
                ("text/event-stream", events.collect())
            }
            _ => {
                looks += 1;
                if script.leaves_after == Some(looks) {
                    // The answer breaks off, and for a moment nobody listens.
                    drop(stream);
                    drop(listener);
                    std::fs::remove_file(socket).unwrap();
                    listener = UnixListener::bind(socket).unwrap();
                    continue;
                }
                let one = if script.looks.len() > 1 { script.looks.pop_front() } else { script.looks.front().cloned() };
                ("application/json", serde_json::to_string(&one.unwrap()).unwrap())
            }
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream
            .write_all(format!("{head}{body}").as_bytes())
            .await
            .unwrap();
    }
}

/// Gives the path that is asked for; none when somebody only looked whether anybody listens.
async fn read_path(stream: &mut UnixStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8(head).unwrap();
    text.split(' ').nth(1).map(str::to_owned)
}

/// Waits for the request while an engine follows the script; gives the status, the data and the talk.
async fn waited(script: Script, format: Format) -> (Exit, String, String) {
    let home = tempfile::tempdir().unwrap();
    let (data, talk) = (Written::default(), Written::default());
    let variables = Variables::new([(
        OsString::from("HYPERION_HOME"),
        home.path().as_os_str().to_owned(),
    )]);
    let output = Output::of_streams(data.clone(), talk.clone());
    let cx = Cx::new(
        Arc::new(output),
        variables,
        home.path().to_path_buf(),
        Some(jiff::tz::TimeZone::UTC),
    );
    let socket = home.path().join("socket");
    let ids = [REQUEST.to_owned()];
    let client = async {
        while !socket.exists() {
            tokio::task::yield_now().await;
        }
        cx.with(Access::Change, async |session| {
            wait(session, &ids, format).await
        })
        .await
        .unwrap()
    };
    let exit = tokio::select! {
        () = serve(&socket, script) => unreachable!("it serves for ever"),
        exit = client => exit,
    };
    (exit, data.text(), talk.text())
}

fn script(looks: impl IntoIterator<Item = RequestDetail>) -> Script {
    Script {
        looks: looks.into_iter().collect(),
        events: vec![],
        idle: false,
        leaves_after: None,
    }
}

#[tokio::test]
async fn it_tells_what_happens_until_the_end() {
    let landed = event(
        8,
        "merge.landed",
        "entry-0000000000e01",
        json!({"commit": "4f1c2d3e5a6b7c8d"}),
    );
    let script = Script {
        events: vec![landed],
        ..script([detail("running", &[]), detail("completed", &[])])
    };
    let (exit, data, talk) = waited(script, Format::Table).await;
    assert_eq!(exit, Exit::Done);
    assert_eq!(
        data,
        "Request 0000aaaa  Clamp the retry delay\n  status       completed\n"
    );
    assert!(
        talk.ends_with("landed      entry 00000e01 as 4f1c2d3e5a\n"),
        "{talk}"
    );
    assert_eq!(talk.lines().count(), 1, "{talk}");
}

// W1: without a terminal nothing is asked; the approval and the command are named.
#[tokio::test]
async fn without_a_terminal_a_question_is_named_and_the_status_says_so() {
    let (exit, data, talk) = waited(
        script([
            detail("running", &[]),
            detail("awaiting_approval", &[APPROVAL]),
        ]),
        Format::Json,
    )
    .await;
    assert_eq!(exit, Exit::Waiting);
    let value: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(value["items"][0]["waiting_approvals"][0], APPROVAL);
    assert!(
        talk.contains("hint: hyperion approval approve 0000bbbb"),
        "{talk}"
    );
}

#[tokio::test]
async fn questions_of_the_engineer_are_shown() {
    let (exit, _, talk) = waited(script([detail("needs_clarification", &[])]), Format::Table).await;
    assert_eq!(exit, Exit::Waiting);
    assert!(
        talk.contains("- Which file?\n") && talk.contains("hyperion request answer 0000aaaa"),
        "{talk}"
    );
}

#[tokio::test]
async fn an_engine_that_leaves_is_replaced() {
    let script = Script {
        leaves_after: Some(2),
        ..script([detail("running", &[]), detail("completed", &[])])
    };
    let (exit, _, _) = waited(script, Format::Jsonl).await;
    assert_eq!(exit, Exit::Done);
}

#[tokio::test]
async fn it_never_waits_for_what_only_a_person_can_move() {
    let script = Script {
        idle: true,
        ..script([detail("running", &[])])
    };
    let (exit, _, talk) = waited(script, Format::Table).await;
    assert_eq!(exit, Exit::Waiting);
    assert!(talk.contains("cannot go on without a person"), "{talk}");
}
