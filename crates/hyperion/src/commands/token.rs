//! `hyperion token`

use clap::Subcommand;
use hyperion_api::list::List;
use hyperion_api::user::{CreateToken, IssuedToken, Token};

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::id::IdArg;
use crate::output::{Format, FormatArgs};
use crate::route::Route;
use crate::several::{Shown, each};
use crate::view;

/// See, make and revoke tokens: what programs and other machines are known by
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(ListArgs),
    Create(CreateArgs),
    Revoke(RevokeArgs),
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Scope {
    /// Look at everything
    Read,
    /// File requests, answer, cancel
    File,
    /// Decide what asks for a team lead
    Decide,
    /// Decide the rest, and administer
    Admin,
}

impl Scope {
    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::File => "file",
            Self::Decide => "decide",
            Self::Admin => "admin",
        }
    }
}

/// List tokens, with when each was used last
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion token list
  hyperion token list --all --format json")]
struct ListArgs {
    /// Those of all users, which takes an admin
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Make a token; its text is shown this once
///
/// It carries what its scopes leave of its user's role, whatever that role is at the time of a call. The text alone goes to standard output. The
/// first token of a home without users makes its owner a user.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion token create --for \"nightly reports\" --scope read
  hyperion token create --user ci --expires 30d > token.txt")]
struct CreateArgs {
    /// What it is for, in one line
    #[arg(long = "for", value_name = "TEXT", default_value = "")]
    label: String,
    /// Which rights it carries; read and file when absent
    #[arg(
        long = "scope",
        value_enum,
        value_name = "SCOPE",
        value_delimiter = ','
    )]
    scopes: Vec<Scope>,
    /// How long it lasts, at most 366 days: 12h, 30d
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = seconds)]
    expires: u64,
    /// Whose, which takes an admin; your own when absent
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

/// Take tokens back; no call is taken with them any more
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion token revoke 1a2b3c4d")]
struct RevokeArgs {
    /// Which
    #[arg(value_name = "ID", required = true)]
    ids: Vec<IdArg>,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::List(args) => list(args, cx).await,
        Command::Create(args) => create(args, cx).await,
        Command::Revoke(args) => revoke(args, cx).await,
    }
}

async fn list(args: ListArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let route = Route::new("/api/tokens").maybe("all", args.all.then_some("true"));
        let tokens: List<Token> = session.client().get(route.as_str()).await?;
        let nothing = "No tokens: `hyperion token create` makes one.";
        let now = cx.now();
        cx.output
            .list(args.format.format, &tokens, nothing, |tokens, width| {
                view::user::tokens(tokens, now, width)
            })?;
        Ok(Exit::Done)
    })
    .await
}

async fn create(args: CreateArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let wanted = CreateToken {
        user: args.user,
        label: args.label,
        scopes: args
            .scopes
            .iter()
            .map(|scope| scope.name().to_owned())
            .collect(),
        expires_in_sec: Some(args.expires),
    };
    cx.with(Access::Change, async |session| {
        let issued: IssuedToken = session.client().post("/api/tokens", &wanted).await?;
        if args.format.format == Format::Table {
            cx.output.say(&view::user::issued(&issued.about));
        }
        cx.output.show(args.format.format, &issued, |issued| {
            format!("{}\n", issued.token)
        })?;
        Ok(Exit::Done)
    })
    .await
}

async fn revoke(args: RevokeArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let (_, exit) = each(&args.ids, args.format.format, cx, async |id| {
            let route = Route::new("/api/tokens")
                .segment(id.as_str())
                .segment("revoke");
            let empty = serde_json::json!({});
            let token: Token = session.client().post(route.as_str(), &empty).await?;
            let text = view::user::revoked(&token);
            Ok(Shown { value: token, text })
        })
        .await?;
        Ok(exit)
    })
    .await
}

/// Reads a time such as `30d`.
fn seconds(text: &str) -> Result<u64, Failure> {
    let wrong = || Failure::usage(format!("{text:?} is no time; give for instance 12h or 30d"));
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number = text
        .strip_suffix(unit)
        .and_then(|number| number.parse::<u64>().ok());
    number
        .and_then(|number| number.checked_mul(seconds))
        .ok_or_else(wrong)
}
