//! Whether a secret lies in the home where none may be: read as bytes, as somebody would who got hold of the files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hyperion_api::doctor::{Finding, Health};
use hyperion_host::read_pieces;
use hyperion_policy::Redactor;

use super::finding;
use crate::Cx;

/// The most files that are read.
const MAX_FILES: usize = 100_000;
/// What of a piece is looked at again with the next one: a secret may lie across the two.
const OVERLAP_BYTES: usize = 16 * 1024;
/// The most places that are spelled out.
const SHOWN: usize = 10;

/// Reads everything in the home but git's objects, which are what the repository holds, and the key.
pub(super) fn look(cx: &Cx) -> Vec<Finding> {
    let mut look = SecretScan {
        redactor: &cx.redactor,
        files: 0,
        unread: Vec::new(),
        found: BTreeMap::new(),
    };
    let leave = [cx.home.repos(), cx.home.key()];
    let whole = look.folder(cx.home.path(), &leave);
    look.judge(cx.home.path(), &cx.home.runs(), whole)
}

struct SecretScan<'a> {
    redactor: &'a Redactor,
    files: usize,
    unread: Vec<String>,
    /// By file, what was found: rule, place and a mark that is the same for the same secret.
    found: BTreeMap<PathBuf, BTreeMap<(u64, &'static str), String>>,
}

impl SecretScan<'_> {
    /// Tells whether all of it was read.
    fn folder(&mut self, folder: &Path, leave: &[PathBuf]) -> bool {
        let Ok(entries) = fs::read_dir(folder) else {
            self.unread.push(folder.display().to_string());
            return true;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if leave.contains(&path) {
                continue;
            }
            if kind.is_dir() {
                if !self.folder(&path, leave) {
                    return false;
                }
            } else if kind.is_file() {
                if self.files == MAX_FILES {
                    return false;
                }
                self.files += 1;
                self.file(&path);
            }
        }
        true
    }

    fn file(&mut self, path: &Path) {
        let mut window: Vec<u8> = Vec::new();
        let mut begins: u64 = 0;
        let mut found = BTreeMap::new();
        let read = read_pieces(path, &mut |piece| {
            window.extend_from_slice(piece);
            // One character for each byte: places stay places, and nothing is taken for a character that it is not.
            let text: String = window.iter().map(|byte| char::from(*byte)).collect();
            for one in self.redactor.scan(&text) {
                let at = begins + text[..one.start].chars().count() as u64;
                found.insert((at, one.rule), one.fingerprint);
            }
            let keep = window.len().min(OVERLAP_BYTES);
            begins += (window.len() - keep) as u64;
            window.drain(..window.len() - keep);
        });
        match read {
            Ok(_) => {}
            // It ended meanwhile: a log of a run that was purged.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => self.unread.push(path.display().to_string()),
        }
        if !found.is_empty() {
            self.found.insert(path.to_owned(), found);
        }
    }

    fn judge(self, home: &Path, runs: &Path, whole: bool) -> Vec<Finding> {
        let (raw, kept): (BTreeMap<_, _>, BTreeMap<_, _>) = self
            .found
            .into_iter()
            .partition(|(path, _)| path.starts_with(runs));
        let mut findings = Vec::new();
        if kept.is_empty() {
            let detail = format!("none in {} files of the home", self.files);
            findings.push(finding("secrets", Health::Ok, detail, None));
        } else {
            findings.push(finding(
                "secrets",
                Health::Error,
                places(home, &kept),
                Some("revoke it, because it was written to disk; a home restored from a backup (`hyperion backup`, `hyperion restore`) has no remains of deleted rows".to_owned()),
            ));
        }
        if !raw.is_empty() {
            findings.push(finding(
                "secrets in output",
                Health::Warning,
                places(home, &raw),
                Some("a command wrote it: raw output is private to this user, masked wherever it is shown, and purged with its run; change the command so that it does not print it".to_owned()),
            ));
        }
        if !whole || !self.unread.is_empty() {
            let mut detail = self.unread.join(", ");
            if !whole {
                detail = format!("more than {MAX_FILES} files; {detail}");
            }
            findings.push(finding(
                "secrets unread",
                Health::Warning,
                detail,
                Some("not everything was looked at".to_owned()),
            ));
        }
        findings
    }
}

fn places(home: &Path, found: &BTreeMap<PathBuf, BTreeMap<(u64, &'static str), String>>) -> String {
    let all: Vec<String> = found
        .iter()
        .flat_map(|(path, places)| {
            let path = path
                .strip_prefix(home)
                .unwrap_or(path)
                .display()
                .to_string();
            places.iter().map(move |((at, rule), fingerprint)| {
                format!("{path}, byte {at}: {rule} ({fingerprint})")
            })
        })
        .collect();
    let mut text = all[..all.len().min(SHOWN)].join("; ");
    if all.len() > SHOWN {
        text.push_str(&format!("; and {} more", all.len() - SHOWN));
    }
    text
}
