//! `hyperion run logs`

use std::time::Duration;

use hyperion_api::ClientError;
use hyperion_api::client::FeedItem;
use hyperion_api::run::{GapCause, LogBody, Run};

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::id::{IdArg, short};
use crate::output::visible::visible_text;
use crate::route::Route;
use crate::session::Session;
use crate::{complete, view};

/// How long an engine that left gets to come back before it is looked for again.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The most lines of the end that `--tail` takes.
const MAX_TAIL: i64 = 100_000;

/// Print what a run wrote, without secrets
///
/// With --follow it goes on until the run ends. Of a run that failed, the first cause is told last.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion run logs 1a2b3c4d
  hyperion run logs 1a2b3c4d --stream err
  hyperion run logs 1a2b3c4d --tail 50 --follow")]
pub(super) struct Args {
    /// The run
    #[arg(add = complete::runs(false))]
    id: IdArg,
    /// Go on with what it writes until it ends
    #[arg(long, short)]
    follow: bool,
    /// Only its last lines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=MAX_TAIL))]
    tail: Option<u32>,
    /// Only its standard output, or its standard error
    #[arg(long, value_name = "STREAM", value_enum)]
    stream: Option<Stream>,
}

/// One of the two streams of a process.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Stream {
    Out,
    Err,
}

pub(super) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let run = Route::new("/api/runs").segment(args.id.as_str());
        let log = run.clone().segment("log");
        let log = log.query("follow", args.follow.to_string());
        let log = log.maybe("stream", args.stream.map(Stream::name));
        let mut seen = None;
        loop {
            let route = match (seen, args.tail) {
                (None, Some(lines)) => log.clone().query("tail_lines", lines.to_string()),
                (seen, _) => log.clone().query("after", seen.unwrap_or(0).to_string()),
            };
            let before = seen;
            match print(cx, session, &route, &mut seen).await {
                Ok(Some(status)) => {
                    if matches!(status.as_str(), "failed" | "killed") {
                        tell_first_error(cx, session, &run).await;
                    }
                    return Ok(Exit::Done);
                }
                Ok(None) if !args.follow || cx.output.is_closed() => return Ok(Exit::Done),
                Ok(None) => {}
                // The engine left; another one, or the database itself, has what comes.
                Err(ClientError::Transport(_)) if args.follow => {}
                Err(error) => return Err(error.into()),
            }
            if seen == before && !is_worked_on(session).await {
                let id = short(args.id.as_str());
                cx.output.say(&view::hint(&format!(
                    "no engine is at work, so run {id} stands still: `hyperion drain` carries the work on"
                )));
                return Ok(Exit::Waiting);
            }
            tokio::time::sleep(LOOK_EVERY).await;
            session.reopen().await?;
        }
    })
    .await
}

impl Stream {
    const fn name(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Err => "err",
        }
    }
}

/// Prints until the stream ends; gives the run's status if it has ended.
async fn print(
    cx: &Cx,
    session: &Session<'_>,
    route: &Route,
    seen: &mut Option<u64>,
) -> Result<Option<String>, ClientError> {
    let mut log = session.client().log(route.as_str()).await?;
    while let Some(item) = log.next().await? {
        let FeedItem::Event(item) = item else {
            continue;
        };
        match &item.body {
            LogBody::Out { text } | LogBody::Err { text } => write(cx, text),
            LogBody::Gap { bytes, cause } => {
                let why = match cause {
                    GapCause::Limit => "more was written than is kept (setting run.log_max_mb)",
                    GapCause::DiskFull => "the disk was full",
                };
                let what = format!("{bytes} bytes are left out here: {why}");
                cx.output.say(&view::warning(&what));
            }
            LogBody::Ended { status, .. } => return Ok(Some(status.clone())),
        }
        *seen = Some(item.seq);
        if cx.output.is_closed() {
            return Ok(None);
        }
    }
    Ok(None)
}

/// A terminal is not steered by what a run wrote; a file or a program gets it as it is.
fn write(cx: &Cx, text: &str) {
    if cx.output.width().is_some() {
        cx.output.data(&visible_text(text));
    } else {
        cx.output.data(text);
    }
}

/// Says what it failed of, where its output tells.
async fn tell_first_error(cx: &Cx, session: &Session<'_>, run: &Route) {
    let run = session.client().get::<Run>(run.as_str()).await;
    if let Some(error) = run.ok().and_then(|run| run.first_error) {
        cx.output.say(&view::run::first_error(&error));
    }
}

/// Whether there is an engine; one that is just leaving or coming is asked again.
async fn is_worked_on(session: &Session<'_>) -> bool {
    match session.health().await {
        Ok(health) => health.engine,
        Err(_) => true,
    }
}
