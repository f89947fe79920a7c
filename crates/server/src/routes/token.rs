//! Tokens.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use hyperion_api::user::{CreateToken, IssuedToken, Token as Wire};
use hyperion_api::{List, Problem};
use hyperion_engine::identity::{self, Issued, WantedToken};
use hyperion_engine::{Cx, Error};
use hyperion_identity::{Need, Scope};
use hyperion_model::token::Token;
use hyperion_model::user::User;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Server;
use crate::answer::{Answer, blocking};
use crate::caller::Caller;
use crate::table::Routes;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct All {
    /// Those of all users.
    #[serde(default)]
    all: bool,
}

pub(super) fn routes() -> Routes {
    // Those of others: the engine asks for an admin.
    Routes::about("tokens")
        .get("/api/tokens", Need::VIEWER, "Lists tokens", list)
        .post("/api/tokens", Need::VIEWER, "Issues a token", create)
        .post(
            "/api/tokens/{id}/revoke",
            Need::VIEWER,
            "Takes a token back",
            revoke,
        )
}

async fn list(
    State(server): State<Server>,
    caller: Caller,
    Query(All { all }): Query<All>,
) -> Answer<List<Wire>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let tokens = identity::list_tokens(cx, caller.known(), all)?;
        let shown: Result<Vec<_>, Error> = tokens.iter().map(|token| view(cx, token)).collect();
        Ok(List::whole(shown?))
    })
    .await
}

async fn create(
    State(server): State<Server>,
    caller: Caller,
    Json(wanted): Json<CreateToken>,
) -> Answer<IssuedToken> {
    blocking(server, move |server| {
        let cx = server.cx();
        let issued = identity::issue(cx, caller.known(), &parse(wanted)?)?;
        issued_view(cx, &issued)
    })
    .await
}

async fn revoke(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let id = identity::token_named(cx, &id)?;
        view(cx, &identity::revoke(cx, caller.known(), id)?)
    })
    .await
}

/// Reads what is wanted of a token.
pub(super) fn parse(wanted: CreateToken) -> Result<WantedToken, Problem> {
    let CreateToken {
        user,
        label,
        scopes,
        expires_in_sec,
    } = wanted;
    let scopes = scopes.iter().map(|scope| scope.parse::<Scope>());
    let scopes: Result<_, _> = scopes.collect();
    Ok(WantedToken {
        user,
        label,
        scopes: scopes.map_err(|error| Problem::new("input.invalid", error.to_string()))?,
        lasts: expires_in_sec.map(Duration::from_secs),
    })
}

pub(super) fn issued_view(cx: &Cx, issued: &Issued) -> Result<IssuedToken, Error> {
    Ok(IssuedToken {
        token: issued.text.reveal().to_owned(),
        about: view(cx, &issued.token)?,
    })
}

fn view(cx: &Cx, token: &Token) -> Result<Wire, Error> {
    let user = cx.store.get::<User>(token.user)?;
    let used_at = identity::token_used_at(cx, token.id)?;
    let scopes = token.scopes.iter();
    Ok(Wire {
        id: token.id.to_string(),
        user: user.map(|user| user.name.to_string()).unwrap_or_default(),
        label: cx.redactor.redact(token.label.as_str()).into_owned(),
        scopes: scopes.map(|scope| scope.name().to_owned()).collect(),
        status: token.status.name().to_owned(),
        issued_at: token.issued_at.to_string(),
        expires_at: token.expires_at.map(|at| at.to_string()),
        used_at: used_at.map(|at| at.to_string()),
    })
}
