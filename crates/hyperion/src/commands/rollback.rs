//! `hyperion rollback`

use hyperion_api::request::{Because, Request};

use crate::complete;
use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::id::{IdArg, short};
use crate::output::FormatArgs;
use crate::route::Route;
use crate::several::{Shown, each, try_each};
use crate::wait::wait;

/// Roll back what landed, through the same queue and checks
///
/// Files a request whose change is the reverse of what landed. The id of a request rolls back all that it landed; the id of a change, a queue
/// entry or a commit rolls back that one landing only.
///
/// Nobody has to approve it a second time: if your role was enough to approve the landing, asking for the rollback approves it. With a lesser
/// role you cannot ask. Only a rollback that touches what guards the repository (hyperion.toml, CI, hooks, …) waits for an admin's
/// approval, like any other change.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion rollback 1a2b3c4d --wait
  hyperion rollback a008c07 9f8e7d6
  hyperion rollback 1a2b3c4d --reason \"breaks the nightly build\"")]
pub(crate) struct Args {
    /// Requests, or single landings: a change, a queue entry or a commit
    #[arg(value_name = "ID", required = true, add = complete::requests("completed,partly_landed"))]
    ids: Vec<IdArg>,
    /// Why, in one line
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Wait until it ends
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let format = args.format.format;
        let file = async |id: &IdArg| -> anyhow::Result<Request> {
            let route = Route::new("/api/requests")
                .segment(id.as_str())
                .segment("rollback")
                .query("source", "cli");
            let body = Because {
                reason: args.reason.clone(),
            };
            Ok(session.client().post(route.as_str(), &body).await?)
        };
        if !args.wait {
            let (_, exit) = each(&args.ids, format, cx, async |id| {
                let request = file(id).await?;
                cx.sets_going([request.id.clone()]);
                let short = short(&request.id);
                let text = format!(
                    "Request {short} rolls it back; hyperion request show {short} says how far it is."
                );
                Ok(Shown { value: request, text })
            })
            .await?;
            return Ok(exit);
        }
        let (filed, exit) = try_each(&args.ids, format, cx, file).await?;
        let filed: Vec<_> = filed.into_iter().map(|request| request.id).collect();
        let waited = wait(session, &filed, format).await?;
        Ok(Exit::of_several([exit, waited]))
    })
    .await
}
