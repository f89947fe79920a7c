//! What refuses a change, whoever agrees.

use hyperion_model::RepoPath;
use hyperion_model::facts::{ChangeFacts, ItemFacts, Operation};
use serde::{Deserialize, Serialize};

use crate::path_set::{Anchor, Case, PathSet};
use crate::redact::{KNOWN, Redactor, disguised};
use crate::risk::{RiskKind, Risks, Severity};
use crate::rules::Rules;

/// The most blockers that one assessment lists.
pub const MAX_BLOCKERS: usize = 100;

const MODE_LINK: u32 = 0o120_000;
const MODE_SUBMODULE: u32 = 0o160_000;
const MODE_EXECUTABLE: u32 = 0o100_755;
const MODE_FILE: u32 = 0o100_644;

/// Why a change is refused, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BlockerCode {
    /// A path of the deny list.
    #[serde(rename = "path.denied")]
    PathDenied,
    /// A path outside the allow list.
    #[serde(rename = "path.not_allowed")]
    PathNotAllowed,
    /// A path that the assignment does not own.
    #[serde(rename = "path.not_owned")]
    PathNotOwned,
    /// A link that leaves the repository or leads to a denied path.
    #[serde(rename = "path.link_escapes")]
    LinkEscapes,
    /// A mode that is not a file, executable, link or submodule.
    #[serde(rename = "path.mode")]
    Mode,
    /// A secret in the added lines.
    #[serde(rename = "secret.added")]
    SecretAdded,
    /// An item that writes too much.
    #[serde(rename = "size.item")]
    ItemTooLarge,
    /// A change that writes too much.
    #[serde(rename = "size.change")]
    ChangeTooLarge,
    /// A change that touches too many paths.
    #[serde(rename = "size.files")]
    TooManyFiles,
    /// Ownership that cannot be read.
    #[serde(rename = "ownership.unreadable")]
    OwnershipUnreadable,
    /// A check of the change's own that nobody may run.
    #[serde(rename = "check.denied")]
    CheckDenied,
}

impl BlockerCode {
    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            BlockerCode::PathDenied => "path.denied",
            BlockerCode::PathNotAllowed => "path.not_allowed",
            BlockerCode::PathNotOwned => "path.not_owned",
            BlockerCode::LinkEscapes => "path.link_escapes",
            BlockerCode::Mode => "path.mode",
            BlockerCode::SecretAdded => "secret.added",
            BlockerCode::ItemTooLarge => "size.item",
            BlockerCode::ChangeTooLarge => "size.change",
            BlockerCode::TooManyFiles => "size.files",
            BlockerCode::OwnershipUnreadable => "ownership.unreadable",
            BlockerCode::CheckDenied => "check.denied",
        }
    }
}

/// One reason to refuse a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// What kind.
    pub code: BlockerCode,
    /// Where; none where the whole change is meant.
    pub path: Option<RepoPath>,
    /// The line of the new file, where it is known (in a new file), else none.
    pub line: Option<u32>,
    /// What is wrong, one sentence; never holds the secret itself.
    pub detail: String,
    /// What to do about it, one sentence.
    pub remedy: String,
}

/// Looks for everything that refuses a change.
pub(crate) fn read(
    facts: &ChangeFacts,
    rules: &Rules,
    redactor: &Redactor,
    risks: &mut Risks,
) -> Vec<Blocker> {
    let mut blockers = Vec::new();
    paths(facts, rules, &mut blockers);
    for item in &facts.items {
        modes(item, rules, &mut blockers, risks);
        secrets(item, rules, redactor, &mut blockers, risks);
    }
    sizes(facts, rules, &mut blockers);
    blockers.truncate(MAX_BLOCKERS);
    blockers
}

fn paths(facts: &ChangeFacts, rules: &Rules, blockers: &mut Vec<Blocker>) {
    let owned = PathSet::compile("owns", &facts.owns, Anchor::Top, Case::Exact);
    if let Err(error) = &owned {
        blockers.push(Blocker {
            code: BlockerCode::OwnershipUnreadable,
            path: None,
            line: None,
            detail: format!("the task's ownership cannot be read: {error}"),
            remedy: "correct `owns` of the task".to_owned(),
        });
    }
    for item in &facts.items {
        for path in item.from_path.iter().chain([&item.path]) {
            let mut refuse = |code, detail: String, remedy: &str| {
                blockers.push(Blocker {
                    code,
                    path: Some(path.clone()),
                    line: None,
                    detail,
                    remedy: remedy.to_owned(),
                });
            };
            if rules.deny.covers(path.as_str()) {
                refuse(
                    BlockerCode::PathDenied,
                    format!("{path} is on the list of paths that no change may touch"),
                    "leave the file out of the change; a person can edit it by hand, or take it out of `policy.paths.deny` on the machine",
                );
            } else if !rules.allows(path.as_str()) {
                refuse(
                    BlockerCode::PathNotAllowed,
                    format!("{path} is not on the list of paths that may change"),
                    "leave the file out of the change, or add it to `policy.paths.allow`",
                );
            }
            let outside = owned
                .as_ref()
                .is_ok_and(|set| !set.is_empty() && !set.covers(path.as_str()));
            if outside {
                refuse(
                    BlockerCode::PathNotOwned,
                    format!("{path} is not among the paths that the task owns"),
                    "leave the file out of the change, or let the task own it",
                );
            }
        }
    }
}

fn modes(item: &ItemFacts, rules: &Rules, blockers: &mut Vec<Blocker>, risks: &mut Risks) {
    let Some(mode) = item.mode else {
        if item.old_mode == Some(MODE_SUBMODULE) {
            risks.add(
                RiskKind::Submodule,
                Severity::High,
                "takes a submodule away",
                &item.path,
            );
        }
        return;
    };
    match mode {
        MODE_FILE => {}
        MODE_EXECUTABLE => {
            if item.old_mode != Some(MODE_EXECUTABLE) {
                risks.add(
                    RiskKind::Executable,
                    Severity::Medium,
                    "makes a file that can be run",
                    &item.path,
                );
            }
        }
        MODE_SUBMODULE => {
            risks.add(
                RiskKind::Submodule,
                Severity::High,
                "brings in another repository as a submodule",
                &item.path,
            );
        }
        MODE_LINK => link(item, rules, blockers, risks),
        other => blockers.push(Blocker {
            code: BlockerCode::Mode,
            path: Some(item.path.clone()),
            line: None,
            detail: format!(
                "{} has the mode {other:06o}, which git does not keep",
                item.path
            ),
            remedy: "use 100644 for a file, 100755 for one that can be run".to_owned(),
        }),
    }
}

fn link(item: &ItemFacts, rules: &Rules, blockers: &mut Vec<Blocker>, risks: &mut Risks) {
    let [target] = item.added.as_slice() else {
        // A link that was moved, or cannot be read: the change does not say where it leads now.
        let says = "moves or makes a link whose target cannot be read from the change";
        risks.add(RiskKind::Security, Severity::Medium, says, &item.path);
        return;
    };
    let refused = match resolve(item.path.as_str(), target) {
        None => Some("leads out of the repository"),
        Some(inside) if RepoPath::new(inside.clone()).is_err() => {
            Some("leads where no change may go")
        }
        Some(inside) if rules.deny.covers(&inside) => {
            Some("leads to a path that no change may touch")
        }
        Some(_) => None,
    };
    match refused {
        Some(why) => blockers.push(Blocker {
            code: BlockerCode::LinkEscapes,
            path: Some(item.path.clone()),
            line: None,
            detail: format!("the link {} {why}", item.path),
            remedy: "copy the file instead, or link to a path inside the repository".to_owned(),
        }),
        None => risks.add(
            RiskKind::Symlink,
            Severity::Medium,
            "makes a link",
            &item.path,
        ),
    }
}

/// Follows a link's target from the link's folder; none where it leaves the repository.
fn resolve(path: &str, target: &str) -> Option<String> {
    if target.starts_with('/') || target.contains(['\\', '\0']) || target.get(1..2) == Some(":") {
        return None;
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    // A link to the top of the repository is a loop for every tool that walks the tree.
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Tells whether a change with this item is refused for a secret in it.
pub fn adds_secret(item: &ItemFacts, rules: &Rules, redactor: &Redactor) -> bool {
    let mut blockers = Vec::new();
    secrets(item, rules, redactor, &mut blockers, &mut Risks::default());
    !blockers.is_empty()
}

fn secrets(
    item: &ItemFacts,
    rules: &Rules,
    redactor: &Redactor,
    blockers: &mut Vec<Blocker>,
    risks: &mut Risks,
) {
    let (added, removed) = match item.binary {
        true => (&item.binary_text, &item.binary_text_before),
        false => (&item.added, &item.removed),
    };
    if added.is_empty() {
        return;
    }
    let text = added.join("\n");
    let plain = disguised(text.as_bytes());
    let plain_removed = plain
        .as_ref()
        .and_then(|_| disguised(removed.join("\n").as_bytes()))
        .unwrap_or_default();
    let was_there = |secret: &str| {
        // A secret of several lines, or an empty one, always counts as new.
        !secret.is_empty()
            && (removed.iter().any(|line| line.contains(secret))
                || plain_removed.lines().any(|line| line.contains(secret)))
    };
    let texts = [
        Some((&text, true)),
        plain.as_ref().map(|plain| (plain, false)),
    ];
    let found = texts.into_iter().flatten().flat_map(|(text, in_lines)| {
        let found = redactor.scan(text).into_iter();
        found.map(move |finding| {
            (
                text.get(finding.start..finding.end).unwrap_or_default(),
                finding,
                in_lines,
            )
        })
    });
    for (secret, finding, in_lines) in found {
        if was_there(secret) {
            let says = "moves a secret that was in the file before";
            risks.add(RiskKind::Security, Severity::High, says, &item.path);
            continue;
        }
        // What Hyperion itself holds is never a sample.
        if finding.rule != KNOWN && rules.secret_samples.covers(item.path.as_str()) {
            let says = "adds what looks like a secret where samples are allowed";
            risks.add(RiskKind::Security, Severity::Medium, says, &item.path);
            continue;
        }
        // Only in a new file are the added lines the file's lines.
        let line = (item.operation == Operation::Create && in_lines && !item.binary)
            .then_some(finding.line);
        let place = match line {
            Some(line) => format!("line {line} of {}", item.path),
            None if item.binary => format!("the binary content of {}", item.path),
            None if !in_lines => format!("what {} stands for as text", item.path),
            None => format!("added line {} of {}", finding.line, item.path),
        };
        blockers.push(Blocker {
            code: BlockerCode::SecretAdded,
            path: Some(item.path.clone()),
            line,
            detail: format!("{place} holds a secret (rule `{}`)", finding.rule),
            remedy: "take the secret out and read it from the environment; if it was ever real, revoke it; if the file holds samples, `policy.secret_samples` on the machine can name it".to_owned(),
        });
    }
}

fn sizes(facts: &ChangeFacts, rules: &Rules, blockers: &mut Vec<Blocker>) {
    // Taking a landing back restores what was there before, whatever its size.
    if facts.is_rollback {
        return;
    }
    let limits = rules.source().limits;
    let mut total: u64 = 0;
    for item in &facts.items {
        let written = written_bytes(item);
        total = total.saturating_add(written);
        let max_kb = match is_lock_file(item.path.as_str()) {
            true => limits.max_change_kb.max(limits.max_item_kb),
            false => limits.max_item_kb,
        };
        if written > max_kb.saturating_mul(1024) {
            blockers.push(Blocker {
                code: BlockerCode::ItemTooLarge,
                path: Some(item.path.clone()),
                line: None,
                detail: format!(
                    "{} would get {} KB; at most {max_kb} KB are allowed in one file",
                    item.path,
                    written.div_ceil(1024),
                ),
                remedy: "split the file, or keep large content out of the repository".to_owned(),
            });
        }
    }
    if total > limits.max_change_kb.saturating_mul(1024) {
        blockers.push(Blocker {
            code: BlockerCode::ChangeTooLarge,
            path: None,
            line: None,
            detail: format!(
                "the change writes {} KB; at most {} KB are allowed",
                total.div_ceil(1024),
                limits.max_change_kb
            ),
            remedy: "split it into several tasks".to_owned(),
        });
    }
    if facts.items.len() > limits.max_files {
        blockers.push(Blocker {
            code: BlockerCode::TooManyFiles,
            path: None,
            line: None,
            detail: format!(
                "the change touches {} paths; at most {} are allowed",
                facts.items.len(),
                limits.max_files
            ),
            remedy: "split it into several tasks".to_owned(),
        });
    }
}

/// Lock files: package managers write them as a whole, and nobody can split them.
const LOCK_FILES: &[&str] = &[
    "Cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "deno.lock",
    "go.sum",
    "go.work.sum",
    "Pipfile.lock",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "pixi.lock",
    "gradle.lockfile",
    "Gemfile.lock",
    "composer.lock",
    "packages.lock.json",
    "Package.resolved",
    "Podfile.lock",
    "mix.lock",
    "pubspec.lock",
    "flake.lock",
    "MODULE.bazel.lock",
    ".terraform.lock.hcl",
];

/// Tells whether a path is the lock file of a package manager: such a file may be as large as a whole change.
pub fn is_lock_file(path: &str) -> bool {
    LOCK_FILES.contains(&path.rsplit('/').next().unwrap_or(path))
}

/// Counts what an item writes: a whole new file or binary content, else only its added lines; what stays as it is counts
/// nothing.
fn written_bytes(item: &ItemFacts) -> u64 {
    let added = item
        .added
        .iter()
        .fold(0u64, |sum, line| sum.saturating_add(line.len() as u64 + 1));
    match item.operation {
        _ if item.same_content => 0,
        Operation::Create => item.new_size.max(added),
        Operation::Modify | Operation::Rename if item.binary => item.new_size,
        Operation::Modify | Operation::Rename => added,
        Operation::Delete | Operation::Chmod => 0,
    }
}
