//! Users: made, listed, changed by an admin; a password also by whom it is of.

use hyperion_api::Problem;
use hyperion_identity::{Need, Password, user_name};
use hyperion_model::token::{self, Token};
use hyperion_model::user::{self, User};
use hyperion_model::{Command, Name, Role, UserId};
use hyperion_store::{Credential, CredentialKind, Filter};

use super::{Known, MAX_USERS, find_user, lacks, users, wrong};
use crate::{Cx, Error};

/// The most users a home has.
const MOST: usize = MAX_USERS as usize - 1;
/// The most tokens that end with their user in one commit.
const MAX_TOKENS: u32 = 1000;

/// A user to make.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The number of the user of this machine that they are.
    pub os_uid: Option<u32>,
    /// Their password; without one they use tokens alone.
    pub password: Option<Password>,
}

/// What to change of a user; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct ChangeUser {
    /// Another role.
    pub role: Option<Role>,
    /// Another user of this machine, or none.
    pub os_uid: Option<Option<u32>>,
    /// Whether they may do anything.
    pub disabled: Option<bool>,
}

/// Makes a user.
pub fn create(cx: &Cx, by: &Known, new: &NewUser) -> Result<User, Error> {
    by.rights.allows(Need::ADMIN).map_err(lacks)?;
    let name = user_name(&new.name).map_err(|error| wrong("name", error.to_string()))?;
    let others = users(cx)?;
    if others.len() >= MOST {
        return Err(wrong("name", format!("a home has at most {MOST} users")).into());
    }
    if find_user(cx, &name)?.is_some() {
        return Err(Problem::new("user.exists", format!("there is a user {name} already"))
            .hint("a name is never given twice: `hyperion user list` shows all, also those that were disabled")
            .into());
    }
    check_mapping(&others, &name, new.os_uid)?;
    if let Some(password) = &new.password {
        password
            .check(name.as_str())
            .map_err(|error| wrong("password", error.to_string()))?;
    }
    let id = UserId::of(&name);
    let create = user::Command::Create {
        name,
        role: new.role,
        os_uid: new.os_uid,
    };
    let mut commands = by.vouch();
    commands.push(Command::User(id, create));
    if let Some(password) = &new.password {
        commands.push(put_password(cx, id, password)?);
    }
    cx.execute(cx.stamp_person(&by.actor), commands, vec![])?;
    find(cx, id)
}

/// Lists users, by name; also those that were disabled.
pub fn list(cx: &Cx) -> Result<Vec<User>, Error> {
    let mut users = users(cx)?;
    users.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(users)
}

/// Finds a user by name, or says that there is none.
pub fn require(cx: &Cx, name: &str) -> Result<User, Error> {
    let found = match Name::new(name) {
        Ok(name) => find_user(cx, &name)?,
        Err(_) => None,
    };
    found.ok_or_else(|| {
        Problem::new("subject.not_found", format!("there is no user {name:?}"))
            .hint("`hyperion user list` shows all")
            .into()
    })
}

/// Changes a user; who is disabled loses their tokens and sessions in the same moment.
pub fn change(cx: &Cx, by: &Known, name: &str, change: &ChangeUser) -> Result<User, Error> {
    by.rights.allows(Need::ADMIN).map_err(lacks)?;
    let user = require(cx, name)?;
    let others = users(cx)?;
    let ChangeUser {
        role,
        os_uid,
        disabled,
    } = change;
    let after = User {
        role: role.unwrap_or(user.role),
        os_uid: os_uid.unwrap_or(user.os_uid),
        status: match disabled {
            Some(true) => user::Status::Disabled,
            Some(false) => user::Status::Active,
            None => user.status,
        },
        ..user.clone()
    };
    check_mapping(&others, &user.name, after.os_uid)?;
    check_admin_left(&others, &after)?;
    let mut commands = by.vouch();
    let ask = |command| Command::User(user.id, command);
    if *disabled == Some(false) {
        commands.push(ask(user::Command::Enable));
    }
    commands.extend(role.map(|role| ask(user::Command::ChangeRole { role })));
    commands.extend(os_uid.map(|os_uid| ask(user::Command::MapOsUser { os_uid })));
    if *disabled == Some(true) {
        commands.push(ask(user::Command::Disable));
        let tokens = Filter::open().parent(user.id.uuid()).limit(MAX_TOKENS);
        let tokens = cx.store.list::<Token>(&tokens)?.rows;
        let revoke = |token: &Token| Command::Token(token.id, token::Command::Revoke);
        commands.extend(tokens.iter().map(revoke));
    }
    cx.execute(cx.stamp_person(&by.actor), commands, vec![])?;
    if *disabled == Some(true) {
        // They do not count any more; this only tidies up.
        for kind in [CredentialKind::Session, CredentialKind::Token] {
            cx.store.remove_credentials(user.id.uuid(), kind, None)?;
        }
    }
    find(cx, user.id)
}

/// Sets a password: an admin anybody's, everybody their own, who then says the one that counted so far.
pub fn set_password(
    cx: &Cx,
    by: &Known,
    name: &str,
    former: Option<&Password>,
    new: &Password,
) -> Result<User, Error> {
    let user = require(cx, name)?;
    if by.user == Some(user.id) {
        let hash = password_hash(cx, &user)?;
        // A token or an open page alone must not be enough to keep somebody else out.
        let needs = hash.is_some() && (by.token.is_some() || by.session.is_some());
        if needs && !former.is_some_and(|former| former.is_of(hash.as_deref())) {
            return Err(wrong(
                "former_password",
                "this is not the password that counts now",
            )
            .into());
        }
        by.rights.allows(Need::VIEWER).map_err(lacks)?;
    } else {
        by.rights.allows(Need::ADMIN).map_err(lacks)?;
    }
    new.check(user.name.as_str())
        .map_err(|error| wrong("password", error.to_string()))?;
    let mut commands = by.vouch();
    commands.push(put_password(cx, user.id, new)?);
    cx.execute(cx.stamp_person(&by.actor), commands, vec![])?;
    let after = find(cx, user.id)?;
    let id = user.id.uuid();
    cx.store
        .remove_credentials(id, CredentialKind::Password, after.password)?;
    // Whoever signed in with the former password is out: `caller_of_session` looks at `password_since`.
    cx.store
        .remove_credentials(id, CredentialKind::Session, by.session)?;
    find(cx, user.id)
}

/// Keeps a password's hash, and gives the command from which on it counts.
fn put_password(cx: &Cx, user: UserId, password: &Password) -> Result<Command, Error> {
    let hash = password
        .hash()
        .map_err(|error| Problem::new("internal", error.to_string()))?;
    let credential = cx.id(|uuid| uuid);
    cx.store.put_credential(&Credential {
        id: credential,
        kind: CredentialKind::Password,
        user: user.uuid(),
        secret: hash.into_bytes(),
        created_at: cx.now(),
        used_at: None,
        ends_at: None,
    })?;
    Ok(Command::User(
        user,
        user::Command::SetPassword { credential },
    ))
}

/// Gives the hash of the password that counts.
pub(super) fn password_hash(cx: &Cx, user: &User) -> Result<Option<String>, Error> {
    let Some(id) = user.password else {
        return Ok(None);
    };
    let credential = cx.store.credential(id)?;
    Ok(credential.and_then(|credential| String::from_utf8(credential.secret).ok()))
}

/// Refuses that two users are the same user of this machine.
fn check_mapping(others: &[User], name: &Name, os_uid: Option<u32>) -> Result<(), Error> {
    let Some(os_uid) = os_uid else {
        return Ok(());
    };
    let taken = others
        .iter()
        .find(|other| other.os_uid == Some(os_uid) && other.name != *name);
    match taken {
        Some(other) => {
            let detail = format!("user {os_uid} of this machine is {} already", other.name);
            Err(wrong("os_uid", detail).into())
        }
        None => Ok(()),
    }
}

/// Refuses a change after which nobody could administer the home any more.
fn check_admin_left(others: &[User], after: &User) -> Result<(), Error> {
    let owner = hyperion_host::effective_uid();
    let others = || others.iter().filter(|other| other.id != after.id);
    let users = || others().chain([after]);
    let has_admin = users().any(|user| user.is_active() && user.role == Role::Admin);
    // The home's owner as such is one, unless they are one of the users.
    let owner_is_user = users().any(|user| user.os_uid == Some(owner));
    if has_admin || !owner_is_user {
        return Ok(());
    }
    Err(Problem::new(
        "user.last_admin",
        "nobody would be left who may administer this home",
    )
    .hint("make somebody else admin first: `hyperion user role NAME admin`")
    .into())
}

fn find(cx: &Cx, id: UserId) -> Result<User, Error> {
    let found = cx.store.get::<User>(id)?;
    found.ok_or_else(|| Error::Missing(format!("user {id}")))
}
