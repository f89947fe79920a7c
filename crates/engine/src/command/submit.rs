//! A command comes to the door: it is judged, and its run is registered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyperion_api::{FieldError, Problem};
use hyperion_host::remove_tree;
use hyperion_model::run::{self, Ground, Run, Work};
use hyperion_model::{Actor, ApprovalId, Command, Digest, LineageId, Name, RunId, ShortText, Uuid};
use hyperion_policy::Judgement;
use hyperion_shim::{HeartbeatFrom, Spec, Stdin, VERSION, write_spec};
use hyperion_store::StoreError;

use super::ground::{Way, decide};
use super::{Record, Site, What, Wish, ask};
use crate::cx::json_blob;
use crate::run::{
    SandboxPlace, folder_of, give_channels, let_speak, limits_for, sandbox_for, words_max,
};
use crate::{Cx, Error, grant};

/// How long a command has to end after SIGTERM before it is killed.
const GRACE_MS: u64 = 10_000;
/// How long it may take where nobody said.
const TIMEOUT_SEC: u64 = 600;
/// The longest that may be said: a day.
const TIMEOUT_SEC_MAX: u64 = 24 * 3600;
/// Where bash is; commands are judged as bash reads them, so nothing else reads them.
const BASH: [&str; 3] = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash"];
/// How often a commit is tried again that lost against another use of a grant.
const ATTEMPTS_MAX: usize = 5;

/// A command that was taken.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// Its run.
    pub run: Run,
    /// What the rules say of it.
    pub judgement: Judgement,
    /// The question that it waits for.
    pub approval: Option<ApprovalId>,
}

/// Takes a command: it runs at once, waits for an agreement, or is refused.
pub fn submit(cx: &Cx, actor: &Actor, wish: &Wish) -> Result<Submitted, Error> {
    check(wish)?;
    let site = Site::of(cx, &wish.dir)?;
    let judgement = wish.what.judge(&site.rules, &site.place);
    let id = match &wish.key {
        Some(key) => keyed(actor, wish.asker.lineage, key),
        None => cx.id(RunId::new),
    };
    let lineage = cx.id(LineageId::new);
    let record = record(cx, wish, &site);
    let folder = folder_of(cx, id);
    let failed = |source| Error::Io {
        what: folder.display().to_string(),
        source,
    };
    // Two wishes with one key are one after the other.
    let _turn = wish.key.as_ref().map(|_| cx.machine.turn());
    if wish.key.is_some() {
        if let Some(run) = cx.store.get::<Run>(id)? {
            return known(cx, actor, &run, json_blob(&record)?.digest, judgement);
        }
        // Of a wish whose engine died before it was registered; perhaps of another command.
        remove_tree(&folder).map_err(failed)?;
    }
    if judgement.is_denied() {
        return Err(refused(&judgement));
    }
    let is_held = site.holds(cx, wish.sandbox, wish.network);
    let spec = spec(cx, (id, lineage), &folder, &record, &site)?;
    write_spec(&folder, &spec).map_err(failed)?;
    let way = register(cx, actor, (id, lineage), &record, &judgement, is_held);
    let way = way.inspect_err(|_| {
        // What cannot be removed now is swept up with other folders that belong to no run.
        let _ = remove_tree(&folder);
    })?;
    let run = find(cx, id)?;
    let approval = match way {
        Way::Ask(_) => Some(ask::ask(cx, actor, &run, &record, &judgement)?),
        Way::Go(_) | Way::Refuse => None,
    };
    Ok(Submitted {
        run,
        judgement,
        approval,
    })
}

/// Registers the run of a command in one commit with what lets it go on, if anything does.
pub(super) fn register(
    cx: &Cx,
    actor: &Actor,
    (id, lineage): (RunId, LineageId),
    record: &Record,
    judgement: &Judgement,
    is_held: bool,
) -> Result<Way, Error> {
    let blob = json_blob(record)?;
    let start = run::Command::Start {
        id,
        lineage,
        incarnation: 1,
        request: record.asker.request,
        work: Work::Command {
            name: ShortText::cut(&cx.redactor.redact(&name(&record.what))),
            asked_by: actor.clone(),
            launch: None,
        },
        spec: blob.digest,
    };
    let mut attempt = 0;
    loop {
        attempt += 1;
        let granted = match &judgement.shape {
            Some(shape) if !is_held => grant::covers(
                cx,
                &grant::Asked {
                    shape,
                    level: judgement
                        .level()
                        .unwrap_or(hyperion_model::Level::ManualOnly),
                    lineage: record.asker.lineage,
                    request: record.asker.request,
                    repo: record.repo,
                },
            )?,
            Some(_) | None => None,
        };
        let way = decide(judgement, is_held, granted.as_ref().map(|grant| grant.id));
        let mut commands = vec![Command::Run(id, start.clone())];
        match way {
            Way::Refuse => return Err(refused(judgement)),
            Way::Ask(_) => commands.push(Command::Run(id, run::Command::Hold)),
            Way::Go(ground) => {
                commands.push(Command::Run(id, run::Command::Allow(ground)));
                if let (Ground::Grant { .. }, Some(grant), Some(level)) =
                    (ground, &granted, judgement.level())
                {
                    commands.push(grant::used(grant, Some(id), level));
                }
            }
        }
        let done = finish_by_itself(record, &way);
        commands.extend(done.map(|command| Command::Run(id, command)));
        match cx.execute(cx.stamp_person(actor), commands, vec![blob.clone()]) {
            Ok(_) => return Ok(way),
            // Somebody else used the grant up, or took it back, in this moment.
            Err(Error::Store(StoreError::Refused { subject, .. }))
                if attempt < ATTEMPTS_MAX
                    && matches!(subject, hyperion_model::Subject::Grant(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

/// What an agent runs itself is over for us once it may.
fn finish_by_itself(record: &Record, way: &Way) -> Option<run::Command> {
    let may = matches!(way, Way::Go(_));
    (may && record.by_itself.is_some()).then(ended_elsewhere)
}

/// Notes that a command runs where we do not see it.
pub(super) fn ended_elsewhere() -> run::Command {
    run::Command::Finish(run::Ending {
        reason: Some(ShortText::cut("the agent runs it itself")),
        ..run::Ending::default()
    })
}

/// Answers a wish whose key is known.
fn known(
    cx: &Cx,
    actor: &Actor,
    run: &Run,
    digest: Digest,
    judgement: Judgement,
) -> Result<Submitted, Error> {
    if run.spec != digest {
        let short = run.id.short();
        let detail = format!(
            "the key belongs to run {short}, which is another command ({}, and this is {digest})",
            run.spec
        );
        return Err(Problem::new("approval.key_reused", detail)
            .hint("give each command a key of its own")
            .into());
    }
    let approval = match run.judged {
        Some(run::Judged::Held) if run.status.is_open() => {
            let record: Record = cx.require_json(run.spec)?;
            Some(ask::stands_or_ask(cx, actor, run, &record, &judgement)?)
        }
        _ => ask::latest(cx, run)?.map(|approval| approval.id),
    };
    Ok(Submitted {
        run: find(cx, run.id)?,
        judgement,
        approval,
    })
}

/// Says that policy refuses a command.
pub(super) fn refused(judgement: &Judgement) -> Error {
    let why: Vec<_> = judgement
        .reasons
        .iter()
        .map(|reason| reason.detail.as_str())
        .collect();
    let detail = format!("policy refuses the command: {}", why.join("; "));
    let hint = "`hyperion policy test --command …` says what the rules say; nobody can approve it";
    Problem::new("policy.refused", detail).hint(hint).into()
}

/// The run of a wish with a key: the same wish gives the same run.
fn keyed(actor: &Actor, lineage: Option<LineageId>, key: &Name) -> RunId {
    let space = lineage.map_or(Uuid::NAMESPACE_OID, LineageId::uuid);
    let name = format!("command\n{}\n{key}", actor.id());
    RunId::new(Uuid::new_v5(&space, name.as_bytes()))
}

/// The program's name.
fn name(what: &What) -> String {
    let first = match what {
        What::Command(text) => text.split_whitespace().next().unwrap_or_default(),
        What::Argv(argv) => argv.first().map_or("", String::as_str),
        What::Edit(_) => "edit",
    };
    let name = Path::new(first).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn record(cx: &Cx, wish: &Wish, site: &Site) -> Record {
    let shown = cx.redactor.redact(&wish.what.shown()).into_owned();
    Record {
        title: shown.lines().next().unwrap_or_default().to_owned(),
        command: shown,
        cwd: site.dir.clone(),
        what: wish.what.clone(),
        sandbox: wish.sandbox,
        network: wish.network,
        timeout_sec: wish.timeout.map(|limit| limit.as_secs()),
        asker: wish.asker,
        repo: site.repo.as_ref().map(|repo| repo.id),
        by_itself: None,
        has_key: wish.key.is_some(),
    }
}

/// Everything that is wrong with a wish.
fn check(wish: &Wish) -> Result<(), Error> {
    let mut wrong = Vec::new();
    let mut add = |pointer: &str, detail: String| {
        wrong.push(FieldError {
            pointer: pointer.to_owned(),
            detail,
        });
    };
    match &wish.what {
        What::Command(text) if text.trim().is_empty() => {
            add("/command", "there is no command".to_owned());
        }
        What::Argv(argv) if argv.first().is_none_or(String::is_empty) => {
            add("/argv", "it names no program".to_owned());
        }
        What::Argv(argv) if argv.len() > words_max() => {
            let words = argv.len();
            add(
                "/argv",
                format!("it has {words} words; {} are allowed", words_max()),
            );
        }
        What::Edit(_) => add("/command", "an edit is no command".to_owned()),
        What::Command(_) | What::Argv(_) => {}
    }
    let seconds = wish.timeout.map(|limit| limit.as_secs());
    if seconds.is_some_and(|limit| limit == 0 || limit > TIMEOUT_SEC_MAX) {
        add(
            "/timeout_sec",
            format!("give 1 to {TIMEOUT_SEC_MAX}, or leave it out"),
        );
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let detail = "the command cannot be run as it is described";
    Err(Problem::new("input.invalid", detail).errors(wrong).into())
}

/// What is started for a command.
pub(super) fn argv(what: &What) -> Result<Vec<String>, Error> {
    match what {
        What::Argv(argv) => Ok(argv.clone()),
        What::Command(text) => {
            let Some(bash) = BASH.iter().find(|path| Path::new(path).is_file()) else {
                let detail = "commands are read by bash, and this machine has none";
                return Err(Problem::new("tool.missing", detail)
                    .hint("install bash, or give the program and its arguments as `argv`")
                    .into());
            };
            let argv = [*bash, "--noprofile", "--norc", "-c", text];
            Ok(argv.map(str::to_owned).to_vec())
        }
        What::Edit(path) => Err(Error::Missing(format!("a command that edits {path}"))),
    }
}

/// Whether bash runs or takes over what a variable holds, before the command that was judged.
fn is_read_by_bash(name: &str) -> bool {
    matches!(
        name,
        "BASH_ENV" | "ENV" | "SHELLOPTS" | "BASHOPTS" | "PROMPT_COMMAND" | "PS4"
    ) || name.starts_with("BASH_FUNC_")
}

fn spec(
    cx: &Cx,
    (id, lineage): (RunId, LineageId),
    folder: &Path,
    record: &Record,
    site: &Site,
) -> Result<Spec, Error> {
    let objects: Option<PathBuf> = match &site.repo {
        Some(repo) if site.is_clone => Some(cx.repos.open(cx, repo.id)?.git.git_dir()),
        Some(_) | None => None,
    };
    let owner = record.asker.lineage.unwrap_or(lineage);
    let mut given = sandbox_for(
        cx,
        &SandboxPlace {
            folder: &site.root,
            is_persons: !site.is_clone,
            objects: objects.as_deref(),
            owner: owner.uuid(),
            level: record.sandbox,
            network: record.network,
        },
    )?;
    // A decision that rests on the sandbox counts for no less than that.
    given.sandbox.is_required = site.holds(cx, record.sandbox, record.network);
    let env = given.environment.into_iter();
    let timeout = Duration::from_secs(record.timeout_sec.unwrap_or(TIMEOUT_SEC));
    let mut spec = Spec {
        version: VERSION,
        run: id.to_string(),
        lineage: Some(lineage.to_string()),
        token: None,
        argv: argv(&record.what)?,
        cwd: site.dir.clone(),
        sandbox: given.sandbox,
        env: env.filter(|(name, _)| !is_read_by_bash(name)).collect(),
        umask: None,
        stdin: Stdin::Null,
        terminal: None,
        limits: limits_for(cx, Some(timeout)),
        background: true,
        heartbeat: HeartbeatFrom::Nobody,
        grace_ms: GRACE_MS,
        channels: Vec::new(),
        channel_socket: None,
    };
    give_channels(cx, &mut spec)?;
    let_speak(folder, &mut spec)?;
    Ok(spec)
}

/// Gives the question that a run waits for.
pub fn waits_for(cx: &Cx, run: &Run) -> Result<Option<ApprovalId>, Error> {
    let latest = ask::latest(cx, run)?;
    let latest = latest.filter(|approval| approval.status.is_open());
    Ok(latest.map(|approval| approval.id))
}

pub(super) fn find(cx: &Cx, id: RunId) -> Result<Run, Error> {
    let run = cx.store.get::<Run>(id)?;
    run.ok_or_else(|| Error::Missing(format!("run {id}")))
}
