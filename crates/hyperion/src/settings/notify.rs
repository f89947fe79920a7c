//! `[notify]`

use super::{Field, Setting};

/// How people are told of what waits for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notify {
    /// Whether the desktop is told.
    pub(crate) desktop: bool,
    /// The address that is told; empty tells nobody.
    pub(crate) webhook_url: String,
    /// The file with what messages are signed with.
    pub(crate) webhook_secret_file: String,
    /// What is told.
    pub(crate) on: Vec<String>,
    /// How long something waits before it is told, in seconds.
    pub(crate) dwell_sec: u64,
    /// How long after a message nothing is told, in seconds.
    pub(crate) cooldown_sec: u64,
}

const KINDS: &[&str] = &["needs_me", "expiring", "failed", "done"];

impl Default for Notify {
    fn default() -> Self {
        Self {
            desktop: false,
            webhook_url: String::new(),
            webhook_secret_file: String::new(),
            on: KINDS.iter().map(|kind| (*kind).to_owned()).collect(),
            dwell_sec: 10,
            cooldown_sec: 60,
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "notify.desktop",
        about: "Whether the desktop shows what waits for you, by the program `notify-send`.",
        field: Field::Switch(|settings| &mut settings.notify.desktop),
    },
    Setting {
        key: "notify.webhook_url",
        about: "An address to which what waits for you is posted as JSON (docs/notify.md); empty posts nothing. It has to be https, unless it is on this machine. `hyperion notify test` tries it.",
        field: Field::Url(|settings| &mut settings.notify.webhook_url),
    },
    Setting {
        key: "notify.webhook_secret_file",
        about: "A file, readable by you alone (mode 600), with the secret that messages to the address are signed with. The variable `HYPERION_WEBHOOK_SECRET` can hold the secret instead.",
        field: Field::File(|settings| &mut settings.notify.webhook_secret_file),
    },
    Setting {
        key: "notify.on",
        about: "What you are told of: `needs_me` (a question or an obstacle waits for a person), `expiring` (a question will expire soon), `failed` and `done` (how requests ended).",
        field: Field::Several(|settings| &mut settings.notify.on, KINDS),
    },
    Setting {
        key: "notify.dwell_sec",
        about: "How long something waits for you before you are told: what you decide within that time is not told.",
        field: Field::Whole(
            |settings| &mut settings.notify.dwell_sec,
            0..=3600,
            "seconds",
        ),
    },
    Setting {
        key: "notify.cooldown_sec",
        about: "How long after a message nothing more is told. What comes meanwhile is one message, however much it is.",
        field: Field::Whole(
            |settings| &mut settings.notify.cooldown_sec,
            0..=86_400,
            "seconds",
        ),
    },
];
