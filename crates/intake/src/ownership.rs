//! Which paths a task owns, and whether two tasks could own the same one.

use globset::{GlobBuilder, GlobMatcher};

/// The most parts a glob may have.
const MAX_PARTS: usize = 32;
/// The most bytes a glob may have.
const MAX_BYTES: usize = 1024;
/// The most characters of a refused glob that a message repeats.
const SHOWN_CHARS: usize = 100;

/// A pattern of paths that a task may change: `*` stays within a folder, `**` goes down.
#[derive(Debug, Clone)]
pub(crate) struct Owned {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// One path, whatever characters it has.
    Path,
    Glob {
        /// What every path that matches begins with: a quick way to say no.
        prefix: String,
        parts: Vec<Part>,
        matcher: GlobMatcher,
    },
}

#[derive(Debug, Clone)]
enum Part {
    /// `**`: any number of folders.
    Deep,
    Plain(String),
    Wild(GlobMatcher),
}

impl Owned {
    /// Reads a glob as a person wrote it.
    pub(crate) fn glob(glob: &str) -> Result<Self, String> {
        if let Some(defect) = defect(glob) {
            let shown: String = glob.chars().take(SHOWN_CHARS).collect();
            return Err(format!("{shown:?} {defect}"));
        }
        if !is_wild(glob) {
            return Ok(Self::path(glob));
        }
        let matcher = compile(glob)?;
        let parts = glob.split('/').map(part).collect::<Result<_, _>>()?;
        let wild_at = glob.find(WILD).unwrap_or(glob.len());
        // `a/**` also covers what `a` itself would be, so the slash before a wild part is no prefix.
        let prefix = glob[..wild_at].trim_end_matches('/').to_owned();
        Ok(Self {
            text: glob.to_owned(),
            kind: Kind::Glob {
                prefix,
                parts,
                matcher,
            },
        })
    }

    /// Owns exactly one path.
    pub(crate) fn path(path: &str) -> Self {
        Self {
            text: path.to_owned(),
            kind: Kind::Path,
        }
    }

    /// Gives the glob or the path as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Tells whether it may stand for several paths.
    pub(crate) const fn is_wild(&self) -> bool {
        match self.kind {
            Kind::Path => false,
            Kind::Glob { .. } => true,
        }
    }

    /// Tells whether a path is owned.
    pub(crate) fn owns(&self, path: &str) -> bool {
        match &self.kind {
            Kind::Path => self.text == path,
            Kind::Glob {
                prefix, matcher, ..
            } => path.starts_with(prefix.as_str()) && matcher.is_match(path),
        }
    }

    /// Tells whether both could own the same path; when in doubt they could.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Path, _) => other.owns(&self.text),
            (_, Kind::Path) => self.owns(&other.text),
            (Kind::Glob { parts: a, .. }, Kind::Glob { parts: b, .. }) => overlap(a, b),
        }
    }
}

/// What makes a text a glob.
const WILD: [char; 4] = ['*', '?', '[', '{'];

fn is_wild(text: &str) -> bool {
    text.contains(WILD)
}

/// Says what keeps a text from being a glob of paths in a repository, and what to write instead.
fn defect(glob: &str) -> Option<String> {
    if glob.is_empty() {
        return Some("is empty; remove it".to_owned());
    }
    if glob.len() > MAX_BYTES {
        return Some(format!("has {} bytes; at most {MAX_BYTES}", glob.len()));
    }
    if glob.split('/').count() > MAX_PARTS {
        return Some(format!("has more than {MAX_PARTS} parts"));
    }
    if glob.chars().any(char::is_control) {
        return Some("has a control character; write it without".to_owned());
    }
    if glob.contains('\\') {
        return Some(
            "has a backslash; use `/` between folders, and `[*]` for a plain `*`".to_owned(),
        );
    }
    if glob.starts_with('/') {
        return Some("is absolute; give it relative to the repository's top".to_owned());
    }
    if let Some(folder) = glob.strip_suffix('/') {
        return Some(format!(
            "names a folder; write \"{folder}/**\" for everything in it"
        ));
    }
    if glob.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Some("has a `..`, `.` or empty part; write it without".to_owned());
    }
    if has_slash_in_brackets(glob) {
        return Some("has a `/` inside `{…}` or `[…]`; write one glob for each".to_owned());
    }
    None
}

/// Tells whether parts cannot be looked at one by one, because a bracket spans several.
fn has_slash_in_brackets(glob: &str) -> bool {
    glob.split('/').count() > 1
        && glob
            .split('/')
            .any(|part| part != "**" && compile(part).is_err())
        && compile(glob).is_ok()
}

fn compile(glob: &str) -> Result<GlobMatcher, String> {
    GlobBuilder::new(glob)
        .literal_separator(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| format!("{glob:?} is not a glob: {}", error.kind()))
}

fn part(part: &str) -> Result<Part, String> {
    Ok(match part {
        "**" => Part::Deep,
        plain if !is_wild(plain) => Part::Plain(plain.to_owned()),
        wild => Part::Wild(compile(wild)?),
    })
}

fn overlap(a: &[Part], b: &[Part]) -> bool {
    // One table cell for each pair of suffixes keeps `**/**/…` from branching without end.
    let mut table = vec![vec![false; b.len() + 1]; a.len() + 1];
    for i in (0..=a.len()).rev() {
        for j in (0..=b.len()).rev() {
            table[i][j] = match (a.get(i), b.get(j)) {
                (None, None) => true,
                (Some(Part::Deep), _) => table[i + 1][j] || (j < b.len() && table[i][j + 1]),
                (_, Some(Part::Deep)) => table[i][j + 1] || (i < a.len() && table[i + 1][j]),
                (Some(x), Some(y)) => table[i + 1][j + 1] && parts_overlap(x, y),
                (None, Some(_)) | (Some(_), None) => false,
            };
        }
    }
    table[0][0]
}

fn parts_overlap(a: &Part, b: &Part) -> bool {
    match (a, b) {
        (Part::Plain(a), Part::Plain(b)) => a == b,
        (Part::Wild(glob), Part::Plain(name)) | (Part::Plain(name), Part::Wild(glob)) => {
            glob.is_match(name)
        }
        (Part::Wild(_) | Part::Deep, Part::Wild(_) | Part::Deep)
        | (Part::Deep, Part::Plain(_))
        | (Part::Plain(_), Part::Deep) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(a: &str, b: &str) -> bool {
        let (a, b) = (Owned::glob(a).unwrap(), Owned::glob(b).unwrap());
        let found = a.overlaps(&b);
        assert_eq!(found, b.overlaps(&a), "overlapping goes both ways");
        found
    }

    // R3: overlapping ownership is found, also behind wildcards.
    #[test]
    fn overlaps_are_found_and_disjoint_sets_are_not() {
        for (a, b, expected) in [
            ("src/retry.rs", "src/retry.rs", true),
            ("src/retry.rs", "src/other.rs", false),
            ("src/**", "src/retry.rs", true),
            ("src/**", "tests/retry.rs", false),
            ("src/**", "src2/retry.rs", false),
            ("**/*.rs", "src/retry.rs", true),
            ("**/*.rs", "docs/guide.md", false),
            ("src/*.rs", "src/deep/retry.rs", false),
            ("src/*/x", "src/a/*", true),
            ("src/**", "src/**", true),
            ("src/**/deep", "src/**", true),
            ("a/**/z", "a/b/c/z", true),
            ("a/**/z", "a/b/c/y", false),
            ("**", "anything/at/all", true),
            ("{a,b}.rs", "b.rs", true),
            ("{a,b}.rs", "c.rs", false),
            ("src/a*", "docs/a*", false),
        ] {
            assert_eq!(overlap(a, b), expected, "{a} {b}");
        }
        let endless = format!("{}z", "**/".repeat(30));
        assert!(!overlap(&endless, "x/*y"));
    }

    // Names with brackets are everyday names in web projects; they are paths here, not patterns.
    #[test]
    fn a_path_is_never_a_pattern() {
        let (id, slug) = (
            Owned::path("app/[id]/page.tsx"),
            Owned::path("app/[slug]/page.tsx"),
        );
        assert!(id.owns("app/[id]/page.tsx") && !id.owns("app/i/page.tsx"));
        assert!(!id.overlaps(&slug));
        assert!(Owned::glob("app/**").unwrap().overlaps(&id));
        assert!(!id.is_wild() && !Owned::glob("src/a.rs").unwrap().is_wild());
        assert!(Owned::glob("src/*.rs").unwrap().is_wild());
    }

    #[test]
    fn what_is_no_glob_of_paths_is_refused_with_a_remedy() {
        let refusals: Vec<_> = [
            "", "/etc/**", "../**", "a//b", "src/", "a\\b", "a\nb", "{a/b,c}", "[a/b]", "src/[",
            "{a",
        ]
        .iter()
        .map(|glob| Owned::glob(glob).unwrap_err())
        .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        "" is empty; remove it
        "/etc/**" is absolute; give it relative to the repository's top
        "../**" has a `..`, `.` or empty part; write it without
        "a//b" has a `..`, `.` or empty part; write it without
        "src/" names a folder; write "src/**" for everything in it
        "a\\b" has a backslash; use `/` between folders, and `[*]` for a plain `*`
        "a\nb" has a control character; write it without
        "{a/b,c}" has a `/` inside `{…}` or `[…]`; write one glob for each
        "[a/b]" has a `/` inside `{…}` or `[…]`; write one glob for each
        "src/[" is not a glob: unclosed character class; missing ']'
        "{a" is not a glob: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
        "#);
        assert!(Owned::glob(&"a".repeat(2000)).is_err());
        assert!(Owned::glob(&"a/".repeat(40)).is_err());
    }
}
