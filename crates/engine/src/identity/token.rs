//! Tokens: issued, shown once, listed, revoked.

use std::collections::BTreeSet;
use std::time::Duration;

use hyperion_api::Problem;
use hyperion_identity::{ApiToken, Lacks, Need, Rights, Scope};
use hyperion_model::token::{self, Token};
use hyperion_model::user::{self, User};
use hyperion_model::{Actor, Command, Role, ShortText, Time, TokenId, UserId};
use hyperion_store::{Credential, CredentialKind, Filter, Order};

use super::{Known, find_user, lacks, require, users, wrong};
use crate::{Cx, Error};

/// The most tokens that a user has at once.
const MAX_TOKENS: u32 = 100;
/// The most that are listed.
const MAX_LISTED: u32 = 1000;
/// How long a token lasts at most.
const MAX_TOKEN_TIME: Duration = Duration::from_secs(366 * 86_400);
/// How long a token lasts unless told otherwise.
const TOKEN_TIME: Duration = Duration::from_secs(90 * 86_400);

/// A token to issue.
#[derive(Debug, Clone, Default)]
pub struct WantedToken {
    /// Whose; one's own when absent.
    pub user: Option<String>,
    /// What it is for.
    pub label: String,
    /// Which rights it carries; looking and filing when empty.
    pub scopes: BTreeSet<Scope>,
    /// How long it lasts.
    pub lasts: Option<Duration>,
}

/// A token that was issued; its text is nowhere else.
#[derive(Debug)]
pub struct Issued {
    /// The token.
    pub token: Token,
    /// Its text.
    pub text: ApiToken,
}

/// Issues a token: everybody for themselves, an admin for anybody.
pub fn issue(cx: &Cx, by: &Known, wanted: &WantedToken) -> Result<Issued, Error> {
    if by.rights.run.is_some() {
        return Err(lacks(Lacks::Person).into());
    }
    let mut commands = by.vouch();
    let user = whose(cx, by, wanted.user.as_deref(), &mut commands)?;
    let mut scopes = wanted.scopes.clone();
    if scopes.is_empty() {
        scopes = [Scope::Read, Scope::File].into();
    }
    if by.user == Some(user) || by.token.is_some() {
        // Nobody makes a token that may more than they may now.
        for scope in Rights::of_token(by.rights.role, scopes.iter().copied()).scopes {
            if !by.rights.scopes.contains(&scope) {
                return Err(lacks(Lacks::Scope { needs: scope }).into());
            }
        }
    }
    let lasts = wanted.lasts.unwrap_or(TOKEN_TIME);
    if lasts.is_zero() || lasts > MAX_TOKEN_TIME {
        let detail = "a token lasts at least a second and at most 366 days";
        return Err(wrong("expires_in_sec", detail).into());
    }
    let open = Filter::open().parent(user.uuid()).limit(MAX_TOKENS);
    if cx.store.list::<Token>(&open)?.rows.len() >= MAX_TOKENS as usize {
        let detail = format!("this user has {MAX_TOKENS} tokens, which is the limit");
        return Err(Problem::new("input.invalid", detail)
            .hint("revoke some: `hyperion token list` shows when each was used last")
            .into());
    }
    let text = ApiToken::new().map_err(|error| Problem::new("internal", error.to_string()))?;
    let id = cx.id(TokenId::new);
    let now = cx.now();
    cx.store.put_credential(&Credential {
        id: id.uuid(),
        kind: CredentialKind::Token,
        user: user.uuid(),
        secret: text.kept().as_bytes().to_vec(),
        created_at: now,
        used_at: None,
        ends_at: None,
    })?;
    let issue = token::Command::Issue {
        id,
        user,
        label: ShortText::cut(&wanted.label),
        scopes,
        expires_at: Some(now + lasts),
    };
    commands.push(Command::Token(id, issue));
    cx.execute(cx.stamp_person(&by.actor), commands, vec![])?;
    let token = find(cx, id)?;
    Ok(Issued { token, text })
}

/// Finds whose a new token is. The home's owner, who needs no user until then, becomes one with the first token.
fn whose(
    cx: &Cx,
    by: &Known,
    wanted: Option<&str>,
    commands: &mut Vec<Command>,
) -> Result<UserId, Error> {
    let own = match by.user {
        Some(id) => cx.store.get::<User>(id)?,
        None => find_user(cx, by.actor.id())?,
    };
    match wanted {
        Some(name) if own.as_ref().is_none_or(|own| own.name.as_str() != name) => {
            by.rights.allows(Need::ADMIN).map_err(lacks)?;
            let user = require(cx, name)?;
            match user.is_active() {
                true => Ok(user.id),
                false => Err(wrong("user", format!("{name} is disabled")).into()),
            }
        }
        _ => {
            by.rights.allows(Need::VIEWER).map_err(lacks)?;
            if let Some(own) = own {
                return Ok(own.id);
            }
            let (Actor::Person { id: name, .. }, true) = (&by.actor, users(cx)?.is_empty()) else {
                let detail = "say whose token it is to be: you are this home's owner, and no user";
                return Err(wrong("user", detail).into());
            };
            let name = hyperion_identity::user_name(&name.as_str().to_ascii_lowercase()).map_err(
                |error| {
                    wrong(
                        "user",
                        format!("{error}; make a user first with `hyperion user add`"),
                    )
                },
            )?;
            let id = UserId::of(&name);
            let create = user::Command::Create {
                name,
                role: Role::Admin,
                os_uid: Some(hyperion_host::effective_uid()),
            };
            commands.push(Command::User(id, create));
            Ok(id)
        }
    }
}

/// Lists tokens, the newest first: of one user, or an admin of all.
pub fn list_tokens(cx: &Cx, by: &Known, all: bool) -> Result<Vec<Token>, Error> {
    let filter = match (all, by.user) {
        (false, Some(user)) => Filter::default().parent(user.uuid()),
        (_, _) => {
            by.rights.allows(Need::ADMIN).map_err(lacks)?;
            Filter::default()
        }
    };
    let filter = Filter {
        order: Order::NewestFirst,
        ..filter.limit(MAX_LISTED)
    };
    Ok(cx.store.list::<Token>(&filter)?.rows)
}

/// Finds a token by its id, or by the digits of it that lists show.
pub fn token_named(cx: &Cx, text: &str) -> Result<TokenId, Error> {
    match cx.store.find::<Token>(&text.replace('-', ""))?.as_slice() {
        [id] => Ok(TokenId::new(*id)),
        [] => {
            let text: String = text.chars().take(40).collect();
            Err(
                Problem::new("subject.not_found", format!("there is no token {text:?}"))
                    .hint("`hyperion token list` shows yours, with --all those of everybody")
                    .into(),
            )
        }
        _ => Err(Problem::new("subject.ambiguous", "several tokens fit; give more digits").into()),
    }
}

/// Says when a token was used last, to the minute.
pub fn token_used_at(cx: &Cx, id: TokenId) -> Result<Option<Time>, Error> {
    let credential = cx.store.credential(id.uuid())?;
    Ok(credential.and_then(|credential| credential.used_at))
}

/// Revokes a token: everybody their own, an admin anybody's. From this commit on it is not taken any more.
pub fn revoke(cx: &Cx, by: &Known, id: TokenId) -> Result<Token, Error> {
    let token = find(cx, id)?;
    if by.user != Some(token.user) {
        by.rights.allows(Need::ADMIN).map_err(lacks)?;
    }
    let mut commands = by.vouch();
    commands.push(Command::Token(id, token::Command::Revoke));
    cx.execute(cx.stamp_person(&by.actor), commands, vec![])?;
    cx.store.remove_credential(id.uuid())?;
    find(cx, id)
}

fn find(cx: &Cx, id: TokenId) -> Result<Token, Error> {
    cx.store.get::<Token>(id)?.ok_or_else(|| {
        Problem::new(
            "subject.not_found",
            format!("there is no token {}", id.short()),
        )
        .into()
    })
}
