//! Tools for agents: who may call them where, how often, and what is kept about it.
//!
//! A caller opens a session, which binds it to one place; until runs have tokens of their own, that caller is the home's
//! owner. The tools themselves are in `hyperion-tools`; here is what decides: the path rules, the limits of calls, and what
//! may be written. A change is noted durably before it is made; looks are noted together, once a second.
//!
//! Sessions are in memory alone: an engine that leaves forgets them, and a client opens another one. Nothing is lost with
//! them but the count of the last minute's calls, and the last second's looks.

mod call;
mod clones;
mod control;
mod filesystem;
mod git;
mod limiter;
mod looks;
mod oversee;
mod session;
mod settle;
mod test_runner;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyperion_api::Problem;
use hyperion_api::tool::{self as wire, Effect};
use hyperion_host::{CancelFlag, remove_tree};
use hyperion_model::{Actor, Uuid};

use crate::{Cx, Error};
use clones::Clones;
use limiter::Turn;
use looks::Looks;
use session::Session;
use test_runner::{Running, Runs};

pub(crate) use clones::{
    bases as clone_bases, in_clones, left as clones_left, places as clone_places,
};
pub use limiter::WAIT_MAX;

/// The most sessions at once; the one that was idle longest gives way.
const SESSIONS_MAX: usize = 1024;

/// How long what runs gets to end when the engine leaves.
const PATIENCE: Duration = Duration::from_secs(10);

/// What tools need to know between calls.
#[derive(Default)]
pub struct Tools {
    sessions: Mutex<BTreeMap<Uuid, Arc<Session>>>,
    clones: Clones,
    looks: Looks,
    runs: Runs,
}

/// A call that has its turn, once it has waited.
pub struct Admitted {
    session: Arc<Session>,
    server: String,
    tool: &'static wire::Tool,
    /// How long to wait before the call is made.
    pub wait: Duration,
    /// Raised when nobody waits for its answer any more.
    cancel: CancelFlag,
}

impl Tools {
    /// Finds out what became of changes that a dead engine had begun, removes what its calls left, and starts the thread that
    /// notes what is looked at. Only an engine that works has tools to start: nobody else is at them.
    pub(crate) fn start(cx: &Arc<Cx>) -> Result<Self, Error> {
        settle::settle(cx)?;
        if let Err(error) = remove_tree(&test_runner::reports(cx)) {
            tracing::warn!(%error, "could not remove the reports of a dead engine's runs");
        }
        Ok(Self {
            sessions: Mutex::default(),
            clones: Clones::default(),
            looks: Looks::start(cx)?,
            runs: Runs::default(),
        })
    }

    /// Ends what runs, notes what was looked at last, and ends the threads.
    pub(crate) fn stop(&self) {
        if !self.runs.stop(PATIENCE) {
            tracing::warn!("some runs of tools did not end in time; the next engine ends them");
        }
        self.looks.stop();
    }

    /// Counts the calls that run something now, or wait to.
    pub fn running(&self) -> usize {
        self.runs.count()
    }

    /// Whether somebody is at work with tools: a call runs something, or a session counts calls whose limit still holds.
    pub fn are_in_use(&self, cx: &Cx) -> bool {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let since = cx.now() - session::MINUTE;
        self.running() > 0 || sessions.values().any(|session| session.used() > since)
    }

    /// Ends what a call runs: nobody waits for its answer any more.
    pub fn abandon(&self, admitted: &Admitted) {
        self.runs.cancel(&admitted.cancel);
    }

    /// Binds somebody to a place.
    pub fn open(
        &self,
        cx: &Cx,
        actor: &Actor,
        wanted: &wire::OpenSession,
    ) -> Result<wire::Session, Error> {
        if !cx.works {
            return Err(Problem::new("engine.read_only", "no engine is running")
                .hint("start one with `hyperion up`")
                .into());
        }
        let session = Session::open(cx, &self.clones, actor, wanted)?;
        let answer = wire::Session {
            token: session.id.to_string(),
            root: session.root.clone(),
            clone: session.clone_of().ok().map(|clone| clone.id.to_string()),
        };
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= SESSIONS_MAX {
            let idlest = sessions.iter().min_by_key(|(_, session)| session.used());
            if let Some(id) = idlest.map(|(id, _)| *id) {
                sessions.remove(&id);
            }
        }
        sessions.insert(session.id, Arc::new(session));
        Ok(answer)
    }

    /// Finds the session and the tool, and gives the call its turn.
    pub fn admit(
        &self,
        cx: &Cx,
        token: Option<&str>,
        server: &str,
        tool: &str,
    ) -> Result<Admitted, Error> {
        let found =
            wire::tools(server).and_then(|tools| tools.iter().find(|known| known.name == tool));
        let Some(tool) = found else {
            let detail = format!("there is no tool {tool:?} of a server {server:?}");
            return Err(Problem::new("subject.not_found", detail).into());
        };
        let session = token.and_then(|token| token.parse::<Uuid>().ok());
        let session = session.and_then(|id| {
            let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.get(&id).cloned()
        });
        let Some(session) = session else {
            let detail = "the call names no session that this engine knows";
            return Err(Problem::new("tool.session_unknown", detail)
                .hint("open one with POST /api/tools/sessions, and send its token as `Hyperion-Tool-Session`")
                .into());
        };
        let wait = match session.turn(cx.now(), tool.effect) {
            Turn::After(wait) => wait,
            Turn::Refused { max, again } => {
                let what = if tool.effect.changes() {
                    "changes"
                } else {
                    "looks"
                };
                let detail = format!("a session makes {max} {what} a minute, and made them");
                let seconds = again.as_secs().max(1);
                return Err(Problem::new("tool.rate_limited", detail)
                    .hint(format!(
                        "go on in {seconds} s; read and change more at a time"
                    ))
                    .into());
            }
        };
        let cancel = CancelFlag::new().map_err(|source| Error::Io {
            what: "a pipe".to_owned(),
            source,
        })?;
        Ok(Admitted {
            session,
            server: server.to_owned(),
            tool,
            wait,
            cancel,
        })
    }

    /// Makes a call that has its turn.
    pub fn call(
        &self,
        cx: &Arc<Cx>,
        admitted: &Admitted,
        parameters: serde_json::Value,
    ) -> Result<wire::ToolResult, Error> {
        let Admitted {
            session,
            server,
            tool,
            wait: _,
            cancel,
        } = admitted;
        let running = Running {
            cx,
            runs: &self.runs,
            cancel,
        };
        let made = call::make(
            cx,
            &self.clones,
            session,
            server,
            tool,
            &running,
            parameters,
        )?;
        if tool.effect == Effect::Reads {
            self.looks
                .note(cx.now(), session, server, tool.name, made.path);
        }
        Ok(made.result)
    }
}
