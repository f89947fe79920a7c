//! Requests.

use hyperion_api::queue::Entry;
use hyperion_api::request::{Brief, ErrorPlace, Plan, Request, RequestDetail, Step};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{field, fields, joined, summary};
use crate::id::short;
use crate::output::style::{self, paint};
use crate::output::table::{Cell, Table, fixed, prose};
use crate::output::visible::{visible, visible_text};
use crate::time::{ago, local, readable};

/// The most items of each list of the brief that are shown.
const BRIEF_SHOWN: usize = 10;

/// What names an author below a commit's message.
const AUTHOR: &str = "Co-authored-by: ";
/// The most characters of an answer that are shown.
const ANSWER_SHOWN: usize = 300;

/// Writes a list.
pub(crate) fn table(requests: &[Request], now: Timestamp, width: Option<usize>) -> String {
    let mut table = Table::new([
        fixed("ID"),
        fixed("STATUS"),
        fixed("REPO").optional(),
        prose("TITLE"),
        prose("NOTE"),
        fixed("AGE").optional(),
        fixed("CLASS").optional(),
    ]);
    for request in requests {
        table.row([
            short(&request.id).into(),
            Cell::status(standing(request)),
            (&request.repo).into(),
            (&request.title).into(),
            joined(notes(request), request.reason.as_ref()).into(),
            ago(&request.submitted_at, now).into(),
            (&request.class).into(),
        ]);
    }
    table.render(width)
}

/// Gives the wire name of where a request stands: it may wait for a new version, and for no approval.
pub(crate) fn standing(request: &Request) -> &str {
    match request.status.as_str() {
        "awaiting_approval" if request.sent_back && request.waiting_approvals.is_empty() => {
            "changes_requested"
        }
        status => status,
    }
}

/// Says what is special about a request.
fn notes(request: &Request) -> Vec<String> {
    let mut notes = Vec::new();
    if request.dry_run {
        notes.push("dry run".to_owned());
    }
    if let Some(by) = &request.rolled_back_by {
        notes.push(format!("rolled back by {}", short(by)));
    }
    if let Some(other) = &request.rolls_back {
        notes.push(format!("rolls back {}", short(other)));
    }
    notes
}

/// Writes the first line of a request.
pub(crate) fn heading(request: &Request) -> String {
    let title = paint(style::STRONG, &visible(&request.title));
    format!("Request {}  {title}\n", short(&request.id))
}

/// Writes a request with all that belongs to it.
pub(crate) fn block(detail: &RequestDetail, zone: &TimeZone) -> String {
    let request = &detail.request;
    let mut text = heading(request);
    text.push_str(&field("id", &request.id));
    text.push_str(&field("status", &status(request)));
    text.push_str(&field(
        "lands on",
        &format!("{} of {}", visible(&request.branch), visible(&request.repo)),
    ));
    text.push_str(&field(
        "work",
        &format!(
            "{}, {} priority, agent {}",
            request.class,
            request.priority,
            visible(&request.agent)
        ),
    ));
    let filed = format!(
        "{} by {} ({})",
        local(&request.submitted_at, zone),
        visible(&request.submitted_by),
        request.source
    );
    text.push_str(&field("filed", &filed));
    if let Some(other) = &request.rolls_back {
        text.push_str(&field("rolls back", &format!("request {}", short(other))));
    }
    if let Some(other) = &request.rolled_back_by {
        text.push_str(&field(
            "rolled back",
            &format!("by request {}", short(other)),
        ));
    }
    if !detail.description.is_empty() {
        let lines = visible_text(&detail.description).into_owned();
        // As git's trailers name them; they are no part of what is wanted.
        let (authors, wanted): (Vec<_>, Vec<_>) = lines
            .trim()
            .lines()
            .partition(|line| line.starts_with(AUTHOR));
        let wanted = wanted.join("\n");
        text.push_str(&fields("wanted", wanted.trim().lines().map(str::to_owned)));
        let authors = authors
            .into_iter()
            .map(|line| line[AUTHOR.len()..].to_owned());
        text.push_str(&fields("authors", authors));
    }
    text.push_str(&fields(
        "accepted if",
        detail
            .acceptance
            .iter()
            .map(|one| format!("- {}", visible(one))),
    ));
    text.push_str(&fields("asks", questions(detail)));
    text.push_str(&fields(
        "answered",
        detail
            .answers
            .iter()
            .map(|one| format!("- {}", visible(&shortened(one)))),
    ));
    if let Some(brief) = &detail.brief {
        text.push_str(&understood(brief, detail));
    }
    if let Some(plan) = &detail.plan {
        text.push_str(&fields("plan", plan_lines(plan)));
    }
    if let Some(end) = &detail.summary {
        text.push_str(&summary::block(end, zone));
        text.push_str(&fields("work tree", stayed(detail)));
    } else {
        text.push_str(&fields("next", told(next_steps(detail), zone)));
    }
    text
}

/// Writes how a request ended, or what it waits for.
pub(crate) fn result(detail: &RequestDetail, zone: &TimeZone) -> String {
    let mut text = heading(&detail.request);
    match &detail.summary {
        Some(end) => {
            text.push_str(&summary::block(end, zone));
            text.push_str(&fields("work tree", stayed(detail)));
        }
        None => {
            text.push_str(&field("status", &status(&detail.request)));
            text.push_str(&fields("asks", questions(detail)));
            text.push_str(&fields("next", told(next_steps(detail), zone)));
        }
    }
    text
}

/// Gives an answer as far as it fits a few lines; the API and `--format json` have all of it.
fn shortened(answer: &str) -> String {
    let answer = answer.trim();
    let mut text: String = answer.chars().take(ANSWER_SHOWN).collect();
    if text.len() < answer.len() {
        text.push_str(" … (`--format json` has all)");
    }
    text
}

/// Writes the brief: every list that it has, and not again what the request itself says.
fn understood(brief: &Brief, detail: &RequestDetail) -> String {
    let Brief {
        scope,
        non_goals,
        acceptance,
        open_questions,
        paths,
        symbols,
        keywords,
        errors,
        search_patterns,
    } = brief;
    let new = |list: &[String], said: &dyn Fn(&String) -> bool| -> Vec<String> {
        list.iter().filter(|item| !said(item)).cloned().collect()
    };
    let sentences = [
        ("scope", new(scope, &|item| *item == detail.request.title)),
        ("not in it", non_goals.clone()),
        (
            "done when",
            new(acceptance, &|item| detail.acceptance.contains(item)),
        ),
        // What was handed in with its changes leaves nothing open.
        (
            "unclear",
            match detail.change_sets.is_empty() {
                true => open_questions.clone(),
                false => Vec::new(),
            },
        ),
        ("errors", errors.iter().map(error_place).collect()),
    ];
    let words = [
        ("files", paths),
        ("symbols", symbols),
        ("keywords", keywords),
        ("search for", search_patterns),
    ];
    let mut text = String::new();
    for (label, list) in sentences {
        let shown = list.iter().take(BRIEF_SHOWN);
        let shown = shown.map(|item| format!("- {}", visible(item)));
        text.push_str(&fields(label, shown.chain(more_than_shown(list.len()))));
    }
    for (label, list) in words {
        let shown: Vec<_> = list
            .iter()
            .take(BRIEF_SHOWN)
            .map(|word| visible(word))
            .collect();
        let shown = (!shown.is_empty()).then(|| shown.join(", "));
        text.push_str(&fields(
            label,
            shown.into_iter().chain(more_than_shown(list.len())),
        ));
    }
    text
}

fn more_than_shown(all: usize) -> Option<String> {
    let more = all.saturating_sub(BRIEF_SHOWN);
    (more > 0).then(|| format!("and {more} more (`--format json` has all)"))
}

/// Writes an error as `path:line: message`.
fn error_place(error: &ErrorPlace) -> String {
    let line = error
        .line
        .map(|line| format!(":{line}"))
        .unwrap_or_default();
    match &error.path {
        Some(path) => format!("{path}{line}: {}", error.message),
        None => error.message.clone(),
    }
}

/// Lists the questions that wait for an answer.
pub(crate) fn questions(detail: &RequestDetail) -> impl Iterator<Item = String> {
    let questions = detail.questions.iter();
    questions.map(|one| format!("- {}", visible(one)))
}

/// Says which work trees did not follow what landed.
fn stayed(detail: &RequestDetail) -> impl Iterator<Item = String> {
    let landed = detail.entries.iter();
    landed
        .filter(|entry| entry.status == "landed")
        .filter_map(|entry| entry.reason.as_deref().map(|reason| visible(reason).into()))
}

/// Whether an entry goes no further because its queue is stopped.
pub(crate) fn is_paused(entry: &Entry) -> bool {
    entry.cause.as_deref() == Some("paused")
}

/// Says how to see how far a request is.
pub(crate) fn how_far(id: &str) -> String {
    let id = short(id);
    super::hint(&format!("`hyperion request show {id}` says how far it is"))
}

/// Puts the times in sentences as people read them.
fn told(sentences: Vec<String>, zone: &TimeZone) -> impl Iterator<Item = String> {
    let told = sentences.into_iter();
    told.map(|sentence| readable(&sentence, zone).into_owned())
}

/// Gives the commands that take a request further.
pub(crate) fn next_steps(detail: &RequestDetail) -> Vec<String> {
    let request = &detail.request;
    let id = short(&request.id);
    if request.status == "needs_clarification" {
        return vec![format!("hyperion request answer {id} \"…\"")];
    }
    let sent_back = detail
        .change_sets
        .iter()
        .filter(|set| set.status == "changes_requested");
    let sent_back = sent_back.map(|set| {
        let task = visible(&set.task_id);
        let wanted = visible(set.reason.as_deref().unwrap_or("something else"));
        format!(
            "task {task} was sent back ({wanted}): hyperion request revise {id} FILE|--branch NAME"
        )
    });
    let approvals = request.waiting_approvals.iter().map(|approval| {
        let approval = short(approval);
        format!("hyperion approval show {approval}, then hyperion approval approve {approval}")
    });
    let blocked = detail
        .entries
        .iter()
        .filter(|entry| entry.status == "blocked")
        .map(|entry| {
            let reason = entry
                .reason
                .as_deref()
                .unwrap_or("the repository is in the way");
            format!("{} (entry {})", visible(reason), short(&entry.id))
        });
    let paused = detail.entries.iter().filter(|entry| is_paused(entry));
    let paused = paused.take(1).map(|entry| {
        let reason = entry.reason.as_deref().unwrap_or("its queue is paused");
        let repo = visible(&entry.repo);
        format!("{}; hyperion queue resume --repo {repo}", visible(reason))
    });
    sent_back
        .chain(approvals)
        .chain(blocked)
        .chain(paused)
        .collect()
}

fn status(request: &Request) -> String {
    let mut text = style::state(standing(request));
    if request.dry_run {
        text.push_str(" (dry run)");
    }
    if let Some(reason) = &request.reason {
        text.push_str(&format!(": {}", visible(reason)));
    }
    text
}

fn plan_lines(plan: &Plan) -> Vec<String> {
    let progress = &plan.progress;
    let ended = progress.completed + progress.failed + progress.skipped;
    let done = format!(
        "{ended} of {} ended",
        super::count(progress.total as usize, "step")
    );
    std::iter::once(done)
        .chain(plan.steps.iter().map(step))
        .collect()
}

fn step(step: &Step) -> String {
    let Step {
        number,
        task_id,
        title,
        status,
        depends_on,
        run_id: _,
        change_set_id,
        reason,
    } = step;
    let mut line = format!("{number}. {} {}", visible(task_id), visible(title));
    if !depends_on.is_empty() {
        line.push_str(&format!(" (after {})", visible(&depends_on.join(", "))));
    }
    line.push_str(&format!(": {}", style::state(status)));
    if let Some(change) = change_set_id {
        line.push_str(&format!(", change {}", short(change)));
    }
    if let Some(reason) = reason {
        line.push_str(&format!(", {}", visible(reason)));
    }
    line
}
