//! MCP servers as an agent's client meets them, over standard input and output: ours, or whichever `HYPERION_BENCH_SERVER`
//! names, started by the words of `HYPERION_BENCH_COMMAND` (a line each). One client for all of them.

#![allow(missing_docs, reason = "a program")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that fails has nothing to say"
)]

#[path = "../../../bench/harness.rs"]
mod harness;
#[path = "../../../bench/history.rs"]
mod history;

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Asked, Figure};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The tree: so many folders, with so many files each; and a tenth of the folders in the repository.
const FOLDERS: usize = 1000;
const FILES: usize = 50;
/// How often a server is started at least.
const STARTS_MIN: usize = 5;
/// How often something is asked at least.
const CALLS_MIN: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ours,
    /// npm's `@modelcontextprotocol/server-filesystem`.
    Filesystem,
    /// PyPI's `mcp-server-git`.
    Git,
}

/// What a server is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Files,
    Git,
}

fn main() {
    let asked = Asked::read();
    let kind = match std::env::var("HYPERION_BENCH_SERVER").as_deref() {
        Ok("server-filesystem") => Kind::Filesystem,
        Ok("mcp-server-git") => Kind::Git,
        Ok(other) => panic!("there is no way to speak with {other}"),
        Err(_) => Kind::Ours,
    };
    if kind != Kind::Git {
        files(&asked, &Scene::new(kind, Part::Files));
    }
    if kind != Kind::Filesystem {
        git(&asked, &Scene::new(kind, Part::Git));
    }
}

/// Measures how long a server takes to be there.
fn start(asked: &Asked, scene: &Scene, case: &str) {
    let mut starts = Vec::new();
    let begun = Instant::now();
    while starts.len() < STARTS_MIN || (begun.elapsed() < asked.time && !asked.is_short()) {
        let started = Instant::now();
        let server = Server::start(scene);
        starts.push(started.elapsed());
        server.leave();
    }
    figure("ms", starts).print("mcp", case);
}

/// Measures a call, if the case is wanted.
fn ask(asked: &Asked, server: &mut Server<'_>, case: &str, call: &mut dyn FnMut(&mut Server<'_>)) {
    if !asked.wants(case) {
        return;
    }
    call(server);
    let begun = Instant::now();
    let mut times = Vec::new();
    while times.len() < CALLS_MIN || begun.elapsed() < asked.time {
        let started = Instant::now();
        call(server);
        times.push(started.elapsed());
    }
    figure("ms", times).print("mcp", case);
}

fn files(asked: &Asked, scene: &Scene) {
    start(asked, scene, "init");
    let mut first = Vec::new();
    for _ in 0..STARTS_MIN {
        let started = Instant::now();
        let mut server = Server::start(scene);
        server.read("d0/f0.txt");
        first.push(started.elapsed());
        server.leave();
    }
    figure("ms", first).print("mcp", "init and a first file read, nothing else up");

    let mut server = Server::start(scene);
    memory(&server).print("mcp", "memory, at rest");
    let mut ask = |case: &str, call: &mut dyn FnMut(&mut Server<'_>)| {
        ask(asked, &mut server, case, call);
    };
    ask("read a file of 2 KB", &mut |server| {
        server.read("d1/f1.txt");
    });
    let mut flag = false;
    ask("edit a file of 2 KB", &mut |server| {
        let words = [
            ("is the middle", "was the middle"),
            ("was the middle", "is the middle"),
        ];
        let (old, new) = words[usize::from(flag)];
        server.edit("d2/f2.txt", old, new);
        flag = !flag;
    });
    ask("list a folder of 50 files", &mut |server| {
        server.list("d3", FILES);
    });
    ask("search by name, 50k files", &mut |server| {
        server.search_name("d500_f7.txt");
    });
    if scene.kind == Kind::Ours {
        ask("search by text, 50k files", &mut |server| {
            server.search_text("needle");
        });
    }
    memory(&server).print("mcp", "memory, after all of that");
    server.leave();
}

fn git(asked: &Asked, scene: &Scene) {
    start(asked, scene, "git: init");
    let mut server = Server::start(scene);
    memory(&server).print("mcp", "git: memory, at rest");
    let work = server.work_folder();
    let mut ask = |case: &str, call: &mut dyn FnMut(&mut Server<'_>)| {
        ask(asked, &mut server, case, call);
    };
    ask("git: status, 5k files", &mut |server| {
        server.git("status", &json!({}));
    });
    ask("git: the last 10 commits", &mut |server| {
        let most = match server.scene.kind {
            Kind::Ours => "limit",
            Kind::Filesystem | Kind::Git => "max_count",
        };
        server.git("log", &json!({most: 10}));
    });
    let mut number = 0;
    ask("git: add and commit a file, 5k files", &mut |server| {
        number += 1;
        fs::write(work.join("d0/f0.txt"), format!("change {number}\n")).unwrap();
        server.git("add", &json!({"files": ["d0/f0.txt"]}));
        server.git(
            "commit",
            &json!({"message": format!("Change it once more: {number}")}),
        );
    });
    memory(&server).print("mcp", "git: memory, after all of that");
    server.leave();
}

/// Where everything is.
struct Scene {
    kind: Kind,
    command: Vec<String>,
    /// Outside of any repository: a home is refused there.
    folder: TempDir,
    root: PathBuf,
}

impl Scene {
    fn new(kind: Kind, part: Part) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("tree");
        let mut command: Vec<String> = match kind {
            Kind::Ours => {
                let (server, place) = match part {
                    Part::Files => ("filesystem", "--root"),
                    Part::Git => ("git", "--repo"),
                };
                [env!("CARGO_BIN_EXE_hyperion"), "mcp", server, place]
                    .map(str::to_owned)
                    .into()
            }
            Kind::Filesystem | Kind::Git => {
                let words = std::env::var("HYPERION_BENCH_COMMAND").unwrap();
                words.lines().map(str::to_owned).collect()
            }
        };
        command.push(root.to_str().unwrap().to_owned());
        let scene = Self {
            kind,
            command,
            folder,
            root,
        };
        let folders = match part {
            Part::Files => FOLDERS,
            Part::Git => FOLDERS / 10,
        };
        for folder in 0..folders {
            let inside = scene.root.join(format!("d{folder}"));
            fs::create_dir_all(&inside).unwrap();
            for file in 0..FILES {
                let mut text = "a line like any other, of some length\n".repeat(2);
                if folder < 10 {
                    text = text.repeat(13) + "here is the middle\n" + &text.repeat(13);
                }
                if (folder, file) == (500, 7) {
                    text.push_str("a needle\n");
                    fs::write(inside.join("d500_f7.txt"), &text).unwrap();
                }
                fs::write(inside.join(format!("f{file}.txt")), text).unwrap();
            }
        }
        if part == Part::Git {
            let git: &[&[&str]] = &[
                &["init", "--quiet", "--initial-branch=main"],
                &["config", "user.name", "Bench"],
                &["config", "user.email", "bench@hyperion.invalid"],
                &["add", "."],
                &["commit", "--quiet", "--message=Everything"],
            ];
            for words in git {
                history::run(scene.program("git").args(*words).current_dir(&scene.root));
            }
        }
        if kind == Kind::Ours {
            // As many calls as it takes: it is not the limit that is measured.
            let words = ["config", "set", "policy.file_ops_per_min", "10000"];
            history::run(scene.program(&scene.command[0]).args(words));
        }
        if (kind, part) == (Kind::Ours, Part::Git) {
            history::run(
                scene
                    .program(&scene.command[0])
                    .arg("init")
                    .current_dir(&scene.root),
            );
        }
        scene
    }

    fn program(&self, program: &str) -> Command {
        let mut command = history::command(Path::new(program));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.path())
            .env("HYPERION_HOME", self.folder.path().join("h"))
            .current_dir(&self.folder);
        command
    }

    fn path(&self, path: &str) -> String {
        match self.kind {
            Kind::Ours => path.to_owned(),
            Kind::Filesystem | Kind::Git => self.root.join(path).to_str().unwrap().to_owned(),
        }
    }
}

/// A server, and its client's side.
struct Server<'s> {
    scene: &'s Scene,
    child: Child,
    to: Option<ChildStdin>,
    from: Lines<BufReader<ChildStdout>>,
    last_id: u32,
    /// The hash of the file that is edited.
    sha256: String,
}

impl<'s> Server<'s> {
    /// Starts it, and waits until both sides agree.
    fn start(scene: &'s Scene) -> Self {
        let (program, words) = scene.command.split_first().unwrap();
        let mut child = scene
            .program(program)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self {
            scene,
            to: child.stdin.take(),
            from: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
            last_id: 0,
            sha256: String::new(),
        };
        server.ask(
            "initialize",
            &json!({
                "protocolVersion": "2025-06-18", "capabilities": {},
                "clientInfo": {"name": "bench", "version": "1"}
            }),
        );
        server.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        server
    }

    fn send(&mut self, message: &Value) {
        let to = self.to.as_mut().unwrap();
        to.write_all(format!("{message}\n").as_bytes()).unwrap();
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last_id += 1;
        self.send(&json!({
            "jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params
        }));
        loop {
            let line = self.from.next().expect("an answer").unwrap();
            let mut answer: Value = serde_json::from_str(&line).unwrap();
            if answer["id"] == self.last_id {
                assert!(answer["result"].is_object(), "{answer}");
                return answer["result"].take();
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let result = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        assert!(result["isError"] != true, "{tool}: {result}");
        result
    }

    fn text(&mut self, tool: &str, arguments: &Value) -> String {
        let mut result = self.call(tool, arguments);
        match result["content"][0]["text"].take() {
            Value::String(text) => text,
            other => panic!("{tool} gave {other}"),
        }
    }

    /// Calls a tool of a git server.
    fn git(&mut self, tool: &str, arguments: &Value) -> Value {
        if self.scene.kind == Kind::Ours {
            return self.call(tool, arguments)["structuredContent"].take();
        }
        let mut arguments = arguments.clone();
        arguments["repo_path"] = json!(self.scene.root.to_str().unwrap());
        self.call(&format!("git_{tool}"), &arguments)
    }

    /// Where a git server's files are, on a branch that may be committed to.
    fn work_folder(&mut self) -> PathBuf {
        if self.scene.kind != Kind::Ours {
            return self.scene.root.clone();
        }
        self.git("createBranch", &json!({"name": "agent/T-1-bench"}));
        let status = self.git("status", &json!({}));
        status["folder"].as_str().unwrap().into()
    }

    fn read(&mut self, path: &str) {
        let tool = match self.scene.kind {
            Kind::Ours => "readFile",
            Kind::Filesystem | Kind::Git => "read_text_file",
        };
        let text = self.text(tool, &json!({"path": self.scene.path(path)}));
        assert!(text.contains("here is the middle"), "{text}");
    }

    fn edit(&mut self, path: &str, old: &str, new: &str) {
        match self.scene.kind {
            Kind::Ours => {
                if self.sha256.is_empty() {
                    let read = self.call("readFile", &json!({"path": path}));
                    self.sha256 = read["structuredContent"]["sha256"]
                        .as_str()
                        .unwrap()
                        .to_owned();
                }
                let edit = json!({
                    "path": path, "sha256": self.sha256, "oldText": old, "newText": new
                });
                let edited = self.call("editFile", &edit);
                self.sha256 = edited["structuredContent"]["sha256"]
                    .as_str()
                    .unwrap()
                    .to_owned();
            }
            Kind::Filesystem | Kind::Git => {
                let edit = json!({
                    "path": self.scene.path(path), "edits": [{"oldText": old, "newText": new}]
                });
                let said = self.text("edit_file", &edit);
                assert!(said.contains(new), "{said}");
            }
        }
    }

    fn list(&mut self, path: &str, files: usize) {
        let tool = match self.scene.kind {
            Kind::Ours => "listDirectory",
            Kind::Filesystem | Kind::Git => "list_directory",
        };
        let text = self.text(tool, &json!({"path": self.scene.path(path)}));
        assert!(text.matches(".txt").count() >= files, "{text}");
    }

    fn search_name(&mut self, name: &str) {
        let said = match self.scene.kind {
            Kind::Ours => self.text(
                "searchFiles",
                &json!({"pattern": name, "directory": "", "kind": "glob"}),
            ),
            Kind::Filesystem | Kind::Git => self.text(
                "search_files",
                &json!({"path": self.scene.path(""), "pattern": format!("**/{name}")}),
            ),
        };
        assert!(said.contains("d500/d500_f7.txt"), "{said}");
    }

    /// The peer cannot.
    fn search_text(&mut self, text: &str) {
        let said = self.text("searchFiles", &json!({"pattern": text, "directory": ""}));
        assert!(said.contains("d500/f7.txt"), "{said}");
    }

    /// Closes its input and waits until it is gone.
    fn leave(mut self) {
        drop(self.to.take());
        self.child.wait().unwrap();
    }
}

/// The memory that is a server's own share, of all its processes.
fn memory(server: &Server<'_>) -> Figure {
    let pss = |pid: u32| -> f64 {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kib.unwrap_or(0.0) / 1024.0
    };
    let mut family = vec![server.child.id()];
    let mut seen = 0;
    while let Some(pid) = family.get(seen).copied() {
        seen += 1;
        let tasks = fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten();
        for task in tasks.flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            family.extend(
                children
                    .split_ascii_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
    }
    Figure {
        value: family.into_iter().map(pss).sum(),
        unit: "MiB",
        calls: Vec::new(),
        cpu: None,
        kib: None,
    }
}

fn figure(unit: &'static str, mut times: Vec<Duration>) -> Figure {
    times.sort_unstable();
    Figure {
        value: times[times.len() / 2].as_secs_f64() * 1e3,
        unit,
        calls: times,
        cpu: None,
        kib: None,
    }
}
