//! What a caller gives: a pattern, files. Both become arguments of a program, and nothing else.

use hyperion_api::Problem;
use hyperion_host::Kind;

use crate::filesystem::{from_beneath, relative};
use crate::{Access, Place};

/// The most bytes of a pattern.
const PATTERN_MAX_BYTES: usize = 1000;
/// The most files of one call.
const FILES_MAX: usize = 500;

/// What files of tests end with, in tool chains that take them as patterns.
const TEST_FILES: &[&str] = &[
    ".py", ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts",
];

/// What a call is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only these; empty: everything.
    pub files: Vec<File>,
    /// Only the tests that fit.
    pub pattern: Option<Pattern>,
}

/// A file or a folder that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where it is, relative to the root.
    pub path: String,
    /// Whether it is a folder.
    pub is_folder: bool,
}

impl File {
    /// Gives it as an argument that no program takes for an option, a list of arguments, or a pattern that leaves out.
    pub(super) fn argument(&self) -> String {
        format!("./{}", self.path)
    }

    /// Tells whether it is a folder, or ends with one of these.
    pub(super) fn ends_with(&self, ends: &[&str]) -> bool {
        self.is_folder || ends.iter().any(|end| self.path.ends_with(end))
    }
}

/// Which tests are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Those whose name fits.
    Name(String),
    /// Those of a file, relative to the root; with `::`, one of them.
    File(String),
}

impl Pattern {
    /// Reads a pattern.
    pub(super) fn read(place: &Place<'_>, text: &str) -> Result<Self, Problem> {
        check("the pattern", text)?;
        let (path, rest) = text
            .split_once("::")
            .map_or((text, None), |(path, rest)| (path, Some(rest)));
        if !TEST_FILES.iter().any(|end| path.ends_with(end)) {
            return Ok(Self::Name(text.to_owned()));
        }
        let file = file(place, path)?;
        Ok(Self::File(match rest {
            Some(rest) => format!("{}::{rest}", file.path),
            None => file.path,
        }))
    }
}

impl Wanted {
    /// Reads what a call is about: every file has to be there, inside the root, and readable by the rules.
    pub fn read(
        place: &Place<'_>,
        files: Option<&[String]>,
        pattern: Option<&str>,
    ) -> Result<Self, Problem> {
        let files = files.unwrap_or_default();
        if files.len() > FILES_MAX {
            let detail = format!("{} files were named; the limit is {FILES_MAX}", files.len());
            return Err(Problem::new("input.invalid", detail).hint("name folders instead"));
        }
        Ok(Self {
            files: files
                .iter()
                .map(|path| {
                    check("a file's path", path)?;
                    file(place, path)
                })
                .collect::<Result<_, _>>()?,
            pattern: pattern
                .map(|pattern| Pattern::read(place, pattern))
                .transpose()?,
        })
    }
}

/// Refuses what is no text of one line, is empty or long, or would be taken for an option.
fn check(what: &str, text: &str) -> Result<(), Problem> {
    let refused = |why: &str, hint: &str| {
        let shown: String = text.chars().take(100).collect();
        Err(Problem::new("input.invalid", format!("{what} {shown:?} {why}")).hint(hint))
    };
    if text.trim().is_empty() {
        return refused("is empty", "leave it out to take everything");
    }
    if text.len() > PATTERN_MAX_BYTES {
        return refused("is longer than 1000 bytes", "give a shorter one");
    }
    if text.chars().any(char::is_control) {
        return refused(
            "has a control character, such as a line feed or NUL",
            "give one line of text",
        );
    }
    // Also behind blanks, for programs that trim.
    if text.trim_start().starts_with('-') {
        return refused(
            "begins with `-`, as an option does; options cannot be given",
            "give a name, or a path relative to the root",
        );
    }
    Ok(())
}

/// Finds a file inside the root, following no link.
fn file(place: &Place<'_>, path: &str) -> Result<File, Problem> {
    let path = relative(place, path);
    if path.is_empty() {
        return Ok(File {
            path: ".".to_owned(),
            is_folder: true,
        });
    }
    place.overseer.judge(path, Access::Read)?;
    match place.root.kind(path).map_err(from_beneath)? {
        Kind::File | Kind::Folder if path.starts_with('-') => Err(Problem::new(
            "input.invalid",
            format!("{path:?} begins with `-`, as an option does"),
        )
        .hint("name the folder that it is in")),
        kind @ (Kind::File | Kind::Folder) => Ok(File {
            path: path.to_owned(),
            is_folder: kind == Kind::Folder,
        }),
        kind => Err(Problem::new(
            "file.wrong_kind",
            format!("{path} is {}, not a file", kind.name()),
        )
        .hint("name the file by its own path, if that is inside the root")),
    }
}
