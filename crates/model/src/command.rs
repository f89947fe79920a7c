//! Commands as data: a batch is decided and written as one, or not at all.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::machine::{Noun, Stamp};
use crate::{
    ApprovalId, AuditId, BatchId, ChangeSetId, Digest, EntryId, EventId, GrantId, PlanId, RepoId,
    RequestId, RunId, TokenId, UserId, Uuid, approval, audit, change_set, entry, grant, plan, repo,
    request, run, token, user,
};

/// What a command or an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", content = "id", rename_all = "snake_case")]
pub enum Subject {
    /// A repository.
    Repo(RepoId),
    /// A request.
    Request(RequestId),
    /// A plan.
    Plan(PlanId),
    /// A run.
    Run(RunId),
    /// A change set.
    ChangeSet(ChangeSetId),
    /// An approval.
    Approval(ApprovalId),
    /// A queue entry.
    Entry(EntryId),
    /// A user.
    User(UserId),
    /// A token.
    Token(TokenId),
    /// The ledger.
    Audit(AuditId),
    /// A grant.
    Grant(GrantId),
}

impl Subject {
    /// Gives the noun.
    pub const fn noun(self) -> Noun {
        match self {
            Subject::Repo(_) => Noun::Repo,
            Subject::Request(_) => Noun::Request,
            Subject::Plan(_) => Noun::Plan,
            Subject::Run(_) => Noun::Run,
            Subject::ChangeSet(_) => Noun::ChangeSet,
            Subject::Approval(_) => Noun::Approval,
            Subject::Entry(_) => Noun::Entry,
            Subject::User(_) => Noun::User,
            Subject::Token(_) => Noun::Token,
            Subject::Audit(_) => Noun::Audit,
            Subject::Grant(_) => Noun::Grant,
        }
    }

    /// Gives the bare UUID.
    pub const fn uuid(self) -> Uuid {
        match self {
            Subject::Repo(id) => id.uuid(),
            Subject::Request(id) => id.uuid(),
            Subject::Plan(id) => id.uuid(),
            Subject::Run(id) => id.uuid(),
            Subject::ChangeSet(id) => id.uuid(),
            Subject::Approval(id) => id.uuid(),
            Subject::Entry(id) => id.uuid(),
            Subject::User(id) => id.uuid(),
            Subject::Token(id) => id.uuid(),
            Subject::Audit(id) => id.uuid(),
            Subject::Grant(id) => id.uuid(),
        }
    }
}

/// A command of any noun, with whom it is for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Command {
    /// To a repository.
    Repo(RepoId, repo::Command),
    /// To a request.
    Request(RequestId, request::Command),
    /// To a plan.
    Plan(PlanId, plan::Command),
    /// To a run.
    Run(RunId, run::Command),
    /// To a change set.
    ChangeSet(ChangeSetId, change_set::Command),
    /// To an approval.
    Approval(ApprovalId, approval::Command),
    /// To a queue entry.
    Entry(EntryId, entry::Command),
    /// To a user.
    User(UserId, user::Command),
    /// To a token.
    Token(TokenId, token::Command),
    /// To the ledger.
    Audit(AuditId, audit::Command),
    /// To a grant.
    Grant(GrantId, grant::Command),
}

impl Command {
    /// Gives whom it is for.
    pub const fn subject(&self) -> Subject {
        match self {
            Command::Repo(id, _) => Subject::Repo(*id),
            Command::Request(id, _) => Subject::Request(*id),
            Command::Plan(id, _) => Subject::Plan(*id),
            Command::Run(id, _) => Subject::Run(*id),
            Command::ChangeSet(id, _) => Subject::ChangeSet(*id),
            Command::Approval(id, _) => Subject::Approval(*id),
            Command::Entry(id, _) => Subject::Entry(*id),
            Command::User(id, _) => Subject::User(*id),
            Command::Token(id, _) => Subject::Token(*id),
            Command::Audit(id, _) => Subject::Audit(*id),
            Command::Grant(id, _) => Subject::Grant(*id),
        }
    }
}

/// Bytes that facts refer to by digest: titles, payloads, reports. Stored encrypted, purgeable.
#[derive(Clone, PartialEq, Eq)]
pub struct NewBlob {
    /// The SHA-256 of `bytes`.
    pub digest: Digest,
    /// The content.
    pub bytes: Vec<u8>,
}

impl NewBlob {
    /// Wraps bytes together with their digest.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self {
            digest: Digest::of(&bytes),
            bytes,
        }
    }
}

impl std::fmt::Debug for NewBlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Content never goes to a log.
        write!(f, "NewBlob({}, {} bytes)", self.digest, self.bytes.len())
    }
}

/// Commands that stand or fall together, with the blobs their events refer to.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Its id; the ids of its events follow from it, and from where they stand in the chain.
    pub id: BatchId,
    /// When, and by whom.
    pub stamp: Stamp,
    /// An idempotency key: a second batch with the same key is not run, its first answer is given.
    /// What asks for something else under the same key is refused; see [`Batch::digest`].
    pub key: Option<String>,
    /// What to decide, in order; later commands see what earlier ones changed.
    pub commands: Vec<Command>,
    /// What the events refer to.
    pub blobs: Vec<NewBlob>,
}

/// The most commands one batch may have.
pub const MAX_COMMANDS: usize = 1024;

impl Batch {
    /// Makes a batch without a key and without blobs.
    pub const fn new(id: BatchId, stamp: Stamp, commands: Vec<Command>) -> Self {
        Self {
            id,
            stamp,
            key: None,
            commands,
            blobs: Vec::new(),
        }
    }

    /// Gives what an idempotency key is bound to: who asks for what. When it is asked, and the
    /// batch's own id, differ from one attempt to the next.
    pub fn digest(&self) -> Digest {
        let commands = serde_json::to_value(&self.commands).unwrap_or_default();
        let actor = serde_json::to_value(&self.stamp.actor).unwrap_or_default();
        Digest::of_json(&serde_json::json!({"actor": actor, "commands": commands}))
    }

    /// Derives the id of the batch's event that has this number in the chain: a version 7 UUID
    /// whose random part is a hash. A batch that is executed twice gives other ids.
    pub fn event_id(&self, seq: u64) -> EventId {
        let mut hasher = Sha256::new();
        hasher.update(self.id.uuid().as_bytes());
        hasher.update(seq.to_be_bytes());
        let random: [u8; 32] = hasher.finalize().into();
        let mut bytes = [0; 16];
        let millis = u64::try_from(self.stamp.time.as_millisecond()).unwrap_or(0);
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random[..10]);
        bytes[6] = (bytes[6] & 0x0f) | 0x70;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        EventId::new(Uuid::from_bytes(bytes))
    }
}
