//! The kinds of events there are, as the types of the events name them.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapDeserializer;

use crate::{approval, audit, change_set, entry, grant, plan, repo, request, run, token, user};

/// Lists every kind of event, for instance `merge.landed`.
pub fn event_kinds() -> impl Iterator<Item = &'static str> {
    [
        of::<repo::Event>(),
        of::<request::Event>(),
        of::<plan::Event>(),
        of::<run::Event>(),
        of::<change_set::Event>(),
        of::<approval::Event>(),
        of::<entry::Event>(),
        of::<user::Event>(),
        of::<token::Event>(),
        of::<audit::Event>(),
        of::<grant::Event>(),
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Reads an event of no kind; the error knows which kinds there are.
fn of<E: Deserialize<'static>>() -> &'static [&'static str] {
    match E::deserialize(MapDeserializer::<_, Known>::new([("kind", "")].into_iter())) {
        Ok(_) => &[],
        Err(Known(kinds)) => kinds,
    }
}

#[derive(Debug)]
struct Known(&'static [&'static str]);

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no such kind")
    }
}

impl std::error::Error for Known {}

impl serde::de::Error for Known {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(expected)
    }
}

#[cfg(test)]
mod tests {
    use super::event_kinds;

    #[test]
    fn every_noun_has_kinds() {
        let kinds: Vec<_> = event_kinds().collect();
        for kind in [
            "repo.moved",
            "request.started",
            "step.failed",
            "run.lost",
            "change_set.landed",
            "approval.decided",
            "merge.landed",
            "tool.called",
        ] {
            assert!(kinds.contains(&kind), "{kind}");
        }
    }
}
