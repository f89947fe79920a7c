//! What every list takes: `--format`, `--since`, `--limit`, and what its items belong to.

use hyperion_api::List;
use jiff::Timestamp;
use serde::Serialize;

use crate::complete;
use crate::context::Cx;
use crate::id::IdArg;
use crate::output::Format;
use crate::route::Route;
use crate::time::Since;
use crate::view;

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

/// The argument of lists of what lands in repositories.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RepoArg {
    /// Only what is about this repository
    #[arg(long, value_name = "NAME", add = complete::repos())]
    pub(crate) repo: Option<String>,
}

/// The argument of lists of what belongs to requests.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RequestArg {
    /// Only what belongs to this request
    #[arg(long, value_name = "ID", add = complete::requests(""))]
    pub(crate) request: Option<IdArg>,
}

/// What people read with a list.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Words<'a> {
    /// Said instead of an empty table.
    pub(crate) nothing: &'a str,
    /// What the list leaves out by itself, as a sentence.
    pub(crate) left_out: Option<&'a str>,
    /// What to do with what is listed.
    pub(crate) next: &'a str,
}

impl ArchivedArg {
    /// Adds it to a call that takes it.
    pub(crate) fn ask(self, route: Route) -> Route {
        route.maybe("archived", self.archived.then_some("true"))
    }
}

impl RepoArg {
    /// Adds it to a call that takes it.
    pub(crate) fn ask(&self, route: Route) -> Route {
        route.maybe("repo", self.repo.as_deref())
    }
}

impl RequestArg {
    /// Adds it to a call that takes it.
    pub(crate) fn ask(&self, route: Route) -> Route {
        route.maybe("request", self.request.as_ref().map(IdArg::as_str))
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

    /// Shows a list; for people, with what it leaves out and what to do next.
    pub(crate) fn show<T: Serialize>(
        &self,
        cx: &Cx,
        list: &List<T>,
        words: Words<'_>,
        table: impl FnOnce(&[T], Option<usize>) -> String,
    ) -> anyhow::Result<()> {
        cx.output.list(self.format, list, words.nothing, table)?;
        if self.format == Format::Table {
            if let Some(left_out) = words.left_out {
                cx.output.progress(left_out);
            }
            if !list.items.is_empty() && !words.next.is_empty() {
                cx.output.progress(&view::hint(words.next));
            }
        }
        Ok(())
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
