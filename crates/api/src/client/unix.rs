//! The transport over a Unix socket: one connection a call.

use std::path::PathBuf;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::{Body, Transport, TransportError};

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
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| TransportError::Unreachable(Box::new(error)))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| TransportError::Unreachable(Box::new(error)))?;
        // Ends by itself when the answer is read to its end or dropped.
        tokio::spawn(connection);
        let answer = sender
            .send_request(request.map(Full::new))
            .await
            .map_err(|error| TransportError::Broken(Box::new(error)))?;
        Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
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
