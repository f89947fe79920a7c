//! Signing in and out.

use std::marker::PhantomData;

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as Described, StatusCode};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use hyperion_api::Problem;
use hyperion_api::user::{SignIn, SignedIn, SignedOut};
use hyperion_engine::identity::{self, Session};
use hyperion_identity::{Need, Password};
use schemars::JsonSchema;
use serde::Serialize;

use super::token;
use crate::Server;
use crate::answer::{Refusal, blocking_as};
use crate::caller::{Caller, Peer, SESSION_COOKIE};
use crate::hashing::hashing_as;
use crate::table::Routes;

pub(super) fn routes() -> Routes {
    Routes::about("sessions")
        .post("/api/sign-in", Need::Nothing, "Signs a user in", sign_in)
        .post("/api/sign-out", Need::VIEWER, "Ends the session", sign_out)
}

/// An answer that sets a cookie.
struct WithCookie<T>(Response, PhantomData<T>);

impl<T> IntoResponse for WithCookie<T> {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<T: JsonSchema + Serialize> OperationOutput for WithCookie<T> {
    type Inner = T;

    fn inferred_responses(
        cx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<StatusCode>, Described)> {
        Json::<T>::inferred_responses(cx, operation)
    }
}

async fn sign_in(
    State(server): State<Server>,
    Peer { address, is_secure }: Peer,
    Json(SignIn {
        name,
        password,
        token,
    }): Json<SignIn>,
) -> Result<WithCookie<SignedIn>, Refusal> {
    let wants_token = token.is_some();
    let (session, issued) = hashing_as(server, move |server| {
        let (cx, password) = (server.cx(), Password::new(password));
        let wanted = identity::SignIn {
            name: &name,
            password: &password,
            peer: &address,
        };
        let session = identity::sign_in(cx, &wanted)?;
        let Some(token) = token else {
            return Ok((session, None));
        };
        let issued = identity::issue(cx, &session.known, &token::parse(token)?);
        // A program has its token; the session was only the way there.
        identity::sign_out(cx, &session.known)?;
        let issued = token::issued_view(cx, &issued?)?;
        Ok((session, Some(issued)))
    })
    .await?;
    let answer = SignedIn {
        name: session.known.actor.id().to_string(),
        role: session.known.rights.role.name().to_owned(),
        csrf_token: (!wants_token).then(|| session.secret.csrf().reveal().to_owned()),
        ends_at: (!wants_token).then(|| session.ends_at.to_string()),
        token: issued,
    };
    let mut response = Json(answer).into_response();
    if !wants_token {
        response
            .headers_mut()
            .insert(header::SET_COOKIE, cookie(&session, is_secure)?);
    }
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(WithCookie(response, PhantomData))
}

async fn sign_out(
    State(server): State<Server>,
    caller: Caller,
) -> Result<WithCookie<SignedOut>, Refusal> {
    blocking_as(server, move |server| {
        identity::sign_out(server.cx(), caller.known())
    })
    .await?;
    let gone = format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    let mut response = Json(SignedOut {}).into_response();
    let gone = HeaderValue::from_str(&gone).map_err(|error| unwritable(&error))?;
    response.headers_mut().insert(header::SET_COOKIE, gone);
    Ok(WithCookie(response, PhantomData))
}

fn cookie(session: &Session, is_secure: bool) -> Result<HeaderValue, Refusal> {
    let text = format!(
        "{SESSION_COOKIE}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}",
        session.secret.reveal(),
        identity::SESSION_TIME.as_secs(),
        if is_secure { "; Secure" } else { "" },
    );
    let mut value = HeaderValue::from_str(&text).map_err(|error| unwritable(&error))?;
    value.set_sensitive(true);
    Ok(value)
}

fn unwritable(error: &axum::http::header::InvalidHeaderValue) -> Refusal {
    Problem::new("internal", error.to_string()).into()
}
