//! What the home's socket does with bytes that make no sense, and with callers that behave badly.

use crate::world::{SOON, World};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

fn dial(world: &World) -> UnixStream {
    let stream = UnixStream::connect(world.hyperion.home().join("socket")).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// Sends bytes and gives the status line and the body of the answer; neither when there was none.
fn send(world: &World, bytes: &[u8]) -> (String, String) {
    let mut stream = dial(world);
    // It may have been refused before all of it was sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (
        head.lines().next().unwrap_or_default().to_owned(),
        body.to_owned(),
    )
}

fn call(method: &str, path: &str, kind: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

// S9, C9: whatever is wrong with a call, the answer is a problem document that names it.
#[test]
fn calls_that_make_no_sense_get_a_problem_document() {
    let world = World::up(&[("a.txt", "one\n")]);
    let json = "application/json";
    let calls = [
        ("no such call", call("GET", "/api/nonsense", json, "")),
        ("no such method", call("DELETE", "/api/doctor", json, "")),
        (
            "a wrong query",
            call("GET", "/api/requests?limit=many", json, ""),
        ),
        ("no JSON", call("POST", "/api/repos", json, "{")),
        (
            "another kind",
            call("POST", "/api/repos", "text/plain", "{}"),
        ),
        (
            "a wrong shape",
            call("POST", "/api/repos", json, "{\"path\": 7}"),
        ),
        (
            "an unknown field",
            call(
                "POST",
                "/api/repos",
                json,
                "{\"path\": \"/x\", \"colour\": 1}",
            ),
        ),
        ("no UTF-8", call("GET", "/api/requests/%ff", json, "")),
        (
            "too much",
            call(
                "POST",
                "/api/repos",
                json,
                &format!("\"{}\"", "x".repeat(64 * 1024 * 1024)),
            ),
        ),
    ];
    let mut seen = String::new();
    for (name, bytes) in calls {
        let (status, body) = send(&world, &bytes);
        writeln!(seen, "## {name}: {status}").unwrap();
        match serde_json::from_str::<Value>(&body) {
            Ok(problem) => {
                writeln!(
                    seen,
                    "{}: {}",
                    problem["code"].as_str().unwrap(),
                    problem["detail"].as_str().unwrap()
                )
                .unwrap();
                if problem.get("errors").is_some() {
                    writeln!(seen, "{}", problem["errors"]).unwrap();
                }
            }
            Err(_) => writeln!(seen, "no document: {body}").unwrap(),
        }
    }
    insta::assert_snapshot!(seen, @r#"
    ## no such call: HTTP/1.1 404 Not Found
    subject.not_found: there is no call GET /api/nonsense
    ## no such method: HTTP/1.1 405 Method Not Allowed
    input.invalid: Method Not Allowed
    ## a wrong query: HTTP/1.1 400 Bad Request
    input.invalid: Failed to deserialize query string: limit: invalid digit found in string
    [{"detail":"invalid digit found in string","pointer":"/limit"}]
    ## no JSON: HTTP/1.1 400 Bad Request
    input.invalid: Failed to parse the request body as JSON: EOF while parsing an object at line 1 column 1
    ## another kind: HTTP/1.1 415 Unsupported Media Type
    input.invalid: Expected request with `Content-Type: application/json`
    ## a wrong shape: HTTP/1.1 422 Unprocessable Entity
    input.invalid: Failed to deserialize the JSON body into the target type: path: invalid type: integer `7`, expected a string at line 1 column 10
    [{"detail":"invalid type: integer `7`, expected a string at line 1 column 10","pointer":"/path"}]
    ## an unknown field: HTTP/1.1 422 Unprocessable Entity
    input.invalid: Failed to deserialize the JSON body into the target type: colour: unknown field `colour`, expected one of `path`, `name`, `branch` at line 1 column 23
    [{"detail":"unknown field `colour`, expected one of `path`, `name`, `branch` at line 1 column 23","pointer":"/colour"}]
    ## no UTF-8: HTTP/1.1 400 Bad Request
    input.invalid: Invalid URL: Invalid UTF-8 in `id`
    ## too much: HTTP/1.1 413 Payload Too Large
    request.too_large: Failed to buffer the request body: length limit exceeded
    "#);
}

// S9: garbage, half a call, callers that never read, more callers than there are seats: the engine goes on.
#[test]
fn callers_that_behave_badly_do_not_stop_the_engine() {
    let world = World::up(&[("a.txt", "one\n")]);
    let (status, _) = send(&world, &[0xff; 4096]);
    assert!(status.contains(" 400 "), "{status}");
    let mut half = dial(&world);
    half.write_all(b"GET /healthz HTT").unwrap();
    let mut deaf = dial(&world);
    for _ in 0..100 {
        if deaf
            .write_all(&call(
                "GET",
                "/api/events?follow=false&limit=1000",
                "application/json",
                "",
            ))
            .is_err()
        {
            break;
        }
    }
    let crowd: Vec<UnixStream> = (0..200).map(|_| dial(&world)).collect();
    world.run(&["request", "list"]).code(0);
    drop((crowd, half, deaf));
    world.run(&["request", "list"]).code(0);
    world.assert_sound();
}
