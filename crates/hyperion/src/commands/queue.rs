//! `hyperion queue`

use std::collections::BTreeMap;

use anyhow::Context as _;
use clap::Subcommand;
use hyperion_api::list::List;
use hyperion_api::queue::{Entry, EntryDetail, PauseQueue, QueueState};
use hyperion_api::repo::Repo;
use hyperion_api::request::Because;
use hyperion_model::entry::Status;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::id::{IdArg, short};
use crate::list_args::{ArchivedArg, ListArgs, RepoArg, RequestArg, Words};
use crate::output::style::{state, wire_name};
use crate::output::{Format, FormatArgs};
use crate::route::Route;
use crate::session::Session;
use crate::several::{Shown, each, try_each};
use crate::wait::wait;
use crate::{complete, standing, view};

/// See what is in the merge queue, retry it or cancel it
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

/// List entries of the merge queue, by default those on their way
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion queue list
  hyperion queue list --all --since 1d
  hyperion queue list --status quarantined --repo web --format json")]
struct QueueListArgs {
    /// Also those that landed, were put aside or ended otherwise
    #[arg(long, conflicts_with = "status")]
    all: bool,
    /// Only entries in this state, for instance queued, blocked or quarantined
    #[arg(long, value_name = "STATUS", add = complete::states(Status::ALL.iter().map(|status| status.name())))]
    status: Option<String>,
    #[command(flatten)]
    repo: RepoArg,
    #[command(flatten)]
    request: RequestArg,
    #[command(flatten)]
    archived: ArchivedArg,
    #[command(flatten)]
    list: ListArgs,
}

/// Show an entry, and why it did not land
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion queue show 1a2b3c4d
  hyperion queue show a008c07")]
struct ShowArgs {
    /// Entries, or what belongs to one: a request, a change, a commit
    #[arg(value_name = "ID", required = true, add = complete::entries(""))]
    ids: Vec<IdArg>,
    #[command(flatten)]
    format: FormatArgs,
}

/// Retry entries that are quarantined, dead, blocked or failed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion queue retry 1a2b3c4d
  hyperion queue retry 1a2b3c4d --wait
  hyperion queue retry 1a2b3c4d 5e6f7a8b")]
struct RetryArgs {
    /// The entries
    #[arg(value_name = "ID", required = true, add = complete::entries("quarantined,dead,failed,blocked"))]
    ids: Vec<IdArg>,
    /// See the requests through afterwards
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    because: BecauseArgs,
}

/// Cancel entries
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion queue cancel 1a2b3c4d --reason superseded")]
struct CancelArgs {
    /// The entries
    #[arg(value_name = "ID", required = true, add = complete::entries("queued,leased,merging,checking,ready,blocked,quarantined,dead,failed"))]
    ids: Vec<IdArg>,
    #[command(flatten)]
    because: BecauseArgs,
}

/// Stop the queue of a repository: nothing of it lands until it is resumed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion queue pause --repo web --reason 'release day'")]
struct PauseArgs {
    /// The repository, by name or path; the one of this folder when absent
    #[arg(long, value_name = "NAME", default_value = ".", add = complete::repos())]
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
    #[arg(long, value_name = "NAME", default_value = ".", add = complete::repos())]
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

/// List dead letters: entries that need a person to go on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion queue dead-letters --since 1w")]
struct DeadLettersArgs {
    #[command(flatten)]
    repo: RepoArg,
    #[command(flatten)]
    request: RequestArg,
    #[command(flatten)]
    list: ListArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::List(args) => list(args, cx).await,
        Command::Show(args) => show(args, cx).await,
        Command::Retry(args) => change(&args.ids, "retry", args.because, args.wait, cx).await,
        Command::Cancel(args) => change(&args.ids, "cancel", args.because, false, cx).await,
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
        let on_their_way = args.status.is_none() && !args.all;
        let route = Route::new("/api/queue")
            .maybe("status", args.status.as_deref().map(wire_name))
            .maybe("open", on_their_way.then_some("true"));
        let route = args.request.ask(args.repo.ask(args.archived.ask(route)));
        let narrowed =
            args.status.is_some() || args.repo.repo.is_some() || args.request.request.is_some();
        let left_out = match (on_their_way, args.list.format) {
            (true, Format::Table) => left_out(session, narrowed).await?,
            (true | false, _) => None,
        };
        let words = Words {
            nothing: match (narrowed, on_their_way) {
                (true, _) => "No entry fits.",
                (false, true) => "Nothing is on its way.",
                (false, false) => "The queue is empty.",
            },
            left_out: left_out.as_deref(),
            next: "hyperion queue show ID",
        };
        if args.list.format == Format::Table {
            tell_paused(session, args.repo.repo.as_deref()).await?;
        }
        let exit = entries(session, &args.list, route, words).await?;
        if args.list.format == Format::Table {
            let repos: List<Repo> = session.client().get("/api/repos").await?;
            for (repo, line) in view::repo::not_pushed(&repos.items) {
                cx.output.say(&view::warning(&format!("{repo}: {line}")));
            }
        }
        Ok(exit)
    })
    .await
}

/// Says what a list of what is on its way leaves out; of the whole queue with how many.
async fn left_out(session: &Session<'_>, narrowed: bool) -> anyhow::Result<Option<String>> {
    if narrowed {
        return Ok(Some("Not shown: what ended (--all).".to_owned()));
    }
    let counts: BTreeMap<String, u64> = session.client().get("/api/queue/counts").await?;
    let closed = Status::ALL.iter().filter(|status| !status.is_open());
    let ended = closed.filter_map(|status| Some((status, counts.get(status.name())?)));
    let ended: Vec<_> = ended
        .map(|(status, number)| format!("{number} {}", status.name()))
        .collect();
    Ok((!ended.is_empty()).then(|| format!("Not shown: {} (--all).", ended.join(", "))))
}

async fn entries(
    session: &Session<'_>,
    args: &ListArgs,
    route: Route,
    words: Words<'_>,
) -> anyhow::Result<Exit> {
    let cx = session.cx();
    let mut entries: List<Entry> = session.client().get(args.ask(route, cx).as_str()).await?;
    let interrupted = standing::stand(session, args.format, &mut entries.items[..]).await;
    let now = cx.now();
    args.show(cx, &entries, words, |entries, width| {
        view::queue::table(entries, now, width)
    })?;
    standing::tell(cx, interrupted);
    Ok(Exit::Done)
}

async fn show(args: ShowArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let format = args.format.format;
        let mut interrupted = false;
        let (_, exit) = each(&args.ids, format, cx, async |id| {
            let route = Route::new("/api/queue").segment(id.as_str());
            let mut detail: EntryDetail = session.client().get(route.as_str()).await?;
            interrupted |= standing::stand(session, format, &mut detail).await;
            let text = view::queue::block(&detail, cx.zone());
            Ok(Shown {
                value: detail,
                text,
            })
        })
        .await?;
        standing::tell(cx, interrupted);
        Ok(exit)
    })
    .await
}

async fn change(
    ids: &[IdArg],
    verb: &str,
    because: BecauseArgs,
    waits: bool,
    cx: &Cx,
) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let format = because.format.format;
        let change = async |id: &IdArg| -> anyhow::Result<Shown<Entry>> {
            let route = Route::new("/api/queue").segment(id.as_str()).segment(verb);
            let body = Because {
                reason: because.reason.clone(),
            };
            let entry: Entry = session.client().post(route.as_str(), &body).await?;
            let status = state(&entry.status);
            let text = format!("Entry {} is {status}.", short(&entry.id));
            Ok(Shown { value: entry, text })
        };
        let requests_of = |entries: &[Entry]| {
            let mut requests: Vec<String> = Vec::new();
            for entry in entries {
                if !requests.contains(&entry.request_id) {
                    requests.push(entry.request_id.clone());
                }
            }
            requests
        };
        if waits {
            let (changed, exit) = try_each(ids, format, cx, change).await?;
            let mut entries = Vec::new();
            for Shown { value, text } in changed {
                cx.output.progress(&text);
                entries.push(value);
            }
            let waited = wait(session, &requests_of(&entries), format).await?;
            return Ok(Exit::of_several([exit, waited]));
        }
        let (entries, exit) = each(ids, format, cx, change).await?;
        if verb == "retry" {
            let requests = requests_of(&entries);
            cx.sets_going(requests.clone());
            if format == Format::Table {
                for request in &requests {
                    cx.output.progress(&view::request::how_far(request));
                }
            }
        }
        Ok(exit)
    })
    .await
}

/// Says which queues a person stopped.
async fn tell_paused(session: &Session<'_>, only: Option<&str>) -> anyhow::Result<()> {
    let cx = session.cx();
    let paused: List<QueueState> = session.client().get("/api/queue/paused").await?;
    for state in &paused.items {
        if only.is_none_or(|name| name == state.repo) {
            cx.output.say(&view::queue::state(state, cx.zone()));
        }
    }
    Ok(())
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
        let route = args
            .request
            .ask(args.repo.ask(Route::new("/api/queue/dead-letters")));
        let words = Words {
            nothing: "No dead letters.",
            next: "hyperion queue retry ID",
            ..Words::default()
        };
        entries(session, &args.list, route, words).await
    })
    .await
}
