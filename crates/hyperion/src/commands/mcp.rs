//! `hyperion mcp`

use std::path::PathBuf;

use clap::Subcommand;
use hyperion_api::Client;

use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;

mod install;
mod jsonc;
mod relay;

/// Serve tools to agents, by the Model Context Protocol
///
/// A server speaks over standard input and output, to the program that started it. It does nothing by itself: each call goes to the engine,
/// which judges it by the rules, does it and notes it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Filesystem(FilesystemArgs),
    Install(install::InstallArgs),
}

/// Serve the files of one folder: read, write, edit, list, search, delete
///
/// Nothing outside the folder is touched, no link is followed, and what the rules deny is refused. A file is changed only for a client that
/// gives the hash of what it read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion mcp filesystem --root .
  claude mcp add files -- hyperion mcp filesystem --root /path/to/project")]
struct FilesystemArgs {
    /// The folder
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::Filesystem(args) => filesystem(args, cx).await,
        Command::Install(args) => install::run(args, cx).await,
    }
}

async fn filesystem(args: FilesystemArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let root = cx.current_dir().join(&args.root);
    if !root.is_dir() {
        let what = format!("{} is not a folder", root.display());
        return Err(Failure::new(Exit::Usage, what)
            .hint("name the folder that the agent works in")
            .into());
    }
    let Some(root) = root.to_str() else {
        return Err(Failure::new(Exit::Usage, "the root's path is not UTF-8").into());
    };
    let (relay, calls) = relay::relay();
    let (root, version) = (root.to_owned(), env!("CARGO_PKG_VERSION"));
    let serving = tokio::spawn(async move {
        hyperion_mcp::serve_filesystem(Client::new(relay), &root, version).await
    });
    // Ends when the server does: it holds the other end.
    let answered = relay::answer(cx, calls).await;
    if answered.is_err() {
        serving.abort();
    }
    answered?;
    serving.await??;
    Ok(Exit::Done)
}
