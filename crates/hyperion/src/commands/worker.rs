//! `hyperion worker`

use clap::Subcommand;
use hyperion_api::list::List;
use hyperion_api::queue::LogRecord;

use crate::complete;
use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::id::IdArg;
use crate::list_args::ListArgs;
use crate::route::Route;
use crate::view;

/// See what the queue's workers did
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Logs(LogsArgs),
}

/// Show the workers' log: stages, outcomes, latencies
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion worker logs --since 1h
  hyperion worker logs --entry 1a2b3c4d --format jsonl")]
struct LogsArgs {
    /// Only of this queue entry
    #[arg(long, value_name = "ID", add = complete::entries(""))]
    entry: Option<IdArg>,
    #[command(flatten)]
    list: ListArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let Command::Logs(args) = args.command;
    cx.with(Access::Read, async |session| {
        let route = Route::new("/api/queue");
        let route = match &args.entry {
            Some(entry) => route.segment(entry.as_str()),
            None => route,
        };
        let route = route
            .segment("logs")
            .query("limit", args.list.limit.to_string());
        let mut records: List<LogRecord> = session.client().get(route.as_str()).await?;
        args.list
            .keep(&mut records.items, cx, |record| &record.time);
        cx.output.list(
            args.list.format,
            &records,
            "The workers did nothing yet.",
            |records, width| view::queue::log_table(records, cx.zone(), width),
        )?;
        Ok(Exit::Done)
    })
    .await
}
