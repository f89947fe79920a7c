//! Commands as a shell sees them: how long one takes to start, and to list over a home with much in it.

use super::program::Program;
use super::{Bench, Floor, Wanted};

pub(super) const BENCH: Bench = Bench {
    name: "cli",
    ours: Program::Target {
        package: "hyperion",
        bench: "cli",
    },
    peers: &[],
    floors: &[
        Floor {
            case: "start: --version over /bin/true",
            wanted: Wanted::AtMost(5.0),
        },
        Floor {
            case: "queue list, 100,000 archived and queued",
            wanted: Wanted::AtMost(30.0),
        },
        Floor {
            case: "request list, 100,000 archived and queued",
            wanted: Wanted::AtMost(30.0),
        },
        Floor {
            case: "changes list, 100,000 archived and queued",
            wanted: Wanted::AtMost(30.0),
        },
        Floor {
            case: "approval list, 100,000 archived and queued",
            wanted: Wanted::AtMost(30.0),
        },
        Floor {
            case: "history, 100,000 archived and queued",
            wanted: Wanted::AtMost(30.0),
        },
        Floor {
            case: "history --archived, 100,000 archived and queued",
            wanted: Wanted::AtMost(30.0),
        },
    ],
};
