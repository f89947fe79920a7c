//! What every list call takes.

use std::collections::BTreeSet;

use hyperion_api::list::{DEFAULT_LIMIT, MAX_LIMIT};
use hyperion_api::{List, Problem};
use hyperion_engine::near::one_of;
use hyperion_engine::{Cx, Error, repo};
use hyperion_model::request::Request;
use hyperion_model::{RequestId, Time};
use hyperion_store::{Cursor, Filter, Stored};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::subject::find;

/// The parameters of a list.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// One status, or several with commas between.
    status: Option<String>,
    /// Only what can still go on, or only what cannot.
    open: Option<bool>,
    /// Only what was made since then.
    since: Option<String>,
    /// How many at most.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// Only what belongs to this request.
    request: Option<String>,
    /// Only what is about this repository.
    repo: Option<String>,
    /// What is in the archive as well.
    #[serde(default)]
    archived: bool,
}

impl ListQuery {
    /// Makes the parameters of a list that takes no others.
    pub(super) fn of(status: Option<String>, limit: Option<u32>, cursor: Option<String>) -> Self {
        Self {
            status,
            limit,
            cursor,
            ..Self::default()
        }
    }

    /// Makes a filter, newest first; `known` are the noun's states.
    pub(super) fn filter(&self, cx: &Cx, known: &[&'static str]) -> Result<Filter, Error> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if limit == 0 || limit > MAX_LIMIT {
            let detail = format!("limit is {limit}; give 1 to {MAX_LIMIT}");
            return Err(Problem::new("input.invalid", detail).into());
        }
        let mut filter = Filter {
            archived: self.archived,
            open: self.open,
            ..Filter::default().newest().limit(limit)
        };
        let wanted: BTreeSet<_> = self
            .status
            .as_deref()
            .unwrap_or("")
            .split(',')
            .map(str::trim)
            .collect();
        for status in wanted.into_iter().filter(|status| !status.is_empty()) {
            let found = known
                .iter()
                .find(|known| **known == status)
                .ok_or_else(|| {
                    let detail = format!("{status:?} is not a status here");
                    let known = one_of(known.iter().map(ToString::to_string));
                    Problem::new("input.invalid", detail).hint(format!("use {known}"))
                })?;
            filter = filter.status(found);
        }
        filter.since = self.since.as_deref().map(time).transpose()?;
        if let Some(cursor) = &self.cursor {
            let cursor = cursor.parse::<Cursor>().map_err(|_| {
                Problem::new("input.invalid", "the cursor is not one that a list returned; leave it out to begin at the start")
            })?;
            filter = filter.after(cursor);
        }
        if let Some(name) = &self.repo {
            filter = filter.repo(repo::find(cx, name, None)?.id);
        }
        if let Some(id) = &self.request {
            filter = filter.request(find::<Request>(cx, id, RequestId::new)?.id);
        }
        Ok(filter)
    }
}

/// Answers one page of a noun.
pub(super) fn list<M: Stored, T>(
    cx: &Cx,
    filter: &Filter,
    view: impl Fn(&Cx, &M) -> Result<T, Error>,
) -> Result<List<T>, Error> {
    let page = cx.store.list::<M>(filter)?;
    let items = page.rows.iter().map(|row| view(cx, row));
    Ok(List {
        items: items.collect::<Result<_, _>>()?,
        next_cursor: page.next.map(|next| next.to_string()),
    })
}

/// Reads a time.
pub(super) fn time(text: &str) -> Result<Time, Error> {
    text.parse().map_err(|error| {
        let detail = format!("{text:?} is not a time like 2026-11-01T12:00:00Z: {error}");
        Problem::new("input.invalid", detail).into()
    })
}

/// Gives the wire names of a noun's states.
macro_rules! states {
    ($noun:ident) => {
        hyperion_model::$noun::Status::ALL
            .iter()
            .map(|status| status.name())
            .collect::<Vec<_>>()
    };
}
pub(super) use states;
