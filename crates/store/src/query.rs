//! Reads rows back as the states they hold.

use std::fmt;
use std::str::FromStr;

use hyperion_model::{Noun, RepoId, RequestId, RunId, Time, Uuid};
use rusqlite::{OptionalExtension as _, ToSql, params_from_iter};

use crate::archive;
use crate::error::ReadError;
use crate::rows::{self, Params, Stored};
use crate::store::Store;

/// The most rows one page holds.
pub const MAX_PAGE: u32 = 1000;

/// The most rows that [`Store::open_rows`] collects.
pub const MAX_OPEN_ROWS: usize = 100_000;

/// How many rows a page holds unless told otherwise.
pub(crate) const DEFAULT_LIMIT: u32 = 100;

/// The most ids that [`Store::find`] gives: enough to say that a short id is ambiguous.
const MAX_FOUND: usize = 10;

/// The condition of [`Store::due`].
const DUE: &str = "open = 1 AND due_ms IS NOT NULL AND due_ms <= ?1";

/// What a page is read from: a place in the order, a state, and what its row says of it.
const PAGE_COLUMNS: &str = "created_seq, id, doc, status, open";

/// In which order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    #[default]
    OldestFirst,
    /// The newest first.
    NewestFirst,
}

/// Which event gives a row its place and its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum By {
    /// The one that created it.
    #[default]
    Created,
    /// The last one: of what has ended, the one that ended it.
    Changed,
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(u64);

impl Cursor {
    /// The place right behind what was created by the event with this number.
    pub const fn behind_event(seq: u64) -> Self {
        Self(seq)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Says that a text is not a cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not a cursor; give the one that came with the last page")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        // SQLite's integers are signed.
        text.parse::<i64>()
            .ok()
            .and_then(|seq| u64::try_from(seq).ok())
            .map(Self)
            .ok_or(CursorError)
    }
}

/// Which rows are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Only those in one of these states, by wire name; empty lets all through.
    pub status: Vec<&'static str>,
    /// Only those that can still go on, or only those that cannot.
    pub open: Option<bool>,
    /// Only those that belong to this request.
    pub request: Option<RequestId>,
    /// Only those about this repository.
    pub repo: Option<RepoId>,
    /// Only those that came from this run.
    pub run: Option<RunId>,
    /// Only those that belong to this otherwise.
    pub parent: Option<Uuid>,
    /// Only those from this time on.
    pub since: Option<Time>,
    /// Only those before this time.
    pub until: Option<Time>,
    /// By which event they are ordered, and by whose time they are chosen.
    pub by: By,
    /// In which order.
    pub order: Order,
    /// At most how many; see [`MAX_PAGE`].
    pub limit: u32,
    /// Only those behind this place, in the direction of `order`.
    pub after: Option<Cursor>,
    /// Those in the archive as well. What belongs to one request, run or parent is found there in any case.
    pub archived: bool,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            status: Vec::new(),
            open: None,
            request: None,
            repo: None,
            run: None,
            parent: None,
            since: None,
            until: None,
            by: By::Created,
            order: Order::OldestFirst,
            limit: DEFAULT_LIMIT,
            after: None,
            archived: false,
        }
    }
}

impl Filter {
    /// Lets only those through that can still go on.
    pub fn open() -> Self {
        Self {
            open: Some(true),
            ..Self::default()
        }
    }

    /// Lets this state through, beside those named before.
    pub fn status(mut self, status: &'static str) -> Self {
        self.status.push(status);
        self
    }

    /// Lets only those of a request through.
    pub fn request(self, request: RequestId) -> Self {
        Self {
            request: Some(request),
            ..self
        }
    }

    /// Lets only those of a repository through.
    pub fn repo(self, repo: RepoId) -> Self {
        Self {
            repo: Some(repo),
            ..self
        }
    }

    /// Lets only those of a run through.
    pub fn run(self, run: RunId) -> Self {
        Self {
            run: Some(run),
            ..self
        }
    }

    /// Lets only those of a parent through.
    pub fn parent(self, parent: Uuid) -> Self {
        Self {
            parent: Some(parent),
            ..self
        }
    }

    /// Puts the newest first.
    pub fn newest(self) -> Self {
        Self {
            order: Order::NewestFirst,
            ..self
        }
    }

    /// Sets how many at most.
    pub fn limit(self, limit: u32) -> Self {
        Self { limit, ..self }
    }

    /// Lets those in the archive through as well.
    pub fn archived(self) -> Self {
        Self {
            archived: true,
            ..self
        }
    }

    /// Goes on where a page ended.
    pub fn after(self, after: Cursor) -> Self {
        Self {
            after: Some(after),
            ..self
        }
    }

    /// Names the column of order. Where SQLite could walk along it past everything there ever was, it is told not to:
    /// the open rows are found by their partial index, and are few. All open ones, and those in one state, have an index
    /// in this order, so that a page of many costs no more than the page.
    const fn place(&self) -> &'static str {
        if matches!(self.by, By::Changed) {
            return "updated_seq";
        }
        let narrowed = self.request.is_some()
            || self.repo.is_some()
            || self.run.is_some()
            || self.parent.is_some();
        match self.open {
            Some(true) if narrowed || self.status.len() > 1 => "+created_seq",
            Some(true | false) | None => "created_seq",
        }
    }

    fn order_by(&self) -> String {
        match self.order {
            Order::OldestFirst => self.place().to_owned(),
            Order::NewestFirst => format!("{} DESC", self.place()),
        }
    }

    /// Tells whether the archive is asked as well: nothing in it is open.
    fn asks_archive(&self, noun: Noun) -> bool {
        let about_one = self.request.is_some() || self.run.is_some() || self.parent.is_some();
        archive::has_archive(noun) && self.open != Some(true) && (self.archived || about_one)
    }

    /// Tells whether it looks at nothing but states.
    const fn is_about_states(&self) -> bool {
        self.request.is_none()
            && self.repo.is_none()
            && self.run.is_none()
            && self.parent.is_none()
            && self.since.is_none()
            && self.until.is_none()
    }

    fn page_size(&self) -> usize {
        self.limit.clamp(1, MAX_PAGE) as usize
    }

    /// Writes the condition; `created_seq` is the order of creation.
    fn condition(&self) -> (String, Params) {
        let Self {
            status,
            open,
            request,
            repo,
            run,
            parent,
            since,
            until,
            by,
            order,
            limit: _,
            after,
            archived: _,
        } = self;
        let mut sql = "true".to_owned();
        let mut params: Params = Vec::new();
        match open {
            // Literals, so that the partial indexes are used.
            Some(true) => sql.push_str(" AND open = 1"),
            Some(false) => sql.push_str(" AND open = 0"),
            None => {}
        }
        if !status.is_empty() {
            let first = params.len() + 1;
            params.extend(
                status
                    .iter()
                    .map(|status| Box::new(*status) as Box<dyn ToSql>),
            );
            let marks: Vec<_> = (first..=params.len()).map(|at| format!("?{at}")).collect();
            sql.push_str(&format!(" AND status IN ({})", marks.join(", ")));
        }
        let mut add = |condition: &str, param: Box<dyn ToSql>| {
            params.push(param);
            sql.push_str(&format!(" AND {condition} ?{}", params.len()));
        };
        if let Some(request) = request {
            add("request_id =", Box::new(request.uuid().into_bytes()));
        }
        if let Some(repo) = repo {
            add("repo_id =", Box::new(repo.uuid().into_bytes()));
        }
        if let Some(run) = run {
            add("run_id =", Box::new(run.uuid().into_bytes()));
        }
        if let Some(parent) = parent {
            add("parent =", Box::new(parent.into_bytes()));
        }
        let time = match by {
            By::Created => "created_ms",
            By::Changed => "updated_ms",
        };
        if let Some(since) = since {
            add(&format!("{time} >="), Box::new(since.as_millisecond()));
        }
        if let Some(until) = until {
            add(&format!("{time} <"), Box::new(until.as_millisecond()));
        }
        if let Some(Cursor(seq)) = after {
            match order {
                Order::OldestFirst => add(&format!("{} >", self.place()), Box::new(*seq)),
                Order::NewestFirst => add(&format!("{} <", self.place()), Box::new(*seq)),
            }
        }
        (sql, params)
    }
}

/// Some rows, those that are damaged, and where to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<M> {
    /// The states.
    pub rows: Vec<M>,
    /// The ids of rows that cannot be read; they are set aside, everything else goes on.
    pub damaged: Vec<Uuid>,
    /// What to give as `after` for the next page; none when this was the last.
    pub next: Option<Cursor>,
}

/// Writes a question to a noun's table, and to its archive if that is asked as well.
fn select(noun: Noun, columns: &str, condition: &str, archive: bool) -> String {
    if archive {
        rows::anywhere(noun, columns, condition)
    } else {
        format!(
            "SELECT {columns} FROM \"{}\" WHERE {condition}",
            noun.name()
        )
    }
}

impl Store {
    /// Gives a subject's state.
    pub fn get<M: Stored>(&self, id: M::Id) -> Result<Option<M>, ReadError> {
        let id = M::uuid(id);
        let sql = rows::anywhere(M::NOUN, "doc", "id = ?1");
        let found = self.read(|conn| {
            Ok(conn
                .prepare_cached(&sql)?
                .query_row([id.as_bytes()], |row| {
                    Ok(rows::parse::<M>(
                        row.get_ref(0)?.as_bytes().unwrap_or_default(),
                    ))
                })
                .optional()?)
        })?;
        match found.transpose() {
            Ok(state) => Ok(state),
            Err(detail) => {
                let subject = M::subject(id);
                self.report_damage(subject, &detail);
                Err(ReadError::Quarantined { subject, detail })
            }
        }
    }

    /// Lists states.
    pub fn list<M: Stored>(&self, filter: &Filter) -> Result<Page<M>, ReadError> {
        let (condition, params) = filter.condition();
        let columns = match filter.by {
            By::Created => PAGE_COLUMNS,
            By::Changed => "updated_seq, id, doc, status, open",
        };
        let from = select(M::NOUN, columns, &condition, filter.asks_archive(M::NOUN));
        self.select_page(&from, &filter.order_by(), &params, filter.page_size())
    }

    /// Lists every open state that a filter lets through, however many pages that takes.
    ///
    /// More than [`MAX_OPEN_ROWS`] is an error rather than a part of the truth.
    pub fn open_rows<M: Stored>(&self, filter: &Filter) -> Result<Page<M>, ReadError> {
        let filter = Filter {
            open: Some(true),
            ..filter.clone()
        };
        let (condition, params) = filter.condition();
        let sql = select(M::NOUN, "created_seq, id, doc", &condition, false);
        let (mut found, mut damage) = (Vec::new(), Vec::new());
        // One look and no order: SQLite would carry every document through its sorter, and a page
        // at a time it would do so again for each page.
        self.read(|conn| {
            let mut statement = conn.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(params.iter()))?;
            while let Some(row) = rows.next()? {
                if found.len() + damage.len() == MAX_OPEN_ROWS {
                    return Err(ReadError::TooMany { max: MAX_OPEN_ROWS });
                }
                match rows::parse::<M>(row.get_ref(2)?.as_bytes().unwrap_or_default()) {
                    Ok(state) => found.push((row.get::<_, u64>(0)?, state)),
                    Err(detail) => damage.push((Uuid::from_bytes(row.get(1)?), detail)),
                }
            }
            Ok(())
        })?;
        found.sort_unstable_by_key(|(created_seq, _)| *created_seq);
        if filter.order == Order::NewestFirst {
            found.reverse();
        }
        for (id, detail) in &damage {
            self.report_damage(M::subject(*id), detail);
        }
        Ok(Page {
            rows: found.into_iter().map(|(_, state)| state).collect(),
            damaged: damage.into_iter().map(|(id, _)| id).collect(),
            next: None,
        })
    }

    /// Lists the open states whose deadline has passed, the most urgent first.
    pub fn due<M: Stored>(&self, before: Time, limit: u32) -> Result<Page<M>, ReadError> {
        let params: Params = vec![Box::new(before.as_millisecond())];
        let mut page = self.select_page(
            &select(M::NOUN, PAGE_COLUMNS, DUE, false),
            "due_ms, created_seq",
            &params,
            limit.clamp(1, MAX_PAGE) as usize,
        )?;
        // Its order is not that of creation: ask again once these are dealt with.
        page.next = None;
        Ok(page)
    }

    /// Counts the rows a filter lets through; its limit and its place do not matter.
    pub fn count<M: Stored>(&self, filter: &Filter) -> Result<u64, ReadError> {
        let (condition, params) = Filter {
            after: None,
            ..filter.clone()
        }
        .condition();
        let asks_archive = filter.asks_archive(M::NOUN);
        let by_figures = asks_archive && filter.is_about_states();
        let from = select(M::NOUN, "1", &condition, asks_archive && !by_figures);
        let sql = format!("SELECT count(*) FROM ({from})");
        self.read(|conn| {
            // One snapshot: what is moved meanwhile is counted once.
            let tx = conn.unchecked_transaction()?;
            let mut count: u64 = tx
                .prepare_cached(&sql)?
                .query_row(params_from_iter(params.iter()), |row| row.get(0))?;
            if by_figures {
                count += archive::count(&tx, M::NOUN, &filter.status)?;
            }
            Ok(count)
        })
    }

    /// Finds the ids that end or begin with some hexadecimal digits: what people copy.
    ///
    /// The archive is searched only where nothing outside of it fits.
    pub fn find<M: Stored>(&self, digits: &str) -> Result<Vec<Uuid>, ReadError> {
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        let whole = Uuid::try_parse(digits).ok();
        let condition = match whole {
            Some(_) => "id = ?1",
            None => "substr(hex(id), -?1) = ?2 OR substr(hex(id), 1, ?1) = ?2",
        };
        let params: Params = match whole {
            Some(id) => vec![Box::new(id.into_bytes())],
            None => vec![
                Box::new(digits.len() as u64),
                Box::new(digits.to_ascii_uppercase()),
            ],
        };
        let mut tables = vec![M::NOUN.name().to_owned()];
        // Open rows come before archived ones, which lists do not even show.
        tables.extend(archive::has_archive(M::NOUN).then(|| format!("{}_archive", M::NOUN.name())));
        for table in tables {
            let sql = format!(
                "SELECT id FROM \"{table}\" WHERE {condition} ORDER BY created_seq LIMIT {MAX_FOUND}"
            );
            let found: Vec<Uuid> = self.read(|conn| {
                let found = conn
                    .prepare_cached(&sql)?
                    .query_map(params_from_iter(params.iter()), |row| {
                        Ok(Uuid::from_bytes(row.get(0)?))
                    })?
                    .collect::<Result<_, _>>()?;
                Ok(found)
            })?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    fn select_page<M: Stored>(
        &self,
        from: &str,
        order: &str,
        params: &Params,
        size: usize,
    ) -> Result<Page<M>, ReadError> {
        let sql = format!("{from} ORDER BY {order} LIMIT {}", size + 1);
        let mut damage = Vec::new();
        let mut page = Page {
            rows: Vec::new(),
            damaged: Vec::new(),
            next: None,
        };
        self.read(|conn| {
            let mut statement = conn.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(params.iter()))?;
            let (mut seen, mut last) = (0, 0);
            while let Some(row) = rows.next()? {
                if seen == size {
                    page.next = Some(Cursor(last));
                    break;
                }
                seen += 1;
                // A negative number is damage too, but still has a place in the order.
                last = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
                match read_row::<M>(row) {
                    Ok(state) => page.rows.push(state),
                    Err(detail) => damage.push((id_of(row, 1), detail)),
                }
            }
            Ok(())
        })?;
        for (id, detail) in damage {
            let id = id.unwrap_or_default();
            self.report_damage(M::subject(id), &detail);
            page.damaged.push(id);
        }
        Ok(page)
    }
}

/// Reads a row of [`PAGE_COLUMNS`]: a state that its own columns contradict is not to be worked on.
fn read_row<M: Stored>(row: &rusqlite::Row<'_>) -> Result<M, String> {
    let bytes = row.get_ref(2).map_err(|error| error.to_string())?;
    let state = rows::parse::<M>(bytes.as_bytes().unwrap_or_default())?;
    let says = state.row();
    let agrees = row
        .get_ref(3)
        .is_ok_and(|status| status.as_bytes() == Ok(says.status.as_bytes()))
        && row
            .get_ref(4)
            .is_ok_and(|open| open.as_i64() == Ok(i64::from(says.open)))
        && id_of(row, 1) == Some(state.own_uuid());
    if agrees {
        Ok(state)
    } else {
        Err("its columns do not follow from its state".to_owned())
    }
}

/// Reads an id; nothing when it is none.
fn id_of(row: &rusqlite::Row<'_>, column: usize) -> Option<Uuid> {
    row.get(column).ok().map(Uuid::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate;

    fn plan(sql: &str, params: &Params) -> String {
        let conn = migrate::in_memory().unwrap();
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = statement
            .query_map(params_from_iter(params.iter()), |row| {
                row.get::<_, String>(3)
            })
            .unwrap()
            .collect::<Result<Vec<_>, _>>()
            .unwrap();
        lines.join("; ")
    }

    fn closed() -> Filter {
        Filter {
            open: Some(false),
            ..Filter::default()
        }
    }

    // What is asked every second must not walk through everything that ever was.
    #[test]
    fn hot_questions_use_their_index() {
        let id = Uuid::nil();
        for (noun, filter, index) in [
            ("entry", Filter::open(), "entry_order"),
            ("entry", Filter::open().status("queued"), "entry_open"),
            (
                "entry",
                Filter::open().status("queued").after(Cursor(7)).newest(),
                "entry_open",
            ),
            (
                "entry",
                Filter::open().status("queued").status("ready"),
                "entry_open",
            ),
            ("entry", Filter::open().repo(RepoId::new(id)), "entry_repo"),
            (
                "entry",
                Filter::default().request(RequestId::new(id)),
                "entry_request",
            ),
            (
                "entry",
                Filter::open().after(Cursor(7)).newest(),
                "entry_order",
            ),
            ("request", Filter::open(), "request_order"),
            ("entry", closed().status("dead"), "entry_closed"),
            ("run", Filter::default().parent(id), "run_parent"),
            (
                "change_set",
                Filter::default().run(RunId::new(id)),
                "change_set_run",
            ),
        ] {
            let (condition, params) = filter.condition();
            let sql = format!(
                "SELECT doc FROM {noun} WHERE {condition} ORDER BY {} LIMIT 9",
                filter.order_by()
            );
            let plan = plan(&sql, &params);
            assert!(plan.contains(index), "{sql}: {plan}");
        }
        let due =
            format!("SELECT doc FROM approval WHERE {DUE} ORDER BY due_ms, created_seq LIMIT 9");
        let plan = plan(&due, &vec![Box::new(5_i64)]);
        assert!(
            plan.contains("approval_due") && !plan.contains("B-TREE"),
            "{plan}"
        );
    }
}
