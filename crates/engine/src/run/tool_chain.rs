//! Which tool chains a check runs with: a verdict counts for those, and for no others.
//!
//! Nobody is asked for a version: a program that was replaced is another file, with another size or time. Managers of several versions
//! (rustup, pyenv) have one program for all of them; for these, what they note of the version that is chosen counts as well.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyperion_model::Digest;
use serde_json::{Value, json};

/// The programs of the presets.
const PROGRAMS: &[&str] = &[
    "cargo",
    "rustc",
    "rustup",
    "clippy-driver",
    "node",
    "npm",
    "pnpm",
    "yarn",
    "bun",
    "deno",
    "python",
    "python3",
    "pip",
    "uv",
    "poetry",
    "pytest",
    "tox",
    "go",
    "java",
    "javac",
    "mvn",
    "gradle",
    "ruby",
    "bundle",
    "php",
    "composer",
    "dotnet",
    "ghc",
    "cabal",
    "make",
    "cmake",
    "ninja",
    "cc",
    "gcc",
    "g++",
    "clang",
    "ld",
    "docker",
    "helm",
];
/// Where managers note which version is chosen, and which there are: the variable that names their folder, where it is below HOME, and
/// what of it is looked at; of a folder, the names in it.
const CHOSEN: &[(&str, &str, &[&str])] = &[
    (
        "RUSTUP_HOME",
        ".rustup",
        &["settings.toml", "toolchains", "update-hashes"],
    ),
    ("PYENV_ROOT", ".pyenv", &["version", "versions"]),
    ("RBENV_ROOT", ".rbenv", &["version", "versions"]),
    ("NVM_DIR", ".nvm", &["alias"]),
    ("VOLTA_HOME", ".volta", &["tools/user/platform.json"]),
    ("ASDF_DATA_DIR", ".asdf", &["installs"]),
    ("", "", &[".tool-versions", ".config/mise/config.toml"]),
];
/// The most names in a folder that are looked at.
const NAMES_MAX: usize = 200;
/// How long an answer counts.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What was found of late.
#[derive(Default)]
pub(crate) struct ToolChains(Mutex<Option<(Instant, Digest)>>);

impl ToolChains {
    /// Names the tool chains that programs find which have this environment.
    pub(crate) fn digest(&self, environment: &[(String, String)]) -> Digest {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match *known {
            Some((at, digest)) if now.saturating_duration_since(at) < LOOK_EVERY => digest,
            _ => known.insert((now, find(environment))).1,
        }
    }
}

fn find(environment: &[(String, String)]) -> Digest {
    let variable = |name: &str| {
        let found = environment.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    };
    let folders: Vec<_> = std::env::split_paths(variable("PATH").unwrap_or_default()).collect();
    let program = |name: &&str| {
        folders
            .iter()
            .map(|folder| folder.join(name))
            .find_map(|path| file(&path))
    };
    let mut found: Vec<Value> = PROGRAMS.iter().filter_map(program).collect();
    let home = variable("HOME").map(PathBuf::from);
    for (name, below_home, paths) in CHOSEN {
        let root = variable(name).map(PathBuf::from);
        let Some(root) = root.or_else(|| Some(home.as_ref()?.join(below_home))) else {
            continue;
        };
        for path in paths.iter().map(|path| root.join(path)) {
            found.extend(file(&path));
            found.extend(names_in(&path));
        }
    }
    Digest::of_json(&found.into())
}

/// What tells a file from another one in its place.
fn file(path: &Path) -> Option<Value> {
    let real = path.canonicalize().ok()?;
    let metadata = fs::metadata(&real).ok().filter(Metadata::is_file)?;
    let changed = (metadata.mtime(), metadata.mtime_nsec());
    Some(json!([
        path.to_string_lossy(),
        real.to_string_lossy(),
        metadata.len(),
        changed
    ]))
}

fn names_in(folder: &Path) -> Vec<Value> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.take(NAMES_MAX).map(|entry| entry.path()).collect();
    paths.sort();
    let told = |path: PathBuf| {
        let name = Value::from(path.to_string_lossy());
        file(&path).unwrap_or(name)
    };
    paths.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // M5: what a check found counts until a program that it may have run is another one.
    #[test]
    fn another_program_is_another_tool_chain() {
        let machine = tempfile::tempdir().unwrap();
        let path = |name: &str| machine.path().join(name);
        for folder in ["first", "second", "home/.rustup/update-hashes"] {
            fs::create_dir_all(path(folder)).unwrap();
        }
        let environment = [
            (
                "PATH",
                format!("{}:{}", path("first").display(), path("second").display()),
            ),
            ("HOME", path("home").display().to_string()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value));
        let mut before = find(&environment);
        let mut changes = |is_another: bool| {
            let now = find(&environment);
            assert_eq!(now != before, is_another);
            before = now;
        };
        changes(false);
        fs::write(path("second/cargo"), "1").unwrap();
        changes(true);
        fs::write(path("second/something"), "1").unwrap();
        changes(false);
        fs::write(path("first/cargo"), "1").unwrap();
        changes(true);
        // Behind the other one in PATH.
        fs::write(path("second/cargo"), "22").unwrap();
        changes(false);
        fs::write(path("first/cargo"), "22").unwrap();
        changes(true);
        fs::write(path("home/.rustup/update-hashes/stable"), "a").unwrap();
        changes(true);
        fs::write(path("home/.rustup/update-hashes/stable"), "bb").unwrap();
        changes(true);
    }
}
