//! Puts an engine together: home, store, git, settings, clock.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hyperion_api::engine::{Mode as Stay, Setup};
use hyperion_engine::intake::SigningKey;
use hyperion_engine::{Clock, Engine, Ids, Parts, notify};
use hyperion_git::{Git, GitOptions};
use hyperion_host::{Home, HomeLock, boot_id, create_private_dir, effective_uid};
use hyperion_model::{Actor, Digest, Name, Role, Time, Uuid};
use hyperion_policy::Redactor;
use hyperion_server::Life;
use hyperion_store::{KeySource, Mode, Store, StoreConfig};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::settings::{self, Settings, Variables};

/// What a check sees of the person's environment; everything else stays out of it.
const CHECK_VARIABLES: &[&str] = &[
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TMPDIR",
    "TZ",
    "USER",
    "LOGNAME",
    "SHELL",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "JAVA_HOME",
    "NVM_DIR",
    "PYENV_ROOT",
    "VIRTUAL_ENV",
    "XDG_CACHE_HOME",
];

/// The machine's clock, to the millisecond.
struct SystemClock {
    /// How far it goes ahead, in tests of what happens after a long time.
    ahead: Duration,
}

impl SystemClock {
    fn new(variables: &Variables) -> anyhow::Result<Self> {
        // Not in what is shipped: with a wrong clock, every deadline is wrong.
        let ahead = variables
            .get("HYPERION_CLOCK_AHEAD_SEC")
            .filter(|_| cfg!(feature = "fail-points"));
        let seconds = match ahead {
            Some(seconds) => seconds
                .to_str()
                .and_then(|seconds| seconds.parse().ok())
                .context("read HYPERION_CLOCK_AHEAD_SEC")?,
            None => 0,
        };
        Ok(Self {
            ahead: Duration::from_secs(seconds),
        })
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let now = Timestamp::now();
        let now = now.checked_add(self.ahead).unwrap_or(now);
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    fn since_boot(&self) -> Option<Duration> {
        hyperion_host::since_boot().ok()
    }
}

/// What of a person's environment counts where their git talks to a remote: agents, keys, proxies, places of settings.
const PERSON_VARIABLES: &[&str] = &[
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "SSH_AUTH_SOCK",
    "GNUPGHOME",
    "PASSWORD_STORE_DIR",
    "KRB5CCNAME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
];

/// Gives the time now, to the millisecond.
pub(crate) fn now() -> Time {
    SystemClock {
        ahead: Duration::ZERO,
    }
    .now()
}

/// Ids that nobody else makes: version 7 UUIDs.
struct SystemIds;

impl Ids for SystemIds {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// Starts the home's engine, for whoever holds its lock.
pub(crate) fn start(
    settings: &Settings,
    home: Home,
    variables: &Variables,
    lock: &HomeLock,
) -> anyhow::Result<Engine> {
    let parts = parts(settings, home, variables, Mode::ReadWrite)?;
    let noted = parts.store.stand_on(lock.path(), lock.file());
    noted.with_context(|| format!("look at {}", lock.path().display()))?;
    Engine::start(parts).map_err(problem)
}

/// Opens the home's data to answer questions only.
pub(crate) fn read_only(
    settings: &Settings,
    home: Home,
    variables: &Variables,
) -> anyhow::Result<Engine> {
    let parts = parts(settings, home, variables, Mode::ReadOnly)?;
    Engine::read_only(parts).map_err(problem)
}

/// Keeps the code, hint and exit status that go with an engine's error.
pub(crate) fn problem(error: impl Into<hyperion_engine::Error>) -> anyhow::Error {
    let problem = error.into().into();
    anyhow::Error::new(hyperion_api::ClientError::Problem(Box::new(problem)))
}

/// The home's owner: an admin until there are users.
pub(crate) fn owner(variables: &Variables) -> anyhow::Result<Actor> {
    let name = ["USER", "LOGNAME"]
        .into_iter()
        .filter_map(|variable| variables.get(variable)?.to_str())
        .find_map(|name| Name::new(name).ok());
    let id = match name {
        Some(name) => name,
        None => Name::new(format!("uid:{}", effective_uid())).context("name the home's owner")?,
    };
    Ok(Actor::Person {
        id,
        role: Role::Admin,
    })
}

fn parts(
    settings: &Settings,
    home: Home,
    variables: &Variables,
    mode: Mode,
) -> anyhow::Result<Parts> {
    let clock = Arc::new(SystemClock::new(variables)?);
    // Values that look like credentials and stand in the environment are secrets we hold.
    let redactor = Redactor::new(held_secrets(variables));
    let key = match variables.get("HYPERION_KEY_FILE") {
        Some(path) => KeySource::Named {
            path: PathBuf::from(path),
        },
        None => KeySource::File { path: home.key() },
    };
    let store = Store::open(&StoreConfig {
        database: home.database(),
        blobs: home.blobs(),
        key,
        mode,
        redact: Arc::new(redactor.clone()),
        now: clock.now(),
    })?;
    let scratch = home.cache().join("git");
    create_private_dir(home.cache()).with_context(|| format!("make {}", home.cache().display()))?;
    create_private_dir(&scratch).with_context(|| format!("make {}", scratch.display()))?;
    let options = GitOptions {
        program: variables.get("HYPERION_GIT").map(PathBuf::from),
        scratch,
        search_path: variables.get("PATH").unwrap_or_default().to_os_string(),
        user_home: variables.get("HOME").map(PathBuf::from),
        person: PERSON_VARIABLES
            .iter()
            .filter_map(|name| Some(((*name).into(), variables.get(name)?.to_os_string())))
            .collect(),
    };
    let git = match mode {
        Mode::ReadWrite => Git::probe(&options)?,
        // Most of what is asked needs no git, and trying it out takes longer than the answer.
        Mode::ReadOnly => Git::later(&options),
    };
    Ok(Parts {
        store,
        clock,
        ids: Arc::new(SystemIds),
        settings: engine_settings(settings, variables)?,
        redactor,
        git,
        home,
        boot_id: boot_id().context("read the machine's boot id")?,
    })
}

/// Begins the life of an engine that this process is.
pub(crate) fn life(mode: Stay, settings: &Settings, variables: &Variables) -> Life {
    let setup = setup(settings, variables);
    Life::new(mode, env!("CARGO_PKG_VERSION"), setup)
}

/// Digests what an engine is started with: the settings, and as its surroundings this program's file and all that is taken from
/// the environment.
pub(crate) fn setup(settings: &Settings, variables: &Variables) -> Setup {
    const IDENTITY: &[&str] = &["USER", "LOGNAME"];
    let mut settings = settings.clone();
    let values: serde_json::Map<_, _> = settings::all()
        .map(|setting| (setting.key.to_owned(), setting.field.json(&mut settings)))
        .collect();
    let secrets = held_secrets(variables);
    let is_used = |name: &OsStr, value: &OsStr| {
        let Some(name) = name.to_str() else {
            return false;
        };
        // Where the home is, and what is a setting, is compared elsewhere.
        let is_ours =
            name.starts_with("HYPERION_") && name != "HYPERION_HOME" && !name.contains("__");
        is_ours
            || CHECK_VARIABLES.contains(&name)
            || IDENTITY.contains(&name)
            || value.to_str().is_some_and(|value| secrets.contains(value))
    };
    let used: Vec<_> = variables
        .iter()
        .filter(|(name, value)| is_used(name, value))
        .map(|(name, value)| json!([name.to_string_lossy(), value.to_string_lossy()]))
        .collect();
    // A program that was replaced is another one.
    let program = std::fs::metadata("/proc/self/exe").ok();
    let program = program.map(|file| (file.dev(), file.ino(), file.mtime(), file.len()));
    Setup {
        settings: Digest::of_json(&values.into()).to_string(),
        surroundings: Digest::of_json(&json!([program, used])).to_string(),
    }
}

fn held_secrets(variables: &Variables) -> BTreeSet<String> {
    const NAMES: &[&str] = &[
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "API_KEY",
        "APIKEY",
        "PRIVATE_KEY",
    ];
    const MIN_CHARS: usize = 12;
    variables
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
        .filter(|(name, value)| {
            let name = name.to_ascii_uppercase();
            value.len() >= MIN_CHARS && NAMES.iter().any(|part| name.contains(part))
        })
        .map(|(_, value)| value.to_owned())
        .collect()
}

fn engine_settings(
    settings: &Settings,
    variables: &Variables,
) -> anyhow::Result<hyperion_engine::Settings> {
    let whole = |kib: u64| usize::try_from(kib).unwrap_or(usize::MAX / 1024);
    let kib = whole(settings.policy.limits.max_item_kb);
    let change_kib = whole(settings.policy.limits.max_change_kb);
    let check_environment = CHECK_VARIABLES
        .iter()
        .filter_map(|name| {
            Some((
                (*name).to_owned(),
                variables.get(name)?.to_str()?.to_owned(),
            ))
        })
        .collect();
    Ok(hyperion_engine::Settings {
        default_agent: Name::new(settings.agent.default.as_str())
            .context("use the setting agent.default")?,
        requires_approval: settings.request.requires_approval,
        rules: settings.policy.clone(),
        keys: (settings.keys.iter())
            .filter_map(|key| SigningKey::new(&key.id, &key.public))
            .collect(),
        max_steps: usize::try_from(settings.plan.max_steps).unwrap_or(usize::MAX),
        tools: hyperion_engine::ToolLimits {
            read_bytes: settings.tools.read_max_kb.saturating_mul(1024),
            write_bytes: kib.saturating_mul(1024) as u64,
            changes_per_minute: settings.tools.file_ops_per_min,
            looks_per_minute: settings
                .tools
                .file_ops_per_min
                .saturating_mul(hyperion_engine::ToolLimits::LOOKS_PER_CHANGE),
            run_time: Duration::from_secs(settings.tools.run_timeout_sec),
        },
        sizes: hyperion_engine::Sizes {
            max_content_bytes: kib.saturating_mul(1024),
            max_lock_bytes: change_kib.max(kib).saturating_mul(1024),
            max_file_bytes: settings.files.max_file_size_mb.saturating_mul(1024 * 1024),
        },
        approval_ttl: Duration::from_secs(settings.approval.ttl_sec),
        approval_warn_before: Duration::from_secs(settings.approval.warn_before_sec),
        lease: Duration::from_secs(settings.merge.lease_sec),
        max_attempts: u32::try_from(settings.merge.max_attempts).unwrap_or(u32::MAX),
        retry_delay: Duration::from_secs(settings.merge.retry_delay_sec),
        check_timeout: Duration::from_secs(settings.checks.timeout_sec),
        log_max_bytes: whole(settings.run.log_max_mb.saturating_mul(1024)).saturating_mul(1024),
        retention: Duration::from_secs(settings.files.backup_retention_hours.saturating_mul(3600)),
        watch_files: settings.files.watch,
        backup: hyperion_engine::Backup {
            ship_to: Some(&settings.backup.ship_to)
                .filter(|folder| !folder.is_empty())
                .map(PathBuf::from),
            ship_every: Duration::from_secs(settings.backup.ship_every_sec),
            keep: Duration::from_secs(settings.backup.keep_days.saturating_mul(86_400)),
        },
        archive_after: Duration::from_secs(
            settings.merge.archive_after_days.saturating_mul(86_400),
        ),
        dead_letters_after: Duration::from_secs(
            settings.merge.dead_letter_days.saturating_mul(86_400),
        ),
        sandbox: hyperion_engine::SandboxSettings {
            checks: chosen("sandbox.checks", settings.sandbox.checks)?,
            checks_network: chosen("sandbox.checks_network", settings.sandbox.checks_network)?,
            agents: chosen("sandbox.agents", settings.sandbox.agents)?,
            network_hosts: settings.sandbox.network_hosts.clone(),
            proxies: proxies(variables),
            memory_max_mb: settings.sandbox.memory_max_mb,
            processes_max: settings.sandbox.processes_max,
        },
        supervision: supervision(&settings.supervisor)?,
        digests: digests(settings),
        notify: notify(settings, variables)?,
        // This very file, also when another version was put in its place.
        shim_program: PathBuf::from(format!("/proc/{}/exe", std::process::id())),
        check_environment,
    })
}

/// What the environment says of the machine's own proxies.
fn proxies(variables: &Variables) -> Vec<(String, String)> {
    let names = hyperion_engine::SandboxSettings::PROXY_VARIABLES.into_iter();
    let names = names.flat_map(|name| [name.to_owned(), name.to_ascii_uppercase()]);
    let found = names.filter_map(|name| {
        let value = variables.get(&name)?.to_str()?.to_owned();
        Some((name, value))
    });
    found.collect()
}

/// Digests each setting in force.
fn digests(settings: &Settings) -> BTreeMap<String, String> {
    let mut settings = settings.clone();
    let digest = |setting: &settings::Setting| {
        let value = setting.field.json(&mut settings);
        (setting.key.to_owned(), Digest::of_json(&value).to_string())
    };
    settings::all().map(digest).collect()
}

/// What of a person's environment leads to their desktop.
const DESKTOP_VARIABLES: &[&str] = &[
    "PATH",
    "HOME",
    "LANG",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
];

/// The variable with the secret that messages are signed with.
const WEBHOOK_SECRET: &str = "HYPERION_WEBHOOK_SECRET";

fn notify(settings: &Settings, variables: &Variables) -> anyhow::Result<notify::Notify> {
    let settings = &settings.notify;
    let desktop = DESKTOP_VARIABLES.iter();
    let desktop = desktop.filter_map(|name| Some(((*name).into(), variables.get(name)?.into())));
    let set = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let secret = match variables.get(WEBHOOK_SECRET) {
        Some(secret) => Some(notify::SecretFrom::Value(notify::Secret::new(
            secret.as_encoded_bytes(),
        ))),
        None => set(&settings.webhook_secret_file)
            .map(|path| notify::SecretFrom::File(PathBuf::from(path))),
    };
    let on = settings.on.iter().map(|word| chosen("notify.on", word));
    Ok(notify::Notify {
        desktop: settings.desktop,
        environment: desktop.collect(),
        webhook_url: set(&settings.webhook_url),
        webhook_secret: secret,
        rules: notify::Rules {
            on: on.collect::<anyhow::Result<_>>()?,
            dwell: Duration::from_secs(settings.dwell_sec),
            cooldown: Duration::from_secs(settings.cooldown_sec),
        },
    })
}

fn supervision(settings: &settings::Supervisor) -> anyhow::Result<hyperion_engine::Supervision> {
    let interval = Duration::from_secs(settings.heartbeat_interval_sec);
    Ok(hyperion_engine::Supervision {
        heartbeat_interval: interval,
        // One sign of life may be late.
        stall_after: Duration::from_secs(settings.stall_after_sec).max(2 * interval),
        on_stall: chosen("supervisor.on_stall", settings.on_stall)?,
        max_restarts: u32::try_from(settings.max_restarts).unwrap_or(u32::MAX),
        on_orphan: chosen("supervisor.on_orphan", settings.on_orphan)?,
    })
}

/// Gives what the word of a setting stands for.
fn chosen<T: DeserializeOwned>(key: &str, word: &str) -> anyhow::Result<T> {
    T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(word))
        .with_context(|| format!("use the setting {key}"))
}
