//! `cargo xtask dist`: an archive to install from, with completions, manual pages and the unit file.

use crate::process::{capture, cargo, program, run};
use std::fs;
use std::path::Path;

/// Shells for which there are completions, and what each calls its file.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "completions/hyperion.bash"),
    ("zsh", "completions/_hyperion"),
    ("fish", "completions/hyperion.fish"),
];

/// Files of the project that go along as they are.
const FILES: [&str; 4] = [
    "packaging/hyperion.service",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "CHANGELOG.md",
];

/// Builds the program as it is shipped, and packs it beside what an installation wants.
pub(crate) fn pack(root: &Path, target: &Path) -> Result<(), String> {
    run(cargo(root).args([
        "build",
        "--profile",
        "dist",
        "--locked",
        "--package",
        "hyperion",
    ]))?;
    let binary = target.join("dist").join("hyperion");
    let version = text(capture(program(&binary, root).arg("--version"))?)?;
    let version = version.trim().rsplit(' ').next().unwrap_or_default();
    let host = text(capture(
        program("rustc", root).args(["--print", "host-tuple"]),
    )?)?;
    let name = format!("hyperion-{version}-{}", host.trim());
    let dist = target.join("dist");
    let folder = dist.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .map_err(|error| format!("remove {}: {error}", folder.display()))?;
    }
    let make = |folder: &Path| {
        fs::create_dir_all(folder).map_err(|error| format!("make {}: {error}", folder.display()))
    };
    make(&folder.join("completions"))?;
    let copy = |from: &Path, to: &Path| {
        let copied = fs::copy(from, to).map(drop);
        copied.map_err(|error| format!("copy {} to {}: {error}", from.display(), to.display()))
    };
    copy(&binary, &folder.join("hyperion"))?;
    for file in FILES {
        let from = root.join(file);
        let to = folder.join(from.file_name().unwrap_or_default());
        copy(&from, &to)?;
    }
    for (shell, file) in COMPLETIONS {
        let script = capture(program(&binary, root).args(["completions", shell]))?;
        let to = folder.join(file);
        fs::write(&to, script).map_err(|error| format!("write {}: {error}", to.display()))?;
    }
    run(program(&binary, root)
        .args(["man", "--out"])
        .arg(folder.join("man")))?;
    let archive = dist.join(format!("{name}.tar.gz"));
    // Owned by nobody in particular, in one order: the same files make the same archive.
    run(program("tar", &dist)
        .args([
            "--sort=name",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "-czf",
        ])
        .arg(&archive)
        .arg(&name))?;
    println!("{}", archive.display());
    Ok(())
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| format!("what was printed is no text: {error}"))
}
