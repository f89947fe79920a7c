//! `hyperion policy`

use clap::Subcommand;
use hyperion_api::policy::Policy;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::output::FormatArgs;
use crate::route::Route;
use crate::view;

/// See the rules that decide what may land
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(ShowArgs),
}

/// Show the rules in force, for this machine or one repository
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion policy show
  hyperion policy show --repo web --format json")]
struct ShowArgs {
    /// With what this repository's hyperion.toml adds
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let Command::Show(args) = args.command;
    cx.with(Access::Read, async |session| {
        let route = Route::new("/api/policy").maybe("repo", args.repo.as_deref());
        let policy: Policy = session.client().get(route.as_str()).await?;
        cx.output
            .show(args.format.format, &policy, view::policy::block)?;
        Ok(Exit::Done)
    })
    .await
}
