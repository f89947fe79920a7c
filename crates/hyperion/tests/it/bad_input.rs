//! Bad requests: each with its own message, its place and its remedy, and nothing half-queued.

use crate::world::{World, items, text};
use hyperion_testkit::{RequestFile, TaskEntry, TempRepo, task, task_request, unified_diff};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;

mod change;
mod contradiction;
mod file;
mod key;
mod path;
mod secret;

const RETRY: &str = "fn delay(n: u32) -> u32 {\n    2_u32.pow(n)\n}\n";
const CLAMPED: &str = "fn delay(n: u32) -> u32 {\n    2_u32.pow(n).min(30)\n}\n";

/// Tries bad requests on one machine, and writes down what people see.
struct Table {
    world: World,
    tip: String,
    rows: String,
}

impl Table {
    /// Has a repository with every kind of entry, and an engine that is up.
    fn new() -> Self {
        let dependency = TempRepo::with_files(&[("lib.txt", "lib\n")]);
        let repo = TempRepo::new();
        repo.write("README.md", "# Retry\n");
        repo.write("src/retry.rs", RETRY);
        repo.write("docs/guide.md", "one\n");
        repo.write_executable("run.sh", "#!/bin/sh\n");
        repo.symlink("link", "docs");
        repo.add_submodule("vendor/dep", &dependency);
        repo.commit_all("Begin");
        let world = World::up_with(repo, &[]);
        let tip = world.repo.tip("main");
        Self {
            world,
            tip,
            rows: String::new(),
        }
    }

    /// Files these bytes, and notes status and words.
    fn bytes(&mut self, name: &str, bytes: impl AsRef<[u8]>) -> &mut Self {
        let file = self.world.hyperion.user_home().join("request.json");
        fs::write(&file, bytes).unwrap();
        self.arguments(name, &["request", file.to_str().unwrap()])
    }

    fn request(&mut self, name: &str, request: &RequestFile) -> &mut Self {
        self.bytes(name, request.text())
    }

    /// Files a request with this one task.
    fn task(&mut self, name: &str, task: TaskEntry) -> &mut Self {
        self.request(name, &task_request("Clamp the delay").task(task))
    }

    /// Files a request with this one change.
    fn change(&mut self, name: &str, change: Value) -> &mut Self {
        self.task(name, task("T1", "clamp").change(change))
    }

    fn arguments(&mut self, name: &str, arguments: &[&str]) -> &mut Self {
        let ended = self.world.run(arguments);
        assert_eq!(ended.stdout, "", "{name}: data is for what was filed");
        let exit = ended.exit().unwrap();
        let said = self.without_places(&ended.stderr);
        writeln!(self.rows, "## {name}: exit {exit}\n{said}").unwrap();
        self
    }

    fn without_places(&self, said: &str) -> String {
        let home = self.world.hyperion.user_home();
        said.replace(home.to_str().unwrap(), "~")
            .replace(self.world.repo.path().to_str().unwrap(), "REPO")
    }

    /// Requires that none of it left a trace, and gives the table.
    fn end(&self) -> &str {
        assert_eq!(self.world.list(&["request", "list"]), [Value::Null; 0]);
        assert_eq!(
            self.world.list(&["queue", "list", "--all"]),
            [Value::Null; 0]
        );
        assert_eq!(self.world.list(&["changes", "list"]), [Value::Null; 0]);
        assert_eq!(self.world.repo.tip("main"), self.tip);
        self.world.assert_nothing_unlanded_shows();
        &self.rows
    }
}

fn minimal() -> RequestFile {
    task_request("Clamp the delay")
}

fn modify(patch: &str) -> Value {
    json!({"operation": "modify", "path": "src/retry.rs", "patch": patch})
}

fn good() -> TaskEntry {
    task("T1", "clamp").modify("src/retry.rs", RETRY, CLAMPED)
}
