//! Programs that a tool's call runs: each is a run of its own, and ends with the call.
//!
//! The call's thread registers the run, starts its shim and waits; the supervisor watches it, and ends it when nobody waits for the
//! call any more. No call outlives its engine: what is left of its run is ended by the next one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyperion_host::{CancelFlag, remove_tree};
use hyperion_model::run::{self, Run, Work};
use hyperion_model::{Actor, Command, LineageId, Name, NewBlob, RunId, ShortText};
use hyperion_shim::{
    AttachError, Body, Ended, Found, HeartbeatFrom, Spec, Stdin, Stream, VERSION, look, spool,
    start, write_spec,
};
use serde_json::json;

use super::sandbox::{Place, limits_for, sandbox_for};
use super::supervise::Watched;
use super::{folder_of, give_channels};
use crate::error::chain;
use crate::{Cx, Error};

/// How long a program has to end after SIGTERM before it is killed.
const GRACE_MS: u64 = 1000;
/// How much of an output is read at once.
const READ_BYTES: usize = 1024 * 1024;

/// What is run.
pub(crate) struct Program<'a> {
    /// The tool that was called.
    pub(crate) tool: &'a str,
    /// Who called it.
    pub(crate) actor: &'a Actor,
    /// The program and its arguments.
    pub(crate) argv: Vec<String>,
    /// The same as people read it.
    pub(crate) title: String,
    /// Where, and as what.
    pub(crate) place: Place<'a>,
    /// A folder that it may write besides.
    pub(crate) writes: &'a Path,
    /// How long it may take.
    pub(crate) time: Duration,
}

/// Runs a program to its end, and gives how it ended and the run that it was. A call that is called off ends it.
pub(crate) fn run_to_end(
    cx: &Arc<Cx>,
    program: &Program<'_>,
    cancel: &CancelFlag,
) -> Result<(RunId, Ended), Error> {
    let id = cx.id(RunId::new);
    let folder = folder_of(cx, id);
    let failed = |source| Error::Io {
        what: folder.display().to_string(),
        source,
    };
    // First the folder: without the run nobody ever looks into it.
    let spec = spec(cx, id, program)?;
    write_spec(&folder, &spec).map_err(failed)?;
    // From here on the reconciler leaves the run to this call.
    let _held = Held::new(cx, id, cancel);
    let run = register(cx, id, program).inspect_err(|_| {
        // What cannot be removed now is swept up with other folders that belong to no run.
        let _ = remove_tree(&folder);
    })?;
    start(&cx.settings.shim_program, &folder).map_err(|error| Error::Missing(chain(&error)))?;
    let part = Name::new("tool").map_err(|error| Error::Missing(error.to_string()))?;
    match Watched::attach(cx, &part, &run, &folder, &spec, None) {
        Ok(watched) => {
            cx.supervisor
                .watch(cx, watched.until_called_off(cancel.clone()))?;
            cx.jobs.wait(id);
        }
        // It is over already.
        Err(AttachError::NoShim) => {}
        Err(error) => return Err(Error::Missing(chain(&error))),
    }
    match look(&folder).map_err(failed)? {
        Found::Ended(ended) => Ok((id, ended)),
        Found::Live { .. } | Found::Dead | Found::NotStarted => {
            Err(Error::Missing(format!("the end of run {id}")))
        }
    }
}

/// Gives what a run wrote, piece by piece; where some of it was not kept, how many bytes that were.
pub(crate) fn each_output(
    cx: &Cx,
    id: RunId,
    mut take: impl FnMut(Result<(Stream, &[u8]), u64>),
) -> Result<(), Error> {
    let folder = folder_of(cx, id);
    let mut reader = spool::Reader::new(&folder, 0);
    loop {
        let frames = reader.read(READ_BYTES).map_err(|source| Error::Io {
            what: folder.display().to_string(),
            source,
        })?;
        if frames.is_empty() {
            return Ok(());
        }
        for frame in &frames {
            match &frame.body {
                Body::Output(stream, bytes) => take(Ok((*stream, bytes))),
                Body::Gap(bytes) | Body::NoRoom(bytes) => take(Err(*bytes)),
                Body::Started(_) | Body::Said(_) | Body::Ended(_) => {}
            }
        }
    }
}

fn spec(cx: &Cx, id: RunId, program: &Program<'_>) -> Result<Spec, Error> {
    let given = sandbox_for(cx, &program.place)?;
    let mut sandbox = given.sandbox;
    sandbox.write.push(program.writes.to_path_buf());
    let mut env = given.environment;
    for (name, value) in [("CI", "true"), ("NO_COLOR", "1")] {
        env.push((name.to_owned(), value.to_owned()));
    }
    let mut spec = Spec {
        version: VERSION,
        run: id.to_string(),
        lineage: None,
        token: None,
        argv: program.argv.clone(),
        cwd: program.place.folder.to_path_buf(),
        env,
        umask: None,
        stdin: Stdin::Null,
        terminal: None,
        sandbox,
        limits: limits_for(cx, Some(program.time)),
        background: true,
        heartbeat: HeartbeatFrom::Nobody,
        grace_ms: GRACE_MS,
        channels: Vec::new(),
        channel_socket: None,
    };
    give_channels(cx, &mut spec)?;
    Ok(spec)
}

fn register(cx: &Cx, id: RunId, program: &Program<'_>) -> Result<Run, Error> {
    let title = cx.redactor.redact(&program.title);
    let told = json!({
        "title": title,
        "command": title,
        "cwd": program.place.folder,
        "sandbox": program.place.level,
        "network": program.place.network,
    });
    let blob = NewBlob::new(told.to_string().as_bytes());
    let start = run::Command::Start {
        id,
        lineage: cx.id(LineageId::new),
        incarnation: 1,
        request: None,
        work: Work::Tool {
            tool: ShortText::cut(program.tool),
            asked_by: program.actor.clone(),
        },
        spec: blob.digest,
    };
    let commands = vec![Command::Run(id, start)];
    cx.execute(cx.stamp_person(program.actor), commands, vec![blob])?;
    let run = cx.store.get::<Run>(id)?;
    run.ok_or_else(|| Error::Missing(format!("run {id}")))
}

/// A run that this call sees to: the reconciler takes it for one of a dead engine as soon as nobody does.
struct Held<'a> {
    cx: &'a Cx,
    id: RunId,
}

impl<'a> Held<'a> {
    fn new(cx: &'a Cx, id: RunId, cancel: &CancelFlag) -> Self {
        cx.jobs.add(id, cancel.clone());
        Self { cx, id }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.cx.jobs.remove(self.id);
    }
}
