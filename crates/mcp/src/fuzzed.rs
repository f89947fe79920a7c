//! What must hold for any bytes at all; driven by the fuzzer, and by the tests over its findings.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyperion_api::Client;
use hyperion_api::client::{Body, Transport, TransportError};
use hyperion_api::tool::{self, OpenSession};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::bounded::UNANSWERED_MAX;
use crate::{Server, serve};

/// Both sides agree.
const HELLO: &[u8] = concat!(
    r#"{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-06-18","#,
    r#""capabilities":{},"clientInfo":{"name":"fuzz","version":"1"}}}"#,
    "\n",
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    "\n",
)
.as_bytes();

/// What is asked at the end, on a line of its own whatever came before.
const LAST: &[u8] = b"\n{\"jsonrpc\":\"2.0\",\"id\":\"the very last\",\"method\":\"ping\"}\n";

/// How much lies between both sides unread; little, so that each has to wait for the other.
const PIPE_BYTES: usize = 2048;

/// The longest line that comes back: the list of tools.
const ANSWER_BYTES_MAX: usize = 128 * 1024;

/// Any bytes, before or after both sides agreed, break nothing: each line that comes back is one JSON-RPC message, no more
/// come back than went in (a request may be told that it is listened to, and then be answered), the engine has no more
/// calls at once than may be unanswered, and what is well-formed after them is answered.
///
/// The first byte is even when both sides agreed before; the rest is what the client sends.
pub fn jsonrpc(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else {
        return;
    };
    let agreed = first % 2 == 0;
    let mut sent = if agreed { HELLO.to_vec() } else { Vec::new() };
    sent.extend_from_slice(bytes);
    sent.extend_from_slice(LAST);
    let calls = Arc::new(Calls::default());
    let received = exchange(&sent, &calls);
    let lines_sent = sent.iter().filter(|byte| **byte == b'\n').count();
    let mut answered = BTreeSet::new();
    let text = std::str::from_utf8(&received).expect("what comes back is UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'));
    for (number, line) in text.lines().enumerate() {
        assert!(number < lines_sent * 2 && line.len() <= ANSWER_BYTES_MAX);
        let message: Value = serde_json::from_str(line).expect("a line is JSON");
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        let kinds =
            ["result", "error", "method"].map(|kind| usize::from(message[kind] != Value::Null));
        assert_eq!(kinds.iter().sum::<usize>(), 1, "{line}");
        if let Some(id) = message["id"].as_str() {
            answered.insert(id.to_owned());
        }
    }
    assert!(calls.most.load(Ordering::SeqCst) <= UNANSWERED_MAX);
    if agreed {
        assert!(
            answered.contains("hello") && answered.contains("the very last"),
            "{text}"
        );
    }
}

/// Sends all of it while reading whatever comes back, until the server has nothing more to say.
fn exchange(sent: &[u8], calls: &Arc<Calls>) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime").block_on(async {
        let (mut to, input) = tokio::io::duplex(PIPE_BYTES);
        let (output, mut from) = tokio::io::duplex(PIPE_BYTES);
        let server = server_of(Client::new(Engine(Arc::clone(calls))));
        let sending = async {
            // A server that refused to agree is gone before it has read all.
            let _ = to.write_all(sent).await;
            drop(to);
        };
        let mut received = Vec::new();
        let receiving = from.read_to_end(&mut received);
        // What a client sends instead of a hello ends the server, and says so.
        let (_, (), read) = tokio::join!(serve(server, input, output), sending, receiving);
        read.expect("what comes back can be read");
        received
    })
}

fn server_of(client: Client) -> Server {
    let filesystem = tool::server("filesystem").expect("there is such a server");
    Server::new(filesystem, OpenSession::Root("/r".to_owned()), client, "1")
}

/// How many calls the played engine has at once, and had at most.
#[derive(Default)]
struct Calls {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// Answers everything in the same words, after others had their turn.
struct Engine(Arc<Calls>);

impl Transport for Engine {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        let answer = if request.uri().path() == "/api/tools/sessions" {
            r#"{"token":"t","root":"/r"}"#
        } else {
            r#"{"content":[{"type":"text","text":"done"}],"structured":{},"is_error":false}"#
        };
        Box::pin(async move {
            let open = Open::new(&self.0);
            tokio::task::yield_now().await;
            drop(open);
            let body = Full::new(Bytes::from_static(answer.as_bytes()));
            Ok(Response::new(
                body.map_err(|never| match never {}).boxed_unsync(),
            ))
        })
    }
}

/// A call that the engine has; one that is called off is dropped.
struct Open<'c>(&'c Calls);

impl<'c> Open<'c> {
    fn new(calls: &'c Calls) -> Self {
        let now = calls.now.fetch_add(1, Ordering::SeqCst) + 1;
        calls.most.fetch_max(now, Ordering::SeqCst);
        Self(calls)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use hyperion_testkit::fuzz::on_each_input;

    // T5: whatever a client sends, what it sends after that is answered.
    #[test]
    fn any_bytes_break_nothing() {
        on_each_input("jsonrpc", 200, super::jsonrpc);
    }
}
