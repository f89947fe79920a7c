//! From a base tree and edits to a new tree, touching only the folders on the way.
//!
//! Untouched entries are passed on byte for byte: names that are not UTF-8, submodules, and modes that only old tools
//! wrote. Nothing is checked out and no index is built.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::sync::Arc;

use crate::error::GitError;
use crate::oid::Oid;
use crate::path::TreePath;
use crate::read::ObjectKind;
use crate::store::RepoStore;
use crate::tree::{FileMode, Mode, RawEntry};

/// One edit of a tree.
///
/// Edits of one call describe one step from the base, whatever their order: `Remove` and the source of a `Rename` speak
/// of the base, then the targets of renames appear, then `Put` and `Chmod` work on what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeEdit {
    /// Creates a file or replaces it.
    Put {
        /// Where.
        path: TreePath,
        /// As what.
        mode: FileMode,
        /// With what in it.
        content: Content,
    },
    /// Deletes a file; folders that become empty go too, as git has none.
    Remove {
        /// Which.
        path: TreePath,
    },
    /// Moves a file as it is.
    Rename {
        /// From here.
        from: TreePath,
        /// To here, where nothing may be.
        to: TreePath,
    },
    /// Changes whether a file can be run.
    Chmod {
        /// Which.
        path: TreePath,
        /// To what; a file does not become a link this way.
        mode: FileMode,
    },
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes, exactly: no line endings or filters are applied.
    Bytes(Vec<u8>),
    /// What an object that is there already holds.
    Blob(Oid),
}

/// An edit does not fit its base.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The path cannot be in a tree.
    #[error("edit {path}: {why}")]
    BadPath {
        /// Which.
        path: TreePath,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no such file.
    #[error("edit {path}: the base has no such file")]
    Missing {
        /// Which.
        path: TreePath,
    },
    /// Something is there already.
    #[error("move a file to {path}: something is there already")]
    Exists {
        /// Where.
        path: TreePath,
    },
    /// A folder is there.
    #[error("edit {path}: it is a folder")]
    IsFolder {
        /// Which.
        path: TreePath,
    },
    /// A file is where the path has a folder.
    #[error("edit {path}: {at} is a file, not a folder")]
    NotAFolder {
        /// The path.
        path: TreePath,
        /// The part of it.
        at: TreePath,
    },
    /// A link is where the path has a folder: what it points to may be anywhere.
    #[error("edit {path}: {at} is a symbolic link")]
    SymlinkParent {
        /// The path.
        path: TreePath,
        /// The part of it.
        at: TreePath,
    },
    /// The path belongs to another repository.
    #[error("edit {path}: {at} is a submodule, which has its own repository")]
    InSubmodule {
        /// The path.
        path: TreePath,
        /// The submodule.
        at: TreePath,
    },
    /// A link cannot be made executable.
    #[error("change the mode of {path}: it is, or would become, a symbolic link")]
    LinkMode {
        /// Which.
        path: TreePath,
    },
    /// The content was made to have the id of another.
    #[error("edit {path}: its content is part of an attack on SHA-1, by collision")]
    Collision {
        /// Which.
        path: TreePath,
    },
    /// Git itself failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// A tree that was made of edits, in memory: nothing of it is in a folder until [`RepoStore::keep`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeDraft {
    tree: Oid,
    blobs: Vec<(Oid, Vec<u8>)>,
    trees: Vec<NewTree>,
}

/// A tree that the base did not have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NewTree {
    oid: Oid,
    content: Vec<u8>,
    entries: Arc<Vec<RawEntry>>,
}

impl TreeDraft {
    /// The id that the tree has, or will have.
    #[must_use]
    pub fn tree(&self) -> &Oid {
        &self.tree
    }
}

impl RepoStore {
    /// Applies edits to a tree (or the tree of a commit), and writes nothing.
    pub fn draft_tree(&self, base: &Oid, edits: Vec<TreeEdit>) -> Result<TreeDraft, EditError> {
        let mut root = Folder::Untouched(self.tree_of(base)?);
        let mut moved = Vec::new();
        for edit in &edits {
            match edit {
                TreeEdit::Remove { path } => drop(root.take(self, path)?),
                TreeEdit::Rename { from, to } => moved.push((to, root.take(self, from)?)),
                TreeEdit::Put { .. } | TreeEdit::Chmod { .. } => {}
            }
        }
        for (to, file) in moved {
            root.place(self, to, file, Onto::Nothing)?;
        }
        let mut blobs = Vec::new();
        for edit in edits {
            match edit {
                TreeEdit::Put {
                    path,
                    mode,
                    content,
                } => {
                    let oid = match content {
                        Content::Bytes(bytes) => {
                            let oid = match self.id_of(ObjectKind::Blob, &bytes) {
                                Err(GitError::Collision) => {
                                    return Err(EditError::Collision { path });
                                }
                                named => named?,
                            };
                            blobs.push((oid.clone(), bytes));
                            oid
                        }
                        Content::Blob(oid) => self.present_blob(oid)?,
                    };
                    let bits = Mode::from(mode).bits();
                    root.place(self, &path, Leaf { bits, oid }, Onto::File)?;
                }
                TreeEdit::Chmod { path, mode } => root.chmod(self, &path, mode)?,
                TreeEdit::Remove { .. } | TreeEdit::Rename { .. } => {}
            }
        }
        let mut trees = Vec::new();
        let tree = root.close(self, &mut trees)?;
        Ok(TreeDraft { tree, blobs, trees })
    }

    /// Writes a tree, and what it is made of, into Hyperion's own folder; it can be repeated.
    ///
    /// [`RepoStore::sync`] makes it survive the machine.
    pub fn keep(&self, draft: &TreeDraft) -> Result<(), GitError> {
        for (oid, content) in &draft.blobs {
            self.write_object(ObjectKind::Blob, oid, content)?;
        }
        for tree in &draft.trees {
            self.write_object(ObjectKind::Tree, &tree.oid, &tree.content)?;
            // Whoever made it asks for it next: to judge it, and to merge it.
            self.trees().keep(&tree.oid, &tree.entries);
        }
        Ok(())
    }

    fn present_blob(&self, oid: Oid) -> Result<Oid, GitError> {
        match self.object(&oid)? {
            Some((ObjectKind::Blob, _)) => Ok(oid),
            Some(_) => Err(GitError::WrongKind {
                oid,
                expected: "blob",
                found: "structure".to_owned(),
            }),
            None => Err(GitError::MissingObject { oid }),
        }
    }

    fn draft_folder(&self, mut entries: Vec<RawEntry>) -> Result<NewTree, GitError> {
        entries.sort_by(RawEntry::by_place);
        let mut content = Vec::new();
        for entry in &entries {
            content.extend(format!("{:o} ", entry.bits).as_bytes());
            content.extend(&entry.name);
            content.push(0);
            content.extend(entry.oid.to_raw());
        }
        Ok(NewTree {
            oid: self.id_of(ObjectKind::Tree, &content)?,
            content,
            entries: Arc::new(entries),
        })
    }
}

/// What may be at a place that something is put to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Onto {
    Nothing,
    File,
}

/// A file on its way.
struct Leaf {
    bits: u32,
    oid: Oid,
}

enum Folder {
    /// As the base has it.
    Untouched(Oid),
    Open(BTreeMap<Vec<u8>, Node>),
}

enum Node {
    Folder(Folder),
    Leaf(Leaf),
    Submodule(Oid),
}

impl Folder {
    fn open(&mut self, store: &RepoStore) -> Result<&mut BTreeMap<Vec<u8>, Node>, GitError> {
        if let Self::Untouched(oid) = self {
            let known = store.raw_tree(oid)?;
            let entries = known.iter().cloned().map(
                |RawEntry {
                     name,
                     bits,
                     mode,
                     oid,
                 }| {
                    let node = match mode {
                        Mode::Tree => Node::Folder(Self::Untouched(oid)),
                        Mode::Submodule => Node::Submodule(oid),
                        Mode::File | Mode::Executable | Mode::Symlink => {
                            Node::Leaf(Leaf { bits, oid })
                        }
                    };
                    (name, node)
                },
            );
            *self = Self::Open(entries.collect());
        }
        match self {
            Self::Open(entries) => Ok(entries),
            Self::Untouched(oid) => Err(GitError::MissingObject { oid: oid.clone() }),
        }
    }

    /// Takes a file out, and with it every folder that it leaves empty.
    fn take(&mut self, store: &RepoStore, path: &TreePath) -> Result<Leaf, EditError> {
        let components = checked(path)?;
        self.take_below(store, path, &components, 0)
    }

    fn take_below(
        &mut self,
        store: &RepoStore,
        path: &TreePath,
        parts: &[&[u8]],
        depth: usize,
    ) -> Result<Leaf, EditError> {
        let missing = || EditError::Missing { path: path.clone() };
        let name = parts.get(depth).copied().ok_or_else(missing)?;
        let is_last = depth + 1 == parts.len();
        let entries = self.open(store)?;
        let leaf = match entries.get_mut(name) {
            None => return Err(missing()),
            Some(Node::Submodule(_)) => return Err(in_submodule(path, parts, depth)),
            Some(Node::Leaf(_)) if is_last => match entries.remove(name) {
                Some(Node::Leaf(leaf)) => return Ok(leaf),
                Some(_) | None => return Err(missing()),
            },
            Some(Node::Leaf(leaf)) => return Err(leaf.in_the_way(path, parts, depth)),
            Some(Node::Folder(_)) if is_last => {
                return Err(EditError::IsFolder { path: path.clone() });
            }
            Some(Node::Folder(folder)) => {
                let leaf = folder.take_below(store, path, parts, depth + 1)?;
                if !folder.is_empty() {
                    return Ok(leaf);
                }
                leaf
            }
        };
        entries.remove(name);
        Ok(leaf)
    }

    /// Puts a file in, making the folders on its way.
    fn place(
        &mut self,
        store: &RepoStore,
        path: &TreePath,
        leaf: Leaf,
        onto: Onto,
    ) -> Result<(), EditError> {
        let parts = checked(path)?;
        let mut folder = self;
        for (depth, name) in parts.iter().enumerate() {
            let is_last = depth + 1 == parts.len();
            let slot = folder.open(store)?.entry(name.to_vec());
            match slot {
                Slot::Vacant(vacant) if is_last => {
                    vacant.insert(Node::Leaf(leaf));
                    return Ok(());
                }
                Slot::Vacant(vacant) => {
                    match vacant.insert(Node::Folder(Self::Open(BTreeMap::new()))) {
                        Node::Folder(new) => folder = new,
                        Node::Leaf(_) | Node::Submodule(_) => {
                            return Err(EditError::IsFolder { path: path.clone() });
                        }
                    }
                }
                Slot::Occupied(occupied) => match occupied.into_mut() {
                    Node::Submodule(_) => return Err(in_submodule(path, &parts, depth)),
                    Node::Folder(_) if is_last => {
                        return Err(EditError::IsFolder { path: path.clone() });
                    }
                    Node::Folder(inner) => folder = inner,
                    Node::Leaf(_) if is_last && onto == Onto::Nothing => {
                        return Err(EditError::Exists { path: path.clone() });
                    }
                    Node::Leaf(present) if is_last => {
                        *present = leaf;
                        return Ok(());
                    }
                    Node::Leaf(present) => return Err(present.in_the_way(path, &parts, depth)),
                },
            }
        }
        Ok(())
    }

    fn chmod(
        &mut self,
        store: &RepoStore,
        path: &TreePath,
        mode: FileMode,
    ) -> Result<(), EditError> {
        let mut leaf = self.take(store, path)?;
        let is_link = Mode::from_bits(leaf.bits) == Some(Mode::Symlink);
        if is_link != (mode == FileMode::Symlink) {
            return Err(EditError::LinkMode { path: path.clone() });
        }
        leaf.bits = Mode::from(mode).bits();
        self.place(store, path, leaf, Onto::Nothing)
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Open(entries) if entries.is_empty())
    }

    /// Names it, and gathers the folders that the base did not have, what lies deepest first.
    fn close(self, store: &RepoStore, new: &mut Vec<NewTree>) -> Result<Oid, GitError> {
        let open = match self {
            Self::Untouched(oid) => return Ok(oid),
            Self::Open(entries) => entries,
        };
        let mut entries = Vec::with_capacity(open.len());
        for (name, node) in open {
            let (bits, mode, oid) = match node {
                Node::Folder(folder) => (Mode::Tree.bits(), Mode::Tree, folder.close(store, new)?),
                Node::Submodule(oid) => (Mode::Submodule.bits(), Mode::Submodule, oid),
                Node::Leaf(Leaf { bits, oid }) => {
                    (bits, Mode::from_bits(bits).unwrap_or(Mode::File), oid)
                }
            };
            entries.push(RawEntry {
                name,
                bits,
                mode,
                oid,
            });
        }
        let made = store.draft_folder(entries)?;
        let oid = made.oid.clone();
        new.push(made);
        Ok(oid)
    }
}

impl Leaf {
    fn in_the_way(&self, path: &TreePath, parts: &[&[u8]], depth: usize) -> EditError {
        let (path, at) = (path.clone(), prefix(parts, depth));
        if Mode::from_bits(self.bits) == Some(Mode::Symlink) {
            EditError::SymlinkParent { path, at }
        } else {
            EditError::NotAFolder { path, at }
        }
    }
}

fn checked(path: &TreePath) -> Result<Vec<&[u8]>, EditError> {
    match path.defect() {
        Some(why) => Err(EditError::BadPath {
            path: path.clone(),
            why,
        }),
        None => Ok(path.components().collect()),
    }
}

fn in_submodule(path: &TreePath, parts: &[&[u8]], depth: usize) -> EditError {
    EditError::InSubmodule {
        path: path.clone(),
        at: prefix(parts, depth),
    }
}

fn prefix(parts: &[&[u8]], depth: usize) -> TreePath {
    TreePath::from(parts.get(..=depth).unwrap_or(parts).join(&b'/'))
}
