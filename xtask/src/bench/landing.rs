//! Landings without checks, against a loop of `git am` on the same changes.

use super::program::Program;
use super::{Bench, Floor, Wanted};

pub(super) const BENCH: Bench = Bench {
    name: "landing",
    ours: Program::Target {
        package: "hyperion-engine",
        bench: "landing",
    },
    peers: &[("git-am", Program::Workspace { folder: "git-am" })],
    floors: &[
        Floor {
            case: "landing, 5k files",
            wanted: Wanted::TimesEachPeer(5.0),
        },
        Floor {
            case: "landing, 50k files",
            wanted: Wanted::TimesEachPeer(25.0),
        },
        Floor {
            case: "ready with 100,000 queued",
            wanted: Wanted::AtMost(1000.0),
        },
    ],
};
