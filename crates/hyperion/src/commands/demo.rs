//! `hyperion demo`

use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;

/// See the whole road on a copy of a repository
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion demo")]
pub(crate) struct Args {}

pub(crate) async fn run(_args: Args, _cx: &Cx) -> anyhow::Result<Exit> {
    Err(Failure::new(Exit::Failed, "the demo is not built yet").into())
}
