//! Test runners: which test failed, where, and why.

use super::cursor::Cursor;
use super::{ErrorKind, FoundError, Place, line_number, of_exception, of_text};
use crate::trace::{Frame, script_frame, script_header};

/// The most lines that are read of one failure.
const MAX_LINES: usize = 200;

pub(super) fn read(cursor: &mut Cursor<'_>, at: usize) -> Option<usize> {
    let line = cursor.line(at)?;
    libtest(cursor, at, line)
        .or_else(|| nextest(cursor, at, line))
        .or_else(|| pytest(cursor, at, line))
        .or_else(|| unittest(cursor, at, line))
        .or_else(|| script_file(cursor, at, line))
        .or_else(|| jest(cursor, at, line))
        .or_else(|| tap(cursor, at, line))
        .or_else(|| go(cursor, at, line))
        .or_else(|| surefire(cursor, at, line))
}

fn libtest(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let text = line.trim_start();
    if let Some(name) = text
        .strip_prefix("---- ")
        .and_then(|text| text.strip_suffix(" stdout ----"))
    {
        cursor.test = Some(name.to_owned());
        cursor.runner.get_or_insert("cargo test");
        return Some(at + 1);
    }
    if let Some(name) = text
        .strip_prefix("test ")
        .and_then(|text| text.strip_suffix(" ... FAILED"))
    {
        cursor.runner.get_or_insert("cargo test");
        cursor.failed(at, name);
        return Some(at + 1);
    }
    if text.starts_with("test result: ") {
        // nextest shows it before what the test said.
        if cursor.runner == Some("cargo test") {
            cursor.test = None;
            cursor.runner = None;
        }
        return Some(at + 1);
    }
    None
}

/// Reads `FAIL [   0.196s] (1/4) shop tests::a_file_is_read`.
fn nextest(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let (word, rest) = line.trim_start().split_once(" [")?;
    if !matches!(
        word,
        "FAIL" | "TIMEOUT" | "SIGSEGV" | "SIGABRT" | "SIGKILL" | "PASS" | "LEAK"
    ) {
        return None;
    }
    let (_, rest) = rest.split_once("s] ")?;
    let name = rest.split_whitespace().next_back()?;
    if word == "PASS" || word == "LEAK" {
        cursor.test = None;
        let shown = cursor.line(at + 1).map(str::trim_start);
        let is_shown =
            shown.is_some_and(|text| text.starts_with("stdout ─") || text.starts_with("stderr ─"));
        let indented = |line: &str| line.starts_with("  ") || line.trim().is_empty();
        let is_next = |line: &str| {
            line.trim_start()
                .split_once(" [")
                .is_some_and(|(_, rest)| rest.contains("s] "))
        };
        return Some(match is_shown {
            true => cursor.skip(at + 1, |line| indented(line) && !is_next(line)),
            false => at + 1,
        });
    }
    cursor.runner = Some("nextest");
    cursor.test = Some(name.to_owned());
    if word == "TIMEOUT" {
        let error = FoundError {
            kind: ErrorKind::Timeout,
            message: format!("{name} took too long and was ended"),
            tool: Some("nextest".to_owned()),
            test: cursor.test.clone(),
            ..FoundError::default()
        };
        cursor.add(at, error);
    } else {
        cursor.failed(at, name);
    }
    Some(at + 1)
}

/// Reads pytest's parts: `____ test_adds_up ____`, code, `E   what is wrong`, `tests/test_cart.py:12: AssertionError`.
fn pytest(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    if let Some(name) = banner(line, '_') {
        cursor.runner = Some("pytest");
        let name = [
            "ERROR at setup of ",
            "ERROR at teardown of ",
            "ERROR collecting ",
        ]
        .iter()
        .find_map(|start| name.strip_prefix(start))
        .unwrap_or(name);
        cursor.test = Some(name.to_owned());
        return pytest_part(cursor, at);
    }
    if banner(line, '=').is_some() && cursor.runner == Some("pytest") {
        cursor.test = None;
        return Some(at + 1);
    }
    // The sum at the end; `FAILED tests/a.py::test_b - why`.
    let rest = line
        .strip_prefix("FAILED ")
        .or_else(|| line.strip_prefix("ERROR "))?;
    let id = rest.split(" - ").next().unwrap_or(rest);
    if !id
        .split("::")
        .next()
        .is_some_and(|file| file.ends_with(".py"))
    {
        return None;
    }
    let name = id
        .split_once("::")
        .map_or(id.to_owned(), |(_, name)| name.replace("::", "."));
    cursor.runner = Some("pytest");
    cursor.failed(at, &name);
    Some(at + 1)
}

pub(super) fn banner(line: &str, c: char) -> Option<&str> {
    let inside = line.trim().trim_matches(c);
    let name = inside.strip_prefix(' ')?.strip_suffix(' ')?;
    (line.starts_with(c)
        && line.trim().ends_with(c)
        && line.len() >= inside.len() + 4
        && !name.is_empty())
    .then_some(name)
}

fn pytest_part(cursor: &mut Cursor<'_>, at: usize) -> Option<usize> {
    let mut next = at + 1;
    let (mut frames, mut said): (Vec<Frame>, Option<(usize, Vec<&str>)>) = (Vec::new(), None);
    while let Some(line) = cursor.line(next).filter(|_| next < at + MAX_LINES) {
        if banner(line, '_').is_some() || banner(line, '=').is_some() {
            break;
        }
        if let Some(text) = line.strip_prefix("E  ") {
            match &mut said {
                // A later group is what the first became.
                Some((last, lines)) if *last + 1 == next => {
                    *last = next;
                    lines.push(text);
                }
                Some(_) | None => said = Some((next, vec![text])),
            }
        } else if let Some((place, rest)) = line
            .split_once(": ")
            .or_else(|| Some((line.strip_suffix(": ")?, "")))
            && let Some(place) = Place::read(place)
            && !line.starts_with(' ')
        {
            let function = rest.strip_prefix("in ");
            frames.push(Frame::new(place, function));
        }
        next += 1;
    }
    let (last, lines) = said?;
    frames.reverse();
    frames.sort_by_key(|frame| !frame.is_own);
    let text = lines.join("\n");
    let first = lines.first().map_or("", |line| line.trim());
    let (name, message) = match first.split_once(": ") {
        Some((name, message)) if is_exception(name) => (Some(name), message),
        _ if is_exception(first) => (Some(first), first),
        _ => (None, first),
    };
    let asserted = first.starts_with("assert ") || name == Some("AssertionError");
    let kind = if asserted {
        ErrorKind::Assertion
    } else {
        of_exception(name.unwrap_or_default(), &text).unwrap_or(ErrorKind::TestFailure)
    };
    let error = FoundError {
        kind,
        message: message.to_owned(),
        code: name.map(str::to_owned),
        tool: Some("pytest".to_owned()),
        place: frames
            .first()
            .filter(|frame| frame.is_own)
            .map(|frame| frame.place.clone()),
        test: cursor.test.clone(),
        frames,
        ..FoundError::default()
    };
    cursor.add(last, error);
    Some(next)
}

fn is_exception(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_'))
        && [
            "Error",
            "Exception",
            "Exit",
            "Interrupt",
            "Warning",
            "Failed",
            "Expired",
        ]
        .iter()
        .any(|end| last.ends_with(end))
}

/// Reads `FAIL: test_adds_up (__main__.Sums.test_adds_up)`, below a line of `=`.
fn unittest(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let rest = line
        .strip_prefix("FAIL: ")
        .or_else(|| line.strip_prefix("ERROR: "))?;
    let above = cursor.line(at.checked_sub(1)?)?;
    if above.len() < 20 || !above.bytes().all(|c| c == b'=') {
        return None;
    }
    let name = rest.split(' ').next()?;
    cursor.runner = Some("unittest");
    cursor.test = Some(name.to_owned());
    cursor.failed(at, name);
    Some(at + 1)
}

/// Reads `FAIL src/total.test.js > total > adds up` (vitest) and `FAIL ./total.test.js` (jest).
fn script_file(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let rest = line.trim_start().strip_prefix("FAIL ")?.trim();
    let (file, name) = match rest.split_once(" > ") {
        Some((file, name)) => (file, Some(name)),
        None => (rest.split([' ', '[']).next()?, None),
    };
    if !file.contains('.') || file.contains(char::is_whitespace) {
        return None;
    }
    let file = file.strip_prefix("./").unwrap_or(file);
    // vitest names a file twice that fails as a whole: `src/a.test.js [ src/a.test.js ]`.
    let vitest = name.is_some() || rest.contains(" [ ");
    cursor.runner = Some(if vitest { "vitest" } else { "jest" });
    cursor.test_file = Some(file.to_owned());
    cursor.test = match (name, vitest) {
        (Some(name), _) => Some(name.to_owned()),
        // A file that cannot be loaded fails as a whole.
        (None, true) => Some(file.to_owned()),
        (None, false) => None,
    };
    if let Some(test) = cursor.test.clone() {
        cursor.failed(at, &test);
    }
    Some(at + 1)
}

/// Reads jest's parts: `● adds up`, what is wrong, code, `at Object.toBe (total.test.js:4:49)`.
fn jest(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let name = line.strip_prefix("  ● ")?;
    if cursor.runner != Some("jest") || name.starts_with("Console") {
        return None;
    }
    let name = if name == "Test suite failed to run" {
        cursor.test_file.clone().unwrap_or_default()
    } else {
        name.replace(" › ", " > ")
    };
    let (mut next, mut said, mut frames) = (at + 1, Vec::new(), Vec::new());
    while let Some(line) = cursor.line(next).filter(|_| next < at + MAX_LINES) {
        let text = line.trim();
        if line.starts_with("  ● ")
            || text.starts_with("Test Suites: ")
            || text.starts_with("FAIL ")
        {
            break;
        }
        if let Some(frame) = script_frame(line) {
            frames.push(frame);
        } else if frames.is_empty() && said.len() < 8 && !text.is_empty() {
            let is_code = text.starts_with(['>', '|'])
                || text
                    .split_once(" |")
                    .is_some_and(|(n, _)| line_number(n).is_some());
            if !is_code {
                said.push(text);
            }
        }
        next += 1;
    }
    let first = said.first().copied().unwrap_or_default();
    let (code, kind) = match script_header(first) {
        Some((name, message)) => (Some(name), of_exception(name, message)),
        None if first.starts_with("expect(") => (None, Some(ErrorKind::Assertion)),
        None => (None, of_text(&said.join(" "))),
    };
    frames.sort_by_key(|frame| !frame.is_own);
    let own = frames
        .first()
        .filter(|frame| frame.is_own)
        .map(|frame| frame.place.clone());
    let error = FoundError {
        kind: kind.unwrap_or(ErrorKind::TestFailure),
        message: match code {
            Some(_) => first
                .split_once(": ")
                .map_or(first, |(_, message)| message)
                .to_owned(),
            None => said.join(" "),
        },
        code: code.map(str::to_owned),
        tool: Some("jest".to_owned()),
        place: own.or_else(|| Place::new(cursor.test_file.as_deref()?, None, None)),
        test: Some(name),
        frames,
        ..FoundError::default()
    };
    cursor.add(at, error);
    Some(next)
}

/// Reads the test anything protocol, with what node and others write below a failure.
fn tap(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let rest = line.trim_start().strip_prefix("not ok ")?;
    let (_, name) = rest.split_once(" - ")?;
    if name.contains("# SKIP") || name.contains("# TODO") {
        return Some(at + 1);
    }
    let (mut next, mut said, mut place, mut code) = (at + 1, Vec::new(), None, None);
    let (mut frames, mut part) = (Vec::new(), "");
    while let Some(line) = cursor.line(next).filter(|_| next < at + MAX_LINES) {
        let text = line.trim();
        if text == "..."
            || text.starts_with("not ok ")
            || text.starts_with("ok ")
            || text.starts_with("# ")
        {
            break;
        }
        let quoted = |value: &str| value.trim_matches(['\'', '"']).to_owned();
        match text.split_once(": ") {
            Some(("location", value)) => place = Place::read(&quoted(value)),
            Some(("name", value)) => code = Some(quoted(value)),
            Some(("error", "|-")) => part = "error",
            Some(("error", value)) => said.push(quoted(value)),
            Some(("stack", _)) => part = "stack",
            Some((key, _)) if !key.contains(' ') && part != "stack" => part = "",
            _ if part == "error" && !text.is_empty() => said.push(text.to_owned()),
            _ if part == "stack" => frames.extend(script_frame(&format!("at {text}"))),
            _ => {}
        }
        next += 1;
    }
    frames.sort_by_key(|frame| !frame.is_own);
    let own = frames
        .first()
        .filter(|frame| frame.is_own)
        .map(|frame| frame.place.clone());
    let message = said.join(" ");
    let kind = of_exception(code.as_deref().unwrap_or_default(), &message);
    let error = FoundError {
        kind: kind.unwrap_or(ErrorKind::TestFailure),
        message: if message.is_empty() {
            format!("{name} failed")
        } else {
            message
        },
        code,
        tool: Some("tap".to_owned()),
        place: own.or(place),
        test: Some(name.to_owned()),
        frames,
        ..FoundError::default()
    };
    cursor.add(at, error);
    Some(next)
}

/// Reads `--- FAIL: TestAddsUp (0.00s)` and what the test said below it: `    main_test.go:10: got 5, want 6`.
fn go(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let text = line.trim_start();
    if let Some(rest) = text.strip_prefix("--- FAIL: ") {
        let name = rest.split(" (").next().unwrap_or(rest);
        cursor.runner = Some("go test");
        cursor.test = Some(name.to_owned());
        cursor.failed(at, name);
        return Some(at + 1);
    }
    // With `-v` a test's words come before its end.
    if let Some(name) = ["=== RUN ", "=== NAME ", "=== CONT "]
        .iter()
        .find_map(|start| text.strip_prefix(start))
    {
        cursor.runner = Some("go test");
        cursor.test = Some(name.trim().to_owned());
        return Some(at + 1);
    }
    // Names of files are told first, and which package they are of at its end.
    if let Some(rest) = text
        .strip_prefix("FAIL\t")
        .or_else(|| text.strip_prefix("ok  \t"))
    {
        cursor.of_go_package(rest.split(['\t', ' ']).next().unwrap_or(rest));
        return Some(at + 1);
    }
    if cursor.runner != Some("go test") || text.len() == line.len() {
        return None;
    }
    let (place, message) = text.split_once(": ")?;
    let place = Place::read(place).filter(|place| place.file.ends_with(".go"))?;
    let asserted = ["want", "expected", "Expected"]
        .iter()
        .any(|word| message.contains(word));
    let fallback = if asserted {
        ErrorKind::Assertion
    } else {
        ErrorKind::TestFailure
    };
    let error = FoundError {
        kind: of_text(message).unwrap_or(fallback),
        message: message.to_owned(),
        tool: Some("go test".to_owned()),
        place: Some(place),
        test: cursor.test.clone(),
        ..FoundError::default()
    };
    cursor.add(at, error);
    Some(at + 1)
}

/// Reads `[ERROR] addsUp(org.example.ShopTest)  Time elapsed: 0.01 s  <<< FAILURE!`; the exception follows.
fn surefire(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let rest = line.strip_prefix("[ERROR] ")?;
    if !rest.contains("<<< FAILURE!") && !rest.contains("<<< ERROR!") {
        if rest.starts_with("Failures:")
            || rest.starts_with("Errors:")
            || rest.starts_with("Tests run:")
        {
            cursor.test = None;
        }
        return None;
    }
    let (name, _) = rest.split_once("Time elapsed:")?;
    let name = name.trim().trim_end_matches("--").trim();
    if name.starts_with("Tests run:") {
        return Some(at + 1);
    }
    let name = match name.strip_suffix(')').and_then(|name| name.split_once('(')) {
        Some((method, class)) => format!("{class}.{method}"),
        None => name.to_owned(),
    };
    cursor.runner = Some("surefire");
    cursor.failed(at, &name);
    cursor.test = Some(name);
    Some(at + 1)
}
