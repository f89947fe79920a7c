//! make: the targets that a Makefile has for the verb.

use super::Verb;
use super::plan::{self, Answer, Ask, Program};
use super::seen::Seen;

pub(super) const NAME: &str = "make";

/// In the order in which make looks for them.
const MAKEFILES: &[&str] = &["GNUmakefile", "makefile", "Makefile"];

pub(super) fn found_by(seen: &Seen) -> Vec<String> {
    seen.which(MAKEFILES).into_iter().take(1).collect()
}

pub(super) fn step(ask: &Ask<'_>) -> Answer {
    let names: &[&str] = match ask.verb {
        Verb::Typecheck => &["typecheck", "type-check", "types"],
        Verb::Lint => &["lint"],
        Verb::Test => &["test", "tests", "check"],
        Verb::Build => &["build", "all"],
        Verb::FormatCheck => &[
            "format-check",
            "fmt-check",
            "check-format",
            "check-fmt",
            "formatcheck",
        ],
    };
    let file = found_by(ask.seen);
    let targets = targets(ask.seen.text(file.first().map_or("", String::as_str)));
    let Some(target) = names.iter().find(|name| targets.contains(name)) else {
        return Err(format!(
            "the Makefile has no target {}",
            names
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ));
    };
    if ask.wanted.pattern.is_some() {
        return Err(format!(
            "the target `{target}` takes no pattern: leave it out"
        ));
    }
    Ok(plan::step(NAME, Program::Named("make"), &[target]).notes(ask.note_no_files("make")))
}

/// Reads the names of the targets that stand there by name.
fn targets(makefile: &str) -> Vec<&str> {
    let mut found = vec![];
    for line in makefile.lines() {
        // Recipes begin with a tab; `:=` and `::=` give a variable a value.
        let Some((names, rest)) = line.split_once(':') else {
            continue;
        };
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        if line.starts_with(['\t', '#', '.']) || rest.starts_with('=') || names.contains('=') {
            continue;
        }
        found.extend(names.split_whitespace());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::targets;

    #[test]
    fn targets_are_told_from_variables_and_recipes() {
        let makefile = "CC := gcc\nOPT ::= a\nX = a:b\n.PHONY: test\ntest lint: build ; echo a:b\n\techo x: y\nbuild::\n# no: thing\n";
        assert_eq!(targets(makefile), ["test", "lint", "build"]);
    }
}
