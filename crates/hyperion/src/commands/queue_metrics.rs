//! `hyperion queue-metrics`

use hyperion_api::queue::Metrics;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::output::FormatArgs;
use crate::{standing, view};

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
        let format = args.format.format;
        let mut metrics: Metrics = session.client().get("/api/queue/metrics").await?;
        let interrupted = standing::stand(session, format, &mut metrics).await;
        cx.output.show(format, &metrics, |metrics| {
            view::queue::metrics(metrics, cx.zone())
        })?;
        standing::tell(cx, interrupted);
        Ok(Exit::Done)
    })
    .await
}
