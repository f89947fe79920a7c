//! A registered repository: where it lies and which branch work lands on.

use serde::{Deserialize, Serialize};

use crate::machine::{Corrupt, Machine, Noun, Refusal, Row, Stamp, damaged, moves, out_of_order};
use crate::{Actor, Name, RepoId, ShortText, Time};

moves! {
    noun Noun::Repo;
    states {
        /// Work may land on it.
        Active = "active" open;
        /// Taken off the list; its history stays.
        Forgotten = "forgotten" closed;
    }
    verbs {
        Retarget = "be retargeted": [Active] => Active;
        Move = "be moved": [Active] => Active;
        Forget = "be forgotten": [Active] => Forgotten;
        Restore = "be restored": [Forgotten] => Active;
        Pause = "be paused": [Active] => Active;
        Resume = "be resumed": [Active] => Active;
    }
}

/// The most bytes the path of a repository may have.
pub const MAX_PATH_BYTES: usize = 4096;

/// A repository's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repo {
    /// Its id.
    pub id: RepoId,
    /// Its name in this home, unique.
    pub name: Name,
    /// Its absolute path on this machine.
    pub path: String,
    /// The branch that work lands on unless a request says otherwise.
    pub branch: Name,
    /// Where it stands.
    pub status: Status,
    /// When it was registered.
    pub registered_at: Time,
    /// Who stopped its queue, while it is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
}

/// A queue that was stopped: nothing of it is begun or landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// By whom.
    pub by: Actor,
    /// Since when.
    pub since: Time,
    /// Why.
    pub reason: Option<ShortText>,
}

/// What a repository can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Command {
    /// Puts it on the list.
    Register {
        /// Its id.
        id: RepoId,
        /// Its name in this home.
        name: Name,
        /// Its absolute path.
        path: String,
        /// The branch work lands on.
        branch: Name,
    },
    /// Lets work land on another branch.
    Retarget {
        /// The new branch.
        branch: Name,
    },
    /// Notes that the folder lies elsewhere now.
    Move {
        /// The new absolute path.
        path: String,
    },
    /// Takes it off the list.
    Forget,
    /// Puts it back on the list.
    Restore,
    /// Stops its queue.
    Pause {
        /// Why.
        reason: Option<ShortText>,
    },
    /// Lets its queue go on.
    Resume,
}

/// What can happen to a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
pub enum Event {
    /// It was put on the list.
    #[serde(rename = "repo.registered")]
    Registered {
        /// Its id.
        id: RepoId,
        /// Its name.
        name: Name,
        /// Its path.
        path: String,
        /// The branch work lands on.
        branch: Name,
    },
    /// Its branch changed.
    #[serde(rename = "repo.retargeted")]
    Retargeted {
        /// The new branch.
        branch: Name,
    },
    /// Its folder moved.
    #[serde(rename = "repo.moved")]
    Moved {
        /// The new path.
        path: String,
    },
    /// It was taken off the list.
    #[serde(rename = "repo.forgotten")]
    Forgotten {},
    /// It was put back.
    #[serde(rename = "repo.restored")]
    Restored {},
    /// Its queue was stopped.
    #[serde(rename = "repo.paused")]
    Paused {
        /// Why.
        reason: Option<ShortText>,
    },
    /// Its queue goes on.
    #[serde(rename = "repo.resumed")]
    Resumed {},
}

impl Machine for Repo {
    type Id = RepoId;
    type Command = Command;
    type Event = Event;
    const NOUN: Noun = Noun::Repo;

    fn decide(state: Option<&Self>, command: &Command, _: &Stamp) -> Result<Vec<Event>, Refusal> {
        let check_path = |path: &str| {
            if path.len() > MAX_PATH_BYTES {
                return Err(Refusal::Limit {
                    what: "bytes in a repository's path",
                    given: path.len(),
                    max: MAX_PATH_BYTES,
                });
            }
            Ok(())
        };
        let Some(repo) = state else {
            return match command {
                Command::Register {
                    id,
                    name,
                    path,
                    branch,
                } => {
                    check_path(path)?;
                    Ok(vec![Event::Registered {
                        id: *id,
                        name: name.clone(),
                        path: path.clone(),
                        branch: branch.clone(),
                    }])
                }
                Command::Retarget { .. }
                | Command::Move { .. }
                | Command::Forget
                | Command::Restore
                | Command::Pause { .. }
                | Command::Resume => Err(Refusal::Missing(Noun::Repo)),
            };
        };
        match command {
            Command::Register { .. } => Err(Refusal::Exists(Noun::Repo)),
            Command::Retarget { branch } => {
                lead(repo.status, Verb::Retarget)?;
                Ok(vec![Event::Retargeted {
                    branch: branch.clone(),
                }])
            }
            Command::Move { path } => {
                check_path(path)?;
                lead(repo.status, Verb::Move)?;
                Ok(vec![Event::Moved { path: path.clone() }])
            }
            Command::Forget => {
                lead(repo.status, Verb::Forget)?;
                Ok(vec![Event::Forgotten {}])
            }
            Command::Restore => {
                lead(repo.status, Verb::Restore)?;
                Ok(vec![Event::Restored {}])
            }
            Command::Pause { reason } => {
                lead(repo.status, Verb::Pause)?;
                Ok(vec![Event::Paused {
                    reason: reason.clone(),
                }])
            }
            Command::Resume => {
                lead(repo.status, Verb::Resume)?;
                Ok(vec![Event::Resumed {}])
            }
        }
    }

    fn apply(state: Option<Self>, event: &Event, stamp: &Stamp) -> Result<Self, Corrupt> {
        let damaged = damaged(Noun::Repo);
        match (state, event) {
            (
                None,
                Event::Registered {
                    id,
                    name,
                    path,
                    branch,
                },
            ) => Ok(Self {
                id: *id,
                name: name.clone(),
                path: path.clone(),
                branch: branch.clone(),
                status: Status::Active,
                registered_at: stamp.time,
                paused: None,
            }),
            (Some(repo), Event::Retargeted { branch }) => {
                let status = lead(repo.status, Verb::Retarget).map_err(damaged)?;
                Ok(Self {
                    branch: branch.clone(),
                    status,
                    ..repo
                })
            }
            (Some(repo), Event::Moved { path }) => {
                let status = lead(repo.status, Verb::Move).map_err(damaged)?;
                Ok(Self {
                    path: path.clone(),
                    status,
                    ..repo
                })
            }
            (Some(repo), Event::Forgotten {}) => {
                let status = lead(repo.status, Verb::Forget).map_err(damaged)?;
                Ok(Self { status, ..repo })
            }
            (Some(repo), Event::Restored {}) => {
                let status = lead(repo.status, Verb::Restore).map_err(damaged)?;
                Ok(Self { status, ..repo })
            }
            (Some(repo), Event::Paused { reason }) => {
                let status = lead(repo.status, Verb::Pause).map_err(damaged)?;
                let paused = Some(Pause {
                    by: stamp.actor.clone(),
                    since: stamp.time,
                    reason: reason.clone(),
                });
                Ok(Self {
                    paused,
                    status,
                    ..repo
                })
            }
            (Some(repo), Event::Resumed {}) => {
                let status = lead(repo.status, Verb::Resume).map_err(damaged)?;
                Ok(Self {
                    paused: None,
                    status,
                    ..repo
                })
            }
            (state, _) => Err(out_of_order(Noun::Repo, state.is_some())),
        }
    }

    fn row(&self) -> Row {
        Row {
            status: self.status.name(),
            open: self.status.is_open(),
            repo: Some(self.id),
            ..Row::default()
        }
    }
}
