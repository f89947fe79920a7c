//! What becomes part of a branch: adding, committing, and taking back.

use std::fs;

use hyperion_api::Problem;
use hyperion_api::tool::git::{
    Add, AddResult, Commit, CommitResult, LeftOut, ResetFile, ResetResult,
};
use hyperion_git::{FileState, NewCommit, Signature, TreePath, with_trailers};
use hyperion_model::facts::Class;
use hyperion_policy::{Access, judge_commit, without_trailers};

use super::look::{names, require_agents};
use super::{CloneCall, first_reason, tree_path};
use crate::Error;
use crate::change_set::{change_facts, items_between};
use crate::tool::clones::unusable;

/// The most files that one call adds.
const ADD_MAX: usize = 5000;
/// The most paths that one call names.
const NAMED_MAX: usize = 1000;
/// The most paths that an answer names.
const TOLD_MAX: usize = 1000;
/// The most paths that a note names.
const NOTED_MAX: usize = 50;

pub(super) fn add(at: &CloneCall<'_>, wanted: &Add) -> Result<AddResult, Error> {
    let Add { files } = wanted;
    if files.is_empty() || files.len() > NAMED_MAX {
        let detail = format!("files names {} paths; give 1 to {NAMED_MAX}", files.len());
        return Err(Problem::new("input.invalid", detail)
            .hint("`.` names all of the clone")
            .into());
    }
    let mut wanted = Vec::new();
    for file in files {
        let is_all = matches!(file.as_str(), "." | "./");
        let path = if is_all {
            TreePath::from(".")
        } else {
            tree_path(file)?
        };
        // What is named is refused by name, also where it did not change.
        if let Some(why) = at
            .denied(&path.to_string(), Access::Write)
            .filter(|_| !is_all)
        {
            return Err(Problem::new("path.denied", why)
                .hint("work without it, or ask a person; nothing was added")
                .into());
        }
        wanted.push(path);
    }
    let found = at.clone.git.addable(&wanted).map_err(unusable)?;
    let (mut adding, mut protected, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for path in found {
        match may_add(at, &path) {
            Ok(is_protected) => {
                if is_protected {
                    protected.push(path.to_string());
                }
                adding.push(path);
            }
            Err(reason) => left_out.push(LeftOut {
                path: at.oversight.shown(path.to_string()),
                reason,
            }),
        }
    }
    if adding.len() > ADD_MAX {
        let detail = format!(
            "these are {} files; one call adds at most {ADD_MAX}",
            adding.len()
        );
        return Err(Problem::new("input.invalid", detail)
            .hint("add folder by folder; a change of more than 2000 files cannot land, so split it into several branches")
            .into());
    }
    if adding.is_empty() && left_out.is_empty() {
        let detail = "none of these differs from what was added or committed last; ignored files are never added";
        return Err(Problem::new("git.nothing", detail)
            .hint("`status` lists what changed")
            .into());
    }
    at.oversight.note(names(&adding, NOTED_MAX))?;
    if !adding.is_empty() {
        at.clone.git.add(&adding).map_err(unusable)?;
    }
    let count = adding.len() as u64;
    left_out.truncate(TOLD_MAX);
    protected.truncate(TOLD_MAX);
    Ok(AddResult {
        added: names(&adding, TOLD_MAX)
            .into_iter()
            .map(|name| at.oversight.shown(name))
            .collect(),
        count,
        protected,
        left_out,
    })
}

/// Says whether a file may be added, and whether the rules protect it.
fn may_add(at: &CloneCall<'_>, path: &TreePath) -> Result<bool, String> {
    let Some(name) = path.as_str() else {
        return Err("its name is not UTF-8".to_owned());
    };
    if name.ends_with('/') {
        return Err("it is another repository".to_owned());
    }
    let judged = at.judge(name, Access::Write);
    if judged.is_denied() {
        return Err(first_reason(&judged));
    }
    let max = at.cx.settings.sizes.max_file_bytes;
    match fs::symlink_metadata(at.clone.git.work().join(name)) {
        // Git would take the folder for a submodule.
        Ok(found) if found.is_dir() => Err("a folder is in the place of a file".to_owned()),
        Ok(found) if found.len() > max => Err(format!(
            "it has {} bytes; at most {max} (files.max_file_size_mb)",
            found.len()
        )),
        _ => Ok(!judged.is_allowed()),
    }
}

pub(super) fn commit(at: &CloneCall<'_>, wanted: &Commit) -> Result<CommitResult, Error> {
    let git = &at.clone.git;
    let (branch, head) = git.head()?;
    require_agents(branch.short(), "a commit")?;
    let message = without_trailers(&wanted.message).trim().to_owned();
    let tree = git.index_tree()?;
    let items = match items_between(&at.opened.git, &head, &tree)? {
        Ok(items) => items,
        Err(why) => {
            return Err(
                Problem::new("policy.refused", format!("that cannot land: {why}"))
                    .hint("take out what cannot go with resetFile, and commit again")
                    .into(),
            );
        }
    };
    if items.is_empty() {
        let states = git.states().map_err(unusable)?;
        let changed = states
            .iter()
            .filter(|state: &&FileState| state.unstaged.is_some());
        let detail = match changed.count() {
            0 => "nothing differs from the last commit".to_owned(),
            files => format!("nothing was added; {files} files differ from the last commit"),
        };
        return Err(Problem::new("git.nothing", detail)
            .hint("change files, then add them")
            .into());
    }
    let facts = change_facts(Class::Feature, &items, Vec::new(), false, false);
    let judged = judge_commit(&message, &facts, &at.rules, &at.cx.redactor);
    if !judged.is_allowed() {
        let code = judged.reasons.first().map_or("", |reason| reason.code);
        let code = match code {
            "secret.added" | "commit.secret" => "secret.added",
            code if code.starts_with("path.") => "path.denied",
            _ => "policy.refused",
        };
        let reasons: Vec<_> = judged
            .reasons
            .iter()
            .map(|reason| reason.detail.as_str())
            .collect();
        return Err(Problem::new(code, reasons.join("\n"))
            .hint("nothing was committed: correct it, add it again (or undo it with resetFile), and commit")
            .into());
    }
    let sign = |name: String| Signature {
        name,
        email: "hyperion@localhost".to_owned(),
        seconds: at.cx.now().as_second(),
        offset_minutes: 0,
    };
    let made = at.opened.git.commit(&NewCommit {
        tree,
        parents: vec![head.clone()],
        author: sign(format!("{} (agent)", at.oversight.session.actor.id())),
        committer: sign("Hyperion".to_owned()),
        message: with_trailers(
            &message,
            &[
                ("Agent", at.oversight.session.actor.id().as_str()),
                ("Clone", &at.clone.id.to_string()),
            ],
        ),
    })?;
    at.oversight
        .note(vec![branch.short().to_owned(), made.to_string()])?;
    git.move_branch(&branch, &made, Some(&head))?;
    Ok(CommitResult {
        commit: made.to_string(),
        branch: branch.short().to_owned(),
        subject: message.lines().next().unwrap_or_default().to_owned(),
        files: items.len() as u64,
    })
}

pub(super) fn reset(at: &CloneCall<'_>, wanted: &ResetFile) -> Result<ResetResult, Error> {
    let path = tree_path(&wanted.path)?;
    let (branch, _) = at.clone.git.head()?;
    require_agents(branch.short(), "a reset")?;
    if let Some(why) = at.denied(&wanted.path, Access::Write) {
        return Err(Problem::new("path.denied", why)
            .hint("work without it, or ask a person")
            .into());
    }
    let there = at.clone.git.work().join(&wanted.path);
    if fs::symlink_metadata(there).is_ok_and(|found| found.is_dir()) {
        let detail = format!("{} is a folder; one file is reset at a time", wanted.path);
        return Err(Problem::new("file.wrong_kind", detail)
            .hint("name a file in it; if a folder took a file's place, remove it first")
            .into());
    }
    let states = at.clone.git.states().map_err(unusable)?;
    match states.iter().find(|state| state.path == path) {
        None => {
            let detail = format!(
                "{} is as it was committed, or there is no such file",
                wanted.path
            );
            return Err(Problem::new("git.nothing", detail)
                .hint("`status` lists what changed")
                .into());
        }
        Some(state) if state.unstaged == Some('?') => {
            let detail = format!("{} was never committed nor added", wanted.path);
            return Err(Problem::new("git.nothing", detail)
                .hint("delete it if nobody needs it")
                .into());
        }
        Some(_) => {}
    }
    at.oversight.note(vec![wanted.path.clone()])?;
    let restored = at.clone.git.reset_file(&path).map_err(unusable)?;
    Ok(ResetResult {
        path: wanted.path.clone(),
        restored,
    })
}
