//! The stored form of a fact: an envelope with a gapless number, chained by hash.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::command::Subject;
use crate::machine::{Corrupt, Machine, Noun, Stamp};
use crate::{
    Actor, Digest, EventId, RequestId, RunId, Time, approval, audit, canonical, change_set, entry,
    grant, plan, repo, request, run, token, user,
};

/// The version of the event format that is written now; older ones are upcast on read, for ever.
pub const FORMAT: u64 = 1;

/// One event of any noun.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Fact {
    /// Of a repository.
    Repo(repo::Event),
    /// Of a request.
    Request(request::Event),
    /// Of a plan or one of its steps.
    Plan(plan::Event),
    /// Of a run.
    Run(run::Event),
    /// Of a change set or one of its items.
    ChangeSet(change_set::Event),
    /// Of an approval.
    Approval(approval::Event),
    /// Of a queue entry.
    Entry(entry::Event),
    /// Of a user.
    User(user::Event),
    /// Of a token.
    Token(token::Event),
    /// Of the ledger.
    Audit(audit::Event),
    /// Of a grant.
    Grant(grant::Event),
}

/// A fact with its envelope, before the store seals it into the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// When, and by whom.
    pub stamp: Stamp,
    /// What it happened to.
    pub subject: Subject,
    /// The request it belongs to.
    pub request: Option<RequestId>,
    /// The run it belongs to.
    pub run: Option<RunId>,
    /// What happened.
    pub fact: Fact,
}

/// An event as it stands in the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its number; gapless per store, from 1.
    pub seq: u64,
    /// The hash of the event before it; all zeroes for the first.
    pub prev_hash: Digest,
    /// SHA-256 over the stored text.
    pub hash: Digest,
    /// What it says.
    pub event: Event,
}

/// The members of an event's text; see the contracts, §5.
#[derive(Serialize)]
struct Members<'a> {
    #[serde(flatten)]
    fact: &'a Fact,
    v: u64,
    seq: u64,
    id: EventId,
    time: Time,
    subject: Subject,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<RunId>,
    actor: &'a Actor,
    prev_hash: Digest,
}

/// Finds the kind in an event's sealed text.
pub fn kind_of(text: &str) -> &str {
    // Members come in order: behind the kind there are only names, numbers and times.
    let kind = text.rsplit_once(",\"kind\":\"").map(|(_, rest)| rest);
    kind.and_then(|rest| rest.split('"').next()).unwrap_or("")
}

impl Fact {
    /// Gives the kind, for instance `merge.landed`.
    pub fn kind(&self) -> String {
        // The tag comes first: serde writes it before it looks at the content.
        let text = serde_json::to_string(self).unwrap_or_default();
        let kind = text.strip_prefix("{\"kind\":\"");
        let kind = kind.and_then(|rest| rest.split('"').next());
        kind.unwrap_or_default().to_owned()
    }
}

impl Event {
    /// Writes the exact text that is stored and hashed: canonical JSON with every field but `hash`.
    pub fn seal(&self, seq: u64, prev_hash: Digest) -> String {
        let Self {
            id,
            stamp: Stamp { time, actor },
            subject,
            request,
            run,
            fact,
        } = self;
        let members = Members {
            fact,
            v: FORMAT,
            seq,
            id: *id,
            time: *time,
            subject: *subject,
            request_id: *request,
            run_id: *run,
            actor,
            prev_hash,
        };
        canonical::of(&members)
            .unwrap_or_else(|_| canonical::to_string(&self.to_json(seq, prev_hash)))
    }

    /// Gives the wire shape without `hash`; see the contracts, §5.
    pub fn to_json(&self, seq: u64, prev_hash: Digest) -> Value {
        let Self {
            id,
            stamp: Stamp { time, actor },
            subject,
            request,
            run,
            fact,
        } = self;
        let fact = serde_json::to_value(fact).unwrap_or(Value::Null);
        let mut object = Map::new();
        object.insert("v".into(), FORMAT.into());
        object.insert("seq".into(), seq.into());
        object.insert("id".into(), id.to_string().into());
        object.insert("time".into(), time.to_string().into());
        object.insert("kind".into(), fact["kind"].clone());
        object.insert(
            "subject".into(),
            json!({"type": subject.noun().name(), "id": subject.uuid()}),
        );
        if let Some(request) = request {
            object.insert("request_id".into(), request.to_string().into());
        }
        if let Some(run) = run {
            object.insert("run_id".into(), run.to_string().into());
        }
        object.insert(
            "actor".into(),
            serde_json::to_value(actor).unwrap_or(Value::Null),
        );
        object.insert("data".into(), fact["data"].clone());
        object.insert("prev_hash".into(), prev_hash.to_string().into());
        Value::Object(object)
    }
}

/// The envelope as it is read back; unknown fields are ignored, for ever.
#[derive(Deserialize)]
struct Envelope {
    v: u64,
    seq: u64,
    id: EventId,
    time: Time,
    kind: String,
    subject: EnvelopeSubject,
    #[serde(default)]
    request_id: Option<RequestId>,
    #[serde(default)]
    run_id: Option<RunId>,
    actor: Actor,
    data: Value,
    prev_hash: Digest,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

#[derive(Deserialize)]
struct EnvelopeSubject {
    r#type: Noun,
    id: crate::Uuid,
}

/// Says why a stored event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The text is not the JSON of an event.
    #[error("the event's text cannot be read")]
    Json(#[from] serde_json::Error),
    /// Written by a newer Hyperion.
    #[error("the event has format {0}; this Hyperion reads up to {FORMAT}: upgrade it")]
    Newer(u64),
}

impl StoredEvent {
    /// Reads an event from its stored text; the hash is computed from that very text.
    pub fn parse(text: &str) -> Result<Self, EventError> {
        let envelope = match serde_json::from_str::<Envelope>(text) {
            Ok(envelope) if envelope.v > FORMAT => return Err(EventError::Newer(envelope.v)),
            Ok(envelope) => envelope,
            // A newer format may have another envelope; only its version is sure to be there.
            Err(error) => {
                return Err(match serde_json::from_str(text) {
                    Ok(Version { v }) if v > FORMAT => EventError::Newer(v),
                    Ok(Version { .. }) | Err(_) => error.into(),
                });
            }
        };
        let Envelope {
            v: _,
            seq,
            id,
            time,
            kind,
            subject,
            request_id,
            run_id,
            actor,
            data,
            prev_hash,
        } = envelope;
        let tagged = json!({"kind": kind, "data": data});
        let (fact, subject) = match subject.r#type {
            Noun::Repo => (
                Fact::Repo(serde_json::from_value(tagged)?),
                Subject::Repo(crate::RepoId::new(subject.id)),
            ),
            Noun::Request => (
                Fact::Request(serde_json::from_value(tagged)?),
                Subject::Request(RequestId::new(subject.id)),
            ),
            Noun::Plan => (
                Fact::Plan(serde_json::from_value(tagged)?),
                Subject::Plan(crate::PlanId::new(subject.id)),
            ),
            Noun::Run => (
                Fact::Run(serde_json::from_value(tagged)?),
                Subject::Run(RunId::new(subject.id)),
            ),
            Noun::ChangeSet => (
                Fact::ChangeSet(serde_json::from_value(tagged)?),
                Subject::ChangeSet(crate::ChangeSetId::new(subject.id)),
            ),
            Noun::Approval => (
                Fact::Approval(serde_json::from_value(tagged)?),
                Subject::Approval(crate::ApprovalId::new(subject.id)),
            ),
            Noun::Entry => (
                Fact::Entry(serde_json::from_value(tagged)?),
                Subject::Entry(crate::EntryId::new(subject.id)),
            ),
            Noun::User => (
                Fact::User(serde_json::from_value(tagged)?),
                Subject::User(crate::UserId::new(subject.id)),
            ),
            Noun::Token => (
                Fact::Token(serde_json::from_value(tagged)?),
                Subject::Token(crate::TokenId::new(subject.id)),
            ),
            Noun::Audit => (
                Fact::Audit(serde_json::from_value(tagged)?),
                Subject::Audit(crate::AuditId::new(subject.id)),
            ),
            Noun::Grant => (
                Fact::Grant(serde_json::from_value(tagged)?),
                Subject::Grant(crate::GrantId::new(subject.id)),
            ),
        };
        Ok(Self {
            seq,
            prev_hash,
            hash: Digest::of(text.as_bytes()),
            event: Event {
                id,
                stamp: Stamp { time, actor },
                subject,
                request: request_id,
                run: run_id,
                fact,
            },
        })
    }

    /// Gives the wire shape, with `hash`.
    pub fn to_json(&self) -> Value {
        let mut value = self.event.to_json(self.seq, self.prev_hash);
        value["hash"] = self.hash.to_string().into();
        value
    }

    /// Gives the kind, for instance `merge.landed`.
    pub fn kind(&self) -> String {
        self.event.fact.kind()
    }
}

/// Makes the state of a noun from its events, oldest first.
pub fn replay<M: Machine>(
    events: impl IntoIterator<Item = (Stamp, M::Event)>,
) -> Result<Option<M>, Corrupt> {
    events.into_iter().try_fold(None, |state, (stamp, event)| {
        M::apply(state, &event, &stamp).map(Some)
    })
}
