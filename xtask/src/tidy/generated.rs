//! Generated files are as the binary would write them now.

use super::{Finding, Tree};
use crate::generate::{fresh, is_generated};
use std::collections::BTreeMap;
use std::path::Path;

const REMEDY: &str = "run `cargo xtask generate`";

pub(super) fn check(root: &Path, binary: Option<&Path>, tree: &Tree) -> Vec<Finding> {
    match fresh(root, binary) {
        Ok(fresh) => compare(&fresh, tree),
        Err(error) => vec![Finding::new(
            "docs",
            None,
            format!(
                "the generated files cannot be checked: {}",
                error.lines().next().unwrap_or("")
            ),
            "make `hyperion generate` work",
        )],
    }
}

fn compare(fresh: &BTreeMap<String, String>, tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    for (path, text) in fresh {
        match tree.text(path) {
            None => findings.push(Finding::new(path, None, "is missing", REMEDY)),
            Some(old) if old != text => {
                let line = first_difference(old, text);
                findings.push(Finding::new(
                    path,
                    line,
                    "is not what would be generated",
                    REMEDY,
                ));
            }
            Some(_) => {}
        }
    }
    for path in tree.paths() {
        if is_generated(path) && !fresh.contains_key(path) {
            findings.push(Finding::new(path, None, "is no longer generated", REMEDY));
        }
    }
    findings
}

fn first_difference(old: &str, new: &str) -> usize {
    let same = old
        .lines()
        .zip(new.lines())
        .take_while(|(old, new)| old == new);
    same.count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(fresh: &[(&str, &str)], files: &[(&str, &str)]) -> Vec<String> {
        let fresh = fresh
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        compare(&fresh, &Tree::of_files(files))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn equal_files_are_fresh() {
        assert!(
            found(
                &[("docs/cli.md", "a\n")],
                &[("docs/cli.md", "a\n"), ("docs/guide.md", "")]
            )
            .is_empty()
        );
    }

    #[test]
    fn stale_missing_and_left_over_files_are_found() {
        assert_eq!(
            found(
                &[("docs/cli.md", "a\nb\n"), ("docs/states.md", "s")],
                &[("docs/cli.md", "a\nc\n"), ("docs/schemas/gone.json", "{}")],
            ),
            [
                "docs/cli.md:2: is not what would be generated; run `cargo xtask generate`",
                "docs/states.md: is missing; run `cargo xtask generate`",
                "docs/schemas/gone.json: is no longer generated; run `cargo xtask generate`",
            ]
        );
    }
}
