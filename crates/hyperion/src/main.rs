//! Hyperion, a self-hosted control plane for AI agents: the binary.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;

use crate::cli::Cli;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Color, Output, TerminalWishes};
use crate::settings::Variables;

mod background;
mod cli;
mod commands;
mod complete;
mod connection;
mod context;
mod exit;
mod failure;
mod id;
mod json_lines;
mod list_args;
mod login;
mod outcome;
mod output;
mod own_engine;
mod progress;
mod question;
mod remote;
mod route;
mod secret;
mod service;
mod session;
mod settings;
mod several;
mod socket;
mod standing;
mod telemetry;
mod time;
mod view;
mod wait;
mod wiring;

/// An engine makes and drops many small things; see decision 0032.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long an interrupted command may take to put its threads away.
const SHUTDOWN_LIMIT: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|command| command == "shim") {
        return hyperion_shim::main_of_shim(args);
    }
    // The only place that looks at the environment.
    let variables = Variables::new(std::env::vars_os());
    complete::answer(&variables);
    let as_json = output::wants_json(std::env::args_os().skip(1));
    let wishes = TerminalWishes {
        no_color: variables.get("NO_COLOR").is_some(),
        dumb: variables.get("TERM").is_none_or(|term| term == "dumb"),
        force: variables
            .get("CLICOLOR_FORCE")
            .is_some_and(|force| force != "0"),
    };
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(wrong) if as_json && wrong.use_stderr() => {
            let output = Output::of_process(Color::Never, wishes, true);
            return complain(&Failure::wrong_usage(&wrong), as_json, &output);
        }
        Err(wrong) => wrong.exit(),
    };
    let pager = match cli.global.no_pager {
        true => None,
        false => {
            let current_dir = std::env::current_dir().unwrap_or_else(|_| "/".into());
            output::pager::pager(&variables, &current_dir)
        }
    };
    let output = Output::of_process(cli.global.color, wishes, cli.global.quiet);
    let output = Arc::new(output.with_pager(pager));
    match start(cli, &output, variables) {
        Ok(code) => code,
        Err(error) => complain(&Failure::of(&error), as_json, &output),
    }
}

fn complain(failure: &Failure, as_json: bool, output: &Output) -> ExitCode {
    output.say(&failure.told(as_json));
    failure.exit().into()
}

fn start(cli: Cli, output: &Arc<Output>, variables: Variables) -> anyhow::Result<ExitCode> {
    hyperion_fault::check().map_err(|wrong| Failure::new(Exit::Usage, wrong))?;
    let log = variables.get("HYPERION_LOG");
    if cli.is_engine() {
        telemetry::start_log(log)?;
    } else {
        telemetry::start(log, output.is_coloured())?;
    }
    let current_dir = std::env::current_dir().map_err(|error| {
        let what = format!("the current folder cannot be found: {error}");
        Failure::new(Exit::Usage, what)
            .hint("it was deleted or may not be read; go to another one, for instance with `cd ~`")
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let cx = Cx::new(Arc::clone(output), variables, current_dir, None);
    let result = runtime.block_on(interruptible(cli, &cx));
    // A thread that waits for a line of input would hold the process for ever.
    runtime.shutdown_timeout(SHUTDOWN_LIMIT);
    let exit = result?;
    match output.take_lost() {
        Some(error) => {
            let what = format!("failed to write the output: {error}");
            Err(Failure::new(Exit::Unavailable, what).into())
        }
        None => Ok(cx.exit_code(exit)),
    }
}

/// Does what was asked for, until it is done or the person presses Ctrl-C.
async fn interruptible(cli: Cli, cx: &Cx) -> anyhow::Result<Exit> {
    let stops_by_itself = cli.stops_by_itself();
    let work = cli::run(cli, cx);
    if stops_by_itself {
        return work.await;
    }
    tokio::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => return result,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.context("listen for Ctrl-C")?;
                // The pager is what the person means.
                if cx.output.is_paging() {
                    continue;
                }
                let kept = cx.kept();
                cx.output.say(&format!("\nInterrupted. {}", kept.as_deref().unwrap_or("Nothing was left half done.")));
                return Ok(Exit::Interrupted);
            }
        }
    }
}
