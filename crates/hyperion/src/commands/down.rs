//! `hyperion down`

use crate::background::dismiss;
use crate::connection::refuse_confined;
use crate::context::Cx;
use crate::exit::Exit;
use crate::view;

/// End the engine in the background
///
/// Commands start it when they need it, and it leaves by itself when nobody does. What it was doing is kept, and the next engine carries it
/// on: checks that were running begin again. An engine in the foreground, that of `hyperion up`, is ended with Ctrl-C in its terminal.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion down")]
pub(crate) struct Args {}

pub(crate) async fn run(_args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let locations = cx.locations()?;
    let (loaded, wrong) = cx.usable_settings()?;
    if let Some(wrong) = wrong {
        // Ending the engine depends on no setting but where it may not be done.
        cx.output.say(&view::warning(&wrong.in_full()));
    }
    refuse_confined(&loaded.settings)?;
    match dismiss(&locations).await? {
        Some(pid) => cx.output.say(&format!(
            "The engine, process {pid}, has ended. What was begun is kept; the next command that changes something carries it on."
        )),
        None => cx.output.say("No engine is up."),
    }
    Ok(Exit::Done)
}
