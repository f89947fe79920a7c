//! No source file grows without an end.

use super::{Finding, Tree};

/// Past this a file is usually two ideas.
const LINES_WARN: usize = 500;
/// Past this it surely is.
const LINES_MAX: usize = 800;

/// Files that may be longer than `LINES_MAX`, and why each is one idea all the same.
const MAY_BE_LONGER: &[(&str, &str)] = &[];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    check_with(tree, MAY_BE_LONGER)
}

fn check_with(tree: &Tree, may_be_longer: &[(&str, &str)]) -> Vec<Finding> {
    let mut findings = vec![];
    let is_source = |path: &str| [".rs", ".ts", ".tsx"].iter().any(|end| path.ends_with(end));
    for (path, text) in tree.texts().filter(|(path, _)| is_source(path)) {
        let lines = text.lines().count();
        let allowed = may_be_longer.iter().any(|(longer, _)| *longer == path);
        if lines > LINES_MAX && !allowed {
            findings.push(Finding::new(
                path,
                None,
                format!("has {lines} lines, over {LINES_MAX}"),
                "split it into files named after their nouns",
            ));
        } else if lines > LINES_WARN && !allowed {
            let wrong = format!("has {lines} lines, over {LINES_WARN}");
            findings.push(Finding::new(path, None, wrong, "see whether it is two ideas").warning());
        } else if lines <= LINES_MAX && allowed {
            let wrong = format!("has {lines} lines and needs no exception");
            findings.push(Finding::new(
                path,
                None,
                wrong,
                "take it off the list in xtask's tidy/sizes.rs",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, lines: usize, may_be_longer: &[(&str, &str)]) -> Vec<(String, bool)> {
        let text = "\n".repeat(lines);
        check_with(&Tree::of_files(&[(path, &text)]), may_be_longer)
            .into_iter()
            .map(|finding| (finding.wrong, finding.is_warning))
            .collect()
    }

    #[test]
    fn long_files_warn_and_longer_ones_fail() {
        assert!(found("a.rs", 500, &[]).is_empty());
        assert_eq!(
            found("a.rs", 501, &[]),
            [("has 501 lines, over 500".into(), true)]
        );
        assert_eq!(
            found("a.rs", 800, &[]),
            [("has 800 lines, over 500".into(), true)]
        );
        assert_eq!(
            found("web/a.tsx", 801, &[]),
            [("has 801 lines, over 800".into(), false)]
        );
        assert!(found("a.md", 2000, &[]).is_empty());
    }

    #[test]
    fn an_exception_holds_and_is_dropped_when_not_needed() {
        let longer = [("a.rs", "one table")];
        assert!(found("a.rs", 900, &longer).is_empty());
        assert_eq!(
            found("a.rs", 100, &longer),
            [("has 100 lines and needs no exception".into(), false)]
        );
    }
}
