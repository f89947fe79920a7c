//! What people are told of work while no engine is up: nobody is at it, so nothing is said to be running.
//!
//! Only what people read is put like this. The API and JSON have the states as they are kept.

use hyperion_api::change_set::ChangeSet;
use hyperion_api::queue::{Entry, EntryDetail, Metrics};
use hyperion_api::request::{Request, RequestDetail};

use crate::context::Cx;
use crate::output::Format;
use crate::session::Session;
use crate::view;

/// The word for work that goes on when an engine is up again.
const INTERRUPTED: &str = "interrupted";
/// What is said once below.
const NO_ENGINE: &str = "No engine is up: what is interrupted goes on with the next command that changes something, or with `hyperion up`.";

/// States in which an engine or something that it started is at work.
const AT_WORK: [&str; 9] = [
    "running",
    "in_progress",
    "starting",
    "leased",
    "merging",
    "checking",
    "ready",
    "dispatching",
    "planned",
];

/// Something that an engine works at.
pub(crate) trait Standing {
    /// Says of what is at work that it is interrupted; tells whether anything was.
    fn interrupt(&mut self) -> bool;
}

impl Standing for String {
    fn interrupt(&mut self) -> bool {
        let at_work = AT_WORK.contains(&self.as_str());
        if at_work {
            INTERRUPTED.clone_into(self);
        }
        at_work
    }
}

impl<T: Standing> Standing for [T] {
    fn interrupt(&mut self) -> bool {
        any(self.iter_mut().map(T::interrupt))
    }
}

/// Whether any is true; unlike `Iterator::any`, it looks at all.
fn any(interrupted: impl Iterator<Item = bool>) -> bool {
    let all: Vec<_> = interrupted.collect();
    all.contains(&true)
}

impl Standing for Request {
    fn interrupt(&mut self) -> bool {
        self.status.interrupt()
    }
}

impl Standing for Entry {
    fn interrupt(&mut self) -> bool {
        self.status.interrupt()
    }
}

impl Standing for EntryDetail {
    fn interrupt(&mut self) -> bool {
        let checks = self.checks.iter_mut();
        let checks = any(checks.map(|check| check.result.interrupt()));
        self.entry.interrupt() || checks
    }
}

impl Standing for ChangeSet {
    fn interrupt(&mut self) -> bool {
        self.status.interrupt()
    }
}

impl Standing for RequestDetail {
    fn interrupt(&mut self) -> bool {
        let steps = self.plan.iter_mut().flat_map(|plan| &mut plan.steps);
        let parts = [
            any(steps.map(|step| step.status.interrupt())),
            self.change_sets.interrupt(),
            self.entries.interrupt(),
            self.request.interrupt(),
        ];
        parts.contains(&true)
    }
}

impl Standing for Metrics {
    fn interrupt(&mut self) -> bool {
        self.workers = 0;
        let at_work: u64 = AT_WORK
            .iter()
            .filter_map(|status| self.by_status.remove(*status))
            .sum();
        if at_work > 0 {
            self.by_status.insert(INTERRUPTED.to_owned(), at_work);
        }
        at_work > 0
    }
}

/// Says of what is at work that it is interrupted, for people, while no engine is up.
pub(crate) async fn stand<T: Standing + ?Sized>(
    session: &Session<'_>,
    format: Format,
    value: &mut T,
) -> bool {
    // An engine that cannot be asked is found out by the next call.
    let no_engine = async || session.health().await.is_ok_and(|health| !health.engine);
    format == Format::Table && no_engine().await && value.interrupt()
}

/// Says once why something is interrupted, and how it goes on.
pub(crate) fn tell(cx: &Cx, interrupted: bool) {
    if interrupted {
        cx.output.progress(&view::hint(NO_ENGINE));
    }
}
