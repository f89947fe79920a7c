//! Answers what runs ask people.
//!
//! A thread of its own, so that neither the supervisor waits for a commit nor a decision for the driver: what was decided is with whoever
//! waits for it some milliseconds later. It remembers nothing that counts: what a run asked is in its folder until it was answered.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use hyperion_api::Problem;
use hyperion_api::approval::Place;
use hyperion_model::approval::{Approval, Risk, Status};
use hyperion_model::run::{Run, Work};
use hyperion_model::{Actor, ApprovalId, Level, LineageId, Name, RunId, Subject, Time};
use hyperion_policy::{Place as PolicyPlace, judge_argv, judge_command};
use hyperion_shim::read_spec;
use hyperion_store::EventFilter;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::folder_of;
use crate::approval::{self, Wanted};
use crate::{Cx, Error};

/// How much longer than it said a wait is remembered.
const LEEWAY: Duration = Duration::from_secs(5);
/// How many waits for one approval are remembered before those are sought whose time is over.
const WAITS_BEFORE_LOOK: usize = 64;
/// The most names of variables that a question shows.
const NAMES_MAX: usize = 200;
/// How many events are read in one go.
const EVENTS: u32 = 1000;

/// What a run asks.
#[derive(Debug)]
pub(super) enum Message {
    /// Whether it may do something.
    Request(Box<Request>),
    /// What was decided.
    Wait {
        approval: ApprovalId,
        within: Duration,
    },
}

/// The parameters of `approval.request`.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    key: Name,
    action: Name,
    summary: String,
    details: Value,
    risk: Risk,
    #[serde(default)]
    diff: Option<String>,
    #[serde(default)]
    ttl_sec: Option<u32>,
}

impl Message {
    /// Reads what the shim took for a message.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        #[serde(tag = "method", content = "params")]
        enum Wire {
            #[serde(rename = "approval.request")]
            Request(Box<Request>),
            #[serde(rename = "approval.wait")]
            Wait {
                approval_id: ApprovalId,
                timeout_sec: Option<f64>,
            },
        }
        let wire = serde_json::from_slice(bytes);
        let wire = wire.map_err(|error| Problem::new("input.invalid", error.to_string()))?;
        Ok(match wire {
            Wire::Request(request) => Self::Request(request),
            Wire::Wait {
                approval_id,
                timeout_sec,
            } => Self::Wait {
                approval: approval_id,
                within: Duration::try_from_secs_f64(timeout_sec.unwrap_or(60.0))
                    .unwrap_or_default(),
            },
        })
    }
}

/// The way to the thread.
pub(super) struct Desk(UnboundedSender<Note>);

enum Note {
    Asked(RunId, u64, Result<Message, Problem>),
    Forget(RunId),
}

impl Desk {
    pub(super) fn open(cx: Weak<Cx>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let (sender, receiver) = unbounded_channel();
        std::thread::Builder::new()
            .name("desk".to_owned())
            .spawn(move || runtime.block_on(serve(receiver, &cx)))?;
        Ok(Self(sender))
    }

    /// Puts something on the desk; how many there are is bounded by the shims.
    pub(super) fn put(&self, run: RunId, number: u64, message: Result<Message, Problem>) {
        let _ = self.0.send(Note::Asked(run, number, message));
    }

    /// Forgets what a run waits for that is over.
    pub(super) fn forget(&self, run: RunId) {
        let _ = self.0.send(Note::Forget(run));
    }
}

/// Who waits for an approval.
struct Waiter {
    run: RunId,
    number: u64,
    until: Instant,
}

#[derive(Default)]
struct Waiting {
    by_approval: HashMap<ApprovalId, Vec<Waiter>>,
    /// The last event that was looked at.
    seen: u64,
}

/// The thread.
async fn serve(mut notes: UnboundedReceiver<Note>, weak: &Weak<Cx>) {
    let Some(mut commits) = weak.upgrade().map(|cx| cx.store.subscribe()) else {
        return;
    };
    let mut waiting = Waiting {
        seen: *commits.borrow_and_update(),
        ..Waiting::default()
    };
    loop {
        tokio::select! {
            note = notes.recv() => {
                let (Some(note), Some(cx)) = (note, weak.upgrade()) else { return };
                match note {
                    Note::Asked(run, number, message) => waiting.take(&cx, run, number, message),
                    Note::Forget(run) => waiting.forget(run),
                }
            }
            changed = commits.changed() => {
                let (Ok(()), Some(cx)) = (changed, weak.upgrade()) else { return };
                let last = *commits.borrow_and_update();
                if let Err(error) = waiting.look(&cx, last) {
                    tracing::error!(error = crate::error::chain(&error), "could not look what was decided");
                }
            }
        }
    }
}

impl Waiting {
    fn take(&mut self, cx: &Arc<Cx>, run: RunId, number: u64, message: Result<Message, Problem>) {
        let answer = message.map_err(Error::from).and_then(|message| {
            let known = cx.store.get::<Run>(run)?;
            let run = known.ok_or_else(|| Error::Missing(format!("run {run}")))?;
            match message {
                Message::Request(request) => request.ask(cx, &run).map(Some),
                Message::Wait { approval, within } => {
                    let standing = standing(cx, run.lineage, approval)?;
                    if standing.status == Status::Pending {
                        self.add(standing.id, run.id, number, within);
                        return Ok(None);
                    }
                    Ok(Some(standing))
                }
            }
        });
        match answer {
            Ok(None) => {}
            Ok(Some(approval)) => give(cx, run, number, &json!({"result": told(&approval)})),
            Err(error) => {
                if !matches!(error, Error::Problem(_)) {
                    tracing::error!(%run, error = crate::error::chain(&error), "could not take what a run asks");
                }
                give(cx, run, number, &json!({"error": refusal(error)}));
            }
        }
    }

    fn add(&mut self, approval: ApprovalId, run: RunId, number: u64, within: Duration) {
        let now = Instant::now();
        let waiters = self.by_approval.entry(approval).or_default();
        if waiters.len() >= WAITS_BEFORE_LOOK {
            waiters.retain(|waiter| waiter.until > now);
        }
        waiters.push(Waiter {
            run,
            number,
            until: now + within + LEEWAY,
        });
    }

    fn forget(&mut self, run: RunId) {
        self.by_approval.retain(|_, waiters| {
            waiters.retain(|waiter| waiter.run != run);
            !waiters.is_empty()
        });
    }

    /// Looks what was decided since, and tells whoever waits for it.
    fn look(&mut self, cx: &Arc<Cx>, last: u64) -> Result<(), Error> {
        if self.by_approval.is_empty() {
            self.seen = last;
            return Ok(());
        }
        loop {
            let page = cx.store.events(&EventFilter {
                kinds: vec!["approval.".to_owned()],
                after: Some(self.seen),
                limit: EVENTS,
                ..EventFilter::default()
            })?;
            for event in &page.events {
                let Subject::Approval(id) = event.event.subject else {
                    continue;
                };
                if !self.by_approval.contains_key(&id) {
                    continue;
                }
                let approval = cx.store.get::<Approval>(id)?;
                let Some(approval) = approval.filter(|one| one.status != Status::Pending) else {
                    continue;
                };
                for waiter in self.by_approval.remove(&id).unwrap_or_default() {
                    give(
                        cx,
                        waiter.run,
                        waiter.number,
                        &json!({"result": told(&approval)}),
                    );
                }
            }
            match page.next {
                Some(next) => self.seen = next,
                None => {
                    self.seen = self.seen.max(last);
                    return Ok(());
                }
            }
        }
    }
}

fn give(cx: &Cx, run: RunId, number: u64, answer: &Value) {
    cx.supervisor
        .answer(run, number, answer.to_string().into_bytes());
}

/// Gives what stands of a run's own question: where that was asked again since, the last generation of it.
fn standing(cx: &Cx, lineage: LineageId, id: ApprovalId) -> Result<Approval, Error> {
    let found = cx.store.get::<Approval>(id)?;
    let Some(found) = found.filter(|found| found.question.lineage == lineage) else {
        let detail = format!("this run asked nothing with the id {id}");
        return Err(Problem::new("subject.not_found", detail)
            .hint("call approval.request first: its answer names the id")
            .into());
    };
    let latest = approval::latest(cx, lineage, found.question.key.as_str())?;
    Ok(latest.unwrap_or(found))
}

/// What a run is told of an approval.
pub(super) fn told(approval: &Approval) -> Value {
    let verdict = approval.verdict.as_ref();
    let decided = verdict.filter(|_| approval.status != Status::Expired);
    json!({
        "approval_id": approval.id.to_string(),
        "generation": approval.question.generation,
        "status": approval.status.name(),
        "decided_by": decided.map(|verdict| verdict.by.to_string()),
        "reason": decided.and_then(|verdict| verdict.reason.as_ref().map(ToString::to_string)),
        "changes_requested": decided.is_some_and(|verdict| verdict.changes_requested),
        "expires_at": approval.question.expires_at.to_string(),
    })
}

/// The error as JSON-RPC has it.
fn refusal(error: Error) -> Value {
    let problem = Problem::from(error);
    let number = match problem.code.as_str() {
        "input.invalid" => -32602,
        "approval.too_many" => -32006,
        "approval.key_reused" => -32007,
        "subject.not_found" => -32008,
        "policy.refused" => -32009,
        _ => -32000,
    };
    let mut message = problem.detail;
    for error in &problem.errors {
        message.push_str(&format!("; {}: {}", error.pointer, error.detail));
    }
    if let Some(hint) = problem.hint {
        message.push_str(&format!(": {hint}"));
    }
    json!({"code": number, "message": message, "data": {"code": problem.code}})
}

impl Request {
    /// Asks people, or finds what stands.
    pub(super) fn ask(self, cx: &Cx, run: &Run) -> Result<Approval, Error> {
        let spec = read_spec(&folder_of(cx, run.id)).ok();
        let folder = spec.as_ref().map(|spec| spec.cwd.display().to_string());
        let environment = spec.iter().flat_map(|spec| &spec.env);
        let environment = environment.map(|(name, _)| name.clone()).take(NAMES_MAX);
        let place = Place {
            host: hyperion_host::hostname(),
            environment: environment.collect(),
            folder: folder.clone(),
        };
        let (level, rule) = self.level(cx, folder.as_deref())?;
        let wanted = Wanted {
            lineage: run.lineage,
            key: self.key,
            action: self.action,
            summary: self.summary,
            details: self.details,
            diff: self.diff,
            risk: self.risk,
            risk_reasons: vec![format!(
                "the tool says that the risk is {}",
                self.risk.name()
            )],
            level,
            about: Subject::Run(run.id),
            request: run.request,
            repo: None,
            ttl: self.ttl_sec.map(|ttl| Duration::from_secs(ttl.into())),
            place: Some(place),
            rule: Some(rule),
            undo: None,
        };
        approval::ask(cx, &actor_of(cx, run)?, wanted)
    }

    /// Says who has to agree, and by which rule: never less than policy says of a command that the details name.
    fn level(&self, cx: &Cx, folder: Option<&str>) -> Result<(Level, String), Error> {
        let level = approval::level_for(self.risk);
        let rule = format!(
            "what a tool says is of {} risk asks {}",
            self.risk.name(),
            level.name()
        );
        let rules = cx.rules()?;
        let place = PolicyPlace::at(folder.unwrap_or("/"), None)
            .map_err(|error| Error::Missing(error.to_string()))?;
        let judged = match &self.details["command"] {
            Value::String(command) => judge_command(command, rules, &place),
            Value::Array(words) => {
                let words = words.iter().filter_map(Value::as_str).map(str::to_owned);
                judge_argv(&words.collect::<Vec<_>>(), rules, &place)
            }
            _ => return Ok((level, rule)),
        };
        let why = judged.reasons.first();
        let why = why.map_or_else(String::new, |reason| {
            format!("{}: {}", reason.code, reason.detail)
        });
        match judged.level() {
            None => Err(Problem::new("policy.refused", why)
                .hint("nobody can agree to this command")
                .into()),
            Some(asks) if asks > level => Ok((asks, why)),
            Some(_) => Ok((level, rule)),
        }
    }
}

/// Says in whose name a run asks.
fn actor_of(cx: &Cx, run: &Run) -> Result<Actor, Error> {
    let id = match &run.work {
        Work::Agent { agent, .. } => agent.clone(),
        Work::Check { .. } => {
            Name::new("check").map_err(|error| Error::Missing(error.to_string()))?
        }
        Work::Command { name, .. } | Work::Tool { tool: name, .. } => {
            let plain: String = name
                .as_str()
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'))
                .collect();
            let plain = plain.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
            Name::new(plain).unwrap_or_else(|_| cx.boot_id.clone())
        }
    };
    Ok(Actor::Agent { id })
}

/// Tells whether an approval was decided by a person since a time.
pub(super) fn is_decided_since(approval: &Approval, since: Time) -> bool {
    let is_persons = |actor: &Actor| matches!(actor, Actor::Person { .. });
    let verdict = approval.verdict.as_ref();
    verdict.is_some_and(|verdict| is_persons(&verdict.by) && verdict.at >= since)
}
