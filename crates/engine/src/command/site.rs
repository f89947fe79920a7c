//! Where a command is to run: the folder, whose it is, the rules there, and what this machine can hold.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use hyperion_api::{FieldError, Problem};
use hyperion_model::RunId;
use hyperion_model::repo::Repo;
use hyperion_model::run::Run;
use hyperion_policy::{Place, Rules};
use hyperion_sandbox::{Level, Network, probe};

use super::Asker;
use crate::{Cx, Error, repo, tool};

/// What is known of this machine, once somebody asked for it.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    level: OnceLock<Level>,
    turn: Mutex<()>,
}

impl Machine {
    /// Waits until nobody else registers a command that is found by its key.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the highest level of sandbox that processes get here.
    fn level(&self, cx: &Cx) -> Level {
        *self.level.get_or_init(|| {
            let had = probe(&cx.settings.shim_program);
            had.map_or_else(
                |error| {
                    tracing::warn!(%error, "could not try what a sandbox would hold; commands ask");
                    Level::Off
                },
                |had| had.level,
            )
        })
    }
}

/// A folder, and what holds there.
#[derive(Debug, Clone)]
pub struct Site {
    /// The folder, with no link in its path.
    pub dir: PathBuf,
    /// The repository that it is in.
    pub repo: Option<Repo>,
    /// Whether it is in an agent's clone: nobody's work is there but the agent's.
    pub is_clone: bool,
    /// The folder that may be written: the clone, the work tree, or else the folder itself.
    pub root: PathBuf,
    /// For the judge.
    pub place: Place,
    /// The machine's rules, narrowed by the repository's.
    pub rules: Rules,
}

impl Site {
    /// Finds out what holds in a folder.
    pub fn of(cx: &Cx, dir: &Path) -> Result<Self, Error> {
        let wrong = |detail: String| {
            let pointer = "/dir".to_owned();
            let problem = Problem::new("input.invalid", "the command cannot be run there");
            Error::from(problem.errors(vec![FieldError { pointer, detail }]))
        };
        if !dir.is_absolute() {
            let detail = format!("{:?} is not a whole path: begin with /", dir.display());
            return Err(wrong(detail));
        }
        let dir = dir
            .canonicalize()
            .ok()
            .filter(|dir| dir.is_dir())
            .ok_or_else(|| wrong(format!("there is no folder {:?}", dir.display())))?;
        let clone = tool::clone_places(cx)
            .into_iter()
            .filter_map(|(work, repo)| Some((work.canonicalize().ok()?, repo)))
            .find(|(work, _)| dir.starts_with(work));
        let (root, repo, is_clone) = match clone {
            Some((work, repo)) => (work, cx.store.get::<Repo>(repo)?, true),
            None => {
                let repo = repo::around(cx, &dir)?;
                let root = repo.as_ref().map(|repo| PathBuf::from(&repo.path));
                let root = root.filter(|root| dir.starts_with(root));
                (root.unwrap_or_else(|| dir.clone()), repo, false)
            }
        };
        let text = |path: &Path| {
            let text = path.to_str().map(str::to_owned);
            text.ok_or_else(|| wrong(format!("{:?} is not UTF-8", path.display())))
        };
        let home = cx.settings.check_environment.iter();
        let home = home.clone().find(|(name, _)| name == "HOME");
        let place = Place::new(
            [text(&root)?],
            &text(&dir)?,
            home.map(|(_, home)| home.as_str()),
        );
        let rules = match &repo {
            Some(repo) => repo::rules_at_tip(cx, repo)?,
            None => None,
        };
        Ok(Self {
            place: place.map_err(|error| wrong(error.to_string()))?,
            rules: match rules {
                Some(rules) => rules,
                None => cx.rules()?.clone(),
            },
            dir,
            repo,
            is_clone,
            root,
        })
    }

    /// Whether a sandbox keeps whatever runs here to what is its own: the clone, its private HOME, no network but the listed hosts.
    pub(crate) fn holds(&self, cx: &Cx, sandbox: Level, network: Network) -> bool {
        self.is_clone
            && sandbox == Level::Full
            && network <= Network::Listed
            && cx.machine.level(cx) == Level::Full
    }
}

/// Finds for whom a command is, by the id of the run that wants it.
pub fn asker(cx: &Cx, run: Option<RunId>) -> Result<Asker, Error> {
    let Some(id) = run else {
        return Ok(Asker::default());
    };
    let run = cx.store.get::<Run>(id)?.ok_or_else(|| {
        let detail = format!("there is no run {}", id.short());
        Problem::new("subject.not_found", detail)
    })?;
    Ok(Asker {
        lineage: Some(run.lineage),
        request: run.request,
    })
}
