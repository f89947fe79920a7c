//! Events, one line each.

use hyperion_api::client::Notice;
use hyperion_api::event::Event;
use jiff::tz::TimeZone;

use crate::id::short;
use crate::output::style::{self, paint};
use crate::output::table::cut;
use crate::output::visible::visible;
use crate::time::{clock, local};

/// Terminals of less columns have no room for the day.
const NARROW: usize = 100;
/// Terminals of less columns have no room for what kind of thing it is about.
const TIGHT: usize = 70;
/// The most of who did it that is shown on those.
const WHO_CHARS_TIGHT: usize = 12;
/// How wide the column of kinds is.
const KIND_CHARS: usize = 26;
/// The most of who did it that is shown where there is little room.
const WHO_CHARS_MAX: usize = 20;

/// Writes one event; the feed has no end, so columns have fixed widths.
///
/// On a narrow terminal the day is left out, and then what the event is about: not when it was, and who it was.
pub(crate) fn line(event: &Event, zone: &TimeZone, width: Option<usize>) -> String {
    let is_narrow = width.is_some_and(|width| width < NARROW);
    let seq = format!("{:>6}", event.seq);
    let time = match is_narrow {
        true => clock(&event.time, zone),
        false => local(&event.time, zone),
    };
    let kind = visible(&event.kind);
    let subject = format!(
        "{} {}",
        visible(&event.subject.r#type),
        short(&event.subject.id)
    );
    // A program that serves agents calls itself what it likes, a person's name too.
    let agent = if event.actor.r#type == "agent" {
        "agent "
    } else {
        ""
    };
    let who = visible(&event.actor.id);
    let who = format!("{agent}{who}");
    let used = seq.len() + 2 + time.len();
    if let Some(width) = width.filter(|width| *width < TIGHT) {
        // The kind begins with what it is about; which one it is and who it was are shown whole.
        let who = cut(&who, WHO_CHARS_TIGHT);
        let id = short(&event.subject.id);
        let room = width.saturating_sub(used + 2 + 1 + id.len() + 1 + who.chars().count());
        let kind = cut(&kind, room.min(KIND_CHARS));
        let rest = format!("  {kind:<0$} {id} {who}", room.min(KIND_CHARS));
        return format!("{}  {time}{}", paint(style::FAINT, &seq), rest.trim_end());
    }
    let what = format!("  {kind:<KIND_CHARS$} {subject:<20}");
    let (what, who) = match width.map(|width| width.saturating_sub(used)) {
        Some(room) => {
            let who = cut(&who, room.min(WHO_CHARS_MAX));
            let for_what = room.saturating_sub(who.chars().count() + 1);
            (cut(&what, for_what), who)
        }
        None => (what, who),
    };
    let rest = format!("{what} {who}");
    format!("{}  {time}{}", paint(style::FAINT, &seq), rest.trim_end())
}

/// Writes one notice, beneath the columns of events; it has no number.
pub(crate) fn notice(notice: &Notice, zone: &TimeZone, width: Option<usize>) -> String {
    let is_narrow = width.is_some_and(|width| width < NARROW);
    let text = |name: &str| notice.data[name].as_str().unwrap_or_default();
    let time = match is_narrow {
        true => clock(text("time"), zone),
        false => local(text("time"), zone),
    };
    let subject = match notice.data["run_id"].as_str() {
        Some(run) => format!("run {}", short(run)),
        None => format!("repo {}", short(text("repo_id"))),
    };
    let progress = notice.data["progress"].as_u64();
    let progress = progress.map(|progress| format!("{progress} %"));
    // Of a file, what happened to it and where.
    let said = [
        progress.as_deref().unwrap_or_default(),
        text("action"),
        text("path"),
    ];
    let said: Vec<_> = said.into_iter().filter(|part| !part.is_empty()).collect();
    let kind = visible(&notice.kind);
    let said = visible(&said.join(" ")).into_owned();
    let rest = format!("  {kind:<26} {subject:<20} {said}");
    let used = 8 + time.len();
    let rest = match width.map(|width| width.saturating_sub(used)) {
        Some(room) => cut(&rest, room),
        None => rest,
    };
    format!("{:>6}  {time}{}", "", rest.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    // S3: an agent that calls itself as a person is called is told from that person.
    #[test]
    fn an_agent_is_not_taken_for_a_person_of_its_name() {
        let shown = |who: &str| {
            let event = serde_json::json!({
                "v": 1, "seq": 7, "id": "e", "time": "2026-11-01T12:00:00Z", "kind": "tool.noted",
                "subject": {"type": "request", "id": "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"},
                "request_id": null, "run_id": null, "actor": {"type": who, "id": "ada"}, "data": {},
                "prev_hash": "", "hash": "",
            });
            let event: Event = serde_json::from_value(event).unwrap();
            line(&event, &TimeZone::UTC, None)
        };
        assert!(shown("agent").ends_with(" agent ada"));
        assert!(!shown("person").contains("agent"));
    }

    // W1: who it was is seen at every width.
    #[test]
    fn who_it_was_is_never_cut_for_what_it_was() {
        let event = serde_json::json!({
            "v": 1, "seq": 143, "id": "e", "time": "2026-11-01T12:00:00Z", "kind": "change_set.changes_requested",
            "subject": {"type": "change_set", "id": "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"},
            "request_id": null, "run_id": null, "actor": {"type": "person", "id": "ada"}, "data": {},
            "prev_hash": "", "hash": "",
        });
        let event: Event = serde_json::from_value(event).unwrap();
        let shown = [120, 80, 60].map(|width| line(&event, &TimeZone::UTC, Some(width)));
        insta::assert_snapshot!(crate::view::plain(&shown.join("\n")), @"
        143  2026-11-01 12:00:00  change_set.changes_requested change_set 9e0f1a2b  ada
        143  12:00:00  change_set.changes_requested change_set 9e0f1a2b  ada
        143  12:00:00  change_set.changes_reques… 9e0f1a2b ada
        ");
    }
    // S2: how far a run is stands where events of it do.
    #[test]
    fn a_notice_has_no_number() {
        let notice = Notice {
            kind: "run.progressed".to_owned(),
            data: serde_json::json!({
                "time": "2026-11-01T12:00:00Z", "run_id": "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b",
                "progress": 40, "action": "compiling",
            }),
        };
        let shown = super::notice(&notice, &TimeZone::UTC, None);
        assert_eq!(
            shown.trim_start(),
            "2026-11-01 12:00:00  run.progressed             run 9e0f1a2b         40 % compiling"
        );
    }
}
