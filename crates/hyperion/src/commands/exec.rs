//! `hyperion exec`

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use hyperion_api::ClientError;
use hyperion_api::run::{HeartbeatFrom, NetworkLevel, NewRun, Run, SandboxLevel};
use hyperion_host::Home;
use hyperion_sandbox::{Had, Layer};
use hyperion_shim::{End, Ended, Private};
use jiff::SignedDuration;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::background::program;
use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::id::short;
use crate::output::visible::visible;
use crate::session::Session;
use crate::{complete, view};
use relay::{Outcome, Relay};
use terminal::Terminal;

mod relay;
mod terminal;

/// The status of a command that took too long, as of `timeout`.
const TIMED_OUT: u8 = 124;
/// The status of a command that a limit or a person ended: as if by SIGKILL, or by SIGTERM.
const KILLED: u8 = 137;
/// See [`KILLED`].
const STOPPED: u8 = 143;
/// Added to the number of the signal that ended a command, as shells do.
const BY_SIGNAL: i32 = 128;
/// The signals that are passed on or acted upon.
const SIGNALS: [SignalKind; 7] = [
    SignalKind::interrupt(),
    SignalKind::terminate(),
    SignalKind::hangup(),
    SignalKind::quit(),
    SignalKind::user_defined1(),
    SignalKind::user_defined2(),
    SignalKind::window_change(),
];
/// How long the engine may take to put the end of a command on record before nobody waits for that.
const RECORD_WITHIN_MS: u32 = 2000;
/// Those for which tokio has no name.
const JOB_CONTROL: [Signal; 2] = [Signal::TSTP, Signal::CONT];

/// Run a command that outlives its engine, with its output kept
///
/// The command behaves as without `hyperion exec`: keys, signals, input and output pass through, and its exit status is this command's. It
/// is listed by `hyperion run list`, its output is kept, and it can be watched and stopped from anywhere. What fails before it starts exits 125,
/// a command that cannot be run 126, one that is not found 127, and one that took longer than --timeout 124.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion exec -- npm test
  hyperion exec --sandbox full --network off -- ./untrusted.sh
  hyperion exec --background --title nightly --timeout 2h -- make bench")]
pub(crate) struct Args {
    /// What it sees of this machine: off (all that you see), partial or full (this folder and the system)
    #[arg(long, value_name = "LEVEL", default_value = "off", value_parser = level::<SandboxLevel>, add = complete::words(&["off", "partial", "full"]))]
    sandbox: SandboxLevel,
    /// What it reaches: off (loopback alone), listed (hosts that the settings list) or on
    #[arg(long, value_name = "LEVEL", default_value = "on", value_parser = level::<NetworkLevel>, add = complete::words(&["off", "listed", "on"]))]
    network: NetworkLevel,
    /// What counts as a sign of life: output, cpu, socket or nobody
    #[arg(long, value_name = "WHAT", default_value = "nobody", value_parser = level::<HeartbeatFrom>, add = complete::words(&["output", "cpu", "socket", "nobody"]))]
    heartbeat_from: HeartbeatFrom,
    /// What lists call it, instead of the command line
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Print its id and return; it runs on, and others go first at CPU and disk
    #[arg(long)]
    background: bool,
    /// End it after so long: 30s, 5m, 2h
    #[arg(long, value_name = "TIME")]
    timeout: Option<Limit>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD", add = complete::command())]
    command: Vec<OsString>,
}

/// Reads a level by its name on the wire.
fn level<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(text.into())
}

/// How long a command may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit(pub(super) Duration);

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = text.parse::<u32>().ok();
        let limit = seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let parsed =
            limit.or_else(|| Duration::try_from(text.parse::<SignedDuration>().ok()?).ok());
        let limit = parsed.filter(|limit| !limit.is_zero());
        limit
            .map(Self)
            .ok_or("is not how long something takes: give 30s, 5m or 2h")
    }
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    // What goes wrong here must not look like the command's own status.
    carry_out(args, cx)
        .await
        .map_err(|error| Failure::of(&error).with_exit(Exit::ExecFailed).into())
}

async fn carry_out(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let background = args.background;
    let terminal = (!background).then(Terminal::of_process).flatten();
    let wish = wish(args, cx, terminal.is_some())?;
    let (reads, level) = (wish.reads, wish.sandbox);
    cx.with(Access::Change, async |session| {
        // From here on they are the command's.
        let signals = listen().context("listen for signals")?;
        let run = session.client().post("/api/runs", &wish).await;
        let run: Run = run.map_err(in_arguments)?;
        let home = Home::open(session.locations())?.context("find the home that took the run")?;
        let folder = home.runs().join(&run.id);
        let private = Private {
            argv: wish.argv,
            env: wish.env,
        };
        let (program, starting) = (program()?, folder.clone());
        let started = tokio::task::spawn_blocking(move || {
            hyperion_shim::start_with(&program, &starting, &private)?;
            if background {
                return anyhow::Ok(None);
            }
            let relay = Relay::new(starting, signals, terminal, reads);
            Ok(Some(relay.run().context("watch the command")?))
        });
        match started.await.context("watch the command")?? {
            None => {
                cx.output.data(&format!("{}\n", run.id));
                let id = short(&run.id);
                let hint = format!("`hyperion run logs {id} --follow` shows what it writes");
                cx.output.say(&view::hint(&hint));
                Ok(Exit::Done)
            }
            Some(outcome) => {
                if matches!(outcome, Outcome::Ended { .. }) {
                    wait_for_record(session, &run).await;
                }
                end(cx, &run, &folder, level, outcome)
            }
        }
    })
    .await
}

/// Waits until the engine has put the end on record, so that whoever looks next finds it; not for long, and not where no engine is.
async fn wait_for_record(session: &Session<'_>, run: &Run) {
    let path = format!("/api/runs/{}?ended_within_ms={RECORD_WITHIN_MS}", run.id);
    // Whatever the answer is, the command has ended.
    let _ = session.client().get::<Run>(&path).await;
}

/// Says of the arguments what is wrong with what was made of them.
fn in_arguments(error: ClientError) -> anyhow::Error {
    let ClientError::Problem(mut problem) = error else {
        return error.into();
    };
    for error in &mut problem.errors {
        let argument = match error.pointer.as_str() {
            "/argv" => "the command",
            "/cwd" => "this folder",
            "/env" => "the environment",
            "/title" => "--title",
            "/timeout_ms" => "--timeout",
            other => other,
        };
        error.pointer = argument.to_owned();
    }
    ClientError::Problem(problem).into()
}

/// Names a layer of the sandbox.
fn layer(layer: Layer) -> String {
    let name = serde_json::to_value(layer);
    let name = name.ok().and_then(|name| Some(name.as_str()?.to_owned()));
    view::run::layer_name(&name.unwrap_or_default())
}

/// What is asked of the engine.
fn wish(args: Args, cx: &Cx, has_terminal: bool) -> anyhow::Result<NewRun> {
    let text = |word: OsString| {
        word.into_string().map_err(|word| {
            let word = word.to_string_lossy();
            Failure::usage(format!("the argument {word:?} is not UTF-8"))
                .hint("put what it names where its name is UTF-8, or call the command without `hyperion exec`")
        })
    };
    let argv: Result<Vec<_>, _> = args.command.into_iter().map(text).collect();
    let cwd = text(cx.current_dir().as_os_str().to_owned())?;
    let mut env = Vec::new();
    for (name, value) in cx.variables().iter() {
        match (name.to_str(), value.to_str()) {
            (Some(name), Some(value)) => env.push((name.to_owned(), value.to_owned())),
            _ => cx.output.say(&view::warning(&format!(
                "the variable {} is not UTF-8, and is left out",
                visible(&name.to_string_lossy())
            ))),
        }
    }
    let timeout = args.timeout.map(|Limit(limit)| limit.as_millis());
    let size = has_terminal.then(terminal::size);
    Ok(NewRun {
        argv: argv?,
        cwd,
        env,
        title: args.title,
        reads: !args.background && (has_terminal || has_input()),
        terminal: size.map(|size| (size.rows, size.cols)),
        sandbox: args.sandbox,
        network: args.network,
        heartbeat_from: args.heartbeat_from,
        background: args.background,
        umask: umask(),
        timeout_ms: timeout.map(|limit| u64::try_from(limit).unwrap_or(u64::MAX)),
    })
}

/// Gives the mask for new files: an engine that starts the command again has another one.
fn umask() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let umask = status
        .lines()
        .find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(umask.trim(), 8).ok()
}

/// Whether there is something to read: neither closed nor `/dev/null`.
fn has_input() -> bool {
    let stat = |fd: std::os::fd::BorrowedFd<'_>| rustix::fs::fstat(fd).ok();
    let null = std::fs::File::open("/dev/null").ok();
    let null = null.and_then(|null| rustix::fs::fstat(&null).ok());
    let own = stat(std::os::fd::AsFd::as_fd(&io::stdin()));
    own.is_some_and(|own| {
        null.is_none_or(|null| (own.st_dev, own.st_ino) != (null.st_dev, null.st_ino))
    })
}

/// Listens for signals from here on; each that comes is a byte with its number.
fn listen() -> io::Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    writer.set_nonblocking(true)?;
    let kinds = SIGNALS.into_iter();
    let kinds = kinds.chain(JOB_CONTROL.map(|signal| SignalKind::from_raw(signal.as_raw())));
    for kind in kinds {
        let mut coming = signal(kind)?;
        let mut writer = writer.try_clone()?;
        tokio::spawn(async move {
            while coming.recv().await.is_some() {
                // Where so many wait already, one more tells nothing new.
                let number = u8::try_from(kind.as_raw_value()).unwrap_or(0);
                let _ = writer.write(&[number]);
            }
        });
    }
    Ok(reader)
}

/// Says of a command that left to wait for a decision how it goes on.
fn say_what_it_waits_for(cx: &Cx, id: &str, folder: &Path, ended: &Ended) {
    let waits = match ended.waits_for.as_slice() {
        [] => hyperion_shim::asks::unanswered(folder).is_ok_and(|asks| !asks.is_empty()),
        _ => true,
    };
    if ended.end
        != (End::Exited {
            code: Exit::Waiting.code().into(),
        })
        || !waits
    {
        return;
    }
    let approvals: Vec<_> = ended.waits_for.iter().map(|id| short(id)).collect();
    cx.output.say(&format!(
        "Run {id} waits for a decision, and goes on by itself after it: hyperion approval approve {}",
        if approvals.is_empty() { "ID".to_owned() } else { approvals.join(" ") }
    ));
    cx.output.say(&view::hint(&format!(
        "`hyperion approval list` shows what is asked, `hyperion run stop {id}` gives it up"
    )));
}

/// Whether a layer that was not had, or not whole, is one that the level means: `partial` has no mounts and processes of its own, and
/// hides no sockets.
fn is_missed(level: SandboxLevel, had: &Had, layer: Layer) -> bool {
    let own = matches!(
        layer,
        Layer::MountNamespace | Layer::CacheOverlay | Layer::PidNamespace
    );
    level != SandboxLevel::Partial || !(own || had.has(layer))
}

/// Says what the person has to know beyond the status, and gives the command's own status on.
fn end(
    cx: &Cx,
    run: &Run,
    folder: &Path,
    level: SandboxLevel,
    outcome: Outcome,
) -> anyhow::Result<Exit> {
    let id = short(&run.id);
    let (ended, lost) = match outcome {
        Outcome::Ended { ended, lost } => (ended, lost),
        Outcome::Lost => {
            let what = format!(
                "run {id} is lost: the process that kept it was killed, and the command with it"
            );
            let failure = Failure::new(Exit::ExecFailed, what);
            return Err(failure
                .hint(format!("`hyperion run logs {id}` has what it wrote"))
                .into());
        }
    };
    let causes = [
        (lost.too_much, "setting run.log_max_mb"),
        (lost.no_room, "the disk was full"),
    ];
    for (bytes, why) in causes.into_iter().filter(|(bytes, _)| *bytes > 0) {
        cx.output.say(&view::warning(&format!(
            "{bytes} bytes of output were not kept, and are missing above ({why})"
        )));
    }
    say_what_it_waits_for(cx, id, folder, &ended);
    let Ended { end, had, .. } = *ended;
    let lacks = had.lacks.iter();
    for lack in lacks.filter(|lack| is_missed(level, &had, lack.layer)) {
        cx.output.say(&view::warning(&format!(
            "run {id} went without {}: {}",
            layer(lack.layer),
            visible(&lack.why)
        )));
    }
    let code = match end {
        End::Exited { code } => u8::try_from(code & 0xff).unwrap_or(u8::MAX),
        End::Signalled { signal } => u8::try_from(BY_SIGNAL + signal).unwrap_or(u8::MAX),
        End::Limit { limit } if limit == "wall" => {
            cx.output.say(&view::warning(&format!(
                "run {id} took longer than --timeout, and was ended"
            )));
            TIMED_OUT
        }
        End::Limit { limit } => {
            cx.output.say(&view::warning(&format!(
                "run {id} was ended: it reached its limit of {limit}"
            )));
            KILLED
        }
        End::Stopped => {
            cx.output
                .say(&view::warning(&format!("run {id} was stopped")));
            STOPPED
        }
        End::NotStarted { code, why } => {
            let exit = match code {
                127 => Exit::CommandNotFound,
                126 => Exit::CommandCannotRun,
                _ => Exit::ExecFailed,
            };
            cx.output.say(&Failure::new(exit, why).render());
            return Ok(exit);
        }
    };
    cx.passes_on(code);
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    // S1: what a level is without is no news; what it should have had is.
    #[test]
    fn only_what_a_level_means_is_missed() {
        let had = Had {
            layers: vec![Layer::Landlock],
            ..Had::default()
        };
        let missed = |level| {
            let mut layers = Layer::ALL.to_vec();
            layers.retain(|layer| is_missed(level, &had, *layer));
            layers
        };
        assert_eq!(missed(SandboxLevel::Full), Layer::ALL);
        let missed = missed(SandboxLevel::Partial);
        assert!(missed.contains(&Layer::Seccomp) && missed.contains(&Layer::NetworkNamespace));
        assert!(!missed.contains(&Layer::MountNamespace) && !missed.contains(&Layer::Landlock));
    }
}
