//! What can go wrong while the engine works.

use hyperion_api::Problem;
pub(crate) use hyperion_api::problem::chain;
use hyperion_git::{DiscoverError, EditError, GitError, LaneError, Oid};
use hyperion_host::SpawnError;
use hyperion_model::{ApprovalId, ChangeSetId, Digest, EntryId, GitId, Refusal, RepoId, RequestId};
use hyperion_store::{ReadError, StoreError};

use crate::repo::RepoFileError;

/// A fault of the world or of the data, as opposed to a refusal, which is an answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store did not take a batch.
    #[error("write to the store: {0}")]
    Store(#[from] StoreError),
    /// The store could not be read.
    #[error("read the store: {0}")]
    Read(#[from] ReadError),
    /// Git failed.
    #[error("{0}")]
    Git(#[from] GitError),
    /// The repository is not as it was registered.
    #[error("{0}")]
    Repo(#[from] DiscoverError),
    /// What was named is no repository that can be used.
    #[error("{detail}")]
    NoUsableRepo {
        /// Why not.
        detail: String,
        /// What to do.
        hint: String,
    },
    /// An edit cannot be made in a tree.
    #[error("make the tree: {0}")]
    Edit(#[from] EditError),
    /// The place where checks run could not be made.
    #[error("prepare the lane: {0}")]
    Lane(#[from] LaneError),
    /// A process could not be started.
    #[error("start a process: {0}")]
    Spawn(#[from] SpawnError),
    /// The repository's settings cannot be read.
    #[error("read hyperion.toml: {0}")]
    RepoFile(#[from] RepoFileError),
    /// A file of the home could not be used.
    #[error("use {what}")]
    Io {
        /// Which.
        what: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A blob cannot be used.
    #[error("read the stored content {digest}: {detail}")]
    Blob {
        /// Which.
        digest: Digest,
        /// Why not.
        detail: String,
    },
    /// A value cannot be written as JSON.
    #[error("write a value as JSON")]
    Encode(#[source] serde_json::Error),
    /// A fact names something that is not there.
    #[error("find {0}")]
    Missing(String),
    /// A fact of the queue is not there, which every entry at this place has.
    #[error("find {0}")]
    Fact(#[from] MissingFact),
    /// What was asked for is refused; the problem says why.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
}

/// What the queue relies on and did not find: only a damaged home lacks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MissingFact {
    /// An entry.
    #[error("queue entry {0}")]
    Entry(EntryId),
    /// What merging an entry came to.
    #[error("the candidate of queue entry {0}")]
    Candidate(EntryId),
    /// The intent to land an entry.
    #[error("the intent of queue entry {0}")]
    Intent(EntryId),
    /// What an entry was dispatched with, as its change sets have it.
    #[error("the payload that queue entry {0} was dispatched with")]
    Payload(EntryId),
    /// A change set of an entry.
    #[error("change set {0}")]
    ChangeSet(ChangeSetId),
    /// What policy said of a change set.
    #[error("the assessment of change set {0}")]
    Assessment(ChangeSetId),
    /// An approval that a change set was let through by.
    #[error("approval {0}")]
    Approval(ApprovalId),
    /// The decision on it.
    #[error("the decision on approval {0}")]
    Decision(ApprovalId),
    /// The request of an entry.
    #[error("request {0}")]
    Request(RequestId),
    /// The repository of a queue.
    #[error("the repository {0}")]
    Repo(RepoId),
    /// A permit for every change that lands.
    #[error("a permit to land anything")]
    Permit,
}

impl Error {
    /// Tells whether something moved on between looking and deciding: look again.
    pub(crate) fn is_stale(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Refused {
                refusal: Refusal::Stale(_),
                ..
            })
        )
    }

    /// Tells whether the repository cannot be used as it is, and not the engine.
    pub(crate) fn is_about_the_repo(&self) -> bool {
        match self {
            Self::Repo(_) | Self::NoUsableRepo { .. } | Self::RepoFile(_) => true,
            Self::Git(_) => !is_disk_full(self),
            _ => false,
        }
    }

    /// Tells whether only the moment is bad: the same work may well succeed later, so it is not given up.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Store(error) => match error {
                StoreError::Full
                | StoreError::Overloaded
                | StoreError::Busy
                | StoreError::Closed
                | StoreError::Io(_)
                | StoreError::Database(_) => true,
                StoreError::Refused { .. }
                | StoreError::Corrupt { .. }
                | StoreError::Quarantined { .. }
                | StoreError::Secret { .. }
                | StoreError::MissingBlob { .. }
                | StoreError::LeaseLost { .. }
                | StoreError::KeyReused { .. }
                | StoreError::TooLarge { .. }
                | StoreError::Damaged { .. }
                | StoreError::Displaced { .. }
                | StoreError::Panicked { .. }
                | StoreError::ReadOnly => false,
            },
            Self::Read(ReadError::Busy | ReadError::Io(_) | ReadError::Database(_)) => true,
            error => is_disk_full(error),
        }
    }
}

impl From<hyperion_backup::Error> for Error {
    fn from(error: hyperion_backup::Error) -> Self {
        use hyperion_backup::Error as Backup;
        match error {
            Backup::Store(error) => Self::Store(error),
            Backup::Read(error) => Self::Read(error),
            Backup::Git(error) => Self::Git(error),
            Backup::Io { what, source } => Self::Io { what, source },
            Backup::Encode(error) => Self::Encode(error),
            Backup::Problem(problem) => Self::Problem(problem),
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Problem(problem) => *problem,
            Error::Store(error) => from_store(&error),
            Error::Repo(error) => {
                Problem::new("repo.unusable", format!("failed to {error}")).hint(error.remedy())
            }
            Error::Git(error) if is_disk_full(&error) => {
                let remedy = "free some space and try again; nothing was half-written";
                Problem::new("store.full", chain(&error)).hint(remedy)
            }
            Error::Git(error) => {
                let remedy = error
                    .remedy()
                    .unwrap_or_else(|| "run `hyperion doctor`".to_owned());
                Problem::new("repo.unusable", chain(&error)).hint(remedy)
            }
            Error::NoUsableRepo { detail, hint } => {
                Problem::new("repo.unusable", detail).hint(hint)
            }
            Error::RepoFile(error) => Problem::new(
                "repo.unusable",
                format!("failed to read hyperion.toml: {error}"),
            )
            .hint("correct the file on the branch that work lands on, and commit it"),
            Error::Read(error) => Problem::new(
                "store.damaged",
                format!("failed to read the store: {error}"),
            )
            .hint(error.hint()),
            error if is_disk_full(&error) => Problem::new("store.full", chain(&error))
                .hint("free some space and try again; nothing was half-written"),
            Error::Io { .. } | Error::Lane(_) | Error::Spawn(_) => {
                Problem::new("engine.unavailable", chain(&error)).hint("run `hyperion doctor`")
            }
            Error::Edit(_)
            | Error::Blob { .. }
            | Error::Encode(_)
            | Error::Missing(_)
            | Error::Fact(_) => {
                Problem::new("internal", chain(&error)).hint("run `hyperion doctor`")
            }
        }
    }
}

/// Tells whether the reason beneath an error is that there is no room left.
fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    let mut at = Some(error);
    while let Some(cause) = at {
        let io = cause.downcast_ref::<std::io::Error>();
        let git = cause.downcast_ref::<GitError>();
        if io.is_some_and(|io| matches!(io.kind(), StorageFull | QuotaExceeded))
            || matches!(git, Some(GitError::DiskFull { .. }))
        {
            return true;
        }
        at = cause.source();
    }
    false
}

fn from_store(error: &StoreError) -> Problem {
    let code = match error {
        StoreError::Refused { refusal, .. } => return refused(refusal),
        StoreError::Full => "store.full",
        StoreError::ReadOnly => "engine.read_only",
        StoreError::Displaced { .. } => "home.displaced",
        StoreError::Damaged { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Quarantined { .. } => "store.damaged",
        StoreError::TooLarge { .. } | StoreError::Secret { .. } | StoreError::KeyReused { .. } => {
            "input.invalid"
        }
        StoreError::Panicked { .. } => "internal",
        StoreError::MissingBlob { .. }
        | StoreError::LeaseLost { .. }
        | StoreError::Overloaded
        | StoreError::Busy
        | StoreError::Closed
        | StoreError::Io { .. }
        | StoreError::Database { .. } => "engine.unavailable",
    };
    Problem::new(code, chain(error)).hint(error.hint())
}

/// Says why a command was not taken.
fn refused(refusal: &Refusal) -> Problem {
    let (code, hint) = match refusal {
        Refusal::Missing(_) | Refusal::NoSuchPart { .. } => ("subject.not_found", None),
        Refusal::AlreadyDecided { .. } => (
            "approval.already_decided",
            Some("the first decision stands"),
        ),
        Refusal::NotEntitled { .. } => (
            "approval.not_entitled",
            Some("ask somebody with that role to decide it"),
        ),
        Refusal::Lapsed(_) => ("access.denied", Some("ask an admin, or sign in again")),
        Refusal::OtherDigest { .. } => (
            "approval.stale",
            Some("look at it again: `hyperion approval show` prints what is asked now"),
        ),
        Refusal::Limit { .. } | Refusal::Inconsistent(_) => ("input.invalid", None),
        Refusal::Exists(_) | Refusal::Illegal { .. } => ("state.illegal_move", None),
        Refusal::Stale(_) => (
            "state.illegal_move",
            Some("look at it again, and try again if you still want to"),
        ),
    };
    let problem = Problem::new(code, refusal.to_string());
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// Names a git object as a fact does.
pub(crate) fn git_id(oid: &Oid) -> Result<GitId, Error> {
    GitId::new(oid.as_str()).map_err(|error| Error::Missing(error.to_string()))
}

/// Names a git object as git does.
pub(crate) fn oid(id: &GitId) -> Result<Oid, Error> {
    Oid::parse(id.as_str()).map_err(|error| Error::Missing(error.to_string()))
}
