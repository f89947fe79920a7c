//! Trying the checks of a repository in their sandbox before anything waits for them: which pass there, and what the others reached for.
//!
//! A trial is no run: nothing is recorded, nothing depends on it. If the engine dies meanwhile, the shim ends the check when its time is
//! over, and what is left on disk is swept up like that of any run that nobody knows.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hyperion_api::repo::TriedCheck;
use hyperion_git::{Lane, Oid};
use hyperion_host::{CancelFlag, confine_this_thread, remove_tree};
use hyperion_model::repo::Repo;
use hyperion_sandbox::{Lack, Level};
use hyperion_shim::{Body, End, Ended, Found, HeartbeatFrom, Private, Spec, Stdin};

use super::needs::{Needs, Ran, needs};
use super::sandbox::{Place, limits_for, remove_home, sandbox_for};
use super::{CheckSpec, OTHER_LANES, end_of, give_channels, lanes};
use crate::repo::Opened;
use crate::{Cx, Error};

/// The lane that trials have for themselves.
const TRIAL_LANE: u16 = OTHER_LANES + 1;
/// How long all checks of a repository are tried.
const ALL_MAX: Duration = Duration::from_secs(120);
/// How often it is looked whether one ended.
const LOOK: Duration = Duration::from_millis(50);
/// How long a shim may take besides the time of its check: to start, to end what is left, to write that down.
const GRACE: Duration = Duration::from_secs(30);
/// How much of an output is read and shown.
const READ_BYTES: usize = 256 * 1024;
const SHOWN_BYTES: usize = 2 * 1024;

/// Tries every check of a repository's branch, each for some time at most.
pub fn try_checks(cx: &Cx, repo: &Repo, each: Duration) -> Result<Vec<TriedCheck>, Error> {
    let opened = cx.repos.open(cx, repo.id)?;
    let tip = opened.tip(&repo.branch)?;
    let (file, _) = opened.file_and_rules(cx, &tip)?;
    let checks = file.checks.into_iter();
    let checks: Vec<_> = checks
        .map(|(name, check)| CheckSpec::of(name, check, &cx.settings))
        .collect();
    if let Some(why) = not_here(cx) {
        return Ok(checks.iter().map(|check| not_tried(check, &why)).collect());
    }
    try_each(cx, &opened, &tip, &checks, each)
}

/// Makes the lane hold the files, in a thread of its own: the mark against new privileges cannot be taken off again, and comes before
/// what an earlier check left there.
fn prepare(cx: &Cx, opened: &Opened, tip: &Oid) -> Result<Lane, Error> {
    let prepared = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            confine_this_thread().map_err(failed("no-new-privileges"))?;
            Ok(Lane::prepare(
                &lanes(cx, opened),
                TRIAL_LANE,
                &opened.git,
                tip,
            )?)
        });
        thread.join()
    });
    prepared.unwrap_or_else(|_| Err(Error::Missing("the thread that prepares a lane".to_owned())))
}

/// Says why nothing is tried on this machine: without namespaces a check would see what it is to be kept from.
fn not_here(cx: &Cx) -> Option<String> {
    match hyperion_sandbox::probe(&cx.settings.shim_program) {
        Ok(had) if had.level == Level::Full => None,
        Ok(had) => Some(
            had.lacks
                .first()
                .map_or_else(String::new, |lack| lack.why.clone()),
        ),
        Err(why) => Some(why),
    }
}

fn try_each(
    cx: &Cx,
    opened: &Opened,
    tip: &Oid,
    checks: &[CheckSpec],
    each: Duration,
) -> Result<Vec<TriedCheck>, Error> {
    let until = Instant::now() + ALL_MAX;
    let mut tried = Vec::new();
    for check in checks {
        let left = until.saturating_duration_since(Instant::now());
        let time = left.min(each).min(check.timeout(&cx.settings));
        if time.is_zero() {
            tried.push(not_tried(check, "the others took all the time there is"));
            continue;
        }
        // Made anew for each: one must not see what another left.
        let lane = prepare(cx, opened, tip)?;
        tried.push(try_one(
            cx,
            &opened.git.git_dir(),
            lane.path(),
            check,
            time,
        )?);
    }
    Ok(tried)
}

fn try_one(
    cx: &Cx,
    git: &Path,
    lane: &Path,
    check: &CheckSpec,
    time: Duration,
) -> Result<TriedCheck, Error> {
    let id = cx.ids.next();
    let folder = cx.home.runs().join(id.to_string());
    let place = Place {
        folder: lane,
        is_persons: false,
        objects: Some(git),
        owner: id,
        level: check.sandbox,
        network: check.network,
    };
    let given = sandbox_for(cx, &place)?;
    let mut env = given.environment;
    env.push(("CI".to_owned(), "true".to_owned()));
    let mut spec = Spec {
        version: hyperion_shim::VERSION,
        run: id.to_string(),
        lineage: None,
        token: None,
        argv: ["/bin/sh", "-c", &check.command]
            .map(str::to_owned)
            .to_vec(),
        cwd: lane.to_path_buf(),
        env,
        umask: None,
        stdin: Stdin::Null,
        terminal: None,
        sandbox: given.sandbox,
        limits: limits_for(cx, Some(time)),
        background: true,
        heartbeat: HeartbeatFrom::Nobody,
        grace_ms: 1000,
        channels: Vec::new(),
        channel_socket: None,
    };
    give_channels(cx, &mut spec)?;
    let began = Instant::now();
    let ran = run(cx, &folder, &spec, time);
    for left in [
        remove_tree(&folder).map_err(failed("the folder of a trial")),
        remove_home(cx, id),
    ] {
        if let Err(error) = left {
            tracing::warn!(%error, "what a trial left is there until it is swept up");
        }
    }
    let (ended, output) = ran?;
    let person_home = spec.sandbox.person_home.as_deref();
    let ran = Ran {
        network: check.network,
        lane,
        home: person_home,
        exists: &|path| path.symlink_metadata().is_ok(),
    };
    let (result, exit_code) = match &ended.end {
        End::Exited { code: 0 } => ("passed", Some(0)),
        End::Exited { code } | End::NotStarted { code, .. } => ("failed", Some(*code)),
        End::Signalled { .. } => ("failed", None),
        End::Limit { .. } | End::Stopped => ("unfinished", None),
    };
    let missed = match result {
        "passed" => Needs::default(),
        _ => needs(&String::from_utf8_lossy(&output), &ran),
    };
    let shown = end_of(&cx.redactor, &output, SHOWN_BYTES);
    Ok(TriedCheck {
        name: check.name.clone(),
        result: result.to_owned(),
        exit_code,
        why: match &ended.end {
            End::NotStarted { why, .. } => Some(why.clone()),
            End::Signalled { signal } => Some(format!("signal {signal} ended it")),
            End::Limit { limit } if limit != "wall" => Some(format!("it used too much: {limit}")),
            End::Exited { .. } | End::Limit { .. } | End::Stopped => None,
        },
        needs: missed.told,
        asks: missed.asks.map(str::to_owned),
        lacks: ended.had.lacks.iter().map(said).collect(),
        output: if result == "passed" {
            String::new()
        } else {
            shown
        },
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

/// Runs it to its end, which the shim sees to; gives the output, too.
fn run(cx: &Cx, folder: &Path, spec: &Spec, time: Duration) -> Result<(Ended, Vec<u8>), Error> {
    hyperion_shim::write_public_spec(folder, spec).map_err(failed("the folder of a trial"))?;
    let program: &PathBuf = &cx.settings.shim_program;
    let started = hyperion_shim::start_with(program, folder, &Private::of(spec));
    started.map_err(|error| Error::Missing(error.to_string()))?;
    let until = Instant::now() + time + GRACE;
    let pause = CancelFlag::new().map_err(failed("a pipe"))?;
    let ended = loop {
        match hyperion_shim::look(folder).map_err(failed("the folder of a trial"))? {
            Found::Ended(ended) => break ended,
            Found::Live { .. } | Found::NotStarted if Instant::now() < until => {
                pause.wait(LOOK).map_err(failed("a pipe"))?;
            }
            _ => {
                return Err(Error::Missing(
                    "how a trial ended: its shim is gone, or does not answer".to_owned(),
                ));
            }
        }
    };
    let frames = hyperion_shim::spool::read(folder, 0, READ_BYTES);
    let frames = frames.map_err(failed("the output of a trial"))?;
    let pieces = frames.into_iter().filter_map(|frame| match frame.body {
        Body::Output(_, bytes) => Some(bytes),
        _ => None,
    });
    Ok((ended, pieces.flatten().collect()))
}

fn not_tried(check: &CheckSpec, why: &str) -> TriedCheck {
    TriedCheck {
        name: check.name.clone(),
        result: "not_tried".to_owned(),
        exit_code: None,
        why: Some(why.to_owned()),
        needs: Vec::new(),
        asks: None,
        lacks: Vec::new(),
        output: String::new(),
        duration_ms: 0,
    }
}

fn said(lack: &Lack) -> String {
    lack.why.clone()
}

fn failed(what: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io {
        what: what.to_owned(),
        source,
    }
}
