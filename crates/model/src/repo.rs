//! A registered repository: where it lies, which branch work lands on, and the remote that what landed is pushed to.

mod agreement;
mod remote;

use std::collections::BTreeMap;

pub use agreement::{Agreement, MAX_AGREEMENTS};
pub use remote::{Cause, MAX_BRANCHES, Pull, Remote, Tracked, Trouble};
use serde::{Deserialize, Serialize};

use crate::machine::{Corrupt, Machine, Noun, Refusal, Row, Stamp, damaged, moves, out_of_order};
use crate::{Actor, Digest, GitId, Name, RepoId, ShortText, Time};

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
        Rename = "be renamed": [Active] => Active;
        SetRemote = "be given a remote": [Active] => Active;
        Follow = "follow its remote": [Active] => Active;
        Forget = "be forgotten": [Active] => Forgotten;
        Restore = "be restored": [Forgotten] => Active;
        Pause = "be paused": [Active] => Active;
        Resume = "be resumed": [Active] => Active;
        Agree = "have a check agreed to": [Active] => Active;
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
    /// The remote that its branches follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Remote>,
    /// The branches that are followed there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub branches: BTreeMap<Name, Tracked>,
    /// Checks that an admin lets have more than the machine gives to checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agreements: Vec<Agreement>,
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
    /// Calls it something else.
    Rename {
        /// The new name.
        name: Name,
    },
    /// Lets its branches follow a remote, or none.
    SetRemote {
        /// Which.
        remote: Option<Remote>,
    },
    /// Wants a commit pushed.
    WantPush {
        /// The branch.
        branch: Name,
        /// Where it is.
        commit: GitId,
        /// How many landings this is; none where a person asks, which counts wherever there is a remote.
        landings: u32,
    },
    /// Notes that the remote took a commit.
    NotePushed {
        /// The branch.
        branch: Name,
        /// The commit.
        commit: GitId,
        /// How many landings that was.
        landings: u32,
    },
    /// Notes what keeps a branch and its remote apart.
    NoteTrouble {
        /// The branch.
        branch: Name,
        /// What kind of thing.
        cause: Cause,
        /// What happened and what to do.
        reason: ShortText,
        /// Where the remote's branch was, in a conflict with it.
        theirs: Option<GitId>,
    },
    /// Notes that nothing keeps them apart any more.
    ClearTrouble {
        /// The branch.
        branch: Name,
    },
    /// Commits the intent to bring in what the remote has.
    BeginPull {
        /// The branch.
        branch: Name,
        /// From where to where it moves.
        pull: Pull,
    },
    /// Notes that the branch moved.
    EndPull {
        /// The branch.
        branch: Name,
    },
    /// Notes that it did not, and will not.
    DropPull {
        /// The branch.
        branch: Name,
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
    /// Lets a check have more than the machine gives to checks.
    AgreeToCheck {
        /// The digest of what it runs, and of what it asks for.
        check: Digest,
        /// Its name.
        name: ShortText,
    },
    /// Takes that back.
    WithdrawCheck {
        /// The digest of the check.
        check: Digest,
    },
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
    /// It has another name.
    #[serde(rename = "repo.renamed")]
    Renamed {
        /// The new name.
        name: Name,
    },
    /// Its branches follow a remote, or none.
    #[serde(rename = "repo.remote_set")]
    RemoteSet {
        /// Which.
        remote: Option<Remote>,
    },
    /// A commit has to be pushed.
    #[serde(rename = "repo.push_wanted")]
    PushWanted {
        /// The branch.
        branch: Name,
        /// The commit.
        commit: GitId,
        /// How many landings this is.
        landings: u32,
    },
    /// The remote took a commit.
    #[serde(rename = "repo.pushed")]
    Pushed {
        /// The branch.
        branch: Name,
        /// The commit.
        commit: GitId,
        /// How many landings that was.
        landings: u32,
    },
    /// Something keeps a branch and its remote apart.
    #[serde(rename = "repo.remote_failed")]
    RemoteFailed {
        /// The branch.
        branch: Name,
        /// What kind of thing.
        cause: Cause,
        /// What happened and what to do.
        reason: ShortText,
        /// Where the remote's branch was, in a conflict with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        theirs: Option<GitId>,
    },
    /// Nothing keeps them apart any more.
    #[serde(rename = "repo.remote_cleared")]
    RemoteCleared {
        /// The branch.
        branch: Name,
    },
    /// What the remote has is being brought in.
    #[serde(rename = "repo.pull_begun")]
    PullBegun {
        /// The branch.
        branch: Name,
        /// From where to where it moves.
        pull: Pull,
    },
    /// What the remote has was brought in: the branch moved.
    #[serde(rename = "repo.pulled")]
    Pulled {
        /// The branch.
        branch: Name,
    },
    /// It was not brought in: the branch is where it was.
    #[serde(rename = "repo.pull_dropped")]
    PullDropped {
        /// The branch.
        branch: Name,
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
    /// An admin lets a check have more than the machine gives to checks.
    #[serde(rename = "repo.check_agreed")]
    CheckAgreed {
        /// The digest of what it runs, and of what it asks for.
        check: Digest,
        /// Its name.
        name: ShortText,
    },
    /// That was taken back.
    #[serde(rename = "repo.check_withdrawn")]
    CheckWithdrawn {
        /// The digest of the check.
        check: Digest,
    },
}

impl Machine for Repo {
    type Id = RepoId;
    type Command = Command;
    type Event = Event;
    const NOUN: Noun = Noun::Repo;

    fn decide(
        state: Option<&Self>,
        command: &Command,
        stamp: &Stamp,
    ) -> Result<Vec<Event>, Refusal> {
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
                | Command::Rename { .. }
                | Command::SetRemote { .. }
                | Command::WantPush { .. }
                | Command::NotePushed { .. }
                | Command::NoteTrouble { .. }
                | Command::ClearTrouble { .. }
                | Command::BeginPull { .. }
                | Command::EndPull { .. }
                | Command::DropPull { .. }
                | Command::Forget
                | Command::Restore
                | Command::Pause { .. }
                | Command::Resume
                | Command::AgreeToCheck { .. }
                | Command::WithdrawCheck { .. } => Err(Refusal::Missing(Noun::Repo)),
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
            Command::Rename { name } => {
                lead(repo.status, Verb::Rename)?;
                Ok(vec![Event::Renamed { name: name.clone() }])
            }
            Command::SetRemote { remote } => {
                lead(repo.status, Verb::SetRemote)?;
                let remote = remote.clone();
                Ok(vec![Event::RemoteSet { remote }])
            }
            Command::WantPush { .. }
            | Command::NotePushed { .. }
            | Command::NoteTrouble { .. }
            | Command::ClearTrouble { .. }
            | Command::BeginPull { .. }
            | Command::EndPull { .. }
            | Command::DropPull { .. } => repo.decide_follow(command),
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
            Command::AgreeToCheck { .. } | Command::WithdrawCheck { .. } => {
                lead(repo.status, Verb::Agree)?;
                repo.decide_agreement(command, stamp)
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
                remote: None,
                branches: BTreeMap::new(),
                agreements: Vec::new(),
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
            (Some(repo), Event::Renamed { name }) => {
                let status = lead(repo.status, Verb::Rename).map_err(damaged)?;
                Ok(Self {
                    name: name.clone(),
                    status,
                    ..repo
                })
            }
            (Some(repo), Event::RemoteSet { remote }) => {
                lead(repo.status, Verb::SetRemote).map_err(damaged)?;
                Ok(repo.with_remote(remote.clone()))
            }
            (
                Some(repo),
                Event::PushWanted { .. }
                | Event::Pushed { .. }
                | Event::RemoteFailed { .. }
                | Event::RemoteCleared { .. }
                | Event::PullBegun { .. }
                | Event::Pulled { .. }
                | Event::PullDropped { .. },
            ) => {
                lead(repo.status, Verb::Follow).map_err(damaged)?;
                repo.follow(event, stamp.time)
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
            (Some(repo), Event::CheckAgreed { check, name }) => {
                lead(repo.status, Verb::Agree).map_err(damaged)?;
                Ok(repo.with_agreement(*check, name, stamp))
            }
            (Some(repo), Event::CheckWithdrawn { check }) => {
                lead(repo.status, Verb::Agree).map_err(damaged)?;
                Ok(repo.without_agreement(*check))
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
