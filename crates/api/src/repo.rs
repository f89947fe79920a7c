//! Repositories on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A repository to register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterRepo {
    /// Its absolute path.
    pub path: String,
    /// Its name in this home; the folder's name when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// The branch work lands on; the one HEAD is on when absent.
    #[serde(default)]
    pub branch: Option<String>,
}

/// A registered repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Repo {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// The branch work lands on.
    pub branch: String,
    /// `active` or `forgotten`.
    pub status: String,
    /// When it was registered.
    pub registered_at: String,
    /// The checks of its branch's tip, `name: command`; null where the repository cannot be read now.
    #[serde(default)]
    pub checks: Option<Vec<Check>>,
    /// Whether registering changed anything.
    #[serde(default)]
    pub created: bool,
}

/// A check of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// Its name in `hyperion.toml`.
    pub name: String,
    /// Its command.
    pub command: String,
}
