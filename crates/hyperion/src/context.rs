//! What every command is given: where it is, what it may write to, and how it reaches the engine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hyperion_host::{Locations, Surroundings, effective_uid};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::connection::Access;
use crate::exit::Exit;
use crate::login;
use crate::output::Output;
use crate::progress::Ends;
use crate::remote::Remote;
use crate::session::Session;
use crate::settings::{self, Loaded, Settings, SettingsErrors, Variables};

/// The surroundings of a command.
pub(crate) struct Cx {
    /// Where it writes.
    pub(crate) output: Arc<Output>,
    variables: Variables,
    current_dir: PathBuf,
    /// Found when it is first needed: that takes longer than most commands do.
    zone: OnceLock<TimeZone>,
    kept: Mutex<Option<String>>,
    /// The requests whose end counts as that of this command.
    set_going: Mutex<Vec<String>>,
    watched: Mutex<Ends>,
    /// The status of a command that was run for the person, which becomes this one's.
    passed_on: OnceLock<u8>,
}

impl Cx {
    /// Puts together what `main` took down.
    ///
    /// Without a zone it is the machine's.
    pub(crate) fn new(
        output: Arc<Output>,
        variables: Variables,
        current_dir: PathBuf,
        zone: Option<TimeZone>,
    ) -> Self {
        Self {
            output,
            variables,
            current_dir,
            zone: zone.map_or_else(OnceLock::new, OnceLock::from),
            kept: Mutex::new(None),
            set_going: Mutex::new(Vec::new()),
            watched: Mutex::new(Ends::default()),
            passed_on: OnceLock::new(),
        }
    }

    /// The folder that the command was started in.
    pub(crate) fn current_dir(&self) -> &Path {
        &self.current_dir
    }

    /// Where the person is.
    pub(crate) fn zone(&self) -> &TimeZone {
        self.zone.get_or_init(TimeZone::system)
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// The time where the person is.
    pub(crate) fn now_here(&self) -> Zoned {
        self.now().to_zoned(self.zone().clone())
    }

    /// Finds the home.
    pub(crate) fn locations(&self) -> anyhow::Result<Locations> {
        self.locations_with(self.variables.get("HYPERION_HOME").map(OsString::from))
    }

    /// Finds the places of another home.
    pub(crate) fn locations_of(&self, home: &Path) -> anyhow::Result<Locations> {
        self.locations_with(Some(home.into()))
    }

    /// Finds the places where a home is when nobody names another one.
    pub(crate) fn default_locations(&self) -> anyhow::Result<Locations> {
        self.locations_with(None)
    }

    fn locations_with(&self, hyperion_home: Option<OsString>) -> anyhow::Result<Locations> {
        let variable = |name: &str| self.variables.get(name).map(OsString::from);
        Ok(Locations::resolve(&Surroundings {
            hyperion_home,
            xdg_data_home: variable("XDG_DATA_HOME"),
            xdg_cache_home: variable("XDG_CACHE_HOME"),
            xdg_runtime_dir: variable("XDG_RUNTIME_DIR"),
            home: variable("HOME"),
            current_dir: self.current_dir.clone(),
            uid: effective_uid(),
        })?)
    }

    /// Finds the engine elsewhere that this command is for, if it is not for this machine's own.
    pub(crate) fn remote(&self) -> anyhow::Result<Option<Remote>> {
        if let Some(remote) = Remote::of(&self.variables)? {
            return Ok(Some(remote));
        }
        match login::kept(&self.locations()?.home)? {
            Some(login) => Ok(Some(Remote::new(&login.url, Some(&login.token))?)),
            None => Ok(None),
        }
    }

    /// Where the home's settings are.
    pub(crate) fn config_path(&self) -> anyhow::Result<PathBuf> {
        Ok(self.locations()?.home.join("config.toml"))
    }

    /// The variables, for settings.
    pub(crate) const fn variables(&self) -> &Variables {
        &self.variables
    }

    /// Loads the settings, saying what the person should know about them.
    pub(crate) fn settings(&self) -> anyhow::Result<Loaded> {
        match self.usable_settings()? {
            (loaded, None) => Ok(loaded),
            (_, Some(wrong)) => Err(wrong.into()),
        }
    }

    /// Loads those settings that can be used, and what is wrong with the others.
    pub(crate) fn usable_settings(&self) -> anyhow::Result<(Loaded, Option<SettingsErrors>)> {
        let (loaded, wrong) = settings::load(&self.config_path()?, &self.variables);
        for warning in &loaded.warnings {
            self.output.say(&crate::view::warning(warning));
        }
        Ok((loaded, wrong))
    }

    /// Looks, without an engine if there is none, and by these settings.
    pub(crate) async fn look<T>(
        &self,
        settings: Settings,
        work: impl AsyncFnOnce(&mut Session<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let session = Session::open_with(self, Access::Read, settings).await?;
        Self::work(session, work).await
    }

    /// Does work with an engine and leaves it in good order, whatever came of the work.
    pub(crate) async fn with<T>(
        &self,
        access: Access,
        work: impl AsyncFnOnce(&mut Session<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let session = Session::open(self, access).await?;
        Self::work(session, work).await
    }

    async fn work<T>(
        mut session: Session<'_>,
        work: impl AsyncFnOnce(&mut Session<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let result = work(&mut session).await;
        let closed = session.close().await;
        let value = result?;
        closed?;
        Ok(value)
    }

    /// Says which requests this command set going: should it see one of them fail, it fails too.
    pub(crate) fn sets_going(&self, requests: impl IntoIterator<Item = String>) {
        let mut known = self
            .set_going
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.extend(requests);
    }

    /// Remembers how requests ended while this command showed them.
    pub(crate) fn watched(&self, mut ends: Ends) {
        let set_going = self
            .set_going
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        ends.retain(&set_going);
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = ends;
    }

    /// Says what to do about what failed while this command showed it, and gives the status that this makes.
    pub(crate) fn settle(&self, exit: Exit) -> Exit {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for hint in watched.hints() {
            self.output.say(&hint);
        }
        match exit {
            Exit::Done => watched.exit(),
            exit => exit,
        }
    }

    /// Ends with the status of the command that was run, whatever it means there.
    pub(crate) fn passes_on(&self, code: u8) {
        let _ = self.passed_on.set(code);
    }

    /// Gives the status to end with.
    pub(crate) fn exit_code(&self, exit: Exit) -> ExitCode {
        match self.passed_on.get() {
            Some(code) if exit == Exit::Done => ExitCode::from(*code),
            _ => exit.into(),
        }
    }

    /// Remembers what is kept should the person interrupt from here on.
    pub(crate) fn keeps(&self, what: impl Into<String>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(what.into());
    }

    /// Gives what is kept.
    pub(crate) fn kept(&self) -> Option<String> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // W1: whatever fails while a command shows it, the command fails with what it set going, and with nothing else.
    #[test]
    fn a_command_fails_with_what_it_set_going() {
        for (watched, exit, expected) in [
            ("mine", Exit::Done, Exit::Conflict),
            ("mine", Exit::Waiting, Exit::Waiting),
            ("another's", Exit::Done, Exit::Done),
        ] {
            let output = Arc::new(Output::of_streams(std::io::sink(), std::io::sink()));
            let cx = Cx::new(
                output,
                Variables::default(),
                "/".into(),
                Some(TimeZone::UTC),
            );
            cx.sets_going(["mine".to_owned()]);
            cx.watched(Ends::of_one(watched, Exit::Conflict));
            assert_eq!(cx.settle(exit), expected, "{watched}");
        }
    }
}
