//! Connections that are silent, slow, or never read; and an engine that is stopped.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::world::World;
use rustix::process::Signal;

/// How long anything here may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Makes one call by hand, and gives all of the answer; nothing where nobody answers.
pub(crate) fn ask(socket: &Path, call: &str, body: &str) -> String {
    let mut answer = Vec::new();
    if let Ok(mut stream) = UnixStream::connect(socket) {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let length = body.len();
        let head = format!(
            "{call} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        // Whoever cuts it off has answered.
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.read_to_end(&mut answer);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn silent(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Waits until the other end has closed it.
fn is_cut_off(mut stream: &UnixStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

// S9: who sends nothing, or half of a call, loses its place; who asks something gets in.
#[test]
fn silent_connections_give_way_and_end() {
    let world = World::up(&[("a.txt", "one\n")]);
    let socket = world.hyperion.home().join("socket");
    let half = silent(&socket);
    (&half)
        .write_all(b"GET /healthz HTTP/1.1\r\nhost:")
        .unwrap();
    let half_a_body = silent(&socket);
    (&half_a_body)
        .write_all(b"POST /api/repos HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
        .unwrap();
    // More than there are places, all at once.
    let many: Vec<_> = (0..300).map(|_| silent(&socket)).collect();
    let began = Instant::now();
    world.run(&["approval", "list"]).code(0);
    world.run(&["init"]).code(0);
    assert!(began.elapsed() < LIMIT / 4, "{:?}", began.elapsed());
    for stream in many.iter().chain([&half, &half_a_body]) {
        assert!(is_cut_off(stream), "it is still there");
    }
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
}

// S9: who asks and asks, and never reads what is answered, is cut off.
#[test]
fn who_never_reads_is_cut_off() {
    let world = World::up(&[("a.txt", "one\n")]);
    let mut stream = silent(&world.hyperion.home().join("socket"));
    stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let began = Instant::now();
    loop {
        match stream.write(b"GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n") {
            // Soon there is no room left, neither for answers nor for calls.
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        assert!(began.elapsed() < LIMIT, "it is still there");
    }
    world.run(&["approval", "list"]).code(0);
}

// S9: feeds have places of their own, so that a command gets in however many there are.
#[test]
fn feeds_leave_room_for_commands() {
    let world = World::up(&[("a.txt", "one\n")]);
    let socket = world.hyperion.home().join("socket");
    let follow = |_| {
        let stream = silent(&socket);
        (&stream)
            .write_all(b"GET /api/events?follow=true HTTP/1.1\r\nhost: h\r\n\r\n")
            .unwrap();
        stream
    };
    let feeds: Vec<_> = (0..192).map(follow).collect();
    for mut feed in &feeds {
        let mut head = [0; 12];
        feed.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
    }
    let one_more = ask(&socket, "GET /api/events?follow=true", "");
    assert!(one_more.contains("engine.unavailable"), "{one_more}");
    world.run(&["init"]).code(0);
    world.run(&["approval", "list"]).code(0);
}

// S9: an engine that is stopped is told of in bounded time, with what to do; looking needs no engine.
#[test]
fn before_a_stopped_engine_a_command_gives_up_and_says_so() {
    let world = World::up(&[("a.txt", "one\n")]);
    let pid = world.engine().pid();
    world.engine().signal(Signal::STOP);
    let refused = world.run(&["init"]).code(69);
    assert!(
        refused.stderr.contains(&format!("kill -CONT {pid}")),
        "{}",
        refused.stderr
    );
    let looked = world.run(&["approval", "list"]).code(0);
    assert!(
        looked.stderr.contains("this is what the database has"),
        "{}",
        looked.stderr
    );
    world.engine().signal(Signal::CONT);
    world.run(&["init"]).code(0);
}
