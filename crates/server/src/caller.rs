//! Who makes a call: found once for each, before its route, which hands it on.

use aide::OperationInput;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use hyperion_api::Problem;
use hyperion_identity::Need;
use hyperion_model::Actor;

use crate::Server;
use crate::answer::Refusal;
use crate::port::Door;

/// Whoever makes a call.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    actor: Actor,
    is_on_the_machine: bool,
}

impl Caller {
    /// Gives who they are in the record.
    pub(crate) const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Refuses what they may not do.
    pub(crate) fn may(&self, _need: Need) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether they came by the home's socket.
    pub(crate) const fn is_on_the_machine(&self) -> bool {
        self.is_on_the_machine
    }
}

/// Who makes a call is nothing that it takes.
impl OperationInput for Caller {}

/// Why it is not known who makes a call.
#[derive(Debug, Clone)]
struct Unknown(Problem);

/// Finds who makes a call: on the home's socket its owner, whom the socket lets in alone; by the port whoever a token names.
pub(crate) async fn identify(
    State(server): State<Server>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let caller = match request.extensions().get::<Door>() {
        None | Some(Door::Socket) => Ok(Caller {
            actor: server.owner().clone(),
            is_on_the_machine: true,
        }),
        Some(Door::Port { peer, gate, .. }) => {
            gate.count_unknown(*peer)?;
            let problem = Problem::new("access.unknown", "the call does not say who makes it");
            Err(problem.hint("send a token, `Authorization: Bearer …`"))
        }
    };
    match caller {
        Ok(caller) => request.extensions_mut().insert(caller).map(drop),
        Err(problem) => request.extensions_mut().insert(Unknown(problem)).map(drop),
    };
    Ok(next.run(request).await)
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let unknown = parts.extensions.get::<Unknown>().cloned();
        let problem = unknown.map_or_else(
            || Problem::new("internal", "the call came in without anybody who makes it"),
            |Unknown(problem)| problem,
        );
        Err(problem.into())
    }
}
