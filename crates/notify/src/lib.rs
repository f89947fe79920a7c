//! Tells people of what happened, on their desktop or by a webhook.
//!
//! What there is to tell is found elsewhere. This crate says when it is told, words one message for all of it, and hands that over.

mod desktop;
mod message;
mod outbox;
mod webhook;

pub use desktop::Desktop;
pub use message::{ITEMS_MAX, Item, Kind, Message};
pub use outbox::{News, Outbox, Rules, Step};
pub use webhook::{
    DELIVERY, SIGNATURE, Secret, Undelivered, UrlError, Webhook, check_url, signature,
};
