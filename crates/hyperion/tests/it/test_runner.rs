//! Agents that test: `hyperion mcp test-runner`, as a client starts it, on real projects with their real tools.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use hyperion_testkit::{TempRepo, eventually, processes_called_with};
use serde_json::{Value, json};

use crate::api::Api;
use crate::mcp_client::Client;
use crate::world::{SOON, World, items};

/// A project that is no repository, with an engine to work on it.
struct Project {
    world: World,
    folder: tempfile::TempDir,
}

impl Project {
    fn new(files: &[(&str, &str)]) -> Self {
        Self::with_settings(files, &[])
    }

    fn with_settings(files: &[(&str, &str)], settings: &[(&str, &str)]) -> Self {
        let project = Self {
            world: World::up_with(TempRepo::with_files(&[("a", "1")]), settings),
            folder: tempfile::tempdir().unwrap(),
        };
        for (path, text) in files {
            project.put(path, text);
        }
        project
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn client(&self) -> Client {
        let folder = self.folder.path().to_str().unwrap();
        Client::of(&self.world.hyperion, "test-runner", &["--root", folder])
    }

    /// How each run went, the newest first.
    fn outcomes(&self) -> Vec<String> {
        let records = Api::new(&self.world.hyperion).get("/api/tools/records");
        let records = items(&records.unwrap().unwrap()).into_iter();
        let ours = records.filter(|record| record["server"] == "test-runner");
        ours.map(|record| record["outcome"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// One line a problem: where, which test or rule, what kind.
fn problems(run: &Value) -> Vec<String> {
    let listed = run["problems"].as_array().unwrap().iter();
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    listed
        .map(|problem| {
            let name = if problem["test"].is_null() {
                &problem["rule"]
            } else {
                &problem["test"]
            };
            format!(
                "{}:{} {} {}",
                word(&problem["file"]),
                word(&problem["line"]),
                word(name),
                word(&problem["kind"])
            )
        })
        .collect()
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

const MANIFEST: &str = "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
const SHOP: &str = "pub fn total(prices: &[u32]) -> u32 {
    prices.iter().sum::<u32>() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up() {
        assert_eq!(total(&[1, 2]), 3);
    }

    #[test]
    fn is_there() {
        assert!(total(&[]) < 2);
    }
}
";

// T3: Cargo, for real: types, tests with a pattern, a build, the formatting; each failure with its place.
#[test]
fn a_crate_is_checked_tested_and_built() {
    let project = Project::new(&[("Cargo.toml", MANIFEST), ("src/lib.rs", SHOP)]);
    let mut client = project.client();
    let tested = client.call("test", &json!({}));
    let run = &tested["runs"][0];
    assert_eq!(
        (&tested["passed"], &run["outcome"]),
        (&json!(false), &json!("failed")),
        "{run}"
    );
    assert_eq!(
        (&run["counts"]["passed"], &run["counts"]["failed"]),
        (&json!(1), &json!(1)),
        "{run}"
    );
    assert_eq!(
        problems(run),
        ["src/lib.rs:11 tests::adds_up assertion"],
        "{run}"
    );
    let some = client.call("test", &json!({"pattern": "is_there"}));
    assert_eq!(
        (&some["passed"], &some["runs"][0]["counts"]["passed"]),
        (&json!(true), &json!(1)),
        "{some}"
    );
    assert_eq!(client.call("formatCheck", &json!({}))["passed"], true);
    project.put("src/lib.rs", &SHOP.replace("+ 1\n", "+ \"1\"\n"));
    let checked = client.call("typecheck", &json!({}));
    let run = &checked["runs"][0];
    assert_eq!(problems(run)[0], "src/lib.rs:2 E0277 type", "{run}");
    assert_eq!(run["exit_code"], 101);
    let built = client.call("build", &json!({}));
    assert_eq!(built["runs"][0]["outcome"], "failed");
    // Tests of what does not compile: the report is missing, and the compiler says why.
    let tested = client.call("test", &json!({}));
    let run = &tested["runs"][0];
    assert_eq!(run["outcome"], "failed", "{run}");
    assert!(problems(run)[0].starts_with("src/lib.rs:2 E0277"), "{run}");
    project.put("src/lib.rs", "pub fn  odd( ) {}\n");
    let formatted = client.call("formatCheck", &json!({"files": ["src/lib.rs"]}));
    let run = &formatted["runs"][0];
    assert_eq!(
        (&run["outcome"], &run["counts"]["failed"]),
        (&json!("failed"), &json!(1)),
        "{run}"
    );
    assert_eq!(problems(run), ["src/lib.rs:1 - compile"], "{run}");
    client.leave();
    assert_eq!(project.outcomes().len(), 7);
    assert_eq!(project.world.json(&["audit", "verify"])["ok"], true);
}

/// The folder of Python tools that `cargo xtask test` installs; none where that could not be.
fn python_tools() -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        PathBuf::from,
    );
    let tools = target.join("tools/python");
    tools.join("bin/pytest").is_file().then_some(tools)
}

const CART: &str = "def total(prices: list[int]) -> int:\n    return sum(prices) + 1\n";
const TEST_CART: &str = "from shop.cart import total\n\n\ndef test_adds_up() -> None:\n    assert total([1, 2]) == 3\n\n\ndef test_is_there() -> None:\n    assert total([]) < 2\n";

// T3: Python, for real: pytest by name and by file, ruff, mypy.
#[test]
fn a_python_project_is_linted_typed_and_tested() {
    let Some(tools) = python_tools() else {
        // What these tools write was recorded, and is read by the tests of `analyze` and `tools`.
        eprintln!(
            "pytest, ruff and mypy are not installed: `cargo xtask test` does it, where there is a network"
        );
        return;
    };
    // The tools lie outside of the project, where the sandbox shows nothing.
    let outside = [("sandbox.checks", "off")];
    let files = [
        (
            "pyproject.toml",
            "[tool.ruff]\n[tool.mypy]\n[tool.pytest.ini_options]\npythonpath = \".\"\n",
        ),
        ("shop/__init__.py", ""),
        ("shop/cart.py", CART),
        ("tests/test_cart.py", TEST_CART),
    ];
    let project = Project::with_settings(&files, &outside);
    symlink(tools, project.at(".venv")).unwrap();
    let mut client = project.client();
    let tested = client.call("test", &json!({}));
    let run = &tested["runs"][0];
    assert_eq!(
        (&run["counts"]["passed"], &run["counts"]["failed"]),
        (&json!(1), &json!(1)),
        "{run}"
    );
    assert_eq!(
        problems(run),
        ["tests/test_cart.py:5 tests.test_cart.test_adds_up assertion"],
        "{run}"
    );
    for (pattern, passed) in [
        ("is_there", true),
        ("tests/test_cart.py::test_is_there", true),
        ("tests/test_cart.py", false),
    ] {
        let some = client.call("test", &json!({"pattern": pattern}));
        assert_eq!(some["passed"], passed, "{pattern}: {some}");
    }
    let none = client.call("test", &json!({"pattern": "nothing_like_it"}));
    assert_eq!(none["passed"], false, "{none}");
    assert!(
        none["runs"][0]["notes"]
            .to_string()
            .contains("no test was run"),
        "{none}"
    );
    assert_eq!(client.call("typecheck", &json!({}))["passed"], true);
    assert_eq!(client.call("lint", &json!({}))["passed"], true);
    assert_eq!(client.call("formatCheck", &json!({}))["passed"], true);
    project.put(
        "shop/cart.py",
        &format!("import os\n{}", CART.replace("+ 1", "+ \"1\"")),
    );
    let linted = client.call("lint", &json!({"files": ["shop/cart.py"]}));
    let found = problems(&linted["runs"][0]);
    assert!(
        found.contains(&"shop/cart.py:1 F401 compile".to_owned()),
        "{linted}"
    );
    let typed = client.call("typecheck", &json!({}));
    let run = &typed["runs"][0];
    assert_eq!(run["counts"]["failed"], 1, "{run}");
    assert!(
        problems(run)[0].starts_with("shop/cart.py:3 operator"),
        "{run}"
    );
    project.put("shop/cart.py", "x=1\n");
    let formatted = client.call("formatCheck", &json!({"files": ["shop"]}));
    assert_eq!(
        problems(&formatted["runs"][0])[0],
        "shop/cart.py:1 - compile",
        "{formatted}"
    );
    client.leave();
}

// T3: a script of a Node project, through its package manager, and Go; several tool chains in one root.
#[test]
fn a_root_with_several_tool_chains_is_tested_with_each() {
    let project = Project::new(&[
        ("Makefile", "lint:\n\t@echo linted\ntest:\n\tfalse\n"),
        ("Cargo.toml", MANIFEST),
        ("src/lib.rs", &SHOP.replace(" + 1", "")),
    ]);
    let mut wanted = vec!["cargo passed"];
    if has("npm") {
        project.put(
            "package.json",
            r#"{"name": "shop", "version": "1.0.0", "scripts": {"test": "node --test"}}"#,
        );
        project.put("unit.test.mjs", "import test from 'node:test';\nimport assert from 'node:assert';\ntest('adds up', () => { assert.strictEqual(1 + 1, 3); });\n");
        wanted.push("node failed");
    }
    if has("go") {
        project.put("go.mod", "module example.org/shop\n\ngo 1.18\n");
        project.put("main_test.go", "package shop\n\nimport \"testing\"\n\nfunc TestAddsUp(t *testing.T) {\n\tif 1+1 != 3 {\n\t\tt.Errorf(\"got %d\", 1+1)\n\t}\n}\n");
        wanted.push("go failed");
    }
    let mut client = project.client();
    let tested = client.call("test", &json!({}));
    let runs = tested["runs"].as_array().unwrap();
    let told: Vec<_> = runs
        .iter()
        .map(|run| {
            format!(
                "{} {}",
                run["tool_chain"].as_str().unwrap(),
                run["outcome"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(told, wanted, "{tested}");
    for run in runs {
        match run["tool_chain"].as_str().unwrap() {
            "node" => assert!(problems(run)[0].starts_with("unit.test.mjs:3"), "{run}"),
            "go" => assert_eq!(
                problems(run),
                ["main_test.go:7 TestAddsUp test_failure"],
                "{run}"
            ),
            _ => {}
        }
    }
    // make is left out where others have a tool, and asked where none has.
    assert_eq!(tested["not_run"][0]["tool_chain"], "make", "{tested}");
    client.leave();
}

/// Sleeps for ever, beside one that left the process group, and one in the group that took off its environment.
fn sleeps() -> String {
    let me = std::process::id();
    format!(
        "test:\n\
        \t@setsid sleep 1000 0.{me} > /dev/null 2>&1 < /dev/null & \\\n\
        \tenv -i /bin/sleep 1000 0.{me} & \\\n\
        \texec sleep 1000 0.{me}\n"
    )
}

/// How many of these are at work.
fn sleepers() -> usize {
    processes_called_with(&format!("0.{}", std::process::id()))
}

impl Project {
    /// Begins a test that sleeps for ever, and waits until all of it is at work.
    fn begin_to_sleep(&self, client: &mut Client) -> u32 {
        let id = client.begin("tools/call", &json!({"name": "test", "arguments": {}}));
        assert!(eventually(SOON, || sleepers() == 3), "{}", sleepers());
        id
    }
}

#[track_caller]
fn assert_nothing_sleeps() {
    assert!(eventually(SOON, || sleepers() == 0), "{}", sleepers());
}

// T3, T5: a client that calls off, or dies, leaves nothing running.
#[test]
fn what_a_client_calls_off_or_leaves_behind_is_ended() {
    let project = Project::new(&[("Makefile", &sleeps())]);
    let mut client = project.client();
    let id = project.begin_to_sleep(&mut client);
    client.send(&json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id, "reason": "enough"}
    }));
    assert_nothing_sleeps();
    assert!(eventually(SOON, || project.outcomes() == ["tool.cancelled"]));
    project.begin_to_sleep(&mut client);
    client.server.kill().unwrap();
    client.server.wait().unwrap();
    assert_nothing_sleeps();
    assert!(eventually(SOON, || project.outcomes() == ["tool.cancelled"; 2]));
}

// T3: an engine that is killed leaves processes that the next one ends, and a record that says that the run was lost.
#[test]
fn what_a_killed_engine_ran_is_ended_by_the_next_one() {
    let mut project = Project::new(&[("Makefile", &sleeps())]);
    let mut client = project.client();
    project.begin_to_sleep(&mut client);
    project.world.kill_engine();
    assert_eq!(sleepers(), 3);
    project.world.start_engine();
    assert_nothing_sleeps();
    assert!(eventually(SOON, || project.outcomes() == ["lost"]));
    let runs = || -> Vec<String> {
        let listed = items(&project.world.json(&["run", "list"])).into_iter();
        let told = listed.map(|run| format!("{} {} {}", run["kind"], run["title"], run["status"]));
        told.collect()
    };
    let wanted = [r#""tool" "make test" "lost""#];
    assert!(eventually(SOON, || runs() == wanted), "{:?}", runs());
    client.server.kill().unwrap();
    client.server.wait().unwrap();
}

// T3, T5: without another engine the server starts one; a client that ends the server ends what it runs.
#[test]
fn a_server_that_is_ended_ends_what_it_runs() {
    let mut project = Project::new(&[("Makefile", &sleeps())]);
    project.world.stop_engine();
    let mut client = project.client();
    project.begin_to_sleep(&mut client);
    let pid = rustix::process::Pid::from_child(&client.server);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = client.server.wait().unwrap();
    assert!(ended.success(), "{ended}");
    assert_nothing_sleeps();
    project.world.start_engine();
    assert_eq!(project.outcomes(), ["tool.cancelled"]);
}
