//! Processes that somebody looks after: what that costs.

use super::program::{Program, Python};
use super::{Bench, Floor, Wanted};

const fn at_most(case: &'static str, most: f64) -> Floor {
    Floor {
        case,
        wanted: Wanted::AtMost(most),
    }
}

pub(super) const BENCH: Bench = Bench {
    name: "supervise",
    ours: Program::Target {
        package: "hyperion",
        bench: "supervise",
    },
    peers: &[(
        "supervisord",
        Program::Supervisord(Python(
            "supervisor",
            "4.3.0",
            &["-m", "supervisor.supervisord"],
        )),
    )],
    floors: &[
        at_most("exec /bin/true over /bin/true, engine up", 25.0),
        at_most("exec --sandbox full over exec", 15.0),
        at_most("200 tools: CPU of the engine", 5.0),
        at_most("200 tools: memory of the engine", 80.0),
        at_most("a shim: private memory", 2.5),
        at_most("a shim: PSS", 4.0),
        at_most("200 tools: a new engine has them all", 1000.0),
    ],
};
