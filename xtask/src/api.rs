//! `cargo xtask api`: calls made up from the OpenAPI document that an engine serves, against that engine.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{Service, capture, cargo, program, run_within};
use crate::test::target_folder;
use crate::tools::ensure_python;

const SCHEMATHESIS: (&str, &str) = ("schemathesis", "4.32.5");
/// How long the engine may take to come up.
const UP: Duration = Duration::from_secs(60);
/// How long all of it may take.
const ALL: Duration = Duration::from_secs(600);
/// How many calls are made up for each call of the document.
const EXAMPLES: &str = "20";

/// Makes up calls, and fails where an answer is not what the document says.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let target = target_folder(root)?;
    crate::process::run(cargo(root).args(["build", "--locked", "--package", "hyperion"]))?;
    let python = ensure_python(SCHEMATHESIS, root, &target)?;
    let scene = Scene::new(&target)?;
    scene.git(&["init", "-q", "-b", "main"])?;
    scene.git(&["commit", "-q", "--allow-empty", "-m", "one"])?;
    // Somebody else may take it in between; then nothing answers below.
    let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let address = address.map_err(|error| format!("find a free port: {error}"))?;
    let mut up = scene.hyperion();
    let up = up
        .arg("up")
        .env("HYPERION_SERVER__BIND", address.to_string());
    let (_engine, _) = Service::start(up, UP)?;
    capture(scene.hyperion().arg("init"))?;
    let token = capture(
        scene
            .hyperion()
            .args(["token", "create", "--for", "xtask", "--scope", "read"])
            .args(["--scope", "file", "--scope", "decide", "--scope", "admin"]),
    )?;
    let token = String::from_utf8_lossy(&token);
    let token = token
        .split_whitespace()
        .find(|word| word.starts_with("hyp_"));
    let token = token.ok_or("`hyperion token create` told no token")?;
    let mut calls = program("python3", &scene.folder);
    calls
        .env("PYTHONPATH", &python)
        .args(["-m", "schemathesis.cli", "run"])
        .arg(format!("http://{address}/api/openapi.json"))
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--max-examples", EXAMPLES, "--seed", "1"])
        .args(["--request-timeout", "20", "--no-color"])
        // Made-up ids name nothing: that is refused though it has the right form.
        .args(["--exclude-checks", "positive_data_acceptance"])
        // Streams go on for as long as somebody reads.
        .args(["--exclude-path-regex", "^/api/(events|stream)"]);
    let ended = run_within(&mut calls, ALL)?;
    println!("{}", ended.stdout);
    match ended.well {
        true => Ok(()),
        false => Err(format!(
            "the engine answers otherwise than its document says {}",
            ended.stderr
        )),
    }
}

/// A home and a repository of their own; removed in the end.
struct Scene {
    binary: PathBuf,
    folder: PathBuf,
}

impl Scene {
    fn new(target: &Path) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("hyperion-api-{}", std::process::id()));
        fs::create_dir_all(folder.join("runtime"))
            .map_err(|error| format!("make {}: {error}", folder.display()))?;
        Ok(Self {
            binary: target.join("debug").join("hyperion"),
            folder,
        })
    }

    fn hyperion(&self) -> Command {
        let mut command = program(&self.binary, &self.folder);
        command
            .env("HOME", &self.folder)
            .env("HYPERION_HOME", self.folder.join("home"))
            .env("XDG_RUNTIME_DIR", self.folder.join("runtime"));
        command
    }

    fn git(&self, words: &[&str]) -> Result<(), String> {
        let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
        let mut git = program("git", &self.folder);
        capture(git.args(identity).args(words)).map(drop)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
