//! Commands by way of the door, grants, and the hooks of agents: over the socket and the command line, as people and agents use them.

use serde_json::{Value, json};

use crate::api::Api;
use crate::world::World;

/// Posts to the engine that is up; gives what it answers.
#[track_caller]
fn post(world: &World, path: &str, body: &Value) -> Value {
    let answer = Api::new(&world.hyperion).post(path, body);
    answer
        .unwrap()
        .unwrap_or_else(|problem| panic!("{problem:?}"))
}

fn command(world: &World, text: &str) -> Value {
    json!({"command": text, "dir": world.repo.path(), "sandbox": "off", "network": "on"})
}

#[track_caller]
fn run_when(world: &World, id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut run = Value::Null;
    let came = hyperion_testkit::eventually(crate::world::SOON, || {
        run = world.json(&["run", "show", id]);
        is_so(&run)
    });
    assert!(came, "{run:#}");
    run
}

fn has_ended(run: &Value) -> bool {
    !run["ended_at"].is_null()
}

fn hook(world: &World, agent: &str, payload: &Value, more: &[&str]) -> Value {
    let arguments: Vec<_> = ["hook", agent].iter().chain(more).copied().collect();
    let said = world
        .hyperion
        .run_with_input(&arguments, payload.to_string());
    let said = said.code(0);
    match said.stdout.trim() {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap(),
    }
}

fn bash(world: &World, command: &str) -> Value {
    json!({
        "session_id": "s1", "transcript_path": "/t.jsonl", "cwd": world.repo.path(), "permission_mode": "default",
        "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": command}, "tool_use_id": "toolu_1",
    })
}

// X2, X11: asked, approved with a grant, run; the next of its shape runs by the grant, until that is revoked.
#[test]
fn a_command_is_asked_about_once_and_then_granted() {
    let mut world = World::up(&[("a.txt", "one\n")]);
    let looked = post(&world, "/api/commands", &command(&world, "cat a.txt"));
    assert_eq!(looked["run"]["ground"], "read_only");
    let asked = post(&world, "/api/commands", &command(&world, "touch b.txt"));
    assert_eq!(
        (&asked["run"]["status"], &asked["run"]["ground"]),
        (&json!("parked"), &json!("held"))
    );
    let approval = asked["approval_id"].as_str().unwrap();
    let shown = world.run(&["approval", "show", approval]).code(0).stdout;
    assert!(shown.contains("touch b.txt"), "{shown}");
    world.kill_engine();
    world.start_engine();
    let rehearsed = world.json(&["grant", "rehearse", "--from", approval]);
    assert_eq!(rehearsed["answered"][0]["id"], approval);
    let approved = world.run(&["approval", "approve", approval, "--grant", "--uses", "2"]);
    assert!(approved.code(0).stderr.contains("Granted"));
    let id = asked["run"]["id"].as_str().unwrap();
    let run = run_when(&world, id, has_ended);
    assert_eq!(
        (&run["status"], &run["ground"]),
        (&json!("finished"), &json!("approval")),
        "{run:#}"
    );
    assert!(world.repo.path().join("b.txt").exists());
    let again = post(&world, "/api/commands", &command(&world, "touch c.txt"));
    assert_ne!(
        again["run"]["ground"], "grant",
        "another run has not that grant"
    );
    let grants = world.list(&["grant", "list"]);
    assert_eq!(
        (&grants[0]["uses"], &grants[0]["uses_max"]),
        (&json!(0), &json!(2))
    );
    let grant = grants[0]["id"].as_str().unwrap();
    world
        .run(&["grant", "revoke", grant, "--reason", "done"])
        .code(0);
    assert_eq!(world.list(&["grant", "list"]).len(), 0);
    std::fs::remove_file(world.repo.path().join("b.txt")).unwrap();
    world.assert_sound();
}

#[test]
fn a_grant_for_a_repository_is_shown_before_it_takes_effect() {
    let world = World::up(&[("a.txt", "one\n")]);
    let repo = world.json(&["repo", "list"])["items"][0]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let add = ["grant", "add", "--command", "touch x", "--repo", &repo];
    let unasked = world.run(&add);
    assert!(
        unasked.stderr.contains("Of the last 0 questions"),
        "{}",
        unasked.stderr
    );
    unasked.code(2);
    world
        .run(&[&add[..], &["--yes", "--for", "2h"]].concat())
        .code(0);
    let granted = post(&world, "/api/commands", &command(&world, "touch c.txt"));
    assert_eq!(granted["run"]["ground"], "grant");
    let refused = Api::new(&world.hyperion).post("/api/commands", &command(&world, "rm -rf /"));
    assert_eq!(refused.unwrap().unwrap_err().code, "policy.refused");
}

// S7: a hook answers in the agent's own words; an approval is waited for, and taken once.
#[test]
fn a_hook_asks_through_the_engine_and_waits() {
    let world = World::up(&[("a.txt", "one\n")]);
    let decision = |said: &Value| said["hookSpecificOutput"]["permissionDecision"].clone();
    assert_eq!(
        decision(&hook(
            &world,
            "claude-code",
            &bash(&world, "git status"),
            &[]
        )),
        "allow"
    );
    assert_eq!(
        decision(&hook(&world, "claude-code", &bash(&world, "rm -rf /"), &[])),
        "deny"
    );
    let touch = bash(&world, "touch b.txt");
    let said = hook(&world, "claude-code", &touch, &["--wait", "0"]);
    assert_eq!(decision(&said), "deny");
    let why = said["hookSpecificOutput"]["permissionDecisionReason"]
        .as_str()
        .unwrap();
    assert!(why.contains("nobody has decided yet"), "{why}");
    let waiting = world.list(&["approval", "list"]);
    assert_eq!(waiting.len(), 1);
    std::thread::scope(|scope| {
        let hook = scope.spawn(|| hook(&world, "claude-code", &touch, &["--wait", "60"]));
        world
            .run(&["approval", "approve", waiting[0]["id"].as_str().unwrap()])
            .code(0);
        assert_eq!(decision(&hook.join().unwrap()), "allow");
    });
    let anew = hook(&world, "claude-code", &touch, &["--wait", "0"]);
    assert_eq!(decision(&anew), "deny", "the answer was taken");
    assert_eq!(world.list(&["approval", "list"]).len(), 1);
}

// S7: no engine, no home, no sense: the agent still gets an answer, and nothing is started.
#[test]
fn a_hook_without_an_engine_judges_by_itself() {
    let world = World::new(&[("a.txt", "one\n")]);
    let decision = |payload: &Value, more: &[&str]| {
        hook(&world, "claude-code", payload, more)["hookSpecificOutput"]["permissionDecision"]
            .clone()
    };
    assert_eq!(decision(&bash(&world, "git log"), &[]), "allow");
    assert_eq!(
        decision(&bash(&world, "git push --force"), &["--fallback", "deny"]),
        "deny"
    );
    assert_eq!(decision(&bash(&world, "touch b.txt"), &[]), "ask");
    assert_eq!(decision(&json!("nonsense"), &[]), "ask");
    let mut edit = bash(&world, "");
    edit["tool_name"] = json!("Edit");
    edit["tool_input"] = json!({"file_path": world.repo.path().join("a.txt")});
    assert_eq!(
        hook(&world, "claude-code", &edit, &[]),
        Value::Null,
        "its own rules hold"
    );
    assert!(
        !world.hyperion.home().join("socket").exists(),
        "no engine was started"
    );
    let printed = world
        .run(&["hook", "install", "claude-code", "--print"])
        .code(0);
    let settings: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(
        settings["hooks"]["PreToolUse"][0]["hooks"][0]["timeout"],
        300
    );
}
