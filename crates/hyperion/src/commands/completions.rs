//! `hyperion completions`

use clap_complete::Shell;

use crate::complete;
use crate::context::Cx;
use crate::exit::Exit;

/// Write shell completions: commands, options, and ids with their titles
///
/// The shell then asks this program for what fits. It reads the home and starts nothing. Load the script anew when a shell starts, so that it
/// fits the program after an upgrade.
#[derive(Debug, Clone, Copy, clap::Args)]
#[command(after_help = "Examples:
  echo 'source <(hyperion completions bash)' >> ~/.bashrc
  echo 'source <(hyperion completions zsh)' >> ~/.zshrc
  echo 'hyperion completions fish | source' > ~/.config/fish/completions/hyperion.fish")]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    cx.output.data(&complete::script(args.shell)?);
    Ok(Exit::Done)
}
