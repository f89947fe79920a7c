//! Sessions of pages: signing in with a name and a password, and out.

use std::time::Duration;

use hyperion_api::Problem;
use hyperion_identity::{Password, Rights, SessionSecret};
use hyperion_model::user::{self, User};
use hyperion_model::{Command, Name, Time, UserId, Uuid};
use hyperion_store::{Credential, CredentialKind};

use super::user::password_hash;
use super::{Known, find_user, is_same, note_use};
use crate::{Cx, Error};

/// How long a session lasts in which nothing is done.
const IDLE_TIME: Duration = Duration::from_secs(12 * 3600);
/// How long a session lasts at most.
pub const SESSION_TIME: Duration = Duration::from_secs(7 * 86_400);

/// Somebody who wants to sign in.
#[derive(Debug, Clone)]
pub struct SignIn<'a> {
    /// The name that they say.
    pub name: &'a str,
    /// The password that they say.
    pub password: &'a Password,
    /// Where they come from: an address, or `socket`.
    pub peer: &'a str,
}

/// A session that began.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who signed in.
    pub known: Known,
    /// What the cookie holds.
    pub secret: SessionSecret,
    /// When it ends, however much it is used.
    pub ends_at: Time,
}

/// Signs somebody in. Takes as long whether or not there is such a user; tries that fail are limited by name and by peer.
///
/// It hashes: the caller sees to it that no more than a few do at once.
pub fn sign_in(cx: &Cx, wanted: &SignIn<'_>) -> Result<Session, Error> {
    let now = cx.now();
    if let Some(wait) = cx.sign_ins.wait(wanted.name, wanted.peer, now) {
        let seconds = wait.as_secs().max(1);
        return Err(
            Problem::new("access.too_many", "too many sign-ins were refused")
                .hint(format!("try again in {seconds} s"))
                .into(),
        );
    }
    let user = match Name::new(wanted.name) {
        Ok(name) => find_user(cx, &name)?,
        Err(_) => None,
    };
    let active = user.as_ref().filter(|user| user.is_active());
    let hash = match active {
        Some(user) => password_hash(cx, user)?,
        None => None,
    };
    let fits = wanted.password.is_of(hash.as_deref());
    let Some(user) = active.filter(|_| fits) else {
        refuse(cx, wanted, user.as_ref(), now)?;
        return Err(
            Problem::new("access.refused", "the name or the password is wrong")
                .hint("an admin can set a new one: `hyperion user passwd NAME`")
                .into(),
        );
    };
    cx.sign_ins.forget(wanted.name, wanted.peer);
    let secret =
        SessionSecret::new().map_err(|error| Problem::new("internal", error.to_string()))?;
    let (id, ends_at) = (cx.id(|uuid: Uuid| uuid), now + SESSION_TIME);
    cx.store.put_credential(&Credential {
        id,
        kind: CredentialKind::Session,
        user: user.id.uuid(),
        secret: secret.kept().as_bytes().to_vec(),
        created_at: now,
        used_at: Some(now),
        ends_at: Some(ends_at),
    })?;
    let known = Known {
        session: Some(id),
        ..Known::of_user(user, Rights::of_role(user.role))
    };
    // Whoever was disabled in this very moment does not get in.
    let mut commands = known.vouch();
    commands.push(Command::User(user.id, user::Command::SignIn));
    cx.execute(cx.stamp_person(&known.actor), commands, vec![])?;
    Ok(Session {
        known,
        secret,
        ends_at,
    })
}

/// Notes a refused sign-in: in the chain at most once a minute and name.
fn refuse(cx: &Cx, wanted: &SignIn<'_>, user: Option<&User>, now: Time) -> Result<(), Error> {
    cx.sign_ins.refuse(wanted.name, wanted.peer, now);
    let id = match user {
        Some(user) => user.id,
        None => nobody()?,
    };
    tracing::warn!(peer = wanted.peer, "refused a sign-in");
    if let Some(count) = cx.sign_ins.due_note(id, now) {
        note_refused(cx, id, count)?;
    }
    Ok(())
}

/// The subject that collects refused sign-ins under names that no user has.
fn nobody() -> Result<UserId, Error> {
    let nobody = Name::new(User::NOBODY).map_err(|error| Error::Missing(error.to_string()))?;
    Ok(UserId::of(&nobody))
}

pub(super) fn note_refused(cx: &Cx, id: UserId, count: u32) -> Result<(), Error> {
    let part = Name::new("identity").map_err(|error| Error::Missing(error.to_string()))?;
    let note = Command::User(id, user::Command::NoteRefused { count });
    cx.execute(cx.stamp(&part), vec![note], vec![])?;
    Ok(())
}

/// Says who shows a session's cookie; nobody when it is not known or over.
pub fn caller_of_session(cx: &Cx, secret: &SessionSecret) -> Result<Option<Known>, Error> {
    let kept = secret.kept();
    let found = cx
        .store
        .credential_of(CredentialKind::Session, kept.as_bytes())?
        .filter(|found| is_same(&found.secret, &kept));
    let Some(credential) = found else {
        return Ok(None);
    };
    let now = cx.now();
    let last = credential.used_at.unwrap_or(credential.created_at);
    if credential.ends_at.is_none_or(|end| end <= now) || last + IDLE_TIME <= now {
        return Ok(None);
    }
    let user = cx.store.get::<User>(UserId::new(credential.user))?;
    let Some(user) = user.filter(User::is_active) else {
        return Ok(None);
    };
    note_use(cx, credential.id, credential.used_at, now);
    Ok(Some(Known {
        session: Some(credential.id),
        ..Known::of_user(&user, Rights::of_role(user.role))
    }))
}

/// Ends the session that a call came with; without one there is nothing to end.
pub fn sign_out(cx: &Cx, by: &Known) -> Result<(), Error> {
    let (Some(session), Some(user)) = (by.session, by.user) else {
        return Ok(());
    };
    cx.store.remove_credential(session)?;
    let out = Command::User(user, user::Command::SignOut);
    cx.execute(cx.stamp_person(&by.actor), vec![out], vec![])?;
    Ok(())
}
