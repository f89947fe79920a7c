//! What a client sees, well-behaved or not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyperion_api::tool::{self as wire, OpenSession};
use hyperion_mcp::{Server, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines};
use tokio::task::JoinHandle;

use crate::engine::Played;

/// How long an answer may take; two busy cores are slow.
const SOON: Duration = Duration::from_secs(30);

struct Scene {
    engine: Arc<Played>,
    to: DuplexStream,
    from: Lines<BufReader<DuplexStream>>,
    serving: JoinHandle<()>,
}

impl Scene {
    /// Starts a server whose pipes hold this many bytes.
    fn new(pipe_bytes: usize) -> Self {
        let engine = Arc::new(Played::default());
        let (to, input) = tokio::io::duplex(pipe_bytes);
        let (output, from) = tokio::io::duplex(pipe_bytes);
        let filesystem = wire::server("filesystem").unwrap();
        let root = OpenSession::Root("/r".to_owned());
        let server = Server::new(filesystem, root, engine.client(), "1.2.3")
            .with_sign_of_life(Duration::from_millis(20));
        let serving = tokio::spawn(async { serve(server, input, output).await.unwrap() });
        Self {
            engine,
            to,
            from: BufReader::new(from).lines(),
            serving,
        }
    }

    async fn agreed(pipe_bytes: usize) -> Self {
        let mut scene = Self::new(pipe_bytes);
        let hello = json!({
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"}
        });
        let told = scene.ask(0, "initialize", hello).await;
        assert_eq!(told["result"]["serverInfo"]["name"], "hyperion-filesystem");
        assert_eq!(told["result"]["serverInfo"]["version"], "1.2.3");
        assert!(told["result"]["capabilities"]["tools"].is_object());
        scene
            .send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
            .await;
        scene
    }

    async fn send(&mut self, line: &str) {
        self.to.write_all(line.as_bytes()).await.unwrap();
        self.to.write_all(b"\n").await.unwrap();
    }

    async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(SOON, self.from.next_line()).await;
        let line = line.expect("an answer in time").unwrap().expect("a line");
        serde_json::from_str(&line).unwrap()
    }

    /// Gives the code of the error that comes next, and the request that it is about.
    async fn refused(&mut self) -> (i64, Value) {
        let answer = self.next().await;
        assert!(
            answer.get("id").is_some(),
            "JSON-RPC wants an id, or null: {answer}"
        );
        (
            answer["error"]["code"].as_i64().unwrap(),
            answer["id"].clone(),
        )
    }

    async fn ask(&mut self, id: u32, method: &str, params: Value) -> Value {
        self.send(&request(id, method, &params)).await;
        let answer = self.next().await;
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    async fn call(&mut self, id: u32, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        self.ask(id, "tools/call", params).await
    }
}

fn request(id: u32, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

// T1, T5: a client sees the six tools with their schemas, before any engine is asked.
#[tokio::test]
async fn tools_are_listed_without_an_engine() {
    let mut scene = Scene::agreed(64 * 1024).await;
    let listed = scene.ask(1, "tools/list", json!({})).await;
    let tools = listed["result"]["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "readFile",
            "writeFile",
            "editFile",
            "listDirectory",
            "searchFiles",
            "deleteFile"
        ]
    );
    for tool in tools {
        assert_eq!(tool["inputSchema"]["type"], "object");
        assert_eq!(tool["outputSchema"]["type"], "object");
    }
    assert_eq!(tools[0]["annotations"]["readOnlyHint"], true);
    assert_eq!(tools[5]["annotations"]["destructiveHint"], true);
    assert_eq!(scene.engine.sessions.load(Ordering::SeqCst), 0);
}

// T5: what a server does not say it has, it has not: no empty list pretends otherwise.
#[tokio::test]
async fn what_is_not_offered_is_not_there() {
    let mut scene = Scene::agreed(64 * 1024).await;
    let completion = json!({
        "ref": {"type": "ref/prompt", "name": "p"}, "argument": {"name": "a", "value": "b"}
    });
    for (id, method, params) in [
        (1, "prompts/list", json!({})),
        (2, "resources/list", json!({})),
        (3, "resources/templates/list", json!({})),
        (4, "completion/complete", completion),
        (5, "logging/setLevel", json!({"level": "info"})),
    ] {
        let answer = scene.ask(id, method, params).await;
        assert_eq!(answer["error"]["code"], -32601, "{method}: {answer}");
    }
}

// T1: calls go to the engine in one session; a refusal is a result that says so, an unknown tool an error.
#[tokio::test]
async fn calls_go_to_the_engine_and_come_back() {
    let mut scene = Scene::agreed(64 * 1024).await;
    let called = scene.call(1, "readFile", json!({"path": "a"})).await;
    assert_eq!(called["result"]["isError"], false);
    assert_eq!(called["result"]["structuredContent"]["echo"]["path"], "a");
    let refused = scene.call(2, "readFile", json!({"path": "refused"})).await;
    assert_eq!(refused["result"]["isError"], true);
    assert_eq!(refused["result"]["content"][0]["text"], "no (path.denied)");
    assert!(
        refused["result"].get("structuredContent").is_none(),
        "{refused}"
    );
    let unknown = scene.call(3, "format", json!({})).await;
    assert!(
        unknown["error"]["message"]
            .as_str()
            .unwrap()
            .contains("readFile")
    );
    assert_eq!(scene.engine.sessions.load(Ordering::SeqCst), 1);
}

// T3, T5: a client that asked for it hears that a long call is still at work, and gives it up when it likes.
#[tokio::test]
async fn a_long_call_gives_signs_of_life() {
    let mut scene = Scene::agreed(64 * 1024).await;
    let params = json!({
        "name": "readFile", "arguments": {"path": "endless"}, "_meta": {"progressToken": "mine"}
    });
    scene.send(&request(1, "tools/call", &params)).await;
    let mut before = 0.0;
    for _ in 0..3 {
        let sign = scene.next().await;
        assert_eq!(sign["method"], "notifications/progress", "{sign}");
        assert_eq!(sign["params"]["progressToken"], "mine");
        let progress = sign["params"]["progress"].as_f64().unwrap();
        assert!(progress > before, "{sign}");
        before = progress;
    }
    let enough = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1, "reason": "enough"}
    });
    scene.send(&enough.to_string()).await;
    let params = json!({"name": "readFile", "arguments": {"path": "a"}});
    scene.send(&request(2, "tools/call", &params)).await;
    // Signs that were on their way come first.
    let answer = loop {
        let next = scene.next().await;
        if next["method"] != "notifications/progress" {
            break next;
        }
    };
    assert_eq!(
        (&answer["id"], &answer["result"]["isError"]),
        (&json!(2), &json!(false))
    );
}

// T1: an engine that was started again knows no sessions: another is opened, and the call is made once.
#[tokio::test]
async fn a_forgotten_session_is_opened_again() {
    let mut scene = Scene::agreed(64 * 1024).await;
    let called = scene
        .call(1, "readFile", json!({"path": "forgotten"}))
        .await;
    assert_eq!(called["result"]["isError"], false, "{called}");
    assert_eq!(scene.engine.sessions.load(Ordering::SeqCst), 2);
    assert_eq!(scene.engine.calls.load(Ordering::SeqCst), 1);
}

// T5: whatever comes in gets the error that JSON-RPC has for it, and what is well-formed after it is answered.
#[tokio::test]
async fn malformed_messages_end_nothing() {
    let mut scene = Scene::agreed(1024 * 1024).await;
    let deep = "[".repeat(100_000);
    scene.send("").await;
    for garbage in [
        "no json",
        "{",
        "\u{0}\u{1}",
        "{\"jsonrpc\":\"2.0\",\"id\":",
        deep.as_str(),
    ] {
        scene.send(garbage).await;
        assert_eq!(
            scene.refused().await,
            (-32700, Value::Null),
            "{garbage:.80}"
        );
    }
    scene.to.write_all(b"\xff\xfe\xfd\n").await.unwrap();
    assert_eq!(scene.refused().await, (-32700, Value::Null));
    let huge = vec![b'x'; hyperion_mcp::MAX_MESSAGE_BYTES + 1000];
    scene.to.write_all(&huge).await.unwrap();
    scene.send("").await;
    assert_eq!(scene.refused().await, (-32600, Value::Null));
    let called = scene.call(7, "readFile", json!({"path": "a"})).await;
    assert_eq!(called["result"]["isError"], false);
    for wrong in ["{}", "[]", "7", r#"{"jsonrpc":"2.0","id":[],"method":"x"}"#] {
        scene.send(wrong).await;
        assert_eq!(scene.refused().await, (-32600, Value::Null), "{wrong}");
    }
    scene.send(r#"{"id":"x","method":"ping"}"#).await;
    assert_eq!(scene.refused().await, (-32600, json!("x")));
    scene.ask(8, "ping", json!({})).await;
    let unknown = scene.ask(9, "no/such/method", json!({})).await;
    assert!(unknown["error"].is_object());
}

// T5: which of two arguments of one name counts is not guessed, and nothing is called.
#[tokio::test]
async fn an_argument_that_is_given_twice_is_refused() {
    let mut scene = Scene::agreed(64 * 1024).await;
    scene
        .send(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"readFile","arguments":{"path":"a","path":"b"}}}"#)
        .await;
    let answer = scene.next().await;
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!(1), &json!(-32602))
    );
    let said = r#"the key "path" stands twice in /params/arguments: give each key once"#;
    assert_eq!(answer["error"]["message"], said);
    assert_eq!(scene.engine.calls.load(Ordering::SeqCst), 0);
}

// T5: a client that sends and never reads is not heard any more; once it reads, everything is answered.
#[tokio::test]
async fn a_client_that_never_reads_takes_bounded_room() {
    const SENT: u32 = 1000;
    const UNANSWERED_MAX: usize = 64;
    let Scene {
        engine,
        mut to,
        mut from,
        serving,
    } = Scene::agreed(1024).await;
    let sending = tokio::spawn(async move {
        for id in 1..=SENT {
            let params = json!({"name": "readFile", "arguments": {"path": "a"}});
            let line = request(id, "tools/call", &params);
            to.write_all(line.as_bytes()).await.unwrap();
            to.write_all(b"\n").await.unwrap();
        }
        to
    });
    engine.has_calls(UNANSWERED_MAX - 8).await;
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    // The few that were answered lie in the pipe.
    let calls = engine.calls.load(Ordering::SeqCst);
    assert!(calls <= UNANSWERED_MAX + 8, "{calls}");
    assert!(!sending.is_finished());
    let mut answered = std::collections::BTreeSet::new();
    while answered.len() < SENT as usize {
        let line = tokio::time::timeout(SOON, from.next_line()).await;
        let line = line.expect("an answer in time").unwrap().expect("a line");
        let answer: Value = serde_json::from_str(&line).unwrap();
        answered.insert(answer["id"].as_u64().unwrap());
    }
    drop(sending.await.unwrap());
    serving.await.unwrap();
}

// T5: a call that is called off leaves its place to others.
#[tokio::test]
async fn what_is_called_off_takes_no_place() {
    let mut scene = Scene::agreed(64 * 1024).await;
    for id in 1..200 {
        let params = json!({"name": "readFile", "arguments": {"path": "a"}});
        scene.send(&request(id, "tools/call", &params)).await;
        let off = json!({
            "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}
        });
        scene.send(&off.to_string()).await;
    }
    scene.send(&request(1000, "ping", &json!({}))).await;
    while scene.next().await["id"] != 1000 {}
}

// T5: who closes the input still gets the answers to what was asked before.
#[tokio::test]
async fn what_was_asked_before_the_end_is_answered() {
    let mut scene = Scene::agreed(64 * 1024).await;
    for id in 1..=20 {
        let params = json!({"name": "readFile", "arguments": {"path": "a"}});
        scene.send(&request(id, "tools/call", &params)).await;
    }
    scene.to.shutdown().await.unwrap();
    for _ in 1..=20 {
        assert!(scene.next().await["result"].is_object());
    }
    scene.serving.await.unwrap();
}
