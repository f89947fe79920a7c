//! `cargo xtask chaos`: the seeded tests, for as long as wanted.
//!
//! A test whose name begins with `chaos_`, or that cuts the power, takes its rounds and its dice from `testkit::Chaos`: by
//! itself it makes a few rounds with a fixed seed, here it goes on with this run's.

use crate::process::{capture, cargo, program, run};
use crate::test::{FAIL_POINTS, target_folder};
use crate::tools;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many of them run at once.
const AT_ONCE: usize = 2;

/// Which tests: their name begins with this, in whatever module.
const WHICH: &str = "test(/(^|::)chaos_/) | (package(hyperion) & test(/^power::/))";

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wish {
    minutes: f64,
    seed: Option<u64>,
}

impl Wish {
    /// Reads `--minutes N [--seed S]`.
    pub(crate) fn read(arguments: &[&str]) -> Result<Self, String> {
        let mut wish = Self {
            minutes: 10.0,
            seed: None,
        };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or(format!("{name} needs a value"))?;
            let wrong = || format!("{name} is no number: {value}");
            match *name {
                "--minutes" => {
                    wish.minutes = value.parse().map_err(|_| wrong())?;
                    if !(wish.minutes.is_finite() && wish.minutes > 0.0) {
                        return Err(wrong());
                    }
                }
                "--seed" => wish.seed = Some(value.parse().map_err(|_| wrong())?),
                other => return Err(format!("there is no {other}")),
            }
        }
        Ok(wish)
    }
}

/// Runs them all, says what happened, and fails if anything was violated.
#[allow(
    clippy::disallowed_methods,
    reason = "a seed that nobody gave comes from the clock"
)]
pub(crate) fn go(root: &Path, wish: Wish) -> Result<(), String> {
    let Wish { minutes, seed } = wish;
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    // Any number will do, as long as it is told.
    let seed = seed.unwrap_or(u64::from(since_epoch.subsec_nanos()));
    let target = target_folder(root)?;
    let nextest = tools::ensure(root, &target)?.nextest?;
    let command = |what: &str| -> Command {
        let mut command = program(&nextest, root);
        command
            .args(["nextest", what, "--workspace", "--locked"])
            .args(FAIL_POINTS)
            .args(["-E", WHICH]);
        command
    };
    run(cargo(root)
        .args(["build", "--workspace", "--tests", "--locked"])
        .args(FAIL_POINTS))?;
    let listed = capture(command("list").args(["--message-format", "oneline"]))?;
    let tests = String::from_utf8_lossy(&listed).lines().count();
    if tests == 0 {
        return Err("there is no test whose name begins with chaos_".to_owned());
    }
    let each = minutes * AT_ONCE as f64 / tests as f64;
    println!("chaos: seed {seed}, {tests} tests, {each:.1} minutes each, {AT_ONCE} at once");

    let report = target.join("chaos-report");
    match fs::remove_file(&report) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(format!("remove {}: {error}", report.display()));
        }
        _ => {}
    }
    let outcome = run(command("run")
        .args(["--profile", "chaos", "--no-fail-fast", "-j"])
        .arg(AT_ONCE.to_string())
        .env("HYPERION_CHAOS_SEED", seed.to_string())
        .env("HYPERION_CHAOS_MINUTES", each.to_string())
        .env("HYPERION_CHAOS_KEEP", "1")
        .env("HYPERION_CHAOS_REPORT", &report));
    let lines = fs::read_to_string(&report).unwrap_or_default();
    print!("\n{lines}");
    println!("chaos: seed {seed}: {}", shown(&sum(&lines)));
    outcome.map_err(|error| {
        format!(
            "{error}; each failed test said above which folders it left and how to repeat its round"
        )
    })
}

/// Adds up what each test counted.
fn sum(report: &str) -> BTreeMap<&str, u64> {
    let mut sums = BTreeMap::new();
    let counts = report
        .lines()
        .flat_map(|line| line.split(' '))
        .filter_map(|field| field.split_once('='));
    for (name, count) in counts {
        if let Ok(count) = count.parse::<u64>() {
            *sums.entry(name).or_default() += count;
        }
    }
    sums
}

fn shown(sums: &BTreeMap<&str, u64>) -> String {
    let counts: Vec<_> = sums
        .iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    counts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_read_and_a_wrong_one_refused() {
        let wish = |arguments: &[&str]| Wish::read(arguments);
        let expected = Wish {
            minutes: 0.5,
            seed: Some(7),
        };
        assert_eq!(wish(&["--minutes", "0.5", "--seed", "7"]), Ok(expected));
        assert_eq!(wish(&[]).unwrap().seed, None);
        for wrong in [
            &["--minutes"][..],
            &["--minutes", "0"],
            &["--seed", "x"],
            &["--hours", "1"],
        ] {
            assert!(wish(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_the_tests_counted_is_added_up() {
        let report = "test=a::chaos_x kills=50 rounds=1 violations=0\ntest=chaos_y kills=2 rounds=1 violations=1\n";
        assert_eq!(shown(&sum(report)), "52 kills, 2 rounds, 1 violations");
    }
}
