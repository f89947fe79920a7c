//! Git, and nothing else that knows git.

mod call;
mod checkout;
mod commit;
mod edit;
mod error;
mod git;
mod helper;
mod landing;
mod lane;
mod merge;
mod oid;
mod path;
mod read;
mod store;
mod tree;
mod user_repo;

pub use checkout::{
    BLOCK_FILES_MAX, BlockReason, Checkout, CheckoutBlock, Hold, Recovered, Recovery,
};
pub use commit::{CommitInfo, NewCommit, Signature, strip_trailers, with_trailers};
pub use edit::{Content, EditError, TreeEdit};
pub use error::GitError;
pub use git::{Features, Git, GitOptions, OLDEST_VERSION, ProbeError, Version};
pub use landing::{Landed, Landing, Move, Swap};
pub use lane::{Lane, LaneError};
pub use merge::{CONFLICT_FILES_MAX, ConflictFile, ConflictSide, MergeSides, Merged};
pub use oid::{Oid, OidError, RefName, RefNameError};
pub use path::TreePath;
pub use read::{ChangeStatus, LOG_MAX, ObjectKind, RawChange, Renames};
pub use store::RepoStore;
pub use tree::{FileMode, Mode, TreeEntry};
pub use user_repo::{DiscoverError, Head, ObjectFormat, UserRepo};
