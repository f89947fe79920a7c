//! `hyperion repo try-checks`, and what `init` does of it.

use hyperion_api::list::List;
use hyperion_api::repo::{Repo, TriedCheck, TryChecks};

use super::change::RepoArg;
use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::output::FormatArgs;
use crate::route::Route;
use crate::session::Session;
use crate::view;

/// Run each check of a repository once in its sandbox, and say what it would need
///
/// The checks at the tip of the branch run on the files there, as they would in the queue, each for some seconds at most. Nothing is
/// recorded and nothing depends on it. On a machine where the sandbox cannot be had whole, nothing runs, and the reason is said.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion repo try-checks web
  hyperion repo try-checks . --seconds 60")]
pub(super) struct TryChecksArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// How long each check may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=120))]
    seconds: u64,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) async fn run(args: TryChecksArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let route = args.repo.route(cx)?;
        let repo: Repo = session.client().get(route.as_str()).await?;
        let tried = tried(session, &route, Some(args.seconds)).await?;
        cx.output.show(args.format.format, &tried, |tried| {
            view::trial::block(&repo, &tried.items)
        })?;
        let passed = tried.items.iter().all(|check| check.result == "passed");
        Ok(if passed { Exit::Done } else { Exit::Failed })
    })
    .await
}

/// Tries the checks of a repository that was just made known, and says what came of it; a trial that fails is no reason to fail.
pub(super) async fn try_and_say(session: &Session<'_>, repo: &Repo) {
    if repo.checks.as_ref().is_none_or(Vec::is_empty) {
        return;
    }
    let output = &session.cx().output;
    output.say("Trying each check in its sandbox, for 10 s at most (--no-try leaves that out) ...");
    let route = Route::new("/api/repos").segment(&repo.name);
    match tried(session, &route, None).await {
        Ok(tried) => output.say(&view::trial::block(repo, &tried.items)),
        Err(error) => output.say(&format!("The checks could not be tried: {error:#}")),
    }
}

async fn tried(
    session: &Session<'_>,
    route: &Route,
    seconds: Option<u64>,
) -> anyhow::Result<List<TriedCheck>> {
    let route = route.clone().segment("try-checks");
    let wish = TryChecks { seconds };
    Ok(session.client().post(route.as_str(), &wish).await?)
}
