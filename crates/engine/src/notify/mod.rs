//! Tells people of what waits for them, and of what ended.
//!
//! What is told follows from committed events. A cursor in the store says up to which event nothing is left to tell; it moves on
//! only after a message was sent. So a crash may have a message sent twice, and never has one forgotten.

mod news;
mod settings;
mod teller;

use hyperion_api::notify::{Tried, Tries};
use hyperion_notify::Message;

pub use hyperion_notify::{Kind, Rules, Secret, check_url};
pub use settings::{Notify, SecretFrom};
pub(crate) use teller::Teller;

use crate::{Cx, Error};
use teller::Channels;

/// Sends a test message by every channel that is set up, and says how that went.
pub fn test(cx: &Cx) -> Result<Tries, Error> {
    let runtime = runtime()?;
    let message = Message::test(cx.ids.next().to_string(), cx.now().to_string());
    let channels = Channels::of(&cx.settings.notify);
    let seconds = cx.now().as_second();
    let mut tries = Vec::new();
    if let Some(desktop) = channels.desktop() {
        tries.push(tried(
            "desktop",
            desktop.and_then(|desktop| desktop.show(&message)),
        ));
    }
    if let Some(webhook) = channels.webhook() {
        let sent = match webhook {
            Ok(webhook) => {
                let sent = runtime.block_on(webhook.deliver(&message, seconds));
                sent.map_err(|error| error.to_string())
            }
            Err(why) => Err(why),
        };
        tries.push(tried("webhook", sent));
    }
    Ok(Tries { tries })
}

fn tried(channel: &str, outcome: Result<(), String>) -> Tried {
    Tried {
        channel: channel.to_owned(),
        trouble: outcome.err(),
    }
}

/// Names each channel that is set up with what it reaches, or why it cannot.
pub(crate) fn channels(settings: &Notify) -> Vec<(&'static str, Result<String, String>)> {
    let channels = Channels::of(settings);
    let desktop = channels.desktop();
    let desktop = desktop.map(|found| ("desktop", found.map(|_| "the desktop".to_owned())));
    let webhook = channels.webhook();
    let webhook = webhook.map(|found| {
        (
            "webhook",
            found.map(|webhook| format!("a webhook at {}", webhook.host())),
        )
    });
    desktop.into_iter().chain(webhook).collect()
}

/// What the last message came to, as the doctor reads it; none before there was one.
pub(crate) fn trouble(cx: &Cx) -> Option<String> {
    let kept = cx.store.meta(teller::TROUBLE).ok()??;
    Some(kept).filter(|kept| !kept.is_empty())
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Io {
            what: "the thread that tells people".to_owned(),
            source,
        })
}
