//! What can be set: shipped values, then the home's `config.toml`, then the environment.
//!
//! Each section has a file with its fields, their shipped values, their limits and their words; the
//! table below is all that parsing, `hyperion config` and the documentation need.

use hyperion_policy::RuleSource;

mod agent;
mod approval;
mod backup;
mod checks;
mod documentation;
mod edit;
mod engine;
mod error;
mod field;
mod files;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;
mod keys;
mod layers;
mod lost;
mod merge;
mod notify;
mod plan;
mod policy;
mod request;
mod run;
mod sandbox;
mod server;
mod supervisor;
mod tools;
mod variables;

pub(crate) use documentation::documentation;
pub(crate) use edit::{EditError, set, unset};
pub(crate) use error::{SettingsError, SettingsErrors, unknown};
pub(crate) use field::{Field, FieldError, Setting};
pub(crate) use layers::{Loaded, load};
pub(crate) use lost::REMEDY;
pub(crate) use supervisor::Supervisor;
pub(crate) use variables::Variables;

/// Every setting with its value in force.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Settings {
    /// `[agent]`
    pub(crate) agent: agent::Agent,
    /// `[approval]`
    pub(crate) approval: approval::Approval,
    /// `[backup]`
    pub(crate) backup: backup::Backup,
    /// `[checks]`
    pub(crate) checks: checks::Checks,
    /// `[engine]`
    pub(crate) engine: engine::Engine,
    /// `[files]`
    pub(crate) files: files::Files,
    /// `[merge]`
    pub(crate) merge: merge::Merge,
    /// `[notify]`
    pub(crate) notify: notify::Notify,
    /// `[plan]`
    pub(crate) plan: plan::Plan,
    /// The keys of `[policy]`
    pub(crate) keys: Vec<keys::Key>,
    /// `[policy]`, as policy takes it
    pub(crate) policy: RuleSource,
    /// `[request]`
    pub(crate) request: request::Request,
    /// `[run]`
    pub(crate) run: run::Run,
    /// `[sandbox]`
    pub(crate) sandbox: sandbox::Sandbox,
    /// `[server]`
    pub(crate) server: server::Server,
    /// `[supervisor]`
    pub(crate) supervisor: supervisor::Supervisor,
    /// What `[policy]` says of tools
    pub(crate) tools: tools::Tools,
}

/// Sections in the order of the documentation: name, what it is about, its settings.
pub(crate) const SECTIONS: &[(&str, &str, &[Setting])] = &[
    (
        "request",
        "What holds for every request.",
        request::SETTINGS,
    ),
    ("agent", "Who does the work.", agent::SETTINGS),
    ("plan", "How work is split.", plan::SETTINGS),
    (
        "policy",
        "What may change, and who has to agree.",
        policy::SETTINGS,
    ),
    ("approval", "Questions to people.", approval::SETTINGS),
    ("merge", "The merge queue.", merge::SETTINGS),
    (
        "checks",
        "What runs on a merged result before it lands.",
        checks::SETTINGS,
    ),
    (
        "sandbox",
        "What processes may see, reach and use.",
        sandbox::SETTINGS,
    ),
    ("supervisor", "How runs are watched.", supervisor::SETTINGS),
    ("run", "What runs leave.", run::SETTINGS),
    ("files", "Kept content.", files::SETTINGS),
    (
        "backup",
        "Copies of the home, made all the time.",
        backup::SETTINGS,
    ),
    (
        "notify",
        "How you are told of what waits for you.",
        notify::SETTINGS,
    ),
    ("engine", "The engine itself.", engine::SETTINGS),
    ("server", "The port.", server::SETTINGS),
];

/// Gives every setting.
pub(crate) fn all() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|(_, _, settings)| settings.iter())
}

/// Finds a setting by its key, for instance `merge.workers`.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn keys_are_distinct_and_stand_in_their_section() {
        let keys: BTreeSet<_> = all().map(|setting| setting.key).collect();
        assert_eq!(keys.len(), all().count());
        for (name, _, settings) in SECTIONS {
            for setting in *settings {
                assert!(
                    setting.key.starts_with(&format!("{name}.")),
                    "{}",
                    setting.key
                );
                assert!(setting.about.ends_with('.'), "{}", setting.key);
            }
        }
    }

    // O4: the defaults that must exist (contracts, §8).
    #[test]
    fn shipped_values_are_those_of_the_contracts() {
        let mut settings = Settings::default();
        let shown: Vec<_> = all()
            .filter(|setting| {
                !matches!(
                    setting.field,
                    Field::Globs(_) | Field::Commands(_) | Field::Keys(_)
                )
            })
            .map(|setting| format!("{} = {}", setting.key, setting.field.show(&mut settings)))
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        request.requires_approval = true
        agent.default = "scripted"
        plan.max_steps = 50
        policy.auto_approve.enabled = false
        policy.auto_approve.max_lines = 20
        policy.tool_write_max_kb = 500
        policy.tool_read_max_kb = 1024
        policy.file_ops_per_min = 100
        policy.tool_run_timeout_sec = 300
        policy.limits.max_change_kb = 8192
        policy.limits.max_files = 1000
        approval.ttl_sec = 86400
        approval.warn_before_sec = 3600
        merge.workers = 3
        merge.max_attempts = 5
        merge.lease_sec = 60
        merge.retry_delay_sec = 2
        merge.archive_after_days = 30
        merge.dead_letter_days = 30
        checks.timeout_sec = 300
        sandbox.checks = "full"
        sandbox.checks_network = "on"
        sandbox.agents = "full"
        sandbox.network_hosts = []
        sandbox.memory_max_mb = 4096
        sandbox.processes_max = 512
        supervisor.heartbeat_interval_sec = 10
        supervisor.stall_after_sec = 60
        supervisor.on_stall = "warn"
        supervisor.max_restarts = 3
        supervisor.on_orphan = "adopt"
        run.log_max_mb = 1024
        files.backup_retention_hours = 24
        files.max_file_size_mb = 10
        files.watch = true
        backup.ship_to = ""
        backup.ship_every_sec = 10
        backup.keep_days = 14
        notify.desktop = false
        notify.webhook_url = ""
        notify.webhook_secret_file = ""
        notify.on = ["needs_me", "expiring", "failed", "done"]
        notify.dwell_sec = 10
        notify.cooldown_sec = 60
        engine.detach = true
        engine.idle_exit_sec = 10
        engine.allow_confined = false
        server.bind = "127.0.0.1:4750"
        server.public_url = ""
        "#);
    }
}
