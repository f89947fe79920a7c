//! The command line as a whole.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{CommandFactory as _, Parser, Subcommand};

use crate::commands;
use crate::context::Cx;
use crate::exit::{Exit, MEANINGS};
use crate::output::Color;
use crate::output::style::{self, paint};
use crate::output::wrap::{explained, wrapped};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Give work to AI agents and trust what lands
///
/// A request becomes a plan, a change, an approval and a landing: checked on the merged result, approved by whoever has to approve it, and one
/// command away from being rolled back.
#[derive(Debug, Parser)]
#[command(name = "hyperion", version, styles = STYLES, after_long_help = after_help(), max_term_width = 100, subcommand_required = false, propagate_version = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,

    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct GlobalArgs {
    /// When to write colours
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Global options"
    )]
    pub(crate) color: Color,

    /// Leave out progress
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,

    /// Show what is longer than the screen without a pager
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_pager: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(commands::init::Args),
    Status(commands::status::Args),
    Demo(commands::demo::Args),
    Request(commands::request::Args),
    Propose(commands::propose::Args),
    Approval(commands::approval::Args),
    Grant(commands::grant::Args),
    Changes(commands::changes::Args),
    Exec(commands::exec::Args),
    Run(commands::run::Args),
    Queue(commands::queue::Args),
    QueueMetrics(commands::queue_metrics::Args),
    History(commands::history::Args),
    Rollback(commands::rollback::Args),
    Events(commands::events::Args),
    FileModifications(commands::file_modifications::Args),
    Audit(commands::audit::Args),
    Policy(commands::policy::Args),
    Worker(commands::worker::Args),
    Drain(commands::drain::Args),
    Up(commands::up::Args),
    Down(commands::down::Args),
    Mcp(commands::mcp::Args),
    Hook(commands::hook::Args),
    Repo(commands::repo::Args),
    User(commands::user::Args),
    Token(commands::token::Args),
    Whoami(commands::whoami::Args),
    Login(commands::login::LoginArgs),
    Logout(commands::login::LogoutArgs),
    Config(commands::config::Args),
    Backup(commands::backup::Args),
    Restore(commands::restore::Args),
    Doctor(commands::doctor::Args),
    Notify(commands::notify::Args),
    Completions(commands::completions::Args),
    Man(commands::man::Args),
    #[command(hide = true)]
    Engine(commands::engine::Args),
    #[command(hide = true)]
    Generate(commands::generate::Args),
}

impl Command {
    /// Gives the name of a command that works with the home and the folders of this machine, and so with no engine elsewhere.
    const fn of_this_machine(&self) -> Option<&'static str> {
        match self {
            Self::Init(_) => Some("init"),
            Self::Exec(_) => Some("exec"),
            Self::Drain(_) => Some("drain"),
            Self::Up(_) => Some("up"),
            Self::Down(_) => Some("down"),
            Self::Mcp(_) => Some("mcp"),
            Self::Backup(_) => Some("backup"),
            Self::Restore(_) => Some("restore"),
            Self::Engine(_) => Some("engine"),
            // It judges what an agent on this machine is about to do.
            Self::Hook(_) => Some("hook"),
            Self::Status(_)
            | Self::Demo(_)
            | Self::Request(_)
            | Self::Propose(_)
            | Self::Approval(_)
            | Self::Changes(_)
            | Self::Run(_)
            | Self::Queue(_)
            | Self::QueueMetrics(_)
            | Self::History(_)
            | Self::Rollback(_)
            | Self::Events(_)
            | Self::FileModifications(_)
            | Self::Audit(_)
            | Self::Policy(_)
            | Self::Worker(_)
            | Self::Repo(_)
            | Self::User(_)
            | Self::Token(_)
            | Self::Grant(_)
            | Self::Notify(_)
            | Self::Whoami(_)
            | Self::Login(_)
            | Self::Logout(_)
            | Self::Config(_)
            | Self::Doctor(_)
            | Self::Completions(_)
            | Self::Man(_)
            | Self::Generate(_) => None,
        }
    }
}

impl Cli {
    /// Whether it is the engine in the background, which nobody sees.
    pub(crate) const fn is_engine(&self) -> bool {
        matches!(self.command, Some(Command::Engine(_)))
    }

    /// Whether the command itself listens for Ctrl-C, to end in good order.
    pub(crate) const fn stops_by_itself(&self) -> bool {
        matches!(
            self.command,
            Some(Command::Up(_) | Command::Drain(_) | Command::Engine(_) | Command::Exec(_))
        )
    }
}

/// Does what the command line says.
pub(crate) async fn run(cli: Cli, cx: &Cx) -> anyhow::Result<Exit> {
    let exit = carry_out(cli, cx).await?;
    Ok(cx.settle(exit))
}

async fn carry_out(cli: Cli, cx: &Cx) -> anyhow::Result<Exit> {
    let Some(command) = cli.command else {
        cx.output.data(&overview(cx.output.width()));
        return Ok(Exit::Done);
    };
    if let (Some(name), Some(remote)) = (command.of_this_machine(), cx.remote()?) {
        return Err(remote.refusal(name));
    }
    match command {
        Command::Init(args) => commands::init::run(args, cx).await,
        Command::Status(args) => commands::status::run(args, cx).await,
        Command::Demo(args) => commands::demo::run(args, cx).await,
        Command::Request(args) => commands::request::run(args, cx).await,
        Command::Propose(args) => commands::propose::run(args, cx).await,
        Command::Approval(args) => commands::approval::run(args, cx).await,
        Command::Grant(args) => commands::grant::run(args, cx).await,
        Command::Changes(args) => commands::changes::run(args, cx).await,
        Command::Exec(args) => commands::exec::run(args, cx).await,
        Command::Run(args) => commands::run::run(args, cx).await,
        Command::Queue(args) => commands::queue::run(args, cx).await,
        Command::QueueMetrics(args) => commands::queue_metrics::run(args, cx).await,
        Command::History(args) => commands::history::run(args, cx).await,
        Command::Rollback(args) => commands::rollback::run(args, cx).await,
        Command::Events(args) => commands::events::run(args, cx).await,
        Command::FileModifications(args) => commands::file_modifications::run(args, cx).await,
        Command::Audit(args) => commands::audit::run(args, cx).await,
        Command::Policy(args) => commands::policy::run(args, cx).await,
        Command::Worker(args) => commands::worker::run(args, cx).await,
        Command::Drain(args) => commands::drain::run(args, cx).await,
        Command::Up(args) => commands::up::run(args, cx).await,
        Command::Down(args) => commands::down::run(args, cx).await,
        Command::Mcp(args) => commands::mcp::run(args, cx).await,
        Command::Hook(args) => commands::hook::run(args, cx).await,
        Command::Repo(args) => commands::repo::run(args, cx).await,
        Command::User(args) => commands::user::run(args, cx).await,
        Command::Token(args) => commands::token::run(args, cx).await,
        Command::Whoami(args) => commands::whoami::run(args, cx).await,
        Command::Login(args) => commands::login::login(args, cx).await,
        Command::Logout(args) => commands::login::logout(args, cx).await,
        Command::Config(args) => commands::config::run(args, cx),
        Command::Backup(args) => commands::backup::run(args, cx).await,
        Command::Restore(args) => commands::restore::run(args, cx).await,
        Command::Doctor(args) => commands::doctor::run(args, cx).await,
        Command::Notify(args) => commands::notify::run(args, cx).await,
        Command::Completions(args) => commands::completions::run(args, cx),
        Command::Man(args) => commands::man::run(args, cx),
        Command::Engine(args) => commands::engine::run(args, cx).await,
        Command::Generate(args) => commands::generate::run(args, cx),
    }
}

/// Gives the definition that completions, manual pages and the reference are made from.
pub(crate) fn definition() -> clap::Command {
    Cli::command()
}

/// What `hyperion` alone says: the road, with the command at each bend.
fn overview(width: Option<usize>) -> String {
    let strong = |text: &str| paint(style::STRONG, text);
    let command = |text: &str| paint(style::HINT, text);
    let mut text = format!(
        "{} – give work to AI agents and trust what lands\n\n",
        strong("Hyperion")
    );
    for (heading, commands) in OVERVIEW {
        text.push_str(&strong(heading));
        text.push('\n');
        for (line, about) in *commands {
            text.push_str(&explained(line, &command(line), about, width));
            text.push('\n');
        }
        text.push('\n');
    }
    let end = format!(
        "{} lists every command, {} explains one.\n",
        command("hyperion --help"),
        command("hyperion COMMAND --help")
    );
    text + &wrapped(&end, width)
}

const OVERVIEW: &[(&str, &[(&str, &str)])] = &[
    (
        "Begin",
        &[
            ("hyperion demo", "see all of it on a copy of a repository"),
            ("hyperion init", "register this repository"),
            (
                "hyperion request --branch NAME",
                "hand in what is on a branch",
            ),
        ],
    ),
    (
        "Work",
        &[
            (
                "hyperion request FILE --wait",
                "file a request and see it through",
            ),
            ("hyperion approval list", "what waits for you"),
            ("hyperion approval show ID", "what exactly it would do"),
            ("hyperion approval approve ID", "let it land"),
            ("hyperion rollback ID", "roll it back"),
        ],
    ),
    (
        "Look",
        &[
            ("hyperion status", "what waits, what is stuck, what landed"),
            ("hyperion request list", "what was asked for"),
            ("hyperion queue list", "what is on its way"),
            ("hyperion history", "what landed, and who let it"),
            ("hyperion doctor", "whether all is well"),
        ],
    ),
];

/// The end of the long help: statuses and variables, in one place.
fn after_help() -> String {
    let mut text = String::from("Exit status:\n");
    for (exit, meaning) in MEANINGS {
        text.push_str(&format!("  {:>3}  {meaning}\n", exit.code()));
    }
    text.push_str("\nEnvironment:\n");
    for (name, about) in VARIABLES {
        text.push_str(&format!("  {name:<24}  {about}\n"));
    }
    text
}

const VARIABLES: &[(&str, &str)] = &[
    (
        "HYPERION_HOME",
        "the home: database, key, settings (else the XDG data folder)",
    ),
    (
        "HYPERION_SECTION__KEY",
        "one setting for this command, for instance HYPERION_MERGE__WORKERS=1",
    ),
    ("HYPERION_AGENT", "the same as agent.default"),
    (
        "HYPERION_URL",
        "the engine elsewhere that commands are for, for instance https://hyperion.example.org",
    ),
    ("HYPERION_TOKEN", "the token that says who asks it"),
    (
        "HYPERION_LOG",
        "1 or a filter: trace to standard error (of an engine in the background: to engine.log in the home)",
    ),
    ("NO_COLOR", "no colours"),
    (
        "HYPERION_PAGER, PAGER",
        "shows what is longer than the screen (else less -FRX)",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::table::cut;

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }

    // W1: one-line about, long help and examples everywhere.
    #[test]
    fn every_command_explains_itself() {
        fn check(command: &clap::Command, path: &str) {
            for sub in command
                .get_subcommands()
                .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
            {
                let path = format!("{path} {}", sub.get_name());
                let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
                assert!(
                    !about.is_empty() && !about.contains('\n') && about.len() <= 80,
                    "{path}: {about:?}"
                );
                assert!(!about.ends_with('.'), "{path}: {about:?}");
                if sub.has_subcommands() {
                    check(sub, &path);
                } else {
                    let after = sub
                        .get_after_help()
                        .map(ToString::to_string)
                        .unwrap_or_default();
                    assert!(
                        after.starts_with("Examples:\n") && after.contains(&path),
                        "{path} has no example"
                    );
                }
                for argument in sub.get_arguments() {
                    assert!(
                        argument.get_help().is_some(),
                        "{path}: {} has no help",
                        argument.get_id()
                    );
                }
            }
        }
        check(&definition(), "hyperion");
    }

    #[test]
    fn the_overview_fits_a_narrow_terminal() {
        for width in [60, 80] {
            for line in crate::view::plain(&overview(Some(width))).lines() {
                assert_eq!(cut(line, width), line);
            }
        }
        let text = crate::view::plain(&overview(None));
        for command in text
            .lines()
            .filter_map(|line| line.strip_prefix("  hyperion "))
        {
            let name = command.split_whitespace().next().unwrap();
            assert!(definition().find_subcommand(name).is_some(), "{name}");
        }
    }
}
