//! Registering a repository, and finding one by name or path.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hyperion_api::Problem;
use hyperion_api::repo::RegisterRepo;
use hyperion_fault::{Point, reached};
use hyperion_git::{RefName, UserRepo};
use hyperion_model::repo::{self, Repo, Status};
use hyperion_model::{Actor, Command, Name, RepoId};
use hyperion_store::Filter;

use crate::{Cx, Error};

/// The most repositories a home may have.
pub(super) const MAX_REPOS: usize = 500;

/// Held by whoever registers one.
static REGISTERING: Mutex<()> = Mutex::new(());

/// Registers a repository, or gives the one that it is already, by whatever folder of it; `true` when it is new.
pub fn register(cx: &Cx, actor: &Actor, wanted: &RegisterRepo) -> Result<(Repo, bool), Error> {
    let user = UserRepo::discover(&cx.git, Path::new(&wanted.path))?;
    let branch = match &wanted.branch {
        Some(branch) => RefName::branch(branch).map_err(|error| {
            Problem::new(
                "input.invalid",
                format!("the branch cannot be used: {error}"),
            )
        })?,
        None => user.default_branch()?,
    };
    user.tip_of(&branch)?;
    let branch = Name::new(branch.short())
        .map_err(|error| Problem::new("input.invalid", format!("the branch: {error}")))?;
    let path = canonical_path(&user)?;

    // Held from the look to the commit: two who come at once register one repository.
    let _one_at_a_time = REGISTERING.lock().unwrap_or_else(PoisonError::into_inner);
    let all = all(cx)?;
    if let Some(known) = same(&all, &user, &path) {
        if let Some(name) = wanted
            .name
            .as_deref()
            .filter(|name| *name != known.name.as_str())
        {
            return Err(known_by_another_name(known, name).into());
        }
        return update(cx, actor, known, wanted.branch.is_some().then_some(branch));
    }
    if all.len() >= MAX_REPOS {
        let detail = format!("this home has {MAX_REPOS} repositories, which is the limit");
        return Err(Problem::new("input.invalid", detail).into());
    }
    let name = choose_name(wanted.name.as_deref(), &path, &all)?;
    let id = cx.id(RepoId::new);
    let command = repo::Command::Register {
        id,
        name,
        path,
        branch,
    };
    cx.execute(
        cx.stamp_person(actor),
        vec![Command::Repo(id, command)],
        vec![],
    )?;
    reached(Point::RepoRegistered);
    let repo = cx.store.get::<Repo>(id)?;
    Ok((
        repo.ok_or_else(|| Error::Missing(format!("the repository {id}")))?,
        true,
    ))
}

fn known_by_another_name(known: &Repo, wanted: &str) -> Problem {
    let (name, path) = (&known.name, &known.path);
    let detail = format!("the repository at {path} is known already, as {name}");
    let rename = format!("hyperion repo rename {name} {wanted} calls it {wanted}");
    Problem::new("repo.exists", detail).hint(if known.status == Status::Forgotten {
        format!("it was forgotten: hyperion init {path} brings it back, then {rename}")
    } else {
        rename
    })
}

/// Brings a registered repository up to what is wanted now.
fn update(
    cx: &Cx,
    actor: &Actor,
    known: &Repo,
    branch: Option<Name>,
) -> Result<(Repo, bool), Error> {
    let mut commands = Vec::new();
    if known.status == Status::Forgotten {
        commands.push(Command::Repo(known.id, repo::Command::Restore));
    }
    if let Some(branch) = branch.filter(|branch| *branch != known.branch) {
        commands.push(Command::Repo(known.id, repo::Command::Retarget { branch }));
    }
    let changed = !commands.is_empty();
    if changed {
        cx.execute(cx.stamp_person(actor), commands, vec![])?;
    }
    let repo = cx.store.get::<Repo>(known.id)?;
    Ok((repo.unwrap_or_else(|| known.clone()), changed))
}

/// Finds a repository by its name, its id, or a path inside it; `dir` is where relative paths start.
pub fn find(cx: &Cx, wanted: &str, dir: Option<&Path>) -> Result<Repo, Error> {
    let all = all(cx)?;
    let active = |repo: &&Repo| repo.status == Status::Active;
    let by_name = all
        .iter()
        .filter(active)
        .find(|repo| repo.name.as_str() == wanted || repo.id.to_string() == wanted);
    if let Some(repo) = by_name {
        return Ok(repo.clone());
    }
    let path = dir.map_or_else(|| Path::new(wanted).to_path_buf(), |dir| dir.join(wanted));
    let user = match UserRepo::discover(&cx.git, &path) {
        Ok(user) => user,
        Err(error) if wanted == "." || wanted.contains('/') => return Err(error.into()),
        Err(_) => {
            let names: Vec<_> = all
                .iter()
                .filter(active)
                .map(|repo| repo.name.as_str())
                .collect();
            let known = if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            };
            let detail = format!("no repository is called {wanted:?}; registered are: {known}");
            return Err(Error::NoUsableRepo {
                detail,
                hint: "give a registered name or a path, or run `hyperion init` in the repository"
                    .to_owned(),
            });
        }
    };
    let path = canonical_path(&user)?;
    let found = same(&all, &user, &path).filter(active);
    found.cloned().ok_or_else(|| Error::NoUsableRepo {
        detail: format!("the repository at {path} is not registered"),
        hint: format!("run `hyperion init {path}` first"),
    })
}

/// Finds the registered repository that this is: they share their git folder, whatever work tree each is named by.
///
/// Homes of earlier versions may have one twice; then the first counts, so that it has one queue.
pub(super) fn same<'a>(all: &'a [Repo], user: &UserRepo, path: &str) -> Option<&'a Repo> {
    let common_dir = user.git_dir().canonicalize().ok();
    let is_same = |repo: &&Repo| {
        repo.path == path
            || common_dir.is_some() && common_dir_of(Path::new(&repo.path)) == common_dir
    };
    let first = |repo: &&Repo| (repo.status != Status::Active, repo.id);
    all.iter().filter(is_same).min_by_key(first)
}

fn common_dir_of(path: &Path) -> Option<PathBuf> {
    hyperion_git::around(path).map(|around| around.common_dir)
}

/// Finds the innermost repository whose work tree a folder is, or is part of; `folder` has no links in it.
///
/// In a linked work tree, which may be anywhere, the repository's path is the top of that work tree.
pub(crate) fn around(cx: &Cx, folder: &Path) -> Result<Option<Repo>, Error> {
    let mut active = all(cx)?;
    active.retain(|repo| repo.status == Status::Active);
    active.sort_by_key(|repo| repo.id);
    let inside = active
        .iter()
        .filter(|repo| folder.starts_with(&repo.path))
        .max_by_key(|repo| repo.path.len())
        .cloned();
    let Some(around) = hyperion_git::around(folder) else {
        return Ok(inside);
    };
    let is_it =
        |repo: &Repo| common_dir_of(Path::new(&repo.path)).as_ref() == Some(&around.common_dir);
    if inside.as_ref().is_some_and(is_it) {
        return Ok(inside);
    }
    let linked = active.into_iter().find(is_it).map(|repo| Repo {
        path: around.top.to_str().map_or(repo.path, str::to_owned),
        ..repo
    });
    Ok(linked.or(inside))
}

/// Lists the repositories that are registered twice: those that count, each with one that is the same.
pub(crate) fn twins(cx: &Cx) -> Result<Vec<(Repo, Repo)>, Error> {
    let mut active = all(cx)?;
    active.retain(|repo| repo.status == Status::Active);
    active.sort_by_key(|repo| repo.id);
    let mut first: BTreeMap<PathBuf, Repo> = BTreeMap::new();
    let mut twins = Vec::new();
    for repo in active {
        let Some(common_dir) = common_dir_of(Path::new(&repo.path)) else {
            continue;
        };
        match first.get(&common_dir) {
            Some(counts) => twins.push((counts.clone(), repo)),
            None => drop(first.insert(common_dir, repo)),
        }
    }
    Ok(twins)
}

pub(super) fn all(cx: &Cx) -> Result<Vec<Repo>, Error> {
    Ok(cx.store.list::<Repo>(&Filter::default().limit(1000))?.rows)
}

/// Gives the path a repository is known by: its work tree, or the bare folder.
pub(super) fn canonical_path(user: &UserRepo) -> Result<String, Error> {
    let path = user.place();
    path.to_str().map(str::to_owned).ok_or_else(|| {
        let detail = format!("the path {} is not UTF-8", path.display());
        Error::NoUsableRepo {
            detail,
            hint: "move the repository to a path that is".to_owned(),
        }
    })
}

/// Says that a name cannot be given to a repository because another has it, if one has.
pub(super) fn taken(all: &[Repo], name: &Name) -> Option<Problem> {
    let other = all.iter().find(|repo| repo.name == *name)?;
    let path = &other.path;
    let (detail, hint) = match other.status {
        Status::Active => (
            format!("another repository is called {name} already: the one at {path}"),
            "choose another name".to_owned(),
        ),
        Status::Forgotten => (
            format!("{name} is the name of a repository that was forgotten: the one at {path}"),
            format!("choose another name, or bring that one back: hyperion init {path}"),
        ),
    };
    Some(Problem::new("repo.exists", detail).hint(hint))
}

/// Takes the wanted name, or makes one of the folder's name that is still free.
fn choose_name(wanted: Option<&str>, path: &str, all: &[Repo]) -> Result<Name, Error> {
    if let Some(wanted) = wanted {
        let name =
            Name::new(wanted).map_err(|error| Problem::new("input.invalid", error.to_string()))?;
        return match taken(all, &name) {
            Some(problem) => Err(problem.into()),
            None => Ok(name),
        };
    }
    let folder = Path::new(path)
        .file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or("repo");
    let plain: String = folder
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
                c
            } else {
                '-'
            }
        })
        .take(80)
        .collect();
    let plain = plain.trim_start_matches(['.', '_', '-']);
    let plain = if plain.is_empty() { "repo" } else { plain };
    let is_taken = |name: &str| all.iter().any(|repo| repo.name.as_str() == name);
    let free = (1..=MAX_REPOS + 1)
        .map(|number| {
            if number == 1 {
                plain.to_owned()
            } else {
                format!("{plain}-{number}")
            }
        })
        .find(|name| !is_taken(name));
    Name::new(free.unwrap_or_else(|| plain.to_owned()))
        .map_err(|error| Problem::new("input.invalid", error.to_string()).into())
}
