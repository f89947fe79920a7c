//! Builds the programs that measure.

use std::path::{Path, PathBuf};

use crate::process::{capture, cargo, run};

/// A program that prints figures.
pub(crate) enum Program {
    /// A bench target of one of our packages, with `harness = false`.
    Target {
        /// The package.
        package: &'static str,
        /// The target.
        bench: &'static str,
    },
    /// A cargo workspace of its own in a folder of `bench/peers`; its package has the folder's name.
    Workspace {
        /// The folder.
        folder: &'static str,
    },
}

impl Program {
    /// Builds it for speed and gives its path.
    pub(crate) fn build(&self, root: &Path) -> Result<PathBuf, String> {
        match self {
            Program::Target { package, bench } => build_target(root, package, bench),
            Program::Workspace { folder } => build_workspace(root, folder),
        }
    }
}

fn build_target(root: &Path, package: &str, bench: &str) -> Result<PathBuf, String> {
    let said = capture(cargo(root).args([
        "build",
        "--release",
        "--locked",
        "--quiet",
        "--message-format",
        "json",
        "--package",
        package,
        "--bench",
        bench,
    ]))?;
    executable(&String::from_utf8_lossy(&said), bench)
        .ok_or_else(|| format!("cargo built no program for the benchmark {bench} of {package}"))
}

/// Finds a bench target's program in what cargo said.
fn executable(said: &str, bench: &str) -> Option<PathBuf> {
    said.lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| {
            message["target"]["name"] == bench && message["target"]["kind"][0] == "bench"
        })
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

fn build_workspace(root: &Path, name: &str) -> Result<PathBuf, String> {
    let folder = root.join("bench").join("peers").join(name);
    let target = root.join("bench").join("target");
    run(cargo(&folder)
        .args(["build", "--release", "--locked", "--quiet", "--target-dir"])
        .arg(&target))?;
    Ok(target.join("release").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_bench_target_is_found_among_what_cargo_says() {
        let said = r#"{"reason":"compiler-artifact","target":{"name":"store","kind":["lib"]},"executable":null}
{"reason":"compiler-artifact","target":{"name":"store","kind":["bench"]},"executable":"/t/store-1"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(said, "store"), Some(PathBuf::from("/t/store-1")));
        assert_eq!(executable(said, "git"), None);
    }
}
