use crate::dice::Dice;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The seed of a run that names none: the same one every time, so that a test that passed passes again.
const USUAL_SEED: u64 = 1;

/// How long a seeded test goes on, and with which numbers.
///
/// By itself a test makes a fixed number of rounds with a fixed seed. `cargo xtask chaos` lets it go on:
/// - `HYPERION_CHAOS_SEED` is another seed;
/// - `HYPERION_CHAOS_MINUTES` lets it make rounds until the time is over (a fraction is fine), and at least one;
/// - `HYPERION_CHAOS_ROUND` makes this one round alone, to repeat what failed;
/// - `HYPERION_CHAOS_KEEP` leaves the folders of a test that failed;
/// - `HYPERION_CHAOS_REPORT` is a file to which each test appends a line of what it counted.
///
/// A test that fails prints how to repeat its round.
///
/// ```
/// use hyperion_testkit::Chaos;
///
/// let mut chaos = Chaos::from_env(3);
/// while let Some(mut dice) = chaos.another_round() {
///     assert!(dice.below(6) < 6);
///     chaos.count("throws", 1);
/// }
/// ```
#[derive(Debug)]
pub struct Chaos {
    name: String,
    seed: u64,
    until: Until,
    round: u64,
    counts: BTreeMap<String, u64>,
    report: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy)]
enum Until {
    Rounds(u64),
    Time(Instant),
    /// This one alone.
    Only(u64),
}

impl Chaos {
    /// Reads the variables; without any, the test makes this many rounds.
    ///
    /// # Panics
    /// When a variable makes no sense: a run with another seed than the one asked for would mislead.
    #[track_caller]
    pub fn from_env(rounds: u64) -> Self {
        let minutes = variable::<f64>("HYPERION_CHAOS_MINUTES");
        let until = match (variable("HYPERION_CHAOS_ROUND"), minutes) {
            (Some(round), _) => Until::Only(round),
            (None, Some(minutes)) => {
                Until::Time(Instant::now() + Duration::from_secs_f64(minutes * 60.0))
            }
            (None, None) => Until::Rounds(rounds),
        };
        Self::new(
            variable("HYPERION_CHAOS_SEED").unwrap_or(USUAL_SEED),
            until,
            std::env::var_os("HYPERION_CHAOS_REPORT").map(PathBuf::from),
        )
    }

    fn new(seed: u64, until: Until, report: Option<PathBuf>) -> Self {
        // The test runner names the thread after the test.
        let name = std::thread::current().name().unwrap_or("test").to_owned();
        Self {
            name,
            seed,
            until,
            round: 0,
            counts: BTreeMap::new(),
            report,
        }
    }

    /// The seed of the whole run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The round that is being made, from one.
    pub fn round(&self) -> u64 {
        self.round
    }

    /// Begins a round, if there is to be another; its dice depend on the seed, the test's name and the round alone.
    pub fn another_round(&mut self) -> Option<Dice> {
        let next = self.round + 1;
        self.round = match self.until {
            Until::Rounds(rounds) if next > rounds => return None,
            Until::Time(end) if self.round > 0 && Instant::now() >= end => return None,
            Until::Only(_) if self.round > 0 => return None,
            Until::Only(only) => only,
            Until::Rounds(_) | Until::Time(_) => next,
        };
        self.count("rounds", 1);
        Some(self.dice())
    }

    /// Adds to what is counted under this name: `kills`, `landings`.
    pub fn count(&mut self, what: &str, by: u64) {
        *self.counts.entry(what.to_owned()).or_default() += by;
    }

    /// How to make the current round again.
    pub fn how_to_repeat(&self) -> String {
        let package = std::env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "…".to_owned());
        format!(
            "HYPERION_CHAOS_SEED={} HYPERION_CHAOS_ROUND={} cargo nextest run -p {package} {}",
            self.seed, self.round, self.name
        )
    }

    fn dice(&self) -> Dice {
        // FNV-1a: tests with one seed have to differ.
        let name = self
            .name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let mut mixed = Dice::new(self.seed ^ name);
        Dice::new(mixed.number() ^ self.round)
    }

    /// One line: the test, and each count as `name=number`.
    fn line(&self, failed: bool) -> String {
        let mut line = format!("test={}", self.name);
        for (what, count) in &self.counts {
            let _ = write!(line, " {what}={count}");
        }
        let _ = writeln!(line, " violations={}", u64::from(failed));
        line
    }
}

#[allow(
    clippy::print_stderr,
    reason = "the test runner shows what a failed test wrote"
)]
impl Drop for Chaos {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        if failed {
            eprintln!(
                "round {} failed; to repeat it: {}",
                self.round,
                self.how_to_repeat()
            );
        }
        if let Some(report) = &self.report {
            let written = OpenOptions::new()
                .append(true)
                .create(true)
                .open(report)
                .and_then(|mut file| file.write_all(self.line(failed).as_bytes()));
            if let Err(error) = written {
                eprintln!(
                    "write {} of HYPERION_CHAOS_REPORT: {error}",
                    report.display()
                );
            }
        }
    }
}

/// Leaves the folder of a test that failed to be looked at, if `HYPERION_CHAOS_KEEP` is set, and names it.
#[allow(
    clippy::print_stderr,
    reason = "the test runner shows what a failed test wrote"
)]
pub(crate) fn keep_if_failed(folder: &mut tempfile::TempDir) {
    if std::thread::panicking() && std::env::var_os("HYPERION_CHAOS_KEEP").is_some() {
        folder.disable_cleanup(true);
        eprintln!("kept {}", folder.path().display());
    }
}

#[track_caller]
fn variable<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var_os(name)?;
    let value = text.to_str().and_then(|text| text.parse().ok());
    Some(value.unwrap_or_else(|| panic!("{name} is no number: {}", text.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(chaos: &mut Chaos) -> Vec<u64> {
        std::iter::from_fn(|| chaos.another_round().map(|mut dice| dice.number())).collect()
    }

    // M1
    #[test]
    fn a_round_is_repeated_by_its_seed_and_number_alone() {
        let all = numbers(&mut Chaos::new(5, Until::Rounds(4), None));
        assert_eq!(all.len(), 4);
        assert_eq!(numbers(&mut Chaos::new(5, Until::Only(3), None)), [all[2]]);
        assert_ne!(numbers(&mut Chaos::new(6, Until::Only(3), None)), [all[2]]);
    }

    #[test]
    fn time_that_is_over_still_has_one_round() {
        let mut chaos = Chaos::new(1, Until::Time(Instant::now()), None);
        assert_eq!(numbers(&mut chaos).len(), 1);
    }

    #[test]
    fn what_was_counted_is_reported_once_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("report");
        let mut chaos = Chaos::new(1, Until::Rounds(2), Some(report.clone()));
        while chaos.another_round().is_some() {
            chaos.count("kills", 20);
        }
        let name = chaos.name.clone();
        drop(chaos);
        assert_eq!(
            std::fs::read_to_string(report).unwrap(),
            format!("test={name} kills=40 rounds=2 violations=0\n")
        );
    }
}
