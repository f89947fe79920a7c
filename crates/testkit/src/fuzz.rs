//! Inputs for the bodies that the fuzzer drives, so that plain tests drive them too.
#![allow(
    clippy::print_stderr,
    reason = "the test runner shows what a failed test wrote"
)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use crate::Dice;

/// What the variations of every target begin with.
const SEED: u64 = 20_261_121;

/// The most bytes a variation may have.
const INPUT_BYTES_MAX: usize = 16 * 1024;

/// Calls `body` with every input kept for a target (`fuzz/seeds/<target>`, `fuzz/findings/<target>`) as it is, and with
/// so many variations of each, always the same ones. A panic names the input, and keeps a variation as a file.
pub fn on_each_input(target: &str, variations: u32, body: impl Fn(&[u8])) {
    let inputs = kept(target);
    assert!(!inputs.is_empty(), "fuzz/seeds/{target} has no inputs");
    let mut dice = Dice::new(SEED);
    for (path, input) in &inputs {
        tried(&body, input, &path.display().to_string());
        for number in 0..variations {
            let (_, other) = &inputs[dice.place(inputs.len())];
            let varied = vary(input, other, &mut dice);
            let name = || {
                let file = std::env::temp_dir().join(format!("hyperion-fuzz-{target}-{number}"));
                let kept = fs::write(&file, &varied);
                format!(
                    "variation {number} of {} (kept: {kept:?}, {})",
                    path.display(),
                    file.display()
                )
            };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(&varied))) {
                eprintln!("the input was {}", name());
                resume_unwind(panic);
            }
        }
    }
}

fn tried(body: &impl Fn(&[u8]), input: &[u8], name: &str) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(input))) {
        eprintln!("the input was {name}");
        resume_unwind(panic);
    }
}

/// Gives the kept inputs of a target, in the order of their names.
fn kept(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut paths: Vec<_> = ["seeds", "findings"]
        .iter()
        .filter_map(|folder| fs::read_dir(root.join(folder).join(target)).ok())
        .flat_map(|folder| folder.map(|entry| entry.expect("a readable folder").path()))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let content = fs::read(&path).expect("a readable input");
            (path, content)
        })
        .collect()
}

/// Changes an input in one to four places: bits, bytes, runs taken out, doubled, or brought in from another input.
fn vary(input: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut varied = input.to_vec();
    for _ in 0..1 + dice.place(4) {
        let at = dice.place(varied.len() + 1);
        let end = (at + 1 + dice.place(32)).min(varied.len());
        match dice.place(7) {
            0 if at < varied.len() => varied[at] ^= 1 << dice.place(8),
            1 if at < varied.len() => varied[at] = *dice.pick(b"\0\n\r\t \"\\{}[]@+-/9\xff\xc3"),
            2 if at < end => drop(varied.drain(at..end)),
            3 if at < end => {
                let run = varied[at..end].to_vec();
                varied.splice(at..at, run);
            }
            4 => varied.truncate(at),
            5 if !other.is_empty() => {
                let from = dice.place(other.len());
                let to = (from + 1 + dice.place(64)).min(other.len());
                varied.splice(at..at, other[from..to].iter().copied());
            }
            _ => varied.insert(at, *dice.pick(b"0123456789abcxyz\n,:")),
        }
        varied.truncate(INPUT_BYTES_MAX);
    }
    varied
}
