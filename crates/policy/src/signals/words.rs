//! The words themselves.

use crate::language::Language;
use crate::risk::{RiskKind, Severity};

/// Which line of a change a signal is looked for in.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Side {
    Added,
    Either,
}

pub(super) struct Signal {
    pub(super) kind: RiskKind,
    pub(super) severity: Severity,
    pub(super) says: &'static str,
    pub(super) side: Side,
    /// Only in these languages; empty: in all but prose.
    pub(super) languages: &'static [Language],
    /// Lower-case texts; one is enough.
    pub(super) any: &'static [&'static str],
}

pub(super) const SIGNALS: &[Signal] = &[
    Signal {
        kind: RiskKind::Security,
        severity: Severity::High,
        says: "switches off a check of certificates, hosts or signatures",
        side: Side::Added,
        languages: &[],
        any: &[
            "verify_ssl = false",
            "verify_ssl=false",
            "strict-ssl=false",
            "insecureskipverify: true",
            "insecureskipverify = true",
            "rejectunauthorized: false",
            "node_tls_reject_unauthorized",
            "danger_accept_invalid_certs",
            "danger_accept_invalid_hostnames",
            "dangerous_configuration",
            "cert_none",
            "_create_unverified_context",
            "stricthostkeychecking=no",
            "stricthostkeychecking no",
            "curl_ssl_verifypeer, 0",
            "curl_ssl_verifypeer, false",
            "ssl_verify: false",
            "sslverify=false",
            "http.sslverify false",
            "verify_none",
            "csrf_exempt",
            "disable_csrf",
            "csrf().disable",
            "permitall()",
            "allowanonymous",
        ],
    },
    Signal {
        kind: RiskKind::Security,
        severity: Severity::High,
        says: "switches off a check of certificates, hosts or signatures",
        side: Side::Added,
        languages: &[Language::Python],
        any: &["verify=false", "verify = false"],
    },
    Signal {
        kind: RiskKind::Security,
        severity: Severity::Medium,
        says: "puts text into a page unescaped",
        side: Side::Added,
        languages: &[],
        any: &[
            "dangerouslysetinnerhtml",
            ".innerhtml = ",
            ".innerhtml=",
            ".innerhtml += ",
            "document.write(",
            "v-html=",
        ],
    },
    Signal {
        kind: RiskKind::Security,
        severity: Severity::Medium,
        says: "adds unsafe code",
        side: Side::Added,
        languages: &[Language::Rust],
        any: &[
            "unsafe {",
            "unsafe fn",
            "unsafe impl",
            "unsafe extern",
            "allow(unsafe_code",
        ],
    },
    Signal {
        kind: RiskKind::Security,
        severity: Severity::High,
        says: "opens files, rights or origins to everybody",
        side: Side::Added,
        languages: &[],
        any: &[
            "chmod 777",
            "chmod -r 777",
            "0o777",
            ", 0777)",
            "chmod a+w",
            "chmod +s",
            "grant all on",
            "grant all privileges",
            "security definer",
            "access-control-allow-origin: *",
            "access-control-allow-origin\", \"*\"",
            "access-control-allow-origin', '*'",
            "nopasswd",
            "privileged: true",
            "--privileged",
            "--no-verify",
            "setuid(0",
        ],
    },
    Signal {
        kind: RiskKind::DataLoss,
        severity: Severity::High,
        says: "deletes stored data",
        side: Side::Added,
        languages: &[],
        any: &[
            "deletemany({})",
            "delete_all(",
            ".objects.all().delete(",
            "dropdatabase(",
            "redis.flushall(",
            "redis.flushdb(",
            "redis-cli flushall",
            "redis-cli flushdb",
        ],
    },
    Signal {
        kind: RiskKind::DataLoss,
        severity: Severity::High,
        says: "deletes whole folders or disks",
        side: Side::Added,
        languages: &[],
        any: &[
            "mkfs.",
            "of=/dev/",
            "git clean -",
            "git reset --hard",
            "push --force",
            "push -f",
        ],
    },
    Signal {
        kind: RiskKind::Schema,
        severity: Severity::High,
        says: "changes the shape of a database",
        side: Side::Either,
        languages: &[],
        any: &[
            "op.add_column(",
            "op.drop_column(",
            "op.create_table(",
            "op.drop_table(",
            "op.alter_column(",
            "migrations.addfield(",
            "migrations.removefield(",
            "migrations.alterfield(",
            "migrations.createmodel(",
            "migrations.deletemodel(",
        ],
    },
    Signal {
        kind: RiskKind::Performance,
        severity: Severity::Medium,
        says: "waits or blocks where others may wait for it",
        side: Side::Added,
        languages: &[],
        any: &[
            "thread::sleep(",
            "time.sleep(",
            "thread.sleep(",
            "readfilesync(",
            "writefilesync(",
            "block_on(",
            ".wait_for_completion(",
        ],
    },
    Signal {
        kind: RiskKind::Performance,
        severity: Severity::Medium,
        says: "takes away an index, a limit or a cache",
        side: Side::Added,
        languages: &[],
        any: &["no-cache", "order by rand(", "order by random("],
    },
];

/// Statements that shape stored data.
pub(super) const SHAPES: &[&str] = &[
    "create table",
    "create unlogged table",
    "create temporary table",
    "alter table",
    "drop table",
    "rename table",
    "create index",
    "create unique index",
    "drop index",
    "create type",
    "alter type",
    "drop type",
    "add column",
    "drop column",
];

/// Statements that delete stored data.
pub(super) const DELETES: &[&str] = &[
    "drop table",
    "drop database",
    "drop schema",
    "drop column",
    "truncate table",
];

/// Calls and commands that delete a folder with all that is in it.
pub(super) const FOLDERS: &[&str] = &[
    "remove_dir_all(",
    "shutil.rmtree(",
    "rimraf(",
    "os.removeall(",
    "fileutils.rm_rf",
    "rm -rf ",
    "rm -fr ",
    "rm -r ",
    "rm -rfv ",
];

/// Folders of what builds and tools make, and make anew.
pub(super) const MADE_ANEW: &[&str] = &[
    "target",
    "dist",
    "build",
    "out",
    "bin",
    "obj",
    "node_modules",
    "coverage",
    "__pycache__",
    ".cache",
    ".next",
    ".venv",
    "*.egg-info",
];
