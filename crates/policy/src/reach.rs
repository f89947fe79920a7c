//! Tells whether anybody outside of a repository can call what a file declares.
//!
//! By the manifests and module declarations of the tree that a change starts from: a change cannot choose them. What is
//! not certain counts as callable.

use hyperion_model::facts::{ChangeFacts, ItemFacts};

use crate::exports;
use crate::language::Language;

/// Gives the text of a file of the tree; none where there is none, or none that can be read.
pub type ReadFile<'a> = dyn FnMut(&str) -> Option<String> + 'a;

/// Marks the items whose declarations nobody outside can call.
pub fn mark_internal(facts: &mut ChangeFacts, read: &mut ReadFile<'_>) {
    for item in facts
        .items
        .iter_mut()
        .filter(|item| exports::declares(item))
    {
        item.is_internal = is_internal(item, read);
    }
}

fn is_internal(item: &ItemFacts, read: &mut ReadFile<'_>) -> bool {
    let path = item.from_path.as_ref().unwrap_or(&item.path).as_str();
    match Language::of(path) {
        Language::Rust => rust(path, read),
        Language::Script => match nearest(path, "package.json", read) {
            Some((_, manifest)) => is_private_package(&manifest),
            None => false,
        },
        Language::Python => path
            .split('/')
            .any(|part| part.starts_with('_') && !part.starts_with("__")),
        Language::Go => {
            let text = read(path).unwrap_or_default();
            text.lines().any(|line| line.trim_end() == "package main")
        }
        _ => false,
    }
}

/// Finds the nearest file of a name, from the folder of a path upwards, with its folder (ending in `/`, or empty).
fn nearest(path: &str, name: &str, read: &mut ReadFile<'_>) -> Option<(String, String)> {
    let mut folder = path;
    loop {
        folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        let start = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        if let Some(text) = read(&format!("{start}{name}")) {
            return Some((start, text));
        }
        if folder.is_empty() {
            return None;
        }
    }
}

fn is_private_package(manifest: &str) -> bool {
    let manifest: Option<serde_json::Value> = serde_json::from_str(manifest).ok();
    manifest.is_some_and(|manifest| manifest["private"] == serde_json::Value::Bool(true))
}

/// A crate that is not published or has no library, or a module of one that its parent keeps to itself.
fn rust(path: &str, read: &mut ReadFile<'_>) -> bool {
    let Some((folder, manifest)) = nearest(path, "Cargo.toml", read) else {
        return false;
    };
    let lines = || {
        manifest
            .lines()
            .map(|line| line.split_whitespace().collect::<String>())
    };
    if lines().any(|line| line == "publish=false" || line == "publish=[]") {
        return true;
    }
    if lines().any(|line| line == "[lib]") || !lines().any(|line| line == "[package]") {
        return false;
    }
    let Some(root) = read(&format!("{folder}src/lib.rs")) else {
        return true;
    };
    let within = path.strip_prefix(&format!("{folder}src/"));
    let Some(within) = within.and_then(|within| within.strip_suffix(".rs")) else {
        return false;
    };
    let within = within.strip_suffix("/mod").unwrap_or(within);
    if within == "lib" {
        return false;
    }
    let mut parent = root;
    let mut above = format!("{folder}src");
    for module in within.split('/') {
        if keeps_to_itself(&parent, module) {
            return true;
        }
        above = format!("{above}/{module}");
        let text = read(&format!("{above}.rs")).or_else(|| read(&format!("{above}/mod.rs")));
        match text {
            Some(text) => parent = text,
            None => return false,
        }
    }
    false
}

/// Tells whether a module declares another without `pub`, and gives nothing of it on.
fn keeps_to_itself(parent: &str, module: &str) -> bool {
    let ends_with_it = |line: &str| {
        let line = line.trim_end().strip_suffix(';');
        line.and_then(|line| line.strip_suffix(module))
            .map(str::trim)
            .is_some_and(|before| {
                before == "mod" || (before.starts_with("pub(") && before.ends_with("mod"))
            })
    };
    let gives_on = parent.split("pub use ").skip(1).any(|given| {
        let given = given.split(';').next().unwrap_or(given);
        given
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .any(|name| name == module)
    });
    !gives_on && parent.lines().any(|line| ends_with_it(line.trim()))
}
