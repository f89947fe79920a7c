//! `hyperion grant`

use clap::Subcommand;
use hyperion_api::List;
use hyperion_api::grant::{Grant, NewGrant, Rehearsal, Revoke, Scope};
use hyperion_model::grant::Status;
use jiff::Span;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::id::{IdArg, short};
use crate::list_args::{ListArgs, RepoArg, RequestArg, Words};
use crate::output::style::wire_name;
use crate::output::{Format, FormatArgs};
use crate::route::Route;
use crate::session::Session;
use crate::several::{Shown, each};
use crate::{complete, view};

/// Agree beforehand to commands of one shape; list and revoke such grants
///
/// A command that has to ask runs without asking while a grant covers its shape. What only a person decides each time is never covered.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(GrantListArgs),
    Show(ShowArgs),
    Add(AddArgs),
    Rehearse(RehearseArgs),
    Revoke(RevokeArgs),
}

/// List grants with how often each was used, by default those that hold
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion grant list
  hyperion grant list --all --format json")]
struct GrantListArgs {
    /// Also those that are used up, expired or revoked
    #[arg(long)]
    all: bool,
    /// Only grants in this state: active, used-up, expired, revoked
    #[arg(long, value_name = "STATUS", conflicts_with = "all",
          add = complete::states(Status::ALL.iter().map(|status| status.name())))]
    status: Option<String>,
    #[command(flatten)]
    repo: RepoArg,
    #[command(flatten)]
    request: RequestArg,
    #[command(flatten)]
    list: ListArgs,
}

/// Show a grant: what it answers, for what, by whom, and how often it did
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion grant show 1a2b3c4d")]
struct ShowArgs {
    /// Grants
    #[arg(value_name = "ID", required = true)]
    ids: Vec<IdArg>,
    #[command(flatten)]
    format: FormatArgs,
}

/// Which commands, and for what.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true), group = clap::ArgGroup::new("where"))]
struct GrantedArgs {
    /// Commands like the one that this approval asks about
    #[arg(long, group = "which", value_name = "APPROVAL", add = complete::approvals(""))]
    from: Option<IdArg>,
    /// Commands like this one; with --repo or --request
    #[arg(long, group = "which", value_name = "TEXT", allow_hyphen_values = true)]
    command: Option<String>,
    /// Commands of this shape, as `hyperion policy test --command` prints it
    #[arg(
        long,
        group = "which",
        value_name = "SHAPE",
        allow_hyphen_values = true
    )]
    shape: Option<String>,
    /// For this run, or the session that asked with --from
    #[arg(long, group = "where", value_name = "ID", num_args = 0..=1, default_missing_value = "")]
    run: Option<String>,
    /// For this request; that of the approval with --from
    #[arg(long, group = "where", value_name = "ID", num_args = 0..=1, default_missing_value = "")]
    request: Option<String>,
    /// For everything in this repository; that of the approval with --from. Takes an admin
    #[arg(long, group = "where", value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    repo: Option<String>,
    #[command(flatten)]
    limits: LimitArgs,
}

/// How far a grant goes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct LimitArgs {
    /// How often it may be used
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    uses: Option<u32>,
    /// How long it holds: 30m, 2h, 7d
    #[arg(long = "for", value_name = "TIME")]
    for_time: Option<Span>,
}

/// Agree to commands of one shape, after seeing what that would have answered
///
/// On a terminal the rehearsal is shown first, and you are asked. Elsewhere say --yes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion grant add --from 1a2b3c4d --uses 20 --for 2h
  hyperion grant add --command 'cargo publish' --repo web --uses 1")]
struct AddArgs {
    #[command(flatten)]
    granted: GrantedArgs,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Only show what it would have answered
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Say which of the last 200 questions a grant would have answered
///
/// And which it would still ask, with why.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion grant rehearse --from 1a2b3c4d
  hyperion grant rehearse --command 'cargo test retry' --repo web")]
struct RehearseArgs {
    #[command(flatten)]
    granted: GrantedArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// Take grants back: commands of their shape ask again
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion grant revoke 1a2b3c4d
  hyperion grant revoke 1a2b3c4d --reason \"the release is out\"")]
struct RevokeArgs {
    /// Grants
    #[arg(value_name = "ID", required = true)]
    ids: Vec<IdArg>,
    /// Why, in one line
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::List(args) => list(args, cx).await,
        Command::Show(args) => show(args, cx).await,
        Command::Add(args) => add(args, cx).await,
        Command::Rehearse(args) => rehearse(args, cx).await,
        Command::Revoke(args) => revoke(args, cx).await,
    }
}

async fn list(args: GrantListArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let status = args.status.as_deref().or((!args.all).then_some("active"));
        let route = Route::new("/api/grants").maybe("status", status.map(wire_name));
        let route = args.request.ask(args.repo.ask(route));
        let route = args.list.ask(route, cx);
        let grants: List<Grant> = session.client().get(route.as_str()).await?;
        let words = Words {
            nothing: match status {
                Some("active") => "No grant holds.",
                Some(_) | None => "No grants.",
            },
            left_out: (status.is_some() && args.status.is_none())
                .then_some("Not shown: what is used up, expired or revoked (--all)."),
            next: "hyperion grant show ID",
        };
        let now = cx.now();
        args.list.show(cx, &grants, words, |grants, width| {
            view::grant::table(grants, now, width)
        })?;
        Ok(Exit::Done)
    })
    .await
}

async fn show(args: ShowArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let (_, exit) = each(&args.ids, args.format.format, cx, async |id| {
            let route = Route::new("/api/grants").segment(id.as_str());
            let grant: Grant = session.client().get(route.as_str()).await?;
            Ok(Shown {
                text: view::grant::block(&grant, cx.zone()),
                value: grant,
            })
        })
        .await?;
        Ok(exit)
    })
    .await
}

async fn rehearse(args: RehearseArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let new = args.granted.read(cx)?;
    // Nothing is changed, but only an engine compares the questions.
    cx.with(Access::Read, async |session| {
        let rehearsal = rehearsed(session, &new).await?;
        cx.output
            .show(args.format.format, &rehearsal, view::grant::rehearsal)?;
        Ok(Exit::Done)
    })
    .await
}

async fn add(args: AddArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let new = args.granted.read(cx)?;
    let format = args.format.format;
    cx.with(Access::Change, async |session| {
        if args.dry_run || !args.yes {
            let rehearsal = rehearsed(session, &new).await?;
            if args.dry_run {
                cx.output.show(format, &rehearsal, view::grant::rehearsal)?;
                return Ok(Exit::Done);
            }
            cx.output.say_as_it_is(&view::grant::rehearsal(&rehearsal));
            match cx.output.ask("Grant it? [y]es / [n]o: ").await.as_deref() {
                Some("y" | "yes") => {}
                Some(_) => {
                    cx.output.say("Nothing was granted.");
                    return Ok(Exit::Done);
                }
                None => {
                    return Err(Failure::new(Exit::Usage, "there is nobody to ask")
                        .hint("say --yes to grant what is shown, or --dry-run to see it only")
                        .into());
                }
            }
        }
        let grant = given(session, &new).await?;
        cx.output.show(format, &grant, |grant| {
            format!(
                "Granted {}: {}\n",
                short(&grant.id),
                view::grant::line(grant)
            )
        })?;
        if format == Format::Table {
            let hint = format!("hyperion grant revoke {}", short(&grant.id));
            cx.output.progress(&view::hint(&hint));
        }
        Ok(Exit::Done)
    })
    .await
}

async fn revoke(args: RevokeArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let body = Revoke {
            reason: args.reason.clone(),
        };
        let (_, exit) = each(&args.ids, args.format.format, cx, async |id| {
            let route = Route::new("/api/grants").segment(id.as_str());
            let route = route.segment("revoke");
            let grant: Grant = session.client().post(route.as_str(), &body).await?;
            Ok(Shown {
                text: format!(
                    "Revoked {}: {}\n",
                    short(&grant.id),
                    view::grant::line(&grant)
                ),
                value: grant,
            })
        })
        .await?;
        Ok(exit)
    })
    .await
}

async fn rehearsed(session: &Session<'_>, new: &NewGrant) -> anyhow::Result<Rehearsal> {
    Ok(session.client().post("/api/grants/rehearse", new).await?)
}

/// Gives a grant.
pub(crate) async fn given(session: &Session<'_>, new: &NewGrant) -> anyhow::Result<Grant> {
    Ok(session.client().post("/api/grants", new).await?)
}

impl GrantedArgs {
    fn read(&self, cx: &Cx) -> anyhow::Result<NewGrant> {
        let scopes = [
            (Scope::Run, &self.run),
            (Scope::Request, &self.request),
            (Scope::Repo, &self.repo),
        ];
        let scope = scopes
            .into_iter()
            .find_map(|(scope, id)| Some((scope, id.as_ref()?)));
        let subject_id = scope.map(|(_, id)| id.clone()).filter(|id| !id.is_empty());
        if self.from.is_none() && subject_id.is_none() {
            return Err(Failure::usage(
                "say what it is for: --run ID, --request ID or --repo NAME",
            )
            .into());
        }
        let mut new = NewGrant {
            shape: self.shape.clone(),
            command: self.command.clone(),
            approval: self.from.as_ref().map(|id| id.as_str().to_owned()),
            scope: scope.map(|(scope, _)| scope),
            subject_id,
            ..NewGrant::default()
        };
        self.limits.set(&mut new, cx)?;
        Ok(new)
    }
}

impl LimitArgs {
    /// Puts them into what is granted.
    pub(crate) fn set(&self, new: &mut NewGrant, cx: &Cx) -> anyhow::Result<()> {
        new.uses_max = self.uses;
        if let Some(span) = self.for_time {
            let end = cx.now_here().checked_add(span);
            let end = end.ok().filter(|end| end.timestamp() > cx.now());
            let end =
                end.ok_or_else(|| Failure::usage("--for is no time from now on: 30m, 2h, 7d"))?;
            new.expires_at = Some(end.timestamp().to_string());
        }
        Ok(())
    }

    /// Whether anything was said.
    pub(crate) const fn is_said(&self) -> bool {
        self.uses.is_some() || self.for_time.is_some()
    }
}
