//! The paths that a command names: the path rules, with what a shell adds to them.
//!
//! Outside of the roots a command may look where somebody agrees; it never writes what belongs to the machine, and never
//! touches what holds secrets, however little of a word is known before it runs.

use hyperion_model::Level;

use super::judge::{Judge, spelled};
use super::shape::kept;
use super::word::{UNKNOWN, Word};
use crate::defaults;
use crate::path::{absolute, plain, secret, shown, written};
use crate::path_set::{folded_spelling, matches_any};
use crate::place::joined;

/// What is done with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touch {
    /// Only names and sizes are looked at.
    Name,
    /// What is in it is counted, and not shown.
    Size,
    Read,
    Write,
    Remove,
}

impl Judge<'_> {
    /// Judges a path that a command names.
    pub(crate) fn path(&mut self, word: &Word, touch: Touch) -> String {
        if self.refused_place(word, touch) {
            return kept(&word.pattern);
        }
        let reads = matches!(touch, Touch::Name | Touch::Size | Touch::Read);
        // What prints into the one was judged where it stands; where the other was found, it may be read.
        if reads && (word.process || word.found) {
            return "<path>".to_owned();
        }
        let Some(path) = &word.literal else {
            let only_names = matches!(touch, Touch::Name | Touch::Size)
                && !word.pattern.contains([UNKNOWN, '$', '`']);
            let climbs = word
                .pattern
                .split('/')
                .any(|part| part.starts_with('.') && part.contains(['*', '?', '[']));
            if only_names
                && !climbs
                && !word.pattern.starts_with('-')
                && (word.globs || word.braces)
            {
                let stem = word.pattern.clone();
                return self.known_path(&stem, touch);
            }
            if touch == Touch::Read && self.brings_sources(word) {
                let stem = word.pattern.clone();
                return self.known_path(&stem, touch);
            }
            self.unclear(
                "shell.expansion",
                format!(
                    "which path {} becomes is not known before it runs",
                    spelled(word)
                ),
            );
            return "<path>".to_owned();
        };
        if path == "-" {
            return "-".to_owned();
        }
        let path = path.clone();
        self.known_path(&path, touch)
    }

    fn known_path(&mut self, path: &str, touch: Touch) -> String {
        if let Err(odd) = plain(path) {
            self.unclear("path.unreadable", format!("{} {odd}", shown(path)));
            return "<path>".to_owned();
        }
        if self.lost && !path.starts_with('/') {
            self.unclear(
                "shell.folder",
                format!(
                    "where {} lies depends on a folder that is not known",
                    shown(path)
                ),
            );
        }
        let mut inside = true;
        for dir in self.dirs.clone() {
            // A literal `~` was put in by then; one that is left is a letter.
            let absolute = joined(&dir, path);
            inside &= self.absolute_path(path, &absolute, touch);
        }
        if inside {
            "<path>".to_owned()
        } else {
            kept(path)
        }
    }

    /// Judges an absolute path; tells whether it is an ordinary one below a root.
    fn absolute_path(&mut self, path: &str, absolute: &str, touch: Touch) -> bool {
        if let Some((_, relative)) = self.place.root_of(absolute) {
            let writes = matches!(touch, Touch::Write | Touch::Remove);
            // Addresses with passwords in them stand there.
            if touch == Touch::Read
                && relative
                    .split('/')
                    .any(|part| folded_spelling(part) == ".git")
            {
                let detail = format!("{} lies in git's own folder; ask git instead", shown(path));
                self.ask(Level::TeamLead, "path.git", detail);
                return false;
            }
            match writes.then(|| written(relative, self.rules)).flatten() {
                Some(finding) => {
                    self.findings.push(finding);
                    false
                }
                None => true,
            }
        } else {
            let (level, what) = match touch {
                Touch::Name | Touch::Size | Touch::Read
                    if matches_any(defaults::READABLE, absolute) =>
                {
                    return false;
                }
                Touch::Write if matches!(absolute, "/dev/null" | "/dev/stdout" | "/dev/stderr") => {
                    return false;
                }
                Touch::Name | Touch::Size | Touch::Read => {
                    (Level::TeamLead, "is outside of the roots")
                }
                Touch::Write | Touch::Remove => {
                    (Level::Admin, "is outside of the roots and would be changed")
                }
            };
            self.ask(level, "path.outside", format!("{} {what}", shown(path)));
            false
        }
    }

    /// Refuses what no path rule lets pass, however much of the word is known.
    fn refused_place(&mut self, word: &Word, touch: Touch) -> bool {
        if touch != Touch::Name && self.secret(word) {
            return true;
        }
        let writes = matches!(touch, Touch::Write | Touch::Remove);
        if !writes {
            return false;
        }
        // Where a variable is empty, what stands after it is the path.
        let text = word.pattern.trim_start_matches(UNKNOWN);
        if text.is_empty() && !word.pattern.is_empty() {
            return false;
        }
        for dir in self.dirs.clone() {
            let absolute = joined(&dir, text);
            let all_below = matches!(text.rsplit('/').next(), Some("*" | ".*" | "{*,.*}"));
            let emptied = if all_below {
                joined(&absolute, "..")
            } else {
                absolute.clone()
            };
            let is_root = self.place.roots().contains(&emptied);
            let above = self
                .place
                .roots()
                .iter()
                .map(String::as_str)
                .chain(self.place.home())
                .any(|root| {
                    root != emptied && (emptied == "/" || root.starts_with(&format!("{emptied}/")))
                });
            let home_itself = self.place.home() == Some(emptied.as_str());
            let removes_root = touch == Touch::Remove && is_root && !all_below;
            if above || home_itself || removes_root {
                self.deny(
                    "path.everything",
                    format!("{} is everything there is", spelled(word)),
                );
                return true;
            }
            if self.place.root_of(&absolute).is_some() {
                continue;
            }
            let below_home = self.place.home().and_then(|home| {
                absolute
                    .strip_prefix(home)?
                    .strip_prefix('/')
                    .map(str::to_owned)
            });
            let starts = below_home.is_some_and(|rest| matches_any(defaults::HOME_STARTS, &rest));
            let harmless = matches!(
                absolute.as_str(),
                "/dev/null" | "/dev/stdout" | "/dev/stderr" | "/dev/tty"
            );
            if starts || (!harmless && matches_any(defaults::SYSTEM, &absolute)) {
                self.deny(
                    "path.system",
                    format!("{} belongs to the machine", spelled(word)),
                );
                return true;
            }
        }
        false
    }

    /// Refuses words that name what holds secrets, whatever a program does with them.
    pub(crate) fn secrets(&mut self, words: &[Word]) {
        for word in words {
            // What lies elsewhere is no file of this machine.
            let elsewhere = word.pattern.split_once("://").is_some_and(|(scheme, _)| {
                scheme != "file"
                    && !scheme.is_empty()
                    && scheme
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || c == '+')
            });
            if !elsewhere {
                self.secret(word);
            }
        }
    }

    /// Refuses a word that names what holds secrets.
    pub(crate) fn secret(&mut self, word: &Word) -> bool {
        let pattern = word.pattern.as_str();
        let after = |marks: &[char]| pattern.rsplit_once(marks).map(|(_, after)| after);
        let known_end = pattern
            .rsplit(UNKNOWN)
            .next()
            .unwrap_or_default()
            .trim_start_matches('/');
        let candidates = [
            Some(pattern),
            pattern.contains(UNKNOWN).then_some(known_end),
            pattern.strip_prefix("file://"),
            pattern.strip_prefix('@'),
            after(&['=']),
            after(&['@']),
            after(&[':']),
            (pattern.starts_with('-') && !pattern.starts_with("--"))
                .then(|| pattern.get(2..).unwrap_or_default()),
        ];
        for candidate in candidates.into_iter().flatten() {
            if candidate.is_empty()
                || candidate.chars().any(char::is_whitespace) && candidate.contains('\n')
            {
                continue;
            }
            for dir in self.dirs.clone() {
                let Ok(absolute) = absolute(candidate, &dir, self.place) else {
                    continue;
                };
                // Links of the process itself lead back to what lies below a root.
                if let Some(why) = secret(&absolute, self.rules, self.place) {
                    self.deny("path.denied", format!("{} {why}", spelled(word)));
                    return true;
                }
            }
        }
        false
    }
}
