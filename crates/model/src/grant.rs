//! A grant: a person's agreement, beforehand, to every command of one shape.

use serde::{Deserialize, Serialize};

use crate::machine::{Corrupt, Machine, Noun, Refusal, Row, Stamp, damaged, moves, out_of_order};
use crate::{Actor, Digest, GrantId, Level, LineageId, RepoId, RequestId, RunId, ShortText, Time};

moves! {
    noun Noun::Grant;
    states {
        /// Commands of its shape run without asking.
        Active = "active" open;
        /// It was used as often as was agreed.
        UsedUp = "used_up" closed;
        /// Its time passed, or what it was given for ended.
        Expired = "expired" closed;
        /// A person took it back.
        Revoked = "revoked" closed;
    }
    verbs {
        Use = "be used": [Active] => Active;
        UseUp = "be used for the last time": [Active] => UsedUp;
        Expire = "expire": [Active] => Expired;
        Revoke = "be revoked": [Active] => Revoked;
    }
}

/// The most uses that a grant may be given for.
pub const MAX_USES: u32 = 10_000;

/// What a grant is given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", content = "id", rename_all = "snake_case")]
pub enum Scope {
    /// One run, in all its starts.
    Run(LineageId),
    /// All that is done for one request.
    Request(RequestId),
    /// Everything in one repository.
    Repo(RepoId),
}

impl Scope {
    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Run(_) => "run",
            Scope::Request(_) => "request",
            Scope::Repo(_) => "repo",
        }
    }

    /// Gives the bare id of what it is given for.
    pub const fn subject_id(self) -> crate::Uuid {
        match self {
            Scope::Run(id) => id.uuid(),
            Scope::Request(id) => id.uuid(),
            Scope::Repo(id) => id.uuid(),
        }
    }

    /// Gives who may give such a grant, at least.
    pub const fn floor(self) -> Level {
        match self {
            Scope::Run(_) | Scope::Request(_) => Level::TeamLead,
            Scope::Repo(_) => Level::Admin,
        }
    }
}

/// What a person agrees to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The blob with the shape of the commands; its digest is what they are compared by.
    pub shape: Digest,
    /// What it is given for.
    pub scope: Scope,
    /// The strictest question that it answers; never `manual-only`.
    pub level: Level,
    /// How often it may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_max: Option<u32>,
    /// Until when it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

/// A grant's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// What was agreed to.
    pub terms: Terms,
    /// Where it stands.
    pub status: Status,
    /// Who agreed.
    pub granted_by: Actor,
    /// When.
    pub granted_at: Time,
    /// How often it was used.
    pub uses: u32,
    /// When it was used last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Time>,
    /// Who took it back, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revoked>,
}

/// Who took a grant back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Time,
    /// What they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ShortText>,
}

/// What a grant can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Command {
    /// Agrees.
    Give {
        /// Its id.
        id: GrantId,
        /// What to.
        terms: Terms,
    },
    /// Answers a question with it.
    Use {
        /// The run that is let go on by it; none where an agent runs the command itself.
        run: Option<RunId>,
        /// The level of the question.
        level: Level,
    },
    /// Notes that its time passed, or that what it was given for ended.
    Expire,
    /// Takes it back.
    Revoke {
        /// Why.
        reason: Option<ShortText>,
    },
}

/// What can happen to a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
pub enum Event {
    /// It was given.
    #[serde(rename = "grant.given")]
    Given {
        /// Its id.
        id: GrantId,
        /// What was agreed to.
        terms: Terms,
    },
    /// It answered a question.
    #[serde(rename = "grant.used")]
    Used {
        /// The run that went on by it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// Whether that was the last time.
        last: bool,
    },
    /// Its time passed, or what it was given for ended.
    #[serde(rename = "grant.expired")]
    Expired {},
    /// Somebody took it back.
    #[serde(rename = "grant.revoked")]
    Revoked {
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<ShortText>,
    },
}

impl Terms {
    /// Refuses terms that nobody may agree to, or that this actor may not.
    fn check(&self, stamp: &Stamp) -> Result<(), Refusal> {
        if matches!(self.level, Level::Auto | Level::ManualOnly) {
            return Err(Refusal::Inconsistent(
                "a grant answers what asks for team-lead or admin; manual-only is decided each time",
            ));
        }
        let needed = self.level.max(self.scope.floor());
        if !stamp.actor.may_decide(needed) {
            return Err(Refusal::NotEntitled {
                by: stamp.actor.clone(),
                level: needed,
            });
        }
        match self.uses_max {
            Some(0) => return Err(Refusal::Inconsistent("a grant of no uses answers nothing")),
            Some(uses) if uses > MAX_USES => {
                return Err(Refusal::Limit {
                    what: "uses of a grant",
                    given: uses as usize,
                    max: MAX_USES as usize,
                });
            }
            Some(_) | None => {}
        }
        if self.expires_at.is_some_and(|end| end <= stamp.time) {
            return Err(Refusal::Inconsistent("its time would have passed already"));
        }
        Ok(())
    }
}

impl Grant {
    /// Tells whether it answers a question of this level at this time.
    pub fn answers(&self, level: Level, now: Time) -> bool {
        self.status == Status::Active
            && level <= self.terms.level
            && self.terms.expires_at.is_none_or(|end| now < end)
    }
}

impl Machine for Grant {
    type Id = GrantId;
    type Command = Command;
    type Event = Event;
    const NOUN: Noun = Noun::Grant;

    fn decide(
        state: Option<&Self>,
        command: &Command,
        stamp: &Stamp,
    ) -> Result<Vec<Event>, Refusal> {
        let grant = match (state, command) {
            (None, Command::Give { id, terms }) => {
                terms.check(stamp)?;
                return Ok(vec![Event::Given {
                    id: *id,
                    terms: terms.clone(),
                }]);
            }
            (None, _) => return Err(Refusal::Missing(Noun::Grant)),
            (Some(grant), _) => grant,
        };
        let (verb, event) = match command {
            Command::Give { .. } => return Err(Refusal::Exists(Noun::Grant)),
            Command::Use { run, level } => {
                lead(grant.status, Verb::Use)?;
                if !grant.answers(*level, stamp.time) {
                    return Err(Refusal::Inconsistent(
                        "this grant does not answer that question: it asks for more, or its time passed",
                    ));
                }
                let last = grant
                    .terms
                    .uses_max
                    .is_some_and(|max| grant.uses.saturating_add(1) >= max);
                let verb = if last { Verb::UseUp } else { Verb::Use };
                (verb, Event::Used { run: *run, last })
            }
            Command::Expire => (Verb::Expire, Event::Expired {}),
            Command::Revoke { reason } => {
                // Taking back is never harder than giving for one run.
                if !stamp.actor.may_decide(Level::TeamLead) {
                    return Err(Refusal::NotEntitled {
                        by: stamp.actor.clone(),
                        level: Level::TeamLead,
                    });
                }
                let reason = reason.clone();
                (Verb::Revoke, Event::Revoked { reason })
            }
        };
        lead(grant.status, verb)?;
        Ok(vec![event])
    }

    fn apply(state: Option<Self>, event: &Event, stamp: &Stamp) -> Result<Self, Corrupt> {
        let mut grant = match (state, event) {
            (None, Event::Given { id, terms }) => {
                return Ok(Self {
                    id: *id,
                    terms: terms.clone(),
                    status: Status::Active,
                    granted_by: stamp.actor.clone(),
                    granted_at: stamp.time,
                    uses: 0,
                    used_at: None,
                    revoked: None,
                });
            }
            (None, _) => return Err(out_of_order(Noun::Grant, false)),
            (Some(grant), _) => grant,
        };
        let verb = match event {
            Event::Given { .. } => return Err(out_of_order(Noun::Grant, true)),
            Event::Used { run: _, last } => {
                grant.uses = grant.uses.saturating_add(1);
                grant.used_at = Some(stamp.time);
                if *last { Verb::UseUp } else { Verb::Use }
            }
            Event::Expired {} => Verb::Expire,
            Event::Revoked { reason } => {
                grant.revoked = Some(Revoked {
                    by: stamp.actor.clone(),
                    at: stamp.time,
                    reason: reason.clone(),
                });
                Verb::Revoke
            }
        };
        grant.status = lead(grant.status, verb).map_err(damaged(Noun::Grant))?;
        Ok(grant)
    }

    fn row(&self) -> Row {
        let (request, repo) = match self.terms.scope {
            Scope::Run(_) => (None, None),
            Scope::Request(id) => (Some(id), None),
            Scope::Repo(id) => (None, Some(id)),
        };
        Row {
            status: self.status.name(),
            open: self.status.is_open(),
            request,
            repo,
            parent: Some(self.terms.scope.subject_id()),
            due: self.terms.expires_at,
            blobs: vec![self.terms.shape],
            // Lists show what was agreed to, also long after.
            kept: vec![self.terms.shape],
            ..Row::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Name, Role, Uuid};

    fn stamp(role: Role, second: i64) -> Stamp {
        Stamp {
            time: Time::from_second(second).unwrap(),
            actor: Actor::Person {
                id: Name::new("ada").unwrap(),
                role,
            },
        }
    }

    fn give(scope: Scope, level: Level) -> Command {
        Command::Give {
            id: GrantId::new(Uuid::from_u128(1)),
            terms: Terms {
                shape: Digest::of(b"cargo test"),
                scope,
                level,
                uses_max: Some(2),
                expires_at: Some(Time::from_second(100).unwrap()),
            },
        }
    }

    const RUN: Scope = Scope::Run(LineageId::new(Uuid::from_u128(2)));
    const REPO: Scope = Scope::Repo(RepoId::new(Uuid::from_u128(3)));

    fn take(state: Option<Grant>, command: &Command, stamp: &Stamp) -> Result<Grant, Refusal> {
        let events = Grant::decide(state.as_ref(), command, stamp)?;
        let state = events.iter().fold(state, |state, event| {
            Some(Grant::apply(state, event, stamp).unwrap())
        });
        Ok(state.unwrap())
    }

    // X11: who may give what.
    #[test]
    fn a_repository_takes_an_admin_and_manual_only_is_never_granted() {
        let lead = stamp(Role::TeamLead, 1);
        let admin = stamp(Role::Admin, 1);
        let agent = Stamp {
            actor: Actor::Agent {
                id: Name::new("codex").unwrap(),
            },
            ..admin.clone()
        };
        assert!(take(None, &give(RUN, Level::TeamLead), &lead).is_ok());
        assert!(take(None, &give(REPO, Level::TeamLead), &admin).is_ok());
        for (command, stamp) in [
            (give(RUN, Level::Admin), &lead),
            (give(REPO, Level::TeamLead), &lead),
            (give(RUN, Level::ManualOnly), &admin),
            (give(RUN, Level::TeamLead), &agent),
            (give(RUN, Level::TeamLead), &stamp(Role::Operator, 1)),
            (give(RUN, Level::TeamLead), &stamp(Role::Admin, 100)),
        ] {
            assert!(
                take(None, &command, stamp).is_err(),
                "{command:?} {stamp:?}"
            );
        }
    }

    // X11: limited by uses, by time and by level; revocable.
    #[test]
    fn it_answers_as_often_as_agreed_and_no_stricter_question() {
        let lead = stamp(Role::TeamLead, 1);
        let used = |level| Command::Use { run: None, level };
        let grant = take(None, &give(RUN, Level::TeamLead), &lead).unwrap();
        assert!(take(Some(grant.clone()), &used(Level::Admin), &lead).is_err());
        let late = stamp(Role::TeamLead, 100);
        assert!(take(Some(grant.clone()), &used(Level::TeamLead), &late).is_err());
        let once = take(Some(grant), &used(Level::TeamLead), &lead).unwrap();
        assert_eq!((once.uses, once.status), (1, Status::Active));
        let revoked = take(Some(once.clone()), &Command::Revoke { reason: None }, &lead).unwrap();
        assert!(take(Some(revoked), &used(Level::TeamLead), &lead).is_err());
        let twice = take(Some(once), &used(Level::TeamLead), &lead).unwrap();
        assert_eq!((twice.uses, twice.status), (2, Status::UsedUp));
        assert!(take(Some(twice), &used(Level::TeamLead), &lead).is_err());
    }
}
