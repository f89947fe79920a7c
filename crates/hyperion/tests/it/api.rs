//! Calls to an engine that may die at any moment, as a client makes them: over the home's socket, without a process each.

use hyperion_api::client::UnixTransport;
use hyperion_api::{Client, ClientError, Problem};
use hyperion_testkit::Hyperion;
use serde_json::Value;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long one call may take; an engine that hangs is a failure of its own.
const CALL_LIMIT: Duration = Duration::from_secs(90);

/// How long an engine may take to come to rest in which nothing happens any more.
const STANDSTILL: u32 = 12;

/// No answer came: whether it was done is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoAnswer;

/// A client of one home's engine, whichever one is up.
pub(crate) struct Api {
    runtime: Runtime,
    client: Client,
}

impl Api {
    /// Prepares a client; nothing has to be up yet.
    pub(crate) fn new(hyperion: &Hyperion) -> Self {
        Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            client: Client::new(UnixTransport::new(hyperion.home().join("socket"))),
        }
    }

    /// Tells whether an engine answers.
    pub(crate) fn answers(&self) -> bool {
        matches!(self.get("/healthz"), Ok(Ok(_)))
    }

    /// Waits until the engine has nothing to do, for as long as it gets on; gives what it said last.
    pub(crate) fn rest(&self) -> Result<Value, NoAnswer> {
        let mut standstill = 0;
        let mut seq = Value::Null;
        loop {
            let idle = self.get("/api/idle?timeout_ms=10000")?;
            let idle = idle.unwrap_or_else(|problem| panic!("{problem:?}"));
            if idle["idle"] == true || standstill == STANDSTILL {
                return Ok(idle);
            }
            standstill = if idle["last_seq"] == seq {
                standstill + 1
            } else {
                0
            };
            seq = idle["last_seq"].clone();
        }
    }

    /// Gets a resource.
    pub(crate) fn get(&self, path: &str) -> Result<Result<Value, Problem>, NoAnswer> {
        self.ask(self.client.get::<Value>(path))
    }

    /// Posts a body.
    pub(crate) fn post(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<Result<Value, Problem>, NoAnswer> {
        self.ask(self.client.post::<Value>(path, body))
    }

    /// Posts a body in a session.
    #[cfg(feature = "fail-points")]
    pub(crate) fn post_as(
        &self,
        token: &str,
        path: &str,
        body: &Value,
    ) -> Result<Result<Value, Problem>, NoAnswer> {
        let client = self.client.with_token(token);
        self.ask(client.post::<Value>(path, body))
    }

    fn ask(
        &self,
        call: impl Future<Output = Result<Value, ClientError>>,
    ) -> Result<Result<Value, Problem>, NoAnswer> {
        let answer = self
            .runtime
            .block_on(async { tokio::time::timeout(CALL_LIMIT, call).await });
        match answer {
            Ok(Ok(value)) => Ok(Ok(value)),
            Ok(Err(ClientError::Problem(problem))) => Ok(Err(*problem)),
            // An answer that broke off in the middle is not one.
            Ok(Err(
                ClientError::Transport(_)
                | ClientError::Decode { .. }
                | ClientError::TooLarge { .. },
            )) => Err(NoAnswer),
            Err(_) => panic!("the engine gave no answer within {CALL_LIMIT:?}"),
        }
    }
}
