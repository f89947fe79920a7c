//! Trees and lanes, against git's own commands.

use super::program::Program;
use super::{Bench, Floor, Wanted};

pub(super) const BENCH: Bench = Bench {
    name: "git",
    ours: Program::Target {
        package: "hyperion-git",
        bench: "git",
    },
    peers: &[("git-tree", Program::Workspace { folder: "git-tree" })],
    floors: &[
        Floor {
            case: "candidate tree, 50k files",
            wanted: Wanted::AtMost(5.0),
        },
        Floor {
            case: "patch to tree, 50k files",
            wanted: Wanted::AtMost(3.0),
        },
        Floor {
            case: "lane ready, warm, 50k files",
            wanted: Wanted::AtMost(150.0),
        },
    ],
};
