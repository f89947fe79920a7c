//! Commands that a person has run under supervision.
//!
//! Here one is only registered, and its folder laid out. Whoever asked for it starts its shim, so that it has the limits, the priority and
//! the control group of that person's shell; the supervisor finds the shim as it finds those of a dead engine.

use std::path::{Path, PathBuf};

use hyperion_api::run::{HeartbeatFrom, NetworkLevel, NewRun, SandboxLevel};
use hyperion_api::{FieldError, Problem};
use hyperion_host::remove_tree;
use hyperion_model::run::{self, Run, Work};
use hyperion_model::{Actor, Command, LineageId, NewBlob, RunId, ShortText};
use hyperion_sandbox::{Level, Limits, Network};
use hyperion_shim::{Private, Size, Spec, Stdin, VERSION, write_public_spec};
use serde_json::json;

use super::sandbox::{Place, sandbox_for};
use super::{folder_of, give_channels, let_speak};
use crate::cx::json_blob;
use crate::{Cx, Error};

/// The most words of a command line.
const WORDS_MAX: usize = 65_536;
/// How long a command has to end after SIGTERM before it is killed.
const GRACE_MS: u64 = 10_000;
/// The longest a command may take, if it is said at all: a year.
const TIMEOUT_MS_MAX: u64 = 366 * 24 * 3600 * 1000;
/// Variables that are a person's, and none of what runs.
const NOT_PASSED_ON: [&str; 3] = ["HYPERION_TOKEN", "HYPERION_URL", "HYPERION_RUN_TOKEN"];

/// Gives the most words of a command line.
pub(crate) const fn words_max() -> usize {
    WORDS_MAX
}

/// Registers a command, and lays out the folder in which its shim is to be started.
pub fn register(cx: &Cx, actor: &Actor, wish: &NewRun) -> Result<Run, Error> {
    let mut wrong = check(wish);
    wrong.extend(kept_from_sandboxes(cx, wish));
    if !wrong.is_empty() {
        let detail = "the command cannot be run as it is described";
        return Err(Problem::new("input.invalid", detail).errors(wrong).into());
    }
    let id = cx.id(RunId::new);
    let lineage = cx.id(LineageId::new);
    let line = line(&wish.argv);
    let title = cx.redactor.redact(wish.title.as_ref().unwrap_or(&line));
    let name = wish.argv.first().map(Path::new);
    let name = name.and_then(Path::file_name).unwrap_or_default();
    // What lists show.
    let told = json!({
        "title": title,
        "command": cx.redactor.redact(&line),
        "cwd": wish.cwd,
        "sandbox": wish.sandbox,
        "network": wish.network,
    });
    let blob = NewBlob::new(told.to_string().as_bytes());
    // First the folder: whoever finds the run finds what it is. Without the run nobody ever looks into the folder.
    let folder = folder_of(cx, id);
    let spec = spec(cx, (id, lineage), &folder, wish)?;
    write_public_spec(&folder, &spec).map_err(|source| Error::Io {
        what: folder.display().to_string(),
        source,
    })?;
    // What may hold secrets is content: encrypted, and purged with the run. The caller has it, and hands it to the shim.
    let launch = json_blob(&Private::of(&spec))?;
    let start = run::Command::Start {
        id,
        lineage,
        incarnation: 1,
        request: None,
        work: Work::Command {
            name: ShortText::cut(&cx.redactor.redact(&name.to_string_lossy())),
            asked_by: actor.clone(),
            launch: Some(launch.digest),
        },
        spec: blob.digest,
    };
    let commands = vec![Command::Run(id, start)];
    if let Err(error) = cx.execute(cx.stamp_person(actor), commands, vec![blob, launch]) {
        // What cannot be removed now is swept up with other folders that belong to no run.
        let _ = remove_tree(&folder);
        return Err(error);
    }
    let run = cx.store.get::<Run>(id)?;
    run.ok_or_else(|| Error::Missing(format!("run {id}")))
}

/// Everything that is wrong with a wish.
fn check(wish: &NewRun) -> Vec<FieldError> {
    let mut wrong = Vec::new();
    let mut add = |pointer: &str, detail: String| {
        wrong.push(FieldError {
            pointer: pointer.to_owned(),
            detail,
        });
    };
    if wish.argv.first().is_none_or(String::is_empty) {
        add("/argv", "it names no program".to_owned());
    }
    if wish.argv.len() > WORDS_MAX {
        let words = wish.argv.len();
        add(
            "/argv",
            format!("it has {words} words; {WORDS_MAX} are allowed"),
        );
    }
    if wish.argv.iter().any(|word| word.contains('\0')) {
        add("/argv", "a word holds the character NUL".to_owned());
    }
    let cwd = Path::new(&wish.cwd);
    if !cwd.is_absolute() {
        add(
            "/cwd",
            format!("{:?} is not a whole path: begin with /", wish.cwd),
        );
    } else if !cwd.is_dir() {
        add("/cwd", format!("there is no folder {:?}", wish.cwd));
    }
    let is_name = |name: &str| !name.is_empty() && !name.contains(['=', '\0']);
    if let Some((name, _)) = wish
        .env
        .iter()
        .find(|(name, value)| !is_name(name) || value.contains('\0'))
    {
        add(
            "/env",
            format!("{name:?} is no name of a variable, or its value holds NUL"),
        );
    }
    if wish
        .title
        .as_ref()
        .is_some_and(|title| title.trim().is_empty())
    {
        add("/title", "it is empty: leave it out".to_owned());
    }
    if wish
        .timeout_ms
        .is_some_and(|limit| limit == 0 || limit > TIMEOUT_MS_MAX)
    {
        add(
            "/timeout_ms",
            format!("give 1 to {TIMEOUT_MS_MAX}, or leave it out"),
        );
    }
    wrong
}

/// Refuses a folder whose files a sandbox would have to give and to keep away at once, whatever it is called.
fn kept_from_sandboxes(cx: &Cx, wish: &NewRun) -> Option<FieldError> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    if wish.sandbox == SandboxLevel::Off {
        return None;
    }
    let cwd = real(Path::new(&wish.cwd));
    let own = [cx.home.path(), cx.home.cache()].map(real);
    let home = wish.env.iter().rev().find(|(name, _)| name == "HOME");
    let home = home.map(|(_, home)| real(Path::new(home)));
    let what = if own
        .iter()
        .any(|own| own.starts_with(&cwd) || cwd.starts_with(own))
    {
        "Hyperion's own folders"
    } else if home.is_some_and(|home| home.starts_with(&cwd)) {
        "your HOME"
    } else {
        return None;
    };
    Some(FieldError {
        pointer: "/cwd".to_owned(),
        detail: format!(
            "the folder {} has to do with {what}, which a sandbox keeps from the command: start it in a folder of its own",
            wish.cwd
        ),
    })
}

/// The command line as a shell reads it.
pub(crate) fn line(argv: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    let words = argv.iter().map(|word| {
        if !word.is_empty() && word.chars().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn spec(
    cx: &Cx,
    (id, lineage): (RunId, LineageId),
    folder: &Path,
    wish: &NewRun,
) -> Result<Spec, Error> {
    let cwd = PathBuf::from(&wish.cwd);
    let given = sandbox_for(
        cx,
        &Place {
            folder: &cwd,
            is_persons: true,
            objects: None,
            owner: lineage.uuid(),
            level: match wish.sandbox {
                SandboxLevel::Off => Level::Off,
                SandboxLevel::Partial => Level::Partial,
                SandboxLevel::Full => Level::Full,
            },
            network: match wish.network {
                NetworkLevel::Off => Network::Off,
                NetworkLevel::Listed => Network::Listed,
                NetworkLevel::On => Network::On,
            },
        },
    )?;
    let env = wish.env.iter();
    let env: Vec<_> = env
        .filter(|(name, _)| !NOT_PASSED_ON.contains(&name.as_str()))
        .cloned()
        .collect();
    let mut spec = Spec {
        version: VERSION,
        run: id.to_string(),
        lineage: Some(lineage.to_string()),
        token: None,
        argv: wish.argv.clone(),
        cwd,
        sandbox: given.sandbox,
        env,
        umask: wish.umask.map(|umask| umask & 0o777),
        stdin: match wish.reads {
            true => Stdin::Attached,
            false => Stdin::Null,
        },
        terminal: wish.terminal.map(|(rows, cols)| Size { rows, cols }),
        limits: Limits {
            wall_ms: wish.timeout_ms,
            output_max_bytes: u64::try_from(cx.settings.log_max_bytes).ok(),
            ..Limits::default()
        },
        background: wish.background,
        heartbeat: match wish.heartbeat_from {
            HeartbeatFrom::Output => hyperion_shim::HeartbeatFrom::Output,
            HeartbeatFrom::Cpu => hyperion_shim::HeartbeatFrom::Cpu,
            HeartbeatFrom::Socket => hyperion_shim::HeartbeatFrom::Socket,
            HeartbeatFrom::Nobody => hyperion_shim::HeartbeatFrom::Nobody,
        },
        grace_ms: GRACE_MS,
        channels: Vec::new(),
        channel_socket: None,
    };
    give_channels(cx, &mut spec)?;
    let_speak(folder, &mut spec)?;
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_typed_into_a_shell() {
        let argv = ["echo", "", "it's $HOME", "a=b"].map(str::to_owned);
        assert_eq!(line(&argv), r"echo '' 'it'\''s $HOME' a=b");
    }

    #[test]
    fn a_wish_that_cannot_be_met_names_every_field() {
        let wish: NewRun = serde_json::from_value(json!({
            "argv": ["", "a\u{0}"], "cwd": "here", "env": [["A=B", "c"]], "title": " ", "timeout_ms": 0,
        }))
        .unwrap();
        let wrong: Vec<_> = check(&wish)
            .into_iter()
            .map(|error| error.pointer)
            .collect();
        assert_eq!(
            wrong,
            ["/argv", "/argv", "/cwd", "/env", "/title", "/timeout_ms"]
        );
    }
}
