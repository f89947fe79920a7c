//! `hyperion repo show`, and what changes a repository that is known.

use std::path::PathBuf;
use std::time::Duration;

use hyperion_api::repo::{AgreeToCheck, ChangeRepo, Repo};

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Format, FormatArgs};
use crate::route::Route;
use crate::session::Session;
use crate::{complete, view};

/// How often it is looked whether a push came to an end, and how many times.
const LOOK: Duration = Duration::from_millis(200);
const LOOKS: u32 = 600;

/// Which repository.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RepoArg {
    /// Its name, its id, or a folder of it
    #[arg(value_name = "NAME", add = complete::repos())]
    name: String,
}

impl RepoArg {
    /// Gives the route of the repository: by name, or by path where that is what it looks like.
    pub(super) fn route(&self, cx: &Cx) -> anyhow::Result<Route> {
        let name = if self.name == "." || self.name.contains('/') {
            utf8(cx.current_dir().join(&self.name))?
        } else {
            self.name.clone()
        };
        Ok(Route::new("/api/repos").segment(&name))
    }
}

/// Show one repository: checks, remote, and what was pushed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion repo show web
  hyperion repo show . --format json")]
pub(super) struct ShowArgs {
    #[command(flatten)]
    repo: RepoArg,
    #[command(flatten)]
    format: FormatArgs,
}

/// Change the branch work lands on, or the remote it is pushed to
///
/// With a remote, what others pushed there is brought in before changes are merged. With --push on, what lands is pushed there by your
/// own git, never by force. See docs/remote.md.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion repo set web --remote origin --push on
  hyperion repo set web --push off
  hyperion repo set web --branch trunk")]
#[group(id = "what", required = true, multiple = true)]
pub(super) struct SetArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// The branch work lands on
    #[arg(long, value_name = "BRANCH", group = "what")]
    branch: Option<String>,
    /// A remote of its git configuration
    #[arg(long, value_name = "REMOTE", group = "what")]
    remote: Option<String>,
    /// Follow no remote any more
    #[arg(long, group = "what", conflicts_with_all = ["remote", "push"])]
    no_remote: bool,
    /// Whether what lands is pushed there
    #[arg(long, value_name = "on|off", group = "what")]
    push: Option<Switch>,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Push what landed now
///
/// Tries at once what is tried later by itself, and what is not tried any more because the remote refused it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion repo push web")]
pub(super) struct PushArgs {
    #[command(flatten)]
    repo: RepoArg,
    #[command(flatten)]
    format: FormatArgs,
}

/// Call a repository something else
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion repo rename web website")]
pub(super) struct RenameArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// The new name
    #[arg(value_name = "NEW")]
    new: String,
    #[command(flatten)]
    format: FormatArgs,
}

/// Say where a repository is that was moved on disk
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion repo move web ~/work/web")]
pub(super) struct MoveArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// Where it is now
    #[arg(value_name = "PATH")]
    path: PathBuf,
    #[command(flatten)]
    format: FormatArgs,
}

/// Let a check have more than the machine gives to checks
///
/// A check in hyperion.toml may ask for a milder sandbox, a wider network or more time than the settings of this machine give. Nothing
/// lands before an admin agrees, once for exactly this check: when its command or what it asks for changes, it asks anew.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion repo show web
  hyperion repo allow-check web e2e
  hyperion repo allow-check web e2e --withdraw")]
pub(super) struct AllowCheckArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// The check's name in hyperion.toml
    #[arg(value_name = "CHECK")]
    check: String,
    /// The branch whose hyperion.toml has the check; the one work lands on when absent
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// Take it back
    #[arg(long)]
    withdraw: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Take a repository off the list; what happened to it stays on record
///
/// Nothing in the repository changes. `hyperion init` there brings it back, under the same name.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion repo forget web")]
pub(super) struct ForgetArgs {
    #[command(flatten)]
    repo: RepoArg,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) async fn show(args: ShowArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let route = args.repo.route(cx)?;
        let repo: Repo = session.client().get(route.as_str()).await?;
        let now = cx.now();
        cx.output.show(args.format.format, &repo, |repo| {
            view::repo::detail(repo, now)
        })?;
        Ok(Exit::Done)
    })
    .await
}

pub(super) async fn set(args: SetArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let wanted = ChangeRepo {
        branch: args.branch,
        remote: args.no_remote.then(String::new).or(args.remote),
        push: args.push.map(|push| matches!(push, Switch::On)),
        ..ChangeRepo::default()
    };
    let switched_on = matches!(args.push, Some(Switch::On));
    let exit = change(&args.repo, &wanted, &args.format, cx).await?;
    if switched_on && args.format.format == Format::Table {
        cx.output.progress(&view::hint(&format!(
            "what landed before goes there with the next landing, or now: hyperion repo push {}",
            args.repo.name
        )));
    }
    Ok(exit)
}

pub(super) async fn rename(args: RenameArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let wanted = ChangeRepo {
        name: Some(args.new),
        ..ChangeRepo::default()
    };
    change(&args.repo, &wanted, &args.format, cx).await
}

pub(super) async fn relocate(args: MoveArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let wanted = ChangeRepo {
        path: Some(utf8(cx.current_dir().join(&args.path))?),
        ..ChangeRepo::default()
    };
    change(&args.repo, &wanted, &args.format, cx).await
}

async fn change(
    repo: &RepoArg,
    wanted: &ChangeRepo,
    format: &FormatArgs,
    cx: &Cx,
) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let route = repo.route(cx)?;
        let repo: Repo = session.client().patch(route.as_str(), wanted).await?;
        let now = cx.now();
        cx.output
            .show(format.format, &repo, |repo| view::repo::detail(repo, now))?;
        Ok(Exit::Done)
    })
    .await
}

pub(super) async fn allow_check(args: AllowCheckArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let route = args.repo.route(cx)?;
        let wish = AgreeToCheck {
            agreed: !args.withdraw,
            branch: args.branch,
            digest: None,
        };
        let route = route
            .segment("checks")
            .segment(&args.check)
            .segment("agree");
        let repo: Repo = session.client().post(route.as_str(), &wish).await?;
        let now = cx.now();
        cx.output.show(args.format.format, &repo, |repo| {
            view::repo::detail(repo, now)
        })?;
        Ok(Exit::Done)
    })
    .await
}

pub(super) async fn forget(args: ForgetArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let route = args.repo.route(cx)?.segment("forget");
        let repo: Repo = session.client().post(route.as_str(), &()).await?;
        cx.output
            .show(args.format.format, &repo, view::repo::forgotten)?;
        Ok(Exit::Done)
    })
    .await
}

pub(super) async fn push(args: PushArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let route = args.repo.route(cx)?;
        let push = route.clone().segment("push");
        let repo: Repo = session.client().post(push.as_str(), &()).await?;
        let repo = until_pushed(session, &route, repo).await?;
        let now = cx.now();
        cx.output.show(args.format.format, &repo, |repo| {
            view::repo::detail(repo, now)
        })?;
        let failed = repo
            .branches
            .iter()
            .any(|branch| branch.trouble.is_some() || branch.waits);
        Ok(if failed { Exit::Failed } else { Exit::Done })
    })
    .await
}

/// Waits until everything is pushed, or it is known what keeps it from being.
async fn until_pushed(
    session: &Session<'_>,
    route: &Route,
    mut repo: Repo,
) -> anyhow::Result<Repo> {
    for _ in 0..LOOKS {
        let is_under_way = repo
            .branches
            .iter()
            .any(|branch| branch.waits && branch.trouble.is_none());
        if !is_under_way {
            break;
        }
        tokio::time::sleep(LOOK).await;
        repo = session.client().get(route.as_str()).await?;
    }
    Ok(repo)
}

fn utf8(path: PathBuf) -> anyhow::Result<String> {
    path.into_os_string()
        .into_string()
        .map_err(|path| Failure::usage(format!("{} is not UTF-8", path.display())).into())
}
