//! `hyperion doctor`

use hyperion_api::doctor::{Health, Report};

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::output::FormatArgs;
use crate::view;

/// Check that all is well: store, key, git, repositories, disk
///
/// Exits 1 when something keeps work from going on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion doctor
  hyperion doctor --format json")]
pub(crate) struct Args {
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let report: Report = session.client().get("/api/doctor").await?;
        cx.output
            .show(args.format.format, &report, view::doctor::report)?;
        let sick = report
            .findings
            .iter()
            .any(|finding| finding.health == Health::Error);
        Ok(if sick { Exit::Failed } else { Exit::Done })
    })
    .await
}
