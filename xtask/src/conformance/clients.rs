//! Clients that others wrote, at `hyperion mcp` over standard input and output.

use std::time::Duration;

use serde_json::Value;

use super::{Case, Outcome, Scene};
use crate::process::{program, run_within};
use crate::tools::{ensure_node, ensure_npm, ensure_python};

const INSPECTOR: (&str, &str) = ("@modelcontextprotocol/inspector", "2.12.0");
const PYTHON: (&str, &str) = ("mcp", "2.3.0");

/// How long one call of the Inspector may take: it starts Node, and the server.
const CALL: Duration = Duration::from_secs(60);
/// How long all that the Python client does may take.
const SESSION: Duration = Duration::from_secs(180);

/// Lists the tools and calls each of them by the Inspector's command line.
pub(super) fn inspector(scene: &Scene) -> Result<Vec<Case>, String> {
    let node = ensure_node(&scene.root, &scene.target)?;
    let package = ensure_npm(&node, INSPECTOR, &scene.root, &scene.target)?;
    let start = package.join("clients/launcher/build/index.js");
    let ask = |words: &[&str]| -> Result<Value, String> {
        let mut command = scene.in_home(program(&node.program, &scene.folder));
        command.arg(&start).arg("--cli").arg(scene.binary());
        command
            .args(["mcp", "filesystem", "--root"])
            .arg(scene.files());
        let ended = run_within(command.args(words), CALL)?;
        if !ended.well {
            return Err(format!("{}{}", ended.stdout.trim(), ended.stderr.trim()));
        }
        serde_json::from_str(&ended.stdout).map_err(|error| format!("{error}: {}", ended.stdout))
    };
    let call = |tool: &str, arguments: &[&str]| {
        let mut words = vec!["--method", "tools/call", "--tool-name", tool];
        for argument in arguments {
            words.extend(["--tool-arg", argument]);
        }
        let answer = ask(&words)?;
        match answer["isError"] == false {
            true => Ok(answer["structuredContent"].clone()),
            false => Err(answer.to_string()),
        }
    };
    let mut cases = Vec::new();
    let mut take = |name: &str, tried: Result<bool, String>| {
        let outcome = match tried {
            Ok(true) => Outcome::Passed,
            Ok(false) => Outcome::Failed("it answered something else".to_owned()),
            Err(why) => Outcome::Failed(why),
        };
        cases.push(Case {
            by: "Inspector 2.12.0",
            name: name.to_owned(),
            outcome,
        });
    };
    // `--strict`: schemas that some client cannot use are an error.
    let listed = ask(&["--method", "tools/list", "--strict"]);
    let count = |listed: Value| listed["tools"].as_array().map_or(0, Vec::len);
    take(
        "tools/list --strict",
        listed.map(|listed| count(listed) == 6),
    );
    let written = call("writeFile", &["path=in/a.txt", "content=one"]);
    take(
        "writeFile",
        written.map(|written| written["created"] == true),
    );
    let read = call("readFile", &["path=in/a.txt"]);
    let hash = read.as_ref().map_or_else(
        |_| String::new(),
        |read| format!("sha256={}", read["sha256"].as_str().unwrap_or_default()),
    );
    take("readFile", read.map(|read| read["content"] == "one"));
    let edited = call(
        "editFile",
        &["path=in/a.txt", &hash, "oldText=one", "newText=two"],
    );
    take("editFile", edited.map(|edited| edited["bytes"] == 3));
    let listed = call("listDirectory", &["path=in"]);
    take(
        "listDirectory",
        listed.map(|listed| listed["entries"][0]["path"] == "in/a.txt"),
    );
    let found = call("searchFiles", &["pattern=two", "directory=in"]);
    take(
        "searchFiles",
        found.map(|found| found["matches"][0]["path"] == "in/a.txt"),
    );
    let deleted = call("deleteFile", &["path=in/a.txt"]);
    take(
        "deleteFile",
        deleted.map(|deleted| deleted["path"] == "in/a.txt"),
    );
    let refused = call("readFile", &["path=in/a.txt"]);
    let said = refused
        .err()
        .is_some_and(|said| said.contains("(file.missing)"));
    take("a call that is refused", Ok(said));
    Ok(cases)
}

/// Runs the script of the Python client, which says what went well.
pub(super) fn python(scene: &Scene) -> Result<Vec<Case>, String> {
    const EXPECTED: usize = 29;
    let path = ensure_python(PYTHON, &scene.root, &scene.target)?;
    let script = scene.root.join("crates/mcp/tests/conformance/client.py");
    let mut command = scene.in_home(program("python3", &scene.folder));
    command
        .arg(script)
        .arg(scene.binary())
        .arg(scene.files())
        .arg(scene.folder.join("repo"))
        .env("PYTHONPATH", path)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let ended = run_within(&mut command, SESSION)?;
    let mut cases: Vec<Case> = ended
        .stdout
        .lines()
        .map(|line| Case {
            by: "Python client 2.3.0",
            name: line.replace('\t', ": "),
            outcome: Outcome::Passed,
        })
        .collect();
    if !ended.well || cases.len() != EXPECTED {
        let why = match ended.stderr.trim() {
            "" => format!("{} cases, where there are {EXPECTED}", cases.len()),
            said => said.to_owned(),
        };
        cases.push(Case {
            by: "Python client 2.3.0",
            name: "what follows".to_owned(),
            outcome: Outcome::Failed(why),
        });
    }
    Ok(cases)
}
