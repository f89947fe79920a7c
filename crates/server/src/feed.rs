//! The feed: what was committed is read once, and handed to everybody who follows.
//!
//! A client first catches up from the database, a page at a time, then takes what the one reader hands out. So a thousand clients cost
//! no query each, and each of them holds one page at most. Whoever is further behind than [`BEHIND_MAX`] is cut off, and told the number
//! behind which they can go on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use hyperion_engine::{Cx, Error};
use hyperion_model::request::Request;
use hyperion_model::{RepoId, RequestId, Subject, Time};
use hyperion_store::{EventFilter, Order};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};

use crate::{Server, sse};

/// How many events a client that follows may be behind.
const BEHIND_MAX: usize = 2048;
/// How many events are read at once.
const PAGE: u32 = 500;
/// How often a database that another process writes is looked into.
const POLL: Duration = Duration::from_millis(500);
/// Of how many requests it is remembered which repository they are about.
const REQUESTS_MAX: usize = 10_000;

/// An event as it is told.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) seq: u64,
    pub(crate) kind: String,
    pub(crate) subject: Subject,
    pub(crate) request: Option<RequestId>,
    pub(crate) repo: Option<RepoId>,
    pub(crate) time: Time,
    /// All of it, as JSON.
    pub(crate) text: String,
    /// The message that every plain client gets.
    pub(crate) message: Bytes,
}

/// Which events a client wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// These kinds; one that ends in a dot stands for all that begin so.
    pub(crate) kinds: Vec<String>,
    pub(crate) subject: Option<Subject>,
    pub(crate) request: Option<RequestId>,
    pub(crate) repo: Option<RepoId>,
    pub(crate) since: Option<Time>,
}

impl Wanted {
    fn takes(&self, told: &Told) -> bool {
        let Self {
            kinds,
            subject,
            request,
            repo,
            since,
        } = self;
        let fits = |kind: &String| {
            *kind == told.kind || (kind.ends_with('.') && told.kind.starts_with(kind.as_str()))
        };
        (kinds.is_empty() || kinds.iter().any(fits))
            && subject.is_none_or(|subject| subject == told.subject)
            && request.is_none_or(|request| told.request == Some(request))
            && repo.is_none_or(|repo| told.repo == Some(repo))
            && since.is_none_or(|since| told.time >= since)
    }

    fn filter(&self, after: u64) -> EventFilter {
        EventFilter {
            subject: self.subject,
            request: self.request,
            kinds: self.kinds.clone(),
            since: self.since,
            after: Some(after),
            order: Order::OldestFirst,
            limit: PAGE,
            ..EventFilter::default()
        }
    }
}

/// Hands out what is committed, while anybody follows.
#[derive(Debug, Default)]
pub(crate) struct Feed(Mutex<Option<Sender<Arc<Told>>>>);

impl Feed {
    /// Follows what is committed from about now on.
    fn subscribe(&self, server: &Server) -> Receiver<Arc<Told>> {
        let mut sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*sender {
            return sender.subscribe();
        }
        let (new, receiver) = broadcast::channel(BEHIND_MAX);
        *sender = Some(new.clone());
        // Whoever subscribes looks into the database once more behind this, so nothing falls in between.
        let commits = server.cx().store.subscribe();
        let from = *commits.borrow();
        tokio::spawn(hand_out(server.clone(), commits, from, new));
        receiver
    }

    /// Forgets the reader, if nobody follows.
    fn is_left(&self, sender: &Sender<Arc<Told>>) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_left = sender.receiver_count() == 0;
        if is_left {
            *kept = None;
        }
        is_left
    }

    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Reads what is committed and hands it out until nobody follows or the engine leaves.
async fn hand_out(
    server: Server,
    mut commits: tokio::sync::watch::Receiver<u64>,
    mut after: u64,
    sender: Sender<Arc<Told>>,
) {
    let mut repos = Repos::default();
    loop {
        commits.borrow_and_update();
        let reading = {
            let server = server.clone();
            tokio::task::spawn_blocking(move || {
                let page = read(server.cx(), &Wanted::default(), after, &mut repos)?;
                Ok::<_, Error>((page, repos))
            })
        };
        let Ok(read) = reading.await else { break };
        let (page, known) = match read {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "the feed ended");
                break;
            }
        };
        repos = known;
        after = page.last.unwrap_or(after);
        for told in page.told {
            // Nobody to hand it to is no error.
            let _ = sender.send(Arc::new(told));
        }
        if page.last.is_some() {
            continue;
        }
        if server.feed().is_left(&sender) {
            return;
        }
        let works = server.engine().works();
        tokio::select! {
            changed = commits.changed(), if works => if changed.is_err() { break },
            () = tokio::time::sleep(POLL), if !works => {}
            () = server.life().closing() => break,
        }
    }
    server.feed().forget();
}

/// Some events, and the number of the last that was looked at.
struct Page {
    told: Vec<Told>,
    last: Option<u64>,
}

/// Which repository requests are about.
#[derive(Default)]
struct Repos(HashMap<RequestId, Option<RepoId>>);

impl Repos {
    fn of(
        &mut self,
        cx: &Cx,
        subject: Subject,
        request: Option<RequestId>,
    ) -> Result<Option<RepoId>, Error> {
        let request = match (subject, request) {
            (Subject::Repo(id), _) => return Ok(Some(id)),
            (Subject::Request(id), _) => id,
            (_, Some(id)) => id,
            (_, None) => return Ok(None),
        };
        if let Some(known) = self.0.get(&request) {
            return Ok(*known);
        }
        let found = cx.store.get::<Request>(request)?;
        let repo = found.map(|found| found.submission.repo);
        if self.0.len() >= REQUESTS_MAX {
            self.0.clear();
        }
        self.0.insert(request, repo);
        Ok(repo)
    }
}

/// Reads a page of what is wanted.
fn read(cx: &Cx, wanted: &Wanted, after: u64, repos: &mut Repos) -> Result<Page, Error> {
    let page = cx.store.events(&wanted.filter(after))?;
    let seqs = page.events.iter().map(|event| event.seq);
    let last = seqs.chain(page.damaged.iter().copied()).max();
    let mut told = Vec::new();
    for event in &page.events {
        let kind = event.kind();
        let text = event.to_json().to_string();
        let one = Told {
            seq: event.seq,
            subject: event.event.subject,
            request: event.event.request,
            repo: repos.of(cx, event.event.subject, event.event.request)?,
            time: event.event.stamp.time,
            message: sse::message(Some(&event.seq.to_string()), &kind, &text),
            kind,
            text,
        };
        if wanted.takes(&one) {
            told.push(one);
        }
    }
    Ok(Page { told, last })
}

/// What comes next for a client.
#[derive(Debug)]
pub(crate) enum Next {
    /// An event.
    Event(Arc<Told>),
    /// The client is too far behind; it can go on behind this number.
    CutOff(u64),
    /// Nothing more: all was told, or the engine leaves.
    End,
}

/// Where one client stands.
pub(crate) struct Following {
    server: Server,
    wanted: Wanted,
    /// Whether it goes on once all was told.
    follow: bool,
    /// Up to where was looked in the database.
    looked: u64,
    /// The last event that was given, or passed over.
    after: u64,
    ready: VecDeque<Arc<Told>>,
    live: Option<Receiver<Arc<Told>>>,
    /// Whether all of the database was seen since `live` began.
    is_caught_up: bool,
}

impl Following {
    pub(crate) const fn new(server: Server, wanted: Wanted, after: u64, follow: bool) -> Self {
        Self {
            server,
            wanted,
            follow,
            looked: after,
            after,
            ready: VecDeque::new(),
            live: None,
            is_caught_up: false,
        }
    }

    /// Gives the number behind which it goes on.
    pub(crate) const fn after(&self) -> u64 {
        self.after
    }

    /// Whether it waits for what will be committed.
    pub(crate) const fn is_live(&self) -> bool {
        self.is_caught_up
    }

    /// Waits for what comes next. Whoever gives the wait up misses nothing.
    pub(crate) async fn next(&mut self) -> Next {
        loop {
            if let Some(told) = self.ready.pop_front() {
                self.after = told.seq;
                return Next::Event(told);
            }
            self.after = self.after.max(self.looked);
            if self.server.life().is_closing() {
                return Next::End;
            }
            match &mut self.live {
                Some(live) if self.is_caught_up => match live.recv().await {
                    Ok(told) if told.seq <= self.looked => {}
                    Ok(told) => {
                        self.looked = told.seq;
                        if self.wanted.takes(&told) {
                            self.after = told.seq;
                            return Next::Event(told);
                        }
                    }
                    Err(RecvError::Lagged(_)) => return Next::CutOff(self.after),
                    Err(RecvError::Closed) => return Next::End,
                },
                _ => {
                    if let Some(end) = self.catch_up().await {
                        return end;
                    }
                }
            }
        }
    }

    /// Reads a page; gives how it ends, if it does.
    async fn catch_up(&mut self) -> Option<Next> {
        let (server, wanted, looked) = (self.server.clone(), self.wanted.clone(), self.looked);
        let reading = tokio::task::spawn_blocking(move || {
            read(server.cx(), &wanted, looked, &mut Repos::default())
        });
        let page = match reading.await {
            Ok(Ok(page)) => page,
            Ok(Err(error)) => {
                tracing::error!(%error, "a client's feed ended");
                return Some(Next::End);
            }
            Err(_) => return Some(Next::End),
        };
        self.ready.extend(page.told.into_iter().map(Arc::new));
        match page.last {
            Some(last) => self.looked = last,
            None if !self.follow => return Some(Next::End),
            // What is committed between the look and the subscription is found by one more look.
            None if self.live.is_none() => {
                self.live = Some(self.server.feed().subscribe(&self.server));
            }
            None => self.is_caught_up = true,
        }
        None
    }
}
