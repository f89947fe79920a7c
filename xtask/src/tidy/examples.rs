//! Every file in `examples/` is used by a test (Q6).

use super::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.paths()
        .filter(|path| path.starts_with("examples/"))
        .filter(|path| !is_used(path, tree))
        .map(|path| {
            Finding::new(
                path,
                None,
                "is used by no test",
                "name it in a test that runs it",
            )
        })
        .collect()
}

/// True if test code names the file. A test that walks the folder would also use a file nobody
/// expects anything of, so each has to be named.
fn is_used(path: &str, tree: &Tree) -> bool {
    tree.rust().any(|(_, lines)| {
        lines
            .iter()
            .any(|line| line.is_test && !line.is_comment() && line.text.contains(path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_that_only_product_code_or_a_comment_names_is_found() {
        let path = concat!("exam", "ples/clamp.json");
        let named = format!("let file = \"../../{path}\";");
        let examples = |source: &str, text: &str| {
            check(&Tree::of_files(&[(path, "{}"), (source, text)])).len()
        };
        assert_eq!(examples("crates/hyperion/tests/it/request.rs", &named), 0);
        assert_eq!(examples("crates/hyperion/src/demo.rs", &named), 1);
        assert_eq!(
            examples("crates/hyperion/tests/it/request.rs", &format!("// {path}")),
            1
        );
    }
}
