//! `hyperion policy`

mod diff;
mod test;

use std::collections::BTreeMap;

use clap::Subcommand;
use hyperion_api::policy::Policy;
use serde::Serialize;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::output::FormatArgs;
use crate::route::Route;
use crate::settings;
use crate::view;

/// See the rules that decide what may land and run, and try them
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(ShowArgs),
    Test(test::TestArgs),
}

/// Show the rules in force, for this machine or one repository
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion policy show
  hyperion policy show --repo web --format json")]
struct ShowArgs {
    /// With what this repository's hyperion.toml adds
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

/// The rules, with where each setting of theirs comes from.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    policy: Policy,
    sources: BTreeMap<String, String>,
    /// What lists that were set no longer have of the shipped ones.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    lost: BTreeMap<String, Vec<String>>,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::Show(args) => show(args, cx).await,
        Command::Test(args) => test::run(&args, cx),
    }
}

async fn show(args: ShowArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let route = Route::new("/api/policy").maybe("repo", args.repo.as_deref());
        let policy: Policy = session.client().get(route.as_str()).await?;
        let loaded = cx.settings()?;
        let keys = settings::all().map(|setting| setting.key);
        let sources = keys
            .filter(|key| key.starts_with("policy.") || *key == "request.requires_approval")
            .map(|key| {
                let from = loaded.origins.get(key);
                (
                    key.to_owned(),
                    from.map_or_else(|| "shipped".to_owned(), ToString::to_string),
                )
            })
            .collect();
        let lost = loaded.lost();
        let replaced: Vec<String> = lost.iter().map(ToString::to_string).collect();
        let shown = Shown {
            policy,
            sources,
            lost: lost
                .into_iter()
                .map(|lost| (lost.key.to_owned(), lost.globs))
                .collect(),
        };
        cx.output.show(args.format.format, &shown, |shown| {
            view::policy::block(&shown.policy, &shown.sources, &replaced)
        })?;
        Ok(Exit::Done)
    })
    .await
}
