//! `hyperion history`

use hyperion_api::audit::Landing;
use hyperion_api::list::List;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::list_args::{ArchivedArg, ListArgs};
use crate::route::Route;
use crate::view;

/// List what landed, who asked and who approved, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion history --since 1w
  hyperion history --repo web --format jsonl")]
pub(crate) struct Args {
    /// Only landings in this repository
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    #[command(flatten)]
    archived: ArchivedArg,
    #[command(flatten)]
    list: ListArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let route = Route::new("/api/history").maybe("repo", args.repo.as_deref());
        let landings: List<Landing> = session
            .client()
            .get(args.archived.ask(args.list.ask(route, cx)).as_str())
            .await?;
        cx.output.list(
            args.list.format,
            &landings,
            "Nothing landed yet.",
            |landings, width| view::audit::landings(landings, cx.zone(), width),
        )?;
        Ok(Exit::Done)
    })
    .await
}
