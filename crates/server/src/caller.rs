//! Who makes a call: found once for each, before its route, which hands it on.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use hyperion_api::Problem;
use hyperion_model::Actor;

use crate::Server;
use crate::answer::Refusal;

/// Whoever makes a call.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    actor: Actor,
}

impl Caller {
    /// Gives who they are in the record.
    pub(crate) const fn actor(&self) -> &Actor {
        &self.actor
    }
}

/// Finds who makes a call: on the home's socket its owner, whom the socket lets in alone.
pub(crate) async fn identify(
    State(server): State<Server>,
    mut request: Request,
    next: Next,
) -> Response {
    let actor = server.owner().clone();
    request.extensions_mut().insert(Caller { actor });
    next.run(request).await
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Problem::new("internal", "the call came in without anybody who makes it").into()
        })
    }
}
