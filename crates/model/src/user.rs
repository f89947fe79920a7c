//! A user: a person of this home, with the role that says what they may do.
//!
//! Neither a password nor its hash is ever part of a fact: a fact names the credential that counts from now on, and the
//! store keeps what belongs to it in a table that no event is made of.

use serde::{Deserialize, Serialize};

use crate::machine::{Corrupt, Machine, Noun, Refusal, Row, Stamp, damaged, moves, out_of_order};
use crate::{Name, Role, Time, UserId, Uuid};

moves! {
    noun Noun::User;
    states {
        /// May sign in and make calls.
        Active = "active" open;
        /// May do nothing; what they did stays theirs.
        Disabled = "disabled" closed;
        /// Nobody: what collects refused sign-ins under names that no user has.
        Unknown = "unknown" closed;
    }
    verbs {
        ChangeRole = "be given a role": [Active] => Active;
        SetPassword = "be given a password": [Active] => Active;
        MapOsUser = "be mapped": [Active] => Active;
        Disable = "be disabled": [Active] => Disabled;
        Enable = "be enabled": [Disabled] => Active;
        SignIn = "sign in": [Active] => Active;
        SignOut = "sign out": [Active] => Active;
        NoteRefused = "be refused a sign-in": [Active] => Active, [Disabled] => Disabled, [Unknown] => Unknown;
    }
}

/// A user's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id, which follows from the name.
    pub id: UserId,
    /// How they are called; it never changes, and nobody else ever gets it.
    pub name: Name,
    /// What they may do.
    pub role: Role,
    /// The number of the user of this machine that they are on the home's socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_uid: Option<u32>,
    /// Where they stand.
    pub status: Status,
    /// The credential that holds their password, if they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Uuid>,
    /// Since when: sessions from before do not count any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_since: Option<Time>,
    /// When they were made.
    pub created_at: Time,
    /// When they signed in last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in_at: Option<Time>,
}

/// What a user can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Command {
    /// Creates one.
    Create {
        /// The name.
        name: Name,
        /// The role.
        role: Role,
        /// The number of the user of this machine that they are.
        os_uid: Option<u32>,
    },
    /// Gives them another role.
    ChangeRole {
        /// Which.
        role: Role,
    },
    /// Maps them to a user of this machine, or to none.
    MapOsUser {
        /// The number of that user.
        os_uid: Option<u32>,
    },
    /// Has another password count from now on.
    SetPassword {
        /// The credential that holds it.
        credential: Uuid,
    },
    /// Takes every right away.
    Disable,
    /// Gives them back.
    Enable,
    /// Notes that they signed in.
    SignIn,
    /// Notes that they signed out.
    SignOut,
    /// Notes sign-ins that were refused.
    NoteRefused {
        /// How many since the last note.
        count: u32,
    },
    /// Refuses a batch unless they still are active and have at least this role.
    Vouch {
        /// The role that the batch rests on.
        at_least: Role,
    },
}

/// What can happen to a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
pub enum Event {
    /// They were made.
    #[serde(rename = "user.created")]
    Created {
        /// The name.
        name: Name,
        /// The role.
        role: Role,
        /// The number of the user of this machine that they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        os_uid: Option<u32>,
    },
    /// They have another role.
    #[serde(rename = "user.role_changed")]
    RoleChanged {
        /// Which.
        role: Role,
    },
    /// They are another user of this machine, or none.
    #[serde(rename = "user.os_user_changed")]
    OsUserChanged {
        /// The number of that user.
        os_uid: Option<u32>,
    },
    /// Another password counts.
    #[serde(rename = "user.password_changed")]
    PasswordChanged {
        /// The credential that holds it.
        credential: Uuid,
    },
    /// They may do nothing any more.
    #[serde(rename = "user.disabled")]
    Disabled {},
    /// They may again.
    #[serde(rename = "user.enabled")]
    Enabled {},
    /// They signed in.
    #[serde(rename = "user.signed_in")]
    SignedIn {},
    /// They signed out.
    #[serde(rename = "user.signed_out")]
    SignedOut {},
    /// Sign-ins were refused.
    #[serde(rename = "user.sign_in_refused")]
    SignInRefused {
        /// How many since the last note.
        count: u32,
    },
}

impl User {
    /// The name of what collects refused sign-ins under names that no user has; no user can have it.
    pub const NOBODY: &str = "nobody:unknown";

    /// Tells whether they may make calls.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }
}

impl Machine for User {
    type Id = UserId;
    type Command = Command;
    type Event = Event;
    const NOUN: Noun = Noun::User;

    fn decide(
        state: Option<&Self>,
        command: &Command,
        _stamp: &Stamp,
    ) -> Result<Vec<Event>, Refusal> {
        let user = match (state, command) {
            (None, Command::Create { name, role, os_uid }) => {
                return Ok(vec![Event::Created {
                    name: name.clone(),
                    role: *role,
                    os_uid: *os_uid,
                }]);
            }
            (None, Command::NoteRefused { count }) => {
                return Ok(vec![Event::SignInRefused { count: *count }]);
            }
            (None, _) => return Err(Refusal::Missing(Noun::User)),
            (Some(user), _) => user,
        };
        let (verb, event) = match command {
            Command::Create { .. } => return Err(Refusal::Exists(Noun::User)),
            Command::Vouch { at_least } => {
                return match user.is_active() && user.role >= *at_least {
                    true => Ok(vec![]),
                    false => Err(Refusal::Lapsed(Noun::User)),
                };
            }
            Command::ChangeRole { role } if user.role == *role && user.is_active() => {
                return Err(Refusal::Inconsistent("they have this role already"));
            }
            Command::ChangeRole { role } => (Verb::ChangeRole, Event::RoleChanged { role: *role }),
            Command::MapOsUser { os_uid } => {
                (Verb::MapOsUser, Event::OsUserChanged { os_uid: *os_uid })
            }
            Command::SetPassword { credential } => {
                let credential = *credential;
                (Verb::SetPassword, Event::PasswordChanged { credential })
            }
            Command::Disable => (Verb::Disable, Event::Disabled {}),
            Command::Enable => (Verb::Enable, Event::Enabled {}),
            Command::SignIn => (Verb::SignIn, Event::SignedIn {}),
            Command::SignOut => (Verb::SignOut, Event::SignedOut {}),
            Command::NoteRefused { count } => {
                (Verb::NoteRefused, Event::SignInRefused { count: *count })
            }
        };
        lead(user.status, verb)?;
        Ok(vec![event])
    }

    fn apply(state: Option<Self>, event: &Event, stamp: &Stamp) -> Result<Self, Corrupt> {
        let made = |name: Name, role, os_uid, status| Self {
            id: UserId::of(&name),
            name,
            role,
            os_uid,
            status,
            password: None,
            password_since: None,
            created_at: stamp.time,
            signed_in_at: None,
        };
        let mut user = match (state, event) {
            (None, Event::Created { name, role, os_uid }) => {
                return Ok(made(name.clone(), *role, *os_uid, Status::Active));
            }
            (None, Event::SignInRefused { .. }) => {
                let nobody = Name::new(Self::NOBODY).map_err(|error| Corrupt {
                    noun: Noun::User,
                    detail: error.to_string(),
                })?;
                return Ok(made(nobody, Role::Viewer, None, Status::Unknown));
            }
            (None, _) => return Err(out_of_order(Noun::User, false)),
            (Some(user), _) => user,
        };
        let verb = match event {
            Event::Created { .. } => return Err(out_of_order(Noun::User, true)),
            Event::RoleChanged { role } => {
                user.role = *role;
                Verb::ChangeRole
            }
            Event::OsUserChanged { os_uid } => {
                user.os_uid = *os_uid;
                Verb::MapOsUser
            }
            Event::PasswordChanged { credential } => {
                user.password = Some(*credential);
                user.password_since = Some(stamp.time);
                Verb::SetPassword
            }
            Event::Disabled {} => Verb::Disable,
            Event::Enabled {} => Verb::Enable,
            Event::SignedIn {} => {
                user.signed_in_at = Some(stamp.time);
                Verb::SignIn
            }
            Event::SignedOut {} => Verb::SignOut,
            Event::SignInRefused { count: _ } => Verb::NoteRefused,
        };
        user.status = lead(user.status, verb).map_err(damaged(Noun::User))?;
        Ok(user)
    }

    fn row(&self) -> Row {
        Row {
            status: self.status.name(),
            open: self.status.is_open(),
            ..Row::default()
        }
    }
}
