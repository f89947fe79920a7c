//! A repository as small as it can be: trees are files with numbers in them, commits have one parent.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hyperion_model::{GitId, Name};

/// What each file holds; 0 is "no such file" and never stands in a tree.
pub(super) type Files = BTreeMap<u8, u32>;

/// A repository with branches, and a work tree that may have one of them checked out.
pub(super) struct Git {
    trees: Vec<Files>,
    known: HashMap<Files, usize>,
    /// Parent and tree, by number.
    commits: Vec<(Option<usize>, usize)>,
    tips: BTreeMap<Name, usize>,
    /// Every commit that was ever a branch's tip, or below one.
    pub(super) was_on: BTreeSet<GitId>,
    /// Objects that the user's repository has.
    published: BTreeSet<GitId>,
    /// Landing refs, by the commit they keep.
    pub(super) landing_refs: BTreeSet<GitId>,
    /// The branch that the work tree has checked out.
    pub(super) checked_out: Name,
    /// The files of the work tree that somebody edited.
    pub(super) edited: BTreeSet<u8>,
}

/// What moving a branch came to.
pub(super) enum Moved {
    Yes,
    TipIs,
    Blocked,
}

const TREE: usize = 1 << 40;

fn id(number: usize) -> GitId {
    GitId::new(format!("{number:040x}")).unwrap()
}

fn number(id: &GitId) -> usize {
    usize::from_str_radix(&id.as_str()[24..], 16).unwrap()
}

impl Git {
    pub(super) fn new(branches: &[Name]) -> Self {
        let mut git = Self {
            trees: vec![],
            known: HashMap::new(),
            commits: vec![],
            tips: BTreeMap::new(),
            was_on: BTreeSet::new(),
            published: BTreeSet::new(),
            landing_refs: BTreeSet::new(),
            checked_out: branches[0].clone(),
            edited: BTreeSet::new(),
        };
        let tree = git.tree((1..=6).map(|file| (file, 1)).collect());
        let first = git.commit(None, &tree);
        git.published.insert(first.clone());
        for branch in branches {
            git.point(branch, &first);
        }
        git
    }

    pub(super) fn tree(&mut self, files: Files) -> GitId {
        if let Some(known) = self.known.get(&files) {
            return id(TREE + known);
        }
        self.trees.push(files.clone());
        self.known.insert(files, self.trees.len() - 1);
        id(TREE + self.trees.len() - 1)
    }

    pub(super) fn files(&self, tree: &GitId) -> &Files {
        &self.trees[number(tree) - TREE]
    }

    pub(super) fn commit(&mut self, parent: Option<&GitId>, tree: &GitId) -> GitId {
        self.commits.push((parent.map(number), number(tree) - TREE));
        id(self.commits.len() - 1)
    }

    pub(super) fn tree_of(&self, commit: &GitId) -> GitId {
        id(TREE + self.commits[number(commit)].1)
    }

    pub(super) fn parent(&self, commit: &GitId) -> Option<GitId> {
        self.commits[number(commit)].0.map(id)
    }

    pub(super) fn tip(&self, branch: &Name) -> GitId {
        id(self.tips[branch])
    }

    /// Tells whether the tip is a commit, or stands on it.
    pub(super) fn is_on(&self, branch: &Name, commit: &GitId) -> bool {
        let wanted = number(commit);
        let mut at = Some(self.tips[branch]);
        while let Some(here) = at {
            if here == wanted {
                return true;
            }
            at = self.commits[here].0;
        }
        false
    }

    pub(super) fn publish(&mut self, commit: &GitId) {
        self.published.insert(commit.clone());
    }

    /// Moves a branch from where it is expected to be, the work tree along with it.
    pub(super) fn move_branch(&mut self, branch: &Name, expected: &GitId, to: &GitId) -> Moved {
        if self.tip(branch) != *expected {
            return Moved::TipIs;
        }
        if self.is_in_the_way(branch, expected, to) {
            return Moved::Blocked;
        }
        self.point(branch, to);
        Moved::Yes
    }

    /// Tells whether somebody edited a file that differs between two commits, where the branch is checked out.
    pub(super) fn is_in_the_way(&self, branch: &Name, from: &GitId, to: &GitId) -> bool {
        let changes = self.changes(&self.tree_of(from), &self.tree_of(to));
        let is_edited = changes.iter().any(|(file, _)| self.edited.contains(file));
        is_edited && self.checked_out == *branch
    }

    /// Moves a branch, whatever it is now: a person's push, by force too.
    pub(super) fn point(&mut self, branch: &Name, to: &GitId) {
        assert!(
            self.published.contains(to),
            "a branch would name a missing object"
        );
        self.tips.insert(branch.clone(), number(to));
        let mut at = Some(to.clone());
        while let Some(here) = at.filter(|here| !self.was_on.contains(here)) {
            at = self.parent(&here);
            self.was_on.insert(here);
        }
    }

    /// Merges file by file; nothing when both sides changed one.
    pub(super) fn merge(&mut self, base: &GitId, ours: &GitId, theirs: &GitId) -> Option<GitId> {
        let value = |tree: &GitId, file| self.files(tree).get(&file).copied().unwrap_or(0);
        let mut merged = Files::new();
        for file in 0..=u8::MAX >> 4 {
            let (base, ours, theirs) = (value(base, file), value(ours, file), value(theirs, file));
            let result = if base == ours || ours == theirs {
                theirs
            } else if base == theirs {
                ours
            } else {
                return None;
            };
            if result != 0 {
                merged.insert(file, result);
            }
        }
        Some(self.tree(merged))
    }

    /// Lists what differs: the file, and what the second tree has there.
    pub(super) fn changes(&self, from: &GitId, to: &GitId) -> Vec<(u8, u32)> {
        let value = |tree: &GitId, file| self.files(tree).get(&file).copied().unwrap_or(0);
        (0..=u8::MAX >> 4)
            .filter(|file| value(from, *file) != value(to, *file))
            .map(|file| (file, value(to, file)))
            .collect()
    }
}
