//! `hyperion completions`

use clap_complete::Shell;

use crate::cli::definition;
use crate::context::Cx;
use crate::exit::Exit;

/// Write shell completions
#[derive(Debug, Clone, Copy, clap::Args)]
#[command(after_help = "Examples:
  hyperion completions bash > ~/.local/share/bash-completion/completions/hyperion
  hyperion completions fish > ~/.config/fish/completions/hyperion.fish")]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut definition(), "hyperion", &mut script);
    cx.output.data(&String::from_utf8(script)?);
    Ok(Exit::Done)
}
