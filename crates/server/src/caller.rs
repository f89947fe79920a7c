//! Who makes a call: found once for each, before its route, which hands it on.

use std::convert::Infallible;

use aide::OperationInput;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use hyperion_api::Problem;
use hyperion_engine::identity::{self, Known};
use hyperion_host::effective_uid;
use hyperion_identity::{Need, SessionSecret};
use hyperion_model::Actor;

use crate::Server;
use crate::answer::{Refusal, blocking_as};
use crate::port::Door;

/// The cookie that holds a page's session.
pub(crate) const SESSION_COOKIE: &str = "hyperion_session";
/// What a page says beside its cookie with every change.
const CSRF_HEADER: &str = "hyperion-csrf";
/// What every token begins with.
const TOKEN_PREFIX: &str = "hyp_";

/// Whoever makes a call.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    known: Known,
    is_on_the_machine: bool,
}

impl Caller {
    /// Gives who they are in the record.
    pub(crate) const fn actor(&self) -> &Actor {
        &self.known.actor
    }

    /// Gives who they are, what they may do, and what they are known by.
    pub(crate) const fn known(&self) -> &Known {
        &self.known
    }

    /// Refuses what they may not do.
    pub(crate) fn may(&self, need: Need) -> Result<(), Refusal> {
        let allowed = self.known.rights.allows(need);
        allowed.map_err(|lacks| identity::lacks(lacks).into())
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

/// What a call shows of whoever makes it.
enum Shown {
    Token(String),
    Session(SessionSecret),
    /// A cookie alone: a page of another site may have made the browser send it.
    CookieAlone,
    Nothing,
}

impl Shown {
    fn of(method: &Method, headers: &HeaderMap) -> Self {
        if let Some(token) = token_of(headers) {
            return Self::Token(token);
        }
        let Some(session) = session_of(headers) else {
            return Self::Nothing;
        };
        let said = headers.get(CSRF_HEADER).and_then(|said| said.to_str().ok());
        let is_page = said.is_some_and(|said| session.csrf().is(said));
        match method.is_safe() || is_page {
            true => Self::Session(session),
            false => Self::CookieAlone,
        }
    }
}

fn token_of(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    let is_token = scheme.eq_ignore_ascii_case("bearer") && token.starts_with(TOKEN_PREFIX);
    is_token.then(|| token.trim().to_owned())
}

fn session_of(headers: &HeaderMap) -> Option<SessionSecret> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let cookies = cookies.filter_map(|cookies| cookies.to_str().ok());
    let mut cookies = cookies.flat_map(|cookies| cookies.split(';'));
    cookies.find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == SESSION_COOKIE).then(|| value.parse().ok())?
    })
}

/// Finds who makes a call: by a token or a page's session, on the home's socket also by the user at its other end.
pub(crate) async fn identify(
    State(server): State<Server>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let door = request.extensions().get::<Door>().cloned();
    let is_on_the_machine = !matches!(door, Some(Door::Port { .. }));
    let peer = match &door {
        Some(Door::Port { peer, gate, .. }) => Peer {
            address: peer.to_string(),
            is_secure: gate.is_secure(),
        },
        Some(Door::Socket) | None => Peer::default(),
    };
    request.extensions_mut().insert(peer);
    let known = match Shown::of(request.method(), request.headers()) {
        Shown::CookieAlone => Err(cookie_alone()),
        Shown::Nothing if !is_on_the_machine => Err(nothing_shown()),
        shown => {
            let found = blocking_as(server, move |server| match shown {
                Shown::Token(token) => identity::caller_of_token(server.cx(), &token),
                Shown::Session(session) => identity::caller_of_session(server.cx(), &session),
                // The socket lets its owner in alone.
                Shown::Nothing | Shown::CookieAlone => {
                    identity::caller_of_peer(server.cx(), effective_uid(), server.owner())
                }
            });
            found.await?.ok_or_else(not_known)
        }
    };
    match known {
        Ok(known) => {
            if let Some(Door::Port { gate, .. }) = &door {
                gate.count_known(known.actor.id().as_str())?;
            }
            let caller = Caller {
                known,
                is_on_the_machine,
            };
            request.extensions_mut().insert(caller).map(drop)
        }
        Err(problem) => {
            if let Some(Door::Port { peer, gate, .. }) = &door {
                gate.count_unknown(*peer)?;
            }
            request.extensions_mut().insert(Unknown(problem)).map(drop)
        }
    };
    Ok(next.run(request).await)
}

fn nothing_shown() -> Problem {
    let problem = Problem::new("access.unknown", "the call does not say who makes it");
    problem.hint("send a token, `Authorization: Bearer …`; `hyperion token create` makes one")
}

fn not_known() -> Problem {
    let detail = "what the call shows of whoever makes it is not known: it was revoked or has ended, or the user is disabled";
    Problem::new("access.unknown", detail)
        .hint("make a new token with `hyperion token create`, or sign in again")
}

fn cookie_alone() -> Problem {
    let detail = format!(
        "a change with a session's cookie needs the header {CSRF_HEADER}, with what signing in gave as csrf_token"
    );
    Problem::new("access.unknown", detail).hint("sign in again")
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

/// Where a call comes from.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// An address, or `socket`.
    pub(crate) address: String,
    /// Whether people reach the engine over TLS there.
    pub(crate) is_secure: bool,
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            address: "socket".to_owned(),
            is_secure: false,
        }
    }
}

impl OperationInput for Peer {}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn shown(method: &Method, headers: &[(&'static str, &str)]) -> &'static str {
        let headers = headers.iter().map(|(name, value)| {
            let name = header::HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).unwrap())
        });
        match Shown::of(method, &headers.collect()) {
            Shown::Token(_) => "token",
            Shown::Session(_) => "session",
            Shown::CookieAlone => "cookie alone",
            Shown::Nothing => "nothing",
        }
    }

    // X8: a cookie that another site's page had the browser send changes nothing; a tool session is no token.
    #[test]
    fn a_cookie_alone_changes_nothing() {
        let session = SessionSecret::new().unwrap();
        let cookie = format!("other=1; {SESSION_COOKIE}={}", session.reveal());
        let csrf = session.csrf().reveal().to_owned();
        let other = SessionSecret::new().unwrap().csrf().reveal().to_owned();
        let cookie = cookie.as_str();
        assert_eq!(shown(&Method::GET, &[("cookie", cookie)]), "session");
        assert_eq!(shown(&Method::POST, &[("cookie", cookie)]), "cookie alone");
        let said = |csrf: &str| shown(&Method::POST, &[("cookie", cookie), (CSRF_HEADER, csrf)]);
        assert_eq!((said(&csrf), said(&other)), ("session", "cookie alone"));
        assert_eq!(
            shown(&Method::POST, &[("authorization", "Bearer hyp_x")]),
            "token"
        );
        assert_eq!(
            shown(&Method::POST, &[("authorization", "Bearer 0190b7c4")]),
            "nothing"
        );
        assert_eq!(
            shown(&Method::GET, &[("cookie", "hyperion_session=short")]),
            "nothing"
        );
    }
}
