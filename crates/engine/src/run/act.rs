//! What people ask of runs. It is committed first; the supervisor then does it, or the next engine's.

use hyperion_model::request::Request;
use hyperion_model::run::{self, Run};
use hyperion_model::{Actor, Command, RunId};

use crate::{Cx, Error, identity};

/// Asks for a run's end: SIGTERM, time to end, SIGKILL.
pub fn stop(cx: &Cx, actor: &Actor, id: RunId) -> Result<Run, Error> {
    ask(cx, actor, id, run::Command::Stop)
}

/// Has a run's processes stand still.
pub fn pause(cx: &Cx, actor: &Actor, id: RunId) -> Result<Run, Error> {
    ask(cx, actor, id, run::Command::Pause)
}

/// Has them go on.
pub fn resume(cx: &Cx, actor: &Actor, id: RunId) -> Result<Run, Error> {
    ask(cx, actor, id, run::Command::Resume)
}

fn ask(cx: &Cx, actor: &Actor, id: RunId, command: run::Command) -> Result<Run, Error> {
    let request = cx.store.get::<Run>(id)?.and_then(|run| run.request);
    if let Some(request) = request {
        let request = cx.store.get::<Request>(request)?;
        request.map_or(Ok(()), |request| identity::require_own(actor, &request))?;
    }
    let commands = vec![Command::Run(id, command)];
    cx.execute(cx.stamp_person(actor), commands, vec![])?;
    let run = cx.store.get::<Run>(id)?;
    run.ok_or_else(|| Error::Missing(format!("run {id}")))
}
