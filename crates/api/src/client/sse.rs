//! Reads feeds: [Server-Sent Events], one JSON value in each `data` field.
//!
//! [Server-Sent Events]: https://html.spec.whatwg.org/multipage/server-sent-events.html

use std::marker::PhantomData;

use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;

use super::{Body, ClientError, FeedItem, Notice, TransportError};
use crate::event::{CUT_OFF, Event};
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
    /// Up to where there is no end of a message in it.
    looked_at: usize,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Messages<T> {
    pub(super) const fn new(body: Body) -> Self {
        Self {
            body,
            buffer: Vec::new(),
            looked_at: 0,
            of: PhantomData,
        }
    }

    /// Waits for the next message; none when the engine ended the stream.
    pub async fn next(&mut self) -> Result<Option<FeedItem<T>>, ClientError> {
        loop {
            if let Some(end) = find_blank_line(&self.buffer, self.looked_at) {
                let message: Vec<u8> = self.buffer.drain(..end).collect();
                self.looked_at = 0;
                match read_message(&message)? {
                    Some(item) => return Ok(Some(item)),
                    None => continue,
                }
            }
            self.looked_at = self.buffer.len().saturating_sub(1);
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

/// Finds the end of the first message, from a place on: just after its blank line.
fn find_blank_line(buffer: &[u8], from: usize) -> Option<usize> {
    let mut pairs = buffer.get(from..)?.windows(2);
    pairs
        .position(|pair| pair == b"\n\n")
        .map(|at| from + at + 2)
}

fn read_message<T: DeserializeOwned>(message: &[u8]) -> Result<Option<FeedItem<T>>, ClientError> {
    let text = String::from_utf8_lossy(message);
    let fields = |name: &'static str| {
        let values = text.lines().filter_map(move |line| {
            let value = line.strip_prefix(name)?.strip_prefix(':')?;
            Some(value.strip_prefix(' ').unwrap_or(value))
        });
        values.collect::<Vec<_>>()
    };
    if fields("event").contains(&CUT_OFF) {
        // The feed ends with it; whoever follows knows behind which event to go on.
        return Ok(Some(FeedItem::KeepAlive));
    }
    let data = fields("data").join("\n");
    if data.is_empty() {
        let comment = text.starts_with(':');
        return Ok(comment.then_some(FeedItem::KeepAlive));
    }
    // What is kept has a number.
    let kind = fields("event").pop().filter(|_| fields("id").is_empty());
    let item = match kind {
        Some(kind) => serde_json::from_str(&data).map(|data| {
            let kind = kind.to_owned();
            FeedItem::Notice(Box::new(Notice { kind, data }))
        }),
        None => serde_json::from_str(&data).map(|event| FeedItem::Event(Box::new(event))),
    };
    item.map(Some).map_err(|source| ClientError::Decode {
        call: STREAM.into(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_end_at_a_blank_line_and_comments_keep_the_line_open() {
        assert_eq!(find_blank_line(b"data: {}\n", 0), None);
        assert_eq!(find_blank_line(b"data: {}\n\ndata", 8), Some(10));
        assert_eq!(find_blank_line(b"data", 9), None);
        assert_eq!(
            read_message::<Event>(b": still here\n\n").unwrap(),
            Some(FeedItem::KeepAlive)
        );
        assert_eq!(read_message::<Event>(b"retry: 5\n\n").unwrap(), None);
        assert_eq!(
            read_message::<Event>(b"id: 7\nevent: cut_off\ndata: {\"resume_after\":7}\n\n")
                .unwrap(),
            Some(FeedItem::KeepAlive)
        );
        assert!(read_message::<Event>(b"data: {\n\n").is_err());
        let notice = read_message::<Event>(b"event: run.progressed\ndata: {\"progress\":4}\n\n");
        let expected = Notice {
            kind: "run.progressed".to_owned(),
            data: serde_json::json!({"progress": 4}),
        };
        assert_eq!(
            notice.unwrap(),
            Some(FeedItem::Notice(Box::new(expected))),
            "it has no number"
        );
    }
}
