//! The transport: one JSON-RPC message a line, and an answer to each line that is none.

use std::io;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ErrorData, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::twice::key_twice;

/// What is said of a line that is JSON, and no message.
const NO_MESSAGE: &str =
    "this is no JSON-RPC 2.0 message: send one request, notification or response on a line";

/// A pair of streams.
pub(crate) struct Lines<R, W> {
    input: BufReader<R>,
    line: Vec<u8>,
    line_bytes_max: usize,
    /// Whether the line is too long already, and the rest of it is dropped.
    is_too_long: bool,
    /// Shared with what is being sent; gone once the transport is closed.
    output: Arc<Mutex<Option<W>>>,
    /// The answer to a line that is no message; nothing is read before it is written.
    refusing: Option<JoinHandle<()>>,
}

/// Why a line is no message, and the request that it was meant to be, where that can be told.
#[derive(Debug)]
struct Refused {
    id: Option<RequestId>,
    error: ErrorData,
}

impl Refused {
    /// Writes the answer. The SDK leaves out an id that is not known; JSON-RPC wants it to be null.
    fn line(&self) -> Vec<u8> {
        let Self { id, error } = self;
        json!({"jsonrpc": "2.0", "id": id, "error": error})
            .to_string()
            .into_bytes()
    }
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Send + Unpin + 'static> Lines<R, W> {
    pub(crate) fn new(input: R, output: W, line_bytes_max: usize) -> Self {
        Self {
            input: BufReader::new(input),
            line: Vec::new(),
            line_bytes_max,
            is_too_long: false,
            output: Arc::new(Mutex::new(Some(output))),
            refusing: None,
        }
    }

    /// Writes a line.
    fn write(&self, mut line: Vec<u8>) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let output = Arc::clone(&self.output);
        line.push(b'\n');
        async move {
            let mut output = output.lock().await;
            let output = output.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            output.write_all(&line).await?;
            output.flush().await
        }
    }

    /// Reads up to the end of a line; false at the end of the input. A line without a newline was cut off, and is dropped.
    ///
    /// May be dropped at any await and called again: what was taken from the input is in `line`.
    async fn read_line(&mut self) -> io::Result<bool> {
        loop {
            let available = self.input.fill_buf().await?;
            if available.is_empty() {
                return Ok(false);
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(available.len(), |end| end + 1);
            self.is_too_long |= self.line.len() + taken > self.line_bytes_max;
            if self.is_too_long {
                self.line = Vec::new();
            } else {
                self.line.extend_from_slice(&available[..taken]);
            }
            self.input.consume(taken);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// Takes the line that was read.
    fn take_line(&mut self) -> Result<Option<RxJsonRpcMessage<RoleServer>>, Refused> {
        if std::mem::take(&mut self.is_too_long) {
            let mib = self.line_bytes_max / 1024 / 1024;
            let why = format!("the message is longer than {mib} MiB: send less at once");
            return Err(Refused {
                id: None,
                error: ErrorData::invalid_request(why, None),
            });
        }
        let message = message(&self.line);
        self.line.clear();
        message
    }
}

impl<R, W> Transport<RoleServer> for Lines<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let line = serde_json::to_vec(&item).map(|line| self.write(line));
        async move { line?.await }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            if let Some(refusing) = &mut self.refusing {
                // It does not matter here whether the client reads it.
                let _ = refusing.await;
                self.refusing = None;
            }
            match self.read_line().await {
                Ok(true) => {}
                Ok(false) | Err(_) => return None,
            }
            match self.take_line() {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                // In a task of its own: `receive` may be dropped halfway through a write.
                Err(refused) => {
                    let writing = self.write(refused.line());
                    self.refusing = Some(tokio::spawn(async {
                        let _ = writing.await;
                    }));
                }
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.output.lock().await.take();
        Ok(())
    }
}

/// Reads a message; none where a line needs no answer: it is empty, or a notification or an answer that cannot be read.
fn message(line: &[u8]) -> Result<Option<RxJsonRpcMessage<RoleServer>>, Refused> {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    if line.is_empty() {
        return Ok(None);
    }
    let twice = key_twice(line).map_err(|error| Refused {
        id: None,
        error: ErrorData::parse_error(format!("this line is not JSON: {error}"), None),
    })?;
    let error = match &twice {
        None => match serde_json::from_slice(line) {
            Ok(message) => return Ok(Some(message)),
            Err(_) => ErrorData::invalid_request(NO_MESSAGE, None),
        },
        Some(twice) => {
            let why = format!("{twice}: give each key once");
            if twice.place.starts_with("/params") {
                ErrorData::invalid_params(why, None)
            } else {
                ErrorData::invalid_request(why, None)
            }
        }
    };
    let value: Value = serde_json::from_slice(line).unwrap_or_default();
    // JSON-RPC: neither is ever answered. Two servers that talk to each other would never stop.
    let is_notification = value.get("id").is_none() && value["method"].is_string();
    let is_answer = value.get("method").is_none()
        && (value.get("result").is_some() || value.get("error").is_some());
    if is_notification || is_answer {
        return Ok(None);
    }
    let two_ids = twice.is_some_and(|twice| twice.place.is_empty() && twice.key == "id");
    let id = serde_json::from_value(value["id"].clone()).ok();
    let id = id.filter(|_| !two_ids);
    Err(Refused { id, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a line is answered with before anybody looks into it: nothing, or an error.
    fn answer(line: &str) -> String {
        match message(line.as_bytes()) {
            Ok(Some(_)) => "taken".to_owned(),
            Ok(None) => "ignored".to_owned(),
            Err(refused) => String::from_utf8(refused.line()).unwrap(),
        }
    }

    // T5: JSON-RPC 2.0, section 5.1; neither a notification nor an answer is ever answered.
    #[test]
    fn each_line_that_is_no_message_gets_its_answer() {
        let lines = [
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
            "no json",
            r#"{"jsonrpc":"2.0","id":1,"#,
            "[]",
            "7",
            r#"{"id":"a","method":"ping"}"#,
            r#"{"jsonrpc":"1.0","id":5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":[],"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":6,"method":7}"#,
            r#"{"jsonrpc":"2.0","id":8,"id":9,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":10,"method":"tools/call","params":{"name":"readFile","arguments":{"path":"a","path":"b"}}}"#,
            r#"{"method":"tools/list"}"#,
            r#"{"id":1,"result":{},"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}"#,
        ];
        assert_eq!([answer(""), answer(" \r")], ["ignored", "ignored"]);
        let answers = lines.map(|line| format!("{line}\n    {}", answer(line)));
        insta::assert_snapshot!(answers.join("\n"), @r#"
        {"jsonrpc":"2.0","id":1,"method":"ping"}
            taken
        no json
            {"error":{"code":-32700,"message":"this line is not JSON: expected ident at line 1 column 2"},"id":null,"jsonrpc":"2.0"}
        {"jsonrpc":"2.0","id":1,
            {"error":{"code":-32700,"message":"this line is not JSON: EOF while parsing a value at line 1 column 24"},"id":null,"jsonrpc":"2.0"}
        []
            {"error":{"code":-32600,"message":"this is no JSON-RPC 2.0 message: send one request, notification or response on a line"},"id":null,"jsonrpc":"2.0"}
        7
            {"error":{"code":-32600,"message":"this is no JSON-RPC 2.0 message: send one request, notification or response on a line"},"id":null,"jsonrpc":"2.0"}
        {"id":"a","method":"ping"}
            {"error":{"code":-32600,"message":"this is no JSON-RPC 2.0 message: send one request, notification or response on a line"},"id":"a","jsonrpc":"2.0"}
        {"jsonrpc":"1.0","id":5,"method":"ping"}
            {"error":{"code":-32600,"message":"this is no JSON-RPC 2.0 message: send one request, notification or response on a line"},"id":5,"jsonrpc":"2.0"}
        {"jsonrpc":"2.0","id":[],"method":"ping"}
            {"error":{"code":-32600,"message":"this is no JSON-RPC 2.0 message: send one request, notification or response on a line"},"id":null,"jsonrpc":"2.0"}
        {"jsonrpc":"2.0","id":6,"method":7}
            {"error":{"code":-32600,"message":"this is no JSON-RPC 2.0 message: send one request, notification or response on a line"},"id":6,"jsonrpc":"2.0"}
        {"jsonrpc":"2.0","id":8,"id":9,"method":"ping"}
            {"error":{"code":-32600,"message":"the key \"id\" stands twice: give each key once"},"id":null,"jsonrpc":"2.0"}
        {"jsonrpc":"2.0","id":10,"method":"tools/call","params":{"name":"readFile","arguments":{"path":"a","path":"b"}}}
            {"error":{"code":-32602,"message":"the key \"path\" stands twice in /params/arguments: give each key once"},"id":10,"jsonrpc":"2.0"}
        {"method":"tools/list"}
            ignored
        {"id":1,"result":{},"result":{}}
            ignored
        {"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}
            taken
        "#);
    }
}
