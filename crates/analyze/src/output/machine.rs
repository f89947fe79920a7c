//! Shells, system tools, git, package managers: one line says what is wrong, after the name of who says it.

use super::cursor::Cursor;
use super::{ErrorKind, FoundError, Place, line_number, of_text};

/// The most lines of one of npm's errors.
const MAX_NPM_LINES: usize = 60;

pub(super) fn read(cursor: &mut Cursor<'_>, at: usize) -> Option<usize> {
    let line = cursor.line(at)?;
    npm(cursor, at, line)
        .or_else(|| git(cursor, at, line))
        .or_else(|| shell(cursor, at, line))
        .or_else(|| build(cursor, at, line))
        .or_else(|| named(cursor, at, line))
}

fn found(kind: ErrorKind, tool: &str, message: &str) -> FoundError {
    FoundError {
        kind,
        message: message.to_owned(),
        tool: Some(tool.to_owned()),
        ..FoundError::default()
    }
}

/// Reads `npm error code E404` and what belongs to it.
fn npm(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let rest = said_by_npm(line)?;
    let mut next = at;
    let mut said: Vec<&str> = Vec::new();
    while let Some(text) = cursor
        .line(next)
        .and_then(said_by_npm)
        .filter(|_| next < at + MAX_NPM_LINES)
    {
        said.push(text.trim());
        next += 1;
    }
    let code = rest.strip_prefix("code ").map(str::trim);
    let message = said
        .iter()
        .filter(|text| !text.is_empty() && !text.starts_with("A complete log of this run"))
        .filter(|text| {
            let detail = ["code ", "syscall ", "path ", "dest ", "errno "];
            code.is_none() || !detail.iter().any(|start| text.starts_with(start))
        })
        .map(|text| code.map_or(*text, |code| text.strip_prefix(code).unwrap_or(text).trim()))
        .find(|text| text.contains(' '))
        .unwrap_or(rest);
    let kind = match code {
        Some(
            "E404"
            | "ERESOLVE"
            | "ETARGET"
            | "ENOVERSIONS"
            | "EBADENGINE"
            | "EUNSUPPORTEDPROTOCOL"
            | "ENOTCACHED",
        ) => ErrorKind::Dependency,
        Some("EJSONPARSE") => ErrorKind::Syntax,
        Some("E401" | "E403" | "ENEEDAUTH") => ErrorKind::Permission,
        // A script that failed has said why.
        Some("ELIFECYCLE") => ErrorKind::Unknown,
        Some(code) => of_text(code)
            .or_else(|| of_text(message))
            .unwrap_or_default(),
        None => of_text(message).unwrap_or_default(),
    };
    // What npm notes about its own ends is no error: `npm error path /project`, `npm error command …`.
    if code.is_none() && kind == ErrorKind::Unknown && !rest.starts_with("Lifecycle script") {
        return Some(next.max(at + 1));
    }
    let path = said.iter().find_map(|text| text.strip_prefix("path "));
    let mut error = found(kind, "npm", message);
    error.code = code.map(str::to_owned);
    // What npm cannot parse is nearly always its own file.
    let path = path.or((code == Some("EJSONPARSE")).then_some("package.json"));
    error.place = path
        .filter(|path| path.contains(['/', '.']))
        .and_then(|path| Place::new(path, None, None));
    cursor.add(at, error);
    Some(next)
}

fn said_by_npm(line: &str) -> Option<&str> {
    let rest = line
        .strip_prefix("npm error")
        .or_else(|| line.strip_prefix("npm ERR!"))?;
    Some(rest.trim_start())
}

/// Reads git: `fatal: …`, `error: …`, `CONFLICT (content): …`, `! [rejected] …`.
fn git(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    if let Some(rest) = line.strip_prefix("CONFLICT (") {
        let (_, message) = rest.split_once("): ")?;
        let file = message
            .rsplit_once("Merge conflict in ")
            .map(|(_, file)| file);
        let file = file.or_else(|| message.split(' ').next())?;
        let mut error = found(ErrorKind::MergeConflict, "git", line);
        error.place = Place::new(file.trim_end_matches('.'), None, None);
        cursor.add(at, error);
        return Some(at + 1);
    }
    if let Some(rest) = line.trim_start().strip_prefix("! [") {
        let (what, rest) = rest.split_once(']')?;
        let message = format!("{what}: {}", rest.trim());
        cursor.add(at, found(ErrorKind::Unknown, "git", &message));
        return Some(at + 1);
    }
    if let Some(message) = line.strip_prefix("fatal: ") {
        let mut error = found(of_text(message).unwrap_or_default(), "git", message);
        // A lock that is there already is somebody else at work.
        if message.ends_with("File exists.") {
            error.kind = ErrorKind::Unknown;
        }
        if message.starts_with("Unable to create ") {
            error.place = quoted(message).and_then(|file| Place::new(file, None, None));
        }
        cursor.add(at, error);
        return Some(at + 1);
    }
    let message = line.strip_prefix("error: ")?;
    // rustc and cargo say it so too; git never marks names by backticks.
    let is_cargo = message.contains('`')
        || [
            "aborting due to",
            "test failed",
            "test run failed",
            "failed to select",
            "no such command",
        ]
        .iter()
        .any(|start| message.starts_with(start));
    let tool = if is_cargo { "cargo" } else { "git" };
    let mut error = found(of_text(message).unwrap_or_default(), tool, message);
    if let Some(place) = message.strip_prefix("patch failed: ") {
        error.kind = ErrorKind::MergeConflict;
        error.place = Place::read(place);
    } else if message.ends_with("patch does not apply") {
        error.kind = ErrorKind::MergeConflict;
    } else if message.contains("would be overwritten by") {
        let file = cursor.line(at + 1).filter(|line| line.starts_with('\t'));
        error.place = file.and_then(|file| Place::new(file, None, None));
    } else if message.starts_with("linking with ") {
        error.kind = ErrorKind::Compile;
        error.tool = Some("rustc".to_owned());
    }
    // cargo says below what it comes from, the cause last.
    let (mut next, mut cause) = (at + 1, None);
    while is_cargo && next < at + 20 {
        match cursor.line(next).map(str::trim) {
            Some("" | "Caused by:") => {}
            Some(text)
                if cursor
                    .line(next - 1)
                    .is_some_and(|line| line.trim() == "Caused by:") =>
            {
                cause = Some(text);
            }
            Some(_) | None => break,
        }
        next += 1;
    }
    if let Some(cause) = cause {
        error.message = format!("{}: {cause}", error.message);
        cursor.add(at, error);
        return Some(next);
    }
    cursor.add(at, error);
    Some(at + 1)
}

/// Reads `run.sh: line 2: x: command not found` (bash) and `run.sh: 2: x: not found` (dash).
fn shell(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let (script, rest) = line.split_once(": ")?;
    if script.contains(' ') {
        return None;
    }
    let (number, message, tool) = match rest.strip_prefix("line ") {
        Some(rest) => {
            let (number, message) = rest.split_once(": ").or_else(|| rest.split_once(' '))?;
            (number, message, "bash")
        }
        None => {
            let (number, message) = rest.split_once(": ")?;
            (number, message, "sh")
        }
    };
    let number = line_number(number)?;
    let mut kind = of_text(message).unwrap_or_default();
    if tool == "sh" && message.ends_with(": not found") {
        kind = ErrorKind::CommandNotFound;
    }
    // Excerpts: bash shows the line that it did not understand.
    if message.starts_with('`') {
        return Some(at + 1);
    }
    // `bash -c`: its line is no file's.
    let is_shell = matches!(
        script.rsplit('/').next(),
        Some("bash" | "sh" | "dash" | "zsh" | "-bash")
    );
    let mut error = found(kind, tool, message);
    // `bash: line 1: ./run.sh: Permission denied`: the file is in what it says.
    let named = message
        .rsplit_once(": ")
        .map(|(file, _)| file)
        .filter(|file| file.contains('/') && !file.contains(' '));
    error.place = match (is_shell, kind) {
        (false, _) => Place::new(script, Some(number), None),
        (true, ErrorKind::Permission | ErrorKind::NotFound) => {
            named.and_then(|file| Place::new(file, None, None))
        }
        (true, _) => None,
    };
    cursor.add(at, error);
    Some(at + 1)
}

/// Reads make and Maven.
fn build(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    if let Some((make, message)) = line.split_once(": *** ")
        && make.starts_with("make")
    {
        let message = message.trim_end_matches("  Stop.");
        let mut error = found(of_text(message).unwrap_or_default(), "make", message);
        let inside = message
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(": "));
        error.place = inside.and_then(|(place, _)| Place::read(place));
        cursor.add(at, error);
        return Some(at + 1);
    }
    let message = line
        .strip_prefix("[ERROR] ")
        .or_else(|| line.strip_prefix("[FATAL] "))?;
    let counts = message.starts_with("Failed to execute goal")
        || message.starts_with("The goal you specified")
        || message.starts_with("Could not")
        || message.starts_with("Non-resolvable")
        || message.starts_with("Non-parseable")
        || message.starts_with("Malformed POM");
    if !counts {
        return Some(at + 1);
    }
    let message = message.split(" -> [Help").next().unwrap_or(message);
    let kind = match of_text(message) {
        _ if message.contains("has not been downloaded from it before") => ErrorKind::Dependency,
        Some(kind) => kind,
        None if message.contains("Non-parseable") || message.contains("Malformed") => {
            ErrorKind::Syntax
        }
        None => ErrorKind::Unknown,
    };
    cursor.add(at, found(kind, "mvn", message));
    Some(at + 1)
}

/// Words before a message that are no program's name, and whose they are.
const SPEAKERS: &[(&str, &str)] = &[
    ("ERROR", ""),
    ("E", "apt"),
    ("Error", ""),
    ("FATAL ERROR", "node"),
    ("FATAL", ""),
    ("Fatal", ""),
    ("ESLint", "eslint"),
];

/// Reads `cat: prices.csv: No such file or directory` and the like: only where the words say what is wrong.
fn named(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    if line.starts_with("ESLint couldn't find") {
        cursor.add(at, found(ErrorKind::NotFound, "eslint", line));
        return Some(at + 1);
    }
    let (name, message) = line.split_once(": ")?;
    let speaker = SPEAKERS
        .iter()
        .find(|(word, _)| *word == name)
        .map(|(_, tool)| *tool);
    if let Some(tool) = speaker {
        let tool = match (tool, cursor.runner) {
            ("", Some(runner)) => runner,
            ("", None) if message.contains("distribution") || message.contains("requirement") => {
                "pip"
            }
            ("", None) if message.contains("main class") => "java",
            (tool, _) => tool,
        };
        let kind = of_text(message)?;
        let mut error = found(kind, tool, message);
        error.tool = error.tool.filter(|tool| !tool.is_empty());
        error.test.clone_from(&cursor.test);
        if cursor.test.is_some() {
            error.place = cursor
                .test_file
                .as_deref()
                .and_then(|file| Place::new(file, None, None));
        }
        cursor.add(at, error);
        return Some(at + 1);
    }
    let is_name = !name.is_empty()
        && name.len() <= 120
        && !name.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '(' | '=' | ','));
    if !is_name || line.starts_with([' ', '\t']) {
        return None;
    }
    let tool = name.rsplit('/').next().unwrap_or(name);
    // `ada@host: Permission denied`
    let tool = if tool.contains('@') { "ssh" } else { tool };
    let kind = match (tool, of_text(message)) {
        // What `env` cannot find is a program.
        ("env", Some(ErrorKind::NotFound)) => ErrorKind::CommandNotFound,
        // Which number says more than curl's words.
        ("curl", kind) => of_curl(message).or(kind)?,
        ("ld" | "collect2" | "warning" | "note" | "hint" | "Warning", _) => return None,
        (_, Some(kind)) => kind,
        ("go" | "sudo" | "cargo" | "ssh", None) if message.contains("error") => ErrorKind::Unknown,
        // `fork: Resource temporarily unavailable`, `Argument list too long`: told by the system, and of no kind.
        (_, None) if is_system_error(message) => ErrorKind::Unknown,
        (_, None) => return None,
    };
    let mut error = found(kind, tool, message);
    // Some warn before they give up: sudo of a name it cannot resolve.
    if tool == "sudo" && message.starts_with("unable to resolve host") {
        return Some(at + 1);
    }
    let file = message.rsplit_once(": ").map(|(file, _)| file);
    let quoted = quoted(message);
    if matches!(
        kind,
        ErrorKind::NotFound | ErrorKind::Permission | ErrorKind::DiskFull
    ) && !message.contains("://")
    {
        let file = quoted.or(file.filter(|file| !file.contains(' ')));
        error.place = file.and_then(|file| Place::new(file, None, None));
    }
    cursor.add(at, error);
    Some(at + 1)
}

/// Finds the first name in quotes; an apostrophe within a word opens none.
fn quoted(message: &str) -> Option<&str> {
    let opens = |(at, c): (usize, char)| {
        let before = message[..at].chars().next_back();
        (matches!(c, '\'' | '‘') && before.is_none_or(|c| c == ' ')).then_some(at + c.len_utf8())
    };
    let start = message.char_indices().find_map(opens)?;
    message[start..]
        .split(['\'', '’'])
        .next()
        .filter(|name| !name.is_empty())
}

fn of_curl(message: &str) -> Option<ErrorKind> {
    let (number, _) = message.strip_prefix('(')?.split_once(')')?;
    match number {
        "5" | "6" | "7" | "35" | "52" | "56" | "60" => Some(ErrorKind::Network),
        "28" => Some(ErrorKind::Timeout),
        "22" if message.contains(" 404") => Some(ErrorKind::NotFound),
        "22" if message.contains(" 401") || message.contains(" 403") => Some(ErrorKind::Permission),
        "23" => Some(ErrorKind::DiskFull),
        _ => Some(ErrorKind::Unknown),
    }
}

fn is_system_error(message: &str) -> bool {
    [
        "Resource temporarily unavailable",
        "Argument list too long",
        "Is a directory",
        "Not a directory",
        "File exists",
        "Directory not empty",
        "Too many open files",
        "Device or resource busy",
        "Broken pipe",
        "Exec format error",
        "Input/output error",
        "Segmentation fault",
    ]
    .iter()
    .any(|words| message.contains(words))
}
