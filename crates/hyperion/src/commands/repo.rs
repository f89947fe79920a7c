//! `hyperion repo`

mod change;
mod trial;

use std::path::PathBuf;

use clap::Subcommand;
use hyperion_api::list::List;
use hyperion_api::repo::{RegisterRepo, Repo};

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::list_args::ListArgs;
use crate::output::{Format, FormatArgs};
use crate::route::Route;
use crate::session::Session;
use crate::view;

/// See and change the repositories that work lands in
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(RepoListArgs),
    Show(change::ShowArgs),
    Add(AddArgs),
    Set(change::SetArgs),
    Push(change::PushArgs),
    Rename(change::RenameArgs),
    Move(change::MoveArgs),
    AllowCheck(change::AllowCheckArgs),
    TryChecks(trial::TryChecksArgs),
    Forget(change::ForgetArgs),
}

/// List repositories
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion repo list
  hyperion repo list --all --format json")]
struct RepoListArgs {
    /// Also those that were forgotten
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    list: ListArgs,
}

/// Register a repository
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion repo add ~/src/web --name web --branch main")]
struct AddArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    format: FormatArgs,
}

/// Which repository, and under what name; `init` takes the same.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Which {
    /// The repository's folder; this one when absent
    #[arg(value_name = "PATH")]
    pub(super) path: Option<PathBuf>,
    /// Its name here; the folder's name when absent
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// The branch work lands on; the one checked out when absent
    #[arg(long, value_name = "BRANCH")]
    pub(super) branch: Option<String>,
    /// Do not run its checks once in their sandbox, to see what they need; without a terminal none are run
    #[arg(long)]
    no_try: bool,
}

impl Which {
    /// Registers the repository with the engine.
    pub(super) async fn register(&self, session: &Session<'_>) -> anyhow::Result<Repo> {
        let path = session
            .cx()
            .current_dir()
            .join(self.path.as_deref().unwrap_or_else(|| "".as_ref()));
        let Some(path) = path.to_str() else {
            return Err(Failure::usage(format!("{} is not UTF-8", path.display())).into());
        };
        let body = RegisterRepo {
            path: path.to_owned(),
            name: self.name.clone(),
            branch: self.branch.clone(),
        };
        Ok(session.client().post("/api/repos", &body).await?)
    }

    /// Tries the checks of the repository and says what came of it. Whoever scripts this did not ask for anything to be run.
    pub(super) async fn try_checks(&self, session: &Session<'_>, repo: &Repo) {
        if !self.no_try && session.cx().output.width().is_some() {
            trial::try_and_say(session, repo).await;
        }
    }
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::List(args) => list(args, cx).await,
        Command::Show(args) => change::show(args, cx).await,
        Command::Add(args) => add(args, cx).await,
        Command::Set(args) => change::set(args, cx).await,
        Command::Push(args) => change::push(args, cx).await,
        Command::Rename(args) => change::rename(args, cx).await,
        Command::Move(args) => change::relocate(args, cx).await,
        Command::AllowCheck(args) => change::allow_check(args, cx).await,
        Command::TryChecks(args) => trial::run(args, cx).await,
        Command::Forget(args) => change::forget(args, cx).await,
    }
}

async fn list(args: RepoListArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let route = Route::new("/api/repos").maybe("all", args.all.then_some("true"));
        let mut repos: List<Repo> = session.client().get(route.as_str()).await?;
        args.list
            .keep(&mut repos.items, cx, |repo| &repo.registered_at);
        let nothing = "No repositories yet: run `hyperion init` in one to register it.";
        cx.output
            .list(args.list.format, &repos, nothing, view::repo::table)?;
        Ok(Exit::Done)
    })
    .await
}

async fn add(args: AddArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let repo = args.which.register(session).await?;
        cx.output
            .show(args.format.format, &repo, view::repo::block)?;
        if args.format.format == Format::Table {
            args.which.try_checks(session, &repo).await;
        }
        Ok(Exit::Done)
    })
    .await
}
