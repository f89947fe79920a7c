//! What is said on a run's socket: JSON-RPC 2.0, one message a line. Pure: a line in, what to record and to answer out.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The most bytes of a message.
pub(crate) const LINE_BYTES_MAX: usize = 1024 * 1024;
/// The longest that an answer to `approval.wait` is held back.
const WAIT_MAX: Duration = Duration::from_secs(3600);
/// How long `approval.wait` waits that does not say it.
const WAIT_DEFAULT_SEC: f64 = 60.0;
/// The most characters of a name: an action, a kind.
const NAME_CHARS_MAX: usize = 200;
/// The most characters of what a question is found by.
const KEY_CHARS_MAX: usize = 120;
/// What the kinds of our own events begin with.
const OWN_KINDS: &str = "hyperion.";
/// The version of what is spoken.
const PROTOCOL: u32 = 1;

/// The run that is spoken for.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    /// The run's id.
    pub(crate) run: String,
    /// The id of all starts of it, where it is known.
    pub(crate) lineage: Option<String>,
    /// Its capability.
    pub(crate) token: String,
}

/// What is to be done about a message.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// Nothing is recorded; this is answered, if anything.
    Answer(Option<Value>),
    /// This is recorded, and then answered.
    Record(Said),
}

/// A message that was accepted.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    /// The request without its token.
    pub(crate) message: Value,
    /// For a sign of life: what it says, to tell whether that is new.
    pub(crate) heartbeat: Option<Value>,
    /// Which request an answer is for; none is answered to a notification.
    pub(crate) id: Option<Value>,
    /// The answer, once it is recorded; to what an engine is asked, the one that is given without an engine.
    pub(crate) result: Value,
    /// What an engine is asked.
    pub(crate) asks: Option<Ask>,
}

/// What is for an engine to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Whether something may be done: it is asked, whether or not somebody waits for the answer.
    Request,
    /// What was decided, within a time.
    Wait(Duration),
}

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// As JSON-RPC numbers it.
    number: i32,
    /// As the house names it.
    code: &'static str,
    message: String,
}

impl Refused {
    pub(crate) fn no_json(why: &impl ToString) -> Self {
        Self::new(
            -32700,
            "input.invalid",
            format!(
                "this is not JSON: {}: send one JSON-RPC 2.0 message on a line",
                why.to_string()
            ),
        )
    }

    pub(crate) fn too_long() -> Self {
        Self::invalid(format!(
            "a message has at most {LINE_BYTES_MAX} bytes; this one was dropped"
        ))
    }

    pub(crate) fn too_many_messages(per_second: u32) -> Self {
        Self::new(
            -32002,
            "run.too_many_messages",
            format!(
                "a run sends at most {per_second} messages a second; this one was dropped: send it again later"
            ),
        )
    }

    pub(crate) fn too_many_connections(most: usize) -> Self {
        Self::new(
            -32003,
            "run.too_many_connections",
            format!("a run has at most {most} connections: close one, or send everything on one"),
        )
    }

    pub(crate) fn too_many_waits(most: usize) -> Self {
        Self::new(
            -32004,
            "run.too_many_waits",
            format!("a run waits for at most {most} approvals at once"),
        )
    }

    pub(crate) fn too_many_questions(most: usize) -> Self {
        Self::new(
            -32006,
            "approval.too_many",
            format!(
                "{most} questions of this run wait for Hyperion to take them: ask again when some were taken"
            ),
        )
    }

    pub(crate) fn not_recorded() -> Self {
        Self::new(
            -32005,
            "run.not_recorded",
            "this could not be written down, and did not happen: send it again later".to_owned(),
        )
    }

    fn invalid(message: String) -> Self {
        Self::new(-32600, "input.invalid", message)
    }

    fn params(message: String) -> Self {
        Self::new(-32602, "input.invalid", message)
    }

    const fn new(number: i32, code: &'static str, message: String) -> Self {
        Self {
            number,
            code,
            message,
        }
    }

    /// The answer that says so.
    pub(crate) fn answer(&self, id: &Value) -> Value {
        let Self {
            number,
            code,
            message,
        } = self;
        json!({"jsonrpc": "2.0", "id": id, "error": {"code": number, "message": message, "data": {"code": code}}})
    }
}

/// The answer to a request that was accepted.
pub(crate) fn answer(id: &Value, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

/// Understands one line. `knows_token` is whether the connection has shown the run's token before; it is set when this message does.
pub(crate) fn hear(party: &Party, knows_token: &mut bool, line: &[u8]) -> Heard {
    let message: Value = match serde_json::from_slice(line) {
        Ok(message) => message,
        Err(error) => return Heard::Answer(Some(Refused::no_json(&error).answer(&Value::Null))),
    };
    let request = match Request::read(message) {
        Ok(request) => request,
        Err((id, refused)) => return Heard::Answer(Some(refused.answer(&id))),
    };
    let id = request.id.clone();
    match request.understand(party, knows_token) {
        Ok(Understood::Hello) => {
            let result = json!({"run": party.run, "version": PROTOCOL});
            Heard::Answer(id.map(|id| answer(&id, &result)))
        }
        Ok(Understood::Said(said)) => Heard::Record(*said),
        // Nobody waits for the answer to a notification.
        Err(refused) => Heard::Answer(id.map(|id| refused.answer(&id))),
    }
}

struct Request {
    /// None: a notification.
    id: Option<Value>,
    method: String,
    params: Map<String, Value>,
}

enum Understood {
    Hello,
    Said(Box<Said>),
}

impl Request {
    fn read(message: Value) -> Result<Self, (Value, Refused)> {
        let Value::Object(mut message) = message else {
            let what = "a message is one JSON object; lists of messages are not taken: send each on a line of its own";
            return Err((Value::Null, Refused::invalid(what.to_owned())));
        };
        let id = message.remove("id");
        if !matches!(
            id,
            None | Some(Value::Null | Value::String(_) | Value::Number(_))
        ) {
            return Err((
                Value::Null,
                Refused::invalid("`id` is a text or a number".to_owned()),
            ));
        }
        let wrong = |what: &str| {
            Err((
                id.clone().unwrap_or_default(),
                Refused::invalid(what.to_owned()),
            ))
        };
        if message.remove("jsonrpc") != Some("2.0".into()) {
            return wrong("`jsonrpc` has to be \"2.0\"");
        }
        let Some(Value::String(method)) = message.remove("method") else {
            return wrong("`method` has to be a text");
        };
        let params = match message.remove("params") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => return wrong("`params` has to be an object: parameters are named"),
        };
        Ok(Self { id, method, params })
    }

    fn understand(mut self, party: &Party, knows_token: &mut bool) -> Result<Understood, Refused> {
        match self.params.remove("token") {
            Some(Value::String(token)) if is_same(&token, &party.token) => *knows_token = true,
            Some(_) => {
                let what = "this is not the token of this run: use HYPERION_SOCKET and HYPERION_RUN_TOKEN of one and the same run";
                return Err(Refused::new(-32001, "run.token_refused", what.to_owned()));
            }
            None if !*knows_token => {
                let what = "show the token first: call `hello` with {\"token\": the value of HYPERION_RUN_TOKEN}, or add `token` to these params";
                return Err(Refused::new(-32001, "run.token_missing", what.to_owned()));
            }
            None => {}
        }
        let (mut heartbeat, mut asks) = (None, None);
        let result = match self.method.as_str() {
            "hello" => return Ok(Understood::Hello),
            "heartbeat" => {
                let Heartbeat { progress, action } = self.params()?;
                within("progress", progress, 0.0..=100.0)?;
                named("action", action.as_deref())?;
                heartbeat = Some(Value::Object(self.params.clone()));
                json!({})
            }
            "event" => {
                let Event { kind, .. } = self.params()?;
                named("kind", Some(&kind))?;
                if kind.starts_with(OWN_KINDS) {
                    return Err(Refused::params(format!(
                        "a `kind` that begins with `{OWN_KINDS}` is Hyperion's own"
                    )));
                }
                json!({})
            }
            "run.log" => {
                let Log { stream, .. } = self.params()?;
                named("stream", Some(&stream))?;
                json!({})
            }
            "approval.request" => {
                let Approval {
                    key,
                    action,
                    ttl_sec,
                    ..
                } = self.params()?;
                key_like("key", &key)?;
                key_like("action", &action)?;
                within("ttl_sec", ttl_sec.map(f64::from), 1.0..=f64::from(u32::MAX))?;
                self.is_asked()?;
                asks = Some(Ask::Request);
                json!({"approval_id": approval_id(party, &key), "status": "pending"})
            }
            "approval.wait" => {
                let Wait {
                    approval_id,
                    timeout_sec,
                } = self.params()?;
                let wait = timeout_sec.unwrap_or(WAIT_DEFAULT_SEC);
                within("timeout_sec", Some(wait), 0.0..=WAIT_MAX.as_secs_f64())?;
                self.is_asked()?;
                asks = Some(Ask::Wait(Duration::from_secs_f64(wait)));
                json!({"approval_id": approval_id, "status": "pending", "decided_by": null, "reason": null})
            }
            other => {
                let other: String = other.chars().take(NAME_CHARS_MAX).collect();
                return Err(Refused::new(
                    -32601,
                    "input.unknown_method",
                    format!(
                        "there is no method {other:?}: there are hello, heartbeat, event, run.log, approval.request and approval.wait"
                    ),
                ));
            }
        };
        let Self { id, method, params } = self;
        let mut message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        if let Some(id) = &id {
            message["id"] = id.clone();
        }
        Ok(Understood::Said(Box::new(Said {
            message,
            heartbeat,
            id,
            result,
            asks,
        })))
    }

    fn params<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        serde_path_to_error::deserialize(Value::Object(self.params.clone()))
            .map_err(|error| Refused::params(format!("the params of `{}`: {error}", self.method)))
    }

    /// A question as a notification would have an answer that nobody gets.
    fn is_asked(&self) -> Result<(), Refused> {
        match self.id {
            Some(_) => Ok(()),
            None => Err(Refused::invalid(format!("`{}` needs an `id`", self.method))),
        }
    }
}

/// What is recorded of messages that were too many.
pub(crate) fn turned_away(count: u64) -> Vec<u8> {
    let params = json!({"kind": format!("{OWN_KINDS}messages_dropped"), "data": {"count": count}});
    json!({"jsonrpc": "2.0", "method": "event", "params": params})
        .to_string()
        .into_bytes()
}

/// Names the first generation of what a run asks under a key: the same each time, whoever computes it.
pub(crate) fn approval_id(party: &Party, key: &str) -> Uuid {
    let lineage = party.lineage.as_ref().unwrap_or(&party.run);
    let space = Uuid::try_parse(lineage)
        .unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, lineage.as_bytes()));
    Uuid::new_v5(&space, format!("{key}\n1").as_bytes())
}

/// Keys and actions are found again by their letters, so those are plain.
fn key_like(field: &str, name: &str) -> Result<(), Refused> {
    let is_plain = |(at, c): (usize, char)| {
        c.is_ascii_alphanumeric() || at > 0 && matches!(c, '.' | '_' | '-' | '/' | ':' | '@' | '+')
    };
    let length = name.chars().count();
    match (1..=KEY_CHARS_MAX).contains(&length) && name.chars().enumerate().all(is_plain) {
        true => Ok(()),
        false => Err(Refused::params(format!(
            "`{field}` has 1 to {KEY_CHARS_MAX} letters, digits and `.`, `_`, `-`, `/`, `:`, `@`, `+`, and starts with a letter or digit"
        ))),
    }
}

fn named(field: &str, name: Option<&str>) -> Result<(), Refused> {
    match name {
        Some(name) if name.is_empty() || name.chars().count() > NAME_CHARS_MAX => Err(
            Refused::params(format!("`{field}` has 1 to {NAME_CHARS_MAX} characters")),
        ),
        _ => Ok(()),
    }
}

fn within(
    field: &str,
    value: Option<f64>,
    range: std::ops::RangeInclusive<f64>,
) -> Result<(), Refused> {
    match value {
        Some(value) if !range.contains(&value) => Err(Refused::params(format!(
            "`{field}` is a number from {} to {}",
            range.start(),
            range.end()
        ))),
        _ => Ok(()),
    }
}

/// Compares in a time that does not depend on where the texts differ.
fn is_same(given: &str, token: &str) -> bool {
    let differences = given
        .bytes()
        .zip(token.bytes())
        .fold(0, |sum, (a, b)| sum | (a ^ b));
    given.len() == token.len() && differences == 0
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Heartbeat {
    progress: Option<f64>,
    action: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "here only the shape matters")]
struct Event {
    kind: String,
    data: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "here only the shape matters")]
struct Log {
    stream: String,
    data: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "here only the shape matters")]
struct Approval {
    key: String,
    action: String,
    summary: String,
    details: Value,
    risk: Risk,
    diff: Option<String>,
    ttl_sec: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Risk {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "here only the shape matters")]
struct Wait {
    approval_id: Uuid,
    timeout_sec: Option<f64>,
}

#[cfg(test)]
mod tests;
