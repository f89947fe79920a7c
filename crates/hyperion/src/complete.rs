//! What the shell offers after TAB: ids with their titles and names of repositories, read from the home; nothing where that fails.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _,
};
use clap_complete::env::{CompleteEnv, Shells};
use hyperion_api::list::List;
use hyperion_git::{DiscoverError, Git, GitOptions, UserRepo};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::connection::{Access, Connection};
use crate::context::Cx;
use crate::id::short;
use crate::output::visible::visible;
use crate::output::{Color, Output, TerminalWishes};
use crate::route::Route;
use crate::settings::{self, Variables};

/// The variable by which the shell's script says that it wants candidates.
const VARIABLE: &str = "COMPLETE";
/// The longest that a person waits for candidates, should an engine not answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most branches that are offered.
const BRANCHES_MAX: usize = 200;
/// The most programs that are offered.
const PROGRAMS_MAX: usize = 200;
/// The most candidates that are offered.
const OFFERED: &str = "50";

/// The environment, as `main` took it down; clap passes nothing on to what finds candidates.
static VARIABLES: OnceLock<Variables> = OnceLock::new();

/// Answers the shell and ends the process, if it is the shell that asks.
pub(crate) fn answer(variables: &Variables) {
    if variables.get(VARIABLE).is_some() {
        VARIABLES.get_or_init(|| variables.clone());
        CompleteEnv::with_factory(crate::cli::definition).complete();
    }
}

/// Gives the script by which a shell asks.
pub(crate) fn script(shell: clap_complete::Shell) -> anyhow::Result<String> {
    let shells = Shells::builtins();
    let shell = shells
        .completer(&shell.to_string())
        .context("find the shell")?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "hyperion", "hyperion", "hyperion", &mut script)?;
    Ok(String::from_utf8(script)?)
}

/// Offers requests in one of these states, or in any.
pub(crate) fn requests(statuses: &'static str) -> ArgValueCandidates {
    ids("/api/requests", statuses)
}

/// Offers changes.
pub(crate) fn changes(statuses: &'static str) -> ArgValueCandidates {
    ids("/api/changesets", statuses)
}

/// Offers approvals.
pub(crate) fn approvals(statuses: &'static str) -> ArgValueCandidates {
    ids("/api/approvals", statuses)
}

/// Offers entries of the queue.
pub(crate) fn entries(statuses: &'static str) -> ArgValueCandidates {
    ids("/api/queue", statuses)
}

/// Offers runs; `open` ones alone, or also those that ended.
pub(crate) fn runs(open: bool) -> ArgValueCandidates {
    ids_of(move || Route::new("/api/runs").maybe("open", open.then_some("true")))
}

/// Offers the names of repositories.
pub(crate) fn repos() -> ArgValueCandidates {
    #[derive(Deserialize)]
    struct Named {
        name: String,
        path: String,
    }
    ArgValueCandidates::new(|| {
        let found = read::<Named>(&Route::new("/api/repos"));
        let offered = found.into_iter().map(|repo| offer(&repo.name, &repo.path));
        offered.collect()
    })
}

/// Offers the branches of the repository around the current folder.
pub(crate) fn branches() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let found = local_branches().unwrap_or_default().into_iter();
        found.map(CompletionCandidate::new).collect()
    })
}

fn local_branches() -> Option<Vec<String>> {
    let here = repo_around(VARIABLES.get()?, &std::env::current_dir().ok()?).ok()?;
    here.branches(BRANCHES_MAX).ok()
}

/// Opens the repository around a folder, to read what its git has.
pub(crate) fn repo_around(variables: &Variables, folder: &Path) -> Result<UserRepo, DiscoverError> {
    let git = Git::later(&GitOptions {
        program: variables.get("HYPERION_GIT").map(PathBuf::from),
        scratch: std::env::temp_dir(),
        search_path: variables.get("PATH").unwrap_or_default().to_os_string(),
        user_home: None,
        person: Vec::new(),
    });
    UserRepo::discover(&git, folder)
}

/// Offers the states of a noun.
pub(crate) fn states(names: impl Iterator<Item = &'static str>) -> ArgValueCandidates {
    let names: Vec<_> = names.collect();
    ArgValueCandidates::new(move || names.iter().map(CompletionCandidate::new).collect())
}

/// Offers what may stand for a value on the wire: in its own words.
pub(crate) fn words(names: &'static [&'static str]) -> ArgValueCandidates {
    states(names.iter().copied())
}

/// Offers programs of `PATH` for the first word of a command, and files for the others.
pub(crate) fn command() -> ArgValueCompleter {
    ArgValueCompleter::new(|begun: &OsStr| {
        let mut found = PathCompleter::any().complete(begun);
        found.extend(programs(begun));
        found
    })
}

/// Lists the programs of `PATH` whose names begin so; none before a letter is typed, there are thousands.
fn programs(begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy();
    let path = VARIABLES.get().and_then(|variables| variables.get("PATH"));
    if begun.is_empty() || begun.contains('/') {
        return Vec::new();
    }
    let folders = std::env::split_paths(path.unwrap_or_default());
    let files = folders.filter_map(|folder| std::fs::read_dir(folder).ok());
    let names = files.flatten().flatten().filter_map(|file| {
        let name = file.file_name().into_string().ok()?;
        let is_meant = name.starts_with(begun.as_ref());
        (is_meant && is_program(&file.path())).then_some(name)
    });
    let names: BTreeSet<_> = names.take(PROGRAMS_MAX).collect();
    names.into_iter().map(CompletionCandidate::new).collect()
}

fn is_program(path: &Path) -> bool {
    let found = std::fs::metadata(path);
    found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn ids(collection: &'static str, statuses: &'static str) -> ArgValueCandidates {
    ids_of(move || Route::new(collection).query("status", statuses))
}

fn ids_of(route: impl Fn() -> Route + Send + Sync + 'static) -> ArgValueCandidates {
    #[derive(Deserialize)]
    struct Titled {
        id: String,
        status: String,
        #[serde(alias = "summary")]
        title: String,
    }
    ArgValueCandidates::new(move || {
        let route = route().query("limit", OFFERED);
        let found = read::<Titled>(&route).into_iter();
        let offered =
            found.map(|one| offer(short(&one.id), &format!("{} ({})", one.title, one.status)));
        offered.collect()
    })
}

fn offer(value: &str, help: &str) -> CompletionCandidate {
    CompletionCandidate::new(value).help(Some(visible(help).into_owned().into()))
}

/// Reads a list; an empty one where there is no home, or no answer in time.
fn read<T: DeserializeOwned + Send + 'static>(route: &Route) -> Vec<T> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return Vec::new();
    };
    let found = runtime.block_on(async { tokio::time::timeout(PATIENCE, look(route)).await });
    // A read that takes longer is not waited for.
    runtime.shutdown_background();
    found.ok().and_then(Result::ok).unwrap_or_default()
}

async fn look<T: DeserializeOwned>(route: &Route) -> anyhow::Result<Vec<T>> {
    let variables = VARIABLES.get().context("know the environment")?;
    let output = Output::of_process(Color::Never, TerminalWishes::default(), true);
    let current_dir = std::env::current_dir()?;
    let cx = Cx::new(
        Arc::new(output),
        variables.clone(),
        current_dir,
        Some(TimeZone::UTC),
    );
    let settings = settings::load(&cx.config_path()?, variables).0.settings;
    let locations = cx.locations()?;
    let connection = Connection::open(&settings, &locations, Access::Read, variables).await?;
    let list: List<T> = connection.client.get(route.as_str()).await?;
    Ok(list.items)
}
