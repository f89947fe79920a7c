//! Going inside.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::files::{self, Rule};
use crate::mounts::{self, Machine, Shortfalls};
use crate::plan::{self, Facts, Mount};
use crate::spec::{Had, Layer, Level, Network, Sandbox};
use crate::{capabilities, namespaces, syscalls};

/// What the shim could have before it started anything; handed to the first process inside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outer {
    /// The layers so far, and what is missing.
    pub had: Had,
}

/// It could not be entered, and nothing may be started.
#[derive(Debug, thiserror::Error)]
#[error("enter the sandbox: {0}")]
pub struct EnterError(pub String);

/// Takes the shim, which has one thread, into namespaces for users, processes and the network; what it starts next is the first process
/// in them. What the kernel does not give is in the answer.
#[must_use]
pub fn enter_outer(wish: &Sandbox) -> Outer {
    let mut had = Had {
        level: Level::Off,
        network: Network::On,
        ..Had::default()
    };
    if let Err(error) = rustix::thread::set_no_new_privs(true) {
        had.lack(Layer::NoNewPrivileges, &io::Error::from(error).to_string());
    } else {
        had.layers.push(Layer::NoNewPrivileges);
    }
    let mut layers = Vec::new();
    if wish.level == Level::Full {
        layers.push(Layer::PidNamespace);
    }
    if plan::wants_own_network(wish) {
        layers.push(Layer::NetworkNamespace);
    }
    if !layers.is_empty() {
        namespaces::unshare_all(&mut had, &layers);
    }
    if had.has(Layer::NetworkNamespace) {
        had.network = wish.network;
    }
    Outer { had }
}

/// Takes the first process inside, which has one thread, the rest of the way: mounts, Landlock, seccomp, capabilities. Everything that it
/// starts afterwards is inside, too.
pub fn enter_inner(wish: &Sandbox, outer: &Outer) -> Result<Had, EnterError> {
    let mut had = outer.had.clone();
    if wish.level == Level::Off {
        if had.has(Layer::UserNamespace) {
            give_up_rights()?;
        }
        return Ok(had);
    }
    let facts = Facts {
        is_root: rustix::process::geteuid().is_root(),
        own_network: had.has(Layer::NetworkNamespace),
        terminal: mounts::terminal(),
    };
    // What is wrong with the wish is wrong at every level.
    let mut plan = plan::plan(wish, &facts, &Machine)?;
    let shortfalls = if wish.level == Level::Full {
        own_mounts(&mut plan, &mut had)?
    } else {
        None
    };
    let rules = if had.has(Layer::MountNamespace) {
        files::rules_of_plan(&plan)
    } else {
        without_mounts(wish, facts.is_root, &mut had)?
    };
    restrict_files(&rules, shortfalls.as_ref(), &mut had)?;
    give_up_rights()?;
    match syscalls::refuse_the_worst() {
        Ok(()) => had.layers.push(Layer::Seccomp),
        Err(why) => had.lack(Layer::Seccomp, &why),
    }
    had.level = level(&had);
    require(wish, &had)?;
    Ok(had)
}

/// Refuses less than what is required.
fn require(wish: &Sandbox, had: &Had) -> Result<(), EnterError> {
    if !wish.is_required || had.level >= wish.level && had.network <= wish.network {
        return Ok(());
    }
    let missing: Vec<_> = had.lacks.iter().map(|lack| lack.why.as_str()).collect();
    Err(EnterError(format!(
        "this command was let run because a sandbox holds it, and this machine gives less now: {}",
        missing.join("; ")
    )))
}

/// Where a process without mounts of its own keeps what goes with the run.
fn scratch(wish: &Sandbox) -> Option<Scratch> {
    // Nobody inside can put a link in its place: the folder of the socket is not written.
    let folder = wish.socket_folder.as_ref()?.join("scratch");
    Some(Scratch {
        home: wish.home.clone().unwrap_or_else(|| folder.join("home")),
        tmp: folder.join("tmp"),
    })
}

struct Scratch {
    home: PathBuf,
    tmp: PathBuf,
}

/// The variables that a process must have for what it was given.
#[must_use]
pub fn environment(wish: &Sandbox, had: &Had) -> Vec<(&'static str, PathBuf)> {
    let root = PathBuf::from("/");
    if had.has(Layer::MountNamespace) {
        let person = wish.person_home.clone().filter(|path| *path != root);
        let mut set = vec![("TMPDIR", PathBuf::from("/tmp"))];
        set.extend(person.or(wish.home.clone()).map(|home| ("HOME", home)));
        return set;
    }
    if wish.level == Level::Off {
        return Vec::new();
    }
    match scratch(wish) {
        Some(Scratch { home, tmp }) => vec![("TMPDIR", tmp), ("HOME", home)],
        None => wish
            .home
            .iter()
            .map(|home| ("HOME", home.clone()))
            .collect(),
    }
}

fn own_mounts(plan: &mut [Mount], had: &mut Had) -> Result<Option<Shortfalls>, EnterError> {
    let may = had.has(Layer::UserNamespace) || had.has(Layer::PidNamespace);
    if !may {
        let why = had.lacks.first().map(|lack| lack.why.clone());
        had.lack(Layer::MountNamespace, &why.unwrap_or_default());
        return Ok(None);
    }
    match mounts::enter(plan) {
        Ok(shortfalls) => {
            had.layers.push(Layer::MountNamespace);
            note(&shortfalls, plan, had);
            Ok(Some(shortfalls))
        }
        Err(failed) => {
            let why = format!("{}: {}", failed.doing, failed.error);
            if !failed.may_do_without {
                return Err(EnterError(why));
            }
            had.lack(Layer::MountNamespace, &why);
            Ok(None)
        }
    }
}

fn note(shortfalls: &Shortfalls, plan: &[Mount], had: &mut Had) {
    let Shortfalls {
        caches,
        processes,
        writable: _,
    } = shortfalls;
    for (cache, error) in caches {
        let why = format!("{} can be read but not written: {error}", cache.display());
        had.lack(Layer::CacheOverlay, &why);
    }
    let is_cache = |mount: &Mount| matches!(mount.what, plan::What::Overlay { .. });
    if plan.iter().any(is_cache) {
        had.layers.push(Layer::CacheOverlay);
    }
    if let Some(error) = processes {
        let why = format!(
            "`/proc` shows the machine's processes, because a container hides parts of it: {error}"
        );
        had.lack(Layer::PidNamespace, &why);
    }
}

fn without_mounts(wish: &Sandbox, is_root: bool, had: &mut Had) -> Result<Vec<Rule>, EnterError> {
    let mut folders = Vec::new();
    match scratch(wish) {
        Some(Scratch { home, tmp }) => {
            for folder in [home, tmp] {
                fs::create_dir_all(&folder)
                    .map_err(|error| EnterError(format!("create {}: {error}", folder.display())))?;
                folders.push(folder);
            }
        }
        None => had.lack(
            Layer::MountNamespace,
            "there is no folder for temporary files: name one in `write`",
        ),
    }
    let (rules, unmasked) = files::rules_without_mounts(wish, &folders, is_root, &Machine);
    if unmasked > 0 {
        let why = format!(
            "denied files in folders that are written can be read ({unmasked}): without mounts of its own nothing hides them"
        );
        had.lack(Layer::MountNamespace, &why);
    }
    if !wish.caches.is_empty() {
        let why = "without mounts of its own caches can be read but not written";
        had.lack(Layer::CacheOverlay, why);
    }
    Ok(rules)
}

fn restrict_files(
    rules: &[Rule],
    shortfalls: Option<&Shortfalls>,
    had: &mut Had,
) -> Result<(), EnterError> {
    let why = match files::restrict(rules) {
        Ok(gaps) => {
            had.layers.push(Layer::Landlock);
            if gaps.abstract_sockets && !had.has(Layer::NetworkNamespace) {
                let why = "abstract sockets of other programs can be reached: Linux 6.12 or newer refuses them";
                had.lack(Layer::Landlock, why);
            }
            if gaps.sockets && !had.has(Layer::MountNamespace) {
                let why = "sockets of other programs can be reached: it takes mounts of its own to hide them";
                had.lack(Layer::Landlock, why);
            }
            return Ok(());
        }
        Err(why) => why,
    };
    had.lack(Layer::Landlock, &why);
    match shortfalls.and_then(|shortfalls| shortfalls.writable.first()) {
        Some((path, error)) => Err(EnterError(format!(
            "{} cannot be made read-only: {error}",
            path.display()
        ))),
        None => Ok(()),
    }
}

fn give_up_rights() -> Result<(), EnterError> {
    capabilities::drop_all().map_err(|error| EnterError(format!("give up rights: {error}")))
}

/// What the layers come to.
fn level(had: &Had) -> Level {
    if had.has(Layer::MountNamespace) && had.has(Layer::PidNamespace) {
        Level::Full
    } else if had.has(Layer::Landlock) {
        Level::Partial
    } else {
        Level::Off
    }
}
