//! What every list takes: `--format`, `--since`, `--limit`.

use jiff::Timestamp;

use crate::context::Cx;
use crate::output::Format;
use crate::route::Route;
use crate::time::Since;

/// The arguments of a list.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ListArgs {
    /// How to write the list
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,

    /// Only what is newer: 30m, 1h, 2d, 2026-11-01, or a time
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub(crate) since: Option<Since>,

    /// How many at most
    #[arg(long, value_name = "N", default_value_t = hyperion_api::list::DEFAULT_LIMIT,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(hyperion_api::list::MAX_LIMIT)))]
    pub(crate) limit: u32,
}

/// The argument of lists of what is archived some day.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct ArchivedArg {
    /// Also what ended more than `merge.archive_after_days` ago
    #[arg(long)]
    pub(crate) archived: bool,
}

impl ArchivedArg {
    /// Adds it to a call that takes it.
    pub(crate) fn ask(self, route: Route) -> Route {
        route.maybe("archived", self.archived.then_some("true"))
    }
}

impl ListArgs {
    /// Gives the moment of `--since`.
    pub(crate) fn since(&self, cx: &Cx) -> Option<Timestamp> {
        self.since
            .as_ref()
            .map(|since| since.moment(&cx.now_here()))
    }

    /// Adds both to a call that takes both.
    pub(crate) fn ask(&self, route: Route, cx: &Cx) -> Route {
        let since = self.since(cx).map(|moment| moment.to_string());
        route
            .maybe("since", since)
            .query("limit", self.limit.to_string())
    }

    /// Leaves out what is older, where the call itself does not; `time` gives an item's time.
    pub(crate) fn keep<T>(&self, items: &mut Vec<T>, cx: &Cx, time: impl Fn(&T) -> &str) {
        if let Some(since) = self.since(cx) {
            items.retain(|item| {
                time(item)
                    .parse::<Timestamp>()
                    .is_ok_and(|moment| moment >= since)
            });
        }
        items.truncate(self.limit as usize);
    }
}
