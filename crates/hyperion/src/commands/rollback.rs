//! `hyperion rollback`

use hyperion_api::request::{Because, Request};

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::id::{IdArg, IdArgError, short};
use crate::output::FormatArgs;
use crate::route::Route;
use crate::wait::wait;

/// Take back what landed, through the same queue and checks
///
/// Files a request whose change is the reverse of what landed. The id of a request takes back all that it landed; that of a change, a queue
/// entry or a commit takes back that one landing alone.
///
/// About approval: asking for a rollback is the approval of it, where your role reaches what the landing asked for. With a lesser role
/// you cannot ask. A rollback that touches what guards the repository (hyperion.toml, CI, hooks, …) waits for an admin's approval
/// like any other change.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion rollback 1a2b3c4d --wait
  hyperion rollback 9f8e7d6c5b4a3f2e1d0c9b8a7f6e5d4c3b2a1f0e
  hyperion rollback 1a2b3c4d --reason \"breaks the nightly build\"")]
pub(crate) struct Args {
    /// The request, or one landing of it: a change, a queue entry or a commit
    #[arg(value_parser = landing)]
    id: String,
    /// Why, in one line
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// See it through
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let route = Route::new("/api/requests")
            .segment(&args.id)
            .segment("rollback")
            .query("source", "cli");
        let body = Because {
            reason: args.reason.clone(),
        };
        let request: Request = session.client().post(route.as_str(), &body).await?;
        if args.wait {
            return wait(
                session,
                std::slice::from_ref(&request.id),
                args.format.format,
            )
            .await;
        }
        cx.output.show(args.format.format, &request, |request| {
            let id = short(&request.id);
            format!("Request {id} takes it back; hyperion request show {id} says how far it is.")
        })?;
        Ok(Exit::Done)
    })
    .await
}

/// Takes an id, or a whole commit, which is longer.
fn landing(text: &str) -> Result<String, IdArgError> {
    let is_commit =
        matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_commit {
        return Ok(text.to_ascii_lowercase());
    }
    text.parse::<IdArg>().map(|id| id.as_str().to_owned())
}
