//! `hyperion whoami`

use hyperion_api::user::Me;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::output::FormatArgs;
use crate::view;

/// Say who you are to this home, and what you may do
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion whoami
  hyperion whoami --format json")]
pub(crate) struct Args {
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let me: Me = session.client().get("/api/me").await?;
        cx.output.show(args.format.format, &me, view::user::me)?;
        Ok(Exit::Done)
    })
    .await
}
