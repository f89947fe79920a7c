//! `hyperion file-modifications`

use clap::Subcommand;
use hyperion_api::file_modification::FileModification;
use hyperion_api::list::List;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::id::IdArg;
use crate::list_args::{ListArgs, RepoArg};
use crate::route::Route;
use crate::view;

/// See which files changed, and by which run
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(FilesListArgs),
}

/// List files that changed, newest first
///
/// They are noted while an engine is up (`files.watch`), and once more when a run has ended. A run is named where it was the only one at
/// work there. Files that git ignores are left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion file-modifications list --since 1h
  hyperion file-modifications list --run 1a2b3c4d --format json")]
struct FilesListArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// Only what this run changed
    #[arg(long, value_name = "ID")]
    run: Option<IdArg>,
    #[command(flatten)]
    list: ListArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let Command::List(args) = args.command;
    cx.with(Access::Read, async |session| {
        let route = Route::new("/api/file-modifications")
            .maybe("run", args.run.as_ref().map(IdArg::as_str));
        let route = args.list.ask(args.repo.ask(route), cx);
        let found: List<FileModification> = session.client().get(route.as_str()).await?;
        let now = cx.now();
        cx.output.list(
            args.list.format,
            &found,
            "No file is known to have changed.",
            |found, width| view::file_modification::table(found, now, width),
        )?;
        Ok(Exit::Done)
    })
    .await
}
