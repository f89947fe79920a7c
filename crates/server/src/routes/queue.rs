//! The merge queue.

use std::collections::BTreeMap;
use std::path::Path as FsPath;

use axum::Json;
use axum::extract::{Path, Query, State};
use hyperion_api::List;
use hyperion_api::queue::{
    Entry as Wire, EntryDetail, Idle, LogRecord, Metrics, PauseQueue, Percentiles, QueueState,
};
use hyperion_api::request::Because;
use hyperion_engine::{Cx, Error, queue, request, rollback};
use hyperion_identity::Need;
use hyperion_model::EntryId;
use hyperion_model::approval::Approval;
use hyperion_model::change_set::{self, ChangeSet};
use hyperion_model::entry::{Cause, Entry, Quarantine, Status};
use hyperion_model::repo::Repo;
use hyperion_model::run::Run;
use hyperion_store::{Filter, QueueLogFilter, QueueRecord};
use schemars::JsonSchema;
use serde::Deserialize;

use super::page::{self, ListQuery, states};
use crate::Server;
use crate::answer::{Answer, blocking};
use crate::caller::Caller;
use crate::subject::{find, find_to, missing};
use crate::table::Routes;

/// How much of the log the metrics look at.
const METRICS_RECORDS: u32 = 10_000;
/// The cause that an entry whose queue is stopped shows.
const PAUSED: &str = "paused";
/// The longest a call may wait for the engine to come to rest.
const MAX_WAIT_MS: u64 = 60_000;

pub(super) fn routes() -> Routes {
    Routes::about("merge queue")
        .get(
            "/api/queue",
            Need::VIEWER,
            "Lists entries of the queue",
            list,
        )
        .get(
            "/api/queue/metrics",
            Need::VIEWER,
            "Gives the figures of the queue",
            metrics,
        )
        .get(
            "/api/queue/counts",
            Need::VIEWER,
            "Counts entries by status",
            counts,
        )
        .get(
            "/api/queue/logs",
            Need::VIEWER,
            "Lists what the queue did",
            all_logs,
        )
        .get(
            "/api/queue/dead-letters",
            Need::VIEWER,
            "Lists entries that did not land",
            dead_letters,
        )
        .get(
            "/api/queue/paused",
            Need::VIEWER,
            "Lists queues that are stopped",
            paused,
        )
        .post(
            "/api/queue/pause",
            Need::TEAM_LEAD,
            "Stops the queue of a repository",
            pause,
        )
        .post(
            "/api/queue/resume",
            Need::TEAM_LEAD,
            "Lets the queue of a repository go on",
            resume,
        )
        .get(
            "/api/queue/{id}",
            Need::VIEWER,
            "Shows an entry with its checks",
            show,
        )
        .get(
            "/api/queue/{id}/logs",
            Need::VIEWER,
            "Lists what was done with an entry",
            logs,
        )
        .post(
            "/api/queue/{id}/retry",
            Need::OPERATOR,
            "Tries an entry again",
            retry,
        )
        .post(
            "/api/queue/{id}/cancel",
            Need::OPERATOR,
            "Takes an entry out of the queue",
            cancel,
        )
        .get(
            "/api/idle",
            Need::VIEWER,
            "Waits until nothing can go on without a person",
            idle,
        )
}

async fn list(State(server): State<Server>, Query(query): Query<ListQuery>) -> Answer<List<Wire>> {
    blocking(server, move |server| {
        let filter = query.filter(server.cx(), &states!(entry))?;
        page::list::<Entry, _>(server.cx(), &filter, view)
    })
    .await
}

async fn dead_letters(
    State(server): State<Server>,
    Query(query): Query<ListQuery>,
) -> Answer<List<Wire>> {
    blocking(server, move |server| {
        let filter = query
            .filter(server.cx(), &states!(entry))?
            .status(Status::Dead.name())
            .status(Status::Failed.name())
            .status(Status::Quarantined.name());
        page::list::<Entry, _>(server.cx(), &filter, view)
    })
    .await
}

async fn show(State(server): State<Server>, Path(id): Path<String>) -> Answer<EntryDetail> {
    blocking(server, move |server| {
        let cx = server.cx();
        let entry = find::<Entry>(cx, &id, EntryId::new)?;
        let runs = cx
            .store
            .list::<Run>(&Filter::default().parent(entry.id.uuid()).limit(1000))?
            .rows;
        let mut checks = Vec::new();
        for run in &runs {
            checks.extend(request::check(cx, run)?);
        }
        Ok(EntryDetail {
            entry: in_full(cx, &entry)?,
            evidence: queue::evidence(cx, &entry)?,
            checks,
        })
    })
    .await
}

async fn retry(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
    Json(_): Json<Because>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let entry = find_to::<Entry>("retry", cx, &id, EntryId::new)?;
        queue::retry(cx, caller.actor(), entry.id)?;
        again(cx, entry.id)
    })
    .await
}

async fn cancel(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
    Json(Because { reason }): Json<Because>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let entry = find_to::<Entry>("cancel", cx, &id, EntryId::new)?;
        queue::cancel(cx, caller.actor(), entry.id, reason.as_deref())?;
        again(cx, entry.id)
    })
    .await
}

async fn paused(State(server): State<Server>) -> Answer<List<QueueState>> {
    blocking(server, |server| Ok(List::whole(all_paused(server.cx())?))).await
}

fn all_paused(cx: &Cx) -> Result<Vec<QueueState>, Error> {
    let repos = cx.store.open_rows::<Repo>(&Filter::open())?.rows;
    let paused = repos.iter().filter(|repo| repo.paused.is_some());
    paused.map(|repo| queue_state(cx, repo)).collect()
}

fn queue_state(cx: &Cx, repo: &Repo) -> Result<QueueState, Error> {
    let paused = repo.paused.as_ref();
    Ok(QueueState {
        repo: repo.name.to_string(),
        paused: paused.is_some(),
        by: paused.map(|pause| pause.by.to_string()),
        since: paused.map(|pause| pause.since.to_string()),
        reason: paused.and_then(|pause| pause.reason.as_ref().map(ToString::to_string)),
        depth: cx.store.count::<Entry>(&Filter::open().repo(repo.id))?,
    })
}

async fn pause(
    State(server): State<Server>,
    caller: Caller,
    Json(PauseQueue { repo, dir, reason }): Json<PauseQueue>,
) -> Answer<QueueState> {
    blocking(server, move |server| {
        let (cx, actor) = (server.cx(), caller.actor());
        let id = hyperion_engine::repo::find(cx, &repo, dir.as_deref().map(FsPath::new))?.id;
        queue_state(cx, &queue::paused::pause(cx, actor, id, reason.as_deref())?)
    })
    .await
}

async fn resume(
    State(server): State<Server>,
    caller: Caller,
    Json(PauseQueue { repo, dir, .. }): Json<PauseQueue>,
) -> Answer<QueueState> {
    blocking(server, move |server| {
        let (cx, actor) = (server.cx(), caller.actor());
        let id = hyperion_engine::repo::find(cx, &repo, dir.as_deref().map(FsPath::new))?.id;
        queue_state(cx, &queue::paused::resume(cx, actor, id)?)
    })
    .await
}

fn again(cx: &Cx, id: EntryId) -> Result<Wire, Error> {
    let entry = cx.store.get::<Entry>(id)?;
    view(cx, &entry.ok_or_else(|| missing::<Entry>(&id.to_string()))?)
}

/// Shows an entry where it is looked at by itself, or with its request.
pub(super) fn in_full(cx: &Cx, entry: &Entry) -> Result<Wire, Error> {
    let mut wire = view(cx, entry)?;
    wire.reason = wire.reason.or(queue::stayed(cx, entry)?);
    Ok(wire)
}

pub(super) fn view(cx: &Cx, entry: &Entry) -> Result<Wire, Error> {
    let admission = &entry.admission;
    let repo = cx.store.get::<Repo>(admission.repo)?;
    let paused = repo.as_ref().filter(|_| waits_for_turn(entry));
    let paused = paused.and_then(queue::paused::told);
    let cause = match &paused {
        Some(_) => Some(PAUSED),
        None => entry.cause.map(Cause::name),
    };
    Ok(Wire {
        id: entry.id.to_string(),
        title: queue::title(cx, entry)?,
        status: entry.status.name().to_owned(),
        repo: repo.map(|repo| repo.name.to_string()).unwrap_or_default(),
        branch: admission.branch.to_string(),
        request_id: admission.request.to_string(),
        change_set_ids: admission
            .change_sets
            .iter()
            .map(ToString::to_string)
            .collect(),
        depends_on: admission
            .depends_on
            .iter()
            .map(ToString::to_string)
            .collect(),
        priority: admission.priority.name().to_owned(),
        level: admission.level.name().to_owned(),
        dry_run: admission.dry_run,
        attempts: entry.attempts,
        refreshes: entry.refreshes,
        tip: entry
            .candidate
            .as_ref()
            .map(|candidate| candidate.tip.to_string()),
        candidate: entry
            .candidate
            .as_ref()
            .map(|candidate| candidate.commit.to_string()),
        green: entry
            .verdict
            .as_ref()
            .map(|verdict| verdict.green.name().to_owned()),
        commit: entry.commit.as_ref().map(ToString::to_string),
        quarantine: entry
            .quarantine
            .map(|why: Quarantine| why.name().to_owned()),
        reason: paused.or_else(|| entry.reason.as_ref().map(ToString::to_string)),
        cause: cause.map(str::to_owned),
        corrected_by: queue::corrected_by(cx, entry)?.map(|by| by.to_string()),
        taken_back_by: rollback::taken_back_by(cx, entry)?.map(|by| by.to_string()),
        enqueued_at: entry.enqueued_at.to_string(),
        ended_at: entry.ended_at.map(|at| at.to_string()),
    })
}

/// Whether an entry goes no further while its queue is stopped.
const fn waits_for_turn(entry: &Entry) -> bool {
    match entry.status {
        Status::Queued | Status::Ready => true,
        Status::Leased
        | Status::Merging
        | Status::Checking
        | Status::Dispatching
        | Status::Landed
        | Status::Blocked
        | Status::Quarantined
        | Status::Failed
        | Status::Dead
        | Status::Cancelled => false,
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    limit: Option<u32>,
}

async fn logs(
    State(server): State<Server>,
    Path(id): Path<String>,
    Query(LogQuery { limit }): Query<LogQuery>,
) -> Answer<List<LogRecord>> {
    blocking(server, move |server| {
        let entry = find::<Entry>(server.cx(), &id, EntryId::new)?;
        records(server.cx(), Some(entry.id), limit)
    })
    .await
}

async fn all_logs(
    State(server): State<Server>,
    Query(LogQuery { limit }): Query<LogQuery>,
) -> Answer<List<LogRecord>> {
    blocking(server, move |server| records(server.cx(), None, limit)).await
}

fn records(cx: &Cx, entry: Option<EntryId>, limit: Option<u32>) -> Result<List<LogRecord>, Error> {
    let limit = limit
        .unwrap_or(hyperion_api::list::DEFAULT_LIMIT)
        .clamp(1, hyperion_api::list::MAX_LIMIT);
    let found = cx.store.queue_log(&QueueLogFilter {
        entry,
        newest: true,
        limit,
    })?;
    Ok(List::whole(found.into_iter().map(record).collect()))
}

fn record(record: QueueRecord) -> LogRecord {
    LogRecord {
        time: record.time.to_string(),
        entry_id: record.entry_id.to_string(),
        worker: record.worker,
        lease_owner: record.lease_owner,
        stage: record.stage,
        outcome: record.outcome,
        dequeue_latency_ms: record.dequeue_latency_ms,
        apply_duration_ms: record.apply_duration_ms,
        poll_interval_ms: record.poll_interval_ms,
        attempt: record.attempt,
        failure: record
            .failure
            .and_then(|failure| serde_json::from_value(failure).ok()),
    }
}

/// Counts entries by status: without the log, which metrics read.
async fn counts(State(server): State<Server>) -> Answer<BTreeMap<String, u64>> {
    blocking(server, |server| by_status(server.cx())).await
}

fn by_status(cx: &Cx) -> Result<BTreeMap<String, u64>, Error> {
    let mut counts = BTreeMap::new();
    for status in Status::ALL {
        let filter = Filter {
            open: Some(status.is_open()),
            ..Filter::default()
        };
        let filter = filter.status(status.name()).archived();
        let count = cx.store.count::<Entry>(&filter)?;
        if count > 0 {
            counts.insert(status.name().to_owned(), count);
        }
    }
    Ok(counts)
}

async fn metrics(State(server): State<Server>) -> Answer<Metrics> {
    blocking(server, |server| measure(server.cx())).await
}

fn measure(cx: &Cx) -> Result<Metrics, Error> {
    let mut metrics = Metrics {
        by_status: by_status(cx)?,
        ..Metrics::default()
    };
    let open = Status::ALL.iter().filter(|status| status.is_open());
    metrics.depth = open
        .filter_map(|status| metrics.by_status.get(status.name()))
        .sum();
    let taken_back = Filter::default().status(change_set::Status::RolledBack.name());
    metrics.taken_back = cx.store.count::<ChangeSet>(&taken_back.archived())?;
    let count = |status: Status| metrics.by_status.get(status.name()).copied().unwrap_or(0);
    metrics.dead_letters = count(Status::Dead) + count(Status::Failed) + count(Status::Quarantined);
    let landed = count(Status::Landed);
    let ended = landed + metrics.dead_letters;
    metrics.success_rate = if ended == 0 {
        1.0
    } else {
        ratio(landed, ended)
    };
    let active = [
        Status::Leased,
        Status::Merging,
        Status::Checking,
        Status::Ready,
        Status::Dispatching,
    ];
    metrics.workers = u32::try_from(active.into_iter().map(count).sum::<u64>()).unwrap_or(u32::MAX);
    let log = QueueLogFilter {
        entry: None,
        newest: true,
        limit: METRICS_RECORDS,
    };
    let log = cx.store.queue_log(&log)?;
    metrics.conflicts = log
        .iter()
        .filter(|record| record.outcome == "conflict")
        .count() as u64;
    metrics.retries = log
        .iter()
        .filter(|record| record.stage == "merge" && record.attempt > 1)
        .count() as u64;
    let since = cx.now() - std::time::Duration::from_secs(600);
    let landings: Vec<_> = log
        .iter()
        .filter(|record| record.outcome == "landed")
        .collect();
    let recent = landings
        .iter()
        .filter(|record| record.time >= since)
        .count();
    metrics.paused = all_paused(cx)?;
    metrics.throughput_per_min = ratio(recent as u64, 10);
    metrics.dequeue_latency_ms =
        percentiles(landings.iter().map(|record| record.dequeue_latency_ms));
    metrics.apply_duration_ms = percentiles(landings.iter().map(|record| record.apply_duration_ms));
    Ok(metrics)
}

#[allow(
    clippy::cast_precision_loss,
    reason = "figures for people; counts stay far below 2^52"
)]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// Gives median and 95th percentile by the nearest-rank method.
fn percentiles(values: impl Iterator<Item = u64>) -> Percentiles {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    let rank = |percent: usize| {
        let at = (values.len() * percent).div_ceil(100).saturating_sub(1);
        values.get(at).copied().unwrap_or(0)
    };
    Percentiles {
        p50: rank(50),
        p95: rank(95),
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct IdleQuery {
    #[serde(default)]
    timeout_ms: u64,
    /// Whether the engine first looks whether something can go on meanwhile.
    #[serde(default)]
    look: bool,
}

async fn idle(
    State(server): State<Server>,
    Query(IdleQuery { timeout_ms, look }): Query<IdleQuery>,
) -> Answer<Idle> {
    if look {
        server.engine().look();
    }
    let patience = std::time::Duration::from_millis(timeout_ms.min(MAX_WAIT_MS));
    let idle = if patience.is_zero() {
        server.engine().is_idle()
    } else {
        tokio::time::timeout(patience, server.engine().idle())
            .await
            .is_ok()
    };
    let troubles = server.engine().activity().borrow().troubles.clone();
    blocking(server, move |server| {
        let cx = server.cx();
        Ok(Idle {
            idle,
            queue_depth: cx.store.count::<Entry>(&Filter::open())?,
            waiting_approvals: cx.store.count::<Approval>(&Filter::open())?,
            last_seq: cx.store.last_seq()?,
            troubles,
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        assert_eq!(
            percentiles(std::iter::empty()),
            Percentiles { p50: 0, p95: 0 }
        );
        assert_eq!(percentiles(1..=100), Percentiles { p50: 50, p95: 95 });
        assert_eq!(percentiles([7].into_iter()), Percentiles { p50: 7, p95: 7 });
    }
}
