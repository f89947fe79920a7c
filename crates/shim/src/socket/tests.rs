//! The run's socket, with real connections.

use super::*;

const TOKEN: &str = r#"{"jsonrpc":"2.0","method":"hello","params":{"token":"right"}}"#;

/// A socket in a folder of its own, and what was recorded.
struct Scene {
    folder: tempfile::TempDir,
    socket: RunSocket,
    now: Instant,
    recorded: Vec<String>,
    disk_is_full: bool,
    are_answering: bool,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Instant::now();
        let party = Party {
            run: "run-1".to_owned(),
            lineage: None,
            token: "right".to_owned(),
        };
        let asks = Asks::new(folder.path());
        let socket = RunSocket::listen(folder.path(), asks, party, now).unwrap();
        Self {
            folder,
            socket,
            now,
            recorded: Vec::new(),
            disk_is_full: false,
            are_answering: false,
        }
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.folder.path().join(RunSocket::NAME)).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    }

    fn turn(&mut self) {
        let moment = Timespec {
            tv_sec: 0,
            tv_nsec: 2_000_000,
        };
        poll(&mut polled(self.socket.interests()), Some(&moment)).unwrap();
        let (recorded, full) = (&mut self.recorded, self.disk_is_full);
        let are_answering = self.are_answering;
        self.socket.turn(self.now, are_answering, &mut |said| {
            recorded.push(String::from_utf8(said).unwrap());
            if full {
                Err(ErrorKind::StorageFull.into())
            } else {
                Ok(())
            }
        });
    }

    /// Writes, and reads so many lines of answers.
    fn ask(&mut self, client: &mut UnixStream, text: &[u8], lines: usize) -> String {
        let (mut at, mut got) = (0, Vec::new());
        for _ in 0..5_000 {
            at += client.write(&text[at..]).unwrap_or(0);
            self.turn();
            let mut piece = [0; 64 * 1024];
            match client.read(&mut piece) {
                Ok(count) => got.extend_from_slice(&piece[..count]),
                Err(error) => assert!(is_for_later(&error), "{error}"),
            }
            if at == text.len() && got.iter().filter(|byte| **byte == b'\n').count() >= lines {
                return String::from_utf8(got).unwrap();
            }
        }
        panic!("no answer: {}", String::from_utf8_lossy(&got));
    }
}

fn heartbeat(id: u32, rest: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"heartbeat","params":{{{rest}}}}}"#)
}

// S2: what is said is recorded before it is answered, and a sign of life that says nothing new once a second.
#[test]
fn messages_are_recorded_and_answered() {
    let mut scene = Scene::new();
    let mut client = scene.connect();
    let text = format!(
        "{TOKEN}\n{}\n{}\n{}\n",
        heartbeat(1, ""),
        heartbeat(2, ""),
        heartbeat(3, r#""progress":5"#)
    );
    let answers = scene.ask(&mut client, text.as_bytes(), 3);
    insta::assert_snapshot!(answers, @r#"
        {"id":1,"jsonrpc":"2.0","result":{}}
        {"id":2,"jsonrpc":"2.0","result":{}}
        {"id":3,"jsonrpc":"2.0","result":{}}
        "#);
    scene.now += HEARTBEAT_EVERY;
    scene.ask(
        &mut client,
        format!("{}\n", heartbeat(4, r#""progress":5"#)).as_bytes(),
        1,
    );
    insta::assert_snapshot!(scene.recorded.join("\n"), @r#"
        {"id":1,"jsonrpc":"2.0","method":"heartbeat","params":{}}
        {"id":3,"jsonrpc":"2.0","method":"heartbeat","params":{"progress":5}}
        {"id":4,"jsonrpc":"2.0","method":"heartbeat","params":{"progress":5}}
        "#);
    scene.disk_is_full = true;
    let answer = scene.ask(
        &mut client,
        format!("{}\n", heartbeat(5, r#""progress":6"#)).as_bytes(),
        1,
    );
    assert!(answer.contains("run.not_recorded"), "{answer}");
}

// S9: garbage, half a message and one that is too long keep neither the connection nor the others from theirs.
#[test]
fn garbage_and_what_is_too_long_is_answered_and_the_connection_kept() {
    let mut scene = Scene::new();
    let mut client = scene.connect();
    let mut text = format!("{TOKEN}\n\x00\u{7f}garbage\n").into_bytes();
    text.extend(vec![b'['; 3 * LINE_BYTES_MAX]);
    text.extend_from_slice(format!("\n{}\n{{\"half", heartbeat(1, "")).as_bytes());
    let answers = scene.ask(&mut client, &text, 3);
    let codes: Vec<Value> = answers
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["error"]["code"].clone())
        .collect();
    assert_eq!(
        codes,
        [Value::from(-32700), Value::from(-32600), Value::Null]
    );
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let last = scene.ask(&mut client, b"", 1);
    assert!(last.contains("-32700"), "{last}");
    scene.turn();
    assert!(scene.socket.connections.is_empty());
}

#[test]
fn more_than_the_limits_is_refused_and_counted() {
    let mut scene = Scene::new();
    let mut client = scene.connect();
    let mut text = format!("{TOKEN}\n");
    for id in 0..MESSAGES_PER_SEC + 10 {
        text.push_str(&format!(
            "{}\n",
            heartbeat(id, &format!(r#""action":"{id}""#))
        ));
    }
    let answers = scene.ask(&mut client, text.as_bytes(), MESSAGES_PER_SEC as usize + 10);
    assert_eq!(answers.matches("run.too_many_messages").count(), 10);
    assert_eq!(
        (scene.recorded.len(), scene.socket.turned_away()),
        (MESSAGES_PER_SEC as usize, 10)
    );
    let others: Vec<_> = (1..CONNECTIONS_MAX).map(|_| scene.connect()).collect();
    scene.turn();
    let mut one_more = scene.connect();
    let answer = scene.ask(&mut one_more, b"", 1);
    assert!(answer.contains("run.too_many_connections"), "{answer}");
    drop(others);
    for _ in 0..3 {
        scene.turn();
    }
    assert_eq!(scene.socket.connections.len(), 1);
}

// S7: an engine answers what is asked, whoever holds the connection by then; what nobody answers stays in the folder.
#[test]
fn an_engine_answers_what_is_asked() {
    let mut scene = Scene::new();
    scene.are_answering = true;
    let mut client = scene.connect();
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"approval.request","params":{"key":"k","action":"deploy","summary":"s","details":{},"risk":"high"}}"#;
    let wait = r#"{"jsonrpc":"2.0","id":2,"method":"approval.wait","params":{"approval_id":"0190b7c4-6f2e-7a31-9d52-3f1c8a4be901","timeout_sec":50}}"#;
    let text = format!("{TOKEN}\n{request}\n{wait}\n{}\n", heartbeat(3, ""));
    scene.ask(&mut client, text.as_bytes(), 1);
    let left = |scene: &Scene| crate::asks::unanswered(scene.folder.path()).unwrap();
    assert_eq!((scene.socket.asks(), left(&scene)), (2, vec![1, 2]));

    let pending = r#"{"result":{"approval_id":"a","status":"pending"}}"#;
    scene.socket.pass_answer(1, pending.as_bytes());
    let approved = r#"{"result":{"approval_id":"a","status":"approved"}}"#;
    scene.socket.pass_answer(2, approved.as_bytes());
    insta::assert_snapshot!(scene.ask(&mut client, b"", 2), @r#"
        {"id":1,"jsonrpc":"2.0","result":{"approval_id":"a","status":"pending"}}
        {"id":2,"jsonrpc":"2.0","result":{"approval_id":"a","status":"approved"}}
        "#);
    assert_eq!(left(&scene), [] as [u64; 0]);

    // The engine dies before it answers: whoever asked is told that nobody has decided, and the next engine is asked.
    scene.ask(
        &mut client,
        format!("{request}\n{}\n", heartbeat(4, "")).as_bytes(),
        1,
    );
    scene.are_answering = false;
    assert!(scene.socket.is_stirred(false));
    let told = scene.ask(&mut client, b"", 1);
    assert!(told.contains(r#""status":"pending""#), "{told}");
    assert_eq!(left(&scene), [3]);
    scene
        .socket
        .pass_answer(9, br#"{"error":{"code":-32007,"message":"no"}}"#);
    scene.socket.pass_answer(3, pending.as_bytes());
    assert_eq!(scene.socket.end(), ["a"]);
}

// S7: without an engine a question is pending at once, and waiting for it takes as long as was asked.
#[test]
fn a_wait_is_answered_when_its_time_is_over_and_blocks_nothing() {
    let mut scene = Scene::new();
    let mut client = scene.connect();
    let text = format!(
        r#"{TOKEN}
{{"jsonrpc":"2.0","id":1,"method":"approval.request","params":{{"key":"k","action":"deploy","summary":"s","details":{{}},"risk":"high"}}}}
{{"jsonrpc":"2.0","id":2,"method":"approval.wait","params":{{"approval_id":"0190b7c4-6f2e-7a31-9d52-3f1c8a4be901","timeout_sec":5}}}}
{}
"#,
        heartbeat(3, "")
    );
    let answers = scene.ask(&mut client, text.as_bytes(), 2);
    insta::assert_snapshot!(answers, @r#"
        {"id":1,"jsonrpc":"2.0","result":{"approval_id":"f86269d7-9573-5624-9cf5-1a23925d6cd3","status":"pending"}}
        {"id":3,"jsonrpc":"2.0","result":{}}
        "#);
    assert!(scene.socket.due().unwrap() <= scene.now + Duration::from_secs(5));
    scene.now += Duration::from_secs(5);
    insta::assert_snapshot!(scene.ask(&mut client, b"", 1), @r#"{"id":2,"jsonrpc":"2.0","result":{"approval_id":"0190b7c4-6f2e-7a31-9d52-3f1c8a4be901","decided_by":null,"reason":null,"status":"pending"}}"#);
    let again = r#"{"jsonrpc":"2.0","id":4,"method":"approval.wait","params":{"approval_id":"0190b7c4-6f2e-7a31-9d52-3f1c8a4be901"}}"#;
    scene.ask(
        &mut client,
        format!("{again}\n{}\n", heartbeat(5, "")).as_bytes(),
        1,
    );
    drop(client);
    for _ in 0..3 {
        scene.turn();
    }
    assert!(scene.socket.connections.is_empty());
}

// S9: whoever deletes the socket file keeps the next one from nothing.
#[test]
fn a_deleted_socket_is_made_again() {
    let mut scene = Scene::new();
    let mut before = scene.connect();
    fs::remove_file(scene.folder.path().join(RunSocket::NAME)).unwrap();
    scene.now += LOOK_EVERY;
    let hello = format!("{TOKEN}\n{}\n", heartbeat(1, ""));
    scene.ask(&mut before, hello.as_bytes(), 1);
    let mut after = scene.connect();
    scene.ask(&mut after, hello.as_bytes(), 1);
}

fn polled<'a>(interests: impl Iterator<Item = (BorrowedFd<'a>, PollFlags)>) -> Vec<PollFd<'a>> {
    interests
        .map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags))
        .collect()
}
