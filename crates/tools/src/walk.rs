//! A walk through folders, by the root's handles, without what `.gitignore` files leave out.

use std::path::Path;

use hyperion_api::Problem;
use hyperion_host::{Kind, Listed};
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::{Access, Place};

/// The most names of one folder that are looked at.
const NAMES_MAX: usize = 100_000;
/// The largest `.gitignore` that is read.
const IGNORE_BYTES_MAX: u64 = 256 * 1024;
/// How deep a walk goes.
const DEPTH_MAX: usize = 64;

/// Something that a walk came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Where it is, relative to the root.
    pub(crate) path: String,
    /// What it is; none when no path can name it.
    pub(crate) kind: Option<Kind>,
}

/// What a walk leaves out, and where it begins.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Route<'a> {
    /// Whether it goes into folders inside.
    pub(crate) recursive: bool,
    /// Whether `.gitignore` files are heeded.
    pub(crate) heed_ignore: bool,
    /// Only what comes after this path, in the order of the walk.
    pub(crate) after: Option<&'a str>,
}

/// A walk: a folder before what is in it, names in order.
pub(crate) struct Walk<'a> {
    place: Place<'a>,
    route: Route<'a>,
    levels: Vec<Level>,
    seen: u64,
    /// Why something was left out for good.
    left_out: Option<String>,
    /// Why it ended before its end.
    stopped: Option<&'static str>,
}

/// A folder that the walk is in.
struct Level {
    /// Its path with a `/` behind it; empty for the root.
    prefix: String,
    names: std::vec::IntoIter<Listed>,
    ignored: Option<Gitignore>,
}

impl<'a> Walk<'a> {
    /// Begins at a folder.
    pub(crate) fn new(place: Place<'a>, folder: &str, route: Route<'a>) -> Result<Self, Problem> {
        let mut walk = Self {
            place,
            route,
            levels: Vec::new(),
            seen: 0,
            left_out: None,
            stopped: None,
        };
        // What is ignored further up is ignored here, too.
        if route.heed_ignore && !folder.is_empty() {
            let parts: Vec<&str> = folder.split('/').collect();
            for depth in 0..parts.len() {
                let above = parts.get(..depth).unwrap_or_default().join("/");
                let prefix = prefix_of(&above);
                let ignored = walk.ignored_in(&prefix);
                walk.levels.push(Level {
                    prefix,
                    names: Vec::new().into_iter(),
                    ignored,
                });
            }
        }
        walk.enter(folder)
            .map_err(crate::filesystem::from_beneath)?;
        Ok(walk)
    }

    /// Says why something was left out for good, if it was.
    pub(crate) fn left_out(&mut self) -> Option<String> {
        self.left_out.take()
    }

    /// Says why the walk ended before its end, if it did.
    pub(crate) const fn stopped(&self) -> Option<&'static str> {
        self.stopped
    }

    fn enter(&mut self, folder: &str) -> Result<(), hyperion_host::BeneathError> {
        let (names, more) = self.place.root.list(folder, NAMES_MAX)?;
        if more {
            self.left_out = Some(format!(
                "{} has more than {NAMES_MAX} names; the others are left out",
                shown(folder)
            ));
        }
        let prefix = prefix_of(folder);
        let has_ignore =
            self.route.heed_ignore && names.iter().any(|name| name.name == ".gitignore");
        let ignored = has_ignore.then(|| self.ignored_in(&prefix)).flatten();
        self.levels.push(Level {
            prefix,
            names: names.into_iter(),
            ignored,
        });
        Ok(())
    }

    fn ignored_in(&self, prefix: &str) -> Option<Gitignore> {
        let read = self
            .place
            .root
            .read(&format!("{prefix}.gitignore"), IGNORE_BYTES_MAX)
            .ok()?;
        let text = String::from_utf8_lossy(&read.bytes);
        let mut builder = GitignoreBuilder::new(Path::new(""));
        for line in text.lines() {
            // As git does: a line that is not a valid pattern is ignored.
            let _ = builder.add_line(None, line);
        }
        builder.build().ok().filter(|ignored| !ignored.is_empty())
    }

    /// Tells whether `.gitignore` files leave something out: the deepest that says something decides.
    fn is_ignored(&self, path: &str, is_folder: bool) -> bool {
        for level in self.levels.iter().rev() {
            let (Some(ignored), Some(below)) = (&level.ignored, path.strip_prefix(&level.prefix))
            else {
                continue;
            };
            match ignored.matched(below, is_folder) {
                Match::None => {}
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
            }
        }
        false
    }
}

impl Iterator for Walk<'_> {
    type Item = Seen;

    fn next(&mut self) -> Option<Seen> {
        loop {
            if self.stopped.is_some() {
                return None;
            }
            let level = self.levels.last_mut()?;
            let Some(listed) = level.names.next() else {
                self.levels.pop();
                continue;
            };
            let path = format!("{}{}", level.prefix, listed.name);
            self.seen += 1;
            if self.seen > self.place.limits.walk_entries {
                self.stopped = Some("too many entries");
                return None;
            }
            if self.place.overseer.elapsed() > self.place.limits.walk_time {
                self.stopped = Some("the time is over");
                return None;
            }
            let is_folder = listed.kind == Kind::Folder;
            // Git's own folder is not part of the content.
            if self.route.heed_ignore
                && (listed.name == ".git" || self.is_ignored(&path, is_folder))
            {
                continue;
            }
            let order = self.route.after.map(|after| compare(&path, after));
            let descends = self.route.recursive
                && is_folder
                && listed.nameable
                && order.is_none_or(|order| order.goes_in)
                && self.place.overseer.judge(&path, Access::Read).is_ok();
            if descends {
                if self.levels.len() >= DEPTH_MAX {
                    self.left_out = Some(format!(
                        "{path} is deeper than {DEPTH_MAX} folders; what is in it is left out"
                    ));
                } else if self.enter(&path).is_err() {
                    // Gone or unreadable: the folder itself is listed, its content is not.
                    self.left_out = Some(format!(
                        "{path} cannot be opened; what is in it is left out"
                    ));
                }
            }
            if order.is_none_or(|order| order.comes_after) {
                return Some(Seen {
                    path,
                    kind: listed.nameable.then_some(listed.kind),
                });
            }
        }
    }
}

/// How a path stands to the one that a page ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Order {
    /// It comes after it.
    comes_after: bool,
    /// Something in it comes after it.
    goes_in: bool,
}

fn compare(path: &str, after: &str) -> Order {
    let order = path.split('/').cmp(after.split('/'));
    let holds = after
        .strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    Order {
        comes_after: order.is_gt(),
        goes_in: order.is_gt() || holds,
    }
}

fn prefix_of(folder: &str) -> String {
    if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    }
}

fn shown(folder: &str) -> &str {
    if folder.is_empty() {
        "the root"
    } else {
        folder
    }
}
