//! Judges paths by their letters (X1): below a root, not among secrets, not git's own folder.
//!
//! | the path | outcome |
//! | --- | --- |
//! | cannot be read safely: control letters, `\`, a drive, a scheme, too long | refused |
//! | is below none of the roots | refused |
//! | is on the list of secrets (`policy.paths.deny`), in any spelling some file system takes for it | refused |
//! | is outside the allow list (`policy.paths.allow`), to be written | refused |
//! | is git's own folder | refused |
//! | guards the repository (`policy.protected`), to be written | asks an admin |
//! | anything else below a root | allowed |

use hyperion_model::Level;

use crate::defaults;
use crate::judgement::{Finding, Judgement, Weight, conclude};
use crate::path_set::{folded_spelling, matches_any};
use crate::place::{Place, joined};
use crate::rules::Rules;

/// The most bytes of a path.
pub const MAX_PATH_BYTES: usize = 4096;
/// The most bytes of one name in a path.
pub const MAX_NAME_BYTES: usize = 255;

/// What is to be done with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Its content is read.
    Read,
    /// It is made, changed, moved or removed.
    Write,
}

/// Where a path that may be touched lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// Which of the place's roots.
    pub root: usize,
    /// The path below that root, plain (no `.`, `..` or empty part); empty for the root itself.
    pub relative: String,
}

/// What policy says of a path, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathJudgement {
    /// The verdict.
    pub judgement: Judgement,
    /// Where it lies; none where it is refused for lying nowhere.
    pub inside: Option<Inside>,
}

/// Judges a path that somebody wants to read or write.
pub fn judge_path(path: &str, access: Access, rules: &Rules, place: &Place) -> PathJudgement {
    let refused = |code, detail: String| PathJudgement {
        judgement: conclude(vec![Finding::new(Weight::Deny, code, detail)], None),
        inside: None,
    };
    let odd = plain(path).err().or_else(|| odd_for_a_tool(path));
    if let Some(odd) = odd {
        return refused("path.unreadable", format!("{} {odd}", shown(path)));
    }
    let absolute = match absolute(path, place.dir(), place) {
        Ok(absolute) => absolute,
        Err(why) => return refused("path.unreadable", format!("{} {why}", shown(path))),
    };
    if let Some(why) = secret(&absolute, rules, place) {
        return refused("path.denied", format!("{} {why}", shown(path)));
    }
    let Some((root, relative)) = place.root_of(&absolute) else {
        let detail = format!("{} is outside of the roots", shown(path));
        return refused("path.outside", detail);
    };
    let inside = Inside {
        root,
        relative: relative.to_owned(),
    };
    let findings = match access {
        Access::Write => written(relative, rules),
        // Git's settings can hold addresses with tokens in them, and its objects hold what is in no work tree.
        Access::Read => in_git(relative),
    };
    let findings = findings.into_iter().collect();
    PathJudgement {
        judgement: conclude(findings, None),
        inside: Some(inside),
    }
}

/// Says what is wrong with the letters of a path, if anything.
pub(crate) fn plain(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("names nothing");
    }
    if path.len() > MAX_PATH_BYTES || path.split('/').any(|part| part.len() > MAX_NAME_BYTES) {
        return Err("is longer than any path");
    }
    if path.chars().any(|c| c.is_control() || turns_text(c)) {
        return Err("has letters that hide what it is");
    }
    Ok(())
}

/// Finds what another system, or a library that is too helpful, would take for a place elsewhere.
fn odd_for_a_tool(path: &str) -> Option<&'static str> {
    if path.contains('\\') {
        return Some("has a backslash; write `/`");
    }
    let drive = path.get(1..2) == Some(":") && path.starts_with(|c: char| c.is_ascii_alphabetic());
    if drive || path.contains("://") {
        return Some("is not a path of this machine");
    }
    None
}

/// Tells whether a letter turns the direction in which text is read.
pub(crate) const fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}')
}

/// Makes a path absolute and plain.
pub(crate) fn absolute(path: &str, dir: &str, place: &Place) -> Result<String, &'static str> {
    match path.strip_prefix('~') {
        None => Ok(joined(dir, path)),
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            let home = place.home().ok_or("starts at a home that is not known")?;
            Ok(joined(home, rest.trim_start_matches('/')))
        }
        Some(_) => Err("starts at somebody else's home"),
    }
}

/// Says why nobody may touch an absolute path, not even to read it.
pub(crate) fn secret(absolute: &str, rules: &Rules, place: &Place) -> Option<&'static str> {
    // Below a root the list is about the path below it: a root may lie anywhere.
    let judged = match place.root_of(absolute) {
        Some((_, relative)) => relative,
        None => absolute.trim_start_matches('/'),
    };
    if !judged.is_empty() && rules.deny.covers(judged) {
        return Some("is on the list of what holds secrets (`policy.paths.deny`)");
    }
    // A root may lie in such a place itself, and be meant.
    let lies_in = |patterns: &[&str]| {
        let is_meant = place.roots().iter().any(|root| matches_any(patterns, root));
        !is_meant && matches_any(patterns, absolute)
    };
    if lies_in(defaults::AROUND) {
        return Some("goes around the rules, by another name of what it leads to");
    }
    let home = place.home();
    let below_home = |path: &str| {
        let rest = home.and_then(|home| path.strip_prefix(home)?.strip_prefix('/'));
        rest.is_some_and(|rest| matches_any(defaults::HOME_SECRETS, rest))
    };
    let held = below_home(absolute) && !place.roots().iter().any(|root| below_home(root));
    if held || lies_in(defaults::SYSTEM_SECRETS) {
        return Some("holds secrets of this machine");
    }
    None
}

/// Says what speaks against writing a path below a root.
pub(crate) fn written(relative: &str, rules: &Rules) -> Option<Finding> {
    if let Some(finding) = in_git(relative) {
        return Some(finding);
    }
    if !relative.is_empty() && !rules.allows(relative) {
        let detail = format!(
            "{} is not on the list of paths that may change (`policy.paths.allow`)",
            shown(relative)
        );
        return Some(Finding::new(Weight::Deny, "path.not_allowed", detail));
    }
    if rules.protected.covers(relative) {
        let detail = format!(
            "{} guards the repository (`policy.protected`)",
            shown(relative)
        );
        let weight = Weight::Ask(Level::Admin);
        return Some(Finding::new(weight, "path.protected", detail));
    }
    None
}

fn in_git(relative: &str) -> Option<Finding> {
    relative.split('/').any(is_git).then(|| {
        let detail = format!("{} is git's own folder; use git", shown(relative));
        Finding::new(Weight::Deny, "path.git", detail)
    })
}

/// Tells whether a name is `.git` to some file system.
fn is_git(name: &str) -> bool {
    let folded = folded_spelling(name);
    let short = folded.strip_prefix("git~");
    folded == ".git" || short.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Writes a path so that it can stand in a sentence.
pub(crate) fn shown(path: &str) -> String {
    const SHOWN: usize = 120;
    let cut: String = path.chars().take(SHOWN).collect();
    let more = if cut.len() < path.len() { "…" } else { "" };
    let cut: String = cut
        .chars()
        .map(|c| {
            if c.is_control() || turns_text(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    format!("`{cut}{more}`")
}
