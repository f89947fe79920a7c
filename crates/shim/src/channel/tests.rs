//! Channels, with real connections.

use std::collections::BTreeMap;
use std::os::unix::net::UnixListener;

use rustix::event::{PollFd, Timespec, poll};

use super::*;

/// Lets the channels do what they can, until `done` or for so many turns.
fn drive(channels: &mut Channels, now: Instant, mut done: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if done() {
            return;
        }
        let moment = Timespec {
            tv_sec: 0,
            tv_nsec: 5_000_000,
        };
        poll(&mut polled(channels.interests()), Some(&moment)).unwrap();
        channels.turn(now);
    }
    panic!("it did not come to that");
}

fn open(folder: &Path) -> (Channels, TcpStream) {
    let end = ChannelEnd {
        socket: folder.join("channels"),
        secret: "secret".to_owned(),
    };
    let channel = Channel {
        name: "proxy".to_owned(),
        port: 0,
    };
    let channels = Channels::listen("run-1", &[channel], &end).unwrap();
    let client = TcpStream::connect(("127.0.0.1", channels.doors[0].port)).unwrap();
    client.set_nonblocking(true).unwrap();
    (channels, client)
}

/// Reads what is there; true at its end.
fn read_some(mut from: impl Read, into: &mut Vec<u8>) -> bool {
    let mut piece = vec![0; 64 * 1024];
    match from.read(&mut piece) {
        Ok(count) => {
            into.extend_from_slice(&piece[..count]);
            count == 0
        }
        Err(error) => {
            assert!(is_for_later(&error), "{error}");
            false
        }
    }
}

// X6: the shim carries bytes and nothing more, both ways, with half of it closed, and more than fits into any buffer.
#[test]
fn bytes_go_both_ways_behind_a_line_that_names_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let (mut channels, mut client) = open(folder.path());
    let now = Instant::now();
    let engine = UnixListener::bind(folder.path().join("channels")).unwrap();
    engine.set_nonblocking(true).unwrap();
    let mut accepted = None;
    drive(&mut channels, now, || {
        accepted = engine.accept().ok();
        accepted.is_some()
    });
    let (mut engine, _) = accepted.unwrap();
    engine.set_nonblocking(true).unwrap();
    let sent = vec![b'x'; 5_000_000];
    let (mut at, mut got) = (0, Vec::new());
    drive(&mut channels, now, || {
        at += client.write(&sent[at..]).unwrap_or(0);
        if at == sent.len() {
            client.shutdown(Shutdown::Write).unwrap();
        }
        read_some(&engine, &mut got)
    });
    let line = got.iter().position(|byte| *byte == b'\n').unwrap();
    let header: ChannelHeader = serde_json::from_slice(&got[..line]).unwrap();
    assert_eq!(
        header,
        ChannelHeader {
            run: "run-1".to_owned(),
            channel: "proxy".to_owned(),
            secret: "secret".to_owned()
        }
    );
    assert_eq!(got.len() - line - 1, sent.len());
    engine.write_all(b"the answer").unwrap();
    drop(engine);
    let mut answer = Vec::new();
    drive(&mut channels, now, || read_some(&client, &mut answer));
    assert_eq!(answer, b"the answer");
    drive(&mut channels, now, || true);
    assert_eq!(channels.interests().count(), 1);
}

// X6: without an engine a connection waits for thirty seconds, and is told so then; one that comes meanwhile takes it.
#[test]
fn without_an_engine_it_waits_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (mut channels, mut client) = open(folder.path());
    client
        .write_all(b"CONNECT example.org:443 HTTP/1.1\r\n\r\n")
        .unwrap();
    let now = Instant::now();
    let mut turns = 0;
    drive(&mut channels, now, || {
        turns += 1;
        turns > 20
    });
    let mut answer = Vec::new();
    assert!(!read_some(&client, &mut answer) && answer.is_empty());
    assert!(channels.due().unwrap() <= now + LOOK_EVERY);
    drive(&mut channels, now + ENGINE_WITHIN, || {
        read_some(&client, &mut answer)
    });
    insta::assert_snapshot!(String::from_utf8(answer).unwrap().replace('\r', ""), @r#"
        HTTP/1.1 503 Service Unavailable
        Retry-After: 5
        Connection: close
        Content-Type: text/plain; charset=utf-8
        Content-Length: 110

        hyperion: no engine is up, and a run reaches hosts only through one: `hyperion up` starts one; then try again
        "#);
    drop(client);
    let mut turns = 0;
    drive(&mut channels, now + ENGINE_WITHIN, || {
        turns += 1;
        turns > 5
    });
    assert!(channels.calls.is_empty());
}

#[test]
fn the_environment_says_where_they_are() {
    let all: BTreeMap<_, _> = variables("proxy", 4000)
        .into_iter()
        .chain(variables("model-gateway", 4001))
        .collect();
    insta::assert_debug_snapshot!(all, @r#"
        {
            "HTTPS_PROXY": "http://127.0.0.1:4000",
            "HTTP_PROXY": "http://127.0.0.1:4000",
            "HYPERION_CHANNEL_MODEL_GATEWAY": "127.0.0.1:4001",
            "NODE_USE_ENV_PROXY": "1",
            "NO_PROXY": "localhost,127.0.0.1,::1",
            "http_proxy": "http://127.0.0.1:4000",
            "https_proxy": "http://127.0.0.1:4000",
            "no_proxy": "localhost,127.0.0.1,::1",
        }
        "#);
}

fn polled<'a>(interests: impl Iterator<Item = (BorrowedFd<'a>, PollFlags)>) -> Vec<PollFd<'a>> {
    interests
        .map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags))
        .collect()
}
