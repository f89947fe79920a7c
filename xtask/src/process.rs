//! Starts other programs: the only place in `xtask` that does.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

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
