//! MSBuild's form, which the compilers of .NET and Microsoft's C++ write: `Program.cs(7,13): error CS0029: … [app.csproj]`.

use super::cursor::Cursor;
use super::workspace::Origin;
use super::{ErrorKind, FoundError, Place, line_number, of_text};

pub(super) fn read(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let text = line.trim_start();
    // With several projects at a time a number stands before each line.
    let text = match text.split_once('>') {
        Some((number, rest)) if line_number(number).is_some() => rest,
        _ => text,
    };
    let (head, level, rest) = [": error ", ": warning "]
        .iter()
        .find_map(|level| Some((text.split_once(level)?, *level)))
        .map(|((head, rest), level)| (head.trim_end(), level, rest))?;
    let (code, message) = rest.split_once(": ")?;
    let digits = code.trim_start_matches(|c: char| c.is_ascii_uppercase());
    if digits.len() == code.len() || digits.len() < 3 || line_number(digits).is_none() {
        return None;
    }
    if level == ": warning " {
        return Some(at + 1);
    }
    let (message, project) = match message
        .strip_suffix("proj]")
        .and_then(|_| message.rsplit_once(" ["))
    {
        Some((message, project)) => (message, Some(project.trim_end_matches(']'))),
        None => (message, None),
    };
    let place = place(head);
    // A path that is not absolute is relative to the project.
    let folder = project.and_then(|project| project.rsplit_once('/'));
    let error = FoundError {
        kind: kind(code, digits, message),
        message: message.to_owned(),
        code: Some(code.to_owned()),
        tool: Some(
            if code.starts_with("CS") {
                "csc"
            } else {
                "msbuild"
            }
            .to_owned(),
        ),
        place,
        origin: folder.map(|(folder, _)| Origin::Folder {
            folder: folder.to_owned(),
            below: None,
        }),
        ..FoundError::default()
    };
    cursor.add(at, error);
    Some(at + 1)
}

/// Reads `Program.cs(7,13)`, `main.cpp(7)`, `a.fs(1,2,3,4)` and `app.csproj`.
fn place(head: &str) -> Option<Place> {
    let Some((file, numbers)) = head
        .strip_suffix(')')
        .and_then(|head| head.rsplit_once('('))
    else {
        return head.contains('.').then(|| Place::new(head, None, None))?;
    };
    let mut numbers = numbers.split(',').map(|number| line_number(number.trim()));
    Place::new(file, numbers.next().flatten(), numbers.next().flatten())
}

fn kind(code: &str, digits: &str, message: &str) -> ErrorKind {
    let number = line_number(digits).unwrap_or_default();
    match (code.strip_suffix(digits).unwrap_or_default(), number) {
        ("CS", 29 | 266 | 1503 | 19) | ("FS", 1) | ("BC", 30311 | 30512) => ErrorKind::Type,
        ("CS", 1001..=1003 | 1022 | 1026 | 1513 | 1514 | 1519 | 1525)
        | ("C", 2059 | 2143)
        | ("FS", 10) => ErrorKind::Syntax,
        ("C", 1083) | ("NU", _) => ErrorKind::Dependency,
        ("MSB" | "NETSDK", _) => of_text(message).unwrap_or_default(),
        _ => ErrorKind::Compile,
    }
}
