//! `hyperion status`

use std::fs;
use std::path::{Path, PathBuf};

use hyperion_api::Client;
use hyperion_api::list::List;
use hyperion_api::queue::{Entry, Metrics};
use hyperion_api::repo::Repo;
use hyperion_api::request::Request;
use hyperion_api::run::{Log, Run};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::context::Cx;
use crate::exit::Exit;
use crate::output::{Format, FormatArgs};
use crate::route::Route;
use crate::standing::Standing as _;
use crate::time::Since;
use crate::view;
use crate::view::status::{Running, SHOWN, Status};

/// How far back the first look goes.
const FIRST_LOOK_HOURS: i64 = 24;
/// States of entries that go no further without a person, the most pressing first.
const STUCK: [&str; 4] = ["blocked", "quarantined", "dead", "failed"];
/// States in which the engine is working at an entry.
const AT_WORK: [&str; 6] = [
    "leased",
    "merging",
    "checking",
    "ready",
    "dispatching",
    "queued",
];

/// See what waits for you, what is stuck and why, and what landed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion status
  hyperion status --since 1d --format json")]
pub(crate) struct Args {
    /// What landed and failed since then, instead of since the last look: 30m, 1h, 2d, 2026-11-01, or a time
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    since: Option<Since>,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let (loaded, wrong) = cx.usable_settings()?;
    if let Some(wrong) = wrong {
        // What it looks at depends on no setting.
        cx.output.say(&view::warning(&wrong.in_full()));
    }
    cx.look(loaded.settings, async |session| {
        let note = session.locations().cache.join("last-look");
        let now = cx.now();
        let since = match &args.since {
            Some(since) => since.moment(&cx.now_here()),
            None => last_look(&note, now),
        };
        let engine = session
            .health()
            .await
            .is_ok_and(|health| health.engine && health.pid != std::process::id());
        let mut status = look(session.client(), engine, since).await?;
        if view::status::shows_last_lines(cx.output.width()) {
            for running in status.running.iter_mut().take(SHOWN) {
                running.last_line = last_line(session.client(), &running.run.id).await;
            }
        }
        if !engine && args.format.format == Format::Table {
            status.on_the_way[..].interrupt();
        }
        cx.output.show(args.format.format, &status, |status| {
            view::status::page(status, now, cx.zone(), cx.output.width())
        })?;
        // A script's look is nobody's.
        if args.format.format == Format::Table && args.since.is_none() {
            remember(&note, now);
        }
        Ok(Exit::Done)
    })
    .await
}

async fn look(client: &Client, engine: bool, since: Timestamp) -> anyhow::Result<Status> {
    let queue = |status: &str| Route::new("/api/queue").query("status", status);
    let mut stuck: Vec<Entry> = Vec::new();
    for status in STUCK {
        stuck.extend(some(client, queue(status)).await?);
    }
    let mut on_the_way: Vec<Entry> = Vec::new();
    for status in AT_WORK {
        on_the_way.extend(some(client, queue(status)).await?);
    }
    let (corrected, stuck): (Vec<_>, Vec<_>) = stuck
        .into_iter()
        .partition(|entry| entry.corrected_by.is_some());
    let metrics: Metrics = client.get("/api/queue/metrics").await?;
    let is_new = |moment: &Option<String>| {
        let moment = moment
            .as_deref()
            .and_then(|moment| moment.parse::<Timestamp>().ok());
        moment.is_some_and(|moment| moment >= since)
    };
    let mut landed: Vec<Entry> = some(client, queue("landed")).await?;
    landed.retain(|entry| is_new(&entry.ended_at));
    let request = |status: &str| Route::new("/api/requests").query("status", status);
    let mut failed: Vec<Request> = some(client, request("failed")).await?;
    failed.retain(|request| {
        let mut told = stuck.iter().chain(&corrected);
        is_new(&request.finished_at) && !told.any(|entry| entry.request_id == request.id)
    });
    let mut repos: List<Repo> = client.get("/api/repos").await?;
    let behind = repos.items.iter().flat_map(|repo| repo.behind.clone());
    let behind = behind.collect();
    repos.items.retain(|repo| {
        let mut branches = repo.branches.iter();
        branches.any(|branch| branch.trouble.is_some() || branch.landings > 0)
    });
    let running: Vec<Run> = some(client, Route::new("/api/runs").query("open", "true")).await?;
    let running = running.into_iter();
    let running = running.map(|run| Running {
        run,
        last_line: None,
    });
    Ok(Status {
        running: running.collect(),
        engine,
        behind,
        not_pushed: repos.items,
        approvals: some(
            client,
            Route::new("/api/approvals").query("status", "pending"),
        )
        .await?,
        sent_back: some(
            client,
            Route::new("/api/changesets").query("status", "changes_requested"),
        )
        .await?,
        questions: some(client, request("needs_clarification")).await?,
        queue_depth: metrics.depth,
        paused: metrics.paused,
        stuck,
        corrected,
        on_the_way,
        since,
        failed,
        landed,
    })
}

async fn some<T: DeserializeOwned>(client: &Client, route: Route) -> anyhow::Result<Vec<T>> {
    // One more than is shown, so that it can be said that there are more.
    let route = route.query("limit", (SHOWN + 1).to_string());
    let list: List<T> = client.get(route.as_str()).await?;
    Ok(list.items)
}

/// Reads the last line that a run wrote; what it writes is not worth failing for.
async fn last_line(client: &Client, run: &str) -> Option<String> {
    let route = Route::new("/api/runs").segment(run).segment("log");
    let route = route.query("tail_lines", "1");
    let log: Log = client.get(route.as_str()).await.ok()?;
    let line = log.text.lines().rfind(|line| !line.trim().is_empty())?;
    Some(line.trim_end().to_owned())
}

/// Reads when the person looked last; the note may be lost at any time, and then a day is told.
fn last_look(note: &Path, now: Timestamp) -> Timestamp {
    let noted = fs::read_to_string(note)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    noted.unwrap_or_else(|| now - jiff::SignedDuration::from_hours(FIRST_LOOK_HOURS))
}

/// Notes when the person looked; without the note, the next look tells too much rather than too little.
fn remember(note: &Path, now: Timestamp) {
    let folder = note.parent().map(PathBuf::from).unwrap_or_default();
    if let Err(error) = fs::create_dir_all(&folder).and_then(|()| fs::write(note, now.to_string()))
    {
        tracing::debug!(%error, "could not note when status was looked at");
    }
}
