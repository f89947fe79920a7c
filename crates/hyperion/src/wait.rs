//! Waits for requests, telling what happens and asking the person where there is one.

use std::time::Duration;

use hyperion_api::client::{EventStream, FeedItem};
use hyperion_api::request::RequestDetail;
use hyperion_api::{ClientError, List};

use crate::exit::Exit;
use crate::id::short;
use crate::outcome::{Stage, stage};
use crate::output::Format;
use crate::output::wrap::wrapped;
use crate::progress::Progress;
use crate::question::{self, Answered};
use crate::route::Route;
use crate::session::Session;
use crate::view;

/// How long to rest on the feed before looking at the requests themselves.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often an engine may leave in a row before waiting is given up.
const REOPENINGS_MAX: u32 = 5;

/// Waits until every request ended or waits for a person, then says what came of each.
pub(crate) async fn wait(
    session: &mut Session<'_>,
    ids: &[String],
    format: Format,
) -> anyhow::Result<Exit> {
    let cx = session.cx();
    let names: Vec<_> = ids.iter().map(|id| short(id)).collect();
    let show = names
        .iter()
        .map(|id| format!("`hyperion request show {id}`"));
    cx.keeps(format!(
        "The work is kept: {}.\n{} shows how far it is.",
        session.who_carries_on(),
        show.collect::<Vec<_>>().join(", ")
    ));
    let mut waiting = Waiting {
        progress: Progress::new(ids, cx.zone()),
        feed: None,
        reopenings: 0,
        idle_at: None,
    };
    let mut ended = Vec::new();
    for id in ids {
        ended.push(waiting.one(session, id).await?);
    }
    let exits: Vec<Exit> = ended.iter().map(|(_, exit)| *exit).collect();
    let details: Vec<RequestDetail> = ended.into_iter().map(|(detail, _)| detail).collect();
    report(session, &details, &exits, format)?;
    // What others' work comes to is not part of this command's story.
    cx.output.end_progress();
    Ok(Exit::of_several(exits))
}

/// Says what came of each request.
fn report(
    session: &Session<'_>,
    details: &[RequestDetail],
    exits: &[Exit],
    format: Format,
) -> anyhow::Result<()> {
    let cx = session.cx();
    let list = List::whole(details.to_vec());
    cx.output.list(format, &list, "", |details, width| {
        let blocks = details
            .iter()
            .map(|detail| view::request::result(detail, cx.zone()));
        wrapped(&blocks.collect::<Vec<_>>().join("\n"), width).into_owned()
    })?;
    for (detail, exit) in details.iter().zip(exits) {
        if *exit == Exit::Waiting {
            cx.output.say(&waits_for(detail));
        }
    }
    Ok(())
}

/// Names what a request waits for and the exact command to go on.
fn waits_for(detail: &RequestDetail) -> String {
    let id = short(&detail.request.id);
    if let Stage::Unclear = stage(detail) {
        let mut text = format!("Request {id} waits for an answer:\n");
        for question in &detail.questions {
            text.push_str(&format!(
                "  - {}\n",
                crate::output::visible::visible(question)
            ));
        }
        text.push_str(&view::hint(&format!("hyperion request answer {id} \"…\"")));
        return text;
    }
    if let Stage::SentBack = stage(detail) {
        let mut text = format!("Request {id} waits for a new version of what was sent back:\n");
        for next in view::request::next_steps(detail) {
            text.push_str(&format!("  - {next}\n"));
        }
        return text;
    }
    let approvals = &detail.request.waiting_approvals;
    let paused = detail
        .entries
        .iter()
        .find(|one| view::request::is_paused(one));
    if approvals.is_empty()
        && let Some(entry) = paused
        && let Some(reason) = &entry.reason
    {
        let go_on = format!("hyperion queue resume --repo {}\n", entry.repo);
        return format!("Request {id} waits: {reason}\n{}", view::hint(&go_on));
    }
    if approvals.is_empty() {
        return format!(
            "Request {id} cannot go on without a person: `hyperion request show {id}` says why."
        );
    }
    let mut text = String::new();
    for approval in approvals.iter().map(|id| short(id)) {
        text.push_str(&format!("Request {id} waits for approval {approval}.\n"));
        text.push_str(&view::hint(&format!(
            "hyperion approval approve {approval}\n"
        )));
    }
    text
}

struct Waiting {
    progress: Progress,
    feed: Option<EventStream>,
    reopenings: u32,
    /// The last event at the time the engine had last nothing to do.
    idle_at: Option<u64>,
}

impl Waiting {
    async fn one(
        &mut self,
        session: &mut Session<'_>,
        id: &str,
    ) -> anyhow::Result<(RequestDetail, Exit)> {
        self.idle_at = None;
        loop {
            let detail = match self.look(session, id).await {
                Ok(detail) => detail,
                Err(error) => {
                    self.reopen(session, error).await?;
                    continue;
                }
            };
            self.progress.know(&detail);
            self.reopenings = 0;
            match stage(&detail) {
                Stage::Ended(exit) => {
                    self.tell_rest(session, id).await;
                    return Ok((detail, exit));
                }
                Stage::Unclear | Stage::SentBack => return Ok((detail, Exit::Waiting)),
                Stage::Asks(approvals) => {
                    let asked = match approvals.first() {
                        Some(first) if session.cx().output.is_interactive() => {
                            question::ask(session, first).await?
                        }
                        _ => Answered::Later,
                    };
                    if asked == Answered::Later {
                        return Ok((detail, Exit::Waiting));
                    }
                    // The request follows its approval a moment later.
                    self.rest(session, LOOK_EVERY / 5).await;
                }
                Stage::GoesOn => {
                    if !self.rest(session, LOOK_EVERY).await && self.is_stuck(session).await {
                        return Ok((detail, Exit::Waiting));
                    }
                }
            }
        }
    }

    async fn look(
        &mut self,
        session: &mut Session<'_>,
        id: &str,
    ) -> Result<RequestDetail, ClientError> {
        if self.feed.is_none() {
            let route = self.progress.route(session.seen());
            self.feed = match session.client().events(route.as_str()).await {
                Ok(feed) => Some(feed),
                // Too many follow it: looking now and then does as well.
                Err(ClientError::Problem(_)) => None,
                Err(error) => return Err(error),
            };
        }
        let route = Route::new("/api/requests").segment(id);
        session.client().get(route.as_str()).await
    }

    /// Tells what happened up to the end of a request, as far as the feed brings it soon.
    async fn tell_rest(&mut self, session: &mut Session<'_>, id: &str) {
        let Ok(idle) = session.idle(0).await else {
            return;
        };
        let deadline = tokio::time::Instant::now() + LOOK_EVERY;
        while self.feed.is_some()
            && session.seen() < idle.last_seq
            && !self.progress.has_told_the_end_of(id)
            && tokio::time::Instant::now() < deadline
        {
            self.rest(session, LOOK_EVERY / 5).await;
        }
    }

    /// Tells what happens; true as soon as something did that may move the request on.
    async fn rest(&mut self, session: &mut Session<'_>, limit: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + limit;
        let mut happened = false;
        loop {
            let Some(feed) = self.feed.as_mut() else {
                tokio::time::sleep_until(deadline).await;
                return happened;
            };
            // What is there already is told before looking again.
            let pause = if happened {
                Duration::from_millis(20)
            } else {
                Duration::MAX
            };
            let until = deadline
                .min(tokio::time::Instant::now() + pause.min(limit.max(Duration::from_millis(50))));
            match tokio::time::timeout_at(until, feed.next()).await {
                Err(_elapsed) => {
                    self.progress.tick(&session.cx().output);
                    return happened;
                }
                Ok(Ok(Some(FeedItem::KeepAlive | FeedItem::Notice(_)))) => {}
                Ok(Ok(Some(FeedItem::Event(event)))) if event.seq <= session.seen() => {}
                Ok(Ok(Some(FeedItem::Event(event)))) => {
                    session.saw(event.seq);
                    let client = session.client().clone();
                    let output = &session.cx().output;
                    self.progress.tell(&event, &client, output).await;
                    happened = true;
                }
                // The engine left: the next look finds that out, or another engine.
                Ok(Ok(None) | Err(_)) => self.feed = None,
            }
        }
    }

    /// Whether the engine itself says, twice with nothing in between, that only a person can go on.
    async fn is_stuck(&mut self, session: &Session<'_>) -> bool {
        let Ok(idle) = session.idle(0).await else {
            return false;
        };
        let before = self.idle_at.take();
        if idle.idle {
            self.idle_at = Some(idle.last_seq);
        }
        idle.idle && before == Some(idle.last_seq)
    }

    async fn reopen(
        &mut self,
        session: &mut Session<'_>,
        error: ClientError,
    ) -> anyhow::Result<()> {
        let left = matches!(error, ClientError::Transport(_));
        if !left || self.reopenings == REOPENINGS_MAX {
            return Err(error.into());
        }
        self.reopenings += 1;
        self.feed = None;
        session.reopen().await
    }
}

#[cfg(test)]
mod tests;
