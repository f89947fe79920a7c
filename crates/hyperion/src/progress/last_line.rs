//! The last line that a run wrote, for as long as somebody looks.

use std::sync::{Arc, Mutex, PoisonError};

use hyperion_api::Client;
use hyperion_api::client::FeedItem;
use hyperion_api::run::LogBody;
use tokio::task::JoinHandle;

use crate::route::Route;

/// Follows one run until it goes.
pub(super) struct LastLine {
    line: Arc<Mutex<Option<String>>>,
    following: JoinHandle<()>,
}

impl LastLine {
    pub(super) fn watch(run: &str, client: Client) -> Self {
        let route = Route::new("/api/runs").segment(run).segment("log");
        let route = route.query("follow", "true").query("tail_lines", "1");
        let line = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&line);
        let following = tokio::spawn(async move {
            // What breaks off is not worth a word: there is only no line then.
            let Ok(mut log) = client.log(route.as_str()).await else {
                return;
            };
            while let Ok(Some(item)) = log.next().await {
                if let FeedItem::Event(item) = item
                    && let LogBody::Out { text } | LogBody::Err { text } = &item.body
                    && let Some(last) = text.lines().rfind(|line| !line.trim().is_empty())
                {
                    let last = Some(last.trim_end().to_owned());
                    *kept.lock().unwrap_or_else(PoisonError::into_inner) = last;
                }
            }
        });
        Self { line, following }
    }

    /// Gives it, once there is one.
    pub(super) fn get(&self) -> Option<String> {
        self.line
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for LastLine {
    fn drop(&mut self) {
        self.following.abort();
    }
}
