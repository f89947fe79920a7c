//! Which paths a task owns, and whether two tasks could own the same one.

use globset::{GlobBuilder, GlobMatcher};

/// The most parts a glob may have.
pub(super) const MAX_PARTS: usize = 32;

/// Compiles a glob of owned paths: `*` stays within a folder, `**` goes down.
pub(super) fn compile(glob: &str) -> Result<GlobMatcher, String> {
    if glob.split('/').count() > MAX_PARTS {
        return Err(format!("{glob:?} has more than {MAX_PARTS} parts"));
    }
    GlobBuilder::new(glob)
        .literal_separator(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| format!("{glob:?} is not a glob: {}", error.kind()))
}

/// Tells whether two globs could match the same path; when in doubt they could.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    let a: Vec<_> = a.split('/').collect();
    let b: Vec<_> = b.split('/').collect();
    // One table cell for each pair of suffixes keeps `**/**/…` from branching without end.
    let mut table = vec![vec![false; b.len() + 1]; a.len() + 1];
    for i in (0..=a.len()).rev() {
        for j in (0..=b.len()).rev() {
            table[i][j] = match (a.get(i), b.get(j)) {
                (None, None) => true,
                (Some(&"**"), _) => table[i + 1][j] || (j < b.len() && table[i][j + 1]),
                (_, Some(&"**")) => table[i][j + 1] || (i < a.len() && table[i + 1][j]),
                (Some(x), Some(y)) => parts_overlap(x, y) && table[i + 1][j + 1],
                (None, Some(_)) | (Some(_), None) => false,
            };
        }
    }
    table[0][0]
}

fn parts_overlap(a: &str, b: &str) -> bool {
    let wild = |part: &str| part.contains(['*', '?', '[', '{', '\\']);
    match (wild(a), wild(b)) {
        (false, false) => a == b,
        (true, false) => compile(a).is_ok_and(|glob| glob.is_match(b)),
        (false, true) => compile(b).is_ok_and(|glob| glob.is_match(a)),
        (true, true) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R3: overlapping ownership is found, also behind wildcards.
    #[test]
    fn overlaps_are_found_and_disjoint_sets_are_not() {
        for (a, b, expected) in [
            ("src/retry.rs", "src/retry.rs", true),
            ("src/retry.rs", "src/other.rs", false),
            ("src/**", "src/retry.rs", true),
            ("src/**", "tests/retry.rs", false),
            ("**/*.rs", "src/retry.rs", true),
            ("**/*.rs", "docs/guide.md", false),
            ("src/*.rs", "src/deep/retry.rs", false),
            ("src/*/x", "src/a/*", true),
            ("src/**", "src/**", true),
            ("a/**/z", "a/b/c/z", true),
            ("a/**/z", "a/b/c/y", false),
            ("**", "anything/at/all", true),
        ] {
            assert_eq!(overlap(a, b), expected, "{a} {b}");
            assert_eq!(overlap(b, a), expected, "{b} {a}");
        }
        assert!(!overlap(&"**/".repeat(30), "x/y"));
    }
}
