//! Git: the only crate that knows it.
//!
//! | to | use |
//! | --- | --- |
//! | find git and a repository | [`Git::probe`], [`UserRepo::discover`] |
//! | keep unlanded work out of it | [`RepoStore::open`] |
//! | turn edits into a tree, a tree into a commit | [`RepoStore::draft_tree`], [`RepoStore::keep`], [`RepoStore::commit`] |
//! | put a change onto a tip | [`RepoStore::merge`] |
//! | check the result | [`Lane::prepare`] |
//! | make it part of a branch | [`RepoStore::publish_objects`], [`create_landing_ref`](RepoStore::create_landing_ref), [`move_branch`](RepoStore::move_branch) |
//! | talk to a remote | [`UserRepo::fetch_branch`], [`UserRepo::push_commit`] |
//! | let an agent work on branches of its own | [`AgentClone::make`] |
//! | come back after a crash | [`RepoStore::recover_checkouts`], [`RepoStore::landed`] |
//!
//! Invariants:
//! - Git is started by one file, `call`, with an environment and settings of our own; the person's settings count in their
//!   checkout, and towards their remotes, only. Hooks and monitors never run.
//! - Ids and paths are checked types; answers are read with `-z` and understood or refused, never guessed.
//! - Nothing here has a clock or makes ids: the same input gives the same objects.
//! - No work tree is touched except a lane's, an agent's clone's, and one that has the target branch checked out, while its lock is ours.

mod attributes;
mod base;
mod behind;
mod call;
mod checkout;
mod clone;
mod commit;
mod common_dir;
mod diff;
mod edit;
mod error;
mod folder;
mod git;
mod helper;
mod hidden;
mod hold;
mod landing;
mod lane;
mod loose;
mod merge;
mod oid;
mod overlap;
mod path;
mod places;
mod read;
mod rehearse;
mod remote;
mod store;
mod stored;
mod tree;
mod undo;
mod user_repo;
mod work_tree;

pub use behind::{Behind, may_be_behind};
pub use checkout::{
    BLOCK_FILES_MAX, BlockReason, Checkout, CheckoutBlock, Hold, Recovered, Recovery,
};
pub use clone::{AgentClone, CLONE_BRANCHES_MAX, CloneError, FileState};
pub use commit::{CommitInfo, NewCommit, Signature, strip_trailers, with_trailers};
pub use common_dir::{Around, around, borrowed_objects, run_by_git, shared_and_linked};
pub use edit::{Content, EditError, TreeDraft, TreeEdit};
pub use error::GitError;
pub use folder::{FolderFile, FolderScan, check_folder, complete_folder};
pub use git::{Features, Git, GitOptions, OLDEST_VERSION, ProbeError, Version};
pub use hidden::IndexFlag;
pub use hold::is_own_file;
pub use landing::{Landed, Landing, Move, Swap};
pub use lane::{Lane, LaneError};
pub use merge::{CONFLICT_FILES_MAX, ConflictFile, ConflictSide, MergeSides, Merged};
pub use oid::{Oid, OidError, RefName, RefNameError};
pub use path::TreePath;
pub use places::Places;
pub use read::{ChangeStatus, LOG_MAX, ObjectKind, RawChange, Renames};
pub use remote::Pushed;
pub use store::RepoStore;
pub use stored::{NewFile, NotStored, Stored};
pub use tree::{FileMode, Mode, TreeEntry};
pub use user_repo::{DiscoverError, Head, ObjectFormat, UserRepo};
pub use work_tree::{missing_in, tracked_in};
