//! Identity: users, their tokens and sessions, and who makes a call.
//!
//! Until there are users, the home's owner is its admin and nobody else gets in. Roles are read from the store at each call;
//! what a decision rests on is read once more in the commit that records it ([`Known::vouch`]).

mod limit;
mod reconciler;
mod session;
#[cfg(test)]
mod tests;
mod token;
mod user;

use hyperion_api::{Problem, problem::FieldError};
use hyperion_identity::{ApiToken, Kept, Lacks, Rights};
use hyperion_model::request::Request;
use hyperion_model::token::Token;
use hyperion_model::user::{Status, User};
use hyperion_model::{Actor, Command, Name, Role, Time, TokenId, UserId, Uuid};
use hyperion_store::{CredentialKind, Filter};

pub use limit::SignIns;
pub(crate) use reconciler::Identity;
pub use session::{SESSION_TIME, Session, SignIn, caller_of_session, sign_in, sign_out};
pub use token::{Issued, WantedToken, issue, list_tokens, revoke, token_named, token_used_at};
pub use user::{ChangeUser, NewUser, change, create, list, require, set_password};

use crate::{Cx, Error};

/// How exactly it is noted when a token or session was used last.
const USED_WITHIN: std::time::Duration = std::time::Duration::from_secs(60);
/// The most users that are looked at to find one by the number of a user of this machine.
const MAX_USERS: u32 = 1000;

/// Whoever makes a call, as they were known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Who they are in the record.
    pub actor: Actor,
    /// What they may do.
    pub rights: Rights,
    /// Which user they are; none of the home's owner as such.
    pub user: Option<UserId>,
    /// The token that they showed.
    pub token: Option<TokenId>,
    /// The session that they showed.
    pub session: Option<Uuid>,
}

impl Known {
    /// The home's owner, who needs no user.
    pub fn owner(owner: &Actor) -> Self {
        let role = match owner {
            Actor::Person { role, .. } => *role,
            Actor::Agent { .. } | Actor::Engine { .. } => Role::Viewer,
        };
        Self {
            actor: owner.clone(),
            rights: Rights::of_role(role),
            user: None,
            token: None,
            session: None,
        }
    }

    fn of_user(user: &User, rights: Rights) -> Self {
        let actor = Actor::Person {
            id: user.name.clone(),
            role: rights.role,
        };
        Self {
            actor,
            rights,
            user: Some(user.id),
            token: None,
            session: None,
        }
    }

    /// Refuses the batch that these commands are part of, unless they may still do what they might when the call came.
    pub fn vouch(&self) -> Vec<Command> {
        let at_least = self.rights.role;
        let user = self
            .user
            .map(|id| Command::User(id, hyperion_model::user::Command::Vouch { at_least }));
        let token = self
            .token
            .map(|id| Command::Token(id, hyperion_model::token::Command::Vouch));
        user.into_iter().chain(token).collect()
    }
}

/// Says who shows a token; nobody when it is not known, ended, or its user is disabled.
pub fn caller_of_token(cx: &Cx, text: &str) -> Result<Option<Known>, Error> {
    let Ok(shown) = text.parse::<ApiToken>() else {
        return Ok(None);
    };
    let kept = shown.kept();
    let found = cx
        .store
        .credential_of(CredentialKind::Token, kept.as_bytes())?
        .filter(|found| is_same(&found.secret, &kept));
    let Some(credential) = found else {
        return Ok(None);
    };
    let now = cx.now();
    let token = cx.store.get::<Token>(TokenId::new(credential.id))?;
    let Some(token) = token.filter(|token| token.is_taken(now)) else {
        return Ok(None);
    };
    let user = cx.store.get::<User>(token.user)?;
    let Some(user) = user.filter(User::is_active) else {
        return Ok(None);
    };
    note_use(cx, credential.id, credential.used_at, now);
    let rights = Rights::of_token(user.role, token.scopes.iter().copied());
    Ok(Some(Known {
        token: Some(token.id),
        ..Known::of_user(&user, rights)
    }))
}

/// Says who is at the other end of the home's socket: the user that a user of this machine is mapped to, or the home's owner.
pub fn caller_of_peer(cx: &Cx, uid: u32, owner: &Actor) -> Result<Option<Known>, Error> {
    let users = users(cx)?;
    if let Some(user) = users.iter().find(|user| user.os_uid == Some(uid)) {
        let known = Known::of_user(user, Rights::of_role(user.role));
        return Ok(user.is_active().then_some(known));
    }
    let is_owner = uid == hyperion_host::effective_uid();
    Ok(is_owner.then(|| Known::owner(owner)))
}

/// Tells whether nobody but one person works with this home: then they may approve what they filed themselves.
pub fn is_single_user(cx: &Cx) -> Result<bool, Error> {
    let users = users(cx)?;
    let owner = hyperion_host::effective_uid();
    let mut active = users.iter().filter(|user| user.is_active());
    Ok(match (active.next(), active.next()) {
        (None, _) => true,
        (Some(only), None) => only.os_uid == Some(owner),
        (Some(_), Some(_)) => false,
    })
}

/// Tells whether there is any user who may sign in.
pub fn has_users(cx: &Cx) -> Result<bool, Error> {
    Ok(!cx
        .store
        .list::<User>(&Filter::open().limit(1))?
        .rows
        .is_empty())
}

/// Lists all users, those that were disabled as well, without what stands for nobody.
fn users(cx: &Cx) -> Result<Vec<User>, Error> {
    let mut users = cx
        .store
        .list::<User>(&Filter::default().limit(MAX_USERS))?
        .rows;
    users.retain(|user| user.status != Status::Unknown);
    Ok(users)
}

fn find_user(cx: &Cx, name: &Name) -> Result<Option<User>, Error> {
    let found = cx.store.get::<User>(UserId::of(name))?;
    Ok(found.filter(|user| user.status != Status::Unknown))
}

fn is_same(secret: &[u8], kept: &Kept) -> bool {
    <[u8; 32]>::try_from(secret).is_ok_and(|secret| Kept::from_bytes(secret) == *kept)
}

/// Notes when something was used last, not more often than is worth a write.
fn note_use(cx: &Cx, id: Uuid, used_at: Option<Time>, now: Time) {
    if used_at.is_some_and(|at| at <= now && now < at + USED_WITHIN) {
        return;
    }
    if let Err(error) = cx.store.use_credential(id, now) {
        tracing::warn!(%error, "could not note when a token or session was used");
    }
}

/// Refuses that somebody whose role is below a team lead's acts on what another person filed.
pub(crate) fn require_own(actor: &Actor, request: &Request) -> Result<(), Error> {
    let (Actor::Person { id, role }, Actor::Person { id: filed_by, .. }) =
        (actor, &request.submitted_by)
    else {
        return Ok(());
    };
    if *role >= Role::TeamLead || id == filed_by {
        return Ok(());
    }
    let detail = format!("{filed_by} filed this, and {role}s act on their own requests alone");
    Err(Problem::new("access.denied", detail)
        .hint("ask them, or a team lead")
        .into())
}

/// Says what somebody lacks for a call.
pub fn lacks(lacks: Lacks) -> Problem {
    Problem::new("access.denied", lacks.to_string()).hint(lacks.hint())
}

/// Refuses a value of a body, naming the field.
fn wrong(field: &str, detail: impl Into<String>) -> Problem {
    let detail = detail.into();
    Problem::new("input.invalid", detail.clone()).errors(vec![FieldError {
        pointer: format!("/{field}"),
        detail,
    }])
}
