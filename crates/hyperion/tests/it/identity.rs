//! Users, roles and tokens: what each may, over the home's socket and over the port.

use hyperion_testkit::{Finished, Hyperion, task, task_request};
use serde_json::Value;

use crate::port::Port;
use crate::world::{Asked, World, short};

const PASSWORD: &str = "correct horse battery\n";

/// The program as somebody on another machine has it: with a home of its own, and a token.
fn elsewhere(port: &Port, token: &str) -> Hyperion {
    Hyperion::new(env!("CARGO_BIN_EXE_hyperion"))
        .inside(port.world.repo.path())
        .env("HYPERION_URL", format!("http://{}", port.address))
        .env("HYPERION_TOKEN", token.trim())
}

fn token(port: &Port, user: &str, scopes: &str) -> String {
    let made = port
        .world
        .run(&["token", "create", "--user", user, "--scope", scopes]);
    let text = made.code(0).stdout.clone();
    assert!(
        text.starts_with("hyp_") && text.trim_end().len() == 52,
        "{text}"
    );
    text
}

fn add(port: &Port, name: &str, role: &str) {
    let add = ["user", "add", name, "--role", role, "--password-stdin"];
    port.world.hyperion.run_with_input(&add, PASSWORD).code(0);
}

fn code(finished: &Finished) -> String {
    let problem: Value = serde_json::from_str(finished.stderr.trim()).unwrap_or_default();
    problem["code"]
        .as_str()
        .unwrap_or(&finished.stderr)
        .to_owned()
}

fn ask(port: &Port) -> Asked {
    let edit = task("T1", "Say two").owns(&["a.txt"]);
    port.world
        .ask(&task_request("Say two").task(edit.modify("a.txt", "one\n", "two\n")))
}

// X8, S4: roles are enforced over the port, decisions follow from them, and a token ends in mid-work.
#[test]
fn everybody_does_what_their_role_lets_them() {
    let port = Port::open(&[("a.txt", "one\n")]);
    for (name, role) in [("vic", "viewer"), ("oli", "operator"), ("tea", "team-lead")] {
        add(&port, name, role);
    }
    let asked = ask(&port);
    let all = "read,file,decide,admin";
    let [vic, oli, tea] =
        ["vic", "oli", "tea"].map(|user| elsewhere(&port, &token(&port, user, all)));
    let approve = [
        "approval",
        "approve",
        short(&asked.approval),
        "--format",
        "json",
    ];
    let json = |who: &Hyperion, arguments: &[&str]| {
        let finished = who.run(arguments);
        (finished.exit(), code(&finished))
    };
    vic.run(&["request", "list"]).code(0);
    let denied = (Some(4), "access.denied".to_owned());
    assert_eq!(
        json(
            &vic,
            &[
                "request",
                "cancel",
                short(&asked.request),
                "--format",
                "json"
            ]
        ),
        denied
    );
    assert_eq!(json(&vic, &approve), denied);
    assert_eq!(
        json(&oli, &approve),
        (Some(4), "approval.not_entitled".to_owned())
    );
    let cancel = [
        "request",
        "cancel",
        short(&asked.request),
        "--format",
        "json",
    ];
    assert_eq!(json(&oli, &cancel), denied, "another one filed it");
    for who in [&vic, &oli, &tea] {
        assert_eq!(
            json(who, &["user", "role", "oli", "admin", "--format", "json"]),
            denied
        );
    }
    let only_looks = elsewhere(&port, &token(&port, "tea", "read"));
    assert_eq!(json(&only_looks, &approve), denied);
    // Whoever filed it is this home's owner, who is not alone any more.
    let own = port.world.run(&approve);
    assert_eq!(
        (own.exit(), code(&own)),
        (Some(4), "approval.own_work".to_owned())
    );

    port.world.run(&["user", "role", "tea", "operator"]).code(0);
    assert_eq!(
        json(&tea, &approve),
        (Some(4), "approval.not_entitled".to_owned())
    );
    port.world
        .run(&["user", "role", "tea", "team-lead"])
        .code(0);
    tea.run(&approve).code(0);
    assert_eq!(
        json(&tea, &approve),
        (Some(3), "approval.already_decided".to_owned())
    );

    port.world.run(&["user", "disable", "tea"]).code(0);
    assert_eq!(
        json(&tea, &["request", "list", "--format", "json"]),
        (Some(4), "access.unknown".to_owned())
    );
}

// X8: a person signs in from elsewhere and out again; the token that was kept is no good then.
#[test]
fn somebody_signs_in_from_elsewhere() {
    let port = Port::open(&[("a.txt", "one\n")]);
    add(&port, "ada", "admin");
    let url = format!("http://{}", port.address);
    let there = Hyperion::new(env!("CARGO_BIN_EXE_hyperion")).inside(port.world.repo.path());
    let login = ["login", url.as_str(), "--user", "ada", "--password-stdin"];
    let wrong = there.run_with_input(&login, "another password\n");
    assert_eq!(wrong.exit(), Some(4), "{}", wrong.stderr);
    there.run_with_input(&login, PASSWORD).code(0);
    let me = there.run(&["whoami", "--format", "json"]).code(0).json();
    assert_eq!(
        (&me["name"], &me["known_by"]),
        (&"ada".into(), &"token".into())
    );
    there.run(&["request", "list"]).code(0);
    let kept = std::fs::read_to_string(there.home().join("login.json")).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    there.run(&["logout"]).code(0);
    assert!(!there.home().join("login.json").exists());
    let former = elsewhere(&port, kept["token"].as_str().unwrap());
    former.run(&["request", "list"]).code(4);
}

// X8: a home of one person needs no user, and its first token makes its owner one without a question.
#[test]
fn a_home_of_one_person_needs_no_users() {
    let world = World::new(&[("a.txt", "one\n")]);
    let me = world.json(&["whoami"]);
    assert_eq!(
        (&me["role"], &me["single_user"]),
        (&"admin".into(), &true.into())
    );
    world.run(&["token", "create"]).code(0);
    let me = world.json(&["whoami"]);
    assert_eq!(
        (&me["known_by"], &me["single_user"]),
        (&"os_user".into(), &true.into())
    );
    assert_eq!(world.list(&["user", "list"]).len(), 1);
}
