//! `hyperion run`

use clap::Subcommand;
use hyperion_api::list::List;
use hyperion_api::run::Run;
use hyperion_model::run::Status;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::id::IdArg;
use crate::list_args::{ArchivedArg, ListArgs};
use crate::output::FormatArgs;
use crate::output::style::wire_name;
use crate::route::Route;
use crate::several::{Shown, each};
use crate::{complete, view};

mod logs;

/// See what agents, checks and commands do and wrote, and end it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(RunListArgs),
    Show(ShowArgs),
    Logs(logs::Args),
    Stop(StopArgs),
    Pause(PauseArgs),
    Resume(ResumeArgs),
}

/// List runs of agents, checks and commands, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion run list --request 1a2b3c4d
  hyperion run list --status failed --since 1d --format json")]
struct RunListArgs {
    /// Only those of this request
    #[arg(long, value_name = "ID", add = complete::requests(""))]
    request: Option<IdArg>,
    /// Only those in this state, for instance running or failed
    #[arg(long, value_name = "STATUS", add = complete::states(Status::ALL.iter().map(|status| status.name())))]
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
    #[arg(add = complete::runs(false))]
    id: IdArg,
    #[command(flatten)]
    format: FormatArgs,
}

/// End runs, and all that they started
///
/// They get SIGTERM, and those still there after their time of grace are killed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion run stop 1a2b3c4d
  hyperion run stop 1a2b3c4d 5e6f7a8b --format json")]
struct StopArgs {
    #[command(flatten)]
    runs: RunsArgs,
}

/// Have runs stand still until they are resumed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion run pause 1a2b3c4d")]
struct PauseArgs {
    #[command(flatten)]
    runs: RunsArgs,
}

/// Have paused runs go on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion run resume 1a2b3c4d")]
struct ResumeArgs {
    #[command(flatten)]
    runs: RunsArgs,
}

#[derive(Debug, clap::Args)]
struct RunsArgs {
    /// The runs
    #[arg(required = true, value_name = "ID", add = complete::runs(true))]
    ids: Vec<IdArg>,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::List(args) => list(args, cx).await,
        Command::Show(args) => show(args, cx).await,
        Command::Logs(args) => logs::run(args, cx).await,
        Command::Stop(args) => steer(args.runs, "stop", cx).await,
        Command::Pause(args) => steer(args.runs, "pause", cx).await,
        Command::Resume(args) => steer(args.runs, "resume", cx).await,
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

/// Asks the same of several runs, and says of each how it stands.
async fn steer(args: RunsArgs, verb: &str, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let (_, exit) = each(&args.ids, args.format.format, cx, async |id| {
            let route = Route::new("/api/runs").segment(id.as_str()).segment(verb);
            let run: Run = session.client().post(route.as_str(), &()).await?;
            Ok(Shown {
                text: view::run::line(&run),
                value: run,
            })
        })
        .await?;
        Ok(exit)
    })
    .await
}
