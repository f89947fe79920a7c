//! What a person looks for first.

use hyperion_api::approval::Approval;
use hyperion_api::change_set::ChangeSet;
use hyperion_api::queue::{Entry, QueueState};
use hyperion_api::repo::Repo;
use hyperion_api::request::Request;
use hyperion_api::run::Run;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::id::{short, short_commit};
use crate::output::style::{self, paint};
use crate::output::table::{Cell, Column, Table, fixed, prose};
use crate::output::visible::visible;
use crate::output::wrap::wrapped;
use crate::time::{ago, duration};

/// How many of each kind are shown.
pub(crate) const SHOWN: usize = 10;
/// How many columns a terminal needs to show the last line of each run.
const WIDE: usize = 100;

/// All that a person looks for first.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    /// Whether an engine is up.
    pub(crate) engine: bool,
    /// What waits for a decision.
    pub(crate) approvals: Vec<Approval>,
    /// Changes that were sent back and wait for a new version.
    pub(crate) sent_back: Vec<ChangeSet>,
    /// Requests that wait for an answer.
    pub(crate) questions: Vec<Request>,
    /// Entries that go no further without a person.
    pub(crate) stuck: Vec<Entry>,
    /// Entries that cannot land as they are, and whose files landed otherwise since.
    pub(crate) corrected: Vec<Entry>,
    /// Entries on their way, the next first.
    pub(crate) on_the_way: Vec<Entry>,
    /// How many entries are on their way, also those that are not listed.
    pub(crate) queue_depth: u64,
    /// What runs now.
    pub(crate) running: Vec<Running>,
    /// Queues that a person stopped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) paused: Vec<QueueState>,
    /// Since when the following is told.
    pub(crate) since: Timestamp,
    /// Work trees that did not follow a landing, with what brings them along.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) behind: Vec<String>,
    /// Repositories whose landings are not all pushed, or that cannot follow their remote.
    pub(crate) not_pushed: Vec<Repo>,
    /// Requests that failed and left nothing in the queue.
    pub(crate) failed: Vec<Request>,
    /// Entries that landed.
    pub(crate) landed: Vec<Entry>,
}

/// A run that is at work.
#[derive(Debug, Serialize)]
pub(crate) struct Running {
    /// The run.
    #[serde(flatten)]
    pub(crate) run: Run,
    /// The last line that it wrote, where there is room to show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_line: Option<String>,
}

/// Writes all of it; where there is nothing of a kind, one line for all such.
pub(crate) fn page(
    status: &Status,
    now: Timestamp,
    zone: &TimeZone,
    width: Option<usize>,
) -> String {
    let mut page = Page {
        text: String::new(),
        width,
    };
    for paused in &status.paused {
        page.text.push_str(&super::queue::state(paused, zone));
    }
    let rows = status.approvals.iter().map(|approval| {
        vec![
            short(&approval.id).into(),
            (&approval.level).into(),
            (&approval.summary).into(),
            ago(&approval.expires_at, now).into(),
        ]
    });
    page.part(
        "Waits for you",
        "hyperion approval show ID",
        [
            fixed("APPROVAL"),
            fixed("LEVEL"),
            prose("SUMMARY"),
            fixed("EXPIRES"),
        ]
        .into(),
        rows,
    );
    let rows = status.sent_back.iter().map(|set| {
        vec![
            short(&set.request_id).into(),
            (&set.task_id).into(),
            set.reason.as_deref().unwrap_or_default().into(),
            set.revise_by
                .as_deref()
                .map_or_else(String::new, |until| ago(until, now))
                .into(),
        ]
    });
    page.part(
        "Was sent back",
        "hyperion request revise ID FILE|--branch NAME",
        [
            fixed("REQUEST"),
            fixed("TASK"),
            prose("WANTED"),
            fixed("EXPIRES"),
        ]
        .into(),
        rows,
    );
    let rows = status.questions.iter().map(|request| {
        vec![
            short(&request.id).into(),
            (&request.title).into(),
            ago(&request.submitted_at, now).into(),
        ]
    });
    page.part(
        "Asks you",
        "hyperion request show ID",
        [fixed("REQUEST"), prose("TITLE"), fixed("AGE")].into(),
        rows,
    );
    // Which command an admin gives is in the reason, and has to be readable whole.
    let (for_admin, stuck): (Vec<_>, Vec<_>) =
        (status.stuck.iter()).partition(|entry| entry.cause.as_deref() == Some("check_not_agreed"));
    page.lines(
        "Waits for an admin",
        for_admin.into_iter().map(|entry| {
            let reason = visible(entry.reason.as_deref().unwrap_or_default());
            format!("{} ({}): {reason}", visible(&entry.title), short(&entry.id))
        }),
    );
    let rows = stuck.into_iter().map(|entry| {
        vec![
            short(&entry.id).into(),
            Cell::status(&entry.status),
            (&entry.title).into(),
            entry.reason.as_deref().unwrap_or_default().into(),
        ]
    });
    page.part(
        "Is stuck",
        "hyperion queue show ID, then queue retry or queue cancel",
        [
            fixed("ENTRY"),
            fixed("STATUS"),
            prose("TITLE"),
            prose("WHY"),
        ]
        .into(),
        rows,
    );
    let behind = status.behind.iter();
    page.lines(
        "Did not follow what landed",
        behind.map(|line| visible(line).into_owned()),
    );
    let rows = status.corrected.iter().map(|entry| {
        vec![
            short(&entry.id).into(),
            (&entry.title).into(),
            entry
                .corrected_by
                .as_deref()
                .map_or("", short_commit)
                .into(),
        ]
    });
    page.part(
        "Was corrected since",
        "hyperion queue cancel ID clears it",
        [fixed("ENTRY"), prose("TITLE"), fixed("LANDED AS")].into(),
        rows,
    );
    let rows: Vec<_> = super::repo::not_pushed(&status.not_pushed)
        .into_iter()
        .map(|(repo, line)| vec![repo.into(), line.into()])
        .collect();
    page.part(
        "Is not pushed",
        "hyperion repo show NAME",
        [fixed("REPO"), prose("WHAT")].into(),
        rows.into_iter(),
    );
    let rows = status.failed.iter().map(|request| {
        vec![
            short(&request.id).into(),
            (&request.title).into(),
            request.reason.as_deref().unwrap_or_default().into(),
        ]
    });
    page.part(
        "Failed",
        "hyperion request show ID",
        [fixed("REQUEST"), prose("TITLE"), prose("WHY")].into(),
        rows,
    );
    let rows = status.on_the_way.iter().map(|entry| {
        vec![
            short(&entry.id).into(),
            Cell::status(&entry.status),
            (&entry.repo).into(),
            (&entry.title).into(),
            ago(&entry.enqueued_at, now).into(),
        ]
    });
    let heading = match status.queue_depth {
        0 => "On its way".to_owned(),
        depth => format!("On its way ({depth})"),
    };
    page.part(
        &heading,
        "hyperion queue list",
        [
            fixed("ENTRY"),
            fixed("STATUS"),
            fixed("REPO"),
            prose("TITLE"),
            fixed("AGE"),
        ]
        .into(),
        rows,
    );
    let rows = status.running.iter().map(|running| {
        let Running { run, last_line } = running;
        let mut row: Vec<Cell> = vec![
            short(&run.id).into(),
            Cell::status(&run.status),
            super::run::at_work(run).into(),
            duration(run.duration_ms).into(),
        ];
        if shows_last_lines(width) {
            row.push(last_line.as_deref().unwrap_or_default().into());
        }
        row
    });
    let mut columns = vec![fixed("RUN"), fixed("STATUS"), prose("WHAT"), fixed("FOR")];
    if shows_last_lines(width) {
        columns.push(prose("LAST LINE"));
    }
    page.part("Runs now", "hyperion run list", columns, rows);
    let rows = status.landed.iter().map(|entry| {
        vec![
            entry.commit.as_deref().map_or("", short_commit).into(),
            (&entry.repo).into(),
            (&entry.title).into(),
            entry
                .ended_at
                .as_deref()
                .map_or_else(String::new, |ended| ago(ended, now))
                .into(),
        ]
    });
    page.part(
        &format!("Landed in the last {}", ago(&status.since.to_string(), now)),
        "hyperion history",
        [fixed("COMMIT"), fixed("REPO"), prose("TITLE"), fixed("AGE")].into(),
        rows,
    );
    if page.text.is_empty() {
        page.text = format!(
            "Nothing waits for you, nothing is stuck, and nothing landed in the last {}.\n",
            ago(&status.since.to_string(), now)
        );
    }
    page.text.push_str(if status.engine {
        "The engine is up.\n"
    } else {
        "No engine is up; the next command that changes something starts one.\n"
    });
    page.text
}

/// Whether the terminal has room for the last line of each run.
pub(crate) fn shows_last_lines(width: Option<usize>) -> bool {
    width.is_some_and(|width| width >= WIDE)
}

struct Page {
    text: String,
    width: Option<usize>,
}

impl Page {
    /// Writes sentences of one kind; nothing where there are none.
    fn lines(&mut self, heading: &str, lines: impl Iterator<Item = String>) {
        let lines: String = lines.map(|line| format!("- {line}\n")).collect();
        if !lines.is_empty() {
            let heading = paint(style::STRONG, heading);
            let lines = wrapped(&lines, self.width);
            self.text.push_str(&format!("{heading}\n{lines}\n"));
        }
    }

    /// Writes one kind, with the command that shows more; nothing where there is none.
    fn part(
        &mut self,
        heading: &str,
        command: &str,
        columns: Vec<Column>,
        rows: impl ExactSizeIterator<Item = Vec<Cell>>,
    ) {
        if rows.len() == 0 {
            return;
        }
        let more = rows.len() > SHOWN;
        let mut table = Table::new(columns);
        for row in rows.take(SHOWN) {
            table.row(row);
        }
        let more = if more { "  and more" } else { "" };
        self.text.push_str(&format!(
            "{}{more}  {}\n{}\n",
            paint(style::STRONG, heading),
            paint(style::HINT, command),
            table.render(self.width)
        ));
    }
}
