//! `hyperion up`

use anyhow::Context as _;
use hyperion_api::list::List;
use hyperion_api::repo::Repo;
use tokio::signal::unix::{SignalKind, signal};

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::style::{self, paint};
use crate::output::visible::visible;
use crate::progress::Progress;
use crate::session::Session;
use crate::view::field;

/// Run the engine in the foreground, for every other command to use
///
/// Commands work without it: whichever comes first is the engine for as long as there is work. An engine that stays up keeps deadlines,
/// takes work up at once, and lets several terminals share it. Ctrl-C or SIGTERM ends it in good order; what was begun is kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion up
  HYPERION_LOG=1 hyperion up")]
pub(crate) struct Args {}

pub(crate) async fn run(_args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    // Before anything else, so that no signal finds nobody listening.
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
    let session = Session::open(cx, Access::Change).await?;
    let health = session.health().await?;
    if health.pid != std::process::id() {
        session.close().await?;
        return Err(Failure::new(
            Exit::Failed,
            format!("an engine is up already: process {}", health.pid),
        )
        .hint("every command uses it; stop it with Ctrl-C in its terminal")
        .into());
    }
    cx.output.say(&greeting(&session, &health.version).await?);
    let client = session.client().clone();
    let seen = session.seen();
    let mut progress = Progress::new(&[], cx.zone());
    let stop = async {
        let signal = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "Ctrl-C",
            // Ends by itself only when the feed does.
            () = async { progress.follow(&client, seen, &cx.output).await; std::future::pending().await } => "",
        };
        cx.output.say(&format!(
            "{signal}: finishing what cannot be left half done …"
        ));
    };
    session.serve_until(stop).await?;
    cx.output.say("Stopped. Unfinished work is kept.");
    Ok(Exit::Done)
}

async fn greeting(session: &Session<'_>, version: &str) -> anyhow::Result<String> {
    let repos: List<Repo> = session.client().get("/api/repos").await?;
    let locations = session.locations();
    let mut text = format!(
        "{} {} is up\n",
        paint(style::STRONG, "Hyperion"),
        visible(version)
    );
    text.push_str(&field("process", &std::process::id().to_string()));
    text.push_str(&field("home", &locations.home.display().to_string()));
    text.push_str(&field("socket", &locations.socket().display().to_string()));
    if repos.items.is_empty() {
        text.push_str(&field(
            "repos",
            "none yet: run `hyperion init` in one to register it",
        ));
    } else {
        let lines = repos.items.iter().map(|repo| {
            format!(
                "{} → {} ({})",
                visible(&repo.name),
                visible(&repo.branch),
                visible(&repo.path)
            )
        });
        text.push_str(&crate::view::fields("repos", lines));
    }
    text.push_str("\nCtrl-C stops it.");
    Ok(text)
}
