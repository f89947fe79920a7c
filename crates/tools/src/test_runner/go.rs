//! Go: `vet`, `test -json`, `build` without keeping what is built, `gofmt -l`; golangci-lint where it is set up.

use std::collections::BTreeSet;

use hyperion_analyze::Format;

use super::Verb;
use super::plan::{self, Answer, Ask, Program, ReportAt};
use super::seen::Seen;

pub(super) const NAME: &str = "go";

const GO: Program = Program::Named("go");

pub(super) fn found_by(seen: &Seen) -> Vec<String> {
    seen.which(&["go.mod", "go.work"])
}

pub(super) fn step(ask: &Ask<'_>) -> Answer {
    Ok(match ask.verb {
        // It compiles the tests, too, which `build` does not.
        Verb::Typecheck => plan::step(NAME, GO, &["vet", "./..."]),
        Verb::Lint => {
            let configured = ask.seen.which(&[
                ".golangci.yml",
                ".golangci.yaml",
                ".golangci.toml",
                ".golangci.json",
            ]);
            if configured.is_empty() {
                plan::step(NAME, GO, &["vet"]).args(packages(ask)?)
            } else {
                plan::step(
                    NAME,
                    Program::Named("golangci-lint"),
                    &["run", "--color", "never"],
                )
                .args(packages(ask)?)
            }
        }
        Verb::Test => plan::step(NAME, GO, &["test", "-json"])
            .args(ask.test_name()?.map(|name| format!("-run={name}")))
            .args(["./..."])
            .answers(Format::GoJson, ReportAt::Lines),
        Verb::Build => plan::step(NAME, GO, &["build", "-o", "/dev/null", "./..."]),
        Verb::FormatCheck => plan::step(NAME, Program::Named("gofmt"), &["-l"])
            .args(ask.files_or_all(&[".go"])?)
            .answers(Format::Unformatted, ReportAt::Output),
    })
}

/// Gives the packages of the files that are wanted.
fn packages(ask: &Ask<'_>) -> Result<Vec<String>, String> {
    let Some(files) = ask.files(&[".go"])? else {
        return Ok(vec!["./...".to_owned()]);
    };
    let folders: BTreeSet<String> = files
        .into_iter()
        .map(|file| match file.rsplit_once('/') {
            Some((folder, name)) if name.ends_with(".go") => folder.to_owned(),
            _ => format!("{file}/..."),
        })
        .collect();
    Ok(folders.into_iter().collect())
}
