//! `hyperion engine`: what other commands start. People run `hyperion up`.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use hyperion_api::engine::Mode;
use tokio::signal::unix::{SignalKind, signal};

use crate::background::Report;
use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;

/// Run the engine in the background, for whoever started it and everybody else
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    hyperion_host::leave_session();
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
    let opened = Session::open(cx, Access::Serve(Mode::Background)).await;
    let (session, report) = match opened {
        Ok(session) => {
            let notices = session.notices().to_vec();
            (Ok(session), Report::Up { notices })
        }
        Err(error) => {
            let failure = Failure::of(&error);
            (Err(error), Report::Failed(failure))
        }
    };
    let report = serde_json::to_string(&report)?;
    // Whoever waited for it may be gone; others may come.
    let _ = writeln!(std::io::stdout(), "{report}");
    let session = session?;
    let idle_exit = Duration::from_secs(session.settings().engine.idle_exit_sec);
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    session.serve_while_needed(idle_exit, stop).await?;
    Ok(Exit::Done)
}
