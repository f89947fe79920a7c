use crate::clock::BEGINNING_SEC;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Settings every call has, whatever the machine's own configuration says.
const SETTINGS: &[(&str, &str)] = &[
    ("init.defaultBranch", "main"),
    ("commit.gpgSign", "false"),
    ("core.autocrlf", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.quotePath", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    // Submodules in tests are other folders.
    ("protocol.file.allow", "always"),
];

/// Prepares git in `folder`, deaf to the configuration, hooks and variables of this machine.
///
/// Author, committer and their dates are fixed: the same steps give the same commit ids.
pub fn git_command(folder: impl AsRef<Path>) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    let date = format!("{BEGINNING_SEC} +0000");
    command
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_DATE", &date)
        .env("GIT_CONFIG_COUNT", SETTINGS.len().to_string());
    for (index, (key, value)) in SETTINGS.iter().enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{index}"), key);
        command.env(format!("GIT_CONFIG_VALUE_{index}"), value);
    }
    command
}

/// Runs git in `folder` and returns what it printed, without the last line break.
///
/// # Panics
/// When git fails, with what it said.
#[track_caller]
pub fn git(folder: impl AsRef<Path>, arguments: &[&str]) -> String {
    match try_git(folder, arguments) {
        Ok(said) => said,
        Err(error) => panic!("{error}"),
    }
}

/// Runs git in `folder` as [`git`] does; the error is what it said.
pub fn try_git(folder: impl AsRef<Path>, arguments: &[&str]) -> Result<String, String> {
    finish(git_command(folder).args(arguments))
}

/// Finds the different versions of git on this machine: those on `PATH` and in the usual folders.
///
/// For tests of what an older git does otherwise; most machines have one.
pub fn git_programs() -> Vec<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/bin", "/usr/local/bin", "/opt/git/bin"].map(PathBuf::from);
    let mut versions = vec![];
    let mut programs = vec![];
    for folder in std::env::split_paths(&on_path).chain(usual) {
        let program = folder.join("git");
        let Ok(answer) = Command::new(&program).arg("--version").output() else {
            continue;
        };
        if answer.status.success() && !versions.contains(&answer.stdout) {
            versions.push(answer.stdout);
            programs.push(program);
        }
    }
    programs
}

/// Runs a prepared git to its end.
pub(crate) fn finish(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|error| format!("start git: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(said.strip_suffix('\n').unwrap_or(&said).to_owned());
    }
    Err(format!(
        "git {} ended with {}: {said}{}",
        command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_of_git_is_found_once() {
        let versions = git_programs().into_iter().map(|program| {
            let answer = Command::new(program).arg("--version").output().unwrap();
            String::from_utf8(answer.stdout).unwrap()
        });
        let versions: Vec<_> = versions.collect();
        let mut different = versions.clone();
        different.sort();
        different.dedup();
        assert!(!versions.is_empty());
        assert_eq!(different.len(), versions.len(), "{versions:?}");
    }

    #[test]
    fn git_does_not_see_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        let seen = git(&folder, &["config", "--list", "--show-origin"]);
        assert!(
            seen.lines().all(|line| line.starts_with("command line:")),
            "{seen}"
        );
        let error = try_git(&folder, &["log"]).unwrap_err();
        assert!(
            error.contains("git log ended with") && error.contains("not a git repository"),
            "{error}"
        );
    }
}
