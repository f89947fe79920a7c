//! What came of filing a request.

use hyperion_api::request::{Request, RequestDetail, Step};

use super::{count, field, fields, request};
use crate::exit::Exit;
use crate::id::short;
use crate::outcome::{Stage, of_request, stage};
use crate::output::style::{self, paint};
use crate::output::visible::visible;

/// Work that exists in git and was handed in before.
#[derive(Debug)]
pub(crate) struct Before {
    /// What it is.
    pub(crate) what: String,
    /// What can be done with it.
    pub(crate) notes: Vec<String>,
}

/// Writes what was filed, and what happens next.
pub(crate) fn block(what: &str, detail: &RequestDetail) -> String {
    let filed = &detail.request;
    let title = paint(style::STRONG, &visible(&filed.title));
    let mut text = format!("{what} request {}  {title}\n", short(&filed.id));
    let dry = if filed.dry_run {
        " (dry run: nothing will be moved)"
    } else {
        ""
    };
    let place = format!(
        "{} of {}{dry}",
        visible(&filed.branch),
        visible(&filed.repo)
    );
    text.push_str(&field("lands on", &place));
    if let Some(plan) = &detail.plan {
        text.push_str(&fields("tasks", plan.steps.iter().map(task)));
    }
    text.push_str(&fields("asks", request::questions(detail)));
    text.push_str(&fields("next", next(detail)));
    text
}

/// Writes the titles of what was filed.
pub(crate) fn titles(what: &str, requests: &[&Request]) -> String {
    let mut text = format!("{what} {}\n", count(requests.len(), "request"));
    for request in requests {
        text.push_str(&format!(
            "  {}  {}\n",
            short(&request.id),
            visible(&request.title)
        ));
    }
    text
}

fn task(step: &Step) -> String {
    let after = match step.depends_on.as_slice() {
        [] => String::new(),
        tasks => format!(" (after {})", visible(&tasks.join(", "))),
    };
    format!("{} {}{after}", visible(&step.task_id), visible(&step.title))
}

/// Says what happens by itself, or what a person has to do.
fn next(detail: &RequestDetail) -> Vec<String> {
    let id = short(&detail.request.id);
    match stage(detail) {
        Stage::Asks(_) | Stage::Unclear | Stage::SentBack => request::next_steps(detail),
        Stage::Ended(Exit::Done) => vec![format!("it is done: `hyperion request show {id}`")],
        Stage::Ended(_) => {
            let why = detail
                .request
                .reason
                .as_deref()
                .unwrap_or("nothing of it landed");
            vec![format!(
                "it ended already: {}; `hyperion request show {id}` says what to do",
                visible(why)
            )]
        }
        Stage::GoesOn => {
            let at = match detail.entries.first() {
                Some(entry) => format!("it is in the queue (entry {})", short(&entry.id)),
                None => "the engine works at it".to_owned(),
            };
            vec![format!(
                "{at}; `hyperion request show {id}` says how far it is"
            )]
        }
    }
}

/// Says that nothing was filed, because the request is there already; gives the status that its end makes.
///
/// `before` is known of work that exists in git.
pub(crate) fn found(found: &Request, before: Option<&Before>) -> (Exit, String) {
    let id = short(&found.id);
    let status = style::state(request::standing(found));
    let title = visible(&found.title);
    let said = match before {
        Some(before) => {
            let what = visible(&before.what);
            format!("{what} as request {id} ({title}, {status})")
        }
        None => {
            format!("request {id} ({title}) is the same, and is there already (status: {status})")
        }
    };
    let said = format!("Nothing was filed: {said}.");
    let ended = of_request(found);
    match ended {
        None if before.is_some() => {
            let notes = before.iter().flat_map(|before| &before.notes);
            let notes = notes.map(|note| format!("\n{}", super::hint(&visible(note))));
            let how_far = request::how_far(&found.id);
            (
                Exit::Done,
                format!("{said}\n{how_far}{}", notes.collect::<String>()),
            )
        }
        Some(exit) if before.is_some() && exit != Exit::Done => {
            let hint = format!(
                "`hyperion request show {id}` says what is missing; commit that, and hand it in again"
            );
            (exit, format!("{said}\n{}", super::hint(&hint)))
        }
        None | Some(Exit::Done) => (
            Exit::Done,
            format!("{said}\n{}", request::how_far(&found.id)),
        ),
        Some(exit) => (
            exit,
            format!(
                "{said}\n{}",
                super::hint("to file it again, give it another `idempotency_key`, or none")
            ),
        ),
    }
}
