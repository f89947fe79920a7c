//! `cargo xtask bench`: measures Hyperion beside others, in one run, and writes it down.
//!
//! Each benchmark is a program that prints figures; so is each of its peers. They take turns, so
//! that a slow spell of the machine meets all of them, and what is reported is the median of the
//! turns and the ratio. Measuring is not a test: nothing here fails because something was slow.

mod cli;
mod git;
mod landing;
mod machine;
mod mcp;
mod program;
mod report;
mod store;
mod supervise;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::process::capture;
use machine::{Machine, Moment};
use program::Program;
use report::Figures;

/// Every benchmark; each has a file of its own beside this one.
const BENCHES: &[Bench] = &[
    store::BENCH,
    git::BENCH,
    landing::BENCH,
    cli::BENCH,
    mcp::BENCH,
    supervise::BENCH,
];

/// Something of Hyperion that is measured, and what it is measured against.
pub(crate) struct Bench {
    /// What it is called on the command line, in figures, and in the document's markers.
    name: &'static str,
    /// Hyperion's own program.
    ours: Program,
    /// What others do with the same work: a name and a program.
    peers: &'static [(&'static str, Program)],
    /// What has to be reached.
    floors: &'static [Floor],
}

/// A figure that has to be reached.
pub(crate) struct Floor {
    /// Of which case.
    case: &'static str,
    /// What of it.
    wanted: Wanted,
}

/// What is wanted of a figure.
pub(crate) enum Wanted {
    /// The value is at least this.
    AtLeast(f64),
    /// The value is at most this.
    #[allow(dead_code, reason = "for figures that are times")]
    AtMost(f64),
    /// 999 of 1000 calls took at most so many milliseconds.
    P999Ms(f64),
    /// It is so many times as good as each peer's figure of the same case.
    TimesEachPeer(f64),
}

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Full,
    /// One short turn, to see that it works: its figures are shown, and not written down.
    Short,
}

impl Extent {
    const fn turns(self) -> usize {
        match self {
            Extent::Full => 3,
            Extent::Short => 1,
        }
    }

    const fn seconds(self) -> &'static str {
        match self {
            Extent::Full => "2",
            Extent::Short => "0.3",
        }
    }
}

/// Runs the benchmarks that were named, all of them if none was.
pub(crate) fn run(root: &Path, names: &[&str], extent: Extent) -> Result<(), String> {
    for name in names {
        if !BENCHES.iter().any(|bench| bench.name == *name) {
            let known: Vec<_> = BENCHES.iter().map(|bench| bench.name).collect();
            return Err(format!(
                "there is no benchmark {name}; there is {}",
                known.join(", ")
            ));
        }
    }
    let folder = root.join("target").join("bench");
    fs::create_dir_all(&folder).map_err(|error| format!("make {}: {error}", folder.display()))?;
    for bench in BENCHES {
        if names.is_empty() || names.contains(&bench.name) {
            measure(root, &folder, bench, extent)?;
        }
    }
    Ok(())
}

/// Measures one benchmark and reports it.
fn measure(root: &Path, folder: &Path, bench: &Bench, extent: Extent) -> Result<(), String> {
    println!("\n== {}", bench.name);
    let ours = bench.ours.build(root)?;
    let mut contestants = vec![("hyperion", ours)];
    let mut left_out = Vec::new();
    for (name, program) in bench.peers {
        match program.build(root) {
            Ok(built) => contestants.push((name, built)),
            // A peer that cannot be had here says nothing about us.
            Err(why) => left_out.push((*name, why)),
        }
    }
    let machine = Machine::look(folder);
    let before = Moment::look(folder)?;
    let mut figures = Figures::default();
    let scratch = folder.join("scratch");
    let _ = fs::remove_dir_all(&scratch);
    for turn in 1..=extent.turns() {
        for (name, built) in &contestants {
            println!("turn {turn}: {name}");
            // Removed after the last turn: removing thousands of files slows down whoever makes some next.
            let scratch = scratch.join(format!("{name}-{turn}"));
            let said = capture(
                crate::process::program(&built.path, root)
                    .envs(built.variables.iter().map(|(name, value)| (name, value)))
                    .arg("--folder")
                    .arg(&scratch)
                    .args(["--seconds", extent.seconds()]),
            );
            match said {
                Ok(lines) => figures.take(name, &lines)?,
                Err(why) if *name == "hyperion" => return Err(why),
                Err(why) if turn == 1 => left_out.push((name, why)),
                Err(why) => println!("turn {turn}: {name} failed: {why}"),
            }
        }
    }
    let after = Moment::look(folder)?;
    let _ = fs::remove_dir_all(&scratch);
    let peers: Vec<&str> = bench.peers.iter().map(|(name, _)| *name).collect();
    let mut section = machine.lines(&before, &after, extent);
    section.push_str(&figures.table(&peers));
    section.push_str(&figures.floors(bench.floors, &peers));
    for (name, why) in left_out {
        let why: Vec<_> = why.lines().map(str::trim).collect();
        section.push_str(&format!("\nLeft out: {name} ({}).\n", why.join(" ")));
    }
    println!("{section}");
    match extent {
        Extent::Full => write_down(root, bench.name, &section),
        Extent::Short => Ok(()),
    }
}

/// Puts a section in its place in the document; the rest of it stays as it is.
fn write_down(root: &Path, name: &str, section: &str) -> Result<(), String> {
    let path = root.join("docs").join("benchmarks.md");
    let failed = |error: std::io::Error| format!("write {}: {error}", path.display());
    let document = fs::read_to_string(&path).map_err(failed)?;
    let document = placed(&document, name, section)?;
    fs::write(&path, document).map_err(failed)
}

fn placed(document: &str, name: &str, section: &str) -> Result<String, String> {
    let (start, end) = (
        format!("<!-- figures: {name} -->\n"),
        format!("<!-- end of figures: {name} -->"),
    );
    let parts = document.split_once(&start).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or_else(|| {
        format!("docs/benchmarks.md has no place for {name}: add `{start}` and `{end}` to it")
    })?;
    Ok(format!("{before}{start}{section}{end}{after}"))
}

/// One line of a program's output.
type Line = BTreeMap<String, serde_json::Value>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_replace_those_of_the_last_run_and_nothing_else() {
        let document =
            "# B\n<!-- figures: a -->\nold\n<!-- end of figures: a -->\nwhy\n".to_owned();
        assert_eq!(
            placed(&document, "a", "new\n").unwrap(),
            "# B\n<!-- figures: a -->\nnew\n<!-- end of figures: a -->\nwhy\n"
        );
        assert!(placed(&document, "b", "new\n").is_err());
    }
}
