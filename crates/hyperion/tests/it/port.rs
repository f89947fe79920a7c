//! The port: who gets in, who does not, and that nobody there harms whoever uses the socket.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use hyperion_testkit::{Hyperion, Running};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::seats::ask;
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
        self.call_with(call, headers, "")
    }

    fn call_with(&self, call: &str, headers: &[(&str, &str)], body: &str) -> String {
        let mut head = format!("{call} HTTP/1.1\r\nconnection: close\r\n");
        let host = [("host", self.address.to_string())];
        let own = host.iter().map(|(name, value)| (*name, value.as_str()));
        let named = headers.iter().any(|(name, _)| *name == "host");
        for (name, value) in own.filter(|_| !named).chain(headers.iter().copied()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.send(format!("{head}\r\n{body}").as_bytes())
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
    assert!(began.elapsed() < SOON / 2, "{:?}", began.elapsed());
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

/// Every scope.
const ALL: [&str; 4] = ["read", "file", "decide", "admin"];

impl Port {
    /// Has the engine issue a token with these scopes, by its socket.
    fn token(&self, scopes: &[&str]) -> String {
        let socket = self.world.hyperion.home().join("socket");
        let wanted = json!({"label": "test", "scopes": scopes}).to_string();
        let answer = ask(&socket, "POST /api/tokens", &wanted);
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        let issued: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
        issued["token"].as_str().unwrap().to_owned()
    }

    /// Makes a call with a token.
    fn call_as(&self, token: &str, call: &str) -> String {
        self.call(call, &[("authorization", &format!("Bearer {token}"))])
    }

    /// The program on another machine, which knows the engine's address and perhaps a token.
    fn elsewhere(&self, token: Option<&str>) -> Hyperion {
        let hyperion = Hyperion::new(env!("CARGO_BIN_EXE_hyperion"));
        let hyperion = hyperion.env("HYPERION_URL", format!("http://{}", self.address));
        match token {
            Some(token) => hyperion.env("HYPERION_TOKEN", token),
            None => hyperion,
        }
    }
}

// X8: a token may what its scopes leave of its user's role, and nothing that is about the engine's machine.
#[test]
fn a_token_gets_in_as_far_as_its_scopes_go() {
    let port = Port::open(&[("a.txt", "one\n")]);
    let (read, admin) = (port.token(&["read"]), port.token(&ALL));
    for call in ["GET /api/requests", "GET /api/me", "GET /healthz"] {
        let answer = port.call_as(&read, call);
        assert_eq!(refused(&answer).0, "200", "{answer}");
    }
    for call in [
        "POST /api/queue/pause",
        "POST /api/doctor/fix",
        "POST /api/approvals/abcd/approve",
    ] {
        let answer = port.call_as(&read, call);
        assert_eq!(refused(&answer), ("403", "access.denied"), "{call}");
    }
    for call in [
        "POST /api/engine/leave",
        "POST /api/tools/sessions",
        "POST /api/runs",
    ] {
        let answer = port.call_as(&admin, call);
        assert_eq!(refused(&answer), ("403", "policy.refused"), "{call}");
    }
    let end = if read.ends_with('x') { "y" } else { "x" };
    let guessed = format!("{}{end}", &read[..read.len() - 1]);
    assert_eq!(
        refused(&port.call_as(&guessed, "GET /api/me")),
        ("401", "access.unknown")
    );
    // A session of tools is no person, and by the port it has a header of its own.
    let tool = port.call_as("0123", "POST /api/tools/filesystem/readFile");
    assert_eq!(refused(&tool).0, "415", "{tool}");
}

// W4, X8: commands for an engine elsewhere say and end as with the socket.
#[test]
fn commands_work_with_an_engine_elsewhere() {
    let port = Port::open(&[("a.txt", "one\n")]);
    let token = port.token(&ALL);
    let elsewhere = port.elsewhere(Some(&token));
    elsewhere.run(&["approval", "list"]).code(0);
    elsewhere.run(&["status"]).code(0);
    let here = port.world.run(&["run", "show", "0000"]).code(5);
    let there = elsewhere.run(&["run", "show", "0000"]).code(5);
    assert_eq!(here.stderr, there.stderr);
    let up = elsewhere.run(&["up"]).code(2);
    assert!(up.stderr.contains("is elsewhere"), "{}", up.stderr);
    let unknown = port.elsewhere(None).run(&["request", "list"]).code(4);
    assert!(unknown.stderr.contains("token"), "{}", unknown.stderr);
    let clear = elsewhere
        .clone()
        .env("HYPERION_URL", "http://hyperion.example.org");
    assert!(
        clear
            .run(&["status"])
            .code(2)
            .stderr
            .contains("in the clear")
    );
    let nobody = elsewhere.env("HYPERION_URL", "http://127.0.0.1:1");
    nobody.run(&["status"]).code(69);
}

// X8: a page's session is a cookie that scripts and other sites cannot use, and its changes say what only the page knows.
#[test]
fn a_session_changes_nothing_without_its_page() {
    let port = Port::open(&[("a.txt", "one\n")]);
    let socket = port.world.hyperion.home().join("socket");
    let user = json!({"name": "bob", "role": "admin", "password": "a long enough one"});
    let made = ask(&socket, "POST /api/users", &user.to_string());
    assert_eq!(refused(&made).0, "200", "{made}");
    let sign_in = json!({"name": "bob", "password": "a long enough one"}).to_string();
    let length = sign_in.len().to_string();
    let headers = [
        ("content-type", "application/json"),
        ("content-length", &length),
    ];
    let answer = port.call_with("POST /api/sign-in", &headers, &sign_in);
    assert_eq!(refused(&answer).0, "200", "{answer}");
    let cookie = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    let cookie = ("cookie", cookie.split(';').next().unwrap());
    let (_, csrf) = answer.split_once("\"csrf_token\":\"").unwrap();
    let csrf = ("hyperion-csrf", csrf.split('"').next().unwrap());
    assert_eq!(refused(&port.call("GET /api/me", &[cookie])).0, "200");
    let change = "POST /api/doctor/fix";
    assert_eq!(
        refused(&port.call(change, &[cookie])),
        ("401", "access.unknown")
    );
    assert_eq!(
        refused(&port.call(change, &[cookie, ("hyperion-csrf", "x")])),
        ("401", "access.unknown")
    );
    assert_eq!(refused(&port.call(change, &[cookie, csrf])).0, "200");
    let foreign = ("origin", "https://evil.example");
    assert_eq!(
        refused(&port.call(change, &[cookie, csrf, foreign])),
        ("403", "call.origin")
    );
    let other = (
        "cookie",
        "hyperion_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    );
    assert_eq!(
        refused(&port.call("GET /api/me", &[other])),
        ("401", "access.unknown")
    );
}
