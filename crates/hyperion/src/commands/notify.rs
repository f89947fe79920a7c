//! `hyperion notify`

use clap::Subcommand;
use hyperion_api::notify::Tries;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::FormatArgs;
use crate::output::visible::visible;

/// Try whether what waits for you reaches you
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Test(TestArgs),
}

/// Send a message by every channel that is set up
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion config set notify.desktop true
  hyperion config set notify.webhook_url https://example.org/hook
  hyperion notify test")]
struct TestArgs {
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let Command::Test(args) = args.command;
    cx.with(Access::Read, async |session| {
        let tried: Tries = session.client().post("/api/notify/test", &()).await?;
        if tried.tries.is_empty() {
            return Err(Failure::usage("nothing is set up to tell you anything")
                .hint("set `notify.desktop` to true, or `notify.webhook_url` to an address")
                .into());
        }
        cx.output.show(args.format.format, &tried, |tried| {
            let lines = tried.tries.iter().map(|one| match &one.trouble {
                None => format!("{}: sent", one.channel),
                Some(why) => format!("{}: {}", one.channel, visible(why)),
            });
            lines.collect::<Vec<_>>().join("\n")
        })?;
        let arrived = tried.tries.iter().all(|one| one.trouble.is_none());
        Ok(if arrived { Exit::Done } else { Exit::Failed })
    })
    .await
}
