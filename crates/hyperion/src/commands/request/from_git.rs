//! `hyperion request --branch`, `--commits` and `--patch`: work that exists in git.

use std::ffi::OsString;

use hyperion_api::from_git::{FromGit, HandedIn, Work};
use hyperion_api::task_request::Priority;

use super::source::Source;
use crate::complete;
use crate::context::Cx;
use crate::failure::Failure;
use crate::id::IdArg;
use crate::output::visible::visible;
use crate::session::Session;
use crate::view::filed::Before;
use crate::view::hint;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Work that exists in git")]
pub(super) struct GitArgs {
    /// Hand in a branch: everything on it that the branch it lands on does not have
    #[arg(long, value_name = "NAME", group = "work", add = complete::branches())]
    branch: Option<String>,

    /// Hand in a range of commits, or one commit alone
    #[arg(long, value_name = "A..B", group = "work")]
    commits: Option<String>,

    /// Hand in a diff, or what `git format-patch` wrote, from files or standard input
    #[arg(long, value_name = "FILE|-", group = "work", num_args = 1..)]
    patch: Vec<OsString>,

    /// What it does, in one line; the commits tell when left out
    #[arg(long, value_name = "TEXT", requires = "work", value_parser = one_line)]
    title: Option<String>,

    /// Make each commit, or each patch, a task of its own, one on top of the other
    #[arg(long, requires = "work")]
    split: bool,
}

impl GitArgs {
    /// Reads what is to be handed in; none where the request is given otherwise.
    pub(super) async fn read(self, cx: &Cx) -> Result<Option<FromGit>, Failure> {
        let Self {
            branch,
            commits,
            patch,
            title,
            split,
        } = self;
        let from = match (branch, commits, patch.as_slice()) {
            (Some(name), _, _) => Work::Branch(name),
            (None, Some(range), _) => Work::Commits(range),
            (None, None, []) => return Ok(None),
            (None, None, files) => Work::Patch(read_patches(files, cx).await?),
        };
        Ok(Some(FromGit {
            title,
            split,
            ..plain(from)
        }))
    }
}

/// Work that exists in git and is the new version of a change that was sent back.
#[derive(Debug, clap::Args)]
pub(super) struct VersionArgs {
    /// Take the new version from a branch: everything on it that the branch it lands on does not have
    #[arg(long, value_name = "NAME", group = "version", add = complete::branches())]
    branch: Option<String>,

    /// Take it from a diff, or what `git format-patch` wrote
    #[arg(long, value_name = "FILE|-", group = "version")]
    patch: Option<OsString>,

    /// What it does from now on, in one line; otherwise as it was filed
    #[arg(long, value_name = "TEXT", requires = "version", value_parser = one_line)]
    title: Option<String>,
}

impl VersionArgs {
    /// Reads the new version of a request; none where it is given as a file.
    pub(super) async fn read(self, id: &IdArg, cx: &Cx) -> Result<Option<FromGit>, Failure> {
        let from = match (self.branch, self.patch) {
            (Some(name), _) => Work::Branch(name),
            (None, Some(file)) => Work::Patch(read_patches(&[file], cx).await?),
            (None, None) => return Ok(None),
        };
        Ok(Some(FromGit {
            title: self.title,
            revises: Some(id.as_str().to_owned()),
            ..plain(from)
        }))
    }
}

/// Work as it is, with nothing said of it.
fn plain(from: Work) -> FromGit {
    FromGit {
        from,
        title: None,
        split: false,
        repo: None,
        class: None,
        priority: Priority::default(),
        acceptance: Vec::new(),
        requires_approval: None,
        atomic: false,
        revises: None,
    }
}

/// Takes a title: one line that says something.
fn one_line(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("is empty"),
        line if line.contains(['\n', '\r']) => {
            Err("is more than one line; say the rest in the commit's message")
        }
        line => Ok(line.to_owned()),
    }
}

/// Reads patches one after the other, as one text.
async fn read_patches(files: &[OsString], cx: &Cx) -> Result<String, Failure> {
    let mut all = String::new();
    for file in files {
        let source = match file.to_str() {
            Some("-") => Source::Input,
            _ => Source::File(file.into()),
        };
        let text = String::from_utf8(source.read(cx).await?).map_err(|_| {
            Failure::usage(format!("{source}the patch is not UTF-8")).hint(
                "commit it to a branch with `git am` and hand that in: hyperion request --branch NAME",
            )
        })?;
        all.push_str(&text);
        if !all.ends_with('\n') {
            all.push('\n');
        }
    }
    Ok(all)
}

/// Says what was handed in; gives what is to be said where nothing was filed, because it was handed in before.
pub(in crate::commands) fn tell(session: &Session<'_>, filed: &HandedIn) -> Option<Before> {
    let output = &session.cx().output;
    if filed.again {
        return Some(Before {
            what: filed.what.clone(),
            notes: filed.notes.clone(),
        });
    }
    output.progress(&visible(&filed.what));
    for note in &filed.notes {
        output.say(&hint(note));
    }
    None
}
