//! An engine that is played: it counts calls, and forgets its sessions when told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyperion_api::client::{Body, Transport, TransportError};
use hyperion_api::{Client, Problem, TOOL_SESSION_HEADER};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// What is known of the played engine.
#[derive(Default)]
pub(crate) struct Played {
    pub(crate) sessions: AtomicUsize,
    pub(crate) calls: AtomicUsize,
    pub(crate) called: Notify,
}

impl Played {
    pub(crate) fn client(self: &Arc<Self>) -> Client {
        Client::new(Engine(Arc::clone(self)))
    }

    pub(crate) async fn has_calls(&self, wanted: usize) {
        while self.calls.load(Ordering::SeqCst) < wanted {
            self.called.notified().await;
        }
    }
}

struct Engine(Arc<Played>);

impl Engine {
    fn answer(&self, request: &Request<Bytes>) -> (StatusCode, Value) {
        if request.uri().path() == "/api/tools/sessions" {
            let number = self.0.sessions.fetch_add(1, Ordering::SeqCst) + 1;
            return (
                StatusCode::OK,
                json!({"token": format!("t{number}"), "root": "/r"}),
            );
        }
        let parameters: Value = serde_json::from_slice(request.body()).unwrap();
        let newest = format!("t{}", self.0.sessions.load(Ordering::SeqCst));
        let known = request.headers().get(TOOL_SESSION_HEADER).unwrap() == newest.as_str();
        if !known || parameters["path"] == "forgotten" && newest == "t1" {
            let problem = Problem::new("tool.session_unknown", "not known");
            return (
                StatusCode::UNAUTHORIZED,
                serde_json::to_value(problem).unwrap(),
            );
        }
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        self.0.called.notify_one();
        let answer = match parameters["path"].as_str() {
            Some("refused") => json!({
                "content": [{"type": "text", "text": "no (path.denied)"}],
                "structured": {"code": "path.denied"},
                "is_error": true
            }),
            _ => json!({
                "content": [{"type": "text", "text": "x".repeat(200)}],
                "structured": {"echo": parameters},
                "is_error": false
            }),
        };
        (StatusCode::OK, answer)
    }
}

impl Transport for Engine {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        let (status, answer) = self.answer(&request);
        if answer["structured"]["echo"]["path"] == "endless" {
            return Box::pin(std::future::pending());
        }
        let body = Full::new(Bytes::from(answer.to_string()));
        let body = body.map_err(|never| match never {}).boxed_unsync();
        let mut response = Response::new(body);
        *response.status_mut() = status;
        Box::pin(async { Ok(response) })
    }
}
