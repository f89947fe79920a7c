//! What the ledger holds, in words.

use hyperion_api::event::Event;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::output::table::cut;
use crate::output::visible::visible;
use crate::time::local;

/// How many names one line tells.
const NAMES_MAX: usize = 3;

/// Writes one record, on a line.
pub(crate) fn line(event: &Event, zone: &TimeZone, width: Option<usize>) -> String {
    let line = format!(
        "{:>6}  {}  {}",
        event.seq,
        local(&event.time, zone),
        said(event)
    );
    match width {
        Some(width) => cut(&line, width),
        None => line,
    }
}

fn said(event: &Event) -> String {
    let data = &event.data;
    let text = |name: &str| visible(data[name].as_str().unwrap_or_default()).into_owned();
    let number = |name: &str| data[name].as_u64().unwrap_or_default();
    match event.kind.as_str() {
        "tool.called" => {
            let calls = match number("calls") {
                0 | 1 => String::new(),
                calls => format!(" {calls} times"),
            };
            let paths = names(&data["paths"], number("more_paths"));
            let (by, server, tool) = (text("by"), text("server"), text("tool"));
            format!(
                "{by} called {server} {tool}{calls}{paths}: {}",
                text("outcome")
            )
        }
        "settings.changed" => {
            let keys = names(&data["keys"], number("more_keys"));
            format!("an engine started with other settings{keys}")
        }
        "backup.taken" => format!("copied up to event {} to {}", number("up_to"), text("to")),
        "home.restored" => {
            format!(
                "restored from {}, up to event {}",
                text("from"),
                number("up_to")
            )
        }
        "call.refused" => {
            let times = match number("count") {
                0 | 1 => String::new(),
                count => format!(" {count} times"),
            };
            let who = visible(&event.actor.id);
            let (call, code) = (text("call"), text("code"));
            format!("refused {who}{times} {call}: {} {code}", number("status"))
        }
        other => visible(other).into_owned(),
    }
}

fn names(list: &Value, more: u64) -> String {
    let all = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let named = all.iter().filter_map(Value::as_str).take(NAMES_MAX);
    let named: Vec<_> = named.map(|name| visible(name).into_owned()).collect();
    let more = more + all.len().saturating_sub(NAMES_MAX) as u64;
    match (named.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!(" ({})", named.join(", ")),
        (false, more) => format!(" ({} and {more} more)", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(kind: &str, data: &Value) -> String {
        let event = serde_json::json!({
            "v": 1, "seq": 7, "id": "e", "time": "2026-11-01T12:00:00Z", "kind": kind,
            "subject": {"type": "audit", "id": "x"}, "actor": {"type": "person", "id": "bob"},
            "data": data, "prev_hash": "", "hash": "",
        });
        let event: Event = serde_json::from_value(event).unwrap();
        line(&event, &TimeZone::UTC, None)
    }

    // X7: what is in the ledger is told in words.
    #[test]
    fn records_are_told_in_words() {
        let lines = [
            shown(
                "tool.called",
                &serde_json::json!({"by": "ada", "server": "filesystem", "tool": "readFile", "calls": 4,
                    "paths": ["a", "b", "c", "d"], "more_paths": 2, "outcome": "looked"}),
            ),
            shown(
                "settings.changed",
                &serde_json::json!({"keys": ["merge.workers"], "more_keys": 0}),
            ),
            shown(
                "backup.taken",
                &serde_json::json!({"to": "/mnt/b", "up_to": 5}),
            ),
            shown(
                "home.restored",
                &serde_json::json!({"from": "/mnt/b", "up_to": 5}),
            ),
            shown(
                "call.refused",
                &serde_json::json!({"call": "POST /api/repos", "status": 403, "code": "policy.refused", "count": 9}),
            ),
        ];
        insta::assert_snapshot!(lines.join("\n"), @"
             7  2026-11-01 12:00:00  ada called filesystem readFile 4 times (a, b, c and 3 more): looked
             7  2026-11-01 12:00:00  an engine started with other settings (merge.workers)
             7  2026-11-01 12:00:00  copied up to event 5 to /mnt/b
             7  2026-11-01 12:00:00  restored from /mnt/b, up to event 5
             7  2026-11-01 12:00:00  refused bob 9 times POST /api/repos: 403 policy.refused
        ");
    }
}
