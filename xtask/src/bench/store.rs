//! The store: commits, intakes and job lives, against SQLite used plainly and a job queue on it.

use super::program::Program;
use super::{Bench, Floor, Wanted};

pub(super) const BENCH: Bench = Bench {
    name: "store",
    ours: Program::Target {
        package: "hyperion-store",
        bench: "store",
    },
    peers: &[
        ("sqlite", Program::Workspace { folder: "sqlite" }),
        ("apalis", Program::Workspace { folder: "apalis" }),
    ],
    floors: &[
        Floor {
            case: "commits, 16 producers",
            wanted: Wanted::AtLeast(12_000.0),
        },
        Floor {
            case: "commits, 16 producers",
            wanted: Wanted::P999Ms(20.0),
        },
        Floor {
            case: "commits, 16 producers",
            wanted: Wanted::TimesEachPeer(2.0),
        },
        Floor {
            case: "commits, 16 producers, 1,000,000 archived rows",
            wanted: Wanted::AtLeast(12_000.0),
        },
        Floor {
            case: "commits, 16 producers, 1,000,000 archived rows",
            wanted: Wanted::P999Ms(20.0),
        },
        Floor {
            case: "intakes, 16 producers",
            wanted: Wanted::AtLeast(6_000.0),
        },
        Floor {
            case: "intakes, 16 producers",
            wanted: Wanted::P999Ms(20.0),
        },
        Floor {
            case: "intakes, 16 producers",
            wanted: Wanted::TimesEachPeer(2.0),
        },
        Floor {
            case: "intakes, 16 producers, 1,000,000 archived rows",
            wanted: Wanted::AtLeast(6_000.0),
        },
        Floor {
            case: "intakes, 16 producers, 1,000,000 archived rows",
            wanted: Wanted::P999Ms(20.0),
        },
        Floor {
            case: "lives, 16 producers",
            wanted: Wanted::AtLeast(6_000.0),
        },
        Floor {
            case: "lives, 16 producers",
            wanted: Wanted::P999Ms(20.0),
        },
        Floor {
            case: "lives, 16 producers",
            wanted: Wanted::TimesEachPeer(2.0),
        },
        Floor {
            case: "lives, 16 producers, 1,000,000 archived rows",
            wanted: Wanted::AtLeast(6_000.0),
        },
        Floor {
            case: "lives, 16 producers, 1,000,000 archived rows",
            wanted: Wanted::P999Ms(20.0),
        },
    ],
};
