//! `cargo xtask fuzz`: coverage-guided fuzzing of what reads text from outside.
//!
//! The targets are in `fuzz/`, a workspace of its own; their bodies stand beside the code they try (`fuzzed.rs`) and are
//! run by plain tests over `fuzz/seeds` and `fuzz/findings` too. libFuzzer's coverage is switched on by flags of the
//! stable compiler, so that no other tool chain is needed; `cargo fuzz` finds the same targets.

use crate::process::{capture, cargo, program, run as run_program};
use std::fs;
use std::path::Path;

/// Every target: a file of `fuzz/targets`.
const TARGETS: &[&str] = &[
    "patch",
    "diff",
    "task_request",
    "event",
    "config",
    "redact",
    "output",
    "report",
    "policy_shell",
    "jsonrpc",
    "jsonc",
    "run_socket",
];

/// What the compiler adds so that libFuzzer sees which edges an input takes and what it compares.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// An input that takes longer is a finding.
const INPUT_SEC_MAX: u32 = 10;

/// A target that needs more memory is a finding.
const MEMORY_MIB_MAX: u32 = 1024;

/// The longest input that is tried.
const INPUT_BYTES_MAX: u32 = 64 * 1024;

/// Fuzzes the named targets, or all of them, for so many minutes each; a finding is kept in `fuzz/findings`.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let (minutes, targets) = read(arguments)?;
    let host = host(root)?;
    let folder = root.join("fuzz");
    run_program(
        cargo(&folder)
            .args(["build", "--release", "--target", &host])
            .env("RUSTFLAGS", FLAGS),
    )?;
    let mut failed = vec![];
    for target in targets {
        println!("\n== {target}: {minutes} min");
        let corpus = folder.join("corpus").join(target);
        let findings = folder.join("findings").join(target);
        for needed in [&corpus, &findings] {
            fs::create_dir_all(needed)
                .map_err(|error| format!("make {}: {error}", needed.display()))?;
        }
        let binary = folder
            .join("target")
            .join(&host)
            .join("release")
            .join(target);
        let outcome = run_program(
            program(binary, root)
                .arg(&corpus)
                .args([folder.join("seeds").join(target), findings.clone()])
                .arg(format!("-max_total_time={}", minutes * 60))
                .arg(format!("-timeout={INPUT_SEC_MAX}"))
                .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
                .arg(format!("-max_len={INPUT_BYTES_MAX}"))
                .arg(format!("-artifact_prefix={}/", findings.display()))
                .args(["-print_final_stats=1", "-verbosity=1"]),
        );
        // Only a finding leaves something there.
        let _ = fs::remove_dir(&findings);
        if outcome.is_err() {
            failed.push(target);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!(
        "findings in {}: mend the code, and keep the input in fuzz/findings as a test",
        failed.join(", ")
    ))
}

fn read<'a>(arguments: &[&'a str]) -> Result<(u32, Vec<&'a str>), String> {
    let mut minutes = 10;
    let mut targets = vec![];
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match *argument {
            "--minutes" => {
                minutes = rest
                    .next()
                    .and_then(|number| number.parse().ok())
                    .filter(|number| (1..=1440).contains(number))
                    .ok_or("--minutes takes a number from 1 to 1440")?;
            }
            target if TARGETS.contains(&target) => targets.push(target),
            other => {
                return Err(format!(
                    "unknown target `{other}`; there are {}",
                    TARGETS.join(", ")
                ));
            }
        }
    }
    if targets.is_empty() {
        targets = TARGETS.to_vec();
    }
    Ok((minutes, targets))
}

/// The machine's own target triple: named, so that build scripts and macros are built without the flags.
fn host(root: &Path) -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = capture(program(rustc, root).arg("-vV"))?;
    String::from_utf8_lossy(&said)
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .ok_or_else(|| "rustc -vV names no host".to_owned())
}
