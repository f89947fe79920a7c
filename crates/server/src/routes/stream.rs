//! One resumable stream for all that a page shows.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use hyperion_api::Problem;
use hyperion_api::event::CUT_OFF;
use hyperion_api::stream::{Opened, Subscribe, Subscription};
use hyperion_engine::run::Follow;
use hyperion_identity::Need;
use hyperion_model::run::Run;
use hyperion_model::{RepoId, RunId, Uuid};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::event::{self, Asked, Notices};
use crate::answer::{Answer, Feed, Refusal};
use crate::caller::Caller;
use crate::feed::{Following, Next};
use crate::streams::{Place, Subscribed, Topic, Version};
use crate::subject::find;
use crate::table::Routes;
use crate::{Server, sse};

/// How often what comes fast is told, at most.
const EVERY: Duration = Duration::from_millis(100);
/// How many messages wait for a page that is slow; then nothing more is read for it.
const WAITING_MAX: usize = 32;
/// How many notices one message holds.
const NOTICES_MAX: usize = 200;

pub(super) fn routes() -> Routes {
    Routes::about("streams")
        .get(
            "/api/stream",
            Need::VIEWER,
            "Opens a page's stream, or goes on with it",
            open,
        )
        .post(
            "/api/stream/{id}/subscriptions",
            Need::VIEWER,
            "Adds something to a stream",
            subscribe,
        )
        .post(
            "/api/stream/{id}/subscriptions/{subscription}/end",
            Need::VIEWER,
            "Takes something out of a stream",
            unsubscribe,
        )
}

async fn open(
    State(server): State<Server>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Feed, Refusal> {
    let owner = caller.actor().to_string();
    let (place, moves) = match headers.get("last-event-id") {
        Some(id) => {
            let place: Option<Place> = id.to_str().ok().and_then(|id| id.parse().ok());
            let place = place.ok_or_else(|| {
                let detail = "Last-Event-ID is not the id of one of a stream's messages";
                Problem::new("input.invalid", detail).hint("leave it out to open a new stream")
            })?;
            let moves = server.streams().resume(&place, &owner)?;
            (place, moves)
        }
        None => {
            let place = Place {
                stream: server.cx().ids.next(),
                after: BTreeMap::new(),
            };
            let moves = server.streams().open(place.stream, &owner)?;
            (place, moves)
        }
    };
    let connection = moves.borrow().connection;
    let (sender, pieces) = mpsc::channel(WAITING_MAX);
    let mut page = Page {
        server,
        place,
        connection,
        moves,
        sender,
        pieces,
        at_work: BTreeMap::new(),
    };
    let first = page.opened();
    page.look();
    let messages =
        futures_util::stream::unfold((Some(first), page), |(first, mut page)| async move {
            let message = match first {
                Some(first) => first,
                None => page.next().await?,
            };
            Some((message, (None, page)))
        });
    Ok(Feed::new(sse::response(messages)))
}

async fn subscribe(
    State(server): State<Server>,
    caller: Caller,
    Path(stream): Path<String>,
    Json(wish): Json<Subscribe>,
) -> Answer<Subscription> {
    let id = parse(&stream)?;
    let new = match wish {
        Subscribe::Events {
            kinds,
            subject,
            request,
            repo,
            after,
        } => {
            let asked = Asked {
                kinds,
                subject,
                request,
                repo,
                since: None,
            };
            let wanted = event::wanted(&server, asked).await?;
            let after = match after {
                Some(after) => after,
                None => server
                    .cx()
                    .store
                    .last_seq()
                    .map_err(hyperion_engine::Error::from)?,
            };
            Subscribed {
                topic: Topic::Events(wanted),
                after,
            }
        }
        Subscribe::Notices { repo } => {
            let asked = Asked {
                repo,
                ..Asked::default()
            };
            Subscribed {
                topic: Topic::Notices(event::wanted(&server, asked).await?.repo),
                after: 0,
            }
        }
        Subscribe::Output { run, after } => {
            let looking = server.clone();
            let found =
                tokio::task::spawn_blocking(move || find::<Run>(looking.cx(), &run, RunId::new));
            let found = match found.await {
                Ok(found) => found?,
                Err(_) => {
                    return Err(Problem::new("internal", "the call ended unexpectedly").into());
                }
            };
            Subscribed {
                topic: Topic::Output(found.id),
                after: after.unwrap_or(0),
            }
        }
    };
    let topic = new.topic.name().to_owned();
    let number = server
        .streams()
        .subscribe(id, &caller.actor().to_string(), new)?;
    Ok(Json(Subscription {
        id: number,
        stream_id: id.to_string(),
        topic,
    }))
}

async fn unsubscribe(
    State(server): State<Server>,
    caller: Caller,
    Path((stream, subscription)): Path<(String, u32)>,
) -> Answer<Opened> {
    let id = parse(&stream)?;
    let streams = server.streams();
    streams.unsubscribe(id, &caller.actor().to_string(), subscription)?;
    Ok(Json(opened(&server, id)))
}

/// Tells what a stream is subscribed to.
fn opened(server: &Server, id: Uuid) -> Opened {
    let subscribed = server.streams().subscribed(id).into_iter();
    let subscriptions = subscribed.map(|(number, subscribed)| Subscription {
        id: number,
        stream_id: id.to_string(),
        topic: subscribed.topic.name().to_owned(),
    });
    Opened {
        stream_id: id.to_string(),
        subscriptions: subscriptions.collect(),
    }
}

fn parse(stream: &str) -> Result<Uuid, Problem> {
    stream.parse().map_err(|_| {
        let detail = format!("{stream:?} is not the id of a stream");
        Problem::new("input.invalid", detail).hint("the stream's first message has it")
    })
}

/// A part of what a page hears: of which subscription, behind what it goes on from there, and the message.
struct Piece {
    subscription: u32,
    after: u64,
    name: &'static str,
    data: String,
}

/// A page's connection.
struct Page {
    server: Server,
    place: Place,
    connection: u64,
    moves: watch::Receiver<Version>,
    sender: mpsc::Sender<Piece>,
    pieces: mpsc::Receiver<Piece>,
    /// What reads for each subscription.
    at_work: BTreeMap<u32, AbortHandle>,
}

impl Page {
    fn opened(&self) -> Bytes {
        let opened = opened(&self.server, self.place.stream);
        let data = json!(opened).to_string();
        sse::message(Some(&self.place.to_string()), "stream", &data)
    }

    /// Begins what was subscribed to, and ends what is no longer.
    fn look(&mut self) {
        self.moves.borrow_and_update();
        let subscribed = self.server.streams().subscribed(self.place.stream);
        self.at_work.retain(|id, work| {
            let stays = subscribed.contains_key(id);
            if !stays {
                work.abort();
            }
            stays
        });
        self.place.after.retain(|id, _| subscribed.contains_key(id));
        for (id, new) in subscribed {
            if self.at_work.contains_key(&id) {
                continue;
            }
            self.place.after.insert(id, new.after);
            let (server, sender) = (self.server.clone(), self.sender.clone());
            let work = tokio::spawn(async move { read(server, id, new, sender).await });
            self.at_work.insert(id, work.abort_handle());
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                Some(piece) = self.pieces.recv() => {
                    let Piece { subscription, after, name, data } = piece;
                    // It may have ended while this was on its way.
                    if let Some(place) = self.place.after.get_mut(&subscription) {
                        *place = after;
                        return Some(sse::message(Some(&self.place.to_string()), name, &data));
                    }
                }
                moved = self.moves.changed() => {
                    if moved.is_err() || self.moves.borrow().connection != self.connection {
                        return None;
                    }
                    self.look();
                }
                () = self.server.life().closing() => return None,
            }
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        for work in self.at_work.values() {
            work.abort();
        }
        self.server.streams().leave(&self.place, self.connection);
    }
}

/// Reads for a subscription until it ends; whoever waits for a slow page reads nothing more.
async fn read(server: Server, id: u32, new: Subscribed, sender: mpsc::Sender<Piece>) -> Option<()> {
    match new.topic {
        Topic::Events(wanted) => {
            let mut following = Following::new(server, wanted, new.after, true);
            loop {
                let (name, after, data) = match following.next().await {
                    Next::Event(told) => {
                        let data = format!("{{\"subscription\":{id},\"event\":{}}}", told.text);
                        ("event", following.after(), data)
                    }
                    Next::CutOff(after) => {
                        let data = json!({"subscription": id, "resume_after": after});
                        (CUT_OFF, after, data.to_string())
                    }
                    Next::End => return None,
                };
                sender
                    .send(Piece {
                        subscription: id,
                        after,
                        name,
                        data,
                    })
                    .await
                    .ok()?;
                if name == CUT_OFF {
                    return None;
                }
            }
        }
        Topic::Notices(repo) => notices(&server, id, repo, &sender).await,
        Topic::Output(run) => output(&server, id, run, new.after, &sender).await,
    }
}

async fn notices(
    server: &Server,
    id: u32,
    repo: Option<RepoId>,
    sender: &mpsc::Sender<Piece>,
) -> Option<()> {
    let mut notices = Notices::of_all(server.cx(), repo);
    loop {
        let mut items = vec![notices.next().await];
        let until = Instant::now() + EVERY;
        while let Ok(told) = tokio::time::timeout_at(until, notices.next()).await {
            // What is more than a page can show is left out: it lists them when it wants all.
            if items.len() < NOTICES_MAX {
                items.push(told);
            }
        }
        for items in items.chunk_by(|one, next| one.kind == next.kind) {
            let data = json!({
                "subscription": id,
                "kind": items[0].kind,
                "items": items.iter().map(|told| &told.data).collect::<Vec<_>>(),
            });
            let piece = Piece {
                subscription: id,
                after: 0,
                name: "notice",
                data: data.to_string(),
            };
            sender.send(piece).await.ok()?;
        }
    }
}

async fn output(
    server: &Server,
    id: u32,
    run: RunId,
    mut after: u64,
    sender: &mpsc::Sender<Piece>,
) -> Option<()> {
    let beginning = server.clone();
    let begun = tokio::task::spawn_blocking(move || Follow::after(beginning.cx(), run, after));
    let mut follow = begun.await.ok()?.inspect_err(said).ok()?;
    loop {
        let told_at = Instant::now();
        let reading = server.clone();
        let read = tokio::task::spawn_blocking(move || {
            let read = follow.read(reading.cx());
            (read, follow)
        });
        let (read, ahead) = read.await.ok()?;
        follow = ahead;
        let read = read.inspect_err(said).ok()?;
        let mut items = read.items;
        let is_over = read.is_all && follow.is_over();
        if is_over {
            items.extend(follow.rest());
        }
        if let Some(last) = items.last() {
            after = last.seq;
            let data = json!({"subscription": id, "items": items});
            let piece = Piece {
                subscription: id,
                after,
                name: "output",
                data: data.to_string(),
            };
            sender.send(piece).await.ok()?;
        }
        if is_over {
            return None;
        }
        tokio::time::sleep_until(told_at + EVERY).await;
    }
}

fn said(error: &hyperion_engine::Error) {
    tracing::error!(%error, "a stream of a run's output ended");
}
