//! `hyperion mcp`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use hyperion_api::Client;
use hyperion_api::tool::{self, OpenSession};
use hyperion_mcp::Server;
use tokio::signal::unix::{SignalKind, signal};

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
    Git(GitArgs),
    Control(ControlArgs),
    TestRunner(TestRunnerArgs),
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
#[group(required = true, multiple = false)]
struct FilesystemArgs {
    /// The folder
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The files of an agent's clone
    #[arg(long, value_name = "ID")]
    clone: Option<String>,
}

/// Serve git in a clone of a repository: branches, commits, and handing them in
///
/// Hyperion makes the clone, below its cache folder; `status` tells where. An agent works there on agent/ branches. A push hands a branch in: it
/// becomes a request, which lands once it is approved and checked. Nothing that did not land ever shows in the repository itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion mcp git --repo .
  hyperion mcp git --clone 0192f3a4-5b6c-7d8e-9f01-23456789abcd")]
#[group(required = true, multiple = false)]
struct GitArgs {
    /// A folder of the repository: a clone of it is made
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
    /// Go on in a clone that was made before
    #[arg(long, value_name = "ID")]
    clone: Option<String>,
}

/// Serve the state of requests: plans, queue, approvals; and propose a branch
///
/// Nothing is decided through it: approvals are for people.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion mcp control --repo .
  hyperion mcp control --clone 0192f3a4-5b6c-7d8e-9f01-23456789abcd")]
#[group(required = true, multiple = false)]
struct ControlArgs {
    /// A folder of the repository
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
    /// An agent's clone of the repository
    #[arg(long, value_name = "ID")]
    clone: Option<String>,
}

/// Serve the tools of the project in one folder: types, lint, tests, build, format
///
/// Tool chains are found by the files at the top of the folder: Cargo, npm, pnpm, yarn and bun, Python, Go, Maven, Gradle, make. What they run
/// may do anything that you may, so it is noted before; it ends after 5 minutes, and with the call.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion mcp test-runner --root .
  claude mcp add tests -- hyperion mcp test-runner --root /path/to/project")]
#[group(required = true, multiple = false)]
struct TestRunnerArgs {
    /// The folder
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The files of an agent's clone
    #[arg(long, value_name = "ID")]
    clone: Option<String>,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let (server, clone, named, bound_to): (_, _, _, fn(String) -> OpenSession) = match args.command
    {
        Command::Filesystem(FilesystemArgs { root, clone }) => {
            ("filesystem", clone, root, OpenSession::Root)
        }
        Command::Git(GitArgs { repo, clone }) => ("git", clone, repo, OpenSession::CloneOf),
        Command::Control(ControlArgs { repo, clone }) => {
            ("control", clone, repo, OpenSession::Repo)
        }
        Command::TestRunner(TestRunnerArgs { root, clone }) => {
            ("test-runner", clone, root, OpenSession::Root)
        }
        Command::Install(args) => return install::run(args, cx).await,
    };
    let bound_to = match clone {
        Some(clone) => OpenSession::Clone(clone),
        // One of the two is given: clap sees to it.
        None => bound_to(folder(cx, &named.unwrap_or_default())?),
    };
    serve(server, bound_to, cx).await
}

/// Names a folder from `/` on.
fn folder(cx: &Cx, named: &Path) -> anyhow::Result<String> {
    let folder = cx.current_dir().join(named);
    if !folder.is_dir() {
        let what = format!("{} is not a folder", folder.display());
        return Err(Failure::new(Exit::Usage, what)
            .hint("name the folder that the agent works in")
            .into());
    }
    match folder.to_str() {
        Some(folder) => Ok(folder.to_owned()),
        None => Err(Failure::new(Exit::Usage, "the folder's path is not UTF-8").into()),
    }
}

/// Serves one of the API's servers over standard input and output.
async fn serve(name: &str, bound_to: OpenSession, cx: &Cx) -> anyhow::Result<Exit> {
    let toolset = tool::server(name).with_context(|| format!("find the server {name}"))?;
    let (relay, calls) = relay::relay();
    let client = Client::new(relay);
    let server = Server::new(toolset, bound_to, client, env!("CARGO_PKG_VERSION"));
    // Before anything is begun: clients end their servers so, and where this process is the engine, what it runs ends with it.
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let serving = tokio::spawn(hyperion_mcp::serve_stdio(server));
    let answered = tokio::select! {
        // Ends when the server does: it holds the other end.
        answered = relay::answer(cx, calls) => answered,
        _ = terminate.recv() => {
            serving.abort();
            return Ok(Exit::Done);
        }
    };
    if answered.is_err() {
        serving.abort();
    }
    answered?;
    serving.await??;
    Ok(Exit::Done)
}
