//! A repository and its remote: what has to be pushed, what was, what keeps it from being, and what is brought in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Command, Event, Repo, Status, Verb, lead};
use crate::machine::{Corrupt, Noun, Refusal};
use crate::{GitId, Name, ShortText, Time};

/// The most branches of a repository that are followed at its remote.
pub const MAX_BRANCHES: usize = 64;

/// The remote of a repository, and what it is used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Its name in the repository's git configuration, for instance `origin`.
    pub name: Name,
    /// Whether what lands is pushed there.
    pub push: bool,
}

/// A branch and the branch of the same name at the remote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// The commit that has to be pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<GitId>,
    /// How many landings are not pushed yet.
    #[serde(default)]
    pub landings: u32,
    /// The last commit that the remote was known to have: pushed there, or brought in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<GitId>,
    /// When it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_at: Option<Time>,
    /// What keeps the branch and its remote apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// What is being brought in from the remote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<Pull>,
}

/// What keeps a branch and its remote apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What kind of thing.
    pub cause: Cause,
    /// What happened and what to do, in one line.
    pub reason: ShortText,
    /// How often it was tried in vain.
    pub tries: u32,
    /// When it was tried last.
    pub at: Time,
    /// Where the remote's branch was, in a conflict with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theirs: Option<GitId>,
}

/// The kinds of things that keep a branch and its remote apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The remote does not answer, or lets nobody in; tried again with growing pauses.
    Unreachable,
    /// Somebody pushes there faster than we merge; tried again with growing pauses.
    Busy,
    /// The remote does not take it, for instance because the branch is protected; a person has to act.
    Refused,
    /// Both sides changed the same; a person has to merge them.
    Conflict,
    /// A work tree or a lock is in the way of bringing in what the remote has; looked at again by itself.
    InTheWay,
    /// The branch no longer holds what landed on it; a person has to say that it is to be pushed so.
    Rewound,
    /// The remote no longer has what it had: somebody rewrote or deleted its branch; a person has to say what holds.
    Rewritten,
}

impl Cause {
    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Busy => "busy",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::InTheWay => "in_the_way",
            Self::Rewound => "rewound",
            Self::Rewritten => "rewritten",
        }
    }
}

/// What is being brought in from the remote: the branch moves from one commit to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// Where the branch is.
    pub from: GitId,
    /// Where it will be: the remote's commit, or a merge of both.
    pub to: GitId,
    /// The remote's commit.
    pub theirs: GitId,
}

impl Tracked {
    /// Tells whether nothing is left to be done.
    pub const fn is_settled(&self) -> bool {
        self.wanted.is_none() && self.trouble.is_none() && self.pull.is_none()
    }
}

impl Repo {
    /// Gives a branch as it is followed at the remote, if it is.
    pub fn tracked(&self, branch: &Name) -> Option<&Tracked> {
        self.branches.get(branch)
    }

    /// Decides what is about a branch and its remote.
    ///
    /// What the engine found at the remote comes late: where the remote was taken away meanwhile, it is refused.
    pub(super) fn decide_follow(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        lead(self.status, Verb::Follow)?;
        let missing = |part: String| Refusal::NoSuchPart {
            noun: Noun::Repo,
            part,
        };
        let remote = || {
            let remote = self.remote.as_ref();
            remote.ok_or_else(|| missing("remote".to_owned()))
        };
        let room_for = |branch: &Name| {
            if self.has_room_for(branch) {
                return Ok(());
            }
            Err(Refusal::Limit {
                what: "branches that are followed at a remote",
                given: self.branches.len() + 1,
                max: MAX_BRANCHES,
            })
        };
        let pull = |branch: &Name| {
            let pull = self.tracked(branch).and_then(|known| known.pull.as_ref());
            pull.ok_or_else(|| missing(format!("pull of {branch}")))
        };
        let event = match command {
            Command::WantPush {
                branch,
                commit,
                landings,
            } => {
                if !remote()?.push && *landings > 0 {
                    return Err(missing("remote that landings are pushed to".to_owned()));
                }
                room_for(branch)?;
                Event::PushWanted {
                    branch: branch.clone(),
                    commit: commit.clone(),
                    landings: *landings,
                }
            }
            Command::NotePushed {
                branch,
                commit,
                landings,
            } => {
                remote()?;
                room_for(branch)?;
                Event::Pushed {
                    branch: branch.clone(),
                    commit: commit.clone(),
                    landings: *landings,
                }
            }
            Command::NoteTrouble {
                branch,
                cause,
                reason,
                theirs,
            } => {
                remote()?;
                room_for(branch)?;
                Event::RemoteFailed {
                    branch: branch.clone(),
                    cause: *cause,
                    reason: reason.clone(),
                    theirs: theirs.clone(),
                }
            }
            Command::ClearTrouble { branch } => {
                let known = self.tracked(branch);
                if known.is_none_or(|known| known.trouble.is_none()) {
                    return Err(missing(format!("trouble of {branch}")));
                }
                Event::RemoteCleared {
                    branch: branch.clone(),
                }
            }
            Command::BeginPull { branch, pull: new } => {
                remote()?;
                room_for(branch)?;
                if pull(branch).is_ok() {
                    return Err(Refusal::Exists(Noun::Repo));
                }
                Event::PullBegun {
                    branch: branch.clone(),
                    pull: new.clone(),
                }
            }
            Command::EndPull { branch } => {
                pull(branch)?;
                Event::Pulled {
                    branch: branch.clone(),
                }
            }
            Command::DropPull { branch } => {
                pull(branch)?;
                Event::PullDropped {
                    branch: branch.clone(),
                }
            }
            Command::Register { .. }
            | Command::Retarget { .. }
            | Command::Move { .. }
            | Command::Rename { .. }
            | Command::SetRemote { .. }
            | Command::Forget
            | Command::Restore
            | Command::Pause { .. }
            | Command::Resume
            | Command::AgreeToCheck { .. }
            | Command::WithdrawCheck { .. } => return Ok(vec![]),
        };
        Ok(vec![event])
    }

    /// Applies what is about a branch and its remote.
    pub(super) fn follow(self, event: &Event, at: Time) -> Result<Self, Corrupt> {
        let mut result = Ok(());
        let repo = match event {
            Event::PushWanted {
                branch,
                commit,
                landings,
            } => self.track(branch, |known| known.want(commit, *landings)),
            Event::Pushed {
                branch,
                commit,
                landings,
            } => self.track(branch, |known| known.note_pushed(commit, *landings, at)),
            Event::RemoteFailed {
                branch,
                cause,
                reason,
                theirs,
            } => self.track(branch, |known| {
                known.fail(*cause, reason, theirs.as_ref(), at);
            }),
            Event::RemoteCleared { branch } => self.track(branch, |known| known.trouble = None),
            Event::PullBegun { branch, pull } => {
                self.track(branch, |known| known.pull = Some(pull.clone()))
            }
            Event::Pulled { branch } => self.track(branch, |known| result = known.end_pull(true)),
            Event::PullDropped { branch } => {
                self.track(branch, |known| result = known.end_pull(false))
            }
            _ => self,
        };
        result.map(|()| repo)
    }

    /// Tells whether what lands on a branch is to be pushed.
    pub fn pushes(&self, branch: &Name) -> bool {
        let is_on = self.remote.as_ref().is_some_and(|remote| remote.push);
        is_on && self.status == Status::Active && self.has_room_for(branch)
    }

    /// Tells whether there is room to follow a branch: those that are settled make room.
    fn has_room_for(&self, branch: &Name) -> bool {
        self.branches.len() < MAX_BRANCHES
            || self.branches.contains_key(branch)
            || self.branches.values().any(Tracked::is_settled)
    }

    /// Changes what is known of a branch.
    pub(super) fn track(mut self, branch: &Name, change: impl FnOnce(&mut Tracked)) -> Self {
        if self.branches.len() >= MAX_BRANCHES && !self.branches.contains_key(branch) {
            let settled = self.branches.iter().find(|(_, other)| other.is_settled());
            if let Some(name) = settled.map(|(name, _)| name.clone()) {
                self.branches.remove(&name);
            }
        }
        change(self.branches.entry(branch.clone()).or_default());
        self
    }

    /// Takes another remote: what was to be pushed to the one before is no longer, nor what is not to be pushed at all.
    pub(super) fn with_remote(mut self, remote: Option<Remote>) -> Self {
        let name = |remote: &Option<Remote>| remote.as_ref().map(|remote| remote.name.clone());
        if name(&self.remote) != name(&remote) {
            self.branches = unfinished_pulls(self.branches);
        } else if self.remote != remote {
            for tracked in self.branches.values_mut() {
                tracked.wanted = None;
                tracked.landings = 0;
                tracked.trouble = None;
            }
        }
        Self { remote, ..self }
    }
}

/// Keeps only what has to be finished, whatever the remote is called.
fn unfinished_pulls(branches: BTreeMap<Name, Tracked>) -> BTreeMap<Name, Tracked> {
    let pulls = branches.into_iter().filter_map(|(name, tracked)| {
        tracked.pull.as_ref()?;
        let tracked = Tracked {
            pull: tracked.pull,
            ..Tracked::default()
        };
        Some((name, tracked))
    });
    pulls.collect()
}

impl Tracked {
    fn is_rewritten(&self) -> bool {
        let cause = self.trouble.as_ref().map(|trouble| trouble.cause);
        cause == Some(Cause::Rewritten)
    }

    pub(super) fn want(&mut self, commit: &GitId, landings: u32) {
        self.wanted = Some(commit.clone());
        self.landings = self.landings.saturating_add(landings);
        if landings == 0 {
            // A person asked: tried at once, whatever happened before.
            if self.is_rewritten() {
                self.pushed = None;
            }
            self.trouble = None;
        }
    }

    pub(super) fn note_pushed(&mut self, commit: &GitId, landings: u32, at: Time) {
        if self.wanted.as_ref() == Some(commit) {
            self.wanted = None;
        }
        self.landings = self.landings.saturating_sub(landings);
        self.pushed = Some(commit.clone());
        self.pushed_at = Some(at);
        self.trouble = None;
    }

    pub(super) fn fail(
        &mut self,
        cause: Cause,
        reason: &ShortText,
        theirs: Option<&GitId>,
        at: Time,
    ) {
        let before = self.trouble.as_ref();
        let before = before.filter(|trouble| trouble.cause == cause);
        self.trouble = Some(Trouble {
            cause,
            reason: reason.clone(),
            tries: before.map_or(0, |trouble| trouble.tries).saturating_add(1),
            at,
            theirs: theirs.cloned(),
        });
    }

    /// Ends what is being brought in; it is pushed with what landed here, where there is any of that.
    pub(super) fn end_pull(&mut self, moved: bool) -> Result<(), Corrupt> {
        let Some(pull) = self.pull.take() else {
            return Err(Corrupt {
                noun: Noun::Repo,
                detail: "nothing is being brought in".to_owned(),
            });
        };
        if moved {
            self.trouble = None;
            self.pushed = Some(pull.theirs.clone());
            if pull.to == pull.theirs {
                // All that was here is there.
                self.wanted = None;
                self.landings = 0;
            } else if self.wanted.is_some() {
                self.wanted = Some(pull.to);
            }
        }
        Ok(())
    }
}
