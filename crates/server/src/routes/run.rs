//! Runs.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use hyperion_api::run::{Log, NewRun, Run as Wire, Sandbox, Usage};
use hyperion_api::{List, Problem};
use hyperion_engine::{Cx, Error, run};
use hyperion_identity::Need;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_model::plan::Plan;
use hyperion_model::run::{self as model, Run, Work};
use hyperion_model::{Actor, RunId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::page::{self, ListQuery, states};
use crate::Server;
use crate::answer::{Answer, Feed, Refusal, blocking};
use crate::caller::Caller;
use crate::subject::{find, find_to};
use crate::table::Routes;
use stream::{Only, Wanted};

mod stream;

/// How much of a log is shown unless asked otherwise.
const DEFAULT_TAIL_KB: u64 = 64;
/// The longest that an answer waits for the end of a run.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// The most of a log that one answer holds.
const MAX_TAIL_KB: u64 = 4096;

pub(super) fn routes() -> Routes {
    Routes::about("runs")
        .get("/api/runs", Need::VIEWER, "Lists runs", list)
        .post_here(
            "/api/runs",
            Need::OPERATOR,
            "Registers a run of a command that its owner starts",
            register,
        )
        .get("/api/runs/{id}", Need::VIEWER, "Shows a run", show)
        .get(
            "/api/runs/{id}/log",
            Need::VIEWER,
            "Gives what a run wrote, or streams it",
            log,
        )
        .post("/api/runs/{id}/stop", Need::OPERATOR, "Ends a run", stop)
        .post(
            "/api/runs/{id}/pause",
            Need::OPERATOR,
            "Pauses a run",
            pause,
        )
        .post(
            "/api/runs/{id}/resume",
            Need::OPERATOR,
            "Lets a run go on",
            resume,
        )
}

async fn list(State(server): State<Server>, Query(query): Query<ListQuery>) -> Answer<List<Wire>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let filter = query.filter(cx, &states!(run))?;
        page::list::<Run, _>(cx, &filter, view)
    })
    .await
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Show {
    /// Not before it has ended, or so much time has passed.
    ended_within_ms: Option<u64>,
}

async fn show(
    State(server): State<Server>,
    Path(id): Path<String>,
    Query(wanted): Query<Show>,
) -> Answer<Wire> {
    if let Some(ms) = wanted.ended_within_ms {
        let time = Duration::from_millis(ms).min(WAIT_MAX);
        // A time that passes is an answer as well.
        if let Ok(ended) = tokio::time::timeout(time, until_ended(&server, &id)).await {
            ended?;
        }
    }
    blocking(server, move |server| {
        let cx = server.cx();
        let found = find::<Run>(cx, &id, RunId::new)?;
        Ok(Wire {
            first_error: run::first_error(cx, &found)?,
            refused_hosts: run::refused_hosts(cx, &found)?,
            ..view(cx, &found)?
        })
    })
    .await
}

/// Waits until the end of a run is on record, or the engine leaves.
async fn until_ended(server: &Server, id: &str) -> Result<(), Refusal> {
    let mut commits = server.engine().cx().store.subscribe();
    loop {
        commits.borrow_and_update();
        let id = id.to_owned();
        let open = blocking(server.clone(), move |server| {
            Ok(find::<Run>(server.cx(), &id, RunId::new)?.status.is_open())
        });
        let Json(is_open) = open.await?;
        if !is_open {
            return Ok(());
        }
        tokio::select! {
            changed = commits.changed() => if changed.is_err() { return Ok(()) },
            () = server.life().closing() => return Ok(()),
        }
    }
}

async fn register(
    State(server): State<Server>,
    caller: Caller,
    Json(wish): Json<NewRun>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        view(cx, &run::register(cx, caller.actor(), &wish)?)
    })
    .await
}

async fn stop(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Wire> {
    steer(server, caller, id, "stop", run::stop).await
}

async fn pause(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Wire> {
    steer(server, caller, id, "pause", run::pause).await
}

async fn resume(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Wire> {
    steer(server, caller, id, "resume", run::resume).await
}

async fn steer(
    server: Server,
    caller: Caller,
    id: String,
    verb: &'static str,
    act: fn(&Cx, &Actor, RunId) -> Result<Run, Error>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let found = find_to::<Run>(verb, cx, &id, RunId::new)?;
        if !found.status.is_open() {
            let (id, status) = (found.id.short(), found.status.name());
            let detail = format!("run {id} has ended: it is {status}");
            return Err(Problem::new("state.illegal_move", detail).into());
        }
        view(cx, &act(cx, caller.actor(), found.id)?)
    })
    .await
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Part {
    /// The end of it: so many KiB.
    tail_kb: Option<u64>,
    /// The end of it: so many lines, and on from there piece by piece.
    tail_lines: Option<u32>,
    /// A piece of it: from this byte on.
    from: Option<u64>,
    /// As a stream: behind the item with this number.
    after: Option<u64>,
    /// As a stream: until the run ends.
    follow: Option<bool>,
    /// As a stream: only standard output, or only standard error.
    stream: Option<Only>,
}

async fn log(
    State(server): State<Server>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Query(part): Query<Part>,
) -> Result<Feed<Log>, Refusal> {
    if part.after.is_none() && part.follow.is_none() && part.stream.is_none() {
        return Ok(Feed::new(piece(server, id, part).await?));
    }
    if part.tail_kb.is_some() || part.from.is_some() {
        let detail = "`tail_kb` and `from` give a piece; a stream takes `tail_lines` or `after`";
        return Err(Problem::new("input.invalid", detail).into());
    }
    let resumed = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let after = resumed.or(part.after);
    let wanted = Wanted {
        after: after.unwrap_or(0),
        tail_lines: part.tail_lines.filter(|_| after.is_none()),
        follow: part.follow.unwrap_or(false),
        only: part.stream,
    };
    stream::stream(server, id, wanted).await.map(Feed::new)
}

async fn piece(server: Server, id: String, part: Part) -> Answer<Log> {
    blocking(server, move |server| {
        let cx = server.cx();
        let found = find_to::<Run>("logs", cx, &id, RunId::new)?;
        let ended = !found.status.is_open();
        let from = match part {
            Part {
                tail_kb,
                tail_lines: None,
                from: None,
                ..
            } => {
                let max = tail_kb.unwrap_or(DEFAULT_TAIL_KB).clamp(1, MAX_TAIL_KB) * 1024;
                let read = run::read_log(cx, &found, max)?;
                let (text, truncated) = read.ok_or_else(|| no_output(&found))?;
                return Ok(Log {
                    text,
                    truncated,
                    next: None,
                    more: false,
                    ended,
                });
            }
            Part {
                tail_kb: None,
                tail_lines: Some(lines),
                from: None,
                ..
            } => run::start_of_last_lines(cx, &found, lines)?,
            Part {
                tail_kb: None,
                tail_lines: None,
                from: Some(from),
                ..
            } => from,
            _ => {
                let detail = "give one of `tail_kb`, `tail_lines` and `from`";
                return Err(Problem::new("input.invalid", detail).into());
            }
        };
        let Some(piece) = run::read_piece(cx, &found, from)? else {
            if ended {
                return Err(no_output(&found).into());
            }
            return Ok(Log {
                text: String::new(),
                truncated: false,
                next: Some(from),
                more: false,
                ended,
            });
        };
        Ok(Log {
            text: piece.text,
            truncated: from > 0,
            next: Some(piece.next),
            more: piece.more,
            ended,
        })
    })
    .await
}

fn no_output(run: &Run) -> Problem {
    let detail = format!("run {} has no output", run.id.short());
    Problem::new("subject.not_found", detail).hint("`hyperion run show` says what came of it")
}

pub(super) fn view(cx: &Cx, run: &Run) -> Result<Wire, Error> {
    let (entry, name, sets) = match &run.work {
        Work::Agent { agent, .. } => (None, agent.to_string(), Vec::new()),
        Work::Command { name, .. } | Work::Tool { tool: name, .. } => {
            (None, name.to_string(), Vec::new())
        }
        Work::Check { entry, name, .. } => {
            let found = cx.store.get::<Entry>(*entry)?;
            let sets = found.map(|entry| entry.admission.change_sets);
            (
                Some(entry.to_string()),
                name.to_string(),
                sets.unwrap_or_default(),
            )
        }
    };
    let mut tasks = Vec::new();
    for set in sets {
        let set = cx.store.get::<ChangeSet>(set)?;
        tasks.extend(set.map(|set| set.proposal.task.to_string()));
    }
    if let Work::Agent { plan, step, .. } = &run.work {
        let plan = cx.store.get::<Plan>(*plan)?;
        let step = plan.as_ref().and_then(|plan| plan.step(*step));
        tasks.extend(step.map(|step| step.task.to_string()));
    }
    let began = run.began_at.unwrap_or(run.created_at);
    let ended = run.ended_at.unwrap_or_else(|| cx.now());
    let title = run::title(cx, run)?;
    let beat = cx.supervisor.beat(run.id);
    Ok(Wire {
        id: run.id.to_string(),
        kind: run.work.kind().to_owned(),
        name: cx.redactor.redact(&name).into_owned(),
        title: cx.redactor.redact(&title).into_owned(),
        status: run.status.name().to_owned(),
        request_id: run.request.map(|id| id.to_string()),
        task_ids: tasks,
        entry_id: entry,
        incarnation: run.incarnation,
        pid: run.process.as_ref().map(|process| process.pid),
        exit_code: run.exit_code,
        reason: run.reason.as_ref().map(ToString::to_string),
        created_at: run.created_at.to_string(),
        started_at: run.began_at.map(|at| at.to_string()),
        ended_at: run.ended_at.map(|at| at.to_string()),
        stopped_by: run.stop.as_ref().map(|stop| stop.by.to_string()),
        usage: run.usage.map(usage),
        sandbox: run
            .confinement
            .as_ref()
            .map(|had| sandbox(cx, had))
            .transpose()?,
        // What its shim measured: its end may have been put on record later.
        duration_ms: run.usage.map_or_else(
            || u64::try_from(ended.duration_since(began).as_millis()).unwrap_or(0),
            |usage| usage.wall_ms,
        ),
        progress: beat.as_ref().and_then(|beat| beat.progress),
        action: beat.as_ref().and_then(|beat| beat.action.clone()),
        disk_full: cx.supervisor.is_disk_full(run.id),
        heartbeat_at: beat.map(|beat| beat.at.to_string()),
        ground: super::command::ground(run),
        first_error: None,
        waits_for: match run.status {
            model::Status::Parked => run.waits_for.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        },
        refused_hosts: Vec::new(),
    })
}

const fn usage(used: model::Usage) -> Usage {
    Usage {
        cpu_ms: used.cpu_ms,
        memory_peak_kb: used.memory_peak_kb,
        read_bytes: used.read_bytes,
        written_bytes: used.written_bytes,
        output_bytes: used.output_bytes,
        dropped_bytes: used.dropped_bytes,
    }
}

fn sandbox(cx: &Cx, had: &model::Confinement) -> Result<Sandbox, Error> {
    let known = || Sandbox {
        level: had.level.to_string(),
        network: had.network.to_string(),
        layers: Vec::new(),
        lacks: Vec::new(),
    };
    Ok(cx.read_json(had.detail)?.unwrap_or_else(known))
}
