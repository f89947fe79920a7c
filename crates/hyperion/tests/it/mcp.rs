//! Agents at their tools: `hyperion mcp`, as a client starts it.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Instant;

use hyperion_testkit::Hyperion;
use serde_json::{Value, json};

use crate::api::Api;
use crate::world::{SOON, World};

/// A client of one server.
struct Client {
    server: Child,
    to: Option<ChildStdin>,
    from: Lines<BufReader<ChildStdout>>,
    last_id: u32,
}

impl Client {
    #[track_caller]
    fn start(hyperion: &Hyperion, root: &str) -> Self {
        let mut server = hyperion
            .command(&["mcp", "filesystem", "--root", root])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let from = BufReader::new(server.stdout.take().unwrap()).lines();
        let mut client = Self {
            to: server.stdin.take(),
            server,
            from,
            last_id: 0,
        };
        let told = client.ask(
            "initialize",
            &json!({
                "protocolVersion": "2025-06-18", "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"}
            }),
        );
        assert_eq!(told["serverInfo"]["name"], "hyperion-filesystem");
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    fn send(&mut self, message: &Value) {
        let to = self.to.as_mut().unwrap();
        writeln!(to, "{message}").unwrap();
        to.flush().unwrap();
    }

    #[track_caller]
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        let line = self.from.next().expect("an answer").unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], id, "{answer}");
        answer["result"].clone()
    }

    /// Calls a tool that has to work, and gives what it answers.
    #[track_caller]
    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let result = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        assert_eq!(result["isError"], false, "{tool}: {result}");
        result["structuredContent"].clone()
    }

    /// Calls a tool that has to be refused, and gives what it says.
    #[track_caller]
    fn refused(&mut self, tool: &str, arguments: &Value) -> String {
        let result = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        assert_eq!(result["isError"], true, "{tool}: {result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// Closes the server's input and waits until it is gone.
    #[track_caller]
    fn leave(mut self) {
        drop(self.to.take());
        let status = self.server.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

// T1, T5, X1: an agent reads, writes, edits, lists, searches and deletes; what it did is on record, what is denied is refused.
#[test]
fn an_agent_works_on_files_and_what_it_did_is_on_record() {
    let world = World::up(&[("src/a.rs", "fn main() {}\n"), (".env", "KEY=1\n")]);
    let root = world.repo.path().to_str().unwrap().to_owned();
    let mut client = Client::start(&world.hyperion, &root);
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
        .get("/api/file-modifications")
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

// T5: a server outlives engines: without one it becomes it, and finds the next one when it left.
#[test]
fn a_server_works_with_whichever_engine_there_is() {
    let mut world = World::up(&[("a", "1")]);
    let root = world.repo.path().to_str().unwrap().to_owned();
    let mut client = Client::start(&world.hyperion, &root);
    assert_eq!(
        client.call("readFile", &json!({"path": "a"}))["content"],
        "1"
    );
    world.kill_engine();
    assert_eq!(
        client.call("readFile", &json!({"path": "a"}))["content"],
        "1"
    );
    // It is the engine itself now, for other commands as well.
    let health = Api::new(&world.hyperion).get("/healthz").unwrap().unwrap();
    assert_eq!(health["pid"], client.server.id());
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
                let mut client = Client::start(hyperion, root);
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

// T1, X1: a root that is none, or Hyperion's own home, is refused.
#[test]
fn a_root_that_is_none_is_refused() {
    let world = World::up(&[("a", "1")]);
    let nowhere = world.repo.path().join("nowhere");
    let ended = world.run(&["mcp", "filesystem", "--root", nowhere.to_str().unwrap()]);
    ended.code(2);
    let home = world.hyperion.home().to_str().unwrap().to_owned();
    let mut client = Client::start(&world.hyperion, &home);
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
    for kept in [
        "// mine",
        "\"x\": {\"command\": \"y\"}, // keep",
        "\"filesystem\"",
    ] {
        assert!(written.contains(kept), "{kept}: {written}");
    }
    let again = world.run(&["mcp", "install", "cursor", "--yes"]).code(0);
    assert!(again.stderr.contains("has it already"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(&config).unwrap(), written);
    world.run(&["mcp", "install", "codex", "--yes"]).code(0);
    let codex = world.hyperion.user_home().join(".codex/config.toml");
    let codex = fs::read_to_string(codex).unwrap();
    assert!(codex.contains("[mcp_servers.hyperion-files]"), "{codex}");
}
