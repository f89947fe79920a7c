//! The clients of the run's socket, in what a real shim runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyperion_client::{Approval, Error, Risk, Run, Status};
use hyperion_shim::{Body, Control, Frame, Spec};
use serde_json::{Value, json};

use crate::kit::{self, script};

const TOKEN: &str = "the token of this run";

fn spec(argv: &[&str]) -> Spec {
    let mut spec = script("");
    spec.argv = argv.iter().copied().map(str::to_owned).collect();
    spec.token = Some(TOKEN.to_owned());
    spec
}

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../clients")
        .canonicalize()
        .unwrap()
}

/// What was said, without ids, a line each.
fn said(frames: &[Frame]) -> String {
    let mut said = String::new();
    for frame in frames {
        if let Body::Said(message) = &frame.body {
            let mut message: Value = serde_json::from_slice(message).unwrap();
            if let Some(id) = message["params"].get_mut("approval_id") {
                *id = "…".into();
            }
            said.push_str(&format!(
                "{} {}\n",
                message["method"].as_str().unwrap(),
                message["params"]
            ));
        }
    }
    said
}

/// Runs a program to its end; gives its exit status, what it wrote, and what it said.
fn ran(argv: &[&str], env: &[(&str, &str)]) -> (String, String) {
    let mut spec = spec(argv);
    spec.env.extend(
        env.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    let running = kit::Run::start(&spec);
    let ended = running.ended();
    let frames = running.frames();
    let output: Vec<u8> = frames
        .iter()
        .filter_map(|frame| match &frame.body {
            Body::Output(_, bytes) => Some(bytes.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    (
        format!("{}{:?}", String::from_utf8_lossy(&output), ended.end),
        said(&frames),
    )
}

// S2, S7: the Python client says everything there is to say, and knows when it is refused.
#[test]
fn python_speaks_to_its_run() {
    let script = r#"
import os, hyperion_client
from hyperion_client import Run, Refused
assert Run.from_env({}) is None
with Run.from_env() as run:
    run.heartbeat()
    run.heartbeat(progress=12.5, action="compiling")
    run.event("test.passed", {"count": 3, "text": "ü\n"})
    run.log("line\n", stream="build")
    asked = run.request_approval("k", "deploy", "Deploy it", {"host": "a"}, risk="high", ttl_sec=60)
    assert asked == run.request_approval("k", "deploy", "Deploy it", {"host": "a"}, risk="high", ttl_sec=60)
    print(asked.status, *run.wait(asked.id, timeout_sec=0.1)[:4])
    try:
        run.heartbeat(progress=200)
    except Refused as refused:
        print(refused.number, refused.code, refused)
    run.close()
    run.heartbeat(action="again")
try:
    Run(os.environ["HYPERION_SOCKET"], "another run's").heartbeat()
except Refused as refused:
    print(refused.number, refused.code)
# One that waits for no answer, and is gone.
import json, socket
connection = socket.socket(socket.AF_UNIX)
connection.connect(os.environ["HYPERION_SOCKET"])
params = {"token": os.environ["HYPERION_RUN_TOKEN"], "kind": "gone"}
connection.sendall(json.dumps({"jsonrpc": "2.0", "method": "event", "params": params}).encode())
"#;
    let folder = clients().join("python");
    let env = [
        ("PYTHONPATH", folder.to_str().unwrap()),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ];
    let (written, said) = ran(&["python3", "-c", script], &env);
    insta::assert_snapshot!(written, @r#"
    pending pending None None False
    -32602 input.invalid `progress` is a number from 0 to 100
    -32001 run.token_refused
    Exited { code: 0 }
    "#);
    insta::assert_snapshot!(said, @r#"
    heartbeat {}
    heartbeat {"action":"compiling","progress":12.5}
    event {"data":{"count":3,"text":"ü\n"},"kind":"test.passed"}
    run.log {"data":"line\n","stream":"build"}
    approval.request {"action":"deploy","details":{"host":"a"},"key":"k","risk":"high","summary":"Deploy it","ttl_sec":60}
    approval.request {"action":"deploy","details":{"host":"a"},"key":"k","risk":"high","summary":"Deploy it","ttl_sec":60}
    approval.wait {"approval_id":"…","timeout_sec":0.1}
    heartbeat {"action":"again"}
    event {"kind":"gone"}
    "#);
}

// S2, S7: so does the client for shells, by whatever speaks to a socket on this machine.
#[test]
fn shells_speak_to_their_run() {
    let script = r#"
exec 2>&1
. "$CLIENT/hyperion.sh"
hyperion_supervised || exit 3
hyperion_heartbeat && hyperion_heartbeat 40 'a "b" \c' && hyperion_event test.passed '{"count":3}' || exit 4
hyperion_log build 'two
	lines $HOME
' || exit 5
set -- $(hyperion_request_approval k deploy "Deploy it" high)
echo "$2 $(hyperion_wait "$1" 0.1)"
hyperion_heartbeat 200 || echo "refused $?"
(HYPERION_RUN_TOKEN=other; export HYPERION_RUN_TOKEN; hyperion_heartbeat) || echo "refused $?"
(HYPERION_SOCKET=/nowhere; export HYPERION_SOCKET; hyperion_heartbeat 2>/dev/null) || echo "refused $?"
(HYPERION_SOCKET=; hyperion_heartbeat) || echo "refused $?"
exit "$HYPERION_EXIT_PARKED"
"#;
    let folder = clients().join("sh");
    let is_there = |name: &str| {
        let folders = ["/bin", "/usr/bin", "/usr/local/bin"];
        folders
            .iter()
            .any(|folder| Path::new(folder).join(name).exists())
    };
    // The empty one chooses by itself.
    let ways = ["", "perl", "python3", "socat", "ncat"].map(|via| ("sh", via));
    let mut all = Vec::new();
    for (shell, via) in ways.into_iter().chain([("bash", ""), ("dash", "")]) {
        if is_there(via) && is_there(shell) {
            let env = [
                ("CLIENT", folder.to_str().unwrap()),
                ("HYPERION_SH_VIA", via),
            ];
            all.push(ran(&[shell, "-c", script], &env));
        }
    }
    let (written, said) = all.first().unwrap();
    assert!(all.iter().all(|(_, other)| other == said), "{all:#?}");
    assert!(all.iter().all(|(other, _)| other == written), "{all:#?}");
    insta::assert_snapshot!(written, @r#"
    pending pending
    hyperion.sh: heartbeat: {"error":{"code":-32602,"data":{"code":"input.invalid"},"message":"`progress` is a number from 0 to 100"},"id":1,"jsonrpc":"2.0"}
    refused 1
    hyperion.sh: heartbeat: {"error":{"code":-32001,"data":{"code":"run.token_refused"},"message":"this is not the token of this run: use HYPERION_SOCKET and HYPERION_RUN_TOKEN of one and the same run"},"id":1,"jsonrpc":"2.0"}
    refused 1
    refused 1
    hyperion.sh: nobody supervises this process: HYPERION_SOCKET and HYPERION_RUN_TOKEN are not set
    refused 69
    Exited { code: 75 }
    "#);
    insta::assert_snapshot!(said, @r#"
    heartbeat {}
    heartbeat {"action":"a \"b\" \\c","progress":40}
    event {"data":{"count":3},"kind":"test.passed"}
    run.log {"data":"two\n\tlines $HOME\n","stream":"build"}
    approval.request {"action":"deploy","details":{},"key":"k","risk":"high","summary":"Deploy it"}
    approval.wait {"approval_id":"…","timeout_sec":0.1}
    "#);
}

// S2, S7: the Rust client; a token of another run opens nothing.
#[test]
fn rust_speaks_to_its_run_and_to_no_other() {
    let running = kit::Run::start(&spec(&["sleep", "600"]));
    let socket = running.path().join("socket/s");
    kit::wait_until(|| socket.exists());
    let mut run = Run::at(&socket, TOKEN);
    run.heartbeat(Some(40.0), None).unwrap();
    run.event("started", &json!([1])).unwrap();
    run.log("build", "text").unwrap();
    let approval = Approval {
        key: "k",
        action: "deploy",
        summary: "Deploy it",
        details: json!({}),
        risk: Risk::Low,
        diff: None,
        ttl_sec: None,
    };
    let asked = run.request_approval(&approval).unwrap();
    assert_eq!(asked, run.request_approval(&approval).unwrap());
    let decision = run.wait(&asked.id, Duration::from_millis(50)).unwrap();
    assert_eq!(
        (asked.status, decision.status, decision.decided_by),
        (Status::Pending, Status::Pending, None)
    );
    let refused = Run::at(&socket, "another run's").heartbeat(None, None);
    assert!(
        matches!(&refused, Err(Error::Refused { code, .. }) if code == "run.token_refused"),
        "{refused:?}"
    );
    let mut attached = running.attach();
    attached.send(Control::Stop { grace_ms: 0 }).unwrap();
    running.ended();
    insta::assert_snapshot!(said(&running.frames()), @r#"
    heartbeat {"progress":40.0}
    event {"data":[1],"kind":"started"}
    run.log {"data":"text","stream":"build"}
    approval.request {"action":"deploy","details":{},"key":"k","risk":"low","summary":"Deploy it"}
    approval.request {"action":"deploy","details":{},"key":"k","risk":"low","summary":"Deploy it"}
    approval.wait {"approval_id":"…","timeout_sec":0.05}
    "#);
}
