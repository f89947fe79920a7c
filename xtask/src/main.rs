//! The project's own chores: tests, benchmarks, tidiness, generated files.
//!
//! `cargo xtask help` lists them. Nothing here is part of the product, so it may print and start
//! processes; it still does the latter in one place only (`process`).
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line chore talks to its terminal"
)]

mod api;
mod bench;
mod chaos;
mod conformance;
mod dist;
mod fuzz;
mod generate;
mod process;
mod sabotage;
mod test;
mod tidy;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
The project's own chores.

Usage: cargo xtask <COMMAND>

Commands:
  test [--quick]  Check formatting, lints, tidiness and dependencies, then run every test;
                  --quick leaves out dependencies, generated files and doctests
  bench [NAME…] [--short]
                  Measure Hyperion beside others and write docs/benchmarks.md; --short only
                  sees that it works, and writes nothing
  chaos [--minutes N] [--seed S]
                  Run the seeded tests (kills, power loss, simulation) for N minutes in all
  conformance     Let the conformance suite of MCP, the Inspector and the Python client try
                  our servers; installs them below the target folder
  api             Make up calls from the OpenAPI document and compare what an engine answers; installs
                  schemathesis below the target folder
  tidy            Check crate edges, file sizes, generated files, the requirement table,
                  links, walls between crates, paths and examples
  dist            Build the program as it is shipped, and pack it with completions, manual pages
                  and the unit file
  fuzz [TARGET…] [--minutes N]
                  Fuzz what reads text from outside, each target for N minutes (10)
  sabotage [NAME…]
                  Leave out one thing after the other that a crash needs, in a copy, and see
                  that tests notice
  generate        Write the generated files in docs/: schemas, states, CLI reference
  help            Show this
";

/// Exit status of a command line that makes no sense, as in the product.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = project_root();
    let outcome = match arguments.as_slice() {
        ["test"] => test::run(&root, test::Extent::Everything),
        ["test", "--quick"] => test::run(&root, test::Extent::Quick),
        ["bench", names @ ..] => {
            let (short, names): (Vec<&str>, Vec<&str>) =
                names.iter().partition(|name| **name == "--short");
            let extent = match short.is_empty() {
                true => bench::Extent::Full,
                false => bench::Extent::Short,
            };
            bench::run(&root, &names, extent)
        }
        ["chaos", wishes @ ..] => chaos::Wish::read(wishes).and_then(|wish| chaos::go(&root, wish)),
        ["conformance"] => conformance::run(&root),
        ["api"] => api::run(&root),
        ["tidy"] => tidy::run(&root),
        ["fuzz", rest @ ..] => fuzz::run(&root, rest),
        ["sabotage", names @ ..] => sabotage::run(&root, names),
        ["dist"] => test::target_folder(&root).and_then(|target| dist::pack(&root, &target)),
        ["generate"] => generate::write(&root),
        ["help" | "--help" | "-h"] | [] => {
            print!("{HELP}");
            Ok(())
        }
        other => {
            eprintln!("error: unknown command `{}`\n\n{HELP}", other.join(" "));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Finds the workspace this was started for. What cargo says now counts before what it said at
/// build time: a target folder may have been copied along with a clone.
fn project_root() -> PathBuf {
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest_dir
        .parent()
        .map_or_else(|| manifest_dir.clone(), Path::to_path_buf)
}
