//! What a program uses that runs under Hyperion: signs of life, events, output, approvals, over its run's socket.
//!
//! Small and blocking: a thread that waits for an approval has a [`Run`] of its own. What is spoken is described in
//! `docs/tool-developers.md`.
//!
//! ```no_run
//! # fn main() -> Result<(), hyperion_client::Error> {
//! // None where Hyperion does not supervise this process.
//! if let Some(mut run) = hyperion_client::Run::from_env() {
//!     run.heartbeat(Some(40.0), Some("compiling"))?;
//! }
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};

/// The exit status of a tool that cannot wait for an approval: it is started again, with `HYPERION_RESUME=1`, once the decision is there.
pub const EXIT_PARKED: i32 = 75;

/// How long an answer may take that does not wait for anybody.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The most bytes of an answer.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// The run that this process belongs to.
#[derive(Debug)]
pub struct Run {
    path: PathBuf,
    token: String,
    connection: Option<BufReader<UnixStream>>,
    last_id: u64,
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval<'a> {
    /// Names the question: the same key gives the same approval again, also after a restart.
    pub key: &'a str,
    /// What is to be done, in a word: `deploy`.
    pub action: &'a str,
    /// What is to be done, in a sentence.
    pub summary: &'a str,
    /// All that the person has to know; what is approved is exactly this.
    pub details: Value,
    /// How much can go wrong.
    pub risk: Risk,
    /// What it changes, as a patch.
    pub diff: Option<&'a str>,
    /// How long the question stands; none: as the settings say.
    pub ttl_sec: Option<u32>,
}

/// How much can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Risk {
    Low,
    Medium,
    High,
    Critical,
}

/// An approval that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its id.
    pub id: String,
    /// How it stands: a restarted tool learns here what was decided while it was gone.
    pub status: Status,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Whether it was rejected so that something else is asked.
    pub changes_requested: bool,
}

/// How an approval stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its id: that of the question's last generation.
    pub id: String,
    /// How it stands.
    pub status: Status,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Whether it was rejected so that something else is asked.
    pub changes_requested: bool,
}

/// The states of an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Nobody has decided.
    Pending,
    /// It may be done.
    Approved,
    /// It may not be done.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// It was taken back.
    Cancelled,
}

/// Something was not said.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The run's socket could not be reached, or broke off.
    Io(io::Error),
    /// It refused the message.
    Refused {
        /// The house's name for why, as `run.too_many_messages`.
        code: String,
        /// Why, for people.
        message: String,
    },
    /// It answered something that this version does not understand.
    Answer(String),
}

impl Run {
    /// Gives the run that the environment names; none where nobody supervises this process.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        let path = std::env::var_os("HYPERION_SOCKET").filter(|path| !path.is_empty())?;
        let token = std::env::var("HYPERION_RUN_TOKEN")
            .ok()
            .filter(|token| !token.is_empty())?;
        Some(Self::at(Path::new(&path), &token))
    }

    /// Gives the run of a socket and a token; it is connected to when something is said.
    #[must_use]
    pub fn at(path: &Path, token: &str) -> Self {
        Self {
            path: path.to_path_buf(),
            token: token.to_owned(),
            connection: None,
            last_id: 0,
        }
    }

    /// Says that the tool is alive, how far it is (0 to 100) and what it does.
    pub fn heartbeat(&mut self, progress: Option<f64>, action: Option<&str>) -> Result<(), Error> {
        self.call(
            "heartbeat",
            json!({"progress": progress, "action": action}),
            ANSWER_WITHIN,
        )
        .map(drop)
    }

    /// Records that something happened.
    pub fn event(&mut self, kind: &str, data: &Value) -> Result<(), Error> {
        self.call("event", json!({"kind": kind, "data": data}), ANSWER_WITHIN)
            .map(drop)
    }

    /// Adds text to a stream of the run's log.
    pub fn log(&mut self, stream: &str, data: &str) -> Result<(), Error> {
        self.call(
            "run.log",
            json!({"stream": stream, "data": data}),
            ANSWER_WITHIN,
        )
        .map(drop)
    }

    /// Asks for an approval.
    pub fn request_approval(&mut self, approval: &Approval<'_>) -> Result<Asked, Error> {
        let Approval {
            key,
            action,
            summary,
            details,
            risk,
            diff,
            ttl_sec,
        } = approval;
        let params = json!({
            "key": key, "action": action, "summary": summary, "details": details, "risk": risk.name(), "diff": diff, "ttl_sec": ttl_sec,
        });
        let answer = self.call("approval.request", params, ANSWER_WITHIN)?;
        let id = text(&answer, "approval_id").ok_or_else(|| Error::Answer(answer.to_string()))?;
        Ok(Asked {
            id,
            status: Status::of(&answer)?,
            decided_by: text(&answer, "decided_by"),
            reason: text(&answer, "reason"),
            changes_requested: answer["changes_requested"] == true,
        })
    }

    /// Waits for a decision, at most so long; it is still pending then.
    pub fn wait(&mut self, approval_id: &str, timeout: Duration) -> Result<Decision, Error> {
        let params = json!({"approval_id": approval_id, "timeout_sec": timeout.as_secs_f64()});
        let answer = self.call("approval.wait", params, timeout + ANSWER_WITHIN)?;
        Ok(Decision {
            id: text(&answer, "approval_id").unwrap_or_else(|| approval_id.to_owned()),
            changes_requested: answer["changes_requested"] == true,
            status: Status::of(&answer)?,
            decided_by: text(&answer, "decided_by"),
            reason: text(&answer, "reason"),
        })
    }

    fn call(&mut self, method: &str, mut params: Value, within: Duration) -> Result<Value, Error> {
        // What is not said is left out.
        if let Some(params) = params.as_object_mut() {
            params.retain(|_, value| !value.is_null());
        }
        let answer = self.exchange(method, &params, within);
        if matches!(answer, Err(Error::Io(_) | Error::Answer(_))) {
            // What comes on this connection later would be taken for the answer to something else.
            self.connection = None;
        }
        answer
    }

    fn exchange(&mut self, method: &str, params: &Value, within: Duration) -> Result<Value, Error> {
        // A connection from before may be gone: then the message did not arrive, and goes out once more.
        if self.connection.is_some() && self.send(method, params).is_ok() {
            return self.answer(within);
        }
        self.connection = Some(BufReader::new(UnixStream::connect(&self.path)?));
        self.send("hello", &json!({"token": self.token}))?;
        self.answer(ANSWER_WITHIN)?;
        self.send(method, params)?;
        self.answer(within)
    }

    fn send(&mut self, method: &str, params: &Value) -> io::Result<()> {
        self.last_id += 1;
        let message =
            json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params});
        let connection = self
            .connection
            .as_ref()
            .ok_or(io::ErrorKind::NotConnected)?;
        connection
            .get_ref()
            .set_write_timeout(Some(ANSWER_WITHIN))?;
        connection
            .get_ref()
            .write_all(format!("{message}\n").as_bytes())
    }

    fn answer(&mut self, within: Duration) -> Result<Value, Error> {
        let connection = self
            .connection
            .as_mut()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
        connection.get_ref().set_read_timeout(Some(within))?;
        loop {
            let mut line = String::new();
            connection.take(LINE_BYTES_MAX).read_line(&mut line)?;
            if !line.ends_with('\n') {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the run's socket was closed before the answer",
                )
                .into());
            }
            let mut answer: Map<String, Value> =
                serde_json::from_str(&line).map_err(|_| Error::Answer(line))?;
            // An answer without an id is to what could not be read at all, or to a connection too many.
            if answer
                .get("id")
                .is_some_and(|id| !id.is_null() && *id != self.last_id)
            {
                continue;
            }
            return match (answer.remove("result"), answer.remove("error")) {
                (Some(result), None) => Ok(result),
                (_, Some(error)) => Err(Error::Refused {
                    code: text(&error["data"], "code").unwrap_or_default(),
                    message: text(&error, "message").unwrap_or_default(),
                }),
                (None, None) => Err(Error::Answer(Value::from(answer).to_string())),
            };
        }
    }
}

impl Risk {
    const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Status {
    /// Gives the name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    fn of(answer: &Value) -> Result<Self, Error> {
        match answer["status"].as_str() {
            Some("pending") => Ok(Self::Pending),
            Some("approved") => Ok(Self::Approved),
            Some("rejected") => Ok(Self::Rejected),
            Some("expired") => Ok(Self::Expired),
            Some("cancelled") => Ok(Self::Cancelled),
            _ => Err(Error::Answer(answer.to_string())),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("speak to the run's socket"),
            Self::Refused { code, message } => {
                write!(f, "speak to the run's socket: {message} ({code})")
            }
            Self::Answer(answer) => write!(f, "understand the run's socket: {answer}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Refused { .. } | Self::Answer(_) => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn text(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().map(str::to_owned)
}
