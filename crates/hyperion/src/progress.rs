//! What happens, told line by line while a person waits.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use hyperion_api::Client;
use hyperion_api::client::FeedItem;
use hyperion_api::event::Event;
use hyperion_api::request::RequestDetail;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::id::{short, short_commit};
use crate::output::Output;
use crate::output::style::{self, paint};
use crate::output::table::cut;
use crate::output::visible::visible;
use crate::route::Route;
use crate::time::{clock, duration};

mod ended;
mod last_line;
mod running;

pub(crate) use ended::Ends;
use running::Running;

/// For how long lines say how much time went by; after that, what the clock says.
const ELAPSED_MAX: Duration = Duration::from_secs(60);
/// How often the line of what runs is written anew.
pub(crate) const TICK: Duration = Duration::from_secs(1);
/// The column where the text of a line begins, after its time and its verb.
const TEXT_COLUMN: usize = TIME_CHARS + 2 + VERB_CHARS + 1;
/// The room for a line's time.
const TIME_CHARS: usize = 8;
/// The room for a line's verb.
const VERB_CHARS: usize = 11;
/// The most of a title that a line repeats.
const TITLE_CHARS: usize = 32;
/// The most names that are remembered.
const NAMES_MAX: usize = 20_000;

/// Turns events into lines; remembers the names that make a line readable.
pub(crate) struct Progress {
    requests: Vec<String>,
    names: HashMap<String, String>,
    titles: HashMap<String, String>,
    /// The requests that were told of.
    told: HashSet<String>,
    /// Why something of a request went wrong, as far as that was told.
    reasons: HashSet<(Option<String>, String)>,
    /// The entries of which it was told that a check failed.
    failed_checks: HashSet<String>,
    /// Which entry a check is about.
    checked: HashMap<String, String>,
    running: Running,
    ended: HashSet<String>,
    ends: Ends,
    /// The last event that was looked at.
    last: u64,
    zone: TimeZone,
    began: Instant,
}

impl Progress {
    /// Tells of these requests; of all when none is named.
    pub(crate) fn new(requests: &[String], zone: &TimeZone) -> Self {
        Self {
            requests: requests.to_vec(),
            names: HashMap::new(),
            titles: HashMap::new(),
            told: HashSet::new(),
            reasons: HashSet::new(),
            failed_checks: HashSet::new(),
            checked: HashMap::new(),
            running: Running::new(Instant::now()),
            ended: HashSet::new(),
            ends: Ends::default(),
            last: 0,
            zone: zone.clone(),
            began: Instant::now(),
        }
    }

    /// Gives the requests that ended without doing all that was asked for.
    pub(crate) fn into_ends(self) -> Ends {
        self.ends
    }

    /// Whether the end of a request has been told.
    pub(crate) fn has_told_the_end_of(&self, request: &str) -> bool {
        self.ended.contains(request)
    }

    /// Gives the feed from after an event on.
    pub(crate) fn route(&self, after: u64) -> Route {
        let route = Route::new("/api/events").query("after", after.to_string());
        let route = route.query("follow", "true");
        match self.requests.as_slice() {
            [one] => route.query("request", one),
            _ => route,
        }
    }

    /// Tells what happens until the feed ends.
    pub(crate) async fn follow(&mut self, client: &Client, after: u64, output: &Output) {
        self.last = after;
        self.follow_until(client, u64::MAX, output).await;
    }

    /// Tells what happened up to an event.
    pub(crate) async fn follow_until(&mut self, client: &Client, until: u64, output: &Output) {
        let after = self.last;
        let Ok(mut feed) = client.events(self.route(after).as_str()).await else {
            return;
        };
        while self.last < until {
            match tokio::time::timeout(TICK, feed.next()).await {
                Ok(Ok(Some(FeedItem::Event(event)))) => self.tell(&event, client, output).await,
                Ok(Ok(Some(FeedItem::KeepAlive | FeedItem::Notice(_)))) => {}
                Ok(Ok(None) | Err(_)) => return,
                Err(_elapsed) => self.tick(output),
            }
        }
    }

    /// Tells of one event, if it is worth a line.
    pub(crate) async fn tell(&mut self, event: &Event, client: &Client, output: &Output) {
        self.last = self.last.max(event.seq);
        if !self.is_followed(event) {
            return;
        }
        self.meet(event, client, output).await;
        // Whoever waits for certain requests looks at their ends itself.
        if self.requests.is_empty() {
            self.ends.learn(event, client).await;
        }
        if let Some(line) = self.line(event) {
            let now = Instant::now();
            let time = self.time(now, || clock(&event.time, &self.zone));
            output.progress_at(TEXT_COLUMN, &format!("{time}  {line}"));
            self.running.told(now);
        }
        if output.can_rewrite() {
            self.running.watch(client);
        }
        self.tick(output);
    }

    /// Says what runs and for how long: on a terminal in a line of its own, into a pipe now and then.
    pub(crate) fn tick(&mut self, output: &Output) {
        let now = Instant::now();
        let Some(words) = self.running.words(now) else {
            return;
        };
        let line = |time: &str, verb: &str| format!("{time}  {verb:<VERB_CHARS$} {words}");
        let mut shown = line(&" ".repeat(TIME_CHARS), "running");
        // What the terminal has no room for is cut off.
        if let Some(last) = self.running.last_line() {
            shown.push_str(&format!("  {}", paint(style::FAINT, &visible(&last))));
        }
        if !output.progress_for_now(&shown) && self.running.is_silent(now) {
            let time = self.time(now, || clock_now(&self.zone));
            output.progress_at(TEXT_COLUMN, &line(&time, "still"));
            self.running.told(now);
        }
    }

    fn time(&self, now: Instant, clock: impl FnOnce() -> String) -> String {
        time(now.duration_since(self.began), clock)
    }

    /// Gives the line of an event.
    pub(crate) fn line(&mut self, event: &Event) -> Option<String> {
        self.learn(event);
        let reason = self.new_reason(event);
        let (verb, rest) = self.words(event, &reason)?;
        let (word, style) = verb;
        let padded = format!("{word:<VERB_CHARS$} ");
        let of_which = self.of_which_request(event);
        Some(
            format!(
                "{}{}{}",
                paint(style, &padded),
                visible(&rest),
                paint(style::FAINT, &of_which)
            )
            .trim_end()
            .to_owned(),
        )
    }

    /// Says why something went wrong, unless that was told of the same request before.
    fn new_reason(&mut self, event: &Event) -> String {
        let reason = text(&event.data["reason"]);
        let is_check = event.data["quarantine"] == "check";
        let is_told = is_check && self.failed_checks.contains(&event.subject.id);
        let is_new = self
            .reasons
            .insert((event.request_id.clone(), reason.clone()));
        match is_new && !is_told {
            true => reason,
            false => String::new(),
        }
    }

    fn is_followed(&self, event: &Event) -> bool {
        let request = event.request_id.as_ref();
        self.requests.is_empty() || request.is_some_and(|id| self.requests.contains(id))
    }

    /// Whether lines have to say which request they are about.
    fn are_several(&self) -> bool {
        self.requests.len() != 1
    }

    /// Names the request of an event where there are several: in full when it is told of for the first time.
    fn of_which_request(&mut self, event: &Event) -> String {
        let Some(request) = event.request_id.as_ref().filter(|_| self.are_several()) else {
            return String::new();
        };
        let is_new = self.told.insert(request.clone());
        let title = self.titles.get(request).filter(|_| is_new);
        let title = title.map(|title| visible(&cut(title, TITLE_CHARS)).into_owned());
        // Its own events say which one it is already.
        let is_named = event.subject.id == *request || (!is_new && self.told.len() == 1);
        let id = (!is_named).then(|| short(request).to_owned());
        let name: Vec<String> = id.into_iter().chain(title).collect();
        match name.is_empty() {
            true => String::new(),
            false => format!("  ({})", name.join(" ")),
        }
    }

    /// Looks up a request that is told of for the first time, where lines have to name it.
    async fn meet(&mut self, event: &Event, client: &Client, output: &Output) {
        let Some(id) = event.request_id.as_ref() else {
            return;
        };
        if !self.are_several() || !output.tells_progress() || self.titles.contains_key(id) {
            return;
        }
        let route = Route::new("/api/requests").segment(id);
        if let Ok(detail) = client.get::<RequestDetail>(route.as_str()).await {
            self.know(&detail);
        }
    }

    /// Remembers which task a change set and an entry carry, and which checks run.
    fn learn(&mut self, event: &Event) {
        if self.names.len() > NAMES_MAX {
            self.names.clear();
            self.titles.clear();
            self.told.clear();
            self.ended.clear();
            self.reasons.clear();
            self.failed_checks.clear();
            self.checked.clear();
        }
        if matches!(
            event.kind.as_str(),
            "request.completed" | "request.failed" | "request.cancelled"
        ) {
            self.ended.insert(event.subject.id.clone());
        }
        let data = &event.data;
        let check = || {
            let entry = text(&data["work"]["entry"]);
            let check = text(&data["work"]["name"]);
            match self.names.get(&entry) {
                Some(name) => visible(&format!("check {check} for {name}")).into_owned(),
                None => visible(&format!("check {check}")).into_owned(),
            }
        };
        self.running.learn(event, Instant::now(), check);
        let run = &event.subject.id;
        match event.kind.as_str() {
            "run.started" if data["work"]["type"] == "check" => {
                self.checked
                    .insert(run.clone(), text(&data["work"]["entry"]));
            }
            "run.failed" | "run.killed" => self.failed_checks.extend(self.checked.remove(run)),
            "merge.retried" => {
                self.failed_checks.remove(run);
                self.reasons.clear();
            }
            _ => {}
        }
        let name = match event.kind.as_str() {
            "run.started" => work(&data["work"]).unwrap_or_default(),
            "change_set.proposed" => text(&data["proposal"]["task"]),
            "merge.enqueued" => {
                let sets = data["admission"]["change_sets"]
                    .as_array()
                    .into_iter()
                    .flatten();
                let tasks = sets
                    .filter_map(Value::as_str)
                    .map(|id| self.name("change", id));
                tasks.collect::<Vec<_>>().join(", ")
            }
            "approval.requested" => match data["about"]["id"].as_str() {
                Some(id) => self.name("change", id),
                None => return,
            },
            _ => return,
        };
        if !name.is_empty() {
            self.names.insert(event.subject.id.clone(), name);
        }
    }

    fn name(&self, noun: &str, id: &str) -> String {
        let noun = if noun == "change_set" { "change" } else { noun };
        let known = self.names.get(id).cloned();
        known.unwrap_or_else(|| format!("{noun} {}", short(id)))
    }

    /// Learns the names of what was there before it looked.
    pub(crate) fn know(&mut self, detail: &RequestDetail) {
        let request = &detail.request;
        self.titles
            .insert(request.id.clone(), request.title.clone());
        for set in &detail.change_sets {
            self.names.insert(set.id.clone(), set.task_id.clone());
            if let Some(approval) = &set.approval_id {
                self.names.insert(approval.clone(), set.task_id.clone());
            }
        }
        for entry in &detail.entries {
            let tasks: Vec<_> = entry
                .change_set_ids
                .iter()
                .map(|id| self.name("change", id))
                .collect();
            self.names.insert(entry.id.clone(), tasks.join(", "));
        }
    }

    /// Gives the words of an event: a verb with its style, and the rest of the line.
    fn words(
        &self,
        event: &Event,
        reason: &str,
    ) -> Option<((&'static str, anstyle::Style), String)> {
        let data = &event.data;
        let name = self.name(&event.subject.r#type, &event.subject.id);
        let id = short(&event.subject.id);
        let named = || joined(&name, reason);
        let run = || match self.names.get(&event.subject.id) {
            Some(work) => format!("{} (hyperion run logs {id})", joined(work, reason)),
            None => joined(&format!("run {id}"), reason),
        };
        let is_new = !reason.is_empty();
        let good = |word| (word, style::GOOD);
        let bad = |word| (word, style::BAD);
        let waits = |word| (word, style::WAITS);
        let plain = |word| (word, style::PLAIN);
        Some(match event.kind.as_str() {
            "request.submitted" => (plain("filed"), format!("request {id}")),
            "request.clarification_requested" => (
                waits("unclear"),
                format!("request {id} has questions: hyperion request show {id}"),
            ),
            "request.planned" => (plain("planned"), format!("request {id}")),
            "request.completed" if data["partly"] == true => {
                (waits("partly done"), format!("request {id} {reason}"))
            }
            "request.completed" => (good("done"), format!("request {id}")),
            "request.failed" => (bad("failed"), joined(&format!("request {id}"), reason)),
            "request.cancelled" => (plain("cancelled"), joined(&format!("request {id}"), reason)),
            "rollback.completed" => (good("rolled back"), format!("request {id}")),
            // Why it failed was told where it happened.
            "step.failed" | "step.skipped" | "change_set.failed" if !is_new => return None,
            "step.skipped" => (plain("skipped"), joined(&step(data), reason)),
            "step.failed" => (bad("failed"), joined(&step(data), reason)),
            "run.started" => match work(&data["work"]) {
                Some(work) => (plain("running"), work),
                None => return None,
            },
            "run.failed" | "run.killed" => (bad("failed"), run()),
            "run.lost" => (bad("lost"), run()),
            "change_set.proposed" => (plain("proposed"), format!("{name}: change {id}")),
            "change_set.rejected" => (bad("refused"), named()),
            "change_set.failed" => (bad("failed"), named()),
            "change_set.expired" => (waits("expired"), name),
            "approval.requested" => {
                let level = text(&data["level"]);
                (
                    waits("asks"),
                    format!("{name} needs {level}: hyperion approval show {id}"),
                )
            }
            "approval.decided" => {
                match (data["approved"] == true, data["changes_requested"] == true) {
                    (true, _) => (good("approved"), format!("{name} by {}", event.actor.id)),
                    (false, true) => (
                        waits("sent back"),
                        joined(&format!("{name} by {}", event.actor.id), reason),
                    ),
                    (false, false) => (
                        bad("rejected"),
                        joined(&format!("{name} by {}", event.actor.id), reason),
                    ),
                }
            }
            "request.revised" => (plain("revised"), format!("request {id}")),
            "approval.expiring" => (
                waits("hurry"),
                format!("{name} expires soon: hyperion approval show {id}"),
            ),
            "approval.expired" => (waits("expired"), format!("nobody decided {name} in time")),
            "merge.enqueued" => (plain("queued"), name),
            "merge.merged" => {
                let commit = text(&data["candidate"]["commit"]);
                (
                    plain("merged"),
                    format!("{name} as {}", short_commit(&commit)),
                )
            }
            "merge.checked" if data["green"] == "unchecked" => (
                waits("unchecked"),
                format!("{name}: the repository has no checks"),
            ),
            "merge.checked" => (good("checked"), name),
            "merge.landed" => {
                let commit = text(&data["commit"]);
                (
                    good("landed"),
                    format!("{name} as {}", short_commit(&commit)),
                )
            }
            "merge.refreshed" => (plain("again"), format!("{name}: the branch moved")),
            "merge.released" => (plain("again"), named()),
            "merge.blocked" => (waits("blocked"), named()),
            "merge.unblocked" => (plain("goes on"), name),
            "merge.quarantined" if !is_new => (bad("quarantined"), name),
            "merge.quarantined" => (
                bad("quarantined"),
                format!("{} (hyperion queue show {id})", named()),
            ),
            "merge.failed" => (bad("failed"), named()),
            "merge.dead_lettered" => (bad("dead"), named()),
            "merge.cancelled" => (plain("cancelled"), named()),
            "merge.retried" => (plain("retried"), name),
            _ => return None,
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Says at the beginning of a line how much time went by, or what the clock says once that is long.
pub(crate) fn time(elapsed: Duration, clock: impl FnOnce() -> String) -> String {
    let time = if elapsed < ELAPSED_MAX {
        duration(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    } else {
        clock()
    };
    paint(style::FAINT, &format!("{time:>TIME_CHARS$}"))
}

/// Gives the time of day.
pub(crate) fn clock_now(zone: &TimeZone) -> String {
    clock(&jiff::Timestamp::now().to_string(), zone)
}

fn joined(what: &str, reason: &str) -> String {
    if reason.is_empty() {
        what.to_owned()
    } else {
        format!("{what}: {reason}")
    }
}

fn step(data: &Value) -> String {
    format!("step {}", data["number"])
}

fn work(work: &Value) -> Option<String> {
    match work["type"].as_str()? {
        "agent" => Some(format!(
            "step {} with {}",
            work["step"],
            text(&work["agent"])
        )),
        "check" => Some(format!("check {}", text(&work["name"]))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
