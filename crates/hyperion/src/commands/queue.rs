//! `hyperion queue`

use anyhow::Context as _;
use clap::Subcommand;
use hyperion_api::list::List;
use hyperion_api::queue::{Entry, EntryDetail, PauseQueue, QueueState};
use hyperion_api::repo::Repo;
use hyperion_api::request::Because;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::id::{IdArg, short};
use crate::list_args::{ArchivedArg, ListArgs};
use crate::output::style::{of_status, paint};
use crate::output::{Format, FormatArgs};
use crate::route::Route;
use crate::view;

/// See what is on its way to the branch, and take it up again
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(QueueListArgs),
    Show(ShowArgs),
    Retry(RetryArgs),
    Cancel(CancelArgs),
    Pause(PauseArgs),
    Resume(ResumeArgs),
    DeadLetters(DeadLettersArgs),
}

/// List entries of the merge queue
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion queue list
  hyperion queue list --status quarantined --repo web --format json")]
struct QueueListArgs {
    /// Only entries in this state, for instance queued, blocked or quarantined
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only entries of this repository
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    #[command(flatten)]
    archived: ArchivedArg,
    #[command(flatten)]
    list: ListArgs,
}

/// Show an entry, and why it did not land
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion queue show 1a2b3c4d")]
struct ShowArgs {
    /// The entry
    id: IdArg,
    #[command(flatten)]
    format: FormatArgs,
}

/// Take an entry up again that was put aside or given up
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion queue retry 1a2b3c4d")]
struct RetryArgs {
    /// The entry
    id: IdArg,
    #[command(flatten)]
    because: BecauseArgs,
}

/// Call an entry off
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion queue cancel 1a2b3c4d --reason superseded")]
struct CancelArgs {
    /// The entry
    id: IdArg,
    #[command(flatten)]
    because: BecauseArgs,
}

/// Stop the queue of a repository: nothing of it is begun or landed until it is resumed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion queue pause --repo web --reason 'release day'")]
struct PauseArgs {
    /// The repository, by name or path; the one of this folder when absent
    #[arg(long, value_name = "NAME", default_value = ".")]
    repo: String,
    #[command(flatten)]
    because: BecauseArgs,
}

/// Let the queue of a repository go on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion queue resume --repo web")]
struct ResumeArgs {
    /// The repository, by name or path; the one of this folder when absent
    #[arg(long, value_name = "NAME", default_value = ".")]
    repo: String,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, clap::Args)]
struct BecauseArgs {
    /// Why, in one line
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

/// List entries that were given up
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion queue dead-letters --since 1w")]
struct DeadLettersArgs {
    #[command(flatten)]
    list: ListArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::List(args) => list(args, cx).await,
        Command::Show(args) => show(args, cx).await,
        Command::Retry(args) => change(&args.id, "retry", args.because, cx).await,
        Command::Cancel(args) => change(&args.id, "cancel", args.because, cx).await,
        Command::Pause(PauseArgs { repo, because }) => {
            let BecauseArgs { reason, format } = because;
            stop_or_go("/api/queue/pause", repo, reason, format, cx).await
        }
        Command::Resume(ResumeArgs { repo, format }) => {
            stop_or_go("/api/queue/resume", repo, None, format, cx).await
        }
        Command::DeadLetters(args) => dead_letters(args, cx).await,
    }
}

async fn list(args: QueueListArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let route = Route::new("/api/queue")
            .maybe("status", args.status.as_deref())
            .maybe("repo", args.repo.as_deref());
        let filtered = args.status.is_some() || args.repo.is_some();
        let entries: List<Entry> = session
            .client()
            .get(args.archived.ask(args.list.ask(route, cx)).as_str())
            .await?;
        let paused: List<QueueState> = session.client().get("/api/queue/paused").await?;
        let shown = |state: &&QueueState| args.repo.as_ref().is_none_or(|name| *name == state.repo);
        let paused = paused.items.iter().filter(shown);
        let head: String = paused
            .map(|state| view::queue::state(state, cx.zone()))
            .collect();
        let now = cx.now();
        let empty = if filtered {
            "No entry fits."
        } else {
            "The queue is empty."
        };
        cx.output.list(
            args.list.format,
            &entries,
            &format!("{head}{empty}"),
            |entries, width| format!("{head}{}", view::queue::table(entries, now, width)),
        )?;
        if args.list.format == Format::Table {
            let repos: List<Repo> = session.client().get("/api/repos").await?;
            for (repo, line) in view::repo::not_pushed(&repos.items) {
                cx.output.say(&view::warning(&format!("{repo}: {line}")));
            }
        }
        Ok(Exit::Done)
    })
    .await
}

async fn show(args: ShowArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let route = Route::new("/api/queue").segment(args.id.as_str());
        let detail: EntryDetail = session.client().get(route.as_str()).await?;
        cx.output.show(args.format.format, &detail, |detail| {
            view::queue::block(detail, cx.zone())
        })?;
        Ok(Exit::Done)
    })
    .await
}

async fn change(id: &IdArg, verb: &str, because: BecauseArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let route = Route::new("/api/queue").segment(id.as_str()).segment(verb);
        let body = Because {
            reason: because.reason.clone(),
        };
        let entry: Entry = session.client().post(route.as_str(), &body).await?;
        cx.output.show(because.format.format, &entry, |entry| {
            format!(
                "Entry {} is {}.",
                short(&entry.id),
                paint(of_status(&entry.status), &entry.status)
            )
        })?;
        Ok(Exit::Done)
    })
    .await
}

async fn stop_or_go(
    route: &str,
    repo: String,
    reason: Option<String>,
    format: FormatArgs,
    cx: &Cx,
) -> anyhow::Result<Exit> {
    let here = std::env::current_dir().context("find the current folder")?;
    let body = PauseQueue {
        repo,
        dir: Some(here.display().to_string()),
        reason,
    };
    cx.with(Access::Change, async |session| {
        let state: QueueState = session.client().post(route, &body).await?;
        cx.output.show(format.format, &state, |state| {
            view::queue::state(state, cx.zone())
        })?;
        Ok(Exit::Done)
    })
    .await
}

async fn dead_letters(args: DeadLettersArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let route = args.list.ask(Route::new("/api/queue/dead-letters"), cx);
        let entries: List<Entry> = session.client().get(route.as_str()).await?;
        let now = cx.now();
        cx.output.list(
            args.list.format,
            &entries,
            "No dead letters.",
            |entries, width| view::queue::table(entries, now, width),
        )?;
        Ok(Exit::Done)
    })
    .await
}
