//! `hyperion hook install`: the settings that make an agent call its hook.

use std::path::PathBuf;

use super::Agent;
use crate::context::Cx;
use crate::exit::Exit;

/// Print the settings that make an agent call its hook, and say where they belong
///
/// Nothing is written: the file may have other settings, and what an agent runs is for its person to say.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion hook install claude-code --print
  hyperion hook install opencode --print > .opencode/plugins/hyperion.js")]
pub(super) struct InstallArgs {
    /// The agent
    #[arg(value_enum)]
    agent: Agent,
    /// The folder that the agent works in; the current one if not given
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
    /// Print the settings; there is no other way to install them yet
    #[arg(long)]
    print: bool,
}

pub(super) fn run(args: &InstallArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let folder = match &args.project {
        Some(folder) => cx.current_dir().join(folder),
        None => cx.current_dir().to_path_buf(),
    };
    let snippet = args.agent.adapter().settings("hyperion");
    let file = folder.join(snippet.file);
    cx.output.data(&snippet.text);
    let verb = if file.exists() {
        "Add this to"
    } else {
        "Write this to"
    };
    cx.output.progress(&format!(
        "{verb} {}, and start the agent again.",
        file.display()
    ));
    Ok(Exit::Done)
}
