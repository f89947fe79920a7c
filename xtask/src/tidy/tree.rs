//! The project's files, and which of their lines are test code.

use crate::process::{capture, program};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A larger file is not something a person wrote; it is listed and not read.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// The project's files: those git tracks, and new ones it does not ignore.
pub(super) struct Tree(BTreeMap<String, Option<String>>);

impl Tree {
    pub(super) fn of_project(root: &Path) -> Result<Self, String> {
        let listed = capture(program("git", root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let mut files = BTreeMap::new();
        for path in listed
            .split(|&byte| byte == 0)
            .filter(|path| !path.is_empty())
        {
            let path = String::from_utf8_lossy(path).into_owned();
            let Ok(metadata) = fs::symlink_metadata(root.join(&path)) else {
                // Tracked and deleted: on its way out.
                continue;
            };
            let text = (metadata.is_file() && metadata.len() <= TEXT_BYTES_MAX)
                .then(|| fs::read_to_string(root.join(&path)).ok())
                .flatten();
            files.insert(path, text);
        }
        Ok(Self(files))
    }

    #[cfg(test)]
    pub(super) fn of_files(files: &[(&str, &str)]) -> Self {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), Some((*text).to_owned()));
        Self(files.iter().map(owned).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The files that are text.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path)?.as_deref()
    }

    /// True for a file, and for a folder that has files.
    pub(super) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty()
            || self.0.contains_key(path)
            || self.0.keys().any(|known| {
                known
                    .strip_prefix(path)
                    .is_some_and(|rest| rest.starts_with('/'))
            })
    }

    /// The Rust sources, line by line.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&str, Vec<SourceLine<'_>>)> {
        self.texts()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| (path, source_lines(path, text)))
    }
}

/// One line of a Rust source.
pub(super) struct SourceLine<'a> {
    /// Counted from one.
    pub(super) number: usize,
    pub(super) text: &'a str,
    /// Only compiled for tests, or nothing but tests.
    pub(super) is_test: bool,
}

impl SourceLine<'_> {
    pub(super) fn is_comment(&self) -> bool {
        self.text.trim_start().starts_with("//")
    }
}

/// Splits a source into lines. Formatted code is taken for granted (`cargo fmt` is checked): a
/// `#[cfg(test)]` item ends at the first `}` that is indented like it.
pub(super) fn source_lines<'a>(path: &str, text: &'a str) -> Vec<SourceLine<'a>> {
    let all_test = is_test_file(path);
    let mut test_ends_at: Option<String> = None;
    let mut attribute_at: Option<&str> = None;
    let mut lines = vec![];
    for (index, line) in text.lines().enumerate() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let was_attributed = attribute_at.is_some();
        if test_ends_at.is_none() {
            if line.trim() == "#[cfg(test)]" {
                attribute_at = Some(indent);
            } else if let Some(at) = attribute_at
                && !line.trim_start().starts_with("#[")
            {
                attribute_at = None;
                if line.ends_with('{') {
                    test_ends_at = Some(format!("{at}}}"));
                }
            }
        }
        lines.push(SourceLine {
            number: index + 1,
            text: line,
            is_test: all_test || was_attributed || attribute_at.is_some() || test_ends_at.is_some(),
        });
        if test_ends_at.as_deref() == Some(line) {
            test_ends_at = None;
        }
    }
    lines
}

/// True for files that are compiled for tests only, by where they are.
fn is_test_file(path: &str) -> bool {
    path.starts_with("crates/testkit/")
        || path
            .split('/')
            .any(|part| matches!(part, "tests" | "tests.rs" | "benches"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_lines(path: &str, text: &str) -> Vec<usize> {
        source_lines(path, text)
            .iter()
            .filter(|line| line.is_test)
            .map(|line| line.number)
            .collect()
    }

    #[test]
    fn a_test_module_ends_where_its_indentation_ends() {
        let text = "fn a() {\n}\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\nfn c() {}\n";
        assert_eq!(test_lines("crates/model/src/lib.rs", text), [3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_test_item_without_a_body_is_itself() {
        let text = "#[cfg(test)]\n#[path = \"x.rs\"]\nmod tests;\nfn c() {\n}\n";
        assert_eq!(test_lines("crates/model/src/lib.rs", text), [1, 2, 3]);
    }

    #[test]
    fn integration_tests_and_testkit_are_test_code_throughout() {
        assert_eq!(test_lines("crates/git/tests/it/main.rs", "a\nb"), [1, 2]);
        assert_eq!(test_lines("crates/testkit/src/repo.rs", "a"), [1]);
        assert_eq!(test_lines("crates/git/src/landing/tests.rs", "a"), [1]);
        assert!(test_lines("crates/git/src/latest.rs", "a").is_empty());
    }

    #[test]
    fn folders_are_there_when_they_have_files() {
        let tree = Tree::of_files(&[("docs/guide.md", "")]);
        assert!(tree.has("docs") && tree.has("docs/") && tree.has("docs/guide.md"));
        assert!(!tree.has("doc") && !tree.has("docs/guide"));
    }
}
