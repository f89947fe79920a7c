//! Starts other programs: the only place in `xtask` that does.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, PipeReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How many bytes of one line are kept; a longer line is forwarded whole and remembered cut.
const KEPT_LINE_BYTES_MAX: usize = 4096;

/// Prepares `program` in `folder`, without standard input and without what `cargo run` told us
/// about our own package.
#[allow(
    clippy::disallowed_methods,
    reason = "xtask may not depend on `host`, and this is its only call"
)]
pub(crate) fn program(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if describes_this_package(&name) {
            command.env_remove(name);
        }
    }
    command
}

/// Prepares the same cargo that started us.
pub(crate) fn cargo(folder: &Path) -> Command {
    program(
        std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
        folder,
    )
}

/// Runs to the end with the terminal's own output.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command
        .status()
        .map_err(|error| format!("start {}: {error}", shown(command)))?;
    succeeded(command, status)
}

/// Runs to the end and returns standard output; the error carries standard error.
pub(crate) fn capture(command: &mut Command) -> Result<Vec<u8>, String> {
    let output = command
        .output()
        .map_err(|error| format!("start {}: {error}", shown(command)))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{} ended with {}: {}",
        shown(command),
        output.status,
        said.trim()
    ))
}

/// Runs to the end, shows standard error as it comes, and returns its last `kept_max` lines too.
pub(crate) fn run_keeping_stderr(
    command: &mut Command,
    kept_max: usize,
) -> (Result<(), String>, Vec<String>) {
    let mut child = match command.stderr(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return (Err(format!("start {}: {error}", shown(command))), vec![]),
    };
    let kept = match child.stderr.take() {
        Some(stderr) => forward(BufReader::new(stderr), &mut io::stderr(), kept_max),
        None => vec![],
    };
    let outcome = match child.wait() {
        Ok(status) => succeeded(command, status),
        Err(error) => Err(format!("wait for {}: {error}", shown(command))),
    };
    (outcome, kept)
}

/// How a command ended, and what it said.
pub(crate) struct Ended {
    /// Whether it ended well.
    pub(crate) well: bool,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

/// Runs to the end, whichever it is; one that takes longer than `limit` is killed.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<Ended, String> {
    let mut child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (stdout, stderr) = (read_all(child.stdout.take()), read_all(child.stderr.take()));
    // Both ends close when it ends, and whatever it started: nobody else holds them.
    let read = |from: &mpsc::Receiver<String>| from.recv_timeout(limit);
    let (Ok(stdout), Ok(stderr)) = (read(&stdout), read(&stderr)) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!(
            "{} took longer than {} s",
            shown(command),
            limit.as_secs()
        ));
    };
    let status = child.wait();
    let status = status.map_err(|error| format!("wait for {}: {error}", shown(command)))?;
    Ok(Ended {
        well: status.success(),
        stdout,
        stderr,
    })
}

fn read_all(from: Option<impl io::Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (all, whole) = mpsc::channel();
    thread::spawn(move || {
        let mut read = Vec::new();
        if let Some(mut from) = from {
            let _ = from.read_to_end(&mut read);
        }
        let _ = all.send(String::from_utf8_lossy(&read).into_owned());
    });
    whole
}

/// A program that serves until its input is closed, or it is dropped.
pub(crate) struct Service(Child);

impl Service {
    /// Starts it, and gives the first line that it says, to either stream, which has to come within `limit`.
    pub(crate) fn start(command: &mut Command, limit: Duration) -> Result<(Self, String), String> {
        let (said, to) = io::pipe().map_err(|error| format!("make a pipe: {error}"))?;
        let too = to.try_clone();
        let too = too.map_err(|error| format!("make a pipe: {error}"))?;
        let child = spawn(command.stdin(Stdio::piped()).stdout(to).stderr(too))?;
        // It holds the ends that the program writes to, and without it the reader sees when that is gone.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let service = Self(child);
        let line = first_line(said).recv_timeout(limit).ok();
        let line = line.filter(|line| !line.is_empty());
        match line {
            Some(line) => Ok((service, line)),
            None => Err(format!("{} did not come up", shown(command))),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads the first line, and goes on reading, so that whoever writes is never held up.
fn first_line(said: PipeReader) -> mpsc::Receiver<String> {
    let (first, line) = mpsc::channel();
    thread::spawn(move || {
        let mut said = BufReader::new(said);
        let mut text = String::new();
        let _ = said.read_line(&mut text);
        let _ = first.send(text.trim().to_owned());
        let _ = io::copy(&mut said, &mut io::sink());
    });
    line
}

fn spawn(command: &mut Command) -> Result<Child, String> {
    let child = command.spawn();
    child.map_err(|error| format!("start {}: {error}", shown(command)))
}

/// True if `program` can be started with `arguments` and ends well.
pub(crate) fn answers(name: impl AsRef<OsStr>, arguments: &[&str], folder: &Path) -> bool {
    program(name, folder)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn forward(mut from: impl BufRead, to: &mut impl Write, kept_max: usize) -> Vec<String> {
    let mut kept = std::collections::VecDeque::new();
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        // A closed terminal must not end the tests: their verdict is still wanted.
        let _ = to.write_all(&line);
        line.truncate(KEPT_LINE_BYTES_MAX);
        kept.push_back(String::from_utf8_lossy(&line).trim_end().to_owned());
        if kept.len() > kept_max {
            kept.pop_front();
        }
        line.clear();
    }
    kept.into()
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<(), String> {
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} ended with {status}", shown(command)))
    }
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or(program.as_os_str())];
    words.extend(command.get_args());
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    format!("`{}`", words.join(" "))
}

/// `cargo run` describes the started package in the environment; a nested cargo would hand that on
/// to build scripts, and they would run again for nothing.
fn describes_this_package(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_lines_and_forwards_all() {
        let mut seen = Vec::new();
        let kept = forward(&b"one\ntwo\nthree"[..], &mut seen, 2);
        assert_eq!(kept, ["two", "three"]);
        assert_eq!(seen, b"one\ntwo\nthree");
    }

    #[test]
    fn only_the_description_of_our_package_is_removed() {
        assert!(describes_this_package(&"CARGO_PKG_NAME".into()));
        assert!(describes_this_package(&"CARGO_MANIFEST_DIR".into()));
        assert!(!describes_this_package(&"CARGO_HOME".into()));
        assert!(!describes_this_package(&"CARGO_TERM_COLOR".into()));
    }

    #[test]
    fn a_failure_names_the_command_and_its_words() {
        let folder = std::env::temp_dir();
        let error = capture(program("git", &folder).args(["no-such-verb"])).unwrap_err();
        assert!(error.contains("`git no-such-verb` ended with"), "{error}");
        assert!(
            error.contains("no-such-verb' is not a git command"),
            "{error}"
        );
    }
}
