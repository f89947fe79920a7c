//! Patches: each is applied to what those before it make of the branch's files.

use std::collections::BTreeSet;

use base64::Engine as _;
use hyperion_api::task_request::{Change, Encoding, Operation};
use hyperion_api::{FieldError, Problem};
use hyperion_git::{Oid, TreePath};
use hyperion_patch::{Body, FileKind, FilePatch, ParseErrorKind, apply, render};

use hyperion_model::request::Request;

use super::mail::{self, Mail};
use super::words::{Said, all_of};
use super::{At, Found, Part};
use crate::change_set::materialise;
use crate::error::oid;
use crate::{Error, Sizes};

/// What is said of a patch that does not fit.
const REMEDY: &str = "make it again on the branch as it is now; or bring it into git with `git am -3` and hand the branch in with --branch";

impl At<'_> {
    /// Finds what a patch, or a series of them, changes.
    pub(super) fn patched(&self, text: &str, split: bool) -> Result<Found, Error> {
        self.patched_on(self.base_of(text)?, text, split)
    }

    /// Finds what a patch changes as the new version of a request: on the commit that this is made on.
    pub(super) fn patched_again(&self, text: &str, request: Box<Request>) -> Result<Found, Error> {
        let mut found = self.patched_on(oid(&request.submission.base)?, text, false)?;
        // A bare diff has no name of its own.
        let mails = mail::split(text).unwrap_or_default();
        if mails.iter().all(|mail| mail.subject.is_empty()) {
            found.title.clear();
        }
        found.revises = Some(request);
        Ok(found)
    }

    fn patched_on(&self, base: Oid, text: &str, split: bool) -> Result<Found, Error> {
        let mut mails = mail::split(text).map_err(|why| {
            Problem::new(
                "request.unprocessable",
                format!("the patch cannot be read: {why}"),
            )
            .hint("save it as `git format-patch` writes it, or commit it to a branch with `git am`")
        })?;
        // The mail in front of a series holds no patch; it speaks for all of them.
        let cover = match mails.as_slice() {
            [first, _, ..] if !holds_patch(first) => Some(mails.remove(0)),
            _ => None,
        };
        let several = mails.len() > 1;
        let mut parts = Vec::new();
        let mut onto = self.opened.git.tree_of(&base)?;
        let mut said = Vec::new();
        for (at, mail) in mails.iter().enumerate() {
            let name = match (several, mail.subject.as_str()) {
                (false, _) => "the patch".to_owned(),
                (true, "") => format!("patch {}", at + 1),
                (true, subject) => format!("patch {} ({subject})", at + 1),
            };
            let to = self.applied(mail, &name, &onto)?;
            let from = std::mem::replace(&mut onto, to.clone());
            let title = match mail.subject.as_str() {
                "" => format!("Apply {name}"),
                subject => subject.to_owned(),
            };
            let one = Said::new(&format!("{title}\n\n{}", mail.message), mail.from.clone());
            parts.push(Part {
                from,
                to,
                title: one.title.clone(),
                text: one.body(),
            });
            said.push(one);
        }
        let what = match parts.len() {
            1 => format!("the patch, on {base:.10}"),
            many => format!("{many} patches, on {base:.10}"),
        };
        let first = said
            .first()
            .map(|one| one.title.clone())
            .unwrap_or_default();
        let (title, mut text) = match cover {
            Some(cover) => {
                let cover = Said::new(
                    &format!("{}\n\n{}", cover.subject, cover.message),
                    String::new(),
                );
                let text = [cover.text.clone(), all_of(&said)].join("\n\n");
                (cover.title, text.trim().to_owned())
            }
            None => (first, all_of(&said)),
        };
        if !split && let (Some(from), true) = (parts.first().map(|part| part.from.clone()), several)
        {
            parts = vec![Part {
                from,
                to: onto,
                title: title.clone(),
                text: String::new(),
            }];
        } else if several {
            // Each of several tasks says for itself what it does.
            text.clear();
        } else if let [only] = parts.as_mut_slice() {
            only.text.clear();
        }
        Ok(Found {
            base,
            name: if several { "the series" } else { "the patch" }.to_owned(),
            what,
            title,
            text,
            parts,
            notes: Vec::new(),
            tip: None,
            revises: None,
        })
    }

    /// Finds the commit that patches were made on, where they say it and it is on the branch; else they meet the branch as
    /// it is.
    fn base_of(&self, text: &str) -> Result<Oid, Error> {
        let git = &self.opened.git;
        for line in text.lines().rev() {
            let Some(commit) = line.strip_prefix("base-commit: ") else {
                continue;
            };
            let commit = Oid::parse(commit.trim()).ok();
            let commit = commit.filter(|commit| git.exists(commit).unwrap_or(false));
            if let Some(commit) = commit
                && git.is_ancestor(&commit, &self.tip)?
            {
                return Ok(commit);
            }
        }
        Ok(self.tip.clone())
    }

    /// Applies one patch to a tree.
    fn applied(&self, mail: &Mail, name: &str, tree: &Oid) -> Result<Oid, Error> {
        // Whoever pastes a patch often loses the very last newline.
        let patch = format!("{}\n", mail.patch.strip_suffix('\n').unwrap_or(&mail.patch));
        let files = hyperion_patch::parse(patch.as_bytes()).map_err(|error| {
            let detail = format!("{name} is no patch that can be used: failed to {error}");
            Problem::new("request.unprocessable", detail)
                .hint("give it as `git diff` or `git format-patch` writes it")
        })?;
        let mut tree = tree.clone();
        // A file that is changed twice is changed one time after the other.
        let mut files = files.as_slice();
        while !files.is_empty() {
            let mut seen = BTreeSet::new();
            let is_new = |file: &&FilePatch| {
                let paths = [&file.old_path, &file.new_path];
                let paths: BTreeSet<_> = paths.into_iter().flatten().cloned().collect();
                let is_new = paths.is_disjoint(&seen);
                seen.extend(paths);
                is_new
            };
            let count = files.iter().take_while(is_new).count().max(1);
            let (now, later) = files.split_at(count);
            files = later;
            tree = self.files_applied(now, name, &tree)?;
        }
        Ok(tree)
    }

    fn files_applied(&self, files: &[FilePatch], name: &str, tree: &Oid) -> Result<Oid, Error> {
        let git = &self.opened.git;
        let mut changes = Vec::new();
        let mut errors = Vec::new();
        for file in files {
            let path = String::from_utf8_lossy(file.path());
            let path = path.escape_debug().to_string();
            match self.change(file, tree)? {
                Ok(change) => changes.push(change),
                Err(why) => errors.push(format!("{path}: {why}")),
            }
        }
        if errors.is_empty() {
            match materialise(self.cx, git, tree, &changes, &self.cx.settings.sizes)? {
                Ok(made) => {
                    return made.write(self.cx, git)?.ok_or_else(|| {
                        Problem::new("policy.refused", format!("{name} adds a secret"))
                            .hint("take it out of the patch; if it is real, revoke it")
                            .into()
                    });
                }
                Err(failures) => errors.extend(
                    failures
                        .into_iter()
                        .map(|failure| format!("{}: {}", failure.path, failure.detail)),
                ),
            }
        }
        let fields = |detail: &String| FieldError {
            pointer: String::new(),
            detail: detail.clone(),
        };
        let detail = match errors.as_slice() {
            [one] => format!("{name} does not fit {}: {one}", self.opened.repo.branch),
            several => format!(
                "{name} does not fit {} in {} places",
                self.opened.repo.branch,
                several.len()
            ),
        };
        let errors = match errors.as_slice() {
            [_] => Vec::new(),
            several => several.iter().map(fields).collect(),
        };
        Err(Problem::new("change_set.stale_base", detail)
            .errors(errors)
            .hint(REMEDY)
            .into())
    }

    /// Says of a file's patch what it changes, or why it cannot be.
    fn change(&self, file: &FilePatch, tree: &Oid) -> Result<Result<Change, String>, Error> {
        let name = |path: &Option<Vec<u8>>| {
            let path = path.clone().unwrap_or_default();
            String::from_utf8(path).map_err(|_| "its name is not UTF-8".to_owned())
        };
        let (old, new) = match (name(&file.old_path), name(&file.new_path)) {
            (Ok(old), Ok(new)) => (old, new),
            (Err(why), _) | (_, Err(why)) => return Ok(Err(why)),
        };
        if [file.old_mode, file.new_mode].contains(&Some(0o160_000)) {
            return Ok(Err("it is a submodule; move it by hand".to_owned()));
        }
        let (operation, path, from_path) = match file.kind {
            FileKind::Create => (Operation::Create, new, None),
            FileKind::Modify => (Operation::Modify, new, None),
            FileKind::ModeChange => (Operation::Chmod, new, None),
            FileKind::Delete => (Operation::Delete, old, None),
            FileKind::Rename { .. } => (Operation::Rename, new, Some(old)),
            FileKind::Copy { .. } => {
                return Ok(Err("it is a copy; make the patch without -C".to_owned()));
            }
        };
        let mut change = Change {
            operation,
            path,
            from_path,
            mode: None,
            base_hash: None,
            patch: None,
            content: None,
            encoding: Encoding::Utf8,
            result_hash: None,
        };
        if operation != Operation::Delete {
            let mode = file.new_mode.filter(|mode| file.old_mode != Some(*mode));
            change.mode = mode.map(|mode| format!("{mode:o}"));
        }
        match &file.body {
            Body::Empty if operation == Operation::Create => change.content = Some(String::new()),
            Body::Empty => {}
            // What is deleted has to be what the patch says.
            Body::Text(_) | Body::Binary(_) if operation == Operation::Delete => {
                if let Err(error) = apply(&self.bytes_at(&change.path, tree)?, file) {
                    return Ok(Err(format!("failed to {error}")));
                }
            }
            Body::Text(_) => match String::from_utf8(render(file)) {
                Ok(text) => change.patch = Some(text),
                Err(_) => return Ok(Err("its text is not UTF-8".to_owned())),
            },
            Body::Binary(binary) => {
                let before = change.from_path.as_ref().unwrap_or(&change.path);
                if !self.is_as_patched(before, file, tree)? {
                    let why = "the file is another one here than the patch was made for";
                    return Ok(Err(why.to_owned()));
                }
                match binary.apply(&self.bytes_at(before, tree)?) {
                    Ok(bytes) => {
                        let engine = base64::engine::general_purpose::STANDARD;
                        change.content = Some(engine.encode(bytes));
                        change.encoding = Encoding::Base64;
                    }
                    Err(error) => return Ok(Err(error.to_string())),
                }
            }
        }
        Ok(Ok(change))
    }

    /// Tells whether a file is the one that a binary patch was made for: its instructions fit any file of that length.
    fn is_as_patched(&self, path: &str, file: &FilePatch, tree: &Oid) -> Result<bool, Error> {
        let entry = self.opened.git.lookup(tree, &TreePath::from(path))?;
        Ok(match (&file.ids, entry) {
            (Some(ids), Some(entry)) => entry.oid.as_str().starts_with(&ids.old),
            (_, None) => true,
            (None, Some(_)) => false,
        })
    }

    /// Reads a file of a tree; one that is not there is empty, which is found out later.
    fn bytes_at(&self, path: &str, tree: &Oid) -> Result<Vec<u8>, Error> {
        let git = &self.opened.git;
        let entry = git.lookup(tree, &TreePath::from(path))?;
        match entry.filter(|entry| entry.mode.file_mode().is_some()) {
            Some(entry) => Ok(git.read_blob(&entry.oid, Sizes::ACCEPTED.max_file_bytes)?),
            None => Ok(Vec::new()),
        }
    }
}

/// Tells whether there is a patch in a mail, be it one that can be read or not.
fn holds_patch(mail: &Mail) -> bool {
    let parsed = hyperion_patch::parse(mail.patch.as_bytes());
    !parsed.is_err_and(|error| matches!(error.kind, ParseErrorKind::NoPatch))
}
