//! A transport that stops reading requests while too many are unanswered: for clients that send and never read.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ClientNotification, JsonRpcMessage, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::sync::Notify;

/// The most requests that are taken in before the first of them is answered.
pub(crate) const UNANSWERED_MAX: usize = 64;

/// How long what was asked before the end of the input may take to be answered.
const LAST_ANSWERS: Duration = Duration::from_secs(60);

/// Wraps a transport.
pub(crate) struct Bounded<T> {
    inner: T,
    open: Arc<Open>,
    ended: bool,
}

/// Requests that were taken in and not answered yet.
#[derive(Default)]
struct Open {
    ids: Mutex<HashSet<RequestId>>,
    fewer: Notify,
}

impl Open {
    fn count(&self) -> usize {
        self.ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    fn add(&self, id: RequestId) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.insert(id);
    }

    fn remove(&self, id: &RequestId) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.remove(id);
        drop(ids);
        self.fewer.notify_one();
    }

    /// Waits until there are at most so many.
    async fn at_most(&self, max: usize) {
        while self.count() > max {
            self.fewer.notified().await;
        }
    }
}

impl<T> Bounded<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            open: Arc::default(),
            ended: false,
        }
    }
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for Bounded<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let answered = match &item {
            JsonRpcMessage::Response(response) => Some(response.id.clone()),
            JsonRpcMessage::Error(error) => error.id.clone(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        let sending = self.inner.send(item);
        let open = Arc::clone(&self.open);
        async move {
            let sent = sending.await;
            // Counted as answered only now: until the client has read the answer, it uses memory here.
            if let Some(id) = answered {
                open.remove(&id);
            }
            sent
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        // May be dropped and called again at each await: nothing is taken in before, and nothing is lost after.
        self.open.at_most(UNANSWERED_MAX - 1).await;
        let received = if self.ended {
            None
        } else {
            self.inner.receive().await
        };
        match &received {
            Some(JsonRpcMessage::Request(request)) => self.open.add(request.id.clone()),
            // The service drops the answer to a cancelled request.
            Some(JsonRpcMessage::Notification(notification)) => {
                if let ClientNotification::CancelledNotification(cancelled) =
                    &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.open.remove(id);
                }
            }
            Some(JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)) => {}
            None => {
                // Whoever closed the input may still read: `printf … | hyperion mcp …` gets its answers.
                self.ended = true;
                let _ = tokio::time::timeout(LAST_ANSWERS, self.open.at_most(0)).await;
            }
        }
        received
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}
