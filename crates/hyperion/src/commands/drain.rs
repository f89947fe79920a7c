//! `hyperion drain`

use std::time::Duration;

use anyhow::Context as _;
use hyperion_api::ClientError;
use hyperion_api::queue::{Idle, Metrics, QueueState};
use jiff::tz::TimeZone;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::output::style::{self, paint};
use crate::output::{Format, FormatArgs};
use crate::progress::{Ends, Progress, clock_now, time};
use crate::session::Session;
use crate::view::{self, count, hint};

/// Work until nothing can go on without a person
///
/// Tells what the engine does until it has nothing left to do; where none is up, one is started. Exits 0 when the queue is idle, 1 when
/// entries failed meanwhile or a part of the engine could not go on, and as the requests ended that failed without an entry.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion drain
  hyperion drain --watch --format jsonl --progress-sec 60")]
pub(crate) struct Args {
    /// Go on for ever
    #[arg(long)]
    watch: bool,
    /// Seconds between two reports
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    progress_sec: u64,
    #[command(flatten)]
    format: FormatArgs,
}

/// One report; contracts, §7.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Report {
    kind: &'static str,
    applied: u64,
    failed: u64,
    dequeued: u64,
    lease_delta: i64,
    queue_depth: u64,
    workers: u32,
    elapsed_ms: u64,
}

/// How long one call may wait; engines limit it too.
const IDLE_CALL_MAX: Duration = Duration::from_secs(30);

/// How long what happened before the end may take to be told.
const CATCH_UP_MAX: Duration = Duration::from_secs(2);

/// States in which a worker holds an entry.
const HELD: &[&str] = &["leased", "merging", "checking", "ready", "dispatching"];
/// States that mean an entry will not land by itself any more.
const LOST: &[&str] = &["quarantined", "failed", "dead"];

/// The figures at one moment.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    landed: u64,
    lost: u64,
    held: u64,
    /// Entries that were taken out of the queue at least once and are not back.
    taken: u64,
}

impl Figures {
    fn of(metrics: &Metrics) -> Self {
        let sum = |states: &[&str]| {
            states
                .iter()
                .filter_map(|state| metrics.by_status.get(*state))
                .sum()
        };
        let all: u64 = metrics.by_status.values().sum();
        Self {
            landed: sum(&["landed"]),
            lost: sum(LOST),
            held: sum(HELD),
            taken: all.saturating_sub(sum(&["queued"])),
        }
    }

    fn report(&self, first: &Self, last: &Self, metrics: &Metrics, elapsed: Duration) -> Report {
        Report {
            kind: "progress",
            applied: self.landed.saturating_sub(first.landed),
            failed: self.lost.saturating_sub(first.lost),
            dequeued: self.taken.saturating_sub(first.taken),
            lease_delta: self.held.cast_signed() - last.held.cast_signed(),
            queue_depth: metrics.depth,
            workers: metrics.workers,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
    let mut session = Session::open(cx, Access::Change).await?;
    let end = drain(&args, &mut session, [terminate, interrupt]).await;
    match end {
        // Driving on to the end is what the person just declined.
        Ok(End::Stopped) => {
            let carries_on = session.who_carries_on();
            session.serve_until(std::future::ready(())).await?;
            cx.output
                .say(&format!("Stopped. What was begun is kept: {carries_on}."));
            Ok(Exit::Interrupted)
        }
        Ok(End::Idle {
            failed,
            waiting,
            troubles,
            paused,
            ends,
        }) => {
            session.close().await?;
            for hint in ends.hints() {
                cx.output.say(&hint);
            }
            for trouble in &troubles {
                cx.output.say(&stuck(trouble));
            }
            if !troubles.is_empty() {
                cx.output.say(&hint(
                    "Nothing is lost. Mend it, then: hyperion drain. What is wrong: hyperion doctor",
                ));
            }
            for state in &paused {
                cx.output.say(&view::queue::state(state, cx.zone()));
            }
            if waiting > 0 {
                cx.output.say(&hint(&format!(
                    "{} for a decision: hyperion approval list",
                    waits(waiting)
                )));
            }
            Ok(if failed == 0 && troubles.is_empty() {
                ends.exit()
            } else {
                Exit::Failed
            })
        }
        Err(error) => {
            session.close().await.ok();
            Err(error)
        }
    }
}

/// What the engine could not do, which leaves work undone although nothing runs.
fn stuck(trouble: &str) -> String {
    format!("{} {trouble}", paint(style::BAD, "could not go on:"))
}

fn waits(approvals: u64) -> String {
    let number = usize::try_from(approvals).unwrap_or(usize::MAX);
    let verb = if number == 1 { "waits" } else { "wait" };
    format!("{} {verb}", count(number, "approval"))
}

/// How often an engine may leave in a row before draining is given up.
const REOPENINGS_MAX: u32 = 5;
/// What is known of an engine that left.
const NOT_YET: Idle = Idle {
    idle: false,
    queue_depth: 0,
    waiting_approvals: 0,
    last_seq: 0,
    troubles: Vec::new(),
};

/// How draining ended.
enum End {
    Idle {
        failed: u64,
        waiting: u64,
        troubles: Vec<String>,
        paused: Vec<QueueState>,
        /// The requests that failed while it told of them.
        ends: Ends,
    },
    Stopped,
}

async fn drain(
    args: &Args,
    session: &mut Session<'_>,
    signals: [Signal; 2],
) -> anyhow::Result<End> {
    let [mut terminate, mut interrupt] = signals;
    let cx = session.cx();
    let format = args.format.format;
    let pause = Duration::from_secs(args.progress_sec);
    let began = Instant::now();
    let before = metrics(session).await?;
    // What was in the way may be gone, and nobody told the engine.
    session.look().await?;
    let first = Figures::of(&before);
    let mut last = first;
    let mut reopenings = 0;
    let mut told_troubles = Vec::new();
    let client = session.client().clone();
    let seen = session.seen();
    let mut progress = Progress::new(&[], cx.zone());
    let told = async {
        if format == Format::Table {
            progress.follow(&client, seen, &cx.output).await;
        }
        std::future::pending::<()>().await;
    };
    let mut told = Box::pin(told);
    loop {
        let pausing = Instant::now() + pause;
        let idle = tokio::select! {
            _ = terminate.recv() => return Ok(End::Stopped),
            _ = interrupt.recv() => return Ok(End::Stopped),
            () = &mut told => continue,
            idle = next_idle(session, args.watch, pausing) => idle,
        };
        let (idle, metrics) = match idle {
            Ok(idle) => (idle, metrics(session).await),
            Err(error) => (NOT_YET, Err(error)),
        };
        let metrics = match metrics {
            // The engine left; what is left to do is done by the next one, which may be this process.
            Err(ClientError::Transport(_)) if reopenings < REOPENINGS_MAX => {
                reopenings += 1;
                session.reopen().await?;
                continue;
            }
            metrics => metrics?,
        };
        reopenings = 0;
        let now = Figures::of(&metrics);
        let report = now.report(&first, &last, &metrics, began.elapsed());
        last = now;
        match format {
            Format::Json | Format::Jsonl => {
                cx.output.data(&crate::output::format::compact(&report)?);
            }
            Format::Table => cx.output.progress(&line(&report, cx.zone())),
        }
        if args.watch && idle.troubles != told_troubles {
            for trouble in &idle.troubles {
                cx.output.say(&stuck(trouble));
            }
            told_troubles.clone_from(&idle.troubles);
        }
        if idle.idle && !args.watch {
            session.saw(idle.last_seq);
            drop(told);
            if format == Format::Table {
                let rest = progress.follow_until(&client, idle.last_seq, &cx.output);
                let _ = tokio::time::timeout(CATCH_UP_MAX, rest).await;
            }
            return Ok(End::Idle {
                failed: report.failed,
                waiting: idle.waiting_approvals,
                troubles: idle.troubles,
                paused: metrics.paused,
                ends: progress.into_ends(),
            });
        }
    }
}

/// Waits for idleness or for the time of the next report; a watch only reports.
async fn next_idle(
    session: &Session<'_>,
    watch: bool,
    until: Instant,
) -> Result<Idle, ClientError> {
    if watch {
        tokio::time::sleep_until(until).await;
    }
    loop {
        let left = until
            .saturating_duration_since(Instant::now())
            .min(IDLE_CALL_MAX);
        let idle = session
            .idle(u64::try_from(left.as_millis()).unwrap_or(0))
            .await?;
        if idle.idle || Instant::now() >= until {
            return Ok(idle);
        }
    }
}

async fn metrics(session: &Session<'_>) -> Result<Metrics, ClientError> {
    session.client().get("/api/queue/metrics").await
}

fn line(report: &Report, zone: &TimeZone) -> String {
    let Report {
        kind: _,
        applied,
        failed,
        dequeued: _,
        lease_delta: _,
        queue_depth,
        workers,
        elapsed_ms,
    } = report;
    let time = time(Duration::from_millis(*elapsed_ms), || clock_now(zone));
    format!("{time}  {applied} landed, {failed} failed, {queue_depth} to go, {workers} workers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics_of(by_status: &[(&str, u64)], depth: u64) -> Metrics {
        Metrics {
            depth,
            workers: 3,
            by_status: by_status
                .iter()
                .map(|(status, number)| ((*status).to_owned(), *number))
                .collect(),
            ..Metrics::default()
        }
    }

    #[test]
    fn a_report_counts_from_the_beginning_and_leases_from_the_last() {
        let first = Figures::of(&metrics_of(
            &[("queued", 4), ("landed", 10), ("dead", 1)],
            4,
        ));
        let last = Figures::of(&metrics_of(
            &[("queued", 2), ("checking", 2), ("landed", 10), ("dead", 1)],
            4,
        ));
        let metrics = metrics_of(
            &[
                ("queued", 1),
                ("checking", 1),
                ("landed", 11),
                ("dead", 1),
                ("quarantined", 1),
            ],
            2,
        );
        let report =
            Figures::of(&metrics).report(&first, &last, &metrics, Duration::from_millis(1500));
        insta::assert_snapshot!(serde_json::to_string(&report).unwrap(), @r#"{"kind":"progress","applied":1,"failed":1,"dequeued":3,"lease_delta":-1,"queue_depth":2,"workers":3,"elapsed_ms":1500}"#);
        insta::assert_snapshot!(crate::view::plain(&line(&report, &TimeZone::UTC)), @"   1.5 s  1 landed, 1 failed, 2 to go, 3 workers");
    }
}
