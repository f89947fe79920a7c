//! Three-way merges without a work tree.
//!
//! A merge must not depend on anybody's mess: it runs in Hyperion's own bare folder with pinned settings, and the
//! attributes (`merge=union`, `-text`, …) come from the tip alone. How they get there depends on git's age:
//! `--attr-source` names the tree; an older git reads them from a work tree, so the tip's `.gitattributes` files, and
//! nothing else, are laid out in a private one. Merge drivers are programs of the user's machine and are not run; git
//! then merges such files as text.
//!
//! `merge-tree --stdin` does not flush after a clean merge. Each question is therefore followed by a merge of one side
//! with itself: when its answer begins, the answer before it is complete.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use hyperion_host::CoProcess;

use crate::call::LONG;
use crate::commit::{NewCommit, Signature};
use crate::error::GitError;
use crate::helper::{Conversation, Helper};
use crate::oid::Oid;
use crate::path::TreePath;
use crate::read::Renames;
use crate::store::RepoStore;
use crate::tree::Mode;

/// After so many merges the process is replaced: it never gives memory back.
const MERGES_PER_PROCESS: u32 = 500;

/// The most files in conflict that are told.
pub const CONFLICT_FILES_MAX: usize = 1_000;

/// The three sides of a merge; each is a commit or a tree.
#[derive(Debug, Clone, Copy)]
pub struct MergeSides<'a> {
    /// What both come from.
    pub base: &'a Oid,
    /// The tip, or a candidate on it.
    pub ours: &'a Oid,
    /// The change.
    pub theirs: &'a Oid,
    /// Whose `.gitattributes` count: the tip of the target branch.
    pub attributes: &'a Oid,
}

/// What a merge came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// Both sides fit together.
    Clean {
        /// The result.
        tree: Oid,
    },
    /// They do not.
    Conflict(Vec<ConflictFile>),
}

/// One side of a file in conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictSide {
    /// What it is.
    pub mode: Mode,
    /// Its content.
    pub oid: Oid,
}

/// A file in conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictFile {
    /// Where.
    pub path: TreePath,
    /// What both sides come from.
    pub base: Option<ConflictSide>,
    /// The tip's side.
    pub ours: Option<ConflictSide>,
    /// The change's side.
    pub theirs: Option<ConflictSide>,
    /// Git's word for it, such as `contents` or `modify/delete`; `add/add` where both made the file.
    pub kind: String,
    /// What happened, in one sentence; the sides are called "the branch" and "the change".
    pub message: String,
    /// The file with conflict markers, where there is one.
    pub merged: Option<Oid>,
}

/// The merging process and what it was started with.
#[derive(Debug)]
pub(crate) struct Merger {
    helper: Helper,
    session: Mutex<Session>,
}

#[derive(Debug, Default)]
struct Session {
    attributes: Option<Oid>,
    merges: u32,
}

impl Merger {
    pub(crate) fn new() -> Self {
        Self {
            helper: Helper::new("merge-tree"),
            session: Mutex::new(Session::default()),
        }
    }

    pub(crate) fn stop(&self) {
        self.helper.stop();
    }
}

impl RepoStore {
    /// Merges two sides in memory.
    pub fn merge(&self, sides: &MergeSides<'_>) -> Result<Merged, GitError> {
        // A bad id would end the process, so each is looked up first.
        let MergeSides {
            base,
            ours,
            theirs,
            attributes,
        } = *sides;
        let (base, ours, theirs) = (
            self.tree_of(base)?,
            self.tree_of(ours)?,
            self.tree_of(theirs)?,
        );
        let attributes = self.tree_of(attributes)?;
        if ours == theirs || theirs == base {
            return Ok(Merged::Clean { tree: ours });
        }
        if ours == base {
            return Ok(Merged::Clean { tree: theirs });
        }
        let (ours, theirs, before) = if self.git.features().merges_trees {
            (ours, theirs, Some(base))
        } else {
            // Git finds the base by history, so the sides get a history of three throw-away commits.
            let root = self.stand_in(&base, &[])?;
            let ours = self.stand_in(&ours, std::slice::from_ref(&root))?;
            (ours, self.stand_in(&theirs, &[root])?, None)
        };
        let (question, again) = match before {
            Some(base) => (
                format!("{base} -- {ours} {theirs}\n"),
                format!("{ours} -- {ours} {ours}\n"),
            ),
            None => (format!("{ours} {theirs}\n"), format!("{ours} {ours}\n")),
        };
        let mut session = self
            .merger
            .session
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if session.merges >= MERGES_PER_PROCESS || !self.serves(&session, &attributes)? {
            self.merger.helper.stop();
            *session = Session {
                attributes: Some(attributes.clone()),
                merges: 0,
            };
        }
        session.attributes = Some(attributes.clone());
        session.merges += 1;
        let answer = self.merger.helper.ask(
            || self.start_merger(&attributes),
            |talk| {
                talk.say(format!("{question}{again}").as_bytes())?;
                let answer = Answer::hear(talk)?;
                // The check merge: its own closing NUL is never flushed and stands before the next answer.
                Answer::hear_echo(talk)?;
                Ok(answer)
            },
        );
        drop(session);
        let mut answer = answer?;
        for message in &mut answer.messages {
            // Git calls the sides what it was asked for, and nobody knows these ids.
            message.text = message
                .text
                .replace(ours.as_str(), "the branch")
                .replace(theirs.as_str(), "the change");
        }
        self.judged(answer)
    }

    /// Whether the running process has the attributes of this tip: those of another do where they are the same.
    fn serves(&self, session: &Session, attributes: &Oid) -> Result<bool, GitError> {
        let Some(known) = &session.attributes else {
            return Ok(false);
        };
        // What is not there any more cannot be compared: a fresh process has what it needs.
        let Ok(changes) = self.diff_trees(known, attributes, Renames::Off) else {
            return Ok(false);
        };
        Ok(!changes
            .iter()
            .any(|change| change.path.components().last() == Some(b".gitattributes")))
    }

    fn judged(&self, answer: Answer) -> Result<Merged, GitError> {
        let Answer {
            clean,
            tree,
            stages,
            messages,
        } = answer;
        if clean {
            return Ok(Merged::Clean { tree });
        }
        let mut files: BTreeMap<TreePath, ConflictFile> = BTreeMap::new();
        for Stage { path, number, side } in stages {
            let file = files
                .entry(path.clone())
                .or_insert_with(|| ConflictFile::at(path));
            match number {
                b'1' => file.base = Some(side),
                b'2' => file.ours = Some(side),
                _ => file.theirs = Some(side),
            }
        }
        for Message { paths, kind, text } in messages {
            let Some(kind) = kind
                .strip_prefix("CONFLICT (")
                .and_then(|kind| kind.strip_suffix(')'))
            else {
                continue;
            };
            for path in paths {
                let file = files
                    .entry(path.clone())
                    .or_insert_with(|| ConflictFile::at(path));
                if file.kind.is_empty() {
                    kind.clone_into(&mut file.kind);
                    text.trim_end().clone_into(&mut file.message);
                }
            }
        }
        let mut told = Vec::new();
        for (path, mut file) in files.into_iter().take(CONFLICT_FILES_MAX) {
            let in_result = self
                .lookup(&tree, &path)?
                .filter(|entry| entry.mode.file_mode().is_some());
            file.merged = in_result.map(|entry| entry.oid);
            file.say_who_did_what();
            told.push(file);
        }
        Ok(Merged::Conflict(told))
    }

    /// A commit nobody sees; equal input gives the same one, so repeated merges leave nothing new behind.
    fn stand_in(&self, tree: &Oid, parents: &[Oid]) -> Result<Oid, GitError> {
        let nobody = Signature {
            name: "Hyperion".to_owned(),
            email: "hyperion@localhost".to_owned(),
            seconds: 0,
            offset_minutes: 0,
        };
        self.commit(&NewCommit {
            tree: tree.clone(),
            parents: parents.to_vec(),
            author: nobody.clone(),
            committer: nobody,
            message: "stands in for one side of a merge".to_owned(),
        })
    }

    fn start_merger(&self, attributes: &Oid) -> Result<CoProcess, GitError> {
        let call = if self.git.features().attribute_source {
            self.own_call("merge-tree")
                .setting(format!("--attr-source={attributes}"))
        } else {
            let folder = self.attributes_laid_out(attributes)?;
            self.git
                .call("merge-tree", &folder)
                .git_dir(&self.git_dir())
                .env("GIT_WORK_TREE", &folder)
        };
        call.args(["--stdin", "-z", "--messages"]).start()
    }

    /// Lays the tip's `.gitattributes` files out in a folder of their own.
    fn attributes_laid_out(&self, tree: &Oid) -> Result<PathBuf, GitError> {
        const ATTRIBUTES_MAX_BYTES: u64 = 1024 * 1024;
        let parent = self.scratch().join("attributes");
        // One at a time is enough; the process that read the last one is gone by now.
        hyperion_host::remove_tree(&parent).map_err(GitError::io(&parent))?;
        let folder = parent.join(tree.as_str());
        fs::create_dir_all(&folder).map_err(GitError::io(&folder))?;
        let listed = self
            .own_call("ls-tree")
            .args(["-r", "-z", tree.as_str()])
            .wall(LONG)
            .output()?;
        for line in listed.split(|byte| *byte == 0) {
            let Some(tab) = line.iter().position(|byte| *byte == b'\t') else {
                continue;
            };
            let (meta, path) = line.split_at(tab);
            let path = TreePath::from(path.get(1..).unwrap_or_default());
            if path.components().last() != Some(b".gitattributes") || !meta.starts_with(b"100") {
                continue;
            }
            let oid = String::from_utf8_lossy(meta)
                .rsplit(' ')
                .next()
                .and_then(|oid| Oid::parse(oid).ok());
            let oid = oid.ok_or_else(|| GitError::unexpected("ls-tree", line))?;
            // A tree from elsewhere may hold `..`; git refuses to check such a path out, and so do we.
            if path.defect().is_some() {
                continue;
            }
            let target = folder.join(path.to_os_path());
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent).map_err(GitError::io(parent))?;
            }
            fs::write(&target, self.read_blob(&oid, ATTRIBUTES_MAX_BYTES)?)
                .map_err(GitError::io(&target))?;
        }
        Ok(folder)
    }
}

impl ConflictFile {
    fn at(path: TreePath) -> Self {
        Self {
            path,
            base: None,
            ours: None,
            theirs: None,
            kind: String::new(),
            message: String::new(),
            merged: None,
        }
    }

    /// Words what git words with the names of its own files, or calls a conflict of contents although nothing was there.
    fn say_who_did_what(&mut self) {
        let Self {
            path,
            base,
            ours,
            theirs,
            ..
        } = self;
        let message = match (base, ours, theirs) {
            (None, Some(_), Some(_)) if self.kind == "contents" => {
                "add/add".clone_into(&mut self.kind);
                format!(
                    "{path} was added by the branch and by the change, each with its own content"
                )
            }
            (Some(_), None, Some(_)) if self.kind == "modify/delete" => {
                format!("{path} was deleted by the branch and modified by the change")
            }
            (Some(_), Some(_), None) if self.kind == "modify/delete" => {
                format!("{path} was modified by the branch and deleted by the change")
            }
            _ => return,
        };
        self.message = message;
    }
}

struct Answer {
    clean: bool,
    tree: Oid,
    stages: Vec<Stage>,
    messages: Vec<Message>,
}

struct Stage {
    path: TreePath,
    number: u8,
    side: ConflictSide,
}

struct Message {
    paths: Vec<TreePath>,
    kind: String,
    text: String,
}

impl Answer {
    /// Reads `status NUL tree NUL (mode id stage TAB path NUL)* NUL (count NUL path… NUL kind NUL text NUL)* NUL`.
    fn hear(talk: &mut Conversation<'_>) -> Result<Self, GitError> {
        let (clean, tree) = Self::hear_head(talk)?;
        let mut stages = Vec::new();
        loop {
            let field = talk.hear_until(0)?;
            if field.is_empty() {
                break;
            }
            stages.push(Stage::read(&field).ok_or_else(|| strange(&field))?);
        }
        let mut messages = Vec::new();
        loop {
            let field = talk.hear_until(0)?;
            if field.is_empty() {
                break;
            }
            let count: usize = text(&field).parse().map_err(|_| strange(&field))?;
            let paths = (0..count)
                .map(|_| talk.hear_until(0).map(TreePath::from))
                .collect::<Result<_, _>>()?;
            let (kind, said) = (talk.hear_until(0)?, talk.hear_until(0)?);
            messages.push(Message {
                paths,
                kind: text(&kind),
                text: text(&said),
            });
        }
        Ok(Self {
            clean,
            tree,
            stages,
            messages,
        })
    }

    /// Reads the answer to a merge of something with itself: no stages and no messages.
    fn hear_echo(talk: &mut Conversation<'_>) -> Result<(), GitError> {
        let (clean, _) = Self::hear_head(talk)?;
        let end = talk.hear_until(0)?;
        if clean && end.is_empty() {
            Ok(())
        } else {
            Err(strange(&end))
        }
    }

    fn hear_head(talk: &mut Conversation<'_>) -> Result<(bool, Oid), GitError> {
        let mut status = talk.hear_until(0)?;
        if status.is_empty() {
            // The closing NUL of the echo before.
            status = talk.hear_until(0)?;
        }
        let clean = match status.as_slice() {
            b"1" => true,
            b"0" => false,
            _ => return Err(strange(&status)),
        };
        let tree = talk.hear_until(0)?;
        Ok((clean, Oid::parse(&text(&tree)).map_err(|_| strange(&tree))?))
    }
}

impl Stage {
    fn read(field: &[u8]) -> Option<Self> {
        let tab = field.iter().position(|byte| *byte == b'\t')?;
        let (meta, path) = field.split_at(tab);
        let meta = std::str::from_utf8(meta).ok()?;
        let mut words = meta.split(' ');
        let mode = Mode::from_bits(u32::from_str_radix(words.next()?, 8).ok()?)?;
        let oid = Oid::parse(words.next()?).ok()?;
        let number = *words.next()?.as_bytes().first()?;
        Some(Self {
            path: TreePath::from(path.get(1..)?),
            number,
            side: ConflictSide { mode, oid },
        })
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn strange(field: &[u8]) -> GitError {
    GitError::unexpected("merge-tree", field)
}
