//! Events, one line each.

use hyperion_api::event::Event;
use jiff::tz::TimeZone;

use crate::id::short;
use crate::output::style::{self, paint};
use crate::output::table::cut;
use crate::output::visible::visible;
use crate::time::local;

/// Writes one event; the feed has no end, so columns have fixed widths.
pub(crate) fn line(event: &Event, zone: &TimeZone, width: Option<usize>) -> String {
    let seq = format!("{:>6}", event.seq);
    let time = local(&event.time, zone);
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
    let rest = format!("  {kind:<26} {subject:<20} {agent}{who}");
    let used = seq.len() + 2 + time.len();
    let rest = match width {
        Some(width) => cut(&rest, width.saturating_sub(used)),
        None => rest,
    };
    format!("{}  {time}{}", paint(style::FAINT, &seq), rest.trim_end())
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
}
