//! Builds the programs that measure.

use std::path::{Path, PathBuf};

use crate::process::{capture, cargo, run};
use crate::test::target_folder;
use crate::tools::{ensure_node, ensure_npm, ensure_python};

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
    /// An MCP server that others wrote, at the hands of the same client as ours.
    McpServer(McpServer),
    /// supervisord, measured by the same program as ours.
    Supervisord(Python),
}

/// A server that is installed, with what it needs, below the target folder.
pub(crate) enum McpServer {
    /// A package of npm, its version, and the file in it that Node starts.
    Npm(&'static str, &'static str, &'static str),
    /// A package of PyPI.
    Python(Python),
}

/// A package of PyPI, its version, and the words behind `python3`.
pub(crate) struct Python(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static [&'static str],
);

/// A program that was built.
pub(crate) struct Built {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it has to find in its environment.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Program {
    /// Builds it for speed.
    pub(crate) fn build(&self, root: &Path) -> Result<Built, String> {
        let plain = |path| Built {
            path,
            variables: Vec::new(),
        };
        match self {
            Program::Target { package, bench } => build_target(root, package, bench).map(plain),
            Program::Workspace { folder } => build_workspace(root, folder).map(plain),
            Program::McpServer(server) => {
                let (name, command) = server.install(root)?;
                Ok(Built {
                    path: build_target(root, "hyperion", "mcp")?,
                    variables: vec![
                        ("HYPERION_BENCH_SERVER", name),
                        ("HYPERION_BENCH_COMMAND", command.join("\n")),
                    ],
                })
            }
            Program::Supervisord(package) => Ok(Built {
                path: build_target(root, "hyperion", "supervise")?,
                variables: vec![(
                    "HYPERION_BENCH_SUPERVISORD",
                    package.install(root)?.join("\n"),
                )],
            }),
        }
    }
}

impl McpServer {
    /// Gives its short name, and the words that start it, less the folder.
    fn install(&self, root: &Path) -> Result<(String, Vec<String>), String> {
        let target = target_folder(root)?;
        match self {
            McpServer::Npm(package, version, start) => {
                let node = ensure_node(root, &target)?;
                let folder = ensure_npm(&node, (package, version), root, &target)?;
                let name = package.rsplit('/').next().unwrap_or(package);
                let words = [node.program, folder.join(start)];
                Ok((
                    name.to_owned(),
                    words.map(|word| word.display().to_string()).into(),
                ))
            }
            McpServer::Python(package) => Ok((package.0.to_owned(), package.install(root)?)),
        }
    }
}

impl Python {
    /// Gives the words that start it.
    fn install(&self, root: &Path) -> Result<Vec<String>, String> {
        let Python(package, version, words) = self;
        let folder = ensure_python((package, version), root, &target_folder(root)?)?;
        let path = format!("PYTHONPATH={}", folder.display());
        // Itself, and not what chooses among several: that takes time which is not the program's.
        let tell = ["-c", "import sys; print(sys.executable)"];
        let python = capture(crate::process::program("python3", root).args(tell))?;
        let python = String::from_utf8_lossy(&python).trim().to_owned();
        let mut command = vec!["/usr/bin/env".to_owned(), path, python];
        command.extend(words.iter().map(|word| (*word).to_owned()));
        Ok(command)
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
