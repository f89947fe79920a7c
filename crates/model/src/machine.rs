//! What every noun has in common: a state, commands that are decided, events that are applied.

use std::borrow::Cow;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Actor, Digest, Level, RepoId, RequestId, RunId, Time, Uuid};

/// The nouns that have facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noun {
    /// What a person asked for.
    Request,
    /// The way there.
    Plan,
    /// One supervised piece of work.
    Run,
    /// A proposed edit.
    ChangeSet,
    /// One question to people.
    Approval,
    /// A change in the merge queue.
    Entry,
    /// A registered repository.
    Repo,
    /// A person of this home.
    User,
    /// What a program is known by.
    Token,
    /// The ledger of what is no move of another noun.
    Audit,
    /// An agreement beforehand.
    Grant,
}

impl Noun {
    /// Lists every noun, in the order in which work flows.
    pub const ALL: [Noun; 11] = [
        Noun::Repo,
        Noun::Request,
        Noun::Plan,
        Noun::Run,
        Noun::ChangeSet,
        Noun::Approval,
        Noun::Entry,
        Noun::User,
        Noun::Token,
        Noun::Audit,
        Noun::Grant,
    ];

    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Noun::Request => "request",
            Noun::Plan => "plan",
            Noun::Run => "run",
            Noun::ChangeSet => "change_set",
            Noun::Approval => "approval",
            Noun::Entry => "entry",
            Noun::Repo => "repo",
            Noun::User => "user",
            Noun::Token => "token",
            Noun::Audit => "audit",
            Noun::Grant => "grant",
        }
    }

    /// Finds a noun by its wire name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|noun| noun.name() == name)
    }
}

impl fmt::Display for Noun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Noun::ChangeSet => "change set",
            Noun::Entry => "queue entry",
            Noun::Repo => "repository",
            Noun::Audit => "ledger",
            Noun::Request | Noun::Plan | Noun::Run | Noun::Approval => self.name(),
            Noun::User | Noun::Token | Noun::Grant => self.name(),
        })
    }
}

/// When, and by whom: goes into a command, comes out in its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The engine's clock when the command was issued.
    pub time: Time,
    /// Who issued it.
    pub actor: Actor,
}

/// Why a command was not taken: the state of the world is otherwise than its sender thought.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The subject was never created.
    #[error("there is no such {0}")]
    Missing(Noun),
    /// The subject exists already.
    #[error("this {0} exists already")]
    Exists(Noun),
    /// The move is not in the noun's table.
    #[error("{}", illegal(*noun, status, verb))]
    Illegal {
        /// Of what.
        noun: Noun,
        /// The state it is in.
        status: &'static str,
        /// What it was asked to do.
        verb: &'static str,
    },
    /// Somebody decided first; the first decision wins.
    #[error("already {status} by {by} at {at}")]
    AlreadyDecided {
        /// How it ended.
        status: &'static str,
        /// Who decided.
        by: Actor,
        /// When.
        at: Time,
    },
    /// The actor's role does not reach.
    #[error("{by} may not decide this: it asks for {level}")]
    NotEntitled {
        /// Who tried.
        by: Actor,
        /// What it takes.
        level: Level,
    },
    /// The decision speaks of other content than the question.
    #[error(
        "what was asked has changed: this decision is about {given}, the question about {asked}"
    )]
    OtherDigest {
        /// What the question is bound to.
        asked: Digest,
        /// What the decision names.
        given: Digest,
    },
    /// Whoever asked may not do it any more: they were disabled or lost their role, or their token was revoked or ended.
    #[error("the {0} that this was asked with may not do it any more")]
    Lapsed(Noun),
    /// A part that the subject does not have.
    #[error("the {noun} has no {part}")]
    NoSuchPart {
        /// Of what.
        noun: Noun,
        /// Which part was named.
        part: String,
    },
    /// A limit was passed.
    #[error("{what}: {given} given, at most {max} allowed")]
    Limit {
        /// What is limited.
        what: &'static str,
        /// How much was given.
        given: usize,
        /// How much is allowed.
        max: usize,
    },
    /// It is not any more what the sender looked at before deciding.
    #[error("this {0} has changed since it was looked at")]
    Stale(Noun),
    /// The parts of the command do not fit together.
    #[error("{0}")]
    Inconsistent(&'static str),
}

/// Says a state in words; its wire name is for programs.
pub fn in_words(status: &str) -> Cow<'_, str> {
    match status {
        "changes_requested" => "sent back".into(),
        "needs_clarification" => "awaiting an answer".into(),
        // A change that was judged and asked about.
        "previewing" => "awaiting approval".into(),
        other if other.contains('_') => other.replace('_', " ").into(),
        other => other.into(),
    }
}

/// Says that a move is not possible, or that it was made already.
fn illegal(noun: Noun, status: &str, verb: &str) -> String {
    if verb.strip_prefix("be ") == Some(status) {
        format!("this {noun} is {status} already")
    } else {
        format!("this {noun} is {} and cannot {verb}", in_words(status))
    }
}

/// History that no legal sequence of commands could have written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the history of this {noun} is damaged: {detail}")]
pub struct Corrupt {
    /// Whose history.
    pub noun: Noun,
    /// What does not fit.
    pub detail: String,
}

/// What the store indexes of a state; written only together with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The wire name of the status.
    pub status: &'static str,
    /// Whether work on it can still go on; closed rows may be archived.
    pub open: bool,
    /// The request it belongs to.
    pub request: Option<RequestId>,
    /// The repository it is about.
    pub repo: Option<RepoId>,
    /// The run it came from.
    pub run: Option<RunId>,
    /// What it belongs to otherwise: a step's plan, a check's entry, an approval's subject.
    pub parent: Option<Uuid>,
    /// When a deadline passes.
    pub due: Option<Time>,
    /// The blobs it refers to: these are not purged while anything it belongs to goes on.
    pub blobs: Vec<Digest>,
    /// Those of them that stay as long as the row does: what lists show.
    pub kept: Vec<Digest>,
}

/// One row of a noun's table of moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move<S: 'static, V: 'static> {
    /// The states it starts from.
    pub from: &'static [S],
    /// What happens.
    pub verb: V,
    /// The state it leads to.
    pub to: S,
}

/// A noun: `decide` says which events follow from a command, `apply` what an event changes.
///
/// Both are pure and total. `None` is "not created yet".
pub trait Machine: Sized + Clone + PartialEq + fmt::Debug + Serialize + DeserializeOwned {
    /// Its id type.
    type Id: Copy + Eq + fmt::Display;
    /// What it can be asked to do.
    type Command: Clone + fmt::Debug;
    /// What can happen to it.
    type Event: Clone + PartialEq + fmt::Debug + Serialize + DeserializeOwned;

    /// Which noun it is.
    const NOUN: Noun;

    /// Decides a command against the current state.
    fn decide(
        state: Option<&Self>,
        command: &Self::Command,
        stamp: &Stamp,
    ) -> Result<Vec<Self::Event>, Refusal>;

    /// Changes the state by an event.
    fn apply(state: Option<Self>, event: &Self::Event, stamp: &Stamp) -> Result<Self, Corrupt>;

    /// Gives what the store indexes.
    fn row(&self) -> Row;
}

/// Declares a noun's states, verbs and table of moves; a move that is not in the table is illegal.
macro_rules! moves {
    (
        noun $noun:expr;
        states { $( $(#[$sdoc:meta])* $state:ident = $sname:literal $kind:ident; )* }
        verbs { $( $verb:ident = $vname:literal: $([$($from:ident)*] => $to:ident),+; )* }
    ) => {
        /// Where it stands; the wire names are those of the contracts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum Status { $( $(#[$sdoc])* #[serde(rename = $sname)] $state, )* }

        impl Status {
            /// Lists every state.
            pub const ALL: &'static [Status] = &[$(Status::$state),*];

            /// Gives the wire name.
            pub const fn name(self) -> &'static str {
                match self { $( Status::$state => $sname, )* }
            }

            /// Finds a state by its wire name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|status| status.name() == name)
            }

            /// Tells whether work on it can still go on.
            pub const fn is_open(self) -> bool {
                match self { $( Status::$state => moves!(@open $kind), )* }
            }
        }

        impl std::fmt::Display for Status {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Verb { $( $verb, )* }

        impl Verb {
            const fn name(self) -> &'static str {
                match self { $( Verb::$verb => $vname, )* }
            }
        }

        const MOVES: &[crate::machine::Move<Status, Verb>] = &[
            $( $( crate::machine::Move {
                from: &[$(Status::$from),*], verb: Verb::$verb, to: Status::$to,
            }, )+ )*
        ];

        /// Lists the moves as wire names: from, verb, to.
        pub fn moves() -> Vec<(&'static str, &'static str, &'static str)> {
            MOVES
                .iter()
                .flat_map(|row| row.from.iter().map(|from| (from.name(), row.verb.name(), row.to.name())))
                .collect()
        }

        /// Finds where a verb leads, or says that it does not.
        fn lead(from: Status, verb: Verb) -> Result<Status, crate::machine::Refusal> {
            MOVES
                .iter()
                .find(|row| row.verb == verb && row.from.contains(&from))
                .map(|row| row.to)
                .ok_or(crate::machine::Refusal::Illegal {
                    noun: $noun,
                    status: from.name(),
                    verb: verb.name(),
                })
        }
    };
    (@open open) => { true };
    (@open closed) => { false };
}
pub(crate) use moves;

/// Refuses a batch whose sender looked at something else than what is there now.
pub(crate) fn expect<M: Machine>(now: &M, looked_at: &M) -> Result<Vec<M::Event>, Refusal> {
    if now == looked_at {
        Ok(Vec::new())
    } else {
        Err(Refusal::Stale(M::NOUN))
    }
}

/// Turns an illegal move found in history into damage.
pub(crate) fn damaged(noun: Noun) -> impl Fn(Refusal) -> Corrupt {
    move |refusal| Corrupt {
        noun,
        detail: refusal.to_string(),
    }
}

/// Says that history speaks of a subject before creating it, or creates it twice.
pub(crate) fn out_of_order(noun: Noun, exists: bool) -> Corrupt {
    let detail = if exists {
        "it is created twice"
    } else {
        "it is used before it is created"
    };
    Corrupt {
        noun,
        detail: detail.to_owned(),
    }
}
