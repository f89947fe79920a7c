//! Agents at their tools: `hyperion mcp`, as a client starts it.

use std::fs;
use std::time::Instant;

use hyperion_testkit::TempRepo;
use serde_json::json;

use crate::api::Api;
use crate::mcp_client::Client;
use crate::world::{SOON, World};

// T1, T5, X1: an agent reads, writes, edits, lists, searches and deletes; what it did is on record, what is denied is refused.
#[test]
fn an_agent_works_on_files_and_what_it_did_is_on_record() {
    let world = World::up(&[("src/a.rs", "fn main() {}\n"), (".env", "KEY=1\n")]);
    let root = world.repo.path().to_str().unwrap().to_owned();
    let mut client = Client::of(&world.hyperion, "filesystem", &["--root", &root]);
    let read = client.call("readFile", &json!({"path": "src/a.rs"}));
    assert_eq!(read["content"], "fn main() {}\n");
    let edited = client.call(
        "editFile",
        &json!({"path": "src/a.rs", "sha256": read["sha256"], "oldText": "{}", "newText": "{ run() }"}),
    );
    let file = world.repo.path().join("src/a.rs");
    assert_eq!(fs::read_to_string(&file).unwrap(), "fn main() { run() }\n");
    client.call(
        "writeFile",
        &json!({"path": "src/b.rs", "content": "// b\n"}),
    );
    let listed = client.call("listDirectory", &json!({"path": "src"}));
    assert_eq!(listed["entries"].as_array().unwrap().len(), 2);
    let found = client.call("searchFiles", &json!({"pattern": "run()", "directory": ""}));
    assert_eq!(found["matches"][0]["path"], "src/a.rs");
    client.call("deleteFile", &json!({"path": "src/b.rs"}));
    for (path, code) in [
        (".env", "path.denied"),
        ("../x", "path.escapes"),
        ("nothing", "file.missing"),
    ] {
        let said = client.refused("readFile", &json!({"path": path}));
        assert!(said.contains(&format!("({code})")), "{path}: {said}");
    }
    let said = client.refused(
        "editFile",
        &json!({
            "path": "src/a.rs", "sha256": read["sha256"], "oldText": "main", "newText": "x"
        }),
    );
    let both = [&read["sha256"], &edited["sha256"]].map(|hash| hash.as_str().unwrap());
    assert!(both.iter().all(|hash| said.contains(hash)), "{said}");
    client.leave();
    let records = Api::new(&world.hyperion)
        .get("/api/tools/records")
        .unwrap()
        .unwrap();
    let told: Vec<_> = crate::world::items(&records)
        .iter()
        .map(|record| {
            format!(
                "{} {} {}",
                record["tool"].as_str().unwrap(),
                record["paths"][0].as_str().unwrap(),
                record["outcome"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "deleteFile src/b.rs done",
            "writeFile src/b.rs done",
            "editFile src/a.rs done"
        ]
    );
    assert_eq!(world.json(&["audit", "verify"])["ok"], true);
}

// T5: a server outlives engines: without one it starts one, and finds the next one when it left.
#[test]
fn a_server_works_with_whichever_engine_there_is() {
    let mut world = World::up(&[("a", "1")]);
    let root = world.repo.path().to_str().unwrap().to_owned();
    let mut client = Client::of(&world.hyperion, "filesystem", &["--root", &root]);
    assert_eq!(
        client.call("readFile", &json!({"path": "a"}))["content"],
        "1"
    );
    world.kill_engine();
    assert_eq!(
        client.call("readFile", &json!({"path": "a"}))["content"],
        "1"
    );
    // It started one in the background, for other commands as well.
    let health = Api::new(&world.hyperion).get("/healthz").unwrap().unwrap();
    assert_eq!(health["mode"], "background");
    client.leave();
    assert_eq!(world.json(&["audit", "verify"])["ok"], true);
}

// T5: fifty agents at once, each with a server of its own, over one engine.
#[test]
fn fifty_clients_work_at_once() {
    const CLIENTS: usize = 50;
    let world = World::up(&[("shared", "0\n")]);
    let root = world.repo.path().to_str().unwrap().to_owned();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (hyperion, root) = (&world.hyperion, &root);
            scope.spawn(move || {
                let mut client = Client::of(hyperion, "filesystem", &["--root", root]);
                let own = format!("own/{number}");
                client.call("writeFile", &json!({"path": own, "content": "x\n"}));
                // All add a line to one file; who comes second is told, and looks again.
                loop {
                    let read = client.call("readFile", &json!({"path": "shared"}));
                    let lines = read["total_lines"].as_u64().unwrap();
                    let edit = json!({
                        "path": "shared", "sha256": read["sha256"],
                        "startLine": lines + 1, "endLine": lines, "newContent": number.to_string()
                    });
                    let params = json!({"name": "editFile", "arguments": edit});
                    let edited = client.ask("tools/call", &params);
                    if edited["isError"] == false {
                        break;
                    }
                    let said = edited["content"][0]["text"].as_str().unwrap();
                    assert!(said.contains("(file.changed)"), "{said}");
                    assert!(began.elapsed() < SOON * 3, "it takes too long");
                }
                client.leave();
            });
        }
    });
    let shared = fs::read_to_string(world.repo.path().join("shared")).unwrap();
    let mut added: Vec<usize> = shared.lines().skip(1).map(|l| l.parse().unwrap()).collect();
    added.sort_unstable();
    assert_eq!(added, (0..CLIENTS).collect::<Vec<_>>());
    assert_eq!(
        fs::read_dir(world.repo.path().join("own")).unwrap().count(),
        CLIENTS
    );
}

// T2, T4, T5: an agent's work in a clone lands by an approval; until then nothing of it shows, and it outlives engines.
#[test]
fn an_agents_branch_lands_once_a_person_approves() {
    let mut world = World::up(&[("src/a.rs", "fn main() {}\n")]);
    let repo = world.repo.path().to_str().unwrap().to_owned();
    let everything = |world: &World| {
        world.repo.git(&["for-each-ref"]) + &world.repo.git(&["log", "--all", "--format=%s"])
    };
    let before = everything(&world);
    let mut git = Client::of(&world.hyperion, "git", &["--repo", &repo]);
    let status = git.call("status", &json!({}));
    let (work, clone) = (
        status["folder"].as_str().unwrap(),
        status["clone"].as_str().unwrap(),
    );
    let mut files = Client::of(&world.hyperion, "filesystem", &["--root", work]);
    git.call("createBranch", &json!({"name": "agent/T-1-run"}));
    let read = files.call("readFile", &json!({"path": "src/a.rs"}));
    files.call(
        "editFile",
        &json!({"path": "src/a.rs", "sha256": read["sha256"], "oldText": "{}", "newText": "{ run() }"}),
    );
    git.call("add", &json!({"files": ["src"]}));
    // The next engine finds the clone as it was.
    world.kill_engine();
    let commit = git.call("commit", &json!({"message": "Run it\n\nIt did nothing."}));
    let pushed = git.call("push", &json!({}));
    assert_eq!(
        (&pushed["commit"], &pushed["again"]),
        (&commit["commit"], &json!(false))
    );
    let request = pushed["request"].as_str().unwrap().to_owned();
    let mut control = Client::of(&world.hyperion, "control", &["--repo", &repo]);
    let asked = || {
        let api = Api::new(&world.hyperion);
        api.rest().unwrap();
    };
    asked();
    let question = control.call("approval", &json!({"request": request}));
    assert_eq!(question["questions"][0]["status"], "pending", "{question}");
    assert_eq!(everything(&world), before, "nothing shows before it landed");
    let again = git.call("push", &json!({}));
    assert_eq!(
        (&again["again"], &again["request"]),
        (&json!(true), &pushed["request"])
    );
    // X7: it is the agent's, by its own name, and not the person's whose engine it is.
    let filed = world.request(&request);
    assert_eq!(
        (&filed["submitted_by"], &filed["source"]),
        (&json!("agent test"), &json!("mcp"))
    );
    let approval = again["approval"].as_str().unwrap().to_owned();
    world.run(&["approval", "approve", &approval]).code(0);
    asked();
    let plan = control.call("plan", &json!({"request": request}));
    assert_eq!(plan["status"], "completed", "{plan}");
    let queue = control.call("queue", &json!({"request": request}));
    assert_eq!(queue["entries"][0]["status"], "landed");
    let landed = world.repo.git(&["log", "-1", "--format=%B", "main"]);
    for part in [
        "Run it\n\nIt did nothing.\n",
        "Hyperion-Request: ",
        "Hyperion-Audit: ",
    ] {
        assert!(landed.contains(part), "{part}: {landed}");
    }
    assert_eq!(
        world.repo.git(&["show", "main:src/a.rs"]),
        "fn main() { run() }"
    );
    // Another server goes on in the same clone.
    let mut next = Client::of(&world.hyperion, "git", &["--clone", clone]);
    let status = next.call("status", &json!({}));
    assert_eq!(
        (&status["branch"], &status["folder"]),
        (&json!("agent/T-1-run"), &json!(work))
    );
    for client in [git, files, control, next] {
        client.leave();
    }
    assert_eq!(world.json(&["audit", "verify"])["ok"], true);
}

// T2: two agents on one repository at the same time, each with a server of its own.
#[test]
fn two_agents_work_on_one_repository() {
    let world = World::up(&[("a", "1\n"), ("b", "1\n")]);
    let repo = world.repo.path().to_str().unwrap().to_owned();
    let work = |file: &str| {
        let mut git = Client::of(&world.hyperion, "git", &["--repo", &repo]);
        let folder = git.call("createBranch", &json!({"name": "agent/1-x"}));
        assert_eq!(folder["branch"], "agent/1-x");
        let status = git.call("status", &json!({}));
        let folder = std::path::Path::new(status["folder"].as_str().unwrap()).to_owned();
        fs::write(folder.join(file), "2\n").unwrap();
        git.call("add", &json!({"files": ["."]}));
        git.call("commit", &json!({"message": format!("Change {file}")}));
        let pushed = git.call("push", &json!({}));
        let said = git.refused("commit", &json!({"message": "Again"}));
        assert!(said.contains("(git.nothing)"), "{said}");
        git.call("checkout", &json!({"branch": "main"}));
        fs::write(folder.join("a"), "on main\n").unwrap();
        git.call("add", &json!({"files": ["a"]}));
        let said = git.refused("commit", &json!({"message": "On main"}));
        assert!(said.contains("(git.branch)"), "{said}");
        git.leave();
        (folder, pushed["request"].clone())
    };
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| work("a"));
        let other = scope.spawn(|| work("b"));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_ne!(one, other);
    assert_eq!(world.repo.git(&["branch", "--list", "agent/*"]), "");
}

// T4, C9: where there is no way to an engine each call is told why, and the server works as soon as that is mended.
#[test]
fn a_call_without_an_engine_is_told_why_and_the_next_one_tries_again() {
    let world = World::unknown(TempRepo::with_files(&[("a.txt", "one\n")]));
    let home = world.hyperion.home();
    // A home where a file lies is none.
    fs::write(&home, "a letter\n").unwrap();
    let folder = world.repo.path().to_str().unwrap();
    let mut client = Client::of(&world.hyperion, "filesystem", &["--root", folder]);
    let read = json!({"path": "a.txt"});
    for _ in 0..2 {
        let said = client.refused("readFile", &read);
        let why = format!("use {} as a home: it is not a folder", home.display());
        assert!(said.contains(&why), "{said}");
        assert!(said.contains("move that file away"), "{said}");
    }
    fs::remove_file(&home).unwrap();
    assert_eq!(client.call("readFile", &read)["content"], "one\n");
    client.leave();
}

// T1, X1: a root that is none, or Hyperion's own home, is refused.
#[test]
fn a_root_that_is_none_is_refused() {
    let world = World::up(&[("a", "1")]);
    let nowhere = world.repo.path().join("nowhere");
    let ended = world.run(&["mcp", "filesystem", "--root", nowhere.to_str().unwrap()]);
    ended.code(2);
    let home = world.hyperion.home().to_str().unwrap().to_owned();
    let mut client = Client::of(&world.hyperion, "filesystem", &["--root", &home]);
    let said = client.refused("readFile", &json!({"path": "key"}));
    assert!(said.contains("(path.denied)"), "{said}");
    client.leave();
}

// T5: the agent's own configuration is shown, then edited; what else is in it stays, and twice is once.
#[test]
fn a_server_is_made_known_to_an_agent_in_its_own_configuration() {
    let world = World::up(&[("a", "1")]);
    let folder = world.repo.path();
    let config = folder.join(".cursor/mcp.json");
    fs::create_dir(folder.join(".cursor")).unwrap();
    let mine =
        "{\n  // mine\n  \"mcpServers\": {\n    \"x\": {\"command\": \"y\"} // keep\n  }\n}\n";
    fs::write(&config, mine).unwrap();
    let shown = world
        .run(&["mcp", "install", "cursor", "--dry-run"])
        .code(0);
    assert!(
        shown.stderr.contains("+    \"hyperion-files\": {"),
        "{}",
        shown.stderr
    );
    world.run(&["mcp", "install", "cursor"]).code(2);
    assert_eq!(fs::read_to_string(&config).unwrap(), mine);
    world.run(&["mcp", "install", "cursor", "--yes"]).code(0);
    let written = fs::read_to_string(&config).unwrap();
    let home = format!("\"HYPERION_HOME\": {:?}", world.hyperion.home());
    for kept in [
        "// mine",
        "\"x\": {\"command\": \"y\"}, // keep",
        "\"filesystem\"",
        home.as_str(),
    ] {
        assert!(written.contains(kept), "{kept}: {written}");
    }
    let again = world.run(&["mcp", "install", "cursor", "--yes"]).code(0);
    assert!(again.stderr.contains("has it already"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(&config).unwrap(), written);
    let both = [
        "--server",
        "git",
        "--server",
        "control",
        "--server",
        "test-runner",
    ];
    let both: Vec<_> = ["mcp", "install", "cursor", "--yes"]
        .into_iter()
        .chain(both)
        .collect();
    world.run(&both).code(0);
    let written = fs::read_to_string(&config).unwrap();
    for kept in [
        "\"hyperion-files\"",
        "\"hyperion-git\"",
        "\"hyperion-control\"",
        "\"hyperion-tests\"",
        "\"--repo\"",
    ] {
        assert!(written.contains(kept), "{kept}: {written}");
    }
    world
        .run(&[both.as_slice(), &["--name", "x"]].concat())
        .code(2);
    world.run(&["mcp", "install", "codex", "--yes"]).code(0);
    let codex = world.hyperion.user_home().join(".codex/config.toml");
    let codex = fs::read_to_string(codex).unwrap();
    assert!(codex.contains("[mcp_servers.hyperion-files]"), "{codex}");
}
