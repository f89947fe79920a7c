//! `hyperion init`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hyperion_api::repo::Repo;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::visible::visible;
use crate::output::wrap::{explained, wrapped};
use crate::output::{Format, FormatArgs};
use crate::view;

use super::repo::Which;

/// The file with a repository's checks.
const CONFIG: &str = "hyperion.toml";

/// Register a repository and say what to do next
///
/// Nothing in the repository changes, unless --write-config asks for a first hyperion.toml. That file is written into the work tree and not
/// committed, and one that is there already is never touched.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion init
  hyperion init ~/src/web --name web --branch main --write-config")]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// Write a first hyperion.toml, to be completed and committed by you
    #[arg(long)]
    write_config: bool,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let repo = args.which.register(session).await?;
        let named = cx
            .current_dir()
            .join(args.which.path.as_deref().unwrap_or_else(|| "".as_ref()));
        let top = work_tree_of(&named, Path::new(&repo.path));
        let top = top.as_path();
        let config = top.join(CONFIG);
        let bare = !top.join(".git").exists();
        let written = args.write_config && write_config(top, &config, bare)?;
        cx.output
            .show(args.format.format, &repo, view::repo::block)?;
        if args.format.format == Format::Table {
            let given = args
                .which
                .path
                .as_deref()
                .map(|path| format!("{} ", path.display()));
            let again = format!("hyperion init {}--write-config", given.unwrap_or_default());
            args.which.try_checks(session, &repo).await;
            cx.output.say_as_it_is(&advice(
                &repo,
                &again,
                written,
                config.exists(),
                cx.output.talk_width(),
            ));
        }
        Ok(Exit::Done)
    })
    .await
}

/// Finds the work tree that a person named a folder of; the repository's own where the folder is in none.
fn work_tree_of(named: &Path, repo: &Path) -> PathBuf {
    let named = named.canonicalize().unwrap_or_else(|_| named.to_owned());
    let top = named
        .ancestors()
        .find(|folder| folder.join(".git").exists() || *folder == repo);
    top.unwrap_or(repo).to_owned()
}

/// Writes the first configuration; false when there is one.
fn write_config(top: &Path, config: &Path, bare: bool) -> anyhow::Result<bool> {
    use std::io::{ErrorKind, Write as _};
    if bare {
        return Err(Failure::usage(format!(
            "{} has no work tree to write {CONFIG} into",
            top.display()
        ))
        .hint(format!("commit a {CONFIG} to its branch from a clone"))
        .into());
    }
    let text = starter(|name| top.join(name).exists());
    match std::fs::File::create_new(config) {
        Ok(mut file) => {
            file.write_all(text.as_bytes())
                .with_context(|| format!("write {}", config.display()))?;
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(|| format!("write {}", config.display())),
    }
}

/// Says what to do next.
fn advice(repo: &Repo, again: &str, written: bool, there: bool, width: Option<usize>) -> String {
    let explain = |command: &str, about: &str| explained(command, command, about, width) + "\n";
    let name = visible(&repo.name);
    let branch = visible(&repo.branch);
    let unchecked = repo.checks.as_ref().is_some_and(Vec::is_empty);
    let mut text = String::from("\nNext:\n");
    if written {
        let look = format!(
            "  Look through {CONFIG} and commit it to {branch}: checks count from the commit on.\n"
        );
        text.push_str(&wrapped(&look, width));
    } else if unchecked && there {
        let commit = format!(
            "  {CONFIG} names no check, or is not committed to {branch}: commit it, so that work is checked.\n"
        );
        text.push_str(&wrapped(&commit, width));
    } else if unchecked {
        let about = format!("writes a first {CONFIG} with checks to complete");
        text.push_str(&explain(&visible(again), &about));
    }
    text.push_str(&explain(
        "hyperion request --branch NAME",
        "hands in what is on a branch",
    ));
    text.push_str(&explain(
        "hyperion request FILE --wait",
        "files a request and sees it through",
    ));
    text.push_str(&explain(
        &format!("hyperion policy show --repo {name}"),
        "says what may land, and who has to agree",
    ));
    text
}

/// Tool chains by the file that gives them away, with a check worth having.
const CHECKS: &[(&str, &str, &str)] = &[
    ("Cargo.toml", "test", "cargo test --locked"),
    ("package.json", "test", "npm test"),
    ("pyproject.toml", "test", "python -m pytest"),
    ("go.mod", "test", "go test ./..."),
    ("Makefile", "make", "make test"),
];

/// Writes a first `hyperion.toml`, with checks for what is there.
fn starter(there: impl Fn(&str) -> bool) -> String {
    let mut text = String::from(
        "# How Hyperion checks this repository. It counts from the commit on that brings it to the branch,\n\
         # and a change to it always asks an admin.\n\n\
         # Every check runs on the merged result before anything lands; all have to pass.\n\
         [checks]\n",
    );
    let found: Vec<_> = CHECKS.iter().filter(|(file, ..)| there(file)).collect();
    let mut names = Vec::new();
    for (file, name, command) in &found {
        // Two tool chains cannot share a name.
        let name = if names.contains(name) {
            file.split('.').next().unwrap_or(name).to_ascii_lowercase()
        } else {
            names.push(name);
            (*name).to_owned()
        };
        text.push_str(&format!("{name} = \"{command}\"\n"));
    }
    if found.is_empty() {
        text.push_str("# test = \"./run-tests\"\n");
    }
    text.push_str(
        "\n# Who owns which paths; the last line that covers a path counts.\n\
         # [owners]\n\
         # \"src/billing/**\" = [\"ada\"]\n\n\
         # Narrows what this machine allows; it can never loosen it.\n\
         # [policy]\n\
         # paths.deny = [\"vendor/**\"]\n\
         # protected = [\"deploy/**\"]\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_starter_is_valid_and_names_the_checks_it_found() {
        insta::assert_snapshot!(starter(|name| name == "Cargo.toml" || name == "package.json"), @r#"
        # How Hyperion checks this repository. It counts from the commit on that brings it to the branch,
        # and a change to it always asks an admin.

        # Every check runs on the merged result before anything lands; all have to pass.
        [checks]
        test = "cargo test --locked"
        package = "npm test"

        # Who owns which paths; the last line that covers a path counts.
        # [owners]
        # "src/billing/**" = ["ada"]

        # Narrows what this machine allows; it can never loosen it.
        # [policy]
        # paths.deny = ["vendor/**"]
        # protected = ["deploy/**"]
        "#);
        for found in [
            &[][..],
            &["Cargo.toml"],
            &[
                "Cargo.toml",
                "package.json",
                "pyproject.toml",
                "go.mod",
                "Makefile",
            ],
        ] {
            let text = starter(|name| found.contains(&name));
            let document: toml_edit::DocumentMut = text.parse().unwrap();
            let checks = document["checks"].as_table().unwrap();
            assert_eq!(checks.len(), found.len(), "{text}");
            // What is commented out has to be valid as well.
            let uncommented: String = text
                .lines()
                .map(|line| {
                    let bare = line
                        .strip_prefix("# ")
                        .filter(|bare| bare.starts_with(['[', '"']) || bare.contains(" = "));
                    format!("{}\n", bare.unwrap_or(line))
                })
                .collect();
            uncommented
                .parse::<toml_edit::DocumentMut>()
                .unwrap_or_else(|error| panic!("{error}\n{uncommented}"));
        }
    }

    #[test]
    fn the_work_tree_is_the_one_that_was_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let at = |path: &str| root.join(path);
        for path in ["r/.git", "r/src", "linked/src", "bare"] {
            std::fs::create_dir_all(at(path)).unwrap();
        }
        std::fs::write(at("linked/.git"), "gitdir: ../r/.git/worktrees/linked\n").unwrap();
        for (named, repo, top) in [
            ("r/src", "r", "r"),
            ("r/.git", "r", "r"),
            ("linked/src", "r", "linked"),
            ("bare", "bare", "bare"),
        ] {
            assert_eq!(work_tree_of(&at(named), &at(repo)), at(top), "{named}");
        }
    }

    #[test]
    fn a_configuration_that_is_there_is_never_touched() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join(CONFIG);
        std::fs::write(&config, "mine").unwrap();
        assert!(!write_config(folder.path(), &config, false).unwrap());
        assert_eq!(std::fs::read_to_string(&config).unwrap(), "mine");
        std::fs::remove_file(&config).unwrap();
        assert!(write_config(folder.path(), &config, false).unwrap());
        assert!(write_config(folder.path(), &config, true).is_err());
    }
}
