//! Changes that wait to be told: each file once, with what came of it in all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::{Change, Heard, Kind};

#[derive(Debug, Default)]
pub(crate) struct Pending {
    changes: BTreeMap<PathBuf, (PathBuf, Kind)>,
    missed: bool,
    /// When the first of them and the last of them happened.
    span: Option<(Instant, Instant)>,
}

impl Pending {
    pub(crate) fn note(&mut self, root: &Path, path: PathBuf, kind: Kind, max: usize) {
        self.touch();
        if self.changes.len() >= max && !self.changes.contains_key(&path) {
            self.missed = true;
            return;
        }
        let before = self.changes.remove(&path).map(|(_, kind)| kind);
        if let Some(kind) = together(before, kind) {
            self.changes.insert(path, (root.to_path_buf(), kind));
        }
    }

    pub(crate) fn miss(&mut self) {
        self.touch();
        self.missed = true;
    }

    fn touch(&mut self) {
        let now = Instant::now();
        let first = self.span.map_or(now, |(first, _)| first);
        self.span = Some((first, now));
    }

    /// When they are to be told: after a while of quiet, and not too late where there is none.
    pub(crate) fn due(&self, quiet: Duration) -> Option<Instant> {
        let (first, last) = self.span?;
        Some((last + quiet).min(first + quiet * 5))
    }

    pub(crate) fn take(&mut self) -> Heard {
        let Self {
            changes, missed, ..
        } = std::mem::take(self);
        let changes = changes.into_iter();
        Heard {
            changes: changes
                .map(|(path, (root, kind))| Change { root, path, kind })
                .collect(),
            missed,
        }
    }
}

/// What two things that happened to one file come to; none when nothing is left of them.
const fn together(before: Option<Kind>, now: Kind) -> Option<Kind> {
    match (before, now) {
        (Some(Kind::Created), Kind::Removed) => None,
        (Some(Kind::Created), _) => Some(Kind::Created),
        (Some(Kind::Removed), Kind::Created) => Some(Kind::Modified),
        (_, now) => Some(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_to_a_file_in_a_while_is_told_once() {
        use Kind::{Created, Modified, Removed};
        let told = |kinds: &[Kind]| {
            let mut pending = Pending::default();
            for kind in kinds {
                pending.note(Path::new("/r"), "/r/a".into(), *kind, 10);
            }
            pending.take().changes.first().map(|change| change.kind)
        };
        assert_eq!(told(&[Created, Modified]), Some(Created));
        assert_eq!(told(&[Created, Modified, Removed]), None);
        assert_eq!(told(&[Removed, Created]), Some(Modified));
        assert_eq!(told(&[Modified, Removed]), Some(Removed));
    }

    #[test]
    fn more_than_there_is_room_for_is_said_to_be_missed() {
        let mut pending = Pending::default();
        for name in ["a", "b", "c", "a"] {
            pending.note(Path::new("/r"), name.into(), Kind::Modified, 2);
        }
        let heard = pending.take();
        assert_eq!((heard.changes.len(), heard.missed), (2, true));
        assert!(!pending.take().missed, "that was said");
    }
}
