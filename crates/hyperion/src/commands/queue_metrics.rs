//! `hyperion queue-metrics`

use hyperion_api::queue::Metrics;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::output::FormatArgs;
use crate::view;

/// Show the merge queue in figures
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion queue-metrics
  hyperion queue-metrics --format json")]
pub(crate) struct Args {
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let metrics: Metrics = session.client().get("/api/queue/metrics").await?;
        cx.output.show(args.format.format, &metrics, |metrics| {
            view::queue::metrics(metrics, cx.zone())
        })?;
        Ok(Exit::Done)
    })
    .await
}
