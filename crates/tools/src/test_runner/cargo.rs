//! Cargo: `check`, `clippy`, `test` or nextest, `build`, `fmt`.

use hyperion_analyze::Format;

use super::Verb;
use super::plan::{self, Answer, Ask, Program, ReportAt};
use super::seen::Seen;

pub(super) const NAME: &str = "cargo";

const CARGO: Program = Program::Named("cargo");

pub(super) fn found_by(seen: &Seen) -> Vec<String> {
    seen.which(&["Cargo.toml"])
}

pub(super) fn step(ask: &Ask<'_>) -> Answer {
    let compiler = |args: &[&str]| {
        plan::step(NAME, CARGO, args)
            .args(["--message-format", "json"])
            .answers(Format::CargoJson, ReportAt::Lines)
    };
    Ok(match ask.verb {
        Verb::Typecheck => compiler(&["check", "--workspace", "--all-targets"]),
        Verb::Lint => {
            compiler(&["clippy", "--workspace", "--all-targets"]).notes(ask.note_no_files("clippy"))
        }
        Verb::Build => compiler(&["build", "--workspace"]),
        Verb::Test => {
            let (runner, format) = if (ask.has_program)("cargo-nextest") {
                (&["nextest", "run"][..], Format::Nextest)
            } else {
                (&["test"][..], Format::Libtest)
            };
            let mut test = plan::step(NAME, CARGO, runner)
                .args(["--workspace", "--no-fail-fast", "--color", "never"])
                .args(ask.test_name()?)
                .answers(format, ReportAt::Output);
            if format == Format::Nextest {
                test.notes
                    .push("nextest runs no doctests: `cargo test --doc` does".to_owned());
            }
            test
        }
        Verb::FormatCheck => match ask.files(&[".rs"])? {
            // rustfmt takes files alone.
            Some(files) if !ask.names_folders() => {
                let edition = edition(ask.seen.text("Cargo.toml"));
                plan::step(
                    NAME,
                    Program::Named("rustfmt"),
                    &["--check", "--color", "never"],
                )
                .args(["--edition", edition, "--"])
                .args(files)
            }
            Some(_) | None => {
                let args = &["fmt", "--all", "--check", "--", "--color", "never"];
                plan::step(NAME, CARGO, args).notes(ask.note_no_files("cargo fmt"))
            }
        }
        .answers(Format::Unformatted, ReportAt::Output),
    })
}

/// Reads which edition a manifest names; of one that leaves it to a workspace above, a recent one.
fn edition(manifest: &str) -> &str {
    let mut lines = manifest.lines().map(str::trim);
    let named = lines.find_map(|line| {
        let (_, value) = line
            .strip_prefix("edition")?
            .split_once('=')
            .filter(|(between, _)| between.trim().is_empty())?;
        let value = value.split('#').next()?.trim().trim_matches(['"', '\'']);
        ["2015", "2018", "2021", "2024"]
            .into_iter()
            .find(|known| *known == value)
    });
    named.unwrap_or(if manifest.contains("edition") {
        "2021"
    } else {
        "2015"
    })
}

#[cfg(test)]
mod tests {
    use super::edition;

    #[test]
    fn the_edition_is_the_manifests() {
        for (manifest, expected) in [
            ("[package]\nedition = \"2024\" # new\n", "2024"),
            ("[workspace.package]\nedition='2018'\n", "2018"),
            ("edition.workspace = true\n", "2021"),
            ("edition = \"--config=x\"\n", "2021"),
            ("[package]\nname = \"a\"\n", "2015"),
        ] {
            assert_eq!(edition(manifest), expected, "{manifest}");
        }
    }
}
