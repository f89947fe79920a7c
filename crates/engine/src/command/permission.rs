//! Whether an agent may run a command, or edit a file, by itself: what hooks ask.
//!
//! Where somebody has to agree, a run stands for the question, and holds it until the agent comes back for the answer. Each answer is
//! taken once: the run is over then.

use hyperion_api::Problem;
use hyperion_model::run::{self, Ground, Judged, Run};
use hyperion_model::{Actor, Command, Level, LineageId, Name, RunId, Uuid};
use hyperion_policy::Judgement;
use hyperion_sandbox::{Level as Sandbox, Network};
use hyperion_store::{Filter, StoreError};

use super::door::{granted, kill};
use super::ground::{Way, decide};
use super::submit::{ended_elsewhere, find, register};
use super::{Asker, Record, Site, What, ask};
use crate::cx::json_blob;
use crate::{Cx, Error};

/// The most questions of one session that wait at once.
const WAITING_MAX: usize = 100;

/// What an agent wants to do by itself.
#[derive(Debug, Clone)]
pub struct Question {
    /// The agent's name.
    pub agent: Name,
    /// The agent's own name of its session.
    pub session: String,
    /// What it wants.
    pub what: What,
    /// Where.
    pub dir: std::path::PathBuf,
    /// The run that it is part of.
    pub asker: Asker,
    /// Whether somebody is asked where nobody agreed yet.
    pub asks: bool,
}

/// What it is told.
#[derive(Debug, Clone)]
pub struct Permission {
    /// What the rules say.
    pub judgement: Judgement,
    /// On what ground it may; none while it may not.
    pub ground: Option<Ground>,
    /// The question that it waits for, with its run.
    pub waits: Option<(RunId, hyperion_model::ApprovalId)>,
    /// Why it may not, where somebody said no.
    pub refused: Option<String>,
}

/// Answers whether it may.
pub fn permission(cx: &Cx, question: &Question) -> Result<Permission, Error> {
    let site = Site::of(cx, &question.dir)?;
    let judgement = question.what.judge(&site.rules, &site.place);
    let answer = |ground| Permission {
        judgement: judgement.clone(),
        ground,
        waits: None,
        refused: None,
    };
    match decide(&judgement, false, None) {
        Way::Refuse => return Ok(answer(None)),
        Way::Go(ground) => return Ok(answer(Some(ground))),
        Way::Ask(_) => {}
    }
    let lineage = question.asker.lineage.unwrap_or_else(|| session(question));
    let record = record(cx, question, &site, lineage);
    let actor = Actor::Agent {
        id: question.agent.clone(),
    };
    let _turn = cx.machine.turn();
    let digest = json_blob(&record)?.digest;
    let parked = Filter::open().status(run::Status::Parked.name());
    let held: Vec<Run> = cx.store.open_rows::<Run>(&parked)?.rows;
    let of_session = || {
        held.iter()
            .filter(|run| run.lineage == lineage && run.judged == Some(Judged::Held))
    };
    if let Some(run) = of_session().find(|run| run.spec == digest) {
        return collect(cx, &actor, run, &record, judgement);
    }
    if !question.asks {
        return Ok(answer(None));
    }
    let waiting = of_session().count();
    if waiting >= WAITING_MAX {
        let detail = format!("{waiting} questions of this session wait for an answer already");
        return Err(Problem::new("state.illegal_move", detail).into());
    }
    let id = cx.id(RunId::new);
    let way = register(cx, &actor, (id, lineage), &record, &judgement, false)?;
    match way {
        Way::Go(ground) => Ok(answer(Some(ground))),
        Way::Refuse => Ok(answer(None)),
        Way::Ask(_) => {
            let run = find(cx, id)?;
            let approval = ask::ask(cx, &actor, &run, &record, &judgement)?;
            Ok(Permission {
                waits: Some((id, approval)),
                ..answer(None)
            })
        }
    }
}

/// Takes the answer to a question that was asked before, if there is one.
fn collect(
    cx: &Cx,
    actor: &Actor,
    run: &Run,
    record: &Record,
    judgement: Judgement,
) -> Result<Permission, Error> {
    use hyperion_model::approval::Status;
    let mut answer = Permission {
        judgement,
        ground: None,
        waits: None,
        refused: None,
    };
    let approval = match ask::latest(cx, run)? {
        Some(approval) => approval,
        None => {
            let id = ask::ask(cx, actor, run, record, &answer.judgement)?;
            answer.waits = Some((run.id, id));
            return Ok(answer);
        }
    };
    if let Some((ground, mut commands)) = granted(cx, run, record, &approval)? {
        commands.push(Command::Run(run.id, ended_elsewhere()));
        if take(cx, actor, commands)? {
            answer.ground = Some(ground);
        }
        return Ok(answer);
    }
    let level = answer.judgement.level().unwrap_or(Level::ManualOnly);
    match approval.status {
        // Else the rules became stricter meanwhile, and what was agreed to is not enough.
        Status::Approved if approval.question.level >= level => {
            let ground = Ground::Approval {
                approval: approval.id,
            };
            let commands = [run::Command::Allow(ground), ended_elsewhere()];
            let commands = commands.map(|command| Command::Run(run.id, command));
            if take(cx, actor, commands.to_vec())? {
                answer.ground = Some(ground);
            }
        }
        Status::Pending => answer.waits = Some((run.id, approval.id)),
        Status::Approved | Status::Rejected | Status::Expired | Status::Cancelled => {
            let said = approval.verdict.as_ref();
            let reason = said.and_then(|verdict| verdict.reason.as_ref());
            let reason = reason.map(|reason| format!(": {reason}"));
            let reason = reason.unwrap_or_default();
            let by = said.map_or_else(String::new, |verdict| verdict.by.to_string());
            let why = match approval.status {
                Status::Rejected => format!("{by} rejected it{reason}"),
                Status::Expired => "nobody answered in time".to_owned(),
                Status::Cancelled => format!("the question was withdrawn{reason}"),
                Status::Pending | Status::Approved => {
                    format!("the rules ask for {level} now, and it was approved for less")
                }
            };
            take(cx, actor, vec![kill(run, &why)])?;
            answer.refused = Some(why);
        }
    }
    Ok(answer)
}

/// Takes an answer; false where somebody took it in this moment.
fn take(cx: &Cx, actor: &Actor, commands: Vec<Command>) -> Result<bool, Error> {
    match cx.execute(cx.stamp_person(actor), commands, vec![]) {
        Ok(_) => Ok(true),
        Err(Error::Store(StoreError::Refused { .. })) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Names the sessions of agents outside of runs.
fn session(question: &Question) -> LineageId {
    let name = format!("{}\n{}", question.agent, question.session);
    LineageId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()))
}

fn record(cx: &Cx, question: &Question, site: &Site, lineage: LineageId) -> Record {
    let shown = cx.redactor.redact(&question.what.shown()).into_owned();
    Record {
        title: shown.lines().next().unwrap_or_default().to_owned(),
        command: shown,
        cwd: site.dir.clone(),
        what: question.what.clone(),
        // The agent runs it, in whatever it has.
        sandbox: Sandbox::Off,
        network: Network::On,
        timeout_sec: None,
        asker: Asker {
            lineage: Some(lineage),
            request: question.asker.request,
        },
        repo: site.repo.as_ref().map(|repo| repo.id),
        by_itself: Some(question.agent.clone()),
        has_key: false,
    }
}
