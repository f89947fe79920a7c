//! The repository that landings and merges are measured on: made anew each time, always the same.
//!
//! Folders within folders, 50 small files in each, one commit; and changes to it, each of one line of another file.

#![allow(dead_code, reason = "no benchmark uses all of it")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How many lines a file has.
const LINES: usize = 20;

/// Makes a repository of so many files, with `main` checked out.
pub(crate) fn repository(folder: &Path, files: usize) -> PathBuf {
    let repo = folder.join(format!("repo-{files}"));
    let _ = std::fs::remove_dir_all(&repo);
    std::fs::create_dir_all(&repo).expect("make a folder");
    run(git(&repo).args(["init", "--quiet", "--initial-branch=main", "."]));
    for (name, value) in [
        ("user.name", "Bench"),
        ("user.email", "bench@localhost"),
        ("gc.auto", "0"),
    ] {
        run(git(&repo).args(["config", name, value]));
    }
    let mut stream = String::from(
        "commit refs/heads/main\ncommitter Bench <bench@localhost> 1700000000 +0000\n",
    );
    stream.push_str("data 5\nBegin\n");
    for number in 0..files {
        put(&mut stream, &path(number), &content(number, None));
    }
    import(&repo, &stream);
    run(git(&repo).args(["reset", "--quiet", "--hard", "main"]));
    repo
}

/// Names the file that a change is about; changes are spread over the folders.
pub(crate) fn changed(change: usize, files: usize) -> usize {
    (change * 7919) % files
}

/// Names a file.
pub(crate) fn path(number: usize) -> String {
    let (folder, file) = (number / 50, number % 50);
    format!(
        "part{:02}/area{:02}/file{file:02}.txt",
        folder / 20,
        folder % 20
    )
}

/// Writes a file, as it was or changed in one line.
pub(crate) fn content(number: usize, changed: Option<usize>) -> String {
    let mut text = String::new();
    for line in 0..LINES {
        match changed {
            Some(change) if line == LINES / 2 => {
                let _ = writeln!(text, "change {change} was here, in file {number}");
            }
            _ => {
                let _ = writeln!(text, "line {line} of file {number}");
            }
        }
    }
    text
}

/// Writes each change as a mail that `git am` takes, and gives their files in order.
pub(crate) fn mails(repo: &Path, folder: &Path, files: usize, changes: usize) -> Vec<PathBuf> {
    let mut stream = String::new();
    for change in 0..changes {
        let number = changed(change, files);
        let from = if change == 0 {
            "from refs/heads/main^0\n"
        } else {
            ""
        };
        let subject = format!("Change {change}\n");
        let _ = write!(
            stream,
            "commit refs/heads/changes\ncommitter Bench <bench@localhost> 1700000001 +0000\ndata {}\n{subject}\n{from}",
            subject.len()
        );
        put(&mut stream, &path(number), &content(number, Some(change)));
    }
    import(repo, &stream);
    std::fs::create_dir_all(folder).expect("make a folder");
    run(git(repo)
        .args(["format-patch", "--quiet", "-o"])
        .arg(folder)
        .arg("main..changes"));
    run(git(repo).args(["branch", "--quiet", "-D", "changes"]));
    let mut mails: Vec<_> = std::fs::read_dir(folder)
        .expect("list the mails")
        .map(|mail| mail.expect("list a mail").path())
        .collect();
    mails.sort();
    mails
}

/// A command as anybody would start it.
#[allow(
    clippy::disallowed_methods,
    reason = "what is measured against is started as anybody would start it"
)]
pub(crate) fn command(program: &Path) -> Command {
    Command::new(program)
}

/// A git command in a folder, whatever the settings of the person who measures.
pub(crate) fn git(folder: &Path) -> Command {
    let mut git = command(Path::new("git"));
    git.current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    git
}

/// Runs a command that has to work.
pub(crate) fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("start it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

fn put(stream: &mut String, path: &str, content: &str) {
    let _ = write!(
        stream,
        "M 100644 inline {path}\ndata {}\n{content}\n",
        content.len()
    );
}

fn import(repo: &Path, stream: &str) {
    let mut import = git(repo)
        .args(["fast-import", "--quiet", "--force"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("start git");
    let mut input = import.stdin.take().expect("the input of git");
    input.write_all(stream.as_bytes()).expect("write to git");
    drop(input);
    assert!(
        import.wait().expect("wait for git").success(),
        "git fast-import failed"
    );
}
