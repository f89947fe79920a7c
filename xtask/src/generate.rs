//! The files in `docs/` that the product's binary writes about itself.

use crate::process::{capture, cargo, program};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// One kind of generated file: what to ask the binary for, and where its answer belongs.
pub(crate) struct Generated {
    /// The argument of `hyperion generate`.
    kind: &'static str,
    /// Where its files are, from the project's root.
    folder: &'static str,
    /// How the names of its files end; every such file in the folder is generated.
    ending: &'static str,
}

const GENERATED: &[Generated] = &[
    Generated {
        kind: "schemas",
        folder: "docs/schemas/",
        ending: ".json",
    },
    Generated {
        kind: "openapi",
        folder: "docs/",
        ending: "openapi.json",
    },
    Generated {
        kind: "who-may-call",
        folder: "docs/",
        ending: "who-may-call.md",
    },
    Generated {
        kind: "states",
        folder: "docs/",
        ending: "states.md",
    },
    Generated {
        kind: "cli",
        folder: "docs/",
        ending: "cli.md",
    },
    Generated {
        kind: "fail-points",
        folder: "docs/",
        ending: "fail-points.md",
    },
    Generated {
        kind: "config",
        folder: "docs/",
        ending: "configuration.md",
    },
];

/// True for the path of a generated file, whether or not it is still generated.
pub(crate) fn is_generated(path: &str) -> bool {
    GENERATED.iter().any(|generated| generated.owns(path))
}

impl Generated {
    fn owns(&self, path: &str) -> bool {
        path.strip_prefix(self.folder).is_some_and(|name| {
            name.strip_suffix(self.ending).is_some_and(|stem| {
                !name.contains('/') && (self.ending.starts_with('.') || stem.is_empty())
            })
        })
    }
}

/// Writes the generated files into the project, and removes those that are no longer generated.
pub(crate) fn write(root: &Path) -> Result<(), String> {
    let fresh = fresh(root, None)?;
    for generated in GENERATED {
        let folder = root.join(generated.folder);
        for name in names_in(&folder)? {
            let path = format!("{}{name}", generated.folder);
            if generated.owns(&path) && !fresh.contains_key(&path) {
                fs::remove_file(root.join(&path))
                    .map_err(|error| format!("remove {path}: {error}"))?;
                println!("removed {path}");
            }
        }
        fs::create_dir_all(&folder)
            .map_err(|error| format!("create {}: {error}", generated.folder))?;
    }
    for (path, text) in fresh {
        fs::write(root.join(&path), text).map_err(|error| format!("write {path}: {error}"))?;
        println!("wrote {path}");
    }
    Ok(())
}

/// Asks the binary (the given one, or the one cargo builds now) for all of them: path → text.
pub(crate) fn fresh(
    root: &Path,
    binary: Option<&Path>,
) -> Result<BTreeMap<String, String>, String> {
    let mut files = BTreeMap::new();
    for generated in GENERATED {
        // Below the project's own target folder: in its place for whatever cleans up there.
        let folder = root.join("target").join("generated").join(generated.kind);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(format!("remove {}: {error}", folder.display()));
            }
            _ => {}
        }
        fs::create_dir_all(&folder)
            .map_err(|error| format!("create {}: {error}", folder.display()))?;
        let mut command = match binary {
            Some(binary) => program(binary, root),
            None => {
                let mut command = cargo(root);
                command.args(["run", "--quiet", "--locked", "--package", "hyperion", "--"]);
                command
            }
        };
        capture(
            command
                .args(["generate", generated.kind, "--out"])
                .arg(&folder),
        )?;
        for name in names_in(&folder)? {
            let text = fs::read_to_string(folder.join(&name))
                .map_err(|error| format!("read generated {name}: {error}"))?;
            files.insert(format!("{}{name}", generated.folder), text);
        }
    }
    Ok(files)
}

fn names_in(folder: &Path) -> Result<Vec<String>, String> {
    let list = |error| format!("list {}: {error}", folder.display());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(list(error)),
    };
    let mut names = vec![];
    for entry in entries {
        names.extend(entry.map_err(list)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::is_generated;

    #[test]
    fn only_the_named_files_and_all_schemas_are_generated() {
        assert!(is_generated("docs/states.md"));
        assert!(is_generated("docs/cli.md"));
        assert!(is_generated("docs/schemas/task_request.v1.json"));
        assert!(!is_generated("docs/schemas/README.md"));
        assert!(!is_generated("docs/requirements.md"));
        assert!(!is_generated("docs/old-states.md"));
        assert!(!is_generated("docs/decisions/states.md"));
    }
}
