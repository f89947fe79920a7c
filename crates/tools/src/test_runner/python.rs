//! Python: pytest, ruff, mypy; the project's own environment (`.venv`, `venv`) before the machine's programs.

use hyperion_analyze::Format;

use super::Verb;
use super::argument::Pattern;
use super::plan::{self, Answer, Ask, Program, ReportAt};
use super::seen::{Seen, mentions};

pub(super) const NAME: &str = "python";

/// Files that say what a project needs, and how its tools are set up.
const SETTINGS: &[&str] = &[
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "tox.ini",
    "requirements.txt",
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
];

pub(super) fn found_by(seen: &Seen) -> Vec<String> {
    let mut names = SETTINGS.to_vec();
    names.push("pytest.ini");
    seen.which(&names)
}

pub(super) fn step(ask: &Ask<'_>) -> Answer {
    match ask.verb {
        Verb::Typecheck => {
            require(ask.seen, "mypy", &["mypy.ini", ".mypy.ini"])?;
            let mypy = plan::step(
                NAME,
                program(ask.seen, "mypy"),
                &["--no-color-output", "--show-column-numbers"],
            )
            .answers(Format::Mypy, ReportAt::Output);
            // Its own settings may say what to look at; a path would win over them.
            Ok(if names_targets(ask.seen) {
                mypy
            } else {
                mypy.args(["--", "."])
            })
        }
        Verb::Lint => {
            require(ask.seen, "ruff", &["ruff.toml", ".ruff.toml"])?;
            let report = ask.report("ruff.json");
            Ok(plan::step(
                NAME,
                program(ask.seen, "ruff"),
                &[
                    "check",
                    "--no-fix",
                    "--force-exclude",
                    "--output-format",
                    "json",
                ],
            )
            .args(["--output-file", &report])
            .args(ask.files_or_all(&[".py", ".pyi", ".ipynb"])?)
            .answers(Format::RuffJson, ReportAt::File(report)))
        }
        Verb::FormatCheck => {
            require(ask.seen, "ruff", &["ruff.toml", ".ruff.toml"])?;
            Ok(plan::step(
                NAME,
                program(ask.seen, "ruff"),
                &["format", "--check", "--force-exclude"],
            )
            .args(ask.files_or_all(&[".py", ".pyi", ".ipynb"])?)
            .answers(Format::Unformatted, ReportAt::Output))
        }
        Verb::Test => {
            let report = ask.report("pytest.xml");
            let pytest = plan::step(NAME, program(ask.seen, "pytest"), &["--color=no"])
                .args([format!("--junitxml={report}")])
                .answers(Format::Junit, ReportAt::File(report));
            Ok(match &ask.wanted.pattern {
                None => pytest,
                Some(Pattern::Name(name)) => pytest.args([format!("-k={name}")]),
                Some(Pattern::File(file)) if ends_with_python(file) => {
                    pytest.args([format!("./{file}")])
                }
                Some(Pattern::File(file)) => {
                    return Err(format!("{file} is no file of Python"));
                }
            })
        }
        Verb::Build => Err("a Python project is not built to be used".to_owned()),
    }
}

fn ends_with_python(file: &str) -> bool {
    file.split("::")
        .next()
        .is_some_and(|path| path.ends_with(".py"))
}

/// Refuses a tool that nothing in the project speaks of.
fn require(seen: &Seen, tool: &str, files: &[&str]) -> Result<(), String> {
    let spoken_of = SETTINGS.iter().any(|name| mentions(seen.text(name), tool));
    if spoken_of || !seen.which(files).is_empty() || own(seen, tool).is_some() {
        return Ok(());
    }
    Err(format!(
        "{tool} is not set up: there is no {}, no [tool.{tool}] in pyproject.toml, and no requirement of it",
        files.join(", ")
    ))
}

/// Tells whether mypy's settings say what it looks at.
fn names_targets(seen: &Seen) -> bool {
    let begins = ["files", "packages", "modules"];
    let text = ["pyproject.toml", "setup.cfg"]
        .iter()
        .find_map(|name| {
            let text = seen.text(name);
            let at = text.find("[tool.mypy]").or_else(|| text.find("[mypy]"))?;
            text[at..].split_once('\n').map(|(_, section)| section)
        })
        .unwrap_or_default();
    text.lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with('['))
        .any(|line| {
            let key = line.split('=').next().unwrap_or_default().trim();
            line.contains('=') && begins.contains(&key)
        })
}

fn program(seen: &Seen, tool: &'static str) -> Program {
    own(seen, tool).unwrap_or(Program::Named(tool))
}

fn own(seen: &Seen, tool: &str) -> Option<Program> {
    let paths = match tool {
        "pytest" => [".venv/bin/pytest", "venv/bin/pytest"],
        "ruff" => [".venv/bin/ruff", "venv/bin/ruff"],
        _ => [".venv/bin/mypy", "venv/bin/mypy"],
    };
    let found = paths.into_iter().find(|path| seen.has_own(path));
    found.map(Program::Own)
}
