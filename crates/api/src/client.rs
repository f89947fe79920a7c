//! The client: typed calls over any transport.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event::Event;
use crate::problem::Problem;
use crate::{API_VERSION, API_VERSION_HEADER, TOOL_SESSION_HEADER};

mod sse;
mod unix;

pub use sse::{EventStream, LogStream, Messages};
pub use unix::UnixTransport;

/// The most bytes of an answer that is read as a whole.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// What went wrong on the way, of whatever kind the transport has.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Carries a call to an engine: over a Unix socket, or straight into a router of the same process.
pub trait Transport: Send + Sync + 'static {
    /// Sends a call and gives the answer's head; its body may still be on the way.
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>>;
}

/// Says that no answer came.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Nobody listens.
    #[error("reach the engine")]
    Unreachable(#[source] BoxError),
    /// Somebody listens, and answers nothing, not even that it lives: stopped, or far too busy.
    #[error("reach the engine: it takes connections and has not answered for {seconds} s")]
    Silent {
        /// How long it was waited for the last sign of life.
        seconds: u64,
    },
    /// The answer broke off.
    #[error("read the engine's answer")]
    Broken(#[source] BoxError),
}

/// Says why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The engine answered with a problem.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// No answer came.
    #[error("failed to {0}")]
    Transport(#[from] TransportError),
    /// The answer is not what this version expects.
    #[error("failed to understand the engine's answer to {call}")]
    Decode {
        /// The call.
        call: String,
        /// What did not fit.
        #[source]
        source: serde_json::Error,
    },
    /// The answer is larger than the limit.
    #[error("the engine's answer to {call} is larger than {MAX_ANSWER_BYTES} bytes")]
    TooLarge {
        /// The call.
        call: String,
    },
}

/// Typed calls to an engine.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    headers: HeaderMap,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    /// Speaks over a transport.
    pub fn new(transport: impl Transport) -> Self {
        Self {
            transport: Arc::new(transport),
            headers: HeaderMap::new(),
        }
    }

    /// Speaks as whoever a token names from now on; one that no header can hold is left out.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        self.with_secret(header::AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// Calls tools in a session from now on.
    #[must_use]
    pub fn with_session(&self, token: &str) -> Self {
        self.with_secret(HeaderName::from_static(TOOL_SESSION_HEADER), token)
    }

    fn with_secret(&self, name: HeaderName, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.remove(&name);
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            client.headers.insert(name, value);
        }
        client
    }

    /// Gives what carries its calls, for whoever hands calls on as they are.
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.transport)
    }

    /// Gets a resource; `path` starts with `/` and is already percent-encoded.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// Posts a JSON body.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = encode(path, body)?;
        self.call(Method::POST, path, body).await
    }

    /// Posts bytes as they are.
    pub async fn post_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<T, ClientError> {
        self.call(Method::POST, path, body.into()).await
    }

    /// Patches a resource.
    pub async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = encode(path, body)?;
        self.call(Method::PATCH, path, body).await
    }

    /// Follows the feed from after `seq`; ends when the engine leaves.
    pub async fn events(&self, path: &str) -> Result<EventStream, ClientError> {
        let answer = self.send(Method::GET, path, Bytes::new()).await?;
        Ok(EventStream::new(answer.into_body()))
    }

    /// Follows what a run writes; ends when the run has ended or the engine leaves.
    pub async fn log(&self, path: &str) -> Result<LogStream, ClientError> {
        let answer = self.send(Method::GET, path, Bytes::new()).await?;
        Ok(LogStream::new(answer.into_body()))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Body>, ClientError> {
        let mut request = Request::new(body);
        *request.method_mut() = method.clone();
        *request.uri_mut() = path
            .parse()
            .map_err(|error: http::uri::InvalidUri| TransportError::Unreachable(Box::new(error)))?;
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::HOST, HeaderValue::from_static("hyperion"));
        let version = HeaderValue::from_static(API_VERSION);
        headers.insert(API_VERSION_HEADER, version);
        let answer = self.transport.send(request).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let call = format!("{method} {path}");
        let bytes = collect(&call, answer.into_body()).await?;
        Err(ClientError::Problem(Box::new(read_problem(
            status, &call, &bytes,
        ))))
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let call = format!("{method} {path}");
        let answer = self.send(method, path, body).await?;
        let bytes = collect(&call, answer.into_body()).await?;
        serde_json::from_slice(&bytes).map_err(|source| ClientError::Decode { call, source })
    }
}

/// One event of a feed, or the comment that keeps the line open.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedItem<T = Event> {
    /// Something happened.
    Event(Box<T>),
    /// Something is told that is not kept.
    Notice(Box<Notice>),
    /// Nothing happened for a while.
    KeepAlive,
}

/// Something of the feed that has no number and is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its kind, for instance `run.progressed`.
    pub kind: String,
    /// What its kind says of it.
    pub data: serde_json::Value,
}

fn encode(path: &str, body: &impl Serialize) -> Result<Bytes, ClientError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|source| ClientError::Decode {
            call: path.to_owned(),
            source,
        })
}

async fn collect(call: &str, body: Body) -> Result<Bytes, ClientError> {
    let limited = http_body_util::Limited::new(body, MAX_ANSWER_BYTES);
    // In a box of a plain type: with it inside, the compiler cannot tell that a caller's future may change threads.
    let collecting: BoxFuture<'static, Result<http_body_util::Collected<Bytes>, BoxError>> =
        Box::pin(limited.collect());
    match collecting.await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(ClientError::TooLarge {
                call: call.to_owned(),
            })
        }
        Err(error) => Err(TransportError::Broken(error).into()),
    }
}

/// Reads a problem document; what is none becomes one, so that callers have one kind of error.
fn read_problem(status: StatusCode, call: &str, bytes: &[u8]) -> Problem {
    serde_json::from_slice(bytes).unwrap_or_else(|_| {
        let text: String = String::from_utf8_lossy(bytes).chars().take(300).collect();
        let mut problem = Problem::new("internal", format!("{call} answered {status}: {text}"));
        problem.status = status.as_u16();
        problem
    })
}
