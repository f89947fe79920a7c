//! Users, tokens and sign-ins on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// The name.
    pub name: String,
    /// `viewer`, `operator`, `team-lead` or `admin`.
    pub role: String,
    /// `active` or `disabled`.
    pub status: String,
    /// The number of the user of the engine's machine that they are on the home's socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_uid: Option<u32>,
    /// Whether they can sign in with a password.
    pub has_password: bool,
    /// When they were made.
    pub created_at: String,
    /// When they signed in last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in_at: Option<String>,
}

/// A user to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// The name: small letters, digits, `.`, `_`, `-`, `+` and `@`.
    pub name: String,
    /// `viewer`, `operator`, `team-lead` or `admin`; `operator` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The number of the user of the engine's machine that they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_uid: Option<u32>,
    /// A password to sign in with; without one they use tokens alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// What to change of a user; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeUser {
    /// Another role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Another user of the engine's machine; -1 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_uid: Option<i64>,
    /// Whether they may do nothing any more; their tokens and sessions end with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// Another password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The password that counted so far: whoever changes their own says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_password: Option<String>,
}

/// A token, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// What it is for.
    pub label: String,
    /// Which of the user's rights it carries: `read`, `file`, `decide`, `admin`.
    pub scopes: Vec<String>,
    /// `active`, `revoked` or `expired`.
    pub status: String,
    /// When it was issued.
    pub issued_at: String,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// When it was used last, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<String>,
}

/// A token to issue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// Whose; one's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub label: String,
    /// `read`, `file`, `decide`, `admin`; `read` and `file` when empty.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// How long it lasts, at most 366 days; 90 days when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_sec: Option<u64>,
}

/// A token that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IssuedToken {
    /// Its text: this is the only time that it is shown.
    pub token: String,
    /// What it is.
    #[serde(flatten)]
    pub about: Token,
}

/// Somebody who signs in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
    /// A token to issue instead of a session: what a program wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<CreateToken>,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Somebody who signed in. Of a page the session is in the cookie that comes with the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignedIn {
    /// The name.
    pub name: String,
    /// The role.
    pub role: String,
    /// What a page sends in the header `Hyperion-Csrf` with every change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csrf_token: Option<String>,
    /// When the session ends, however much it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
    /// The token that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<IssuedToken>,
}

/// Somebody who signed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignedOut {}

/// Who makes the call, as the engine knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Me {
    /// The name that stands in the record.
    pub name: String,
    /// The role, lowered to what the token leaves of it.
    pub role: String,
    /// Which parts of it: `read`, `file`, `decide`, `admin`.
    pub scopes: Vec<String>,
    /// What they are known by: `owner` (of the home, by its socket), `os_user`, `token`, `session` or `run`.
    pub known_by: String,
    /// Whether nobody else works with this home: then one may approve what one filed oneself.
    pub single_user: bool,
}
