//! The proof that policy or an approval allows one very action.
//!
//! A [`Permit`] can be had from [`permit`] alone: it has no public constructor, cannot be copied
//! and cannot be read back from storage. What is stored is the [`DecisionId`] and the digests;
//! after a crash [`Basis::Recovery`] mints from that record, without judging again.

use std::fmt;
use std::str::FromStr;

use hyperion_model::approval::{Owners, may_decide};
use hyperion_model::{Actor, ApprovalId, Decision, Digest, GrantId, Level};
use serde::{Deserialize, Serialize};

use crate::assess::Assessment;
use crate::command::Shape;
use crate::judgement::Judgement;
use crate::rules::Rules;

/// What is to be done to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Make a change part of a branch.
    Land,
    /// Take a landing back.
    RollBack,
    /// Write files that no git repository holds.
    Apply,
    /// Run a command, a check or an agent.
    Run,
    /// Deliver to production; by hand only (S4).
    DeployProduction,
}

impl ActionKind {
    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            ActionKind::Land => "land",
            ActionKind::RollBack => "roll_back",
            ActionKind::Apply => "apply",
            ActionKind::Run => "run",
            ActionKind::DeployProduction => "deploy_production",
        }
    }

    /// Says it in words that follow "the".
    pub const fn noun(self) -> &'static str {
        match self {
            ActionKind::Land => "landing",
            ActionKind::RollBack => "rollback",
            ActionKind::Apply => "write",
            ActionKind::Run => "run",
            ActionKind::DeployProduction => "production deployment",
        }
    }

    /// Gives the level below which nothing allows this action.
    pub const fn floor(self) -> Level {
        match self {
            ActionKind::Land | ActionKind::RollBack | ActionKind::Apply | ActionKind::Run => {
                Level::Auto
            }
            ActionKind::DeployProduction => Level::ManualOnly,
        }
    }
}

/// One action: this kind, on this subject, with exactly this payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What is to be done.
    pub kind: ActionKind,
    /// The id of what it is done with, for instance a queue entry's.
    pub subject: String,
    /// The digest of exactly what is done.
    pub payload: Digest,
}

/// Names what allowed an action; goes into the record before the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DecisionId {
    /// An approval.
    Approval(ApprovalId),
    /// Policy itself: the digest of the rules and the payload they judged.
    Policy(Digest),
    /// A grant.
    Grant(GrantId),
}

/// What recovery may do with the permit it mints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Do it, for the first time.
    Act,
    /// Look whether it was done.
    Verify,
    /// Do the rest of it.
    Finish,
    /// Take back what was done of it.
    Undo,
}

/// What an action is allowed by.
#[derive(Debug, Clone)]
pub enum Basis<'a> {
    /// A person agreed.
    Approval {
        /// The approval.
        approval: ApprovalId,
        /// The level it asked for.
        level: Level,
        /// The level that policy asks for now, or that a landing was stored with.
        required: Level,
        /// Who agreed, with their role at that time.
        decided_by: &'a Actor,
        /// Whose paths it touches.
        owners: Option<&'a Owners>,
        /// What they agreed to.
        payload: Digest,
    },
    /// Policy lets it pass.
    Policy {
        /// What policy said.
        assessment: &'a Assessment,
        /// Of what it said so.
        payload: Digest,
    },
    /// The judgement of a command lets it run, or a sandbox holds whatever it does.
    Command {
        /// What policy says of it now.
        judgement: &'a Judgement,
        /// Whether a sandbox holds it.
        is_held: bool,
        /// Of what it says so.
        payload: Digest,
    },
    /// A person agreed beforehand to commands of its shape.
    Grant {
        /// The grant.
        grant: GrantId,
        /// The shape that was agreed to.
        shape: &'a Shape,
        /// The strictest question that it answers.
        level: Level,
        /// Who agreed, with their role at that time.
        granted_by: &'a Actor,
        /// What policy says of the command now.
        judgement: &'a Judgement,
        /// The command.
        payload: Digest,
    },
    /// It was allowed and begun before a crash.
    Recovery {
        /// What allowed it then.
        decision: DecisionId,
        /// What was begun.
        payload: Digest,
        /// The policy of that time.
        policy: Digest,
        /// What recovery wants to do; never [`Purpose::Act`].
        purpose: Purpose,
    },
}

/// Says why an action is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Something else was agreed to.
    #[error("allow the {action}: it is for {actual}, but {expected} was agreed to; ask again")]
    OtherPayload {
        /// What is to be done.
        action: &'static str,
        /// What was agreed to.
        expected: Digest,
        /// What would be done.
        actual: Digest,
    },
    /// Whoever agreed may not.
    #[error("allow the {action}: {who} may not decide what asks for {level}; ask again")]
    NoAuthority {
        /// What is to be done.
        action: &'static str,
        /// Who agreed.
        who: String,
        /// What it asks for.
        level: Level,
    },
    /// The question was put to a lower level than policy asks for.
    #[error("allow the {action}: it was approved at {asked}, but needs {required}; ask again")]
    LevelTooLow {
        /// What is to be done.
        action: &'static str,
        /// The level of the question.
        asked: Level,
        /// The level it needs.
        required: Level,
    },
    /// Policy alone does not let it pass.
    #[error("allow the {action} by policy alone: it needs {level}; ask for an approval")]
    NeedsApproval {
        /// What is to be done.
        action: &'static str,
        /// The level it needs.
        level: Level,
    },
    /// Policy refuses it, whoever agrees.
    #[error("allow the {action}: policy refuses it")]
    Denied {
        /// What is to be done.
        action: &'static str,
    },
    /// The grant is for commands of another shape, or for none that policy judges so now.
    #[error("allow the {action} by a grant: that is not for this command; ask again")]
    NotGranted {
        /// What is to be done.
        action: &'static str,
    },
    /// Recovery never does a thing for the first time.
    #[error("allow the {action} from its record: recovery may verify, finish or undo, not begin")]
    RecoveryActs {
        /// What is to be done.
        action: &'static str,
    },
}

/// The proof that an action is allowed: for this kind, subject and payload, once.
///
/// It cannot be copied, so that it is spent with the action:
/// ```compile_fail,E0277
/// fn copies<T: Clone>() {}
/// copies::<hyperion_policy::Permit>();
/// ```
/// and it cannot be read back from storage, so that whoever holds one was judged:
/// ```compile_fail,E0277
/// fn reads<T: serde::de::DeserializeOwned>() {}
/// reads::<hyperion_policy::Permit>();
/// ```
#[derive(Debug)]
#[must_use = "a permit allows one action; without the action it is nothing"]
pub struct Permit {
    action: Action,
    decision: DecisionId,
    policy: Digest,
    purpose: Purpose,
}

impl Permit {
    /// Gives what is allowed.
    pub const fn action(&self) -> &Action {
        &self.action
    }

    /// Gives the digest of exactly what is allowed.
    pub const fn payload(&self) -> Digest {
        self.action.payload
    }

    /// Names what allowed it.
    pub const fn decision_id(&self) -> DecisionId {
        self.decision
    }

    /// Names the policy it was allowed under.
    pub const fn policy(&self) -> Digest {
        self.policy
    }

    /// Gives what it may be used for.
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }
}

/// Mints the proof that an action is allowed, or says why it is not.
pub fn permit(action: &Action, basis: &Basis<'_>, rules: &Rules) -> Result<Permit, Refused> {
    let name = action.kind.noun();
    let same = |expected: Digest| match expected == action.payload {
        true => Ok(()),
        false => Err(Refused::OtherPayload {
            action: name,
            expected,
            actual: action.payload,
        }),
    };
    let minted = |decision, policy, purpose| Permit {
        action: action.clone(),
        decision,
        policy,
        purpose,
    };
    match basis {
        Basis::Approval {
            approval,
            level,
            required,
            decided_by,
            owners,
            payload,
        } => {
            same(*payload)?;
            let required = (*required).max(action.kind.floor());
            if *level < required {
                return Err(Refused::LevelTooLow {
                    action: name,
                    asked: *level,
                    required,
                });
            }
            if !may_decide(decided_by, *level, *owners) {
                let who = decided_by.to_string();
                return Err(Refused::NoAuthority {
                    action: name,
                    who,
                    level: *level,
                });
            }
            Ok(minted(
                DecisionId::Approval(*approval),
                rules.digest(),
                Purpose::Act,
            ))
        }
        Basis::Policy {
            assessment,
            payload,
        } => {
            same(*payload)?;
            let level = assessment.level.max(action.kind.floor());
            match assessment.decision {
                Decision::Deny => return Err(Refused::Denied { action: name }),
                Decision::Ask(asked) => {
                    let level = level.max(asked);
                    return Err(Refused::NeedsApproval {
                        action: name,
                        level,
                    });
                }
                Decision::Allow if level > Level::Auto => {
                    return Err(Refused::NeedsApproval {
                        action: name,
                        level,
                    });
                }
                Decision::Allow => {}
            }
            Ok(minted(
                by_rules(rules, *payload),
                rules.digest(),
                Purpose::Act,
            ))
        }
        Basis::Command {
            judgement,
            is_held,
            payload,
        } => {
            same(*payload)?;
            let level = match judgement.decision {
                Decision::Deny => return Err(Refused::Denied { action: name }),
                Decision::Allow => Level::Auto,
                Decision::Ask(level) if *is_held && level < Level::ManualOnly => Level::Auto,
                Decision::Ask(level) => level,
            };
            let level = level.max(action.kind.floor());
            if level > Level::Auto {
                let action = name;
                return Err(Refused::NeedsApproval { action, level });
            }
            Ok(minted(
                by_rules(rules, *payload),
                rules.digest(),
                Purpose::Act,
            ))
        }
        Basis::Grant {
            grant,
            shape,
            level,
            granted_by,
            judgement,
            payload,
        } => {
            same(*payload)?;
            let required = match judgement.decision {
                Decision::Deny => return Err(Refused::Denied { action: name }),
                Decision::Allow => Level::Auto,
                Decision::Ask(required) => required,
            };
            let required = required.max(action.kind.floor());
            let is_granted = judgement.shape.as_ref() == Some(*shape);
            if !is_granted || required == Level::ManualOnly {
                return Err(Refused::NotGranted { action: name });
            }
            if *level < required {
                return Err(Refused::LevelTooLow {
                    action: name,
                    asked: *level,
                    required,
                });
            }
            if !granted_by.may_decide(*level) {
                return Err(Refused::NoAuthority {
                    action: name,
                    who: granted_by.to_string(),
                    level: *level,
                });
            }
            Ok(minted(
                DecisionId::Grant(*grant),
                rules.digest(),
                Purpose::Act,
            ))
        }
        Basis::Recovery {
            decision,
            payload,
            policy,
            purpose,
        } => {
            same(*payload)?;
            match purpose {
                Purpose::Act => Err(Refused::RecoveryActs { action: name }),
                Purpose::Verify | Purpose::Finish | Purpose::Undo => {
                    Ok(minted(*decision, *policy, *purpose))
                }
            }
        }
    }
}

/// Names the decision of rules about a payload.
fn by_rules(rules: &Rules, payload: Digest) -> DecisionId {
    let policy = rules.digest();
    let judged = [policy.as_bytes().as_slice(), payload.as_bytes()].concat();
    DecisionId::Policy(Digest::of(&judged))
}

/// Says why a text is not a decision's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a decision's id; it reads `approval:` or `grant:` and an id, or `policy:` and a digest"
)]
pub struct DecisionIdError(String);

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecisionId::Approval(id) => write!(f, "approval:{id}"),
            DecisionId::Policy(digest) => write!(f, "policy:{digest}"),
            DecisionId::Grant(id) => write!(f, "grant:{id}"),
        }
    }
}

impl FromStr for DecisionId {
    type Err = DecisionIdError;

    fn from_str(text: &str) -> Result<Self, DecisionIdError> {
        let refused = || DecisionIdError(text.chars().take(100).collect());
        match text.split_once(':') {
            Some(("approval", id)) => id.parse().map(DecisionId::Approval).map_err(|_| refused()),
            Some(("grant", id)) => id.parse().map(DecisionId::Grant).map_err(|_| refused()),
            Some(("policy", digest)) => digest
                .parse()
                .map(DecisionId::Policy)
                .map_err(|_| refused()),
            Some(_) | None => Err(refused()),
        }
    }
}

impl TryFrom<String> for DecisionId {
    type Error = DecisionIdError;
    fn try_from(text: String) -> Result<Self, DecisionIdError> {
        text.parse()
    }
}

impl From<DecisionId> for String {
    fn from(id: DecisionId) -> String {
        id.to_string()
    }
}
