//! Every requirement that was delivered names the tests that prove it, and they exist.

use super::tree::SourceLine;
use super::{Finding, Tree};
use std::collections::BTreeSet;

const TABLE: &str = "docs/requirements.md";
/// The threat model, which names tests too.
const THREATS: &str = "docs/security.md";

/// Requirement ids that issues delivered so far: each needs a row.
const DELIVERED: &[&str] = &[
    "R1", "R3", "R5", "R7", "R10", "P1", "C1", "C2", "C3", "C4", "C5", "C8", "C9", "M1", "M3",
    "M4", "M5", "M6", "M8", "A1", "S3", "S4", "X1", "X2", "X3", "X5", "X7", "X9", "W1", "O2", "O4",
    "O9", "Q6", "I2", "T1", "T2", "T3",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = check_with(tree, DELIVERED);
    findings.extend(threats(tree));
    findings
}

/// Every test that the threat model names has to exist.
fn threats(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(THREATS) else {
        return vec![Finding::new(
            THREATS,
            None,
            "is missing",
            "write what is protected from whom, and which test shows it",
        )];
    };
    let named = (1..).zip(text.lines()).flat_map(|(line, text)| {
        references(text)
            .into_iter()
            .map(move |reference| (line, reference))
    });
    named
        .filter_map(|(line, reference)| {
            let wrong = find_test(reference, tree).err()?;
            Some(Finding::new(
                THREATS,
                line,
                format!("`{reference}` {wrong}"),
                "name a test that exists and runs",
            ))
        })
        .collect()
}

fn check_with(tree: &Tree, delivered: &[&str]) -> Vec<Finding> {
    let Some(table) = tree.text(TABLE) else {
        return vec![Finding::new(
            TABLE,
            None,
            "is missing",
            "write the table `| id | what proves it |`",
        )];
    };
    let mut findings = vec![];
    let mut proven = BTreeSet::new();
    for (line, id, proof) in rows(table) {
        proven.insert(id);
        let references = references(proof);
        if references.is_empty() {
            findings.push(Finding::new(
                TABLE,
                line,
                format!("{id} names no test"),
                "name one as `path/to/file.rs::test` or `crate::module::test`",
            ));
        }
        let mut files = vec![];
        for reference in references {
            match find_test(reference, tree) {
                Ok(file) => files.push(file),
                Err(wrong) => findings.push(Finding::new(
                    TABLE,
                    line,
                    format!("`{reference}`, said to prove {id}, {wrong}"),
                    "name a test that exists and runs",
                )),
            }
        }
        if !files.is_empty() && !files.iter().any(|file| names_id(file, id, tree)) {
            findings.push(Finding::new(
                TABLE,
                line,
                format!("no test of this row's names {id}"),
                format!("say `// {id}` at the test that proves it"),
            ));
        }
    }
    for id in delivered.iter().filter(|id| !proven.contains(**id)) {
        findings.push(Finding::new(
            TABLE,
            None,
            format!("{id} was delivered and has no row"),
            "add the test that proves it",
        ));
    }
    findings
}

/// The rows of the table: line, id, what proves it.
fn rows(table: &str) -> Vec<(usize, &str, &str)> {
    table
        .lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let (id, proof) = line.trim().strip_prefix('|')?.split_once('|')?;
            is_id(id.trim()).then_some((index + 1, id.trim(), proof))
        })
        .collect()
}

fn is_id(word: &str) -> bool {
    word.strip_prefix(|c: char| c.is_ascii_uppercase())
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// The tests a row names: what stands in backticks and has a `::`.
fn references(proof: &str) -> Vec<&str> {
    proof
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.contains("::"))
        .collect()
}

/// Finds a test, and answers the file it is in; the error says why it proves nothing.
fn find_test<'a>(reference: &str, tree: &'a Tree) -> Result<&'a str, String> {
    let Some((place, name)) = reference.rsplit_once("::") else {
        return Err("names no function".to_owned());
    };
    let mut problem = None;
    for (path, lines) in tree.rust() {
        if place.ends_with(".rs") {
            if path != place {
                continue;
            }
        } else if !holds_module(path, &lines, place) {
            continue;
        }
        match attributes_of(name, &lines) {
            None => {}
            Some(attributes) if attributes.contains("ignore") => {
                problem = Some(format!("is ignored in {path}"));
            }
            Some(attributes) if attributes.contains("test") => return Ok(path),
            Some(_) => problem = Some(format!("is no test in {path}")),
        }
    }
    Err(problem.unwrap_or_else(|| "does not exist".to_owned()))
}

/// True if the module `place` (`hyperion_git::landing::tests`) is in this file.
fn holds_module(path: &str, lines: &[SourceLine<'_>], place: &str) -> bool {
    let mut place = place.split("::");
    let package = place.next().unwrap_or("").replace('_', "-");
    let folder = match package.as_str() {
        "xtask" => "xtask".to_owned(),
        package => format!(
            "crates/{}",
            package.strip_prefix("hyperion-").unwrap_or(package)
        ),
    };
    let Some(inside) = path
        .strip_prefix(&folder)
        .and_then(|rest| rest.strip_prefix('/'))
    else {
        return false;
    };
    let inside = inside.trim_end_matches(".rs");
    let inside = inside
        .strip_prefix("src/")
        .or(inside.strip_prefix("tests/"));
    let Some(inside) = inside else {
        return false;
    };
    for part in inside.split('/') {
        if matches!(part, "lib" | "main" | "mod") {
            continue;
        }
        if place.next() != Some(part) {
            return false;
        }
    }
    place.all(|module| {
        let opening = format!("mod {module} {{");
        lines.iter().any(|line| line.text.trim() == opening)
    })
}

/// What stands above `fn name`, if the file has it.
fn attributes_of(name: &str, lines: &[SourceLine<'_>]) -> Option<String> {
    let at = lines.iter().position(|line| {
        line.text
            .trim_start()
            .trim_start_matches("async ")
            .strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with(['(', '<']))
    })?;
    let above = lines[..at].iter().rev().map(|line| line.text.trim());
    Some(
        above
            .take_while(|text| text.starts_with("#[") || text.starts_with("//"))
            .filter(|text| text.starts_with("#["))
            .collect(),
    )
}

/// True if a comment in the file names the id.
fn names_id(path: &str, id: &str, tree: &Tree) -> bool {
    let comments = tree.text(path).into_iter().flat_map(str::lines);
    let mut comments = comments.filter_map(|line| line.split_once("//"));
    comments.any(|(_, comment)| {
        comment
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word == id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str = "\
// C1, R10
mod landing {
    /// Lands.
    #[tokio::test]
    async fn lands_once() {}
    #[test]
    #[ignore]
    fn sleeps() {}
    fn helper() {}
}
";

    fn found(rows: &str, delivered: &[&str]) -> Vec<String> {
        let table = format!("| id | what proves it |\n| --- | --- |\n{rows}");
        let tree = Tree::of_files(&[
            (TABLE, &table),
            ("crates/git/tests/it/queue.rs", TESTS),
            ("crates/git/src/lib.rs", "#[test]\nfn other() {}\n"),
        ]);
        check_with(&tree, delivered)
            .into_iter()
            .map(|finding| finding.wrong)
            .collect()
    }

    #[test]
    fn a_row_that_names_a_test_either_way_proves_its_id() {
        let rows = "| C1 | lands: `crates/git/tests/it/queue.rs::lands_once` |\n\
                    | R10 | `hyperion_git::it::queue::landing::lands_once`, `cargo xtask tidy` |\n";
        assert!(
            found(rows, &["C1", "R10"]).is_empty(),
            "{:?}",
            found(rows, &[])
        );
    }

    #[test]
    fn a_threat_that_names_no_real_test_is_found() {
        let file = "crates/git/tests/it/queue.rs";
        let text =
            format!("stopped: `{file}::lands_once`\n\nand `{file}::lands_twice`, `git -c`\n");
        let tree = Tree::of_files(&[(THREATS, &text), (file, TESTS)]);
        let found = threats(&tree);
        let told: Vec<_> = found
            .iter()
            .map(|found| (found.line, found.wrong.as_str()))
            .collect();
        assert_eq!(
            told,
            [(
                Some(3),
                "`crates/git/tests/it/queue.rs::lands_twice` does not exist"
            )]
        );
        assert_eq!(threats(&Tree::of_files(&[]))[0].wrong, "is missing");
    }

    #[test]
    fn a_delivered_id_without_a_row_is_found() {
        assert_eq!(found("", &["M5"]), ["M5 was delivered and has no row"]);
    }

    #[test]
    fn rows_that_prove_nothing_are_found() {
        let file = "crates/git/tests/it/queue.rs";
        for (proof, wrong) in [
            ("by reading".to_owned(), "C1 names no test".to_owned()),
            (
                format!("`{file}::lands_twice`"),
                format!("`{file}::lands_twice`, said to prove C1, does not exist"),
            ),
            (
                format!("`{file}::helper`"),
                format!("`{file}::helper`, said to prove C1, is no test in {file}"),
            ),
            (
                format!("`{file}::sleeps`"),
                format!("`{file}::sleeps`, said to prove C1, is ignored in {file}"),
            ),
            (
                "`hyperion_git::it::lands_once`".to_owned(),
                "`hyperion_git::it::lands_once`, said to prove C1, does not exist".to_owned(),
            ),
            (
                "`hyperion_git::other`".to_owned(),
                "no test of this row's names C1".to_owned(),
            ),
        ] {
            assert_eq!(found(&format!("| C1 | {proof} |\n"), &[]), [wrong]);
        }
    }

    #[test]
    fn ids_are_whole_words() {
        let row = "| R1 | `crates/git/tests/it/queue.rs::lands_once` |\n";
        assert_eq!(found(row, &[]), ["no test of this row's names R1"]);
        assert!(is_id("R10") && !is_id("id") && !is_id("R") && !is_id("---"));
    }
}
