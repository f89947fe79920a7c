//! What came of the demo's requests, and where to go on.

use std::path::{Path, PathBuf};

use hyperion_api::request::RequestDetail;
use unicode_width::UnicodeWidthStr as _;

use super::place::Place;
use crate::context::Cx;
use crate::id::{short, short_commit};
use crate::output::style::{self, paint};
use crate::output::table::{Cell, Table, fixed, number, prose};
use crate::output::visible::visible;

/// The width that commands are filled up to, so that what explains them stands in a column.
const COMMAND_CHARS: usize = 48;

/// A request of the demo and how it ended.
pub(super) struct Ended {
    /// Its number in the demo.
    pub(super) number: usize,
    /// The request.
    pub(super) detail: RequestDetail,
    /// How it differs from what was expected.
    pub(super) deviation: Option<String>,
}

/// Writes a row for each request.
pub(super) fn table(ended: &[Ended], width: Option<usize>) -> String {
    let mut table = Table::new([
        number("#"),
        fixed("ID"),
        prose("REQUEST"),
        fixed("CAME TO"),
        fixed("LET PASS BY"),
        fixed("COMMIT"),
    ]);
    for one in ended {
        let request = &one.detail.request;
        table.row([
            one.number.to_string().into(),
            short(&request.id).into(),
            (&request.title).into(),
            Cell::status(came_to(&one.detail)),
            let_pass_by(&one.detail).into(),
            commit(&one.detail).into(),
        ]);
    }
    table.render(width)
}

/// Says for each request that did not land what stopped it, and what to do next.
pub(super) fn reasons(ended: &[Ended]) -> String {
    let mut text = String::new();
    for one in ended {
        let summary = one.detail.summary.as_ref();
        let Some(refused) = summary.and_then(|summary| summary.not_landed.first()) else {
            continue;
        };
        text.push_str(&format!(
            "{} {:>2}  {}: {}\n",
            paint(style::BAD, "✗"),
            one.number,
            visible(&one.detail.request.title),
            visible(&refused.detail)
        ));
    }
    text
}

fn came_to(detail: &RequestDetail) -> &str {
    let summary = detail.summary.as_ref();
    match summary.and_then(|summary| summary.not_landed.first()) {
        Some(refused) => match refused.why.as_str() {
            "check" => "check failed",
            "policy" => "refused",
            why => why,
        },
        None => match detail.request.status.as_str() {
            "completed" => "landed",
            "rolled_back" => "rolled back",
            "awaiting_approval" => "waits",
            status => status,
        },
    }
}

/// Whose word it was: policy's, or that of a person of this level.
fn let_pass_by(detail: &RequestDetail) -> &str {
    let approved = detail.summary.iter();
    let approved = approved.flat_map(|summary| &summary.approved_by);
    match approved.last() {
        None => "",
        Some(one) if one.approval_id.is_none() => "policy",
        Some(one) => &one.level,
    }
}

/// The last commit that it landed as.
fn commit(detail: &RequestDetail) -> &str {
    let landed = detail.summary.iter().flat_map(|summary| &summary.landed);
    let mut commits = landed.filter_map(|one| one.commit.as_deref());
    commits.next_back().map_or("", short_commit)
}

/// Gives the commands to go on with.
pub(super) fn next(place: &Place, ended: &[Ended], cx: &Cx) -> String {
    let hyperion = |args: &str| format!("hyperion {args}");
    let home = format!("export HYPERION_HOME={}", quoted(&place.home()));
    let mut lines = vec![(home, "the demo's home, for the commands below")];
    if let Some(program) = program(cx) {
        let alias = format!("alias hyperion={}", quoted(&program));
        lines.push((alias, "as it is not in your PATH"));
    }
    lines.extend([
        (hyperion("queue list --all"), "what went through the queue"),
        (hyperion("history"), "what landed, and who let it"),
    ]);
    let find = |came: &str| ended.iter().find(|one| came_to(&one.detail) == came);
    if let Some(waits) = find("waits")
        && let Some(approval) = waits.detail.request.waiting_approvals.first()
    {
        let approve = hyperion(&format!("approval approve {} --wait", short(approval)));
        lines.push((approve, "the question you left open"));
    }
    if let Some(entry) = find("conflict").and_then(|one| one.detail.entries.first()) {
        let show = hyperion(&format!("queue show {}", short(&entry.id)));
        lines.push((show, "both sides of the conflict"));
    }
    if let Some(first) = find("landed") {
        let id = short(&first.detail.request.id);
        lines.push((
            hyperion(&format!("request show {id}")),
            "one request from end to end",
        ));
        lines.push((
            hyperion(&format!("rollback {id} --wait")),
            "roll that back, too",
        ));
    }
    lines.extend([
        (hyperion("audit replay"), "all of it, from the log alone"),
        (
            format!("git -C {} log --stat", quoted(&place.copy())),
            "what is on the branch now",
        ),
        (
            format!("ls {}", quoted(&place.requests())),
            "the request files",
        ),
        (
            format!("rm -r {}", quoted(place.folder())),
            "when you have seen enough",
        ),
    ]);
    let mut text = format!("{}\n", paint(style::STRONG, "Go on"));
    for (command, about) in lines {
        let gap = " ".repeat(COMMAND_CHARS.saturating_sub(command.width()));
        let command = paint(style::HINT, &command);
        let about = paint(style::FAINT, about);
        text.push_str(&format!("  {command}{gap}  {about}\n"));
    }
    text
}

/// Gives this program's path, unless its name alone finds it.
fn program(cx: &Cx) -> Option<PathBuf> {
    let path = std::env::current_exe().ok()?.canonicalize().ok()?;
    let search = cx.variables().get("PATH").unwrap_or_default();
    let found = std::env::split_paths(search)
        .map(|folder| folder.join("hyperion"))
        .find(|candidate| candidate.is_file());
    let found = found.and_then(|found| found.canonicalize().ok());
    (found.as_ref() != Some(&path)).then_some(path)
}

/// Writes a path so that a shell reads it as one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let safe = |c: char| c.is_alphanumeric() || "/._-+,@%:".contains(c);
    if text.chars().all(safe) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_a_path_as_one_word() {
        assert_eq!(quoted(Path::new("/tmp/a-b/c.d")), "/tmp/a-b/c.d");
        assert_eq!(quoted(Path::new("/tmp/it's here")), "'/tmp/it'\\''s here'");
    }
}
