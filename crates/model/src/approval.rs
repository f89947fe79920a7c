//! An approval: one question to people, bound to the digest of exactly what was asked.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::machine::{Corrupt, Machine, Noun, Refusal, Row, Stamp, damaged, moves, out_of_order};
use crate::{
    Actor, ApprovalId, Digest, Level, LineageId, Name, RepoId, RequestId, Role, ShortText, Subject,
    Time,
};

moves! {
    noun Noun::Approval;
    states {
        /// Waits for a person.
        Pending = "pending" open;
        /// Somebody agreed.
        Approved = "approved" closed;
        /// Somebody refused, or asked for changes.
        Rejected = "rejected" closed;
        /// Nobody decided in time: no "no", and no "yes".
        Expired = "expired" closed;
        /// What was asked is no longer wanted.
        Cancelled = "cancelled" closed;
    }
    verbs {
        Warn = "be announced": [Pending] => Pending;
        LookAt = "be looked at whole": [Pending] => Pending;
        Extend = "be given more time": [Pending] => Pending;
        Approve = "be approved": [Pending] => Approved;
        Reject = "be rejected": [Pending] => Rejected;
        Expire = "expire": [Pending] => Expired;
        Cancel = "be cancelled": [Pending] => Cancelled;
    }
}

/// How risky what is asked looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Hardly anything can go wrong.
    Low,
    /// The usual.
    Medium,
    /// Worth a close look.
    High,
    /// Could lose data or open a door.
    Critical,
}

impl Risk {
    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Risk::Low => "low",
            Risk::Medium => "medium",
            Risk::High => "high",
            Risk::Critical => "critical",
        }
    }
}

/// A question, complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The lineage that asks.
    pub lineage: LineageId,
    /// What makes the question findable within its lineage.
    pub key: Name,
    /// How often the same key was asked before, plus one.
    pub generation: u32,
    /// What the answer moves on.
    pub about: Subject,
    /// What would be done, for instance `land`.
    pub action: Name,
    /// Who has to agree.
    pub level: Level,
    /// How risky it looks.
    pub risk: Risk,
    /// What the answer is bound to: SHA-256 of the canonical JSON of action, details and diff.
    pub digest: Digest,
    /// The change itself, whoever files it and when: what was refused once is known again by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// The blob with summary, details and diff.
    pub document: Digest,
    /// The request it belongs to.
    pub request: Option<RequestId>,
    /// The repository it is about.
    pub repo: Option<RepoId>,
    /// When it expires.
    pub expires_at: Time,
    /// Whose paths it touches, where it touches any that are owned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owners: Option<Owners>,
}

/// Whose paths a change touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owners {
    /// The people who own every owned path that it touches; nobody where no two owners are the same.
    pub names: BTreeSet<Name>,
    /// Whether it touches nothing but owned paths: then their yes is enough where a team lead's would be.
    pub all_owned: bool,
}

/// Tells whether somebody may decide a question of this level about these paths.
///
/// An admin always may, an agent never. What is owned takes an owner; of what is not owned a team lead decides.
pub fn may_decide(actor: &Actor, level: Level, owners: Option<&Owners>) -> bool {
    let Actor::Person { id, role } = actor else {
        return false;
    };
    match (role, owners) {
        (Role::Admin, _) => true,
        (Role::Viewer, _) => false,
        (Role::Operator | Role::TeamLead, None) => role.may_decide(level),
        (Role::Operator | Role::TeamLead, Some(owners)) => {
            let is_owner = owners.names.contains(id) && level <= Level::TeamLead;
            is_owner && (owners.all_owned || role.may_decide(level))
        }
    }
}

impl Question {
    /// Tells whether somebody's role, or what they own, lets them decide it.
    pub fn may_be_decided_by(&self, actor: &Actor) -> bool {
        may_decide(actor, self.level, self.owners.as_ref())
    }

    /// Derives the approval's id from lineage, key and generation.
    pub fn id(&self) -> ApprovalId {
        ApprovalId::derive(self.lineage, self.key.as_str(), self.generation)
    }
}

/// Who decided, and what they said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Time,
    /// What they said, in one line.
    pub reason: Option<ShortText>,
    /// Whether they asked for a revision rather than refusing for good.
    pub changes_requested: bool,
}

/// Who looked at what is asked with nothing masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedAt {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Time,
}

/// An approval's state: one generation of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// What was asked; its `expires_at` is the latest that was set.
    pub question: Question,
    /// Where it stands.
    pub status: Status,
    /// When it was asked.
    pub asked_at: Time,
    /// Who asked; nobody where Hyperion itself did, about a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<Actor>,
    /// How often it was given more time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub extensions: u32,
    /// How it was decided; also set when it was cancelled or expired.
    pub verdict: Option<Verdict>,
    /// When its end was announced last; nothing expires unannounced.
    pub warned_at: Option<Time>,
    /// Who looked last at all of what is asked, with nothing masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<LookedAt>,
}

/// Serde asks by reference.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// How often a question may be given more time.
pub const MAX_EXTENSIONS: u32 = 10;

/// The longest that a question stands in all, extensions included.
pub const MAX_TTL: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 3600);

/// The most time that is left to decide when a deadline passed while no engine was up.
pub const MAX_GRACE: std::time::Duration = std::time::Duration::from_secs(3600);

/// What an approval can be asked to do.
#[allow(clippy::large_enum_variant, reason = "few of them exist at a time")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Command {
    /// Asks.
    Ask(Question),
    /// Agrees.
    Approve {
        /// What the decision is about, where the decider's surface knows it.
        digest: Option<Digest>,
        /// What they said.
        reason: Option<ShortText>,
    },
    /// Refuses.
    Reject {
        /// What the decision is about, where the decider's surface knows it.
        digest: Option<Digest>,
        /// What they said.
        reason: Option<ShortText>,
        /// Whether a revision is wanted.
        changes_requested: bool,
    },
    /// Notes that nobody decided in time.
    Expire,
    /// Withdraws the question.
    Cancel {
        /// Why.
        reason: ShortText,
    },
    /// Notes that somebody who may decide was shown all of it, with nothing masked.
    LookAt {
        /// What they were shown.
        digest: Digest,
    },
    /// Gives more time to decide; the new end is announced like the first.
    Extend {
        /// When it expires now.
        expires_at: Time,
    },
    /// Announces that it will expire soon; once more when its time passed unseen, which leaves some.
    Warn,
}

/// What can happen to an approval.
#[allow(clippy::large_enum_variant, reason = "few of them exist at a time")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
pub enum Event {
    /// It was asked.
    #[serde(rename = "approval.requested")]
    Requested(Question),
    /// Somebody decided.
    #[serde(rename = "approval.decided")]
    Decided {
        /// Whether they agreed.
        approved: bool,
        /// What they decided on.
        digest: Digest,
        /// What they said.
        reason: Option<ShortText>,
        /// Whether a revision is wanted.
        changes_requested: bool,
    },
    /// Nobody decided in time.
    #[serde(rename = "approval.expired")]
    Expired {},
    /// It was withdrawn.
    #[serde(rename = "approval.cancelled")]
    Cancelled {
        /// Why.
        reason: ShortText,
    },
    /// It will expire soon.
    #[serde(rename = "approval.expiring")]
    Expiring {},
    /// It was given more time.
    #[serde(rename = "approval.extended")]
    Extended {
        /// When it expires now.
        expires_at: Time,
    },
    /// Somebody who may decide was shown all of it, with nothing masked.
    #[serde(rename = "approval.looked_at")]
    LookedAt {
        /// What they were shown.
        digest: Digest,
    },
}

impl Approval {
    /// Gives when it expires; none before its end was announced.
    ///
    /// Where that was announced too late (no engine was up), a tenth of its time is left, at most
    /// [`MAX_GRACE`].
    pub fn deadline(&self) -> Option<Time> {
        let warned_at = self.warned_at?;
        let expires_at = self.question.expires_at;
        if warned_at <= expires_at {
            return Some(expires_at);
        }
        let ttl = std::time::Duration::try_from(expires_at.duration_since(self.asked_at))
            .unwrap_or_default();
        Some(warned_at + (ttl / 10).min(MAX_GRACE))
    }

    /// Refuses with who decided and when, or because the actor's role does not reach.
    fn check(&self, stamp: &Stamp, digest: Option<Digest>) -> Result<(), Refusal> {
        if let Some(verdict) = &self.verdict {
            return Err(Refusal::AlreadyDecided {
                status: self.status.name(),
                by: verdict.by.clone(),
                at: verdict.at,
            });
        }
        if self
            .deadline()
            .is_some_and(|deadline| stamp.time >= deadline)
        {
            return Err(Refusal::Inconsistent(
                "its time has passed; it can be asked again",
            ));
        }
        if !self.question.may_be_decided_by(&stamp.actor) {
            return Err(Refusal::NotEntitled {
                by: stamp.actor.clone(),
                level: self.question.level,
            });
        }
        match digest {
            Some(given) if given != self.question.digest => Err(Refusal::OtherDigest {
                asked: self.question.digest,
                given,
            }),
            Some(_) | None => Ok(()),
        }
    }
}

impl Approval {
    /// Tells whether it may be given time until then.
    fn check_extension(&self, expires_at: Time) -> Result<(), Refusal> {
        let wrong = if self.extensions >= MAX_EXTENSIONS {
            "it was given more time 10 times already: decide it, or have it asked again"
        } else if expires_at <= self.question.expires_at {
            "that is no later than it expires anyway"
        } else if expires_at > self.asked_at + MAX_TTL {
            "a question stands for at most 90 days in all"
        } else {
            return Ok(());
        };
        Err(Refusal::Inconsistent(wrong))
    }
}

impl Machine for Approval {
    type Id = ApprovalId;
    type Command = Command;
    type Event = Event;
    const NOUN: Noun = Noun::Approval;

    fn decide(
        state: Option<&Self>,
        command: &Command,
        stamp: &Stamp,
    ) -> Result<Vec<Event>, Refusal> {
        let approval = match (state, command) {
            (None, Command::Ask(question)) => {
                if question.generation == 0 {
                    return Err(Refusal::Inconsistent("generations are counted from 1"));
                }
                if question.level == Level::Auto {
                    return Err(Refusal::Inconsistent(
                        "what is allowed by policy is not asked",
                    ));
                }
                return Ok(vec![Event::Requested(question.clone())]);
            }
            (None, _) => return Err(Refusal::Missing(Noun::Approval)),
            (Some(approval), _) => approval,
        };
        let (verb, event) = match command {
            Command::Ask(_) => return Err(Refusal::Exists(Noun::Approval)),
            Command::Approve { digest, reason } => {
                approval.check(stamp, *digest)?;
                let decided = Event::Decided {
                    approved: true,
                    digest: approval.question.digest,
                    reason: reason.clone(),
                    changes_requested: false,
                };
                (Verb::Approve, decided)
            }
            Command::Reject {
                digest,
                reason,
                changes_requested,
            } => {
                approval.check(stamp, *digest)?;
                let decided = Event::Decided {
                    approved: false,
                    digest: approval.question.digest,
                    reason: reason.clone(),
                    changes_requested: *changes_requested,
                };
                (Verb::Reject, decided)
            }
            Command::LookAt { digest } => {
                approval.check(stamp, Some(*digest))?;
                (Verb::LookAt, Event::LookedAt { digest: *digest })
            }
            Command::Extend { expires_at } => {
                approval.check(stamp, None)?;
                approval.check_extension(*expires_at)?;
                let expires_at = *expires_at;
                (Verb::Extend, Event::Extended { expires_at })
            }
            Command::Expire => {
                if approval
                    .deadline()
                    .is_none_or(|deadline| stamp.time < deadline)
                {
                    return Err(Refusal::Inconsistent("its time has not passed yet"));
                }
                (Verb::Expire, Event::Expired {})
            }
            Command::Cancel { reason } => (
                Verb::Cancel,
                Event::Cancelled {
                    reason: reason.clone(),
                },
            ),
            Command::Warn => {
                // Once in time, and once more when its time passed while nobody could see it.
                let expires_at = approval.question.expires_at;
                let settled = approval
                    .warned_at
                    .is_some_and(|at| at > expires_at || stamp.time <= expires_at);
                if approval.status == Status::Pending && settled {
                    return Err(Refusal::Inconsistent("its end was announced already"));
                }
                (Verb::Warn, Event::Expiring {})
            }
        };
        lead(approval.status, verb)?;
        Ok(vec![event])
    }

    fn apply(state: Option<Self>, event: &Event, stamp: &Stamp) -> Result<Self, Corrupt> {
        let mut approval = match (state, event) {
            (None, Event::Requested(question)) => {
                return Ok(Self {
                    id: question.id(),
                    question: question.clone(),
                    status: Status::Pending,
                    asked_at: stamp.time,
                    asked_by: match &stamp.actor {
                        Actor::Engine { .. } => None,
                        asker => Some(asker.clone()),
                    },
                    extensions: 0,
                    verdict: None,
                    warned_at: None,
                    looked_at: None,
                });
            }
            (None, _) => return Err(out_of_order(Noun::Approval, false)),
            (Some(approval), _) => approval,
        };
        let verdict = |reason: Option<ShortText>, changes_requested| Verdict {
            by: stamp.actor.clone(),
            at: stamp.time,
            reason,
            changes_requested,
        };
        let verb = match event {
            Event::Requested(_) => return Err(out_of_order(Noun::Approval, true)),
            Event::Decided {
                approved,
                digest: _,
                reason,
                changes_requested,
            } => {
                approval.verdict = Some(verdict(reason.clone(), *changes_requested));
                if *approved {
                    Verb::Approve
                } else {
                    Verb::Reject
                }
            }
            Event::Expired {} => {
                approval.verdict = Some(verdict(None, false));
                Verb::Expire
            }
            Event::Cancelled { reason } => {
                approval.verdict = Some(verdict(Some(reason.clone()), false));
                Verb::Cancel
            }
            Event::Expiring {} => {
                approval.warned_at = Some(stamp.time);
                Verb::Warn
            }
            Event::Extended { expires_at } => {
                approval.question.expires_at = *expires_at;
                approval.extensions += 1;
                approval.warned_at = None;
                Verb::Extend
            }
            Event::LookedAt { digest: _ } => {
                approval.looked_at = Some(LookedAt {
                    by: stamp.actor.clone(),
                    at: stamp.time,
                });
                Verb::LookAt
            }
        };
        approval.status = lead(approval.status, verb).map_err(damaged(Noun::Approval))?;
        Ok(approval)
    }

    fn row(&self) -> Row {
        Row {
            status: self.status.name(),
            open: self.status.is_open(),
            request: self.question.request,
            repo: self.question.repo,
            run: match self.question.about {
                Subject::Run(run) => Some(run),
                _ => None,
            },
            parent: Some(self.question.about.uuid()),
            due: Some(self.question.expires_at),
            blobs: vec![self.question.document],
            kept: Vec::new(),
        }
    }
}
