//! Server-Sent Events whose bytes are made once, however many read them.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::{Stream, StreamExt as _, stream};

/// How often a silent stream says that it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Writes a message. No part of it may hold a line break, which JSON never does.
pub(crate) fn message(id: Option<&str>, name: &str, data: &str) -> Bytes {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("{id}event: {name}\ndata: {data}\n\n"))
}

/// Answers with messages; says now and then that it is still there.
pub(crate) fn response(messages: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let kept_alive = stream::unfold(Box::pin(messages), |mut messages| async move {
        let bytes = match tokio::time::timeout(KEEP_ALIVE, messages.next()).await {
            Ok(message) => message?,
            Err(_elapsed) => Bytes::from_static(b":\n\n"),
        };
        Some((Ok::<_, Infallible>(bytes), messages))
    });
    let mut response = Response::new(Body::from_stream(kept_alive));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
