//! `hyperion rollback`

use std::str::FromStr;

use hyperion_api::request::{Because, Request};

use crate::complete;
use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::id::{IdArg, IdArgError, short};
use crate::output::FormatArgs;
use crate::route::Route;
use crate::several::{Shown, each, try_each};
use crate::wait::wait;

/// Roll back what landed, through the same queue and checks
///
/// Files a request whose change is the reverse of what landed. The id of a request rolls back all that it landed; the id of a change, a queue
/// entry or a commit rolls back that one landing only. HEAD, HEAD~1 and so on are commits of this folder's repository.
///
/// Nobody has to approve it a second time: if your role was enough to approve the landing, asking for the rollback approves it. With a lesser
/// role you cannot ask. Only a rollback that touches what guards the repository (hyperion.toml, CI, hooks, …) waits for an admin's
/// approval, like any other change.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion rollback 1a2b3c4d --wait
  hyperion rollback a008c07 9f8e7d6
  hyperion rollback HEAD
  hyperion rollback 1a2b3c4d --reason \"breaks the nightly build\"")]
pub(crate) struct Args {
    /// Requests, or single landings: a change, a queue entry or a commit
    #[arg(value_name = "ID", required = true, add = complete::requests("completed,partly_landed"))]
    ids: Vec<LandedArg>,
    /// Why, in one line
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Wait until it ends
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// What landed: an id, or a commit as git names it from where one stands.
#[derive(Debug, Clone)]
enum LandedArg {
    Id(IdArg),
    Revision(String),
}

impl FromStr for LandedArg {
    type Err = IdArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let steps = text.strip_prefix("HEAD").or(text.strip_prefix('@'));
        let is_step = |c: char| matches!(c, '~' | '^') || c.is_ascii_digit();
        match steps {
            Some(steps) if steps.chars().all(is_step) => Ok(Self::Revision(text.to_owned())),
            _ => text.parse().map(Self::Id),
        }
    }
}

impl LandedArg {
    /// Gives the id that it stands for.
    fn resolve(self, cx: &Cx) -> anyhow::Result<IdArg> {
        let revision = match self {
            Self::Id(id) => return Ok(id),
            Self::Revision(revision) => revision,
        };
        let here = complete::repo_around(cx.variables(), cx.current_dir())
            .map_err(|error| Failure::usage(format!("{revision} names nothing here: {error}")))?;
        let commit = here.resolve_commit_here(&revision)?.ok_or_else(|| {
            Failure::usage(format!("this repository has no commit {revision}"))
                .hint("`git log --oneline` lists commits")
        })?;
        Ok(IdArg::from(commit.as_str()))
    }
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let ids = args.ids.into_iter().map(|id| id.resolve(cx));
    let ids: Vec<_> = ids.collect::<Result<_, _>>()?;
    cx.with(Access::Change, async |session| {
        let format = args.format.format;
        let file = async |id: &IdArg| -> anyhow::Result<Request> {
            let route = Route::new("/api/requests")
                .segment(id.as_str())
                .segment("rollback")
                .query("source", "cli");
            let body = Because {
                reason: args.reason.clone(),
            };
            Ok(session.client().post(route.as_str(), &body).await?)
        };
        if !args.wait {
            let (_, exit) = each(&ids, format, cx, async |id| {
                let request = file(id).await?;
                cx.sets_going([request.id.clone()]);
                let short = short(&request.id);
                let text = format!(
                    "Request {short} rolls it back; hyperion request show {short} says how far it is."
                );
                Ok(Shown { value: request, text })
            })
            .await?;
            return Ok(exit);
        }
        let (filed, exit) = try_each(&ids, format, cx, file).await?;
        let filed: Vec<_> = filed.into_iter().map(|request| request.id).collect();
        let waited = wait(session, &filed, format).await?;
        Ok(Exit::of_several([exit, waited]))
    })
    .await
}
