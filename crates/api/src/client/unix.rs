//! The transport over a Unix socket: one connection a call, and no call without an end.
//!
//! How long a call takes is its own business: a suite of tests takes minutes. So nobody is given up for that; an engine that is
//! silent is asked over another connection whether it lives, and given up when it does not answer that.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::{Instant, Sleep};

use super::{Body, BoxError, Transport, TransportError};

/// How long an engine may take to take a connection: others may come first.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How often a connection is tried while others come first.
const TRY_EVERY: Duration = Duration::from_millis(20);
/// After how long without an answer an engine is asked whether it lives, and how long it may take to say so.
const LIVES_WITHIN: Duration = Duration::from_secs(15);
/// How long a call may take that an engine which lives works on.
const ANSWER_WITHIN: Duration = Duration::from_secs(30 * 60);
/// How long nothing may come of an answer that began: a feed says every 15 seconds that it is still there.
const QUIET_MAX: Duration = Duration::from_secs(60);
/// What is asked of an engine to find out whether it lives.
const ALIVE: &str = "/healthz";

/// Speaks HTTP/1.1 over a Unix socket.
#[derive(Debug, Clone)]
pub struct UnixTransport {
    socket: PathBuf,
}

impl UnixTransport {
    /// Names the socket; nothing is opened yet.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportError> {
        let asks_if_alive = request.uri().path() == ALIVE;
        let mut answer = Box::pin(self.ask(request));
        let until = Instant::now() + ANSWER_WITHIN;
        let answer = loop {
            match tokio::time::timeout(LIVES_WITHIN, &mut answer).await {
                Ok(answer) => break answer?,
                Err(_elapsed) if asks_if_alive || Instant::now() >= until => return Err(silent()),
                Err(_elapsed) => {}
            }
            tokio::select! {
                answer = &mut answer => break answer?,
                alive = tokio::time::timeout(LIVES_WITHIN, self.ask(is_alive())) => {
                    alive.map_err(|_elapsed| silent())??;
                }
            }
        };
        Ok(answer.map(|body| Steady::new(body).boxed_unsync()))
    }

    async fn ask(&self, request: Request<Bytes>) -> Result<Response<Incoming>, TransportError> {
        let stream = self
            .connect()
            .await
            .map_err(|error| TransportError::Unreachable(Box::new(error)))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| TransportError::Unreachable(Box::new(error)))?;
        // Ends by itself when the answer is read to its end or dropped.
        tokio::spawn(connection);
        let answer = sender.send_request(request.map(Full::new)).await;
        answer.map_err(|error| TransportError::Broken(Box::new(error)))
    }

    /// Connects; where more wait already than the system keeps waiting, tries again for a while.
    async fn connect(&self) -> io::Result<UnixStream> {
        let until = Instant::now() + CONNECT_WITHIN;
        loop {
            match UnixStream::connect(&self.socket).await {
                Err(error)
                    if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < until =>
                {
                    tokio::time::sleep(TRY_EVERY).await;
                }
                connected => return connected,
            }
        }
    }
}

fn is_alive() -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = http::Uri::from_static(ALIVE);
    let host = http::HeaderValue::from_static("hyperion");
    request.headers_mut().insert(http::header::HOST, host);
    request
}

fn silent() -> TransportError {
    TransportError::Silent {
        seconds: LIVES_WITHIN.as_secs(),
    }
}

impl Transport for UnixTransport {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

/// A body that breaks off when nothing comes for too long.
struct Steady {
    body: Incoming,
    quiet: Pin<Box<Sleep>>,
}

impl Steady {
    fn new(body: Incoming) -> Self {
        Self {
            body,
            quiet: Box::pin(tokio::time::sleep(QUIET_MAX)),
        }
    }
}

impl hyper::body::Body for Steady {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.quiet.as_mut().reset(Instant::now() + QUIET_MAX);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let quiet = self.quiet.as_mut().poll(cx);
        quiet.map(|()| Some(Err(Box::new(silent()).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
