//! Which steps a call has: one for each tool chain that has a tool for it.

use hyperion_analyze::Format;
use hyperion_api::Problem;
use hyperion_api::tool::test_runner::{NotRun, ToolChain};

use super::argument::{Pattern, Wanted};
use super::seen::Seen;
use super::{Verb, cargo, go, jvm, make, node, python};

/// What a call comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The tool chains that were found.
    pub tool_chains: Vec<ToolChain>,
    /// What is run, one after the other.
    pub steps: Vec<Step>,
    /// What is left out, and why.
    pub not_run: Vec<NotRun>,
}

/// One program that is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its tool chain.
    pub tool_chain: &'static str,
    /// The program.
    pub program: Program,
    /// Its arguments.
    pub args: Vec<String>,
    /// How its answer is written; none of what is for people alone.
    pub format: Option<Format>,
    /// Where its answer is.
    pub report: ReportAt,
    /// What to know about it.
    pub notes: Vec<String>,
}

/// A program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// One of the machine's, by its name.
    Named(&'static str),
    /// One of the project's own, relative to the root.
    Own(&'static str),
}

impl Program {
    /// Gives its name, or its path relative to the root.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Named(name) | Self::Own(name) => name,
        }
    }

    /// Says what to do where it is missing.
    pub fn remedy(self) -> String {
        let name = self.name();
        let text = match name {
            "cargo" | "rustfmt" => "install Rust with rustup: https://rustup.rs",
            "npm" => "install Node.js, which brings npm",
            "pnpm" | "yarn" => {
                return format!("install it: `corepack enable {name}` or `npm install -g {name}`");
            }
            "bun" => "install Bun: https://bun.sh",
            "go" | "gofmt" => "install Go: https://go.dev/doc/install",
            "golangci-lint" => {
                "install golangci-lint: https://golangci-lint.run/docs/welcome/install"
            }
            "mvn" => "install Maven and a JDK (Debian: `apt-get install maven`)",
            "gradle" => "install Gradle, or add its wrapper (`gradlew`) to the project",
            "make" => "install make (Debian: `apt-get install make`)",
            "pytest" | "ruff" | "mypy" => {
                return format!(
                    "install it for the project: `python3 -m venv .venv && .venv/bin/pip install {name}`"
                );
            }
            _ if name.starts_with("node_modules/") => {
                "install the project's packages first, for instance with `npm ci`"
            }
            _ => "install it, or make it executable",
        };
        format!("{text}; it is looked for in the PATH of the engine")
    }
}

/// Where a program's answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportAt {
    /// In what it writes, both outputs together.
    Output,
    /// On its standard output, one JSON text a line.
    Lines,
    /// In a file of ours.
    File(String),
    /// In files of the project, beneath the root: those that a run makes or changes.
    Project {
        /// The folder, which may also be in folders at the top of the root.
        folder: &'static str,
        /// What their names begin with.
        begins: &'static str,
    },
}

/// What a tool chain is asked for.
pub(super) struct Ask<'a> {
    pub(super) verb: Verb,
    pub(super) seen: &'a Seen,
    pub(super) wanted: &'a Wanted,
    /// The folder for reports: absolute, ours, and empty.
    pub(super) reports: &'a str,
    /// Whether the machine has a program.
    pub(super) has_program: &'a dyn Fn(&str) -> bool,
}

impl Ask<'_> {
    /// Gives the files that are wanted and end so, as arguments; none when everything is wanted.
    pub(super) fn files(&self, ends: &[&str]) -> Result<Option<Vec<String>>, String> {
        if self.wanted.files.is_empty() {
            return Ok(None);
        }
        let fitting = self.wanted.files.iter().filter(|file| file.ends_with(ends));
        let fitting: Vec<_> = fitting.map(super::File::argument).collect();
        if fitting.is_empty() {
            return Err(format!("none of the files ends with {}", ends.join(", ")));
        }
        Ok(Some(fitting))
    }

    /// Gives the files that are wanted and end so, or the whole root, behind the mark that ends options.
    pub(super) fn files_or_all(&self, ends: &[&str]) -> Result<Vec<String>, String> {
        let files = self.files(ends)?.unwrap_or_else(|| vec![".".to_owned()]);
        Ok(["--".to_owned()].into_iter().chain(files).collect())
    }

    /// Tells whether a folder is among what is wanted.
    pub(super) fn names_folders(&self) -> bool {
        self.wanted.files.iter().any(|file| file.is_folder)
    }

    /// Says that a tool looked at more than it was asked to, if it did.
    pub(super) fn note_no_files(&self, what: &str) -> Vec<String> {
        if self.wanted.files.is_empty() {
            return vec![];
        }
        vec![format!(
            "{what} takes none of what was named: it looked at everything"
        )]
    }

    /// Gives the name that tests have to fit; a file is refused where the tool takes none.
    pub(super) fn test_name(&self) -> Result<Option<&str>, String> {
        match &self.wanted.pattern {
            None => Ok(None),
            Some(Pattern::Name(name)) => Ok(Some(name)),
            Some(Pattern::File(file)) => Err(format!(
                "the pattern {file:?} names a file, and this tool takes names of tests"
            )),
        }
    }

    /// Gives the path of a report of ours.
    pub(super) fn report(&self, name: &str) -> String {
        format!("{}/{name}", self.reports)
    }
}

/// What a tool chain has for a verb: a step, or the reason why there is none.
pub(super) type Answer = Result<Step, String>;

/// A tool chain.
struct Kind {
    name: &'static str,
    /// The files that it is known by, for people.
    known_by: &'static str,
    /// Gives the files that it was found by.
    found_by: fn(&Seen) -> Vec<String>,
    step: fn(&Ask<'_>) -> Answer,
}

/// Every tool chain; `make` last, because it is asked only for what no other has.
const KINDS: &[Kind] = &[
    Kind {
        name: cargo::NAME,
        known_by: "Cargo.toml",
        found_by: cargo::found_by,
        step: cargo::step,
    },
    Kind {
        name: node::NAME,
        known_by: "package.json",
        found_by: node::found_by,
        step: node::step,
    },
    Kind {
        name: python::NAME,
        known_by: "pyproject.toml, setup.py, setup.cfg, requirements.txt, pytest.ini, tox.ini",
        found_by: python::found_by,
        step: python::step,
    },
    Kind {
        name: go::NAME,
        known_by: "go.mod, go.work",
        found_by: go::found_by,
        step: go::step,
    },
    Kind {
        name: jvm::MAVEN,
        known_by: "pom.xml",
        found_by: jvm::maven_found_by,
        step: jvm::maven,
    },
    Kind {
        name: jvm::GRADLE,
        known_by: "build.gradle(.kts), settings.gradle(.kts)",
        found_by: jvm::gradle_found_by,
        step: jvm::gradle,
    },
    Kind {
        name: make::NAME,
        known_by: "Makefile",
        found_by: make::found_by,
        step: make::step,
    },
];

/// Says what a call comes to; refused where there is nothing to run.
pub fn plan(
    verb: Verb,
    seen: &Seen,
    wanted: &Wanted,
    reports: &str,
    has_program: &dyn Fn(&str) -> bool,
) -> Result<Plan, Problem> {
    let ask = Ask {
        verb,
        seen,
        wanted,
        reports,
        has_program,
    };
    let mut plan = Plan {
        tool_chains: vec![],
        steps: vec![],
        not_run: vec![],
    };
    for kind in KINDS {
        let found_by = (kind.found_by)(seen);
        if found_by.is_empty() {
            continue;
        }
        plan.tool_chains.push(ToolChain {
            name: kind.name.to_owned(),
            found_by,
        });
        let answer = if kind.name == make::NAME && !plan.steps.is_empty() {
            // Its targets mostly call the others' tools.
            Err("another tool chain has a tool for this".to_owned())
        } else {
            (kind.step)(&ask)
        };
        match answer {
            Ok(step) => plan.steps.push(step),
            Err(reason) => plan.not_run.push(NotRun {
                tool_chain: kind.name.to_owned(),
                reason,
            }),
        }
    }
    if plan.steps.is_empty() {
        return Err(nothing(verb, &plan));
    }
    Ok(plan)
}

/// Says that there is nothing to run, and what was looked for.
fn nothing(verb: Verb, plan: &Plan) -> Problem {
    let verb = verb.name();
    if plan.tool_chains.is_empty() {
        let looked: Vec<_> = KINDS
            .iter()
            .map(|kind| format!("{} ({})", kind.name, kind.known_by))
            .collect();
        let detail = format!(
            "there is nothing to {verb} with: no tool chain was found at the top of the root; looked for {}",
            looked.join("; ")
        );
        return Problem::new("tool.nothing_to_run", detail)
            .hint("start the server with the folder of one project as its root");
    }
    let why: Vec<_> = plan
        .not_run
        .iter()
        .map(|one| format!("{}: {}", one.tool_chain, one.reason))
        .collect();
    let detail = format!("there is nothing to {verb} with; {}", why.join("; "));
    Problem::new("tool.nothing_to_run", detail)
        .hint("set such a tool up in the project, or do without")
}

/// Shows a command as people write it: what a shell would read is in quotes.
pub fn shown(command: &[String]) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./=:@%+,".contains(c);
    let words = command.iter().map(|word| {
        if !word.is_empty() && word.chars().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Makes a step whose answer is for people.
pub(super) fn step(tool_chain: &'static str, program: Program, args: &[&str]) -> Step {
    Step {
        tool_chain,
        program,
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        format: None,
        report: ReportAt::Output,
        notes: vec![],
    }
}

impl Step {
    /// Adds arguments.
    pub(super) fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Says how its answer is written, and where it is.
    pub(super) fn answers(mut self, format: Format, report: ReportAt) -> Self {
        (self.format, self.report) = (Some(format), report);
        self
    }

    /// Adds what to know about it.
    pub(super) fn notes(mut self, notes: Vec<String>) -> Self {
        self.notes.extend(notes);
        self
    }
}
