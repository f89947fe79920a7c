//! The engine in the background: how a command starts one, keeps it up, and has it leave.
//!
//! It is this very program, as `hyperion engine`, in a session of its own. Its first line on standard output says whether it is
//! up, or why not; what goes wrong later is in its log.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyperion_api::client::{Body, Transport, TransportError, UnixTransport};
use hyperion_api::engine::{Health, Leaving, Mode, Setup};
use hyperion_api::{Client, ClientError};
use hyperion_host::{Detached, Home, Launch, Locations, LockError};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::connection::{LOOK, Listens, PATIENCE, listens, refusal, silent_engine};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::{Settings, Variables};
use crate::wiring;

/// How long an engine may take until it listens: a database that is brought to a newer form takes its time.
const START_WITHIN: Duration = Duration::from_secs(300);
/// The most bytes of its first line.
const REPORT_MAX_BYTES: usize = 1024 * 1024;
/// How often an engine is started for one call.
const STARTS_MAX: u32 = 3;

/// What an engine says first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// It listens, or another one does; with what its store was opened in spite of.
    Up {
        /// For people.
        notices: Vec<String>,
    },
    /// There is no engine.
    Failed(Failure),
}

/// Whether a command can work with the engine that is up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It can, and may have something to say about that.
    Stays(Option<String>),
    /// It has to make room for another one first.
    Leaves,
}

/// Starts engines for one home.
pub(crate) struct Starter {
    locations: Locations,
    variables: Variables,
    setup: Setup,
    starting: Mutex<()>,
}

impl Starter {
    /// Notes what an engine of this command is started with.
    pub(crate) fn new(settings: &Settings, locations: &Locations, variables: &Variables) -> Self {
        let variables = anywhere(variables);
        Self {
            locations: locations.clone(),
            setup: wiring::setup(settings, &variables),
            variables,
            starting: Mutex::new(()),
        }
    }

    /// Says whether the engine that is up does what one of this command would do.
    ///
    /// One in the background that does not, and has nothing to do, makes room. One at work goes on, unless it is of another
    /// version; what somebody started by hand stays in any case.
    pub(crate) fn fit(&self, up: &Health) -> Fit {
        let is_same_version = up.version == env!("CARGO_PKG_VERSION");
        match up.mode {
            Some(Mode::Background) if !is_same_version => Fit::Leaves,
            Some(Mode::Background) if up.setup == self.setup => Fit::Stays(None),
            Some(Mode::Background) if up.idle => Fit::Leaves,
            Some(Mode::Background) if up.setup.settings != self.setup.settings => {
                Fit::Stays(Some(format!(
                    "the engine at work, process {}, was started with other settings; yours count from the next engine on (`hyperion down` ends this one)",
                    up.pid
                )))
            }
            Some(Mode::Foreground) | None if !is_same_version => Fit::Stays(Some(format!(
                "the engine that is up, process {}, is of version {}; this is {}",
                up.pid,
                up.version,
                env!("CARGO_PKG_VERSION")
            ))),
            Some(Mode::Background | Mode::Foreground) | None => Fit::Stays(None),
        }
    }

    /// Starts an engine, or finds that one is up; gives what its store was opened in spite of.
    pub(crate) async fn start(&self) -> anyhow::Result<Vec<String>> {
        let _one_at_a_time = self.starting.lock().await;
        match listens(&self.locations.socket()).await {
            Listens::Engine(_) => return Ok(Vec::new()),
            Listens::Silent => return Err(refusal(silent_engine(&self.locations))),
            Listens::Nobody => {}
        }
        let home = Home::open_or_create(&self.locations)?;
        let log = home.engine_log();
        let launch = self.launch()?;
        let waiting = tokio::task::spawn_blocking(move || {
            let engine = Detached::start(&launch, &log)?;
            let line = engine.first_line(REPORT_MAX_BYTES, Instant::now() + START_WITHIN)?;
            anyhow::Ok((engine.pid(), line))
        });
        let (pid, line) = waiting.await.context("start an engine")??;
        match line.map(|line| serde_json::from_slice(&line)) {
            Some(Ok(Report::Up { notices })) => Ok(notices),
            Some(Ok(Report::Failed(failure))) => Err(failure.into()),
            Some(Err(_)) | None => {
                let what = format!("the engine, process {pid}, ended while it was starting");
                let hint = format!(
                    "run the command again; {} may say why it ended",
                    home.engine_log().display()
                );
                Err(Failure::new(Exit::Unavailable, what).hint(hint).into())
            }
        }
    }

    /// Speaks to the home's engine, and starts another one when it left.
    pub(crate) fn into_transport(self) -> impl Transport {
        KeptUp {
            unix: UnixTransport::new(self.locations.socket()),
            starter: Arc::new(self),
        }
    }

    /// What is started: this program, with this command's environment, but not in its folder.
    fn launch(&self) -> anyhow::Result<Launch> {
        let mut launch = Launch::new(program()?, "/").arg("engine");
        let variables = self.variables.iter();
        launch.env = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(launch.env("HYPERION_HOME", &self.locations.home))
    }
}

/// The variables as they mean the same in any folder.
fn anywhere(variables: &Variables) -> Variables {
    let here = std::env::current_dir().unwrap_or_default();
    Variables::new(variables.iter().map(|(name, value)| {
        // A bare name of a program is looked up in PATH.
        let is_program = name == "HYPERION_GIT" && value.as_encoded_bytes().contains(&b'/');
        let value = if is_program || name == "HYPERION_KEY_FILE" {
            here.join(value).into_os_string()
        } else {
            value.to_owned()
        };
        (name.to_owned(), value)
    }))
}

/// This program's file; where it was replaced or removed meanwhile, what is still there of it.
pub(crate) fn program() -> anyhow::Result<PathBuf> {
    let named = std::env::current_exe().context("find this program's file")?;
    Ok(if named.exists() {
        named
    } else {
        PathBuf::from("/proc/self/exe")
    })
}

/// Speaks to the home's engine; a call that never reached it is made again, once another one is up.
struct KeptUp {
    unix: UnixTransport,
    starter: Arc<Starter>,
}

impl Transport for KeptUp {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        Box::pin(async move {
            for _ in 0..STARTS_MAX {
                match self.unix.send(request.clone()).await {
                    Err(TransportError::Unreachable(_)) => {}
                    answered => return answered,
                }
                let started = self.starter.start().await;
                started
                    .map_err(|error| TransportError::Unreachable(Box::new(Failure::of(&error))))?;
            }
            self.unix.send(request).await
        })
    }
}

/// Has the engine in the background leave, and waits until it did; gives its process, or nothing where there was none.
///
/// One in the foreground does not leave, and says so.
pub(crate) async fn dismiss(locations: &Locations) -> anyhow::Result<Option<u32>> {
    let socket = locations.socket();
    let pid = match listens(&socket).await {
        Listens::Nobody => return Ok(None),
        Listens::Silent => return Err(refusal(silent_engine(locations))),
        Listens::Engine(_) => {
            let client = Client::new(UnixTransport::new(&socket));
            match client.post::<Leaving>("/api/engine/leave", &()).await {
                Ok(leaving) => Some(leaving.pid),
                // It left before it had said so.
                Err(ClientError::Transport(_)) => None,
                Err(error) => return Err(error.into()),
            }
        }
    };
    let Some(home) = Home::open(locations)? else {
        return Ok(pid);
    };
    let began = Instant::now();
    loop {
        match home.lock() {
            Ok(_free) => return Ok(pid),
            Err(LockError::Busy { pid: holder, .. }) => {
                // Another one may have taken its place by now: that is not the one that was to leave.
                if pid.is_some() && holder.is_some() && holder != pid {
                    return Ok(pid);
                }
                if began.elapsed() >= PATIENCE {
                    let what = "the engine was asked to leave, and is still there";
                    let failure = Failure::new(Exit::Unavailable, what);
                    return Err(failure.hint("try again in a moment").into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn starter(variables: &[(&str, &str)], home: &Path) -> Starter {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        let locations = Locations {
            home: home.to_path_buf(),
            cache: home.join("cache"),
            runtime: home.to_path_buf(),
        };
        Starter::new(&Settings::default(), &locations, &Variables::new(variables))
    }

    fn up(mode: Option<Mode>, idle: bool, setup: &Setup) -> Health {
        Health {
            status: "ok".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: 7,
            engine: true,
            mode,
            setup: setup.clone(),
            idle,
            notices: Vec::new(),
        }
    }

    #[test]
    fn an_engine_that_would_do_something_else_makes_room_when_it_may() {
        let starter = starter(&[("PATH", "/bin")], Path::new("/h"));
        let (same, background) = (&starter.setup, Some(Mode::Background));
        let other = |settings: &str, surroundings: &str| Setup {
            settings: settings.to_owned(),
            surroundings: surroundings.to_owned(),
        };
        assert_eq!(starter.fit(&up(background, true, same)), Fit::Stays(None));
        let elsewhere = other(&same.settings, "elsewhere");
        assert_eq!(starter.fit(&up(background, true, &elsewhere)), Fit::Leaves);
        assert_eq!(
            starter.fit(&up(background, false, &elsewhere)),
            Fit::Stays(None)
        );
        let set = other("set", &same.surroundings);
        assert_eq!(starter.fit(&up(background, true, &set)), Fit::Leaves);
        assert!(matches!(
            starter.fit(&up(background, false, &set)),
            Fit::Stays(Some(_))
        ));
        for mode in [Some(Mode::Foreground), None] {
            assert_eq!(starter.fit(&up(mode, true, &set)), Fit::Stays(None));
        }
        let old = |mode| Health {
            version: "0.0.1".to_owned(),
            ..up(mode, false, same)
        };
        assert_eq!(starter.fit(&old(background)), Fit::Leaves);
        let Fit::Stays(Some(told)) = starter.fit(&old(None)) else {
            panic!("one that nobody started in the background stays");
        };
        assert!(told.contains("is of version 0.0.1"), "{told}");
    }

    #[test]
    fn an_engine_is_started_with_what_the_command_has_but_not_in_its_folder() {
        let variables = [
            ("HYPERION_HOME", "h"),
            ("HYPERION_KEY_FILE", "key"),
            ("HYPERION_GIT", "git"),
            ("PATH", "/bin"),
        ];
        let launch = starter(&variables, Path::new("/srv/h")).launch().unwrap();
        let of = |name: &str| {
            let found = launch.env.iter().rev().find(|(key, _)| key == name);
            PathBuf::from(&found.unwrap().1)
        };
        assert_eq!(of("HYPERION_HOME"), Path::new("/srv/h"));
        assert_eq!(
            of("HYPERION_KEY_FILE"),
            std::env::current_dir().unwrap().join("key")
        );
        assert_eq!(of("HYPERION_GIT"), Path::new("git"));
        assert_eq!(of("PATH"), Path::new("/bin"));
        assert_eq!(launch.cwd, Path::new("/"));
    }

    // O4: whatever an engine takes from its environment makes it another one; what it does not take, does not.
    #[test]
    fn surroundings_are_what_is_used_of_them() {
        let of = |variables: &[(&str, &str)]| starter(variables, Path::new("/h")).setup;
        let plain = of(&[("PATH", "/bin")]);
        assert_eq!(
            of(&[("PATH", "/bin"), ("EDITOR", "vi"), ("HYPERION_HOME", "/x")]),
            plain
        );
        for other in [
            ("PATH", "/usr/bin"),
            ("USER", "bob"),
            ("HYPERION_GIT", "/opt/git"),
            ("API_TOKEN", "a long secret value"),
        ] {
            assert_ne!(
                of(&[("PATH", "/bin"), other]).surroundings,
                plain.surroundings
            );
        }
    }
}
