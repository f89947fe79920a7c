//! `cargo xtask test`: every check the project has, in one command.

use crate::process::{capture, cargo, program, run as run_program, run_keeping_stderr};
use crate::{tidy, tools};
use std::fmt::Write as _;
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How much of the test runner's last output is kept for the closing lines.
const KEPT_LINES_MAX: usize = 400;

/// What tests are built with and a shipped binary is not: the points at which it can be killed.
pub(crate) const FAIL_POINTS: [&str; 2] = ["--features", "hyperion/fail-points"];

/// How much is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Everything,
    /// Without what rarely changes between two edits: dependencies, generated files, doctests.
    Quick,
}

/// Runs all steps, lists them with their times, and fails if one of them failed.
///
/// Only a failed build ends the steps that need one; anything else is reported together, so that
/// one run shows everything there is to mend.
pub(crate) fn run(root: &Path, extent: Extent) -> Result<(), String> {
    let started = Instant::now();
    let mut steps = Steps::default();
    let target = target_folder(root)?;
    let mut tools = None;
    steps.take("tools", || {
        tools = Some(tools::ensure(root, &target)?);
        Ok(())
    });
    let Some(tools) = tools else {
        return steps.close(started, &[]);
    };

    // Here and not within a later step: without a network, this is what says so.
    steps.take("fetch", || {
        run_program(cargo(root).args(["fetch", "--locked", "--quiet"]))
    });
    steps.take("fmt", || {
        run_program(cargo(root).args(["fmt", "--all", "--check"]))
    });
    steps.take("clippy", || {
        run_program(
            cargo(root)
                .args(["clippy", "--workspace", "--all-targets", "--locked"])
                .args(FAIL_POINTS)
                .args(["--", "-D", "warnings"]),
        )
    });
    steps.take("as shipped", || {
        run_program(
            cargo(root)
                .args(["clippy", "--package", "hyperion", "--bins", "--locked"])
                .args(["--", "-D", "warnings"]),
        )
    });
    // Before tidy, which asks the product's binary for the generated files: built here it has the
    // features, and so the dependencies, that the tests need anyway.
    let built = steps.take("build", || {
        run_program(&mut build_tests(root, &tools.nextest))
    });
    let binary = target.join("debug").join("hyperion");
    let generated = match extent {
        Extent::Everything if built => tidy::Generated::Binary(&binary),
        Extent::Everything | Extent::Quick => tidy::Generated::Skip,
    };
    steps.take("tidy", || tidy::check(root, generated));
    if extent == Extent::Everything {
        steps.take("deny", || {
            let deny = tools.deny.as_ref().map_err(String::clone)?;
            run_program(
                program(deny, root)
                    .args(["--locked", "check", "--hide-inclusion-graph"])
                    .args(["bans", "licenses", "sources"]),
            )
        });
    }
    let mut closing = vec![];
    if built {
        steps.take("tests", || {
            let (outcome, said) = run_tests(root, &tools.nextest);
            closing = said;
            outcome
        });
        if extent == Extent::Everything {
            steps.take("orders", || {
                run_program(&mut try_orders(root, &tools.nextest))
            });
            steps.take("doctests", || {
                run_program(
                    cargo(root)
                        .args(["test", "--doc", "--workspace", "--locked", "--quiet"])
                        .args(FAIL_POINTS),
                )
            });
        }
    } else {
        steps.skip("tests", "the build failed");
    }
    steps.close(started, &closing)
}

fn build_tests(root: &Path, nextest: &Result<PathBuf, String>) -> Command {
    let mut command = match nextest {
        Ok(nextest) => {
            let mut command = program(nextest, root);
            command.args(["nextest", "run"]);
            command
        }
        Err(_) => {
            let mut command = cargo(root);
            command.arg("test");
            command
        }
    };
    command
        .args(["--workspace", "--locked", "--no-run"])
        .args(FAIL_POINTS);
    command
}

/// The tests in which a scheduler lets the store's threads take their steps in many orders: they need threads and
/// channels of its own, which a feature swaps in, and which no other test can use.
fn try_orders(root: &Path, nextest: &Result<PathBuf, String>) -> Command {
    let package = [
        "--package",
        "hyperion-store",
        "--features",
        "shuttle",
        "--locked",
    ];
    match nextest {
        Ok(nextest) => {
            let mut command = program(nextest, root);
            command
                .args(["nextest", "run"])
                .args(package)
                .arg("orders::");
            command
        }
        Err(_) => {
            let mut command = cargo(root);
            command
                .arg("test")
                .args(package)
                .args(["--test", "it", "orders::"]);
            command
        }
    }
}

fn run_tests(root: &Path, nextest: &Result<PathBuf, String>) -> (Result<(), String>, Vec<String>) {
    match nextest {
        Ok(nextest) => {
            let mut command = program(nextest, root);
            command
                .args(["nextest", "run", "--workspace", "--locked"])
                .arg("--no-fail-fast")
                .args(FAIL_POINTS);
            if stderr().is_terminal() {
                // It writes to us, not to the terminal, and would go without.
                command.args(["--color", "always"]);
            }
            let (outcome, said) = run_keeping_stderr(&mut command, KEPT_LINES_MAX);
            (outcome, from_summary(said))
        }
        Err(why) => {
            println!("note: running `cargo test`, because {why}");
            let mut command = fallback(root);
            (run_program(&mut command), vec![])
        }
    }
}

fn fallback(root: &Path) -> Command {
    let mut command = cargo(root);
    command
        .args(["test", "--workspace", "--locked", "--all-targets"])
        .arg("--no-fail-fast")
        .args(FAIL_POINTS);
    command
}

/// The runner's own summary, as it stands: its last part, from the summary line on.
fn from_summary(mut said: Vec<String>) -> Vec<String> {
    match said.iter().rposition(|line| line.contains("Summary")) {
        Some(start) => said.split_off(start),
        None => vec![],
    }
}

pub(crate) fn target_folder(root: &Path) -> Result<PathBuf, String> {
    let metadata = capture(cargo(root).args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata)
        .map_err(|error| format!("read cargo metadata: {error}"))?;
    metadata["target_directory"]
        .as_str()
        .map(PathBuf::from)
        .ok_or_else(|| "cargo metadata names no target_directory".to_owned())
}

enum Outcome {
    Passed,
    Failed(String),
    Skipped(&'static str),
}

struct Step {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    /// Runs one step under its heading; answers whether it passed.
    fn take(&mut self, name: &'static str, work: impl FnOnce() -> Result<(), String>) -> bool {
        println!("\n== {name}");
        let started = Instant::now();
        let outcome = match work() {
            Ok(()) => Outcome::Passed,
            Err(error) => Outcome::Failed(error),
        };
        let took = started.elapsed();
        if let Outcome::Failed(error) = &outcome {
            println!("{name} failed: {error}");
        }
        println!("== {name}: {:.1} s", took.as_secs_f64());
        let passed = matches!(outcome, Outcome::Passed);
        self.0.push(Step {
            name,
            outcome,
            took,
        });
        passed
    }

    fn skip(&mut self, name: &'static str, why: &'static str) {
        self.0.push(Step {
            name,
            outcome: Outcome::Skipped(why),
            took: Duration::ZERO,
        });
    }

    fn close(self, started: Instant, closing: &[String]) -> Result<(), String> {
        print!("\n{}", self.table());
        for line in closing {
            println!("{line}");
        }
        let failed = self.failed();
        let seconds = started.elapsed().as_secs();
        if failed.is_empty() {
            println!("cargo xtask test: passed in {seconds} s");
            Ok(())
        } else {
            Err(format!(
                "cargo xtask test: {failed} failed after {seconds} s"
            ))
        }
    }

    fn table(&self) -> String {
        let mut table = String::from("step      result   seconds\n");
        for Step {
            name,
            outcome,
            took,
        } in &self.0
        {
            let result = match outcome {
                Outcome::Passed => "passed",
                Outcome::Failed(_) => "FAILED",
                Outcome::Skipped(_) => "skipped",
            };
            let _ = write!(table, "{name:<9} {result:<8} {:>7.1}", took.as_secs_f64());
            if let Outcome::Skipped(why) = outcome {
                let _ = write!(table, "  {why}");
            }
            table.push('\n');
        }
        table
    }

    fn failed(&self) -> String {
        let failed: Vec<&str> = self
            .0
            .iter()
            .filter(|step| matches!(step.outcome, Outcome::Failed(_)))
            .map(|step| step.name)
            .collect();
        failed.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str, outcome: Outcome) -> Step {
        Step {
            name,
            outcome,
            took: Duration::from_millis(1240),
        }
    }

    #[test]
    fn the_table_lists_every_step_in_order() {
        let steps = Steps(vec![
            step("fmt", Outcome::Passed),
            step("clippy", Outcome::Failed("ended with 101".into())),
            step("doctests", Outcome::Skipped("the build failed")),
        ]);
        assert_eq!(
            steps.table(),
            "step      result   seconds\n\
             fmt       passed       1.2\n\
             clippy    FAILED       1.2\n\
             doctests  skipped      1.2  the build failed\n"
        );
        assert_eq!(steps.failed(), "clippy");
    }

    #[test]
    fn one_failed_step_fails_the_whole() {
        let mut steps = Steps::default();
        assert!(steps.take("fmt", || Ok(())));
        assert!(!steps.take("tests", || Err("3 failed".into())));
        assert!(steps.take("doctests", || Ok(())));
        let error = steps.close(Instant::now(), &[]).unwrap_err();
        assert!(error.contains("tests failed after"), "{error}");
        assert!(Steps::default().close(Instant::now(), &[]).is_ok());
    }

    #[test]
    fn the_runners_summary_is_kept_as_it_stands() {
        let said = [
            "PASS a",
            "------",
            "     Summary [   0.01s] 2 tests run: 1 passed, 1 failed",
            "        FAIL b",
        ];
        let kept = from_summary(said.map(String::from).to_vec());
        assert_eq!(kept, said[2..]);
        assert!(from_summary(vec!["error: no tests".into()]).is_empty());
    }
}
