//! What is known of programs: tables, one file a family.

mod archive;
mod endless;
mod endless_code;
mod files;
mod git;
mod git_discards;
mod git_prints;
mod interpreters;
mod machine;
mod network;
mod packages;
mod search;
mod text;
mod wrappers;

pub(super) use search::found_by_find;

use super::call::Call;
use super::judge::{Fed, Judge};
use super::word::Word;

/// What a program does when none of its options says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    /// It looks, and prints: nobody is asked.
    Reads,
    /// It changes files, or a repository.
    Changes(&'static str),
    /// It runs code that no table knows.
    Runs(&'static str),
    /// It talks to other machines.
    Talks(&'static str),
    /// It takes more rights, or changes the machine: asks an admin.
    Rules(&'static str),
    /// Nobody may agree to it.
    Never(&'static str),
}

/// What the operands of a program are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operands {
    /// There are none; one more makes the program do something else.
    Nothing,
    /// Text that is printed, or names that are no paths.
    Text,
    /// Paths of which only names and sizes are looked at.
    Names,
    /// Paths that are read.
    Read,
    /// Paths whose content is counted, and not shown.
    Sizes,
    /// The first is read, the second written.
    InOut,
    /// Paths that are written.
    Write,
    /// Paths that are removed, with all below.
    Remove,
    /// All but the last are read, the last is written.
    Copy,
    /// All but the last are removed, the last is written.
    Move,
    /// A pattern or program text, unless one of these options brings it; then paths that are read.
    Pattern(&'static [&'static str]),
    /// A pattern, then paths of which only names are looked at.
    PatternNames,
    /// They name code that is run.
    Kept,
}

/// Says more than a table can; called once options and operands were judged by the table.
pub(crate) type Check = fn(&mut Judge<'_>, &Call);

/// What is known of a program, or of one of its subcommands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    /// Its names.
    pub(crate) names: &'static [&'static str],
    /// What it does.
    pub(crate) does: Does,
    /// Its options ([`super::call`]).
    pub(crate) options: &'static str,
    /// What its operands are.
    pub(crate) operands: Operands,
    /// What the table cannot say.
    pub(crate) check: Option<Check>,
}

impl Program {
    const fn new(
        names: &'static [&'static str],
        does: Does,
        options: &'static str,
        operands: Operands,
    ) -> Self {
        Self {
            names,
            does,
            options,
            operands,
            check: None,
        }
    }

    const fn reads(
        names: &'static [&'static str],
        options: &'static str,
        operands: Operands,
    ) -> Self {
        Self::new(names, Does::Reads, options, operands)
    }

    const fn checked(self, check: Check) -> Self {
        Self {
            check: Some(check),
            ..self
        }
    }
}

/// A program whose first operand says what it does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    /// Its names.
    pub(crate) names: &'static [&'static str],
    /// The options that stand before the subcommand.
    pub(crate) options: &'static str,
    /// What is known of its subcommands.
    pub(crate) commands: &'static [Program],
    /// What a subcommand does that is not among them.
    pub(crate) otherwise: Does,
    /// What the tables cannot say of the options before the subcommand.
    pub(crate) check: Option<Check>,
}

/// Runs another program, or text, with what it was given: judged by that.
///
/// Gives the shape, where there is one.
pub(crate) type Wrapper = fn(&mut Judge<'_>, &str, &[Word], Fed) -> Option<String>;

/// What is known under a name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known {
    Program(&'static Program),
    Family(&'static Family),
    Wrapper(Wrapper),
}

const PROGRAMS: &[&[Program]] = &[
    files::PROGRAMS,
    search::PROGRAMS,
    text::PROGRAMS,
    archive::PROGRAMS,
    network::PROGRAMS,
    interpreters::PROGRAMS,
    packages::PROGRAMS,
    machine::PROGRAMS,
];

const FAMILIES: &[&[Family]] = &[git::FAMILIES, packages::FAMILIES, machine::FAMILIES];

const WRAPPERS: &[&[(&str, Wrapper)]] =
    &[wrappers::WRAPPERS, interpreters::WRAPPERS, search::WRAPPERS];

/// Looks a program up by its plain name.
pub(crate) fn find(name: &str) -> Option<Known> {
    let program = PROGRAMS
        .iter()
        .copied()
        .flatten()
        .find(|program| program.names.contains(&name));
    let family = || {
        FAMILIES
            .iter()
            .copied()
            .flatten()
            .find(|family| family.names.contains(&name))
    };
    let wrapper = || {
        WRAPPERS
            .iter()
            .copied()
            .flatten()
            .find(|(known, _)| *known == name)
    };
    program
        .map(Known::Program)
        .or_else(|| family().map(Known::Family))
        .or_else(|| wrapper().map(|(_, run)| Known::Wrapper(*run)))
}

/// Tells whether a tool is asked for its version or its help alone, which runs nothing of a repository.
///
/// Not among them: those that start what a repository's settings name even then (`.yarnrc.yml`, `.mvn/jvm.config`).
pub(crate) fn is_about_itself(name: &str, arguments: &[&str]) -> bool {
    const TOOLS: &[&str] = &[
        "bash",
        "bun",
        "cargo",
        "clang",
        "cmake",
        "deno",
        "docker",
        "dotnet",
        "gcc",
        "gem",
        "g++",
        "gh",
        "go",
        "helm",
        "java",
        "javac",
        "jq",
        "kubectl",
        "make",
        "node",
        "npm",
        "npx",
        "perl",
        "php",
        "pip",
        "pip3",
        "psql",
        "python",
        "python3",
        "rg",
        "ruby",
        "rustc",
        "rustup",
        "sh",
        "sqlite3",
        "terraform",
        "tsc",
        "uv",
        "zsh",
        "curl",
        "wget",
        "ssh",
        "tar",
        "git",
        "grep",
        "sed",
        "awk",
        "find",
        "less",
        "vim",
        "tmux",
        "ruff",
        "fd",
        "ls",
        "cat",
        "sort",
    ];
    if !TOOLS.contains(&name) {
        return false;
    }
    match arguments {
        ["--version" | "--help"] => true,
        ["-V"] => matches!(
            name,
            "cargo"
                | "rustc"
                | "python"
                | "python3"
                | "rg"
                | "pip"
                | "pip3"
                | "uv"
                | "make"
                | "ruby"
                | "curl"
        ),
        ["-v"] => matches!(name, "node" | "npm" | "bun" | "php" | "perl"),
        ["-vV"] => name == "rustc",
        ["--explain", code] => {
            name == "rustc" && code.len() == 5 && code.chars().all(|c| c.is_ascii_alphanumeric())
        }
        ["-version"] => matches!(name, "java" | "javac"),
        ["version"] => matches!(
            name,
            "go" | "cargo" | "docker" | "terraform" | "uv" | "deno"
        ),
        ["help"] => matches!(name, "cargo" | "go" | "npm"),
        ["help", _] => matches!(name, "cargo" | "go"),
        // An alias of the repository may stand for anything, so only what cannot be one.
        [
            "build" | "check" | "test" | "run" | "doc" | "add" | "bench" | "tree" | "metadata"
            | "update",
            "--help",
        ] => name == "cargo",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_program_stands_in_one_table_alone() {
        let programs = PROGRAMS
            .iter()
            .copied()
            .flatten()
            .flat_map(|program| program.names);
        let families = FAMILIES
            .iter()
            .copied()
            .flatten()
            .flat_map(|family| family.names);
        let wrappers = WRAPPERS.iter().copied().flatten().map(|(name, _)| name);
        let mut seen = BTreeSet::new();
        for name in programs.chain(families).chain(wrappers) {
            assert!(seen.insert(name), "{name} stands in two tables");
        }
        assert!(seen.len() > 300, "{}", seen.len());
    }
}
