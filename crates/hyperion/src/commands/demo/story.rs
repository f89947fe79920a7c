//! Tells what happens at each station of the road: request, plan, run, change, approval, queue, landing.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use anstyle::Style;
use hyperion_api::event::Event;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::id::short_commit;
use crate::output::Output;
use crate::output::style::{self, paint};
use crate::output::table::cut;
use crate::output::visible::visible;
use crate::time::duration;

/// The most paths that are named for a change.
const PATHS_SHOWN: usize = 3;
/// The width of what stands before a line's mark: clock, station, number.
const BEFORE_TEXT_CHARS: usize = 26;
/// The width of a station's name.
const STATION_CHARS: usize = 10;

/// Turns events into lines.
pub(super) struct Story {
    began: Instant,
    every_station: bool,
    requests: HashMap<String, Asked>,
    /// The task that a change set, an approval or an entry is about.
    tasks: HashMap<String, String>,
    /// Change sets that a person is asked about.
    asked: HashSet<String>,
    /// The checks that ran for an entry.
    checks: HashMap<String, Vec<String>>,
}

struct Asked {
    number: usize,
    title: String,
    steps: usize,
}

/// What is told of an event: the station, a mark, and the rest of the line.
struct Told {
    station: &'static str,
    mark: &'static str,
    style: Style,
    text: String,
    /// Whether it only matters to somebody who sees the road for the first time.
    detail: bool,
}

impl Story {
    /// Begins to tell.
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            every_station: false,
            requests: HashMap::new(),
            tasks: HashMap::new(),
            asked: HashSet::new(),
            checks: HashMap::new(),
        }
    }

    /// Says whether every station is told from here on.
    pub(super) fn tell_every_station(&mut self, every_station: bool) {
        self.every_station = every_station;
    }

    /// Gives a request its number.
    pub(super) fn number(&mut self, id: &str, number: usize, title: &str) {
        let asked = Asked {
            number,
            title: title.to_owned(),
            steps: 1,
        };
        self.requests.insert(id.to_owned(), asked);
    }

    /// Tells of an event, if there is something to tell.
    pub(super) fn tell(&mut self, event: &Event, output: &Output) {
        if let Some(line) = self.line(event, output.width()) {
            let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let clock = paint(style::FAINT, &format!("{:>9}", duration(elapsed)));
            output.progress(&format!("{clock}  {line}"));
        }
    }

    /// Gives the line of an event, cut to the terminal where there is one: what stopped a request is told in full at the end.
    fn line(&mut self, event: &Event, width: Option<usize>) -> Option<String> {
        let id = event.request_id.clone()?;
        self.requests.get(&id)?;
        self.learn(&id, event);
        let told = self.told(event)?;
        if told.detail && !self.every_station {
            return None;
        }
        let asked = self.requests.get(&id)?;
        let task = self.tasks.get(&event.subject.id);
        let task = task.filter(|_| asked.steps > 1 && told.station != "request");
        let task = task.map(|task| format!("{task}: ")).unwrap_or_default();
        let station = format!("{:<STATION_CHARS$}", told.station);
        let mark = if told.mark.is_empty() {
            String::new()
        } else {
            format!("{} ", paint(told.style, told.mark))
        };
        let text = visible(&format!("{task}{}", told.text)).into_owned();
        let taken = BEFORE_TEXT_CHARS + told.mark.width() + usize::from(!told.mark.is_empty());
        let text = match width {
            Some(width) => cut(&text, width.saturating_sub(taken)),
            None => text,
        };
        let number = format!("#{}", asked.number);
        Some(format!(
            "{}{number:>3}  {mark}{text}",
            paint(style::HINT, &station)
        ))
    }

    /// Remembers what later events only name by id.
    fn learn(&mut self, request: &str, event: &Event) {
        let data = &event.data;
        let subject = event.subject.id.clone();
        match event.kind.as_str() {
            "plan.created" => {
                if let Some(asked) = self.requests.get_mut(request) {
                    asked.steps = list(&data["steps"]).len();
                }
            }
            "change_set.proposed" => {
                self.tasks.insert(subject, text(&data["proposal"]["task"]));
            }
            "approval.requested" => {
                let about = text(&data["about"]["id"]);
                if let Some(task) = self.tasks.get(&about).cloned() {
                    self.tasks.insert(subject, task);
                }
                self.asked.insert(about);
            }
            "merge.enqueued" => {
                let sets = list(&data["admission"]["change_sets"]).iter();
                let tasks = sets.filter_map(|id| self.tasks.get(id.as_str()?).cloned());
                let tasks = tasks.collect::<Vec<_>>().join(" + ");
                self.tasks.insert(subject, tasks);
            }
            "run.started" if data["work"]["type"] == "check" => {
                let checks = self.checks.entry(text(&data["work"]["entry"])).or_default();
                checks.push(text(&data["work"]["name"]));
            }
            _ => {}
        }
    }

    fn told(&self, event: &Event) -> Option<Told> {
        let data = &event.data;
        let reason = || text(&data["reason"]);
        let by = |verb: &str| match reason() {
            reason if reason.is_empty() => format!("{verb} by {}", event.actor.id),
            reason => format!("{verb} by {}: {reason}", event.actor.id),
        };
        let title = || {
            let asked = event.request_id.as_ref();
            let asked = asked.and_then(|id| self.requests.get(id));
            asked.map(|asked| asked.title.clone()).unwrap_or_default()
        };
        Some(match event.kind.as_str() {
            "request.submitted" => plain("request", title()),
            "plan.created" => detail("plan", plan(data)),
            "run.started" if data["work"]["type"] == "agent" => {
                let agent = text(&data["work"]["agent"]);
                detail(
                    "run",
                    format!("the agent `{agent}` works at step {}", data["work"]["step"]),
                )
            }
            "change_set.proposed" => plain("change", change(&data["proposal"])),
            "change_set.approved" if data["type"] == "policy" => good(
                "approval",
                "policy lets it pass: nobody has to be asked".into(),
            ),
            // What a person rejects was told when they did.
            "change_set.rejected" if !self.asked.contains(&event.subject.id) => {
                bad("approval", format!("policy refuses it: {}", reason()))
            }
            "approval.requested" => waits(
                "approval",
                format!(
                    "asks a person of level {}, risk {}",
                    text(&data["level"]),
                    text(&data["risk"])
                ),
            ),
            "approval.decided" => {
                match (data["approved"] == true, data["changes_requested"] == true) {
                    (true, _) => good("approval", by("approved")),
                    (false, true) => waits("approval", by("sent back")),
                    (false, false) => bad("approval", by("rejected")),
                }
            }
            "merge.enqueued" => detail("queue", "waits for its turn".into()),
            "merge.merged" => {
                let commit = text(&data["candidate"]["commit"]);
                detail(
                    "queue",
                    format!(
                        "merged with main in memory: candidate {}",
                        short_commit(&commit)
                    ),
                )
            }
            "merge.checked" => {
                let checks = self.checks.get(&event.subject.id);
                let checks = checks.map(|names| names.join(", ")).unwrap_or_default();
                good("queue", format!("the merged result passes {checks}"))
            }
            "merge.refreshed" => plain(
                "queue",
                "main moved meanwhile: merged and checked again".into(),
            ),
            "merge.quarantined" | "merge.failed" | "merge.dead_lettered" => {
                bad("queue", format!("quarantined: {}", reason()))
            }
            "merge.blocked" => waits("queue", reason()),
            "merge.landed" => {
                let commit = text(&data["commit"]);
                good(
                    "landing",
                    format!("on the branch as {}", short_commit(&commit)),
                )
            }
            "rollback.completed" => good("landing", "rolled back".into()),
            _ => return None,
        })
    }
}

fn plan(data: &Value) -> String {
    let steps = list(&data["steps"]);
    match steps.len() {
        1 => "1 step".to_owned(),
        several => format!("{several} steps"),
    }
}

fn change(proposal: &Value) -> String {
    let items = list(&proposal["items"]);
    let sum = |field: &str| {
        items
            .iter()
            .filter_map(|item| item[field].as_u64())
            .sum::<u64>()
    };
    let shown = items
        .iter()
        .take(PATHS_SHOWN)
        .map(|item| text(&item["path"]));
    let mut paths = shown.collect::<Vec<_>>().join(", ");
    if items.len() > PATHS_SHOWN {
        paths.push_str(&format!(" and {} more", items.len() - PATHS_SHOWN));
    }
    format!("+{} -{}  {paths}", sum("additions"), sum("deletions"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

const fn told(station: &'static str, mark: &'static str, style: Style, text: String) -> Told {
    Told {
        station,
        mark,
        style,
        text,
        detail: false,
    }
}

const fn plain(station: &'static str, text: String) -> Told {
    told(station, "", style::PLAIN, text)
}

const fn good(station: &'static str, text: String) -> Told {
    told(station, "✓", style::GOOD, text)
}

const fn bad(station: &'static str, text: String) -> Told {
    told(station, "✗", style::BAD, text)
}

const fn waits(station: &'static str, text: String) -> Told {
    told(station, "?", style::WAITS, text)
}

fn detail(station: &'static str, text: String) -> Told {
    Told {
        detail: true,
        ..plain(station, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperion_api::event::Party;
    use serde_json::json;

    fn event(kind: &str, subject: &str, data: Value) -> Event {
        let party = |r#type: &str, id: &str| Party {
            r#type: r#type.into(),
            id: id.into(),
            role: None,
        };
        Event {
            v: 1,
            seq: 1,
            id: "e".into(),
            time: "2026-11-01T12:00:00Z".into(),
            kind: kind.into(),
            subject: party("x", subject),
            request_id: Some("r1".into()),
            run_id: None,
            actor: party("person", "ada"),
            data,
            prev_hash: String::new(),
            hash: String::new(),
        }
    }

    fn road() -> Vec<Event> {
        let items = json!([{"path": "a.sh", "additions": 2, "deletions": 1}]);
        vec![
            event("request.submitted", "r1", json!({})),
            event("plan.created", "p1", json!({"steps": [{}, {}]})),
            event(
                "change_set.proposed",
                "c1",
                json!({"proposal": {"task": "T1", "items": items}}),
            ),
            event(
                "approval.requested",
                "a1",
                json!({"about": {"id": "c1"}, "level": "admin", "risk": "high"}),
            ),
            event(
                "approval.decided",
                "a1",
                json!({"approved": true, "changes_requested": false}),
            ),
            event(
                "merge.enqueued",
                "e1",
                json!({"admission": {"change_sets": ["c1"]}}),
            ),
            event(
                "run.started",
                "x1",
                json!({"work": {"type": "check", "entry": "e1", "name": "tests"}}),
            ),
            event("merge.checked", "e1", json!({})),
            event("merge.landed", "e1", json!({"commit": "4f1c2d3e5a6b7c8d"})),
        ]
    }

    fn tell(every_station: bool, width: Option<usize>) -> String {
        let mut story = Story::new(Instant::now());
        story.tell_every_station(every_station);
        story.number("r1", 3, "Cap the delay");
        let lines = road()
            .iter()
            .filter_map(|event| story.line(event, width))
            .collect::<Vec<_>>();
        crate::view::plain(&lines.join("\n"))
    }

    #[test]
    fn the_road_is_told_station_by_station() {
        insta::assert_snapshot!(tell(true, None), @r"
        request    #3  Cap the delay
        plan       #3  2 steps
        change     #3  T1: +2 -1  a.sh
        approval   #3  ? T1: asks a person of level admin, risk high
        approval   #3  ✓ T1: approved by ada
        queue      #3  T1: waits for its turn
        queue      #3  ✓ T1: the merged result passes tests
        landing    #3  ✓ T1: on the branch as 4f1c2d3e5a
        ");
    }

    #[test]
    fn later_only_what_tells_requests_apart() {
        insta::assert_snapshot!(tell(false, None), @r"
        request    #3  Cap the delay
        change     #3  T1: +2 -1  a.sh
        approval   #3  ? T1: asks a person of level admin, risk high
        approval   #3  ✓ T1: approved by ada
        queue      #3  ✓ T1: the merged result passes tests
        landing    #3  ✓ T1: on the branch as 4f1c2d3e5a
        ");
    }

    #[test]
    fn a_line_fits_the_terminal() {
        for width in 30..80 {
            for line in tell(true, Some(width)).lines() {
                // The clock stands in front.
                assert!(line.width() + 11 <= width, "{width}: {line}");
            }
        }
    }
}
