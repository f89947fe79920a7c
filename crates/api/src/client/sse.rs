//! Reads feeds: [Server-Sent Events], one JSON value in each `data` field.
//!
//! [Server-Sent Events]: https://html.spec.whatwg.org/multipage/server-sent-events.html

use std::marker::PhantomData;

use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;

use super::{Body, ClientError, FeedItem, TransportError};
use crate::event::Event;
use crate::run::LogItem;

/// What is said of a stream that cannot be read.
const STREAM: &str = "a call for a stream";
/// The most bytes one message of the feed may have.
const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// The feed, message by message.
pub type EventStream = Messages<Event>;
/// What a run writes, item by item.
pub type LogStream = Messages<LogItem>;

/// Messages from an engine, each of them JSON of this type.
pub struct Messages<T> {
    body: Body,
    buffer: Vec<u8>,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Messages<T> {
    pub(super) const fn new(body: Body) -> Self {
        Self {
            body,
            buffer: Vec::new(),
            of: PhantomData,
        }
    }

    /// Waits for the next message; none when the engine ended the stream.
    pub async fn next(&mut self) -> Result<Option<FeedItem<T>>, ClientError> {
        loop {
            if let Some(end) = find_blank_line(&self.buffer) {
                let message: Vec<u8> = self.buffer.drain(..end).collect();
                match read_message(&message)? {
                    Some(item) => return Ok(Some(item)),
                    None => continue,
                }
            }
            if self.buffer.len() > MAX_MESSAGE_BYTES {
                return Err(ClientError::TooLarge {
                    call: STREAM.into(),
                });
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(TransportError::Broken(error).into()),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.buffer.extend_from_slice(&bytes);
                    }
                }
            }
        }
    }
}

/// Finds the end of the first message: just after its blank line.
fn find_blank_line(buffer: &[u8]) -> Option<usize> {
    buffer
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .map(|at| at + 2)
}

fn read_message<T: DeserializeOwned>(message: &[u8]) -> Result<Option<FeedItem<T>>, ClientError> {
    let text = String::from_utf8_lossy(message);
    let data: String = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n");
    if data.is_empty() {
        let comment = text.starts_with(':');
        return Ok(comment.then_some(FeedItem::KeepAlive));
    }
    serde_json::from_str(&data)
        .map(|event| Some(FeedItem::Event(Box::new(event))))
        .map_err(|source| ClientError::Decode {
            call: STREAM.into(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_end_at_a_blank_line_and_comments_keep_the_line_open() {
        assert_eq!(find_blank_line(b"data: {}\n"), None);
        assert_eq!(find_blank_line(b"data: {}\n\ndata"), Some(10));
        assert_eq!(
            read_message::<Event>(b": still here\n\n").unwrap(),
            Some(FeedItem::KeepAlive)
        );
        assert_eq!(read_message::<Event>(b"retry: 5\n\n").unwrap(), None);
        assert!(read_message::<Event>(b"data: {\n\n").is_err());
    }
}
