//! Words in added and removed lines that point at a risk.
//!
//! A list of words proves nothing; it decides only who has a look. It leans towards asking.

use hyperion_model::facts::ItemFacts;

use crate::language::Language;
use crate::risk::{RiskKind, Risks, Severity};

/// Which line of a change a signal is looked for in.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Added,
    Either,
}

struct Signal {
    kind: RiskKind,
    severity: Severity,
    says: &'static str,
    side: Side,
    /// Only in these languages; empty: in all but prose.
    languages: &'static [Language],
    /// Lower-case texts; one is enough.
    any: &'static [&'static str],
}

const SIGNALS: &[Signal] = &[
    Signal {
        kind: RiskKind::Security,
        severity: Severity::High,
        says: "switches off a check of certificates, hosts or signatures",
        side: Side::Added,
        languages: &[],
        any: &[
            "verify=false",
            "verify = false",
            "insecureskipverify: true",
            "insecureskipverify = true",
            "rejectunauthorized: false",
            "node_tls_reject_unauthorized",
            "danger_accept_invalid",
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
        says: "runs text as code or as a shell command",
        side: Side::Added,
        languages: &[],
        any: &[
            "eval(",
            "new function(",
            "shell=true",
            "os.system(",
            "os.popen(",
            "child_process",
            "execsync(",
            "runtime.getruntime().exec",
            "pickle.loads(",
            "pickle.load(",
            "yaml.unsafe_load",
            "marshal.loads(",
            "objectinputstream",
            "| sh",
            "| bash",
            "|sh",
            "|bash",
            "sh -c",
        ],
    },
    Signal {
        kind: RiskKind::Security,
        severity: Severity::High,
        says: "runs text as code or as a shell command",
        side: Side::Added,
        languages: &[Language::Python, Language::Php],
        any: &["exec(", "passthru(", "popen("],
    },
    Signal {
        kind: RiskKind::Security,
        severity: Severity::Medium,
        says: "puts text into a page unescaped",
        side: Side::Added,
        languages: &[],
        any: &[
            "dangerouslysetinnerhtml",
            ".innerhtml =",
            ".innerhtml=",
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
            "chmod a+w",
            "chmod +s",
            "grant all",
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
            "drop table",
            "drop database",
            "drop schema",
            "drop column",
            "truncate table",
            "deletemany({})",
            "delete_all(",
            ".objects.all().delete(",
            "dropdatabase(",
            "flushall",
            "flushdb",
        ],
    },
    Signal {
        kind: RiskKind::DataLoss,
        severity: Severity::High,
        says: "deletes whole folders or disks",
        side: Side::Added,
        languages: &[],
        any: &[
            "rm -rf",
            "rm -fr",
            "rm -r ",
            "remove_dir_all(",
            "shutil.rmtree(",
            "rmsync(",
            "rimraf(",
            "os.removeall(",
            "fileutils.rm_rf",
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
            "create table",
            "alter table",
            "drop table",
            "rename table",
            "create index",
            "create unique index",
            "drop index",
            "create type",
            "alter type",
            "add column",
            "drop column",
            "op.add_column(",
            "op.drop_column(",
            "migrations.addfield(",
            "migrations.createmodel(",
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
        any: &[
            "drop index",
            "no-cache",
            "order by rand(",
            "order by random(",
        ],
    },
];

/// Characters that make code read otherwise than it runs (CVE-2021-42574).
const TURNERS: [char; 9] = [
    '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}',
    '\u{2069}',
];

/// Notes what the lines of an item point at.
pub(crate) fn read(item: &ItemFacts, is_test: bool, risks: &mut Risks) {
    let language = Language::of(item.path.as_str());
    if language == Language::Prose {
        return;
    }
    if item.added.iter().any(|line| line.contains(TURNERS)) {
        risks.add(
            RiskKind::Security,
            Severity::Critical,
            "adds characters that make code read otherwise than it runs",
            &item.path,
        );
    }
    // Tests do all of this on purpose, and run only where checks run.
    if is_test {
        return;
    }
    let code = |lines: &[String]| -> Vec<String> {
        let code = lines.iter().filter(|line| !language.is_comment(line));
        code.map(|line| {
            line.split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .to_lowercase()
        })
        .collect()
    };
    let (added, removed) = (code(&item.added), code(&item.removed));
    for signal in SIGNALS {
        if !signal.languages.is_empty() && !signal.languages.contains(&language) {
            continue;
        }
        let hit = |line: &String| signal.any.iter().any(|text| says(line, text));
        let also_removed = signal.side == Side::Either && removed.iter().any(hit);
        if also_removed || added.iter().any(hit) {
            risks.add(signal.kind, signal.severity, signal.says, &item.path);
        }
    }
    if added.iter().any(|line| deletes_all_rows(line)) {
        risks.add(
            RiskKind::DataLoss,
            Severity::High,
            "deletes stored data",
            &item.path,
        );
    }
}

/// Finds a text that does not start in the middle of a word.
fn says(line: &str, text: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let starts_with_word = text.chars().next().is_some_and(word);
    line.match_indices(text)
        .any(|(at, _)| !starts_with_word || !line[..at].chars().next_back().is_some_and(word))
}

/// Tells whether a line has a `DELETE FROM` that ends without a `WHERE`.
fn deletes_all_rows(line: &str) -> bool {
    let Some(at) = line.find("delete from ") else {
        return false;
    };
    let rest = &line[at + "delete from ".len()..];
    let ended = rest.find([';', '"', '\'', '`']);
    ended.is_some_and(|end| !rest[..end].contains(" where "))
}
