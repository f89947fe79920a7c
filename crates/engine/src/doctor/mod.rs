//! Looks at everything the work rests on, and says what to do about what is not well.

mod backup;
mod history;
mod notify;
mod remotes;
mod sandbox;
mod secrets;

pub use history::mend;

use std::time::Duration;

use hyperion_api::doctor::{Finding, Health, Report};
use hyperion_git::{Checkout, CheckoutBlock};
use hyperion_host::{Container, free_bytes};
use hyperion_model::entry::{Entry, Status};
use hyperion_model::repo::Repo;
use hyperion_store::{Filter, Notice};
use hyperion_watch::Unwatched;

use crate::error::chain;
use crate::files::State;
use crate::repo::Check;
use crate::{Cx, Error, tool};

/// Below this the disk is too full to work safely.
const MIN_FREE_BYTES: u64 = 64 * 1024 * 1024;
/// Below this the disk will be full soon.
const LOW_FREE_BYTES: u64 = 1024 * 1024 * 1024;

/// An agent's clone that was not used for so long was left.
const CLONE_LEFT_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// What to do about a damaged structure.
const RESTORE: &str = "no work is done while it is damaged: keep a copy of the home, then restore the latest backup; `hyperion audit verify` shows how far the damage goes";
/// What to do about a damaged log file.
const LOG_RESTORE: &str = "keep a copy of the home, then restore the latest backup; or cut the log file off before the damaged bytes (`truncate -s FIRST_BYTE FILE`), which loses what was committed after them";

/// Looks at everything.
pub fn examine(cx: &Cx, version: &str) -> Report {
    let mut findings = vec![store(cx), key(cx)];
    findings.extend(history::look(cx));
    findings.extend([git(cx), disk(cx), clock(cx)]);
    findings.extend(notices(cx));
    findings.extend(repos(cx));
    findings.extend(remotes::look(cx));
    findings.extend(history::twins(cx));
    findings.extend(history::landings(cx));
    findings.extend(history::moved(cx));
    findings.push(queue(cx));
    findings.extend(clones(cx));
    findings.extend(backup::look(cx));
    findings.push(sandbox::look(&cx.settings.shim_program));
    findings.push(notify::look(cx));
    findings.extend(root());
    findings.extend(container());
    findings.extend(watching(cx));
    Report {
        version: version.to_owned(),
        findings,
    }
}

/// Reads the files of the home, and says where a secret lies in them that may not be there.
pub fn scan(cx: &Cx, version: &str) -> Report {
    Report {
        version: version.to_owned(),
        findings: secrets::look(cx),
    }
}

fn finding(name: &str, health: Health, detail: impl Into<String>, fix: Option<String>) -> Finding {
    Finding {
        name: name.to_owned(),
        health,
        detail: detail.into(),
        fix,
    }
}

fn store(cx: &Cx) -> Finding {
    match cx.store.check_structure() {
        Ok(structure) if structure.is_sound() => {
            let seq = cx.store.last_seq().unwrap_or(0);
            finding("store", Health::Ok, format!("sound; {seq} events"), None)
        }
        Ok(structure) => finding(
            "store",
            Health::Error,
            structure.problems.join("; "),
            Some(RESTORE.to_owned()),
        ),
        Err(error) => finding(
            "store",
            Health::Error,
            chain(&error),
            Some(error.hint().to_owned()),
        ),
    }
}

fn key(cx: &Cx) -> Finding {
    let path = cx.home.key();
    if path.exists() {
        finding(
            "key",
            Health::Warning,
            format!("in the home, at {}", path.display()),
            Some("keep a copy elsewhere: a backup of the home leaves it out, and without it stored content cannot be read".to_owned()),
        )
    } else {
        finding("key", Health::Ok, "outside the home", None)
    }
}

/// Names agents' clones that somebody left: what they hold is nowhere else, so nobody else removes them.
fn clones(cx: &Cx) -> Option<Finding> {
    let left = tool::clones_left(cx, CLONE_LEFT_AFTER);
    let (id, folder) = left.first()?;
    let detail = format!(
        "{} not used for a week, and may hold work that was not handed in; the first is {id}, at {}",
        if left.len() == 1 {
            "a clone was".to_owned()
        } else {
            format!("{} clones were", left.len())
        },
        folder.display()
    );
    let fix = format!("go on in it (`hyperion mcp git --clone {id}`), or delete that folder");
    Some(finding("clones", Health::Warning, detail, Some(fix)))
}

fn notices(cx: &Cx) -> Vec<Finding> {
    cx.store
        .notices()
        .iter()
        .map(|notice| match notice {
            Notice::KeyLost { key_id, since_seq } => finding(
                "key",
                Health::Error,
                format!("the key {key_id} is not here: content it encrypted cannot be read, and the seal of the events up to {since_seq} cannot be checked"),
                Some(format!("if you have a copy of the key, add the line of {key_id} to the end of the key file; everything else goes on")),
            ),
            Notice::KeyExposed { path } => finding(
                "key",
                Health::Warning,
                format!("others may read {}", path.display()),
                Some(format!("chmod 600 {}", path.display())),
            ),
            Notice::LogDamaged { detail } => {
                finding("log file", Health::Error, detail, Some(LOG_RESTORE.to_owned()))
            }
            migrated @ Notice::Migrated { .. } => {
                finding("store", Health::Ok, migrated.to_string(), None)
            }
        })
        .collect()
}

fn git(cx: &Cx) -> Finding {
    if let Err(error) = cx.git.check() {
        let remedy = error.remedy();
        return finding(
            "git",
            Health::Error,
            crate::error::chain(&error),
            Some(remedy),
        );
    }
    let version = cx.git.version();
    let fast = cx.git.features().merges_trees;
    let detail = format!("git {version} at {}", cx.git.program().display());
    if fast {
        finding("git", Health::Ok, detail, None)
    } else {
        finding(
            "git",
            Health::Warning,
            format!("{detail}; it works, but merges are slower than they could be"),
            Some("install git 2.45 or newer".to_owned()),
        )
    }
}

fn disk(cx: &Cx) -> Finding {
    let path = cx.home.path();
    match free_bytes(path) {
        Err(error) => finding(
            "disk",
            Health::Error,
            format!("{}: {error}", path.display()),
            None,
        ),
        Ok(free) => {
            let mib = free / (1024 * 1024);
            let detail = format!("{mib} MiB free at {}", path.display());
            let fix = Some("free some space, or move the home with HYPERION_HOME".to_owned());
            match free {
                free if free < MIN_FREE_BYTES => finding("disk", Health::Error, detail, fix),
                free if free < LOW_FREE_BYTES => finding("disk", Health::Warning, detail, fix),
                _ => finding("disk", Health::Ok, detail, None),
            }
        }
    }
}

/// A clock that went back behind the last event would put new events before old ones.
fn clock(cx: &Cx) -> Finding {
    let now = cx.now();
    let last = cx.store.last_seq().ok().filter(|seq| *seq > 0);
    let last = last.and_then(|seq| cx.store.events_after(seq - 1, 1).ok());
    let last = last.and_then(|page| page.events.first().map(|event| event.event.stamp.time));
    match last {
        Some(last) if last > now => finding(
            "clock",
            Health::Warning,
            format!("it shows {now}, but the last event is from {last}"),
            Some("set the clock right (for instance with systemd-timesyncd)".to_owned()),
        ),
        Some(_) | None => finding("clock", Health::Ok, format!("it shows {now}"), None),
    }
}

fn repos(cx: &Cx) -> Vec<Finding> {
    let rows = match cx.store.list::<Repo>(&Filter::open().limit(100)) {
        Ok(page) => page.rows,
        Err(error) => return vec![finding("repos", Health::Error, chain(&error), None)],
    };
    if rows.is_empty() {
        let fix = Some("run `hyperion init` in a repository".to_owned());
        return vec![finding(
            "repos",
            Health::Warning,
            "no repository is registered",
            fix,
        )];
    }
    rows.iter()
        .map(|repo| look_at(cx, repo).unwrap_or_else(|error| broken(repo, &error)))
        .collect()
}

fn broken(repo: &Repo, error: &Error) -> Finding {
    let fix = match error {
        Error::Repo(error) => Some(error.remedy()),
        Error::Git(error) => error.remedy(),
        Error::RepoFile(_) => Some(format!(
            "correct hyperion.toml on {}, and commit it",
            repo.branch
        )),
        _ => None,
    };
    finding(
        &format!("repo {}", repo.name),
        Health::Error,
        chain(error),
        fix,
    )
}

fn look_at(cx: &Cx, repo: &Repo) -> Result<Finding, Error> {
    let name = format!("repo {}", repo.name);
    let opened = cx.repos.open(cx, repo.id)?;
    let tip = opened.tip(&repo.branch)?;
    let (file, _) = opened.file_and_rules(cx, &tip)?;
    let branch = opened.branch(&repo.branch)?;
    if let Some(behind) = opened.git.behind()?.into_iter().next() {
        return Ok(finding(
            &name,
            Health::Warning,
            behind.to_string(),
            Some(behind.remedy()),
        ));
    }
    if let Some(lock) = opened.git.locks_in_the_way(&branch)?.into_iter().next() {
        return Ok(finding(
            &name,
            Health::Warning,
            format!(
                "another program holds git's lock {}; what needs it waits",
                lock.display()
            ),
            Some(format!(
                "wait for the git command that holds it; if none is running, remove {}",
                lock.display()
            )),
        ));
    }
    for checkout in opened.git.checkout_state(&branch)? {
        let Checkout {
            work_tree,
            block,
            edited,
        } = checkout;
        let place = work_tree.display().to_string();
        if let Some(reason) = block {
            let detail = format!("{place} keeps everything from landing on {}", repo.branch);
            let fix = CheckoutBlock { work_tree, reason }.remedy();
            return Ok(finding(&name, Health::Warning, detail, Some(fix)));
        }
        if let Some(first) = edited.first() {
            let more = match edited.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let detail = format!("{place} has edits of {first}{more}; what changes them waits");
            let fix = format!(
                "commit or stash them, or check out another branch than {}",
                repo.branch
            );
            return Ok(finding(&name, Health::Warning, detail, Some(fix)));
        }
    }
    let checks = match file.checks.len() {
        1 => "1 check".to_owned(),
        several => format!("{several} checks"),
    };
    let detail = format!("{} at {tip:.10}, {checks}", repo.branch);
    if file.checks.is_empty() {
        let fix = Some(format!("add [checks] to hyperion.toml on {}", repo.branch));
        return Ok(finding(
            &name,
            Health::Warning,
            format!("{detail}: landings are not checked"),
            fix,
        ));
    }
    let waits = |(_, check): &(&String, &Check)| {
        !check.asks_beyond(&cx.settings).is_empty() && !opened.repo.agrees_to(check.digest())
    };
    if let Some((check, _)) = file.checks.iter().find(waits) {
        let fix = format!("if it may: hyperion repo allow-check {} {check}", repo.name);
        let detail =
            format!("{detail}: {check:?} asks for more than checks have here, so nothing lands");
        return Ok(finding(&name, Health::Warning, detail, Some(fix)));
    }
    Ok(finding(&name, Health::Ok, detail, None))
}

fn queue(cx: &Cx) -> Finding {
    let count = |status: Status| {
        let filter = Filter {
            open: Some(status.is_open()),
            ..Filter::default()
        };
        cx.store
            .count::<Entry>(&filter.status(status.name()))
            .unwrap_or(0)
    };
    let (blocked, dead) = (count(Status::Blocked), count(Status::Dead));
    let aside = count(Status::Quarantined);
    let depth = cx.store.count::<Entry>(&Filter::open()).unwrap_or(0);
    let mut detail =
        format!("{depth} in the queue, {blocked} blocked, {aside} quarantined, {dead} dead");
    if aside + dead > 0 {
        let days = cx.settings.dead_letters_after.as_secs() / 86_400;
        detail.push_str(&format!(
            "; a dead letter that nobody retries within {days} days is cancelled"
        ));
    }
    if blocked + dead > 0 {
        let fix = Some("`hyperion queue list --status blocked,dead` says why".to_owned());
        return finding("queue", Health::Warning, detail, fix);
    }
    finding("queue", Health::Ok, detail, None)
}

/// Says how many folders are watched, and which are not.
fn watching(cx: &Cx) -> Option<Finding> {
    let name = "files";
    let states = match cx.files.state() {
        State::Off if cx.settings.watch_files => return None,
        State::Off => {
            let detail = "changes are not watched (`files.watch` is off)";
            return Some(finding(name, Health::Ok, detail, None));
        }
        State::Failed(why) => {
            let fix = "let this user watch more at once: `sysctl fs.inotify.max_user_instances` (as root, for instance `sysctl -w fs.inotify.max_user_instances=1024`)";
            let detail = format!("changes are not watched: {why}");
            return Some(finding(name, Health::Warning, detail, Some(fix.to_owned())));
        }
        State::Watching(states) => states,
    };
    let folders: usize = states.values().filter_map(|state| state.ok()).sum();
    let mut unwatched = states
        .iter()
        .filter_map(|(root, state)| Some((root, state.err()?)));
    let Some((root, why)) = unwatched.next() else {
        let detail = format!("changes are watched in {folders} folders");
        return Some(finding(name, Health::Ok, detail, None));
    };
    let (why, fix) = match why {
        Unwatched::TooMany => (
            "it has too many folders",
            "let `.gitignore` name what is made by builds",
        ),
        Unwatched::Exhausted => (
            "the kernel gives this user no more watches",
            "raise the bound, as root: `sysctl -w fs.inotify.max_user_watches=524288`",
        ),
        Unwatched::Unreadable(_) => ("it cannot be read", "let this user read it"),
    };
    let more = match unwatched.count() {
        0 => String::new(),
        more => format!(", nor in {more} others"),
    };
    let detail = format!(
        "changes are watched in {folders} folders, and not in {}: {why}{more}",
        root.display()
    );
    Some(finding(name, Health::Warning, detail, Some(fix.to_owned())))
}

/// In a container nothing outlives the engine: its end is the end of all.
fn container() -> Option<Finding> {
    let (detail, fix) = match hyperion_host::container()? {
        Container::First => (
            "the engine is the first process of its container: when it ends, agents and checks end with it, and are lost",
            "start the container with an init (`docker run --init`), and let an upgrade wait until `hyperion drain` has ended; docs/service.md says more",
        ),
        Container::Inside => (
            "in a container: when that stops, agents and checks end with it, and are lost",
            "stop it only after `hyperion drain` has ended; docs/service.md says more",
        ),
    };
    Some(finding(
        "container",
        Health::Warning,
        detail,
        Some(fix.to_owned()),
    ))
}

/// As root a check can break the machine, not only what is yours.
fn root() -> Option<Finding> {
    (hyperion_host::effective_uid() == 0).then(|| {
        finding(
            "user",
            Health::Warning,
            "Hyperion runs as root, and so do the checks",
            Some("run Hyperion as a user without special rights".to_owned()),
        )
    })
}
