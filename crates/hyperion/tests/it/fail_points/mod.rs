//! The program is killed at every point there is, started again, and has to be as if nothing had happened.
//!
//! A scenario is something a person wants done, written so that it can be begun anew at any moment: it looks what is
//! there and does what is missing. It is run by an engine that dies at a point, which it has to reach, and then by one that
//! does not. Each scenario lists its points; together they are all points of `hyperion_fault`.

mod clone;
mod filing;
mod landing;
mod persons;
mod places;
mod remote;
mod scene;
mod shims;
mod tools;

use crate::backup_kills;
use hyperion_fault::Point;
use scene::At;
use std::collections::BTreeSet;

// M1: a point that no scenario reaches would be one at which nobody knows what a crash does.
#[test]
fn every_point_is_killed_at_in_some_scenario() {
    let kept = [
        backup_kills::TAKING,
        backup_kills::SHIPPING,
        backup_kills::RESTORING,
        shims::POINTS,
    ];
    let listed: BTreeSet<_> = [
        clone::POINTS,
        filing::POINTS,
        landing::APART,
        landing::CHECKED_OUT,
        landing::LEFT_HALF_WAY,
        landing::TAKEN_BACK,
        landing::EDITED,
        persons::POINTS,
        places::FIRST_START,
        places::LAST,
        places::MIGRATION,
        places::PURGE,
        places::ARCHIVE,
        remote::POINTS,
        tools::CHANGED,
        &[tools::MADE_UP_FOR],
    ]
    .into_iter()
    .flatten()
    .map(|At(point, _)| *point)
    .chain(kept.into_iter().flatten().copied())
    .collect();
    let missing: Vec<_> = Point::ALL
        .iter()
        .filter(|point| !listed.contains(point))
        .map(|point| point.name())
        .collect();
    assert_eq!(missing, [""; 0], "no scenario lists these");
}
