//! What the machine offers: tried in a child, so that nobody else is changed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use hyperion_host::{Launch, Limits, run};

use crate::enter::{Outer, enter_inner, enter_outer};
use crate::spec::{Cache, Had, Layer, Level, Network, Sandbox};

/// The argument after `hyperion shim` that asks for it.
pub const PROBE: &str = "--probe";
/// The argument of the process inside, before what the one outside had.
const INSIDE: &str = "--inside";
/// A probe takes milliseconds.
const PROBE_LIMITS: Limits = Limits {
    wall: Duration::from_secs(10),
    output_max: 64 * 1024,
};

/// Finds what a sandbox of level `full` would have here. `program` is one that hands `shim --probe` to [`answer_probe`].
pub fn probe(program: &Path) -> Result<Had, String> {
    let launch = Launch::new(program, "/").args(["shim", PROBE]);
    let outcome = run(&launch, &PROBE_LIMITS).map_err(|error| error.to_string())?;
    serde_json::from_slice(&outcome.stdout.bytes).map_err(|_| {
        let said = outcome.stderr.text();
        format!(
            "the probe failed: {}",
            said.lines().next().unwrap_or("it said nothing")
        )
    })
}

/// What a layer comes to: had, or why not.
#[must_use]
pub fn layers(had: &Had) -> Vec<(Layer, Result<(), String>)> {
    Layer::ALL
        .iter()
        .filter_map(|layer| {
            let lack = had.lacks.iter().find(|lack| lack.layer == *layer);
            match lack {
                Some(lack) => Some((*layer, Err(lack.why.clone()))),
                None => had.has(*layer).then_some((*layer, Ok(()))),
            }
        })
        .collect()
}

/// Answers the probe; `args` are those after [`PROBE`].
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the whole of a small program"
)]
pub fn answer_probe(args: &[OsString]) -> ExitCode {
    let answer = match args {
        [inside, outer] if inside == INSIDE => from_inside(outer),
        _ => from_outside(),
    };
    match answer {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A wish that needs every layer.
fn everything() -> Sandbox {
    let cache = Cache {
        path: PathBuf::from("/usr"),
        upper: None,
        masks: Vec::new(),
    };
    Sandbox {
        level: Level::Full,
        network: Network::Off,
        caches: vec![cache],
        ..Sandbox::default()
    }
}

fn from_outside() -> Result<String, String> {
    // This program, whatever has been put in its place since.
    let program = "/proc/self/exe";
    let outer = enter_outer(&everything());
    let outer = serde_json::to_string(&outer).map_err(|error| error.to_string())?;
    let launch = Launch::new(program, "/").args(["shim", PROBE, INSIDE, &outer]);
    let outcome = run(&launch, &PROBE_LIMITS).map_err(|error| error.to_string())?;
    if outcome.exit.success() {
        Ok(outcome.stdout.text().trim().to_owned())
    } else {
        Err(outcome.stderr.text().trim().to_owned())
    }
}

fn from_inside(outer: &OsString) -> Result<String, String> {
    let outer: Outer = outer
        .to_str()
        .and_then(|outer| serde_json::from_str(outer).ok())
        .ok_or("the probe was started by hand")?;
    let had = enter_inner(&everything(), &outer).map_err(|error| error.to_string())?;
    serde_json::to_string(&had).map_err(|error| error.to_string())
}
