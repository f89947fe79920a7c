//! Reading objects and history.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use crate::call::{LONG, one_line};
use crate::commit::CommitInfo;
use crate::error::GitError;
use crate::oid::Oid;
use crate::path::TreePath;
use crate::store::RepoStore;
use crate::tree::{KnownTrees, Mode, RawEntry, TreeEntry, parse_tree};

/// The largest commit or tree that is read.
const STRUCTURE_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The longest target of a link that is read; systems take at most 4096 bytes.
const LINK_MAX_BYTES: u64 = 64 * 1024;

/// The most commits that one look into history answers.
pub const LOG_MAX: usize = 10_000;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// The content of a file.
    Blob,
    /// A folder.
    Tree,
    /// A commit.
    Commit,
    /// An annotated tag.
    Tag,
}

impl ObjectKind {
    fn from_word(word: &str) -> Option<Self> {
        match word {
            "blob" => Some(Self::Blob),
            "tree" => Some(Self::Tree),
            "commit" => Some(Self::Commit),
            "tag" => Some(Self::Tag),
            _ => None,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Commit => "commit",
            Self::Tag => "tag",
        }
    }
}

/// Whether a difference looks for renamed files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renames {
    /// A rename is a deletion and an addition.
    Off,
    /// A file deleted here and added there with half its content is one renamed file.
    On,
}

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeStatus {
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
    /// Its content or its executable bit changed.
    Modified,
    /// It is something else now: a file became a link, for example.
    TypeChanged,
    /// It came from `from_path`.
    Renamed,
    /// It was made from `from_path`, which is still there.
    Copied,
}

/// One difference between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawChange {
    /// What it was; `None` where it is new.
    pub old_mode: Option<Mode>,
    /// What it is; `None` where it is gone.
    pub new_mode: Option<Mode>,
    /// Its object before.
    pub old_oid: Option<Oid>,
    /// Its object after.
    pub new_oid: Option<Oid>,
    /// What became of it.
    pub status: ChangeStatus,
    /// Where it is, or was.
    pub path: TreePath,
    /// Where it came from.
    pub from_path: Option<TreePath>,
}

impl RepoStore {
    /// Says what an object is and how large; `None` when it is not there.
    pub fn object(&self, oid: &Oid) -> Result<Option<(ObjectKind, u64)>, GitError> {
        self.reader.ask(
            || self.start_reader(),
            |talk| {
                talk.say(format!("info {oid}\n").as_bytes())?;
                header(&talk.hear_until(b'\n')?)
            },
        )
    }

    /// Says whether an object is there.
    pub fn exists(&self, oid: &Oid) -> Result<bool, GitError> {
        Ok(self.object(oid)?.is_some())
    }

    /// Reads the content of a file.
    pub fn read_blob(&self, oid: &Oid, max_bytes: u64) -> Result<Vec<u8>, GitError> {
        self.contents(oid, ObjectKind::Blob, max_bytes)
    }

    /// Reads a tree, or the tree of a commit.
    pub fn read_tree(&self, treeish: &Oid) -> Result<Vec<TreeEntry>, GitError> {
        let entries = self.raw_tree(&self.tree_of(treeish)?)?;
        Ok(entries.iter().map(RawEntry::plain).collect())
    }

    /// Finds what a path is in a tree or commit.
    pub fn lookup(&self, treeish: &Oid, path: &TreePath) -> Result<Option<TreeEntry>, GitError> {
        let mut folder = self.tree_of(treeish)?;
        let mut components = path.components().peekable();
        while let Some(component) = components.next() {
            let entries = self.raw_tree(&folder)?;
            match entries.iter().find(|entry| entry.name == component) {
                Some(found) if components.peek().is_none() => return Ok(Some(found.plain())),
                Some(found) if found.mode == Mode::Tree => folder = found.oid.clone(),
                Some(_) | None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Lists the symbolic links of a tree or commit with their targets, by path; what is not UTF-8 is replaced. Where there
    /// are more than `max`, one more than that is listed.
    pub fn links(&self, treeish: &Oid, max: usize) -> Result<BTreeMap<String, String>, GitError> {
        let mut found = BTreeMap::new();
        let mut folders = vec![(Vec::new(), self.tree_of(treeish)?)];
        while let Some((prefix, tree)) = folders.pop() {
            for entry in self.raw_tree(&tree)?.iter() {
                let path = [prefix.as_slice(), &entry.name].concat();
                match entry.mode {
                    Mode::Tree => {
                        folders.push(([&path, b"/".as_slice()].concat(), entry.oid.clone()));
                    }
                    Mode::Symlink => {
                        let target = self.read_blob(&entry.oid, LINK_MAX_BYTES)?;
                        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                        found.insert(text(&path), text(&target));
                        if found.len() > max {
                            return Ok(found);
                        }
                    }
                    Mode::File | Mode::Executable | Mode::Submodule => {}
                }
            }
        }
        Ok(found)
    }

    /// The tree of a commit; a tree is its own.
    pub fn tree_of(&self, treeish: &Oid) -> Result<Oid, GitError> {
        if let Some(tree) = self.trees().known_tree_of(treeish) {
            return Ok(tree);
        }
        match self.object(treeish)? {
            None => Err(GitError::MissingObject {
                oid: treeish.clone(),
            }),
            Some((ObjectKind::Tree, _)) => Ok(treeish.clone()),
            Some((ObjectKind::Commit, _)) => {
                let tree = self.commit_info(treeish)?.tree;
                self.trees().keep_commit(treeish, &tree);
                Ok(tree)
            }
            Some((kind @ (ObjectKind::Blob | ObjectKind::Tag), _)) => {
                Err(wrong_kind(treeish, "commit or tree", kind))
            }
        }
    }

    /// Reads a commit.
    pub fn commit_info(&self, commit: &Oid) -> Result<CommitInfo, GitError> {
        let content = self.structure(commit, ObjectKind::Commit)?;
        CommitInfo::parse(commit, &content).ok_or_else(|| {
            GitError::unexpected("cat-file", format!("commit {commit} is damaged").as_bytes())
        })
    }

    /// Says whether a commit is another's ancestor, or that very commit.
    pub fn is_ancestor(&self, ancestor: &Oid, descendant: &Oid) -> Result<bool, GitError> {
        if ancestor == descendant {
            return Ok(true);
        }
        self.follow_shallow()?;
        self.own_call("merge-base")
            .args(["--is-ancestor", ancestor.as_str(), descendant.as_str()])
            .wall(LONG)
            .answer()
    }

    /// The newest commit that both come from, if there is one.
    pub fn merge_base(&self, one: &Oid, other: &Oid) -> Result<Option<Oid>, GitError> {
        self.follow_shallow()?;
        let outcome = self
            .own_call("merge-base")
            .args([one.as_str(), other.as_str()])
            .wall(LONG)
            .outcome()?;
        match outcome.exit {
            hyperion_host::Exit::Code(0) => {
                crate::user_repo::oid_of("merge-base", &outcome.stdout.bytes).map(Some)
            }
            hyperion_host::Exit::Code(1) => Ok(None),
            _ => Err(crate::call::failure("merge-base", &outcome)),
        }
    }

    /// How many commits one has that the other has not.
    pub fn commits_beyond(&self, commit: &Oid, other: &Oid) -> Result<usize, GitError> {
        self.follow_shallow()?;
        let answer = self
            .own_call("rev-list")
            .arg("--count")
            .arg(format!("{other}..{commit}"))
            .wall(LONG)
            .output()?;
        let count = one_line(&answer).trim().parse();
        count.map_err(|_| GitError::unexpected("rev-list", &answer))
    }

    /// The commits of a branch, newest first, along first parents; at most `limit` (and [`LOG_MAX`]).
    pub fn log(&self, from: &Oid, limit: usize) -> Result<Vec<CommitInfo>, GitError> {
        self.listed(&["--first-parent", from.as_str()], limit)
    }

    /// Those of [`Self::log`] that `base` does not have.
    pub fn log_since(
        &self,
        from: &Oid,
        base: &Oid,
        limit: usize,
    ) -> Result<Vec<CommitInfo>, GitError> {
        let not = format!("^{base}");
        self.listed(&["--first-parent", from.as_str(), &not], limit)
    }

    /// Every commit that `from` has and `base` does not, each after those it comes from; of more than `limit` (and
    /// [`LOG_MAX`]) the newest.
    pub fn commits_between(
        &self,
        base: &Oid,
        from: &Oid,
        limit: usize,
    ) -> Result<Vec<CommitInfo>, GitError> {
        let not = format!("^{base}");
        self.listed(&["--topo-order", "--reverse", from.as_str(), &not], limit)
    }

    /// How many commits `from` has that `base` does not.
    pub fn commits_since(&self, from: &Oid, base: &Oid) -> Result<u64, GitError> {
        self.follow_shallow()?;
        let counted = self
            .own_call("rev-list")
            .args(["--count", from.as_str(), &format!("^{base}")])
            .wall(LONG)
            .output()?;
        one_line(&counted)
            .parse()
            .map_err(|_| GitError::unexpected("rev-list", &counted))
    }

    fn listed(&self, which: &[&str], limit: usize) -> Result<Vec<CommitInfo>, GitError> {
        self.follow_shallow()?;
        let listed = self
            .own_call("rev-list")
            .arg(format!("--max-count={}", limit.min(LOG_MAX)))
            .args(which)
            .wall(LONG)
            .output()?;
        one_line(&listed)
            .lines()
            .map(|line| {
                let oid = Oid::parse(line)
                    .map_err(|_| GitError::unexpected("rev-list", line.as_bytes()))?;
                self.commit_info(&oid)
            })
            .collect()
    }

    /// Reads a tree, or remembers it: an id never stands for anything else.
    pub(crate) fn raw_tree(&self, tree: &Oid) -> Result<Arc<Vec<RawEntry>>, GitError> {
        if let Some(known) = self.trees().get(tree) {
            return Ok(known);
        }
        let content = self.structure(tree, ObjectKind::Tree)?;
        let entries = Arc::new(parse_tree(tree, &content)?);
        self.trees().keep(tree, &entries);
        Ok(entries)
    }

    pub(crate) fn trees(&self) -> MutexGuard<'_, KnownTrees> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a commit or a tree in one question: what is not one, or too large, costs the process that was asked.
    fn structure(&self, oid: &Oid, expected: ObjectKind) -> Result<Vec<u8>, GitError> {
        let known = self.reader.ask(
            || self.start_reader(),
            |talk| {
                talk.say(format!("contents {oid}\n").as_bytes())?;
                let Some((kind, size)) = header(&talk.hear_until(b'\n')?)? else {
                    return Ok(None);
                };
                if kind != expected {
                    return Err(wrong_kind(oid, expected.word(), kind));
                }
                let length = usize::try_from(size)
                    .ok()
                    .filter(|_| size <= STRUCTURE_MAX_BYTES);
                let length = length.ok_or_else(|| too_large(oid, STRUCTURE_MAX_BYTES))?;
                let content = talk.hear_exactly(length)?;
                talk.hear_exactly(1)?;
                Ok(Some(content))
            },
        )?;
        known.ok_or_else(|| GitError::MissingObject { oid: oid.clone() })
    }

    /// Asks for the size first: the content of something huge must not be streamed through only to be refused.
    fn contents(
        &self,
        oid: &Oid,
        expected: ObjectKind,
        max_bytes: u64,
    ) -> Result<Vec<u8>, GitError> {
        // The inner result is a refusal after a conversation that ended well: the process can be asked again.
        self.reader.ask(
            || self.start_reader(),
            |talk| {
                talk.say(format!("info {oid}\n").as_bytes())?;
                let Some((kind, size)) = header(&talk.hear_until(b'\n')?)? else {
                    return Ok(Err(GitError::MissingObject { oid: oid.clone() }));
                };
                if kind != expected {
                    return Ok(Err(wrong_kind(oid, expected.word(), kind)));
                }
                let Some(length) = usize::try_from(size).ok().filter(|_| size <= max_bytes) else {
                    return Ok(Err(too_large(oid, max_bytes)));
                };
                talk.say(format!("contents {oid}\n").as_bytes())?;
                header(&talk.hear_until(b'\n')?)?
                    .ok_or_else(|| GitError::MissingObject { oid: oid.clone() })?;
                let content = talk.hear_exactly(length)?;
                talk.hear_exactly(1)?;
                Ok(Ok(content))
            },
        )?
    }

    fn start_reader(&self) -> Result<hyperion_host::CoProcess, GitError> {
        self.user.require_present()?;
        self.own_call("cat-file").arg("--batch-command").start()
    }
}

/// Reads `<id> <kind> <size>` or `<id> missing`.
fn header(line: &[u8]) -> Result<Option<(ObjectKind, u64)>, GitError> {
    let text = String::from_utf8_lossy(line);
    let mut words = text.split(' ').skip(1);
    match (
        words.next(),
        words.next().and_then(|size| size.parse().ok()),
    ) {
        (Some("missing"), _) => Ok(None),
        (Some(kind), Some(size)) => match ObjectKind::from_word(kind) {
            Some(kind) => Ok(Some((kind, size))),
            None => Err(GitError::unexpected("cat-file", line)),
        },
        _ => Err(GitError::unexpected("cat-file", line)),
    }
}

fn too_large(oid: &Oid, max_bytes: u64) -> GitError {
    GitError::TooLarge {
        what: format!("object {oid}"),
        max_bytes,
    }
}

fn wrong_kind(oid: &Oid, expected: &'static str, found: ObjectKind) -> GitError {
    GitError::WrongKind {
        oid: oid.clone(),
        expected,
        found: found.word().to_owned(),
    }
}
