//! What a process sees of the machine, and what it may use: its own folder, the tool chains, and a HOME of its own.
//!
//! ```text
//! <cache>/homes/<owner>/home/     its HOME, in place of the person's
//!                       caches/   what it writes into the caches of tool chains, a folder each
//! ```
//!
//! The owner is a lineage, whose incarnations share one, or a run. It goes with its owner ([`remove_home`]); what nobody came for is
//! swept up later.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hyperion_host::{create_private_dir, read_bounded, remove_tree};
use hyperion_model::Uuid;
use hyperion_model::run::Run;
use hyperion_sandbox::{Level, Limits, Machine, Network, Sandbox};
use hyperion_store::Filter;

use super::masks::{Looked, look_below};
use crate::{Cx, Error};

/// The most open files of a process.
const FILES_MAX: u64 = 65_536;
/// The largest file of settings that is looked at.
const SETTINGS_MAX_BYTES: u64 = 64 * 1024;
/// How many HOMEs are looked at in one sweep; the rest waits for the next.
const HOMES_MAX: usize = 50_000;
/// The most files and folders that are seen empty.
const MASKS_MAX: usize = 1000;

/// Where something is to be run, and as what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The folder that it works in, and may write: a lane, a clone, a work tree.
    pub(crate) folder: &'a Path,
    /// Whether that folder is a person's, with files that they keep from everybody.
    pub(crate) is_persons: bool,
    /// The git folder of ours whose objects are read there: what stands in `folder` may be the work of an earlier process.
    pub(crate) objects: Option<&'a Path>,
    /// Whose HOME it gets.
    pub(crate) owner: Uuid,
    /// How much of the machine it is kept from.
    pub(crate) level: Level,
    /// What it reaches.
    pub(crate) network: Network,
}

/// What a process is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Given {
    /// What it may see and reach.
    pub(crate) sandbox: Sandbox,
    /// Its whole environment.
    pub(crate) environment: Vec<(String, String)>,
}

/// Makes what a process is given, with the folders that this takes.
pub(crate) fn sandbox_for(cx: &Cx, place: &Place<'_>) -> Result<Given, Error> {
    let environment = &cx.settings.check_environment;
    if place.level == Level::Off {
        let sandbox = Sandbox {
            level: Level::Off,
            network: place.network,
            ..Sandbox::default()
        };
        return Ok(Given {
            sandbox,
            environment: environment.clone(),
        });
    }
    let own = home_of(cx, place.owner);
    let private = own.join("home");
    create_private_dir(&private).map_err(failed(&private))?;
    // So that it shows when it was used last.
    let used = fs::File::open(&own).and_then(|folder| folder.set_modified(cx.now().into()));
    used.map_err(failed(&own))?;
    let mut write = vec![place.folder.to_path_buf()];
    let mut read = Vec::new();
    if let Some(git) = place.objects {
        read.push(git.join("objects"));
        read.extend(hyperion_git::borrowed_objects(git));
    }
    if place.is_persons {
        let own = place.folder.join(".git");
        // What a file there says alone may have been put there by an earlier run.
        let git_dir = match fs::symlink_metadata(&own) {
            Ok(metadata) if metadata.is_dir() => Some(own),
            Ok(metadata) if metadata.is_file() => {
                read.push(own);
                hyperion_git::shared_and_linked(place.folder)
            }
            _ => None,
        };
        if let Some(git_dir) = git_dir {
            read.extend(hyperion_git::run_by_git(&git_dir));
            write.push(git_dir);
        }
    }
    let found = match place.is_persons {
        true => look_below(cx, place.folder)?,
        false => Looked::default(),
    };
    for git in found.repositories {
        match fs::symlink_metadata(&git) {
            Ok(metadata) if metadata.is_dir() => {
                read.extend(hyperion_git::run_by_git(&git));
                write.push(git);
            }
            Ok(metadata) if metadata.is_file() => read.push(git),
            _ => {}
        }
    }
    let hidden = [cx.home.path().to_path_buf(), cx.home.cache().to_path_buf()];
    let given = given(environment, &hidden, &own, (read, write), &|path| {
        fs::symlink_metadata(path).is_ok()
    });
    let mut given = Given {
        sandbox: Sandbox {
            level: place.level,
            network: place.network,
            ..given.sandbox
        },
        ..given
    };
    given.sandbox.masks.extend(found.denied);
    given.sandbox.masks.truncate(MASKS_MAX);
    if let Some(person) = &given.sandbox.person_home {
        give_package_sources(person, &private)?;
    }
    Ok(given)
}

/// Says what a process tree may use; `wall` is how long it may take.
pub(crate) fn limits_for(cx: &Cx, wall: Option<Duration>) -> Limits {
    let settings = &cx.settings;
    Limits {
        wall_ms: wall.map(|wall| u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)),
        memory_max_mb: Some(settings.sandbox.memory_max_mb),
        processes_max: Some(settings.sandbox.processes_max),
        files_max: Some(FILES_MAX),
        cpu_sec: None,
        output_max_bytes: Some(settings.log_max_bytes as u64),
    }
}

/// Removes the HOME of an owner, and what it wrote into caches.
pub(crate) fn remove_home(cx: &Cx, owner: Uuid) -> Result<(), Error> {
    let own = home_of(cx, owner);
    remove_tree(&own).map_err(failed(&own))
}

/// Removes HOMEs that were last given to somebody before a time, and whose owner does not run any more.
pub(crate) fn sweep_homes(cx: &Cx, before: SystemTime) -> Result<(), Error> {
    let homes = homes(cx);
    let Ok(listed) = fs::read_dir(&homes) else {
        return Ok(());
    };
    let open = cx.store.open_rows::<Run>(&Filter::open())?.rows;
    let owners: BTreeSet<String> = open
        .iter()
        .flat_map(|run| [run.id.to_string(), run.lineage.to_string()])
        .collect();
    for entry in listed.take(HOMES_MAX).flatten() {
        let is_old = |metadata: fs::Metadata| metadata.modified().is_ok_and(|at| at < before);
        let is_owned = entry
            .file_name()
            .to_str()
            .is_some_and(|name| owners.contains(name));
        if !is_owned && entry.metadata().is_ok_and(is_old) {
            remove_tree(&entry.path()).map_err(failed(&entry.path()))?;
        }
    }
    Ok(())
}

/// The folder with all HOMEs.
fn homes(cx: &Cx) -> PathBuf {
    cx.home.cache().join("homes")
}

fn home_of(cx: &Cx, owner: Uuid) -> PathBuf {
    homes(cx).join(owner.to_string())
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
    move |source| Error::Io {
        what: path.display().to_string(),
        source,
    }
}

/// Copies where packages come from into a HOME, without what signs in.
fn give_package_sources(person: &Path, private: &Path) -> Result<(), Error> {
    for (path, plain) in hyperion_sandbox::PACKAGE_SOURCES {
        let Ok(bytes) = read_bounded(&person.join(path), SETTINGS_MAX_BYTES) else {
            continue;
        };
        let kept = plain(&String::from_utf8_lossy(&bytes));
        let to = private.join(path);
        if !kept.is_empty() && !to.exists() {
            let folder = to.parent().unwrap_or(private);
            create_private_dir(folder).map_err(failed(folder))?;
            fs::write(&to, kept).map_err(failed(&to))?;
        }
    }
    Ok(())
}

/// Puts together what there is of tool chains with what the process reads and writes besides.
fn given(
    environment: &[(String, String)],
    hidden: &[PathBuf],
    own: &Path,
    (mut read, write): (Vec<PathBuf>, Vec<PathBuf>),
    exists: &dyn Fn(&Path) -> bool,
) -> Given {
    let person_home = environment
        .iter()
        .find(|(name, _)| name == "HOME")
        .map(|(_, home)| PathBuf::from(home))
        .filter(|home| home.is_absolute());
    let machine = Machine {
        home: person_home.as_deref(),
        environment,
        hidden,
        exists,
    };
    let chains = machine.tool_chains();
    read.extend(chains.read);
    let caches = chains
        .caches
        .into_iter()
        .enumerate()
        .map(|(number, cache)| {
            let upper = Some(own.join("caches").join(number.to_string()));
            hyperion_sandbox::Cache { upper, ..cache }
        });
    let masks = machine.credentials_below(&[&read[..], &write[..]].concat());
    let keeps_cache_folder = machine.has_own_cache_folder();
    let environment = environment
        .iter()
        // Folders that are not there inside.
        .filter(|(name, _)| name != "TMPDIR" && (name != "XDG_CACHE_HOME" || keeps_cache_folder))
        .cloned()
        .chain(chains.environment)
        .collect();
    Given {
        sandbox: Sandbox {
            read,
            write,
            home: Some(own.join("home")),
            caches: caches.collect(),
            masks,
            person_home,
            ..Sandbox::default()
        },
        environment,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::testing::World;

    // X6: a `.git` that an earlier run may have put there gives nothing of what it names.
    #[test]
    fn a_git_file_that_nobody_knows_gives_nothing() {
        let world = World::new(&[("a.txt", "one\n")]);
        let top = tempfile::tempdir().unwrap();
        let secret = tempfile::tempdir().unwrap();
        fs::write(secret.path().join("config"), "token\n").unwrap();
        let text = format!("gitdir: {}\n", secret.path().display());
        fs::write(top.path().join(".git"), text).unwrap();
        let place = Place {
            folder: top.path(),
            is_persons: true,
            objects: None,
            owner: world.cx.ids.next(),
            level: Level::Full,
            network: Network::Off,
        };
        let Given { sandbox, .. } = sandbox_for(&world.cx, &place).unwrap();
        let is_secret = |path: &PathBuf| path.starts_with(secret.path());
        assert!(!sandbox.read.iter().chain(&sandbox.write).any(is_secret));
    }

    // X6: a process gets its folder, the objects that git reads there, and a HOME that is nobody's; its owner gone, that goes too.
    #[test]
    fn a_process_gets_its_own_folder_and_home_and_nothing_of_hyperion() {
        let mut world = World::new(&[
            ("a.txt", "one\n"),
            (".gitignore", ".env\n"),
            ("keys/a.pem", "x\n"),
        ]);
        let person = tempfile::tempdir().unwrap();
        for folder in [".cargo/registry", ".cargo/bin", ".ssh"] {
            fs::create_dir_all(person.path().join(folder)).unwrap();
        }
        let cx = Arc::get_mut(&mut world.cx).unwrap();
        cx.settings.check_environment = [
            ("HOME", person.path().to_str().unwrap()),
            ("PATH", "/usr/bin"),
            ("TMPDIR", "/elsewhere"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        world.repo.write(".env", "KEY=1\n");
        let npmrc = "registry=https://npm.example.org/\n_auth=s3cret\n";
        fs::write(person.path().join(".npmrc"), npmrc).unwrap();
        let cx = &world.cx;
        let owner = cx.ids.next();
        let place = Place {
            folder: world.repo.path(),
            is_persons: true,
            objects: None,
            owner,
            level: Level::Full,
            network: Network::Off,
        };
        let Given {
            sandbox,
            environment,
        } = sandbox_for(cx, &place).unwrap();
        let own = home_of(cx, owner);
        let git = world.repo.path().join(".git");
        assert_eq!(
            sandbox.write,
            [world.repo.path().to_path_buf(), git.clone()]
        );
        assert!(sandbox.read.contains(&git.join("config")));
        assert!(!sandbox.read.contains(&git));
        assert_eq!(sandbox.home, Some(own.join("home")));
        assert_eq!(sandbox.person_home.as_deref(), Some(person.path()));
        let given = fs::read_to_string(own.join("home/.npmrc")).unwrap();
        assert_eq!(given, "registry=https://npm.example.org/\n");
        assert!(sandbox.read.contains(&person.path().join(".cargo/bin")));
        assert!(
            sandbox
                .read
                .iter()
                .all(|path| !path.starts_with(cx.home.path()))
        );
        assert_eq!(
            sandbox.caches[0].path,
            person.path().join(".cargo/registry")
        );
        assert_eq!(sandbox.caches[0].upper, Some(own.join("caches/0")));
        // Git tracks the other file that no change may touch.
        assert_eq!(sandbox.masks, [world.repo.path().join(".env")]);
        assert!(environment.iter().all(|(name, _)| name != "TMPDIR"));
        let off = Place {
            level: Level::Off,
            ..place
        };
        assert_eq!(
            sandbox_for(cx, &off).unwrap().sandbox.write,
            [] as [PathBuf; 0]
        );
        sweep_homes(cx, SystemTime::UNIX_EPOCH).unwrap();
        assert!(own.exists());
        sweep_homes(cx, (cx.now() + Duration::from_secs(1)).into()).unwrap();
        assert!(!own.exists());
    }
}
