//! `hyperion history`

use hyperion_api::audit::Landing;
use hyperion_api::list::List;

use crate::complete;
use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::id::IdArg;
use crate::list_args::{ArchivedArg, ListArgs, RepoArg, RequestArg, Words};
use crate::route::Route;
use crate::view;

/// List what landed, who asked and who approved, newest first
///
/// With an id it tells of the landings that belong to it: of a commit, a request, a change, an approval or a queue entry.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion history --since 1w
  hyperion history a008c07
  hyperion history --repo web --format jsonl")]
pub(crate) struct Args {
    /// Only the landings that belong to this: a commit, a request, a change, an entry
    #[arg(value_name = "ID", conflicts_with_all = ["repo", "request", "archived", "since"],
          add = complete::requests("completed,partly_landed,rolled_back"))]
    id: Option<IdArg>,
    #[command(flatten)]
    repo: RepoArg,
    #[command(flatten)]
    request: RequestArg,
    #[command(flatten)]
    archived: ArchivedArg,
    #[command(flatten)]
    list: ListArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let route = Route::new("/api/history");
        let route = match &args.id {
            Some(id) => route.segment(id.as_str()),
            None => args.list.ask(
                args.archived.ask(args.request.ask(args.repo.ask(route))),
                cx,
            ),
        };
        let landings: List<Landing> = session.client().get(route.as_str()).await?;
        let words = Words {
            nothing: match args.id {
                Some(_) => "Nothing of it landed.",
                None => "Nothing landed yet.",
            },
            next: "hyperion rollback COMMIT",
            ..Words::default()
        };
        args.list.show(cx, &landings, words, |landings, width| {
            view::audit::landings(landings, cx.now(), cx.zone(), width)
        })?;
        Ok(Exit::Done)
    })
    .await
}
