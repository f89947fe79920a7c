//! What `hyperion request ARG` means.

use std::ffi::OsStr;
use std::fmt;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use hyperion_engine::intake::check_sentence;

use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::view::hint;

/// The most bytes that are read. The engine takes no more, and is not sent what it would break off.
const MAX_BYTES: u64 = hyperion_engine::intake::MAX_BYTES as u64;

/// Where a request is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Input,
    /// The argument itself.
    Sentence(String),
}

impl fmt::Display for Source {
    /// Writes what stands in front of an error.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}: ", path.display()),
            Self::Input => f.write_str("standard input: "),
            Self::Sentence(_) => Ok(()),
        }
    }
}

impl Source {
    /// Decides what an argument means.
    pub(super) fn of(arg: &OsStr, cx: &Cx) -> Result<Self, Failure> {
        Self::decide(arg, |path| cx.current_dir().join(path).exists())
    }

    fn decide(arg: &OsStr, exists: impl Fn(&Path) -> bool) -> Result<Self, Failure> {
        let path = Path::new(arg);
        if arg == "-" {
            return Ok(Self::Input);
        }
        if is_named_as_file(path) || (!arg.is_empty() && exists(path)) {
            return Ok(Self::File(path.to_path_buf()));
        }
        let Some(text) = arg.to_str() else {
            return Err(Failure::usage(format!(
                "there is no file {}",
                path.display()
            )));
        };
        check_sentence(text).map_err(|problem| Failure::of_problem(&problem, |_| None))?;
        // One word is a mistyped file or command far more often than a request.
        if text.split_whitespace().count() < 2 {
            return Err(Failure::usage(format!("there is no file `{text}`, and a single word is no request"))
                .hint("name a file, or write a sentence in quotes: hyperion request \"Fix the typo in README.md\""));
        }
        Ok(Self::Sentence(text.to_owned()))
    }

    /// Decides what an answer means: one word may be enough.
    pub(super) fn of_answer(arg: &OsStr, cx: &Cx) -> Result<Self, Failure> {
        match arg.to_str() {
            Some(text) if text.trim().is_empty() => Err(Failure::usage("the answer is empty")),
            Some(word) if word != "-" && !Self::is_file(Path::new(word), cx) => {
                Ok(Self::Sentence(word.to_owned()))
            }
            _ => Self::of(arg, cx),
        }
    }

    /// Decides where a new version is read from: a file, or standard input.
    pub(super) fn of_file(arg: &OsStr) -> Self {
        match arg == "-" {
            true => Self::Input,
            false => Self::File(Path::new(arg).to_path_buf()),
        }
    }

    fn is_file(path: &Path, cx: &Cx) -> bool {
        is_named_as_file(path) || cx.current_dir().join(path).exists()
    }

    /// Reads it.
    pub(in crate::commands) async fn read(&self, cx: &Cx) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Sentence(_) => Ok(Vec::new()),
            Self::File(path) => read_file(path, &cx.current_dir().join(path)),
            Self::Input => {
                if std::io::stdin().is_terminal() {
                    cx.output.say(&hint(
                        "reading a request from standard input; end it with Ctrl-D",
                    ));
                }
                let read = tokio::task::spawn_blocking(|| {
                    let mut bytes = Vec::new();
                    std::io::stdin()
                        .lock()
                        .take(MAX_BYTES + 1)
                        .read_to_end(&mut bytes)
                        .map(|_| bytes)
                });
                match read.await {
                    Ok(Ok(bytes)) if bytes.len() as u64 > MAX_BYTES => Err(too_large(self)),
                    Ok(Ok(bytes)) => Ok(bytes),
                    Ok(Err(error)) => Err(Failure::usage(format!(
                        "failed to read standard input: {error}"
                    ))),
                    Err(_) => Err(Failure::new(Exit::Failed, "failed to read standard input")),
                }
            }
        }
    }
}

fn is_named_as_file(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending == "json" || ending == "jsonl")
}

fn read_file(shown: &Path, path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::ErrorKind;
    let named = shown.display();
    if path.is_dir() {
        return Err(
            Failure::usage(format!("{named} is a folder, not a file with a request"))
                .hint("name a file in it"),
        );
    }
    match hyperion_host::read_bounded(path, MAX_BYTES) {
        Ok(bytes) => Ok(bytes),
        Err(hyperion_host::ReadError::TooLarge { .. }) => {
            Err(too_large(&Source::File(shown.to_path_buf())))
        }
        Err(hyperion_host::ReadError::Io { source, .. })
            if source.kind() == ErrorKind::NotFound =>
        {
            let hint = match is_named_as_file(shown) {
                true => "check the name; a sentence is given in quotes and does not end in .json",
                false => "check the name",
            };
            Err(Failure::usage(format!("there is no file {named}")).hint(hint))
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            Err(Failure::usage(format!(
                "failed to read {named}{}",
                cause.unwrap_or_default()
            )))
        }
    }
}

fn too_large(source: &Source) -> Failure {
    Failure::usage(format!(
        "{source}the input is larger than {} MiB",
        MAX_BYTES / 1024 / 1024
    ))
    .hint("split it into several files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_a_file_the_input_or_a_sentence() {
        let there = |path: &Path| path == Path::new("notes") || path == Path::new("a request");
        let decide = |arg: &str| {
            Source::decide(OsStr::new(arg), there).map_err(|failure| failure.to_string())
        };
        assert_eq!(decide("-").unwrap(), Source::Input);
        for file in ["notes", "a request", "missing.json", "sub/missing.jsonl"] {
            assert_eq!(decide(file).unwrap(), Source::File(file.into()));
        }
        let sentence = "Fix the typo in README.md";
        assert_eq!(decide(sentence).unwrap(), Source::Sentence(sentence.into()));
        for word in ["shwo", "README.md"] {
            assert!(decide(word).unwrap_err().contains("single word"), "{word}");
        }
        for nothing in ["", " ", " \n\t"] {
            assert_eq!(decide(nothing).unwrap_err(), "the request is empty");
        }
        assert_eq!(
            decide("fix \u{1b}[2J it").unwrap_err(),
            "the request has a control character (U+001B)"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| {
            read_file(Path::new(name), &folder.path().join(name))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(read("no.json"), "there is no file no.json");
        std::fs::create_dir(folder.path().join("folder.json")).unwrap();
        assert_eq!(
            read("folder.json"),
            "folder.json is a folder, not a file with a request"
        );
    }
}
