//! `hyperion audit`

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use hyperion_api::audit::{Replay, Verification};
use hyperion_api::client::FeedItem;
use hyperion_api::event::Event;
use hyperion_api::{List, Problem};

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::list_args::ListArgs;
use crate::output::FormatArgs;
use crate::output::format::compact;
use crate::route::Route;
use crate::session::Session;
use crate::view;

/// Show, verify, replay and export the audit log
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Log(LogArgs),
    Verify(VerifyArgs),
    Replay(ReplayArgs),
    Export(ExportArgs),
}

/// Show what was done beside requests: tool calls, refusals, settings, backups
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion audit log --since 1h
  hyperion audit log --format jsonl")]
struct LogArgs {
    #[command(flatten)]
    list: ListArgs,
}

/// Check that nobody changed the log, and say what that cannot show
///
/// Exits 1 when the log does not hold, and when it holds but a landing is no longer on its branch, because somebody moved that.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion audit verify
  hyperion audit verify --format json")]
struct VerifyArgs {
    #[command(flatten)]
    format: FormatArgs,
}

/// Rebuild what landed and the queue from the log alone
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion audit replay")]
struct ReplayArgs {
    #[command(flatten)]
    format: FormatArgs,
}

/// Write every event as JSON lines
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion audit export --out audit.jsonl
  hyperion audit export --after 1000 | jq .kind")]
struct ExportArgs {
    /// The file to write; standard output when absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only what came after this event number
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: u64,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::Log(args) => log(args, cx).await,
        Command::Verify(args) => verify(args, cx).await,
        Command::Replay(args) => replay(args, cx).await,
        Command::Export(args) => export(args, cx).await,
    }
}

async fn log(args: LogArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let since = args.list.since(cx).map(|moment| moment.to_string());
        let route = Route::new("/api/events")
            .query("subject", "audit:home")
            .maybe("since", since);
        let mut feed = session.client().events(route.as_str()).await?;
        let mut records = VecDeque::new();
        while let Some(item) = feed.next().await? {
            if let FeedItem::Event(event) = item {
                if records.len() == args.list.limit as usize {
                    records.pop_front();
                }
                records.push_back(*event);
            }
        }
        let list = List::whole(records.into());
        cx.output.list(
            args.list.format,
            &list,
            "Nothing was recorded beside what requests did.",
            |records: &[Event], width| {
                let lines = records
                    .iter()
                    .map(|record| view::ledger::line(record, cx.zone(), width));
                lines.collect::<Vec<_>>().join("\n")
            },
        )?;
        Ok(Exit::Done)
    })
    .await
}

async fn verify(args: VerifyArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let found: Verification = session.client().get("/api/audit/verify").await?;
        cx.output
            .show(args.format.format, &found, view::audit::verification)?;
        // A branch that was moved is no fault of the log, but not what it says either.
        let fits = found.ok && found.landings_moved.is_empty();
        Ok(if fits { Exit::Done } else { Exit::Failed })
    })
    .await
}

async fn replay(args: ReplayArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let replay: Replay = session.client().get("/api/audit/replay").await?;
        cx.output.show(args.format.format, &replay, |replay| {
            view::audit::replay(replay, cx.now(), cx.zone(), cx.output.width())
        })?;
        Ok(if replay.same_as_database {
            Exit::Done
        } else {
            Exit::Failed
        })
    })
    .await
}

async fn export(args: ExportArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let Some(path) = &args.out else {
            pages(session, args.after, |line| {
                cx.output.data(line);
                Ok(!cx.output.is_closed())
            })
            .await?;
            return Ok(Exit::Done);
        };
        let path = cx.current_dir().join(path);
        let writing = || format!("write {}", path.display());
        let file = create(&path)?;
        let mut file = BufWriter::new(file);
        let events = pages(session, args.after, |line| {
            writeln!(file, "{line}").with_context(writing)?;
            Ok(true)
        })
        .await?;
        file.into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .with_context(writing)?;
        cx.output
            .say(&format!("Wrote {events} events to {}.", path.display()));
        Ok(Exit::Done)
    })
    .await
}

/// Creates a file, never over one that exists: an audit log is not to be lost to a typing mistake.
fn create(path: &Path) -> anyhow::Result<File> {
    File::create_new(path).map_err(|error| {
        if error.kind() != std::io::ErrorKind::AlreadyExists {
            return anyhow::Error::new(error).context(format!("write {}", path.display()));
        }
        let what = format!("{} exists already, and was not overwritten", path.display());
        let problem = Problem::new("file.exists", what);
        Failure::of_problem(
            &problem.hint("give another file with --out, or remove that one"),
            |_| None,
        )
        .into()
    })
}

/// Reads the log page by page, so that its length does not matter.
async fn pages(
    session: &Session<'_>,
    mut after: u64,
    mut write: impl FnMut(&str) -> anyhow::Result<bool>,
) -> anyhow::Result<u64> {
    let mut events = 0;
    loop {
        let route = Route::new("/api/events")
            .query("follow", "false")
            .query("after", after.to_string())
            .query("limit", hyperion_api::list::MAX_LIMIT.to_string());
        let mut feed = session.client().events(route.as_str()).await?;
        let mut read = 0;
        while let Some(item) = feed.next().await? {
            let FeedItem::Event(event) = item else {
                continue;
            };
            after = after.max(event.seq);
            read += 1;
            if !write(&compact(&event)?)? {
                return Ok(events + read);
            }
        }
        events += read;
        if read == 0 {
            return Ok(events);
        }
    }
}
