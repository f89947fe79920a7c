//! `cargo xtask conformance`: what others wrote for the Model Context Protocol, against our servers.
//!
//! The protocol's conformance suite speaks HTTP only, and runs against a program among the tests of `mcp` that serves the
//! same servers; the Inspector's command line and the Python client start `hyperion mcp` as an agent does. All of it is
//! installed below the target folder, with Node: nothing but Rust, git and Python has to be there.

mod clients;
mod suite;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{Service, capture, cargo, program};
use crate::test::target_folder;

/// How long a program may take to come up.
const UP: Duration = Duration::from_secs(60);

/// One thing that was tried.
struct Case {
    /// By whom.
    by: &'static str,
    /// What.
    name: String,
    outcome: Outcome,
}

enum Outcome {
    Passed,
    /// It was known to fail; why it does not apply.
    NotApplicable(String),
    Failed(String),
}

/// Runs everything and prints one table.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let target = target_folder(root)?;
    let scene = Scene::new(root, &target)?;
    let mut cases = suite::run(&scene)?;
    let (_engine, _) = Service::start(scene.hyperion().arg("up"), UP)?;
    cases.extend(clients::inspector(&scene)?);
    cases.extend(clients::python(&scene)?);
    println!("\n{}", table(&cases));
    let failed = |case: &&Case| matches!(case.outcome, Outcome::Failed(_));
    match cases.iter().filter(failed).count() {
        0 => Ok(()),
        count => Err(format!("{count} of {} cases failed", cases.len())),
    }
}

/// What is run against what.
struct Scene {
    /// The workspace.
    root: PathBuf,
    target: PathBuf,
    /// Short, for a socket is in it; removed in the end.
    folder: PathBuf,
}

impl Scene {
    fn new(root: &Path, target: &Path) -> Result<Self, String> {
        let folder =
            std::env::temp_dir().join(format!("hyperion-conformance-{}", std::process::id()));
        let scene = Self {
            root: root.to_owned(),
            target: target.to_owned(),
            folder,
        };
        crate::process::run(cargo(root).args(["build", "--locked", "--package", "hyperion"]))?;
        for folder in ["runtime", "files/many"] {
            scene.make(folder)?;
        }
        // So many that a search takes a while.
        for number in 0..5000 {
            let path = scene.files().join(format!("many/{number}.txt"));
            fs::write(&path, "a line of text\n".repeat(40)).map_err(|error| error.to_string())?;
        }
        Ok(scene)
    }

    fn make(&self, folder: &str) -> Result<(), String> {
        let folder = self.folder.join(folder);
        fs::create_dir_all(&folder).map_err(|error| format!("make {}: {error}", folder.display()))
    }

    /// The folder that the servers serve.
    fn files(&self) -> PathBuf {
        self.folder.join("files")
    }

    /// Where the program is.
    fn binary(&self) -> PathBuf {
        self.target.join("debug").join("hyperion")
    }

    fn hyperion(&self) -> Command {
        self.in_home(program(self.binary(), &self.folder))
    }

    /// Lets whatever a command starts find a home of its own.
    fn in_home(&self, mut command: Command) -> Command {
        command
            .env("HOME", &self.folder)
            .env("HYPERION_HOME", self.folder.join("home"))
            .env("XDG_RUNTIME_DIR", self.folder.join("runtime"));
        command
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Builds a test target and gives its program.
fn build_test(root: &Path, package: &str, test: &str) -> Result<PathBuf, String> {
    let said = capture(cargo(root).args([
        "build",
        "--locked",
        "--quiet",
        "--message-format",
        "json",
        "--package",
        package,
        "--test",
        test,
    ]))?;
    String::from_utf8_lossy(&said)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == test)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| format!("cargo built no program for the test {test} of {package}"))
}

/// Counts by who tried it, and lists what failed and what does not apply.
fn table(cases: &[Case]) -> String {
    let mut table = String::new();
    let mut rows: Vec<(&str, [usize; 3])> = Vec::new();
    for case in cases {
        let row = match rows.iter_mut().find(|(by, _)| *by == case.by) {
            Some(row) => row,
            None => {
                rows.push((case.by, [0; 3]));
                let last = rows.len() - 1;
                &mut rows[last]
            }
        };
        match &case.outcome {
            Outcome::Passed => row.1[0] += 1,
            Outcome::NotApplicable(why) => {
                row.1[1] += 1;
                let _ = writeln!(table, "n/a     {} · {}: {why}", case.by, case.name);
            }
            Outcome::Failed(why) => {
                row.1[2] += 1;
                let _ = writeln!(table, "FAILED  {} · {}: {why}", case.by, case.name);
            }
        }
    }
    let _ = writeln!(table, "\n{:<32} passed  n/a  failed", "");
    for (by, [passed, not_applicable, failed]) in rows {
        let _ = writeln!(
            table,
            "{by:<32} {passed:>6} {not_applicable:>4} {failed:>7}"
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_counts_and_says_why() {
        let case = |by, name: &str, outcome| Case {
            by,
            name: name.to_owned(),
            outcome,
        };
        let table = table(&[
            case("suite", "ping", Outcome::Passed),
            case("suite", "tasks", Outcome::NotApplicable("none".to_owned())),
            case("client", "list", Outcome::Failed("no answer".to_owned())),
        ]);
        assert_eq!(
            table,
            "n/a     suite · tasks: none\n\
             FAILED  client · list: no answer\n\n\
             \x20                                passed  n/a  failed\n\
             suite                                 1    1       0\n\
             client                                0    0       1\n"
        );
    }
}
