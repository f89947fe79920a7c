//! The port: who gets in, who does not, and that nobody there harms whoever uses the socket.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use hyperion_testkit::Running;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::world::{SOON, World};

/// An engine that listens on a port of this machine.
pub(crate) struct Port {
    // First, so that the engine goes before its home does.
    _up: Running,
    pub(crate) world: World,
    pub(crate) address: SocketAddr,
}

impl Port {
    /// Knows a repository, with an engine up that has a port.
    pub(crate) fn open(files: &[(&str, &str)]) -> Self {
        let world = World::new(files);
        let up = world.hyperion.clone();
        let up = up
            .env("HYPERION_SERVER__BIND", "127.0.0.1:0")
            .start(&["up"]);
        up.wait_for("Ctrl-C stops it", SOON);
        let said = up.stderr();
        let (_, rest) = said.split_once("http://").expect("it says where");
        let address = rest.split_whitespace().next().unwrap().parse().unwrap();
        Self {
            _up: up,
            world,
            address,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    /// Sends these bytes, and gives all of the answer.
    fn send(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // Whoever cuts it off has answered.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Makes a call with these headers and none of its own but the host.
    pub(crate) fn call(&self, call: &str, headers: &[(&str, &str)]) -> String {
        let mut head = format!("{call} HTTP/1.1\r\nconnection: close\r\n");
        let host = [("host", self.address.to_string())];
        let own = host.iter().map(|(name, value)| (*name, value.as_str()));
        let named = headers.iter().any(|(name, _)| *name == "host");
        for (name, value) in own.filter(|_| !named).chain(headers.iter().copied()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.send(format!("{head}\r\n").as_bytes())
    }
}

/// The status of an answer, and the code of its problem.
fn refused(answer: &str) -> (&str, &str) {
    let status = answer.split(' ').nth(1).unwrap_or("none");
    let code = answer.split_once(r#""code":""#);
    let code = code.and_then(|(_, rest)| rest.split('"').next());
    (status, code.unwrap_or("none"))
}

// X8: without a token nobody gets in, and nothing is told but that the engine lives, and what calls there are.
#[test]
fn who_shows_no_token_gets_nowhere() {
    let port = Port::open(&[("a.txt", "one\n")]);
    for call in [
        "GET /api/requests",
        "GET /api/events?follow=true",
        "GET /api/doctor",
        "POST /api/engine/leave",
        "POST /api/tools/sessions",
        "POST /api/approvals/abcd/approve",
    ] {
        assert_eq!(
            refused(&port.call(call, &[])),
            ("401", "access.unknown"),
            "{call}"
        );
    }
    let guess = ("authorization", "Bearer hyp_guessed");
    let guessed = port.call("GET /api/requests", &[guess]);
    assert_eq!(refused(&guessed), ("401", "access.unknown"));
    assert!(
        guessed.to_lowercase().contains("www-authenticate: bearer"),
        "{guessed}"
    );
    for call in [
        "GET /healthz",
        "GET /readyz",
        "GET /docs",
        "GET /api/openapi.json",
    ] {
        let answer = port.call(call, &[]);
        assert_eq!(refused(&answer).0, "200", "{answer}");
        assert!(answer.contains("hyperion-api-version: 1\r\n"), "{answer}");
    }
    let alive = port.call("GET /healthz", &[]);
    assert!(alive.ends_with("{\"status\":\"ok\"}"), "{alive}");
    let other = port.call("GET /healthz", &[("hyperion-api-version", "2")]);
    assert_eq!(refused(&other), ("400", "api.version_unknown"));
}

// X8, S9: forged hosts and origins, tokens in addresses, heads and calls without an end.
#[test]
fn forged_and_endless_calls_are_refused() {
    let port = Port::open(&[("a.txt", "one\n")]);
    let says = |call: &str, headers: &[(&str, &str)]| {
        let answer = port.call(call, headers);
        let (status, code) = refused(&answer);
        format!("{status} {code}")
    };
    assert_eq!(
        says("GET /healthz", &[("host", "evil.example")]),
        "421 call.host"
    );
    assert_eq!(
        says("GET /docs", &[("origin", "https://evil.example")]),
        "403 call.origin"
    );
    assert_eq!(
        says("POST /api/requests", &[("origin", "null")]),
        "403 call.origin"
    );
    assert_eq!(says("GET /healthz?token=x", &[]), "400 input.invalid");
    let long = "x".repeat(40 * 1024);
    assert_eq!(
        says("GET /healthz", &[("x-long", &long)]),
        "431 call.head_too_large"
    );
    let endless = "x".repeat(10 * 1024 * 1024);
    assert!(!says("GET /healthz", &[("x-long", &endless)]).starts_with('2'));
    // Half of a call is cut off, and the rest is not waited for.
    let half = port.connect();
    (&half)
        .write_all(b"POST /api/sign-in HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n{")
        .unwrap();
    let began = Instant::now();
    let _ = (&half).read_to_end(&mut Vec::new());
    assert!(began.elapsed() < SOON / 2, "{:?}", began.elapsed());
}

// X8: a flood of connections that ask nothing leaves the socket's users alone, and whoever asks something gets in.
#[test]
fn a_flood_of_half_open_connections_harms_nobody() {
    let port = Port::open(&[("a.txt", "one\n")]);
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _ = setrlimit(Resource::Nofile, raised);
    let mut flood = Vec::new();
    for _ in 0..10_000 {
        match TcpStream::connect_timeout(&port.address, Duration::from_secs(5)) {
            Ok(stream) => flood.push(stream),
            // Neither this process nor the machine has room for so many.
            Err(_) => break,
        }
        if flood.len() == 2000 {
            port.world.run(&["approval", "list"]).code(0);
        }
    }
    assert!(flood.len() > 500, "{}", flood.len());
    flood.truncate(9_900);
    let began = Instant::now();
    port.world.run(&["init"]).code(0);
    assert!(port.call("GET /healthz", &[]).contains("200 OK"));
    assert!(began.elapsed() < SOON / 4, "{:?}", began.elapsed());
}

// X8: a port that another program has is said, and the engine goes on by its socket; beyond this machine it takes users.
#[test]
fn a_port_that_cannot_be_had_is_said() {
    let world = World::new(&[("a.txt", "one\n")]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let up = world.hyperion.clone();
    let up = up.env("HYPERION_SERVER__BIND", &address).start(&["up"]);
    up.wait_for("in use", SOON);
    world.run(&["init"]).code(0);
    drop(up);
    let open = world.hyperion.clone();
    let open = open
        .env("HYPERION_SERVER__BIND", "0.0.0.0:0")
        .run(&["up"])
        .code(2);
    assert!(open.stderr.contains("no users yet"), "{}", open.stderr);
}
