//! `hyperion user`

use clap::Subcommand;
use hyperion_api::list::List;
use hyperion_api::user::{ChangeUser, CreateUser, User};
use hyperion_host::uid_of;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::FormatArgs;
use crate::route::Route;
use crate::secret;
use crate::view;

/// See and change who may use this home, and what they may do
///
/// A home of one person needs no users: whoever owns it is its admin. With users, everybody is somebody, roles say who may do what, and nobody
/// approves their own work. See docs/governance.md.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(ListArgs),
    Add(AddArgs),
    Role(RoleArgs),
    Passwd(PasswdArgs),
    Map(MapArgs),
    Disable(DisableArgs),
    Enable(EnableArgs),
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Role {
    /// Looks on
    Viewer,
    /// Files requests, answers, cancels
    #[default]
    Operator,
    /// Decides what asks for a team lead
    TeamLead,
    /// Decides everything and administers the home
    Admin,
}

impl Role {
    fn name(self) -> String {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::TeamLead => "team-lead",
            Self::Admin => "admin",
        }
        .to_owned()
    }
}

/// List users
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion user list
  hyperion user list --format json")]
struct ListArgs {
    #[command(flatten)]
    format: FormatArgs,
}

/// Make a user
///
/// Asks for a password on a terminal. Whoever has none uses tokens alone, or is known on the home's socket by the user of this machine that they are.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion user add ada --role admin
  hyperion user add bob --os-user bob --no-password
  pass show hyperion/eve | hyperion user add eve --password-stdin")]
struct AddArgs {
    /// The name: small letters, digits, `.`, `_`, `-`, `+` and `@`
    #[arg(value_name = "NAME")]
    name: String,
    /// What they may do
    #[arg(long, value_enum, default_value_t, value_name = "ROLE")]
    role: Role,
    /// The user of this machine that they are, by name or number
    #[arg(long, value_name = "USER")]
    os_user: Option<String>,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Clone, Copy, clap::Args)]
struct PasswordArgs {
    /// Read the password from standard input: its first line
    #[arg(long)]
    password_stdin: bool,
    /// Without a password
    #[arg(long, conflicts_with = "password_stdin")]
    no_password: bool,
}

/// Give a user another role; it counts from their next call on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion user role bob team-lead")]
struct RoleArgs {
    /// Whom
    #[arg(value_name = "NAME")]
    name: String,
    /// The role
    #[arg(value_enum, value_name = "ROLE")]
    role: Role,
    #[command(flatten)]
    format: FormatArgs,
}

/// Set a password; whoever signed in with the former one is out
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion user passwd ada")]
struct PasswdArgs {
    /// Whose
    #[arg(value_name = "NAME")]
    name: String,
    /// Read the new password from standard input: its first line
    #[arg(long)]
    password_stdin: bool,
    /// Ask for the password that counts now first, as whoever changes their own over the network has to
    #[arg(long, conflicts_with = "password_stdin")]
    former: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Say which user of this machine somebody is on the home's socket
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion user map ada adal
  hyperion user map ada --none")]
struct MapArgs {
    /// Whom
    #[arg(value_name = "NAME")]
    name: String,
    /// The user of this machine, by name or number
    #[arg(value_name = "USER", required_unless_present = "none")]
    os_user: Option<String>,
    /// No user of this machine any more
    #[arg(long, conflicts_with = "os_user")]
    none: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Take every right from a user; their tokens and sessions end in the same moment
///
/// What they did stays on record under their name, which nobody else ever gets.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion user disable bob")]
struct DisableArgs {
    /// Whom
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    format: FormatArgs,
}

/// Give a user that was disabled their rights back; their tokens stay gone
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion user enable bob")]
struct EnableArgs {
    /// Whom
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::List(args) => list(args, cx).await,
        Command::Add(args) => add(args, cx).await,
        Command::Role(RoleArgs { name, role, format }) => {
            let role = Some(role.name());
            let wanted = ChangeUser {
                role,
                ..ChangeUser::default()
            };
            change(&name, &wanted, format, cx).await
        }
        Command::Passwd(args) => passwd(args, cx).await,
        Command::Map(args) => map(args, cx).await,
        Command::Disable(DisableArgs { name, format }) => {
            set_disabled(&name, true, format, cx).await
        }
        Command::Enable(EnableArgs { name, format }) => {
            set_disabled(&name, false, format, cx).await
        }
    }
}

async fn list(args: ListArgs, cx: &Cx) -> anyhow::Result<Exit> {
    cx.with(Access::Read, async |session| {
        let users: List<User> = session.client().get("/api/users").await?;
        let nothing =
            "No users: whoever owns this home is its admin. `hyperion user add NAME` makes one.";
        let now = cx.now();
        cx.output
            .list(args.format.format, &users, nothing, |users, width| {
                view::user::table(users, now, width)
            })?;
        Ok(Exit::Done)
    })
    .await
}

async fn add(args: AddArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let PasswordArgs {
        password_stdin,
        no_password,
    } = args.password;
    let password = match no_password {
        true => None,
        false => Some(secret::read_new(cx, password_stdin, &args.name).await?),
    };
    let wanted = CreateUser {
        name: args.name,
        role: Some(args.role.name()),
        os_uid: args.os_user.as_deref().map(os_uid).transpose()?,
        password,
    };
    cx.with(Access::Change, async |session| {
        let user: User = session.client().post("/api/users", &wanted).await?;
        cx.output
            .show(args.format.format, &user, view::user::block)?;
        Ok(Exit::Done)
    })
    .await
}

async fn passwd(args: PasswdArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let former_password = match args.former {
        true => Some(secret::read(cx, false, "The password that counts now: ", "").await?),
        false => None,
    };
    let wanted = ChangeUser {
        password: Some(secret::read_new(cx, args.password_stdin, &args.name).await?),
        former_password,
        ..ChangeUser::default()
    };
    change(&args.name, &wanted, args.format, cx).await
}

async fn map(args: MapArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let os_uid = match args.os_user.as_deref() {
        Some(user) => i64::from(os_uid(user)?),
        None => -1,
    };
    let wanted = ChangeUser {
        os_uid: Some(os_uid),
        ..ChangeUser::default()
    };
    change(&args.name, &wanted, args.format, cx).await
}

async fn set_disabled(
    name: &str,
    disabled: bool,
    format: FormatArgs,
    cx: &Cx,
) -> anyhow::Result<Exit> {
    let wanted = ChangeUser {
        disabled: Some(disabled),
        ..ChangeUser::default()
    };
    change(name, &wanted, format, cx).await
}

async fn change(
    name: &str,
    wanted: &ChangeUser,
    format: FormatArgs,
    cx: &Cx,
) -> anyhow::Result<Exit> {
    cx.with(Access::Change, async |session| {
        let route = Route::new("/api/users").segment(name);
        let user: User = session.client().patch(route.as_str(), wanted).await?;
        cx.output.show(format.format, &user, view::user::block)?;
        Ok(Exit::Done)
    })
    .await
}

/// Finds the number of a user of this machine.
fn os_uid(user: &str) -> anyhow::Result<u32> {
    if let Ok(uid) = user.parse() {
        return Ok(uid);
    }
    uid_of(user).ok_or_else(|| {
        Failure::usage(format!("this machine's /etc/passwd has no user {user:?}"))
            .hint(format!("give the number that `id -u {user}` prints"))
            .into()
    })
}
