//! `cargo xtask tidy`: what the compiler cannot check about this project.
//!
//! Each check is a pure function from the project's files to findings, so that each is tested on
//! files that never existed.

mod edges;
mod examples;
mod generated;
mod links;
mod paths;
mod requirements;
mod sizes;
mod tree;
mod walls;

use std::fmt;
use std::path::Path;
use tree::Tree;

/// Something to mend, or to know.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// Counted from one; absent where the whole file is meant.
    line: Option<usize>,
    wrong: String,
    remedy: String,
    /// Shown, and no more.
    is_warning: bool,
}

impl Finding {
    fn new(
        path: &str,
        line: impl Into<Option<usize>>,
        wrong: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            line: line.into(),
            wrong: wrong.into(),
            remedy: remedy.into(),
            is_warning: false,
        }
    }

    fn warning(self) -> Self {
        Self {
            is_warning: true,
            ..self
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_warning {
            write!(f, "warning: ")?;
        }
        write!(f, "{}:", self.path)?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}; {}", self.wrong, self.remedy)
    }
}

/// Runs every check; the product's binary is built for the generated files.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    check(root, Generated::BuildBinary)
}

/// Where the check of generated files gets its binary.
#[derive(Clone, Copy)]
pub(crate) enum Generated<'a> {
    BuildBinary,
    Binary(&'a Path),
    Skip,
}

/// Runs every check and prints what they found.
pub(crate) fn check(root: &Path, generated: Generated<'_>) -> Result<(), String> {
    let tree = Tree::of_project(root)?;
    let mut findings = vec![];
    findings.extend(edges::check(&edges::packages(root)?, &tree));
    findings.extend(sizes::check(&tree));
    findings.extend(requirements::check(&tree));
    findings.extend(links::check(&tree));
    findings.extend(walls::check(&tree));
    findings.extend(paths::check(&tree));
    findings.extend(examples::check(&tree));
    match generated {
        Generated::BuildBinary => findings.extend(generated::check(root, None, &tree)),
        Generated::Binary(binary) => findings.extend(generated::check(root, Some(binary), &tree)),
        Generated::Skip => {}
    }
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    let failures = findings.iter().filter(|found| !found.is_warning).count();
    let warnings = findings.len() - failures;
    println!(
        "tidy: {} files, {failures} to mend, {warnings} warnings",
        tree.len()
    );
    if failures == 0 {
        Ok(())
    } else {
        Err(format!("tidy found {failures} to mend"))
    }
}
