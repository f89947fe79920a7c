use crate::repo::TempRepo;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What cargo adds to a published crate, and what was not in its repository.
const ADDED_BY_CARGO: &[&str] = &[".cargo-ok", ".cargo_vcs_info.json", "Cargo.toml.orig"];

/// Turns a published crate into a repository with some history: a commit for the top files, then
/// one for each folder. It has to be among our own dependencies, whose sources cargo keeps;
/// `None` otherwise.
///
/// For tests that need a repository nobody made for them: `published_crate("itoa")`.
pub fn published_crate(name: &str) -> Option<TempRepo> {
    let source = source_of(name)?;
    let mut groups: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for file in files_below(&source) {
        let file = file.strip_prefix(&source).expect("it was found there");
        if !ADDED_BY_CARGO.iter().any(|added| file == Path::new(added)) {
            let group = file.parent().unwrap_or(Path::new("")).to_owned();
            groups.entry(group).or_default().push(file.to_owned());
        }
    }
    let repo = TempRepo::new();
    for (folder, files) in groups {
        for file in files {
            let content = fs::read(source.join(&file)).expect("read a published file");
            repo.write(&file, content);
            let mode = fs::metadata(source.join(&file)).expect("look at a published file");
            let mode = fs::Permissions::from_mode(mode.permissions().mode() | 0o600);
            fs::set_permissions(repo.path().join(&file), mode).expect("keep its mode");
        }
        let what = match folder.to_str() {
            Some("") | None => name.to_owned(),
            Some(folder) => folder.to_owned(),
        };
        repo.commit_all(&format!("Add {what}"));
    }
    Some(repo)
}

fn source_of(name: &str) -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        // Sources for other machines were never fetched.
        .arg(format!(
            "--filter-platform={}-unknown-linux-gnu",
            std::env::consts::ARCH
        ))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .expect("start cargo");
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array()?.iter();
    let mut published = packages.filter(|package| package["source"].is_string());
    let package = published.find(|package| package["name"] == name)?;
    let manifest = Path::new(package["manifest_path"].as_str()?);
    Some(manifest.parent()?.to_owned())
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("list a published folder") {
            let entry = entry.expect("list a published folder");
            let kind = entry.file_type().expect("look at a published file");
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_crate_becomes_a_repository_with_history() {
        let repo = published_crate("itoa").expect("itoa is among our dependencies");
        assert!(
            repo.subjects("main").len() >= 2,
            "{:?}",
            repo.subjects("main")
        );
        assert!(repo.show("main", "src/lib.rs").contains("itoa"));
        assert!(!repo.files("main").contains(&".cargo-ok".to_owned()));
        assert!(repo.status().is_empty());
        assert!(published_crate("no-such-crate").is_none());
    }
}
