//! Nothing names a folder of the machine it was written on.

use super::{Finding, Tree};

/// The names examples and tests use for a person; every other home folder is somebody's.
const EXAMPLE_PEOPLE: &[&str] = &["ada", "alice", "bob", "me", "user", "you"];

/// Spelled in two parts, or this file would find itself.
const ROOT_HOME: &str = concat!("/ro", "ot/");
const HOMES: &str = concat!("/ho", "me/");

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    for (path, text) in tree.texts() {
        for (index, line) in text.lines().enumerate() {
            for folder in folders_of_a_machine(line) {
                findings.push(Finding::new(
                    path,
                    index + 1,
                    format!("names `{folder}`, a folder of one machine"),
                    "use a relative path, a variable, or an example name such as `ada`",
                ));
            }
        }
    }
    findings
}

fn folders_of_a_machine(line: &str) -> Vec<String> {
    let mut folders: Vec<String> = after(line, ROOT_HOME)
        .map(|_| ROOT_HOME.to_owned())
        .collect();
    for rest in after(line, HOMES) {
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c)))
            .unwrap_or(rest.len());
        let person = &rest[..end];
        if !person.is_empty() && !EXAMPLE_PEOPLE.contains(&person) {
            folders.push(format!("{HOMES}{person}"));
        }
    }
    folders
}

/// What follows `folder` wherever it stands at the start of an absolute path.
fn after<'a>(line: &'a str, folder: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(folder).filter_map(move |(at, _)| {
        let before = line[..at].chars().next_back();
        let inside_a_path = before.is_some_and(|c| c.is_alphanumeric() || "_.-}>~*)".contains(c));
        (!inside_a_path).then(|| &line[at + folder.len()..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_folders_are_found() {
        let line = format!("see {ROOT_HOME}.cargo and \"{HOMES}jdoe/src\"");
        assert_eq!(
            folders_of_a_machine(&line),
            [ROOT_HOME.to_owned(), format!("{HOMES}jdoe")]
        );
    }

    #[test]
    fn examples_and_other_roots_are_not() {
        for fine in [
            format!("{HOMES}ada/.ssh"),
            format!("{HOMES}$USER"),
            format!("{HOMES}<name>"),
            format!("src{ROOT_HOME}x"),
            format!("$ORIGIN{ROOT_HOME}x"),
            "/rooted/home".to_owned(),
        ] {
            assert!(folders_of_a_machine(&fine).is_empty(), "{fine}");
        }
    }

    #[test]
    fn a_finding_has_its_line() {
        let text = format!("\n{HOMES}jdoe\n");
        let findings = check(&Tree::of_files(&[("docs/a.md", &text)]));
        assert_eq!((findings.len(), findings[0].line), (1, Some(2)));
    }
}
