//! `hyperion hook`

use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use serde_json::Value;

use crate::context::Cx;
use crate::exit::Exit;

mod agent;
mod ask;
mod claude_code;
mod codex;
mod gemini;
mod install;
mod opencode;
mod rules;
mod run_socket;

use agent::{Adapter, Call, Said, Told};

/// The most bytes of a payload: a tool call may write a whole file.
const PAYLOAD_MAX: u64 = 16 * 1024 * 1024;

/// Answer an agent's hook: whether a tool call may go ahead
///
/// The agent starts this before each call of a tool, and tells of the call on standard input. Commands are judged by the policy for
/// commands, files by that for paths. What has to be asked becomes an approval, and the answer is waited for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer a hook of Claude Code
    ///
    /// Reads a `PreToolUse` payload on standard input, and writes `allow`, `ask` or `deny` in Claude Code's own format.
    #[command(after_help = "Examples:
  hyperion hook claude-code --wait 285 < payload.json")]
    ClaudeCode(AnswerArgs),
    /// Answer a hook of Codex
    ///
    /// Reads a `PreToolUse` payload on standard input. Codex's hooks can only say no: it writes `deny`, or nothing.
    #[command(after_help = "Examples:
  hyperion hook codex --wait 285 < payload.json")]
    Codex(AnswerArgs),
    /// Answer a hook of Gemini CLI
    ///
    /// Reads a `BeforeTool` payload on standard input, and writes `allow` or `deny` in Gemini CLI's own format.
    #[command(after_help = "Examples:
  hyperion hook gemini --wait 285 < payload.json")]
    Gemini(AnswerArgs),
    /// Answer Hyperion's plugin for opencode
    ///
    /// Reads what the plugin hands on of a tool call, and writes `allow` or `deny` for it.
    #[command(after_help = "Examples:
  hyperion hook opencode --wait 285 < payload.json")]
    Opencode(AnswerArgs),
    Install(install::InstallArgs),
}

/// How a hook is answered.
#[derive(Debug, Clone, clap::Args)]
struct AnswerArgs {
    /// How long to wait for a person's decision; less than the agent waits for its hook
    #[arg(long, value_name = "SECONDS", default_value_t = 45, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    wait: u64,
    /// What to answer where somebody has to be asked and no engine is up to ask them
    #[arg(long, value_enum, default_value_t, value_name = "ANSWER")]
    fallback: Fallback,
}

/// What an agent is told where nobody can be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Fallback {
    /// Have the agent ask its own person; an agent whose hooks cannot say that is told no
    #[default]
    Ask,
    /// Say no
    Deny,
}

/// The agents whose hooks are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Agent {
    ClaudeCode,
    Codex,
    Gemini,
    Opencode,
}

impl Agent {
    const fn adapter(self) -> &'static dyn Adapter {
        match self {
            Self::ClaudeCode => &claude_code::ClaudeCode,
            Self::Codex => &codex::Codex,
            Self::Gemini => &gemini::Gemini,
            Self::Opencode => &opencode::Opencode,
        }
    }
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::ClaudeCode(args) => answer(Agent::ClaudeCode, &args, cx).await,
        Command::Codex(args) => answer(Agent::Codex, &args, cx).await,
        Command::Gemini(args) => answer(Agent::Gemini, &args, cx).await,
        Command::Opencode(args) => answer(Agent::Opencode, &args, cx).await,
        Command::Install(args) => install::run(&args, cx),
    }
}

/// Answers; whatever goes wrong is an answer, too, for an agent goes on where its hook fails.
async fn answer(agent: Agent, args: &AnswerArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let adapter = agent.adapter();
    let told = match read(adapter, cx) {
        Ok(None) => Told::Pass,
        Ok(Some(call)) => {
            let wait = Duration::from_secs(args.wait);
            ask::decide(adapter, &call, wait, args.fallback, cx).await
        }
        Err(why) => fallback(
            args.fallback,
            &format!("hyperion cannot read what this agent's hook says: {why}"),
        ),
    };
    let Said {
        stdout,
        stderr,
        exit,
    } = adapter.say(&told);
    if let Some(json) = stdout {
        cx.output.data(&format!("{json}\n"));
    }
    if let Some(text) = stderr {
        cx.output.say_as_it_is(&format!("{text}\n"));
    }
    Ok(exit)
}

fn fallback(fallback: Fallback, why: &str) -> Told {
    match fallback {
        Fallback::Ask => Told::Ask(why.to_owned()),
        Fallback::Deny => Told::Deny(why.to_owned()),
    }
}

/// Reads the call that an agent is about to make; none where it is no business of ours.
fn read(adapter: &dyn Adapter, cx: &Cx) -> Result<Option<Call>, String> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(PAYLOAD_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > PAYLOAD_MAX {
        return Err("it is larger than 16 MB".to_owned());
    }
    let payload: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let mut call = adapter.read(&payload)?;
    if let Some(call) = &mut call
        && call.dir.is_relative()
    {
        call.dir = cx.current_dir().join(std::mem::take(&mut call.dir));
    }
    Ok(call)
}

/// Reads a text of a payload.
fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("it has no text `{name}`"))
}

/// Reads the folder of a payload; the current one where it says none.
fn dir(payload: &Value) -> PathBuf {
    payload
        .get("cwd")
        .and_then(Value::as_str)
        .map(PathBuf::from)
        .unwrap_or_default()
}
