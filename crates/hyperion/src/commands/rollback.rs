//! `hyperion rollback`

use hyperion_api::request::{Because, Request};

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::id::{IdArg, short};
use crate::output::FormatArgs;
use crate::route::Route;
use crate::wait::wait;

/// Take back what landed, through the same queue and checks
///
/// Files a request that reverts the landings. It asks for the same approval that the landings needed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion rollback 1a2b3c4d --wait
  hyperion rollback 1a2b3c4d --reason \"breaks the nightly build\"")]
pub(crate) struct Args {
    /// The request, or one of its changes or queue entries
    id: IdArg,
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
            .segment(args.id.as_str())
            .segment("rollback");
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
