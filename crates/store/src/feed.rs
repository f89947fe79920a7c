//! The feed: events in order, read from the database, so that a slow reader holds no memory.

use std::sync::Arc;

use hyperion_model::{RequestId, RunId, StoredEvent, Subject, Time};
use rusqlite::{Connection, OptionalExtension as _, ToSql, params_from_iter};
use tokio::sync::watch;

use crate::chain::{self, Head};
use crate::error::{ReadError, StoreError};
use crate::query::{DEFAULT_LIMIT, Order};
use crate::rows::Params;
use crate::store::Store;

/// The most events one answer holds.
pub const MAX_EVENTS_PAGE: u32 = 1000;

/// The most kinds one filter may name.
const MAX_KINDS: usize = 64;

/// Which events are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter {
    /// Only those of this subject.
    pub subject: Option<Subject>,
    /// Only those that belong to this request.
    pub request: Option<RequestId>,
    /// Only those that belong to this run.
    pub run: Option<RunId>,
    /// Only these kinds; one that ends in `.` stands for all that begin with it.
    pub kinds: Vec<String>,
    /// Only those from this time on.
    pub since: Option<Time>,
    /// Only those before this time.
    pub until: Option<Time>,
    /// Only those behind this number, in the direction of `order`.
    pub after: Option<u64>,
    /// In which order.
    pub order: Order,
    /// At most how many; see [`MAX_EVENTS_PAGE`].
    pub limit: u32,
}

impl Default for EventFilter {
    fn default() -> Self {
        Self {
            subject: None,
            request: None,
            run: None,
            kinds: Vec::new(),
            since: None,
            until: None,
            after: None,
            order: Order::OldestFirst,
            limit: DEFAULT_LIMIT,
        }
    }
}

/// Some events, and where to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// The events.
    pub events: Vec<StoredEvent>,
    /// The numbers of events whose text cannot be read.
    pub damaged: Vec<u64>,
    /// What to give as `after` for the next page; none when this was the last.
    pub next: Option<u64>,
}

impl Store {
    /// Gives a receiver of the number of the last committed event.
    ///
    /// In a read-only store it never changes: there, look at [`Store::last_seq`] now and then.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.feed().clone()
    }

    /// Gives the end of the chain.
    pub fn head(&self) -> Result<Head, ReadError> {
        self.read(|conn| Ok(chain::last_event(conn)?))
    }

    /// Gives the number of the last event; 0 when there is none.
    pub fn last_seq(&self) -> Result<u64, ReadError> {
        self.read(|conn| {
            Ok(conn
                .prepare_cached("SELECT coalesce(max(seq), 0) FROM event")?
                .query_row([], |row| row.get(0))?)
        })
    }

    /// Gives the events behind a number, oldest first.
    pub fn events_after(&self, seq: u64, limit: u32) -> Result<EventPage, ReadError> {
        self.events(&EventFilter {
            after: Some(seq),
            limit,
            ..EventFilter::default()
        })
    }

    /// Gives the events that a filter lets through.
    pub fn events(&self, filter: &EventFilter) -> Result<EventPage, ReadError> {
        let (sql, params) = select(filter);
        let limit = filter.limit.clamp(1, MAX_EVENTS_PAGE) as usize;
        self.read(|conn| {
            let mut statement = conn.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(params.iter()))?;
            let mut page = EventPage {
                events: Vec::new(),
                damaged: Vec::new(),
                next: None,
            };
            let mut seen = 0;
            let mut last = 0;
            while let Some(row) = rows.next()? {
                if seen == limit {
                    page.next = Some(last);
                    break;
                }
                seen += 1;
                last = row.get(0)?;
                match parse(last, row.get_ref(1)?.as_bytes().unwrap_or_default()) {
                    Some(event) => page.events.push(event),
                    None => page.damaged.push(last),
                }
            }
            Ok(page)
        })
    }

    /// Gives the exact stored text of an event.
    pub fn event_text(&self, seq: u64) -> Result<Option<String>, ReadError> {
        self.read(|conn| {
            Ok(conn
                .prepare_cached("SELECT text FROM event WHERE seq = ?1")?
                .query_row([seq], |row| row.get(0))
                .optional()?)
        })
    }
}

/// Reads an event whose text has to carry the number it is stored under.
pub(crate) fn parse(seq: u64, text: &[u8]) -> Option<StoredEvent> {
    let text = std::str::from_utf8(text).ok()?;
    StoredEvent::parse(text)
        .ok()
        .filter(|event| event.seq == seq)
}

/// Loads the events of a batch that was committed before.
pub(crate) fn load_span(
    conn: &Connection,
    first: u64,
    last: u64,
) -> Result<Vec<Arc<StoredEvent>>, StoreError> {
    let mut statement = conn
        .prepare_cached("SELECT seq, text FROM event WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq")?;
    let mut rows = statement.query([first, last])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let seq = row.get(0)?;
        let event =
            parse(seq, row.get_ref(1)?.as_bytes().unwrap_or_default()).ok_or_else(|| {
                StoreError::Damaged {
                    detail: format!("the event {seq} cannot be read"),
                }
            })?;
        events.push(Arc::new(event));
    }
    Ok(events)
}

fn select(filter: &EventFilter) -> (String, Params) {
    let EventFilter {
        subject,
        request,
        run,
        kinds,
        since,
        until,
        after,
        order,
        limit,
    } = filter;
    let mut sql = "SELECT seq, text FROM event WHERE true".to_owned();
    let mut params: Params = Vec::new();
    let mut add = |condition: &str, param: Box<dyn ToSql>| {
        params.push(param);
        sql.push_str(" AND ");
        sql.push_str(&condition.replace('?', &format!("?{}", params.len())));
    };
    if let Some(subject) = subject {
        add("subject_type = ?", Box::new(subject.noun().name()));
        add("subject_id = ?", Box::new(subject.uuid().into_bytes()));
    }
    if let Some(request) = request {
        add("request_id = ?", Box::new(request.uuid().into_bytes()));
    }
    if let Some(run) = run {
        add("run_id = ?", Box::new(run.uuid().into_bytes()));
    }
    if let Some(since) = since {
        add("time_ms >= ?", Box::new(since.as_millisecond()));
    }
    if let Some(until) = until {
        add("time_ms < ?", Box::new(until.as_millisecond()));
    }
    if let Some(after) = after {
        match order {
            Order::OldestFirst => add("seq > ?", Box::new(*after)),
            Order::NewestFirst => add("seq < ?", Box::new(*after)),
        }
    }
    if !kinds.is_empty() {
        let mut any = Vec::new();
        for kind in kinds.iter().take(MAX_KINDS) {
            params.push(Box::new(kind.clone()));
            let at = params.len();
            any.push(if kind.ends_with('.') {
                format!("substr(kind, 1, {}) = ?{at}", kind.len())
            } else {
                format!("kind = ?{at}")
            });
        }
        sql.push_str(&format!(" AND ({})", any.join(" OR ")));
    }
    sql.push_str(match order {
        Order::OldestFirst => " ORDER BY seq LIMIT ",
        Order::NewestFirst => " ORDER BY seq DESC LIMIT ",
    });
    sql.push_str(&(limit.clamp(&1, &MAX_EVENTS_PAGE) + 1).to_string());
    (sql, params)
}
