//! What could be done about an error (I2). Nothing of it is done here, and what changes a machine needs approval.

use serde::{Deserialize, Serialize};

use super::{ErrorKind, FoundError};

/// What could be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// What to do, in one line.
    pub what: String,
    /// A command that does it, where there is one.
    pub command: Option<String>,
    /// Whether that command must not be run unless a person agreed.
    pub needs_approval: bool,
}

impl Advice {
    /// What to do, without a command.
    pub(super) fn tip(what: &str) -> Self {
        Self {
            what: super::one_line(what),
            command: None,
            needs_approval: false,
        }
    }

    fn run(what: &str, command: String) -> Self {
        Self {
            command: Some(command),
            ..Self::tip(what)
        }
    }

    fn ask(what: &str, command: String) -> Self {
        Self {
            needs_approval: true,
            ..Self::run(what, command)
        }
    }
}

/// Says what could be done about an error; what a tool itself advises comes first.
pub(super) fn advice(error: &FoundError, command: Option<&str>) -> Option<Advice> {
    if error.advice.is_some() {
        return error.advice.clone();
    }
    let message = error.message.as_str();
    let tool = error.tool.as_deref().unwrap_or_default();
    let advice = match error.kind {
        ErrorKind::Permission => permission(message, error, command),
        ErrorKind::CommandNotFound if message.contains("is not a git command") => {
            Advice::tip("correct the name of git's command")
        }
        ErrorKind::CommandNotFound => {
            let name = missing_command(message)?;
            Advice::tip(&format!("install `{name}`, or correct its name or PATH"))
        }
        ErrorKind::Dependency => dependency(tool, message)?,
        ErrorKind::PortInUse => match port(message) {
            Some(port) => Advice::run(
                "find out who listens there, or take another port",
                format!("ss -ltnp 'sport = :{port}'"),
            ),
            None => Advice::tip("find out who listens there (`ss -ltnp`), or take another port"),
        },
        ErrorKind::DiskFull => Advice::run(
            "make room; see which file system is full",
            "df -h".to_owned(),
        ),
        ErrorKind::OutOfMemory => Advice::tip("give it more memory, or less to do at a time"),
        ErrorKind::Timeout => {
            Advice::tip("find out what it waited for; only then allow it more time")
        }
        ErrorKind::Network => Advice::tip(
            "see whether the name is right, the other side is up, and this machine may reach it",
        ),
        ErrorKind::MergeConflict => match &error.place {
            Some(place) if tool == "git" && message.starts_with("CONFLICT") => Advice::run(
                "resolve what stands between the conflict's marks, then go on",
                format!("git add -- '{}'", place.file.replace('\'', "'\\''")),
            ),
            Some(_) | None => Advice::tip("bring the change up to date with what it is applied to"),
        },
        ErrorKind::NotFound if error.test.is_some() && error.place.is_some() => {
            Advice::tip(&format!("look at {}", error.place.as_ref()?))
        }
        ErrorKind::NotFound => {
            Advice::tip("see whether the name is right and where the command ran")
        }
        ErrorKind::Unknown
            if message.starts_with("rejected") || message.contains("fetch first") =>
        {
            Advice::run(
                "take in what was pushed meanwhile, then push again",
                "git pull --rebase".to_owned(),
            )
        }
        ErrorKind::Unknown if message.contains("index.lock") => Advice::tip(
            "wait until the other git has ended; only if there is none, remove the lock",
        ),
        ErrorKind::Syntax | ErrorKind::Compile | ErrorKind::Type => {
            Advice::tip(&format!("correct {}", error.place.as_ref()?))
        }
        ErrorKind::TestFailure | ErrorKind::Assertion => match (&error.test, &error.place) {
            (_, Some(place)) => Advice::tip(&format!("look at {place}")),
            (Some(test), None) => Advice::tip(&format!("run {test} alone")),
            (None, None) => return None,
        },
        ErrorKind::Unknown => return None,
    };
    Some(advice)
}

fn permission(message: &str, error: &FoundError, command: Option<&str>) -> Advice {
    if message.contains("dubious ownership") {
        return Advice::tip("run git as the folder's owner");
    }
    if message.contains("read-only file system") || message.contains("Read-only file system") {
        return Advice::tip("write somewhere else: the file system is read-only");
    }
    let signs_in = [
        "publickey",
        "Authentication",
        "Username",
        "Password",
        "Host key",
    ];
    if signs_in.iter().any(|word| message.contains(word)) {
        return Advice::tip("sign in: a person has to set the credentials up");
    }
    let own = error.place.as_ref().filter(|place| {
        error.tool.as_deref() == Some("bash")
            && !place.file.starts_with('/')
            && place.line.is_none()
    });
    let script = message
        .strip_suffix(": Permission denied")
        .filter(|script| script.starts_with("./"));
    // The name is somebody else's words: one that a shell would read otherwise becomes no command.
    let script = script
        .or(own.map(|place| place.file.as_str()))
        .filter(|name| is_plain(name));
    if let Some(script) = script {
        return Advice::ask("make it executable", format!("chmod +x {script}"));
    }
    match command {
        Some(command)
            if !command.starts_with("sudo ")
                && !command.contains(['\n', ';', '|', '&', '>', '<']) =>
        {
            Advice::ask("run it with more rights", format!("sudo {command}"))
        }
        Some(_) | None => Advice {
            needs_approval: true,
            ..Advice::tip("run it with more rights, or give the file to whoever runs it")
        },
    }
}

/// Tells whether a shell reads a file's name as it stands there.
fn is_plain(name: &str) -> bool {
    !name.starts_with('-')
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'/'))
}

/// Finds the name of a program in `x: command not found` and its kin.
fn missing_command(message: &str) -> Option<&str> {
    let cut = [
        "command not found",
        "not found",
        "No such file or directory",
    ];
    let head = cut.iter().find_map(|words| message.strip_suffix(words));
    let name = match head {
        Some(head) => head.trim_end_matches([':', ' ']).rsplit(": ").next()?,
        None => message.split(['\'', '`', '"']).nth(1)?,
    };
    let name = name.trim_matches(['‘', '’', '\'']);
    (!name.is_empty() && !name.contains(' ')).then_some(name)
}

fn dependency(tool: &str, message: &str) -> Option<Advice> {
    let quoted = message
        .split(['\'', '`', '"', '‘', '’'])
        .nth(1)
        .filter(|name| is_package(name));
    let what = "install what is missing, if it is what it seems to be";
    let advice = match (tool, quoted) {
        ("python" | "pytest" | "unittest" | "mypy", Some(name)) => {
            let name = name.split('.').next().unwrap_or(name);
            Advice::ask(what, format!("pip install {name}"))
        }
        ("node" | "tsc" | "jest" | "vitest", Some(name)) if !name.starts_with(['.', '/']) => {
            Advice::ask(what, format!("npm install {name}"))
        }
        ("rustc" | "cargo", Some(name))
            if message.starts_with("unresolved import") || message.contains("can't find crate") =>
        {
            Advice::ask(
                what,
                format!("cargo add {}", name.split("::").next().unwrap_or(name)),
            )
        }
        ("npm", _) => Advice::tip("correct the name or the version in package.json"),
        ("pip", _) => Advice::tip("correct the name or the version of the package"),
        ("cargo", _) => Advice::tip("correct the name or the version in Cargo.toml"),
        ("gcc", _) => Advice::tip("install the library's headers, or correct the include path"),
        ("go", _) => Advice::ask("fetch what the sources import", "go mod tidy".to_owned()),
        (_, _) => Advice::tip("install what is missing, or correct its name"),
    };
    Some(advice)
}

fn is_package(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && !name.starts_with('-')
        && name.bytes().all(|c| {
            c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'/' | b'@' | b':')
        })
}

/// Finds a port in `127.0.0.1:8080` or `('127.0.0.1', 8080)`.
fn port(message: &str) -> Option<u16> {
    let end = message.trim_end_matches([')', '.', ']']);
    let digits = end.len() - end.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    end[end.len() - digits..]
        .parse()
        .ok()
        .filter(|port| *port > 0)
}
