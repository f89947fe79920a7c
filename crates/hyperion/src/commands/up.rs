//! `hyperion up`

use anyhow::Context as _;
use hyperion_api::engine::Mode;
use hyperion_api::list::List;
use hyperion_api::repo::Repo;
use hyperion_host::{Claim, Home};
use tokio::signal::unix::{SignalKind, signal};

use crate::background::dismiss;
use crate::connection::{Access, Listens, listens, refuse_confined};
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::style::{self, paint};
use crate::output::visible::visible;
use crate::own_engine::Port;
use crate::progress::Progress;
use crate::session::Session;
use crate::view::field;

/// How often an engine in the background may come up again while it is to be replaced.
const TAKE_OVERS_MAX: u32 = 5;

/// Run the engine in the foreground, for every other command to use
///
/// Commands work without it: they start an engine in the background, which leaves when nobody needs it (`hyperion down` ends it at once).
/// An engine that stays up keeps deadlines, listens on the port of `server.bind`, and shows what it does; it takes the place of one in the background. Ctrl-C or SIGTERM ends
/// it in good order; what was begun is kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion up
  HYPERION_LOG=1 hyperion up")]
pub(crate) struct Args {}

pub(crate) async fn run(_args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    // Before anything else, so that no signal finds nobody listening.
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
    let (mut session, _claim) = take_over(cx).await?;
    let port = match session.open_port().await {
        Ok(port) => port,
        Err(refused) => {
            session.serve_until(std::future::ready(())).await?;
            return Err(refused);
        }
    };
    let version = session.health().await?.version;
    cx.output.say(&greeting(&session, &version, &port).await?);
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

/// Becomes the engine, in the place of one in the background; one in the foreground stays what it is.
///
/// Whoever waits for something starts another engine when theirs leaves; the claim has that one make room.
async fn take_over(cx: &Cx) -> anyhow::Result<(Session<'_>, Option<Claim>)> {
    let locations = cx.locations()?;
    refuse_confined(&cx.settings()?.settings)?;
    // Where there is no home yet, nobody is at work in it.
    let home = Home::open(&locations)?;
    let claim = home.map(|home| home.claim()).transpose()?.flatten();
    let mut left = TAKE_OVERS_MAX;
    loop {
        let up = match listens(&locations.socket()).await {
            Listens::Engine(up) => up,
            Listens::Nobody | Listens::Silent => None,
        };
        match up {
            Some(up) if up.mode == Some(Mode::Background) && left > 0 => {
                left -= 1;
                dismiss(&locations).await?;
            }
            Some(up) => {
                let what = format!("an engine is up already: process {}", up.pid);
                return Err(Failure::new(Exit::Failed, what)
                    .hint("every command uses it; stop it with Ctrl-C in its terminal")
                    .into());
            }
            None => {
                let session = Session::open(cx, Access::Serve(Mode::Foreground)).await?;
                if session.is_own_engine() {
                    return Ok((session, claim));
                }
            }
        }
    }
}

async fn greeting(session: &Session<'_>, version: &str, port: &Port) -> anyhow::Result<String> {
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
    match port {
        Port::Off => {}
        Port::Open(address) => text.push_str(&field(
            "port",
            &format!("http://{address} (calls need a token)"),
        )),
        Port::Failed(why) => {
            let mark = paint(style::WAITS, "warning:");
            let why = format!(
                "{mark} none: {}; set `server.bind` to another one, or to `off`",
                visible(why)
            );
            text.push_str(&field("port", &why));
        }
    }
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
