//! Sets of paths as people write them: globs, with `!` for what is taken out again.

use std::collections::HashMap;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::RuleError;

/// The most globs one list may have.
pub const MAX_GLOBS: usize = 1000;
/// The most entries without a wildcard one list may have besides: a task may own each path that it changes.
pub const MAX_PATHS: usize = 10_000;
/// The most bytes one glob may have.
pub const MAX_GLOB_BYTES: usize = 512;

/// Where a glob without a folder is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// At the repository's top only: `*.md` is not `docs/a.md`.
    Top,
    /// In every folder, as in a `.gitignore`; a glob with a `/` inside still starts at the top.
    Anywhere,
}

/// Whether `A` and `a` are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// They differ, as in git.
    Exact,
    /// Upper and lower case are the same, and so are other spellings that some file system takes for the same name.
    Folded,
}

/// A compiled list of globs.
///
/// A glob that names a folder covers everything below it. `*` stays inside one folder, `**` does
/// not. A glob that starts with `!` takes paths out again; the last glob that matches wins.
#[derive(Debug, Clone)]
pub struct PathSet {
    set: GlobSet,
    /// For each compiled glob, which entry it comes from.
    entry_of: Vec<usize>,
    /// The entries that stand for one path, and for all below it.
    plain: HashMap<String, usize>,
    /// For each entry, whether it puts paths in (or, with `!`, out).
    puts_in: Vec<bool>,
    case: Case,
}

impl PathSet {
    /// Compiles globs; `key` is the setting they come from, for the message.
    pub fn compile(
        key: &str,
        globs: &[String],
        anchor: Anchor,
        case: Case,
    ) -> Result<Self, RuleError> {
        let too_many = |len, max| RuleError::TooMany {
            key: key.to_owned(),
            len,
            max,
        };
        if globs.len() > MAX_PATHS + MAX_GLOBS {
            return Err(too_many(globs.len(), MAX_PATHS));
        }
        let mut builder = GlobSetBuilder::new();
        let (mut entry_of, mut plain_entries) = (Vec::new(), HashMap::new());
        let mut puts_in = Vec::with_capacity(globs.len());
        for (entry, glob) in globs.iter().enumerate() {
            let bad = |why: &str| RuleError::BadShape {
                key: key.to_owned(),
                glob: glob.chars().take(80).collect(),
                why: why.to_owned(),
            };
            let (plain, inside) = match glob.strip_prefix('!') {
                Some(rest) => (rest, false),
                None => (glob.as_str(), true),
            };
            let plain = plain.strip_suffix('/').unwrap_or(plain);
            if plain.trim().is_empty() {
                return Err(bad("is empty"));
            }
            if plain == "..." {
                return Err(bad(
                    "stands for the shipped list in a setting of the machine, once, and where one is shipped",
                ));
            }
            if plain.split('/').any(|part| matches!(part, "." | "..")) {
                return Err(bad("has a `.` or `..` part"));
            }
            let rooted = plain.strip_prefix('/');
            let anywhere = anchor == Anchor::Anywhere && rooted.is_none() && !plain.contains('/');
            let start = if anywhere { "**/" } else { "" };
            let plain = rooted.unwrap_or(plain);
            puts_in.push(inside);
            if let Some(path) = literal(plain).filter(|_| !anywhere) {
                let path = match case {
                    Case::Folded => fold_case(&path),
                    Case::Exact => path,
                };
                plain_entries.insert(path, entry);
                continue;
            }
            if glob.len() > MAX_GLOB_BYTES {
                return Err(bad("is longer than 512 bytes"));
            }
            let text = format!("{start}{plain}");
            let text = match case {
                Case::Folded => fold_case(&text),
                Case::Exact => text,
            };
            let built = GlobBuilder::new(&text)
                .literal_separator(true)
                .empty_alternates(true)
                .build();
            builder.add(built.map_err(|source| RuleError::BadGlob {
                key: key.to_owned(),
                glob: glob.clone(),
                source,
            })?);
            entry_of.push(entry);
        }
        if entry_of.len() > MAX_GLOBS {
            return Err(too_many(entry_of.len(), MAX_GLOBS));
        }
        let set = builder.build().map_err(|source| RuleError::BadGlob {
            key: key.to_owned(),
            glob: source.glob().unwrap_or("(all together)").to_owned(),
            source,
        })?;
        Ok(Self {
            set,
            entry_of,
            plain: plain_entries,
            puts_in,
            case,
        })
    }

    /// Tells whether the list covers a path.
    pub fn covers(&self, path: &str) -> bool {
        if self.is_empty() {
            return false;
        }
        match self.case {
            Case::Exact => self.last_word(path),
            Case::Folded => {
                let folded = fold_case(path);
                let plain = plain_spelling(&folded);
                self.last_word(&folded) || (plain != folded && self.last_word(&plain))
            }
        }
    }

    /// Tells whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.plain.is_empty()
    }

    /// Asks for the path and for every folder that it lies in: a folder covers what is in it.
    fn last_word(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at);
        let places = ends.chain([path.len()]).filter_map(|end| path.get(..end));
        let last = places.filter_map(|place| {
            let globs = self.set.matches(place).into_iter();
            let globs = globs.filter_map(|at| self.entry_of.get(at).copied());
            globs.chain(self.plain.get(place).copied()).max()
        });
        last.max()
            .and_then(|at| self.puts_in.get(at))
            .copied()
            .unwrap_or(false)
    }
}

/// Reads a glob that stands for one path only: without a wildcard, or with each in brackets of its own, as
/// [`globset::escape`] writes it.
fn literal(glob: &str) -> Option<String> {
    let mut path = String::with_capacity(glob.len());
    let mut rest = glob.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '[' => {
                let inside = rest
                    .next()
                    .filter(|c| matches!(c, '?' | '*' | '[' | ']' | '{' | '}'))?;
                path.push(inside);
                rest.next().filter(|end| *end == ']')?;
            }
            '?' | '*' | ']' | '{' | '}' | '\\' => return None,
            plain => path.push(plain),
        }
    }
    Some(path)
}

/// Gives the name that some file system would take for this one.
pub(crate) fn folded_spelling(name: &str) -> String {
    plain_spelling(&fold_case(name))
}

/// Tells whether simple patterns cover an absolute or relative path: `*` is one part, or the rest of one.
///
/// Unlike a [`PathSet`] they are written in this program: few, and always valid.
pub(crate) fn matches_any(patterns: &[&str], path: &str) -> bool {
    let path = folded_spelling(path);
    patterns.iter().any(|pattern| {
        let mut parts = path.split('/');
        pattern.split('/').all(|wanted| {
            let part = parts.next();
            match wanted.strip_suffix('*') {
                Some(start) => part.is_some_and(|part| part.starts_with(start)),
                None => part == Some(wanted),
            }
        })
    })
}

/// Lower-cases, and takes along letters that fold to ASCII but do not lower-case to it.
fn fold_case(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            // Full-width letters look like the plain ones, and are the same after compatibility folding.
            '\u{ff01}'..='\u{ff5e}' => u32::from(c)
                .checked_sub(0xfee0)
                .and_then(char::from_u32)
                .unwrap_or(c),
            c => c,
        })
        .flat_map(char::to_lowercase)
        .map(|c| if c == 'ſ' { 's' } else { c })
        .collect()
}

/// Takes away what HFS+ ignores inside a name and what NTFS ignores at its end.
fn plain_spelling(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    for (at, part) in path.split('/').enumerate() {
        if at > 0 {
            plain.push('/');
        }
        let stem = part.split(':').next().unwrap_or(part);
        let kept: String = stem
            .chars()
            .filter(|c| {
                !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
            })
            .collect();
        plain.push_str(kept.trim_end_matches(['.', ' ']));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(globs: &[&str], anchor: Anchor, case: Case) -> PathSet {
        let globs: Vec<String> = globs.iter().map(|g| (*g).to_owned()).collect();
        PathSet::compile("policy.test", &globs, anchor, case).unwrap()
    }

    #[test]
    fn globs_read_like_a_gitignore() {
        let anywhere = set(
            &[
                ".env",
                ".env.*",
                "!.env.example",
                "*.key",
                "/top.txt",
                "db/**/x",
                "migrations/",
            ],
            Anchor::Anywhere,
            Case::Folded,
        );
        for (path, expected) in [
            (".env", true),
            ("a/b/.env", true),
            (".env/inside", true),
            (".env.local", true),
            (".env.example", false),
            ("a/.ENV.EXAMPLE", false),
            (".ENV", true),
            ("deep/A.Key", true),
            ("deep/a.\u{212a}ey", true),
            (".env.", true),
            (".env ", true),
            (".e\u{200c}nv", true),
            (".env::$DATA", true),
            ("monkey", false),
            ("top.txt", true),
            ("a/top.txt", false),
            ("db/a/b/x", true),
            ("a/db/x", false),
            ("app/migrations/0001.sql", true),
            ("envoy.rs", false),
        ] {
            assert_eq!(anywhere.covers(path), expected, "{path:?}");
        }
        let top = set(&["src", "tests/retry/**", "*.md"], Anchor::Top, Case::Exact);
        for (path, expected) in [
            ("src/a/b.rs", true),
            ("Src/a", false),
            ("tests/retry/deep/a.rs", true),
            ("tests/other.rs", false),
            ("README.md", true),
            ("docs/a.md", false),
            ("a/src/b", false),
        ] {
            assert_eq!(top.covers(path), expected, "{path:?}");
        }
    }

    #[test]
    fn a_bad_glob_names_its_key_and_itself() {
        let refused = |glob: &str| {
            PathSet::compile(
                "policy.paths.deny",
                &[glob.to_owned()],
                Anchor::Top,
                Case::Exact,
            )
            .unwrap_err()
            .to_string()
        };
        insta::assert_snapshot!(refused("a[b"), @r#"read `policy.paths.deny`: the glob "a[b" does not parse; correct or remove it"#);
        insta::assert_snapshot!(refused("../x"), @r#"read `policy.paths.deny`: the glob "../x" has a `.` or `..` part; correct or remove it"#);
        insta::assert_snapshot!(refused("..."), @r#"read `policy.paths.deny`: the glob "..." stands for the shipped list in a setting of the machine, once, and where one is shipped; correct or remove it"#);
        insta::assert_snapshot!(refused("!"), @r#"read `policy.paths.deny`: the glob "!" is empty; correct or remove it"#);
    }
}
