//! Compilers and linters: a place, a word for how bad it is, a message.

use super::cursor::Cursor;
use super::workspace::Origin;
use super::{Advice, ErrorKind, FoundError, Place, line_number, msbuild, of_text};

/// The most rows below a file's name.
const MAX_ROWS: usize = 300;
/// The most lines of one diagnostic.
const MAX_LINES: usize = 60;

pub(super) fn read(cursor: &mut Cursor<'_>, at: usize) -> Option<usize> {
    let line = cursor.line(at)?;
    arrow(cursor, at, line)
        .or_else(|| typescript(cursor, at, line))
        .or_else(|| msbuild::read(cursor, at, line))
        .or_else(|| at_place(cursor, at, line))
        .or_else(|| row(cursor, at, line))
        .or_else(|| maven(cursor, at, line))
        .or_else(|| linker(cursor, at, line))
}

fn found(
    kind: ErrorKind,
    tool: &str,
    code: Option<&str>,
    message: &str,
    place: Option<Place>,
) -> FoundError {
    FoundError {
        kind,
        message: message.to_owned(),
        code: code.map(str::to_owned),
        tool: Some(tool.to_owned()),
        place,
        ..FoundError::default()
    }
}

/// Reads rustc's, cargo's and ruff's form: a message, and below it `--> file:3:4`.
fn arrow(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let below = (at + 1..at + 3).filter_map(|at| cursor.line(at));
    let place = below
        .filter_map(|line| line.trim_start().strip_prefix("--> "))
        .find_map(Place::read)?;
    let (head, message) = match line.split_once(": ") {
        Some((head, message)) if !head.contains(' ') => (head, message),
        // ruff: `F401 [*] message`
        _ => line.split_once(' ')?,
    };
    let (level, code) = match head.split_once('[') {
        Some((level, code)) => (level, Some(code.trim_end_matches(']'))),
        None => (head, None),
    };
    let is_python = place.file.ends_with(".py") || place.file.ends_with(".pyi");
    let is_rule = level.len() >= 2
        && level.starts_with(|c: char| c.is_ascii_uppercase())
        && level
            .bytes()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    if !(matches!(
        level,
        "error" | "warning" | "note" | "help" | "invalid-syntax"
    ) || (is_python && is_rule))
    {
        return None;
    }
    // Until a line that belongs to no excerpt; a note of its own follows without one.
    let mut next = at + 1;
    let (mut help, mut is_clippy) = (None, false);
    while let Some(line) = cursor.line(next).filter(|_| next < at + MAX_LINES) {
        if line.trim().is_empty() || line.starts_with("error") || line.starts_with("warning") {
            break;
        }
        is_clippy |= line.contains("clippy::") || line.contains("rust-clippy");
        let text = line.trim_start().trim_start_matches("= ");
        if help.is_none() {
            help = text
                .strip_prefix("help: ")
                .or_else(|| line.split_once("^ help: ").map(|(_, text)| text));
        }
        next += 1;
    }
    if matches!(level, "warning" | "note" | "help") {
        return Some(next);
    }
    let message = message.trim_start_matches("[*] ");
    let (tool, code, kind) = if is_python {
        let code = (level != "invalid-syntax").then_some(level);
        let kind = if code.is_none() {
            ErrorKind::Syntax
        } else {
            ErrorKind::Compile
        };
        ("ruff", code, kind)
    } else if place.file.ends_with(".toml") {
        ("cargo", code, ErrorKind::Syntax)
    } else {
        let tool = if is_clippy { "clippy" } else { "rustc" };
        (tool, code, of_rustc(code, message))
    };
    let mut error = found(kind, tool, code, message, Some(place));
    error.advice = help
        .filter(|help| !help.contains("for further information"))
        .map(Advice::tip);
    cursor.add(at, error);
    Some(next)
}

/// Tells the kind of one of rustc's errors.
pub(crate) fn of_rustc(code: Option<&str>, message: &str) -> ErrorKind {
    match code {
        Some("E0308" | "E0277" | "E0369" | "E0599" | "E0606" | "E0605" | "E0604" | "E0271") => {
            ErrorKind::Type
        }
        Some("E0463") => ErrorKind::Dependency,
        Some("E0432" | "E0433") if !message.contains("crate::") && !message.contains("super::") => {
            ErrorKind::Dependency
        }
        Some(_) => ErrorKind::Compile,
        None => {
            let is_syntax = message.starts_with("expected ")
                || message.starts_with("unexpected ")
                || message.contains("unclosed delimiter")
                || message.contains("unterminated")
                || message.contains("mismatched closing");
            if is_syntax {
                ErrorKind::Syntax
            } else {
                ErrorKind::Compile
            }
        }
    }
}

/// Reads `file(3,4): error TS2345: message`, `file:3:4 - error TS2345: message` and `error TS6053: message`.
fn typescript(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let (head, rest) = line.split_once("error TS")?;
    let (number, message) = rest.split_once(": ")?;
    let code = format!("TS{number}");
    // What a runner of packages puts before a line, where it is not known as one.
    let (package, head) = match head.trim_end_matches([' ', ':', '-']).rsplit_once(": ") {
        Some((before, _)) => (Some(before), head.get(before.len() + 2..)?),
        None => (None, head),
    };
    let head = head.trim_end();
    let place = match head.strip_suffix(" -").or_else(|| head.strip_suffix(':')) {
        Some(head) => Some(Place::read_in_brackets(head).or_else(|| Place::read(head))?),
        None if head.is_empty() => None,
        None => return None,
    };
    let kind = of_typescript(line_number(number)?);
    let mut error = found(kind, "tsc", Some(&code), message, place);
    let package = package.and_then(|before| before.split([':', ' ']).next());
    error.origin = package.map(|package| Origin::Package(package.to_owned()));
    cursor.add(at, error);
    Some(at + 1)
}

const fn of_typescript(number: u32) -> ErrorKind {
    match number {
        1000..=1999 => ErrorKind::Syntax,
        2307 | 2305 | 7016 | 2688 => ErrorKind::Dependency,
        // Names that nobody declared.
        2304 | 2552 | 2503 | 2580..=2584 => ErrorKind::Compile,
        2000..=2999 | 7000..=7999 => ErrorKind::Type,
        6053 | 5058 | 5083 => ErrorKind::NotFound,
        _ => ErrorKind::Compile,
    }
}

/// Reads `file:3:4: error: message` and what looks like it: gcc, clang, javac, mypy, go, ruff.
fn at_place(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    if line.starts_with([' ', '\t', '[']) {
        return None;
    }
    let (head, rest) = line.split_once(": ")?;
    let place = Place::read(head)?;
    let end = place.file.rsplit_once('.').map_or("", |(_, end)| end);
    if ["warning: ", "note: ", "info: "]
        .iter()
        .any(|level| rest.starts_with(level))
    {
        return Some(at + 1);
    }
    let said = rest
        .strip_prefix("error: ")
        .or_else(|| rest.strip_prefix("fatal error: "));
    let (tool, code, message, kind) = match (said, end) {
        (Some(message), "java" | "kt") => ("javac", None, message, of_javac(message)),
        (Some(message), "py" | "pyi") => {
            let (message, code) = match message
                .strip_suffix(']')
                .and_then(|text| text.rsplit_once("  ["))
            {
                Some((message, code)) => (message, Some(code)),
                None => (message, None),
            };
            ("mypy", code, message, of_mypy(code))
        }
        (Some(message), "rs") => ("rustc", None, message, of_rustc(None, message)),
        (Some(message), _) => ("gcc", None, message, of_gcc(message)),
        (None, "go") => ("go", None, rest, of_go(rest)),
        (None, "py" | "pyi") => {
            let (code, message) = rest.split_once(' ')?;
            let is_rule = code.len() >= 2
                && code.starts_with(|c: char| c.is_ascii_uppercase())
                && code.ends_with(|c: char| c.is_ascii_digit())
                && code
                    .bytes()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
            if is_rule {
                (
                    "ruff",
                    Some(code),
                    message.trim_start_matches("[*] "),
                    ErrorKind::Compile,
                )
            } else {
                let message = rest
                    .strip_prefix("invalid-syntax: ")
                    .or_else(|| rest.strip_prefix("SyntaxError: "))?;
                ("ruff", None, message, ErrorKind::Syntax)
            }
        }
        (None, _) => return None,
    };
    cursor.add(at, found(kind, tool, code, message, Some(place)));
    Some(at + 1)
}

fn of_javac(message: &str) -> ErrorKind {
    if message.starts_with("package ") && message.ends_with("does not exist") {
        ErrorKind::Dependency
    } else if message.contains("incompatible types")
        || message.contains("cannot be applied to given types")
    {
        ErrorKind::Type
    } else if message.ends_with("expected")
        || message.starts_with("illegal start")
        || message.contains("reached end of file")
        || message.starts_with("not a statement")
        || message.starts_with("unclosed ")
    {
        ErrorKind::Syntax
    } else {
        ErrorKind::Compile
    }
}

fn of_mypy(code: Option<&str>) -> ErrorKind {
    match code {
        Some("syntax") => ErrorKind::Syntax,
        Some("import-not-found" | "import-untyped" | "import") => ErrorKind::Dependency,
        _ => ErrorKind::Type,
    }
}

fn of_gcc(message: &str) -> ErrorKind {
    if message.contains("No such file or directory") {
        ErrorKind::Dependency
    } else if message.starts_with("expected ")
        || message.starts_with("stray ")
        || message.starts_with("unterminated")
    {
        ErrorKind::Syntax
    } else if message.contains("incompatible") || message.contains("invalid conversion") {
        ErrorKind::Type
    } else {
        ErrorKind::Compile
    }
}

fn of_go(message: &str) -> ErrorKind {
    if message.starts_with("syntax error") || message.starts_with("expected ") {
        return ErrorKind::Syntax;
    }
    if message.contains("mismatched types")
        || message.starts_with("cannot use ")
        || message.contains("of wrong type")
    {
        return ErrorKind::Type;
    }
    match of_text(message) {
        // A module that cannot be fetched is missing first.
        Some(kind @ (ErrorKind::Dependency | ErrorKind::Network)) => kind,
        Some(_) | None if message.starts_with("module ") || message.contains("package ") => {
            ErrorKind::Dependency
        }
        Some(_) | None => ErrorKind::Compile,
    }
}

/// Reads eslint's rows: `  2:5  error  message  rule`, below the file's name.
fn row(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let (place, level, rest) = row_parts(line)?;
    if level == "warning" {
        return Some(at + 1);
    }
    let above = (0..at).rev().filter_map(|at| cursor.line(at));
    let file = above
        .take(MAX_ROWS)
        .find(|line| !line.starts_with(' ') && !line.is_empty())?;
    let place = Place::new(file, Some(place.0), Some(place.1))?;
    let (message, rule) = match rest.rsplit_once("  ") {
        Some((message, rule)) if !rule.contains(' ') => (message.trim_end(), Some(rule)),
        _ => (rest, None),
    };
    let (kind, message) = match message.strip_prefix("Parsing error: ") {
        Some(message) => (ErrorKind::Syntax, message),
        None => (ErrorKind::Compile, message),
    };
    cursor.add(at, found(kind, "eslint", rule, message, Some(place)));
    Some(at + 1)
}

fn row_parts(line: &str) -> Option<((u32, u32), &str, &str)> {
    let (place, rest) = line.strip_prefix("  ")?.trim_start().split_once(' ')?;
    let (number, column) = place.split_once(':')?;
    let (level, rest) = rest.trim_start().split_once(' ')?;
    matches!(level, "error" | "warning").then_some(())?;
    Some((
        (line_number(number)?, line_number(column)?),
        level,
        rest.trim(),
    ))
}

/// Reads `[ERROR] /project/Shop.java:[5,16] message`.
fn maven(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let rest = line.strip_prefix("[ERROR] ")?;
    let (file, rest) = rest.split_once(":[")?;
    let (place, message) = rest.split_once("] ")?;
    let (line, column) = place.split_once(',')?;
    let place = Place::new(file, Some(line_number(line)?), line_number(column))?;
    cursor.add(
        at,
        found(of_javac(message), "javac", None, message, Some(place)),
    );
    Some(at + 1)
}

/// Reads what a linker misses.
fn linker(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let (_, name) = line
        .split_once("undefined reference to ")
        .or_else(|| line.split_once("error: undefined symbol: "))?;
    let message = format!("undefined reference to {name}");
    cursor.add(at, found(ErrorKind::Compile, "ld", None, &message, None));
    Some(at + 1)
}
