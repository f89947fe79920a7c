//! What a check that failed in its sandbox reached for, read from what it printed: a guess, for people.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hyperion_sandbox::Network;

/// How many guesses are told.
const TOLD_MAX: usize = 5;

/// What programs print when a name is not found, or nobody can be reached.
const NO_NETWORK: &[&str] = &[
    "could not resolve host",
    "couldn't resolve host",
    "temporary failure in name resolution",
    "name or service not known",
    "network is unreachable",
    "failed to lookup address",
    "enotfound",
    "eai_again",
    "enetunreach",
    "dial tcp: lookup",
    "no address associated with hostname",
    "unknownhostexception",
];

/// What they print when a file is not there, or not theirs.
const NO_FILE: &[&str] = &[
    "no such file",
    "permission denied",
    "read-only file system",
    "operation not permitted",
    "not found",
    "cannot find",
    "enoent",
    "eacces",
    "erofs",
    "eperm",
];

/// What they print when a container engine is not there.
const NO_CONTAINERS: &[&str] = &["docker daemon", "docker.sock", "podman.sock"];

/// Where a check ran.
pub(crate) struct Ran<'a> {
    /// What it reached.
    pub(crate) network: Network,
    /// Its lane: what is missing there is its own.
    pub(crate) lane: &'a Path,
    /// The HOME of the person.
    pub(crate) home: Option<&'a Path>,
    /// Whether something is at a path of the machine.
    pub(crate) exists: &'a dyn Fn(&Path) -> bool,
}

/// What a check needs that it did not have.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Each in words.
    pub(crate) told: Vec<String>,
    /// What it would ask for in `hyperion.toml`.
    pub(crate) asks: Option<&'static str>,
}

/// Guesses what a check needs that it did not have.
pub(crate) fn needs(output: &str, ran: &Ran<'_>) -> Needs {
    let mut told = Vec::new();
    let mut asks = None;
    let lower = output.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if ran.network < Network::On && says(NO_NETWORK) {
        told.push("it reached for the network".to_owned());
        asks = Some("network = \"on\"");
    }
    if says(NO_CONTAINERS) {
        told.push("it reached for a container engine, whose socket is kept from it".to_owned());
        asks = Some("sandbox = \"off\"");
    }
    let mut paths = BTreeSet::new();
    for line in output.lines() {
        let lower = line.to_lowercase();
        if NO_FILE.iter().any(|word| lower.contains(word)) {
            // The program that speaks comes first.
            let words = line.split(is_no_path).filter(|word| !word.is_empty());
            let mut words = words.peekable();
            let _ = words.next_if(|word| word.ends_with(':'));
            paths.extend(words.filter_map(|word| missed(word, ran)));
        }
    }
    if !paths.is_empty() {
        asks = asks.or(Some("sandbox = \"off\""));
    }
    told.extend(
        paths
            .iter()
            .map(|path| format!("it reached for {}, which is kept from it", path.display())),
    );
    told.truncate(TOLD_MAX);
    Needs { told, asks }
}

/// Gives the path that a word is, if the machine has it and the check did not.
fn missed(word: &str, ran: &Ran<'_>) -> Option<PathBuf> {
    let word = word.trim_end_matches(['.', ':']);
    let path = match word.strip_prefix("~/") {
        Some(below) => ran.home?.join(below),
        None => PathBuf::from(word),
    };
    let is_somewhere = path.is_absolute() && path.components().count() > 2;
    (is_somewhere && !path.starts_with(ran.lane) && (ran.exists)(&path)).then_some(path)
}

fn is_no_path(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(
            letter,
            '"' | '\'' | '`' | '(' | ')' | '[' | ']' | ',' | ';' | '=' | '‘' | '’'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missing_is_read_from_the_output() {
        let ran = |network| Ran {
            network,
            lane: Path::new("/c/lanes/1/work"),
            home: Some(Path::new("/h/p")),
            exists: &|path| {
                path.starts_with("/h/p/.foo")
                    || path.starts_with("/c/lanes")
                    || path.starts_with("/var/lib/x")
            },
        };
        let output = "curl: (6) Could not resolve host: example.org\n\
            cat: /h/p/.foo/key: No such file or directory\n\
            open '/var/lib/x': Permission denied\n\
            Error: ENOENT: no such file or directory, open '/c/lanes/1/work/gone'\n\
            /var/lib/x/sh: 1: ./other: not found\n\
            reading /h/p/.foo/fine\n";
        insta::assert_snapshot!(needs(output, &ran(Network::Off)).told.join("\n"), @r#"
        it reached for the network
        it reached for /h/p/.foo/key, which is kept from it
        it reached for /var/lib/x, which is kept from it
        "#);
        assert_eq!(
            needs(output, &ran(Network::Off)).asks,
            Some("network = \"on\"")
        );
        assert_eq!(
            needs(output, &ran(Network::On)).asks,
            Some("sandbox = \"off\"")
        );
        let own = needs("assertion failed: 1 == 2", &ran(Network::Off));
        assert_eq!(own, Needs::default());
    }
}
