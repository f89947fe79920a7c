//! The thread that tells people: of its own, because who is told may be slow or gone.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hyperion_notify::{Desktop, Message, Outbox, Rules, Step, Undelivered, Webhook};
use tokio::sync::watch;

use super::news::{self, About};
use super::settings::{Notify, SecretFrom};
use crate::error::chain;
use crate::{Cx, Error};

/// The cursor: one more than the number of the last event of which nothing is left to tell; 0 while nobody is told anything.
const CURSOR: &str = "notify";
/// Where it is kept why the last message did not arrive; empty when it did.
pub(super) const TROUBLE: &str = "notify.trouble";
/// How many events are read at once.
const PAGE: u32 = 500;
/// How long the thread waits after the store could not be read or written.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// How long an engine that leaves waits for its last message.
const LAST_MESSAGE: Duration = Duration::from_secs(15);

/// The thread that tells people.
pub(crate) struct Teller(Mutex<Option<Parts>>);

struct Parts {
    stop: watch::Sender<bool>,
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

impl Teller {
    /// Starts it, if anybody is to be told anything.
    pub(crate) fn start(cx: &Arc<Cx>) -> Result<Self, Error> {
        let kept = cx.store.cursor(CURSOR)?;
        if !cx.settings.notify.is_on() {
            if kept != 0 {
                // Who switches it on again does not want to hear of what was meanwhile.
                cx.store.set_cursor(CURSOR, 0)?;
            }
            return Ok(Self(Mutex::new(None)));
        }
        let from = match kept {
            0 => cx.store.last_seq()?,
            next => next - 1,
        };
        let mut telling = Telling::new(Arc::clone(cx), from);
        telling.note()?;
        let runtime = super::runtime()?;
        let (stop, stopping) = watch::channel(false);
        let (ending, ended) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("teller".to_owned())
            .spawn(move || {
                runtime.block_on(telling.run(stopping));
                // Whoever waited may have given up.
                let _ = ending.send(());
            })
            .map_err(|source| Error::Io {
                what: "the thread that tells people".to_owned(),
                source,
            })?;
        Ok(Self(Mutex::new(Some(Parts {
            stop,
            ended,
            thread,
        }))))
    }

    /// Has it tell what is left, and end.
    pub(crate) fn stop(&self) {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Parts {
            stop,
            ended,
            thread,
        }) = parts
        else {
            return;
        };
        stop.send_replace(true);
        match ended.recv_timeout(LAST_MESSAGE) {
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!("the last message did not end in time; the next engine sends it");
            }
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                // A panic in there was printed.
                let _ = thread.join();
            }
        }
    }
}

/// What people are reached by. A channel that cannot be had says why.
pub(super) struct Channels {
    desktop: Option<Result<Desktop, String>>,
    webhook: Option<Result<Webhook, String>>,
}

impl Channels {
    pub(super) fn of(settings: &Notify) -> Self {
        let desktop = settings.desktop.then(|| {
            let missing =
                "there is no notify-send here (Debian and Ubuntu: the package libnotify-bin)";
            Desktop::find(&settings.environment).ok_or_else(|| missing.to_owned())
        });
        let webhook = settings.webhook_url.as_ref().map(|url| {
            let secret = settings.webhook_secret.as_ref().map(SecretFrom::read);
            let webhook = Webhook::new(url, secret.transpose()?);
            webhook.map_err(|error| error.to_string())
        });
        Self { desktop, webhook }
    }

    pub(super) fn desktop(&self) -> Option<Result<&Desktop, String>> {
        self.desktop
            .as_ref()
            .map(|it| it.as_ref().map_err(Clone::clone))
    }

    pub(super) fn webhook(&self) -> Option<Result<&Webhook, String>> {
        self.webhook
            .as_ref()
            .map(|it| it.as_ref().map_err(Clone::clone))
    }
}

/// What is told, and what was.
struct Telling {
    cx: Arc<Cx>,
    rules: Rules,
    channels: Channels,
    outbox: Outbox<About>,
    /// The message on its way, for the webhook.
    message: Option<Message>,
    trouble: String,
}

impl Telling {
    fn new(cx: Arc<Cx>, from: u64) -> Self {
        let settings = &cx.settings.notify;
        Self {
            rules: settings.rules.clone(),
            channels: Channels::of(settings),
            outbox: Outbox::new(from),
            message: None,
            trouble: super::trouble(&cx).unwrap_or_default(),
            cx,
        }
    }

    async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let mut commits = self.cx.store.subscribe();
        loop {
            let stops = *stopping.borrow_and_update();
            commits.borrow_and_update();
            if stops {
                self.rules = self.rules.at_once();
            }
            let patience = match self.turn().await {
                Ok(_) | Err(_) if stops => {
                    // Once, and what does not arrive is the next engine's.
                    let noted = self.note();
                    if let Err(error) = noted {
                        tracing::warn!(error = %chain(&error), "could not note what people were told");
                    }
                    return;
                }
                Ok(Some(until_ms)) => {
                    let now_ms = self.cx.now().as_millisecond();
                    Some(Duration::from_millis(
                        u64::try_from(until_ms - now_ms).unwrap_or(0),
                    ))
                }
                Ok(None) => None,
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "could not tell people of what happened");
                    Some(AFTER_FAILURE)
                }
            };
            let rest = async {
                match patience {
                    Some(patience) => tokio::time::sleep(patience).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = commits.changed() => if changed.is_err() { return },
                changed = stopping.changed() => if changed.is_err() { return },
                () = rest => {}
            }
        }
    }

    /// Reads what happened and tells what is due; gives when there will be more to do.
    async fn turn(&mut self) -> Result<Option<i64>, Error> {
        self.read()?;
        loop {
            let now = self.cx.now();
            let now_ms = now.as_millisecond();
            match self.outbox.step(now_ms, &self.rules) {
                Step::Wait(until_ms) => return Ok(until_ms),
                Step::Tell => {
                    // What was settled meanwhile is not told.
                    let (cx, mut failed) = (Arc::clone(&self.cx), None);
                    self.outbox.keep(|news| {
                        news::is_still(&cx, now, news).unwrap_or_else(|error| {
                            failed = Some(error);
                            true
                        })
                    });
                    if let Some(error) = failed {
                        return Err(error);
                    }
                    let due = self.outbox.begin(now_ms, &self.rules);
                    if due.is_empty() {
                        continue;
                    }
                    let items = due.iter().map(|news| news::item(&self.cx, news)).collect();
                    let id = self.cx.ids.next().to_string();
                    let message = Message::new(id, now.to_string(), items);
                    if let Some(Err(trouble)) = self.show(&message) {
                        self.say(trouble)?;
                    }
                    self.message = Some(message);
                    self.send(now_ms).await?;
                }
                Step::Again => self.send(now_ms).await?,
            }
            if self.message.is_some() {
                // It did not arrive; the outbox knows when it is tried again.
                if let Step::Wait(until_ms) = self.outbox.step(now_ms, &self.rules) {
                    return Ok(until_ms);
                }
            }
        }
    }

    fn show(&self, message: &Message) -> Option<Result<(), String>> {
        let desktop = self.channels.desktop()?;
        Some(desktop.and_then(|desktop| desktop.show(message)))
    }

    /// Sends the message that is on its way.
    async fn send(&mut self, now_ms: i64) -> Result<(), Error> {
        let sent = match (&self.message, self.channels.webhook()) {
            (Some(message), Some(Ok(webhook))) => webhook.deliver(message, now_ms / 1000).await,
            (Some(_), Some(Err(why))) => Err(Undelivered::ForGood(why)),
            (None, _) | (_, None) => Ok(()),
        };
        let now_ms = self.cx.now().as_millisecond();
        match sent {
            Ok(()) => {
                self.outbox.done(now_ms);
                self.message = None;
                // A desktop that could not be told stays a trouble.
                if self.channels.webhook.is_some() {
                    self.say(String::new())?;
                }
            }
            Err(Undelivered::ForNow(why)) => {
                if !self.outbox.failed(now_ms) {
                    tracing::warn!(why, "gave a message to people up");
                    self.message = None;
                }
                self.say(why)?;
            }
            Err(Undelivered::ForGood(why)) => {
                tracing::warn!(why, "a message to people will not arrive");
                self.outbox.done(now_ms);
                self.message = None;
                self.say(why)?;
            }
        }
        self.note()
    }

    fn read(&mut self) -> Result<(), Error> {
        while self.outbox.has_room() {
            let page = self.cx.store.events_after(self.outbox.read(), PAGE)?;
            let last = page.events.iter().map(|event| event.seq);
            let Some(last) = last.chain(page.damaged.iter().copied()).max() else {
                return Ok(());
            };
            let on = &self.rules.on;
            let news = page.events.iter().filter_map(news::of);
            self.outbox
                .add(last, news.filter(|news| on.contains(&news.kind)));
        }
        Ok(())
    }

    /// Keeps up to where everything was told.
    fn note(&mut self) -> Result<(), Error> {
        self.cx
            .store
            .set_cursor(CURSOR, self.outbox.settled() + 1)?;
        Ok(())
    }

    /// Keeps what the doctor tells of the last message.
    fn say(&mut self, trouble: String) -> Result<(), Error> {
        if self.trouble != trouble {
            self.cx.store.set_meta(TROUBLE, &trouble)?;
            self.trouble = trouble;
        }
        Ok(())
    }
}
