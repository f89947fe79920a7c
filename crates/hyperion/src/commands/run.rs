//! `hyperion run`

use std::time::Duration;

use clap::Subcommand;
use hyperion_api::ClientError;
use hyperion_api::list::List;
use hyperion_api::run::{Log, Run};

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::id::{IdArg, short};
use crate::list_args::{ArchivedArg, ListArgs};
use crate::output::FormatArgs;
use crate::output::style::wire_name;
use crate::output::visible::visible_text;
use crate::route::Route;
use crate::session::Session;
use crate::view;

/// How often it is looked whether there is more.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The most lines of the end that `--tail` takes.
const MAX_TAIL: i64 = 100_000;

/// See the work of agents and checks, and what they wrote
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(RunListArgs),
    Show(ShowArgs),
    Logs(LogsArgs),
}

/// List runs of agents and checks, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion run list --request 1a2b3c4d
  hyperion run list --status failed --since 1d --format json")]
struct RunListArgs {
    /// Only those of this request
    #[arg(long, value_name = "ID")]
    request: Option<IdArg>,
    /// Only those in this state, for instance running or failed
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    #[command(flatten)]
    archived: ArchivedArg,
    #[command(flatten)]
    list: ListArgs,
}

/// Show a run: what it works at, and how it ended
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion run show 1a2b3c4d")]
struct ShowArgs {
    /// The run
    id: IdArg,
    #[command(flatten)]
    format: FormatArgs,
}

/// Print what a run wrote, without secrets
///
/// With --follow it goes on until the run ends.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion run logs 1a2b3c4d
  hyperion run logs 1a2b3c4d --tail 50 --follow")]
struct LogsArgs {
    /// The run
    id: IdArg,
    /// Go on with what it writes until it ends
    #[arg(long, short)]
    follow: bool,
    /// Only its last lines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=MAX_TAIL))]
    tail: Option<u32>,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::List(args) => list(args, cx).await,
        Command::Show(args) => show(args, cx).await,
        Command::Logs(args) => logs(args, cx).await,
    }
}

async fn list(args: RunListArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let route = Route::new("/api/runs")
            .maybe("request", args.request.as_ref().map(IdArg::as_str))
            .maybe("status", args.status.as_deref().map(wire_name));
        let route = args.archived.ask(args.list.ask(route, cx));
        let runs: List<Run> = session.client().get(route.as_str()).await?;
        let now = cx.now();
        cx.output
            .list(args.list.format, &runs, "No runs.", |runs, width| {
                view::run::table(runs, now, width)
            })?;
        Ok(Exit::Done)
    })
    .await
}

async fn show(args: ShowArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let route = Route::new("/api/runs").segment(args.id.as_str());
        let run: Run = session.client().get(route.as_str()).await?;
        cx.output.show(args.format.format, &run, |run| {
            view::run::block(run, cx.zone())
        })?;
        Ok(Exit::Done)
    })
    .await
}

async fn logs(args: LogsArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let route = Route::new("/api/runs").segment(args.id.as_str()).segment("log");
        let mut from = None;
        loop {
            let piece = match (from, args.tail) {
                (None, Some(lines)) => route.clone().query("tail_lines", lines.to_string()),
                (from, _) => route.clone().query("from", from.unwrap_or(0).to_string()),
            };
            let log: Log = match session.client().get(piece.as_str()).await {
                // The engine left; another one, or the database itself, has what comes.
                Err(ClientError::Transport(_)) if args.follow => {
                    tokio::time::sleep(LOOK_EVERY).await;
                    session.reopen().await?;
                    continue;
                }
                answer => answer?,
            };
            write(cx, &log.text);
            from = log.next;
            if cx.output.is_closed() || (!log.more && (log.ended || !args.follow)) {
                return Ok(Exit::Done);
            }
            if !log.more {
                if !is_worked_on(session).await {
                    let id = short(args.id.as_str());
                    cx.output.say(&view::hint(&format!(
                        "no engine is at work, so run {id} stands still: `hyperion drain` carries the work on"
                    )));
                    return Ok(Exit::Waiting);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    })
    .await
}

/// A terminal is not steered by what a run wrote; a file or a program gets it as it is.
fn write(cx: &Cx, text: &str) {
    if cx.output.width().is_some() {
        cx.output.data(&visible_text(text));
    } else {
        cx.output.data(text);
    }
}

/// Whether there is an engine; one that is just leaving or coming is asked again.
async fn is_worked_on(session: &Session<'_>) -> bool {
    match session.health().await {
        Ok(health) => health.engine,
        Err(_) => true,
    }
}
