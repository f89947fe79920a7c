//! Changes from outside, against a real engine, store and git.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use hyperion_api::Problem;
use hyperion_api::change_request::ChangeRequest;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::request::{Source, Status};
use hyperion_model::{Digest, RequestId};
use hyperion_store::Filter;
use serde_json::{Value, json};

use super::{FiledWork, submit_change};
use crate::intake::{Submitting, signature, submit_text};
use crate::testing::{TEST_KEY, World, admin};

fn how<'a>(world: &'a World, actor: &'a hyperion_model::Actor) -> Submitting<'a> {
    Submitting {
        actor,
        dir: Some(world.repo.path()),
        dry_run: false,
        source: Source::Http,
        agent: None,
        given: None,
    }
}

fn propose(world: &World, change: &Value) -> Result<FiledWork, Problem> {
    let actor = admin();
    let bytes = change.to_string();
    submit_change(&world.cx, bytes.as_bytes(), None, &how(world, &actor)).map_err(Problem::from)
}

/// What is wrong with a change, a line each.
#[track_caller]
fn refused(world: &World, change: &Value) -> String {
    let problem = propose(world, change).unwrap_err();
    let errors = problem.errors.iter();
    let errors: Vec<_> = errors
        .map(|error| format!("{}: {}", error.pointer, error.detail))
        .collect();
    match errors.as_slice() {
        [] => format!("{}: {}", problem.code, problem.detail),
        errors => format!("{}\n{}", problem.code, errors.join("\n")),
    }
}

/// A change of `a.txt` as another agent hands it in.
fn change(world: &World) -> Value {
    json!({
        "schema": "hyperion.change_request/v1", "task_id": "T1", "agent": "codex",
        "base_commit": world.repo.tip("main"), "summary": "Count from one",
        "changes": [{
            "operation": "modify", "path": "a.txt", "mode": "100644", "encoding": "utf-8",
            "base_hash": Digest::of(b"zero\n").to_string(),
            "patch": "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-zero\n+one\n",
            "result_hash": Digest::of(b"one\n").to_string(),
        }],
        "checks": [{"command": "cargo test", "exit_code": 0, "log": Digest::of(b"ok").to_string()}],
    })
}

fn signed(mut change: Value) -> Value {
    let text = signature::signed_text(&change);
    let signature = SigningKey::from_bytes(&TEST_KEY).sign(text.as_bytes());
    change["signature"] = json!({
        "algorithm": "ed25519", "key_id": "ci", "value": STANDARD.encode(signature.to_bytes()),
    });
    change
}

fn document(world: &World, request: RequestId) -> ChangeRequest {
    let sets = world
        .cx
        .store
        .list::<ChangeSet>(&Filter::default().request(request));
    let set = sets.unwrap().rows.remove(0);
    assert_eq!(set.proposal.agent.as_str(), "codex");
    let document: ChangeRequest = world.cx.read_json(set.proposal.document).unwrap().unwrap();
    let key = document.signature.map(|signature| signature.key_id);
    assert_eq!(crate::change_set::signed_by(&world.cx, &set).unwrap(), key);
    world.cx.read_json(set.proposal.document).unwrap().unwrap()
}

// R11, C9: signed, it becomes a request of its own, once, and lands with who made it and what was checked.
#[test]
fn a_change_from_outside_becomes_a_request_and_lands() {
    let mut world = World::new(&[("a.txt", "zero\n")]);
    let change = signed(change(&world));
    let filed = propose(&world, &change).unwrap();
    let again = propose(&world, &change).unwrap();
    assert_eq!((again.id, again.again), (filed.id, true));
    world.settle();
    let stored = document(&world, filed.id);
    assert_eq!(stored.checks[0].command, "cargo test");
    assert_eq!(stored.signature.unwrap().key_id, "ci");
    world.approve_all();
    world.settle();
    assert_eq!(world.request(filed.id).status, Status::Completed);
    assert_eq!(world.repo.show("main", "a.txt"), "one\n");
    let message = world.repo.git(&["log", "-1", "--format=%B", "main"]);
    assert!(message.contains("Hyperion-Agent: codex"), "{message}");
}

// R11: what came to nothing can be handed in again; a dry run says how things are now, each time.
#[test]
fn what_came_to_nothing_is_handed_in_again() {
    let world = World::new(&[("a.txt", "zero\n")]);
    let change = change(&world);
    let actor = admin();
    let dry = Submitting {
        dry_run: true,
        ..how(&world, &actor)
    };
    let bytes = change.to_string();
    let try_it = || submit_change(&world.cx, bytes.as_bytes(), None, &dry).unwrap();
    assert_ne!(try_it().id, try_it().id);
    let first = propose(&world, &change).unwrap();
    crate::request::cancel(&world.cx, &actor, first.id, None).unwrap();
    let second = propose(&world, &change).unwrap();
    assert!(!second.again && second.id != first.id);
    assert_eq!(propose(&world, &change).unwrap().id, second.id);
}

// R11: it answers a request that waits for a change, and no other.
#[test]
fn a_change_from_outside_answers_a_request_that_waits() {
    let mut world = World::new(&[("a.txt", "zero\n"), ("b.txt", "b\n")]);
    let actor = admin();
    let asked = submit_text(&world.cx, "Count from one in a.txt", &how(&world, &actor)).unwrap();
    world.settle();
    assert_eq!(world.request(asked).status, Status::NeedsClarification);
    let mut change = change(&world);
    change["request_id"] = json!(asked.to_string());
    let mut wrong = change.clone();
    wrong["changes"][0]["path"] = json!("b.txt");
    insta::assert_snapshot!(refused(&world, &wrong), @r#"
    request.unprocessable
    /changes/0/patch: modifies a.txt, but the change is a modify of b.txt: correct `operation` and `path`, or the patch
    "#);
    let filed = propose(&world, &change).unwrap();
    assert_eq!((filed.id, filed.again), (asked, false));
    assert!(propose(&world, &change).unwrap().again);
    world.settle();
    world.approve_all();
    world.settle();
    assert_eq!(world.request(asked).status, Status::Completed);
    document(&world, asked);
    change["summary"] = json!("Count anew");
    let late = refused(&world, &change).replace(&asked.short().to_string(), "ID");
    insta::assert_snapshot!(late, @r#"
    state.illegal_move: request ID waits for no change: it is completed
    "#);
}

// C9: each thing that is wrong is named, with why.
#[test]
fn what_is_wrong_with_a_change_from_outside_is_named() {
    let world = World::new(&[("a.txt", "zero\n")]);
    let plain = change(&world);
    let with = |pointer: &str, value: Value| {
        let mut change = plain.clone();
        *change.pointer_mut(pointer).unwrap() = value;
        change
    };
    let mut said = Vec::new();
    for wrong in [
        with("/schema", json!("x")),
        with("/task_id", json!("")),
        with("/agent", json!("a b")),
        with("/base_commit", json!("main")),
        with("/base_commit", json!("0".repeat(40))),
        with("/summary", json!("")),
        with("/changes", json!([])),
        with("/changes/0/operation", json!("create")),
        with("/changes/0/path", json!("b.txt")),
        with("/changes/0/base_hash", json!(Digest::of(b"").to_string())),
        with("/changes/0/result_hash", json!(Digest::of(b"").to_string())),
        with("/checks/0/log", json!("x")),
    ] {
        said.push(refused(&world, &wrong));
    }
    let mut forged = signed(plain.clone());
    forged["summary"] = json!("Something else");
    let mut unknown = signed(plain.clone());
    unknown["signature"]["key_id"] = json!("nobody");
    let mut other = signed(plain.clone());
    other["signature"]["algorithm"] = json!("rsa");
    let mut short = signed(plain);
    short["signature"]["value"] = json!("AAAA");
    said.extend(
        [forged, unknown, other, short]
            .iter()
            .map(|wrong| refused(&world, wrong)),
    );
    insta::assert_snapshot!(said.join("\n\n"), @r#"
    request.invalid
    /schema: is missing or not known; write "hyperion.change_request/v1"

    request.unprocessable
    /task_id: a name is empty; give 1 to 64 characters

    request.unprocessable
    /agent: "a b" has the character ' '; a name has letters, digits, `.`, `_`, `-`, `/`, `:`, `@` and `+`, and starts with a letter or digit

    request.unprocessable
    /base_commit: is no id of a commit; give the one that the change was made on

    request.unprocessable
    /base_commit: "0000000000000000000000000000000000000000" is neither a branch nor a commit here; name a branch, or a commit of branch main

    request.unprocessable
    /summary: is empty; say in one line what is wanted

    request.unprocessable
    /changes: is empty; nothing would change

    request.unprocessable
    /changes/0/patch: modifies a.txt, but the change is a create of a.txt: correct `operation` and `path`, or the patch
    /changes/0/base_hash: a new file has no content before; leave it out

    request.unprocessable
    /changes/0/patch: modifies a.txt, but the change is a modify of b.txt: correct `operation` and `path`, or the patch

    change_set.stale_base
    /changes/0/base_hash: the base has sha256:ff9fb51036a15c5c92c8b80d3dac03262bfb9d081b1490f719ab4127e6069fce, not sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855: the file changed since

    request.unprocessable
    /changes/0/result_hash: the result is sha256:2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806, not sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855: make the change again, or leave the hash out

    request.unprocessable
    /checks/0/log: "x" is not a digest; write `sha256:` and 64 hexadecimal digits

    request.unprocessable
    /signature/value: is not that of key ci over this document: sign the canonical JSON (RFC 8785) of all but `signature`

    request.unprocessable
    /signature/key_id: no key "nobody" is registered, there is: ci; an admin adds it to the setting policy.keys

    request.unprocessable
    /signature/algorithm: "rsa" is not known; sign with ed25519

    request.unprocessable
    /signature/value: is no ed25519 signature: 64 bytes in base64
    "#);
}
