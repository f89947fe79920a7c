//! What a run writes, as Server-Sent Events that resume where a client left off.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use hyperion_api::Problem;
use hyperion_api::run::{LogBody, LogItem};
use hyperion_engine::run::{Follow, Read};
use hyperion_model::RunId;
use hyperion_model::run::Run;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Server;
use crate::answer::Refusal;
use crate::subject::find_to;

/// How often a silent stream says that it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often it is looked whether a run wrote something: soon after it did, and after it was silent for a while.
const LOOK_EVERY: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(200)];

/// One of the two streams of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Only {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What of it is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The number of the last item that was seen.
    pub(super) after: u64,
    /// The last lines, instead.
    pub(super) tail_lines: Option<u32>,
    /// Whether it goes on until the run ends.
    pub(super) follow: bool,
    /// Only one of the streams.
    pub(super) only: Option<Only>,
}

/// Streams it.
pub(super) async fn stream(
    server: Server,
    id: String,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let beginning = server.clone();
    let begun = tokio::task::spawn_blocking(move || {
        let cx = beginning.cx();
        let id = find_to::<Run>("logs", cx, &id, RunId::new)?.id;
        match wanted.tail_lines {
            Some(lines) => Follow::last_lines(cx, id, usize::try_from(lines).unwrap_or(usize::MAX)),
            None => Ok((Follow::after(cx, id, wanted.after)?, Vec::new())),
        }
    });
    let (follow, items) = match begun.await {
        Ok(begun) => begun?,
        Err(_) => return Err(Problem::new("internal", "the call ended unexpectedly").into()),
    };
    let mut reading = Reading {
        server,
        follow: Some(follow),
        wanted,
        ready: VecDeque::new(),
        silent: false,
    };
    reading.add(items);
    let stream = futures_util::stream::unfold(reading, |mut reading| async move {
        let message = reading.next().await?;
        Some((Ok::<_, Infallible>(message), reading))
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(stream).keep_alive(keep_alive).into_response())
}

/// Where one client stands.
struct Reading {
    server: Server,
    /// None once all was given.
    follow: Option<Follow>,
    wanted: Wanted,
    ready: VecDeque<Message>,
    /// Whether nothing came of late.
    silent: bool,
}

impl Reading {
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            let mut follow = self.follow.take()?;
            let server = self.server.clone();
            let reading = tokio::task::spawn_blocking(move || {
                let read = follow.read(server.cx());
                read.map(|read| (read, follow))
            });
            let (read, mut follow) = match reading.await {
                Ok(Ok(read)) => read,
                Ok(Err(error)) => {
                    tracing::error!(%error, "the stream of a run's output ended");
                    return None;
                }
                Err(_) => return None,
            };
            let Read {
                items,
                is_all,
                is_live,
            } = read;
            // Without an engine, what has no process stands still.
            let may_go_on = is_live || self.server.engine().works();
            let was_silent = std::mem::replace(&mut self.silent, items.is_empty());
            self.add(items);
            if !is_all {
                self.follow = Some(follow);
            } else if self.wanted.follow && may_go_on && !follow.is_over() {
                self.follow = Some(follow);
                if self.ready.is_empty() {
                    self.wait(LOOK_EVERY[usize::from(was_silent)]).await?;
                }
            } else {
                let rest = follow.rest();
                self.add(rest);
            }
        }
    }

    /// Waits until there may be more; none when the engine leaves.
    async fn wait(&self, pause: Duration) -> Option<()> {
        tokio::select! {
            () = tokio::time::sleep(pause) => Some(()),
            () = self.server.life().closing() => None,
        }
    }

    fn add(&mut self, items: Vec<LogItem>) {
        let only = self.wanted.only;
        let wanted = items.into_iter().filter(|item| match item.body {
            LogBody::Out { .. } => only != Some(Only::Err),
            LogBody::Err { .. } => only != Some(Only::Out),
            LogBody::Gap { .. } | LogBody::Ended { .. } => true,
        });
        let messages = wanted.filter_map(|item| {
            let name = match item.body {
                LogBody::Out { .. } => "out",
                LogBody::Err { .. } => "err",
                LogBody::Gap { .. } => "gap",
                LogBody::Ended { .. } => "ended",
            };
            let message = Message::default().id(item.seq.to_string()).event(name);
            message.json_data(item).ok()
        });
        self.ready.extend(messages);
    }
}
