//! `runCommand`: a command of an agent, by way of the door.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use hyperion_api::Problem;
use hyperion_api::run::NetworkLevel;
use hyperion_api::tool::control::{CommandResult, RunCommand};
use hyperion_host::CancelFlag;
use hyperion_model::repo::Repo;
use hyperion_model::run::{Judged, Run, Work};
use hyperion_model::{Actor, LineageId, Name, RunId};

use super::super::oversee::Oversight;
use crate::command::{self, Asker, Level, Network, What, Wish};
use crate::{Cx, Error, run, subject};

/// How long a call waits where nobody said.
const WAIT_SEC: u64 = 30;
/// The longest that it waits.
const WAIT_SEC_MAX: u64 = 240;
/// How often is looked how far it is.
const LOOK: Duration = Duration::from_millis(100);
/// How much of its output is shown.
const OUTPUT_BYTES: u64 = 64 * 1024;

pub(super) fn run_command(
    oversight: &Oversight<'_>,
    cancel: &CancelFlag,
    wanted: &RunCommand,
) -> Result<CommandResult, Error> {
    let cx = oversight.cx;
    let wait = wanted.wait_sec.unwrap_or(WAIT_SEC).min(WAIT_SEC_MAX);
    let until = Instant::now() + Duration::from_secs(wait);
    let agent = agent(oversight)?;
    let (id, reasons) = match &wanted.run {
        Some(id) => (known(cx, &agent, id, wanted)?, Vec::new()),
        None => taken(oversight, &agent, wanted)?,
    };
    loop {
        let found = cx.store.get::<Run>(id)?;
        let found = found.ok_or_else(|| Error::Missing(format!("run {id}")))?;
        let is_over = !found.status.is_open() || Instant::now() >= until;
        if is_over || cancel.wait(LOOK).unwrap_or(true) {
            return told(cx, &found, &reasons);
        }
    }
}

/// Takes a new command to the door.
fn taken(
    oversight: &Oversight<'_>,
    agent: &Actor,
    wanted: &RunCommand,
) -> Result<(RunId, Vec<String>), Error> {
    let (cx, session) = (oversight.cx, oversight.session);
    let what = match (&wanted.command, &wanted.argv) {
        (Some(text), None) => What::Command(text.clone()),
        (None, Some(argv)) => What::Argv(argv.clone()),
        _ => {
            let detail = "say what to run: `command` or `argv`, or `run` to come back to one";
            return Err(Problem::new("input.invalid", detail).into());
        }
    };
    let root = match session.clone_of() {
        Ok(clone) => PathBuf::from(&clone.work),
        Err(_) => {
            let repo = cx.store.get::<Repo>(session.repo()?)?;
            PathBuf::from(repo.map(|repo| repo.path).unwrap_or_default())
        }
    };
    let dir = root.join(wanted.directory.as_deref().unwrap_or_default());
    let real = |path: &PathBuf| path.canonicalize().ok();
    if !matches!((real(&dir), real(&root)), (Some(dir), Some(root)) if dir.starts_with(&root)) {
        let detail = "`directory` is no folder below the one that the server is bound to";
        return Err(Problem::new("path.escapes", detail).into());
    }
    let wish = Wish {
        what,
        dir,
        sandbox: Level::Full,
        network: match wanted.network.unwrap_or(NetworkLevel::Off) {
            NetworkLevel::Off => Network::Off,
            NetworkLevel::Listed => Network::Listed,
            NetworkLevel::On => Network::On,
        },
        timeout: wanted.timeout_sec.map(Duration::from_secs),
        key: None,
        asker: Asker {
            lineage: Some(LineageId::new(session.id)),
            request: None,
        },
    };
    let taken = command::submit(cx, agent, &wish)?;
    let reasons = taken.judgement.reasons;
    let reasons = match taken.approval {
        Some(_) => reasons.into_iter().map(|reason| reason.detail).collect(),
        None => Vec::new(),
    };
    Ok((taken.run.id, reasons))
}

/// Finds a command that an agent was told of before.
fn known(cx: &Cx, agent: &Actor, id: &str, wanted: &RunCommand) -> Result<RunId, Error> {
    if wanted.command.is_some() || wanted.argv.is_some() {
        let detail = "`run` comes back to a command; leave `command` and `argv` out with it";
        return Err(Problem::new("input.invalid", detail).into());
    }
    let found = subject::find::<Run>(cx, id, RunId::new)?;
    match &found.work {
        Work::Command { asked_by, .. } if asked_by == agent && found.judged.is_some() => {
            Ok(found.id)
        }
        Work::Command { .. } | Work::Agent { .. } | Work::Check { .. } | Work::Tool { .. } => {
            let detail = format!("run {id} is no command that this tool took");
            Err(Problem::new("subject.not_found", detail).into())
        }
    }
}

fn told(cx: &Cx, found: &Run, reasons: &[String]) -> Result<CommandResult, Error> {
    let (output, truncated) = run::read_log(cx, found, OUTPUT_BYTES)?.unwrap_or_default();
    let is_held = found.status.is_open() && found.judged == Some(Judged::Held);
    let approval = match is_held {
        true => command::waits_for(cx, found)?,
        false => None,
    };
    let mask = |text: &str| cx.redactor.redact(text).into_owned();
    Ok(CommandResult {
        run: found.id.to_string(),
        status: found.status.name().to_owned(),
        ground: found.judged.map(|judged| match judged {
            Judged::Held => "held".to_owned(),
            Judged::Allowed(ground) => ground.name().to_owned(),
        }),
        approval: approval.map(|approval| approval.to_string()),
        reasons: reasons.iter().map(|reason| mask(reason)).collect(),
        exit_code: found.exit_code,
        reason: found.reason.as_ref().map(|reason| mask(reason.as_str())),
        output,
        truncated,
        first_error: run::first_error(cx, found)?,
    })
}

/// Who the record says it was: never the person whose engine it is.
fn agent(oversight: &Oversight<'_>) -> Result<Actor, Error> {
    match &oversight.session.actor {
        actor @ Actor::Agent { .. } => Ok(actor.clone()),
        Actor::Person { .. } | Actor::Engine { .. } => {
            let session = oversight.session.id.simple().to_string();
            let name = format!("mcp-{}", &session[session.len() - 8..]);
            let id = Name::new(name).map_err(|error| Error::Missing(error.to_string()))?;
            Ok(Actor::Agent { id })
        }
    }
}
