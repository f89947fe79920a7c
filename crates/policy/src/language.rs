//! What the rules need to know of a file's language, by its name.

/// How white space counts in a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spacing {
    /// It only separates words.
    Free,
    /// A line's end may end a statement.
    Lines,
    /// A line's beginning counts, or nothing is known.
    Indented,
}

/// A language, as far as the rules tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    /// JavaScript and TypeScript.
    Script,
    Python,
    Go,
    /// Java, Kotlin, C#, Swift, Scala: what others see says `public`.
    Public,
    C,
    Ruby,
    Php,
    Shell,
    Sql,
    Css,
    Json,
    /// Text for people.
    Prose,
    Other,
}

impl Language {
    /// Finds the language of a path.
    pub(crate) fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let Some((_, extension)) = name.rsplit_once('.') else {
            return match name {
                "README" | "LICENSE" | "CHANGELOG" | "AUTHORS" => Language::Prose,
                _ => Language::Other,
            };
        };
        match extension.to_ascii_lowercase().as_str() {
            "rs" => Language::Rust,
            "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" | "vue" | "svelte" => {
                Language::Script
            }
            "py" | "pyi" => Language::Python,
            "go" => Language::Go,
            "java" | "kt" | "kts" | "cs" | "swift" | "scala" => Language::Public,
            "c" | "h" | "cc" | "cpp" | "cxx" | "hh" | "hpp" => Language::C,
            "rb" => Language::Ruby,
            "php" => Language::Php,
            "sh" | "bash" | "zsh" => Language::Shell,
            "sql" => Language::Sql,
            "css" | "scss" | "less" => Language::Css,
            "json" => Language::Json,
            "txt" if name == "CMakeLists.txt" => Language::Other,
            "md" | "markdown" | "rst" | "adoc" | "txt" => Language::Prose,
            _ => Language::Other,
        }
    }

    /// Tells how white space counts.
    pub(crate) const fn spacing(self) -> Spacing {
        match self {
            Language::Rust | Language::C | Language::Css | Language::Json => Spacing::Free,
            Language::Script | Language::Go | Language::Public | Language::Sql => Spacing::Lines,
            // Ruby, PHP and shells have texts that go on over lines as they stand.
            Language::Python
            | Language::Ruby
            | Language::Php
            | Language::Shell
            | Language::Prose
            | Language::Other => Spacing::Indented,
        }
    }

    /// Tells whether a line is nothing but a comment.
    pub(crate) fn is_comment(self, line: &str) -> bool {
        let line = line.trim_start();
        let starts = |marks: &[&str]| marks.iter().any(|mark| line.starts_with(mark));
        match self {
            Language::Rust
            | Language::Script
            | Language::Go
            | Language::Public
            | Language::C
            | Language::Css => {
                // A `*` alone may be a dereference; in a block comment a space follows it.
                (starts(&["//"]) || (starts(&["/*"]) && !line.contains("*/")))
                    || (line.starts_with("* ") && !line.contains([';', '=']))
            }
            Language::Python | Language::Ruby | Language::Shell => starts(&["#"]),
            Language::Php => starts(&["//", "#"]),
            Language::Sql => starts(&["--"]),
            Language::Json | Language::Prose => false,
            Language::Other => starts(&["//", "# ", "-- "]),
        }
    }
}
