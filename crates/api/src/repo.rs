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

/// What to change of a registered repository; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRepo {
    /// Another name in this home.
    #[serde(default)]
    pub name: Option<String>,
    /// Where it was moved to: an absolute path.
    #[serde(default)]
    pub path: Option<String>,
    /// The branch work lands on.
    #[serde(default)]
    pub branch: Option<String>,
    /// The remote that its branches follow, by its name in the repository's git configuration; empty for none.
    #[serde(default)]
    pub remote: Option<String>,
    /// Whether what lands is pushed there.
    #[serde(default)]
    pub push: Option<bool>,
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
    /// The remote that its branches follow, where there is one.
    #[serde(default)]
    pub remote: Option<String>,
    /// Whether what lands is pushed there.
    #[serde(default)]
    pub push: bool,
    /// The branches that are followed there.
    #[serde(default)]
    pub branches: Vec<RemoteBranch>,
    /// Work trees that did not follow a landing, each with the command that brings it along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<String>,
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
    /// How much of the machine it is kept from, where it says so: `full`, `partial` or `off`.
    #[serde(default)]
    pub sandbox: Option<String>,
    /// What it reaches, where it says so: `off`, `listed` or `on`.
    #[serde(default)]
    pub network: Option<String>,
    /// How long it may take, in seconds, where it says so.
    #[serde(default)]
    pub timeout_sec: Option<u64>,
    /// What of that is more than checks have on this machine; nothing lands before an admin agrees to it.
    #[serde(default)]
    pub asks: Vec<String>,
    /// Whether an admin agreed to it.
    #[serde(default)]
    pub agreed: bool,
    /// What an agreement is bound to: the digest of all of it.
    #[serde(default)]
    pub digest: String,
}

/// How long each check is tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TryChecks {
    /// In seconds, 1 to 120; 10 when absent.
    #[serde(default)]
    pub seconds: Option<u64>,
}

/// What came of trying a check in its sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TriedCheck {
    /// Its name.
    pub name: String,
    /// `passed`, `failed`, `unfinished` (its time was over) or `not_tried`.
    pub result: String,
    /// Its exit status.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// Why it was not tried, or ended as it did.
    #[serde(default)]
    pub why: Option<String>,
    /// What it reached for and did not have, as far as its output tells.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What it would ask for in `hyperion.toml`.
    #[serde(default)]
    pub asks: Option<String>,
    /// What its sandbox lacked.
    #[serde(default)]
    pub lacks: Vec<String>,
    /// The end of what it printed, unless it passed.
    #[serde(default)]
    pub output: String,
    /// How long it took.
    pub duration_ms: u64,
}

/// An admin's word on what a check asks for beyond what checks have on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreeToCheck {
    /// Whether it may have that.
    pub agreed: bool,
    /// The branch whose `hyperion.toml` has the check; the repository's own when absent.
    #[serde(default)]
    pub branch: Option<String>,
    /// The digest of the check that was looked at; another one is refused.
    #[serde(default)]
    pub digest: Option<String>,
}

/// A branch of a repository and the branch of the same name at its remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RemoteBranch {
    /// Its name.
    pub branch: String,
    /// Whether something waits to be pushed.
    pub waits: bool,
    /// How many landings are not pushed yet.
    pub landings: u32,
    /// The last commit that was pushed.
    #[serde(default)]
    pub pushed: Option<String>,
    /// When it was.
    #[serde(default)]
    pub pushed_at: Option<String>,
    /// What keeps the branch and its remote apart.
    #[serde(default)]
    pub trouble: Option<RemoteTrouble>,
}

/// What keeps a branch and its remote apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RemoteTrouble {
    /// `unreachable`, `busy`, `refused`, `conflict`, `in_the_way` or `rewound`.
    pub cause: String,
    /// What happened, and what to do.
    pub reason: String,
    /// How often it was tried in vain.
    pub tries: u32,
    /// When it is tried again by itself; null where a person has to act.
    #[serde(default)]
    pub next_try_at: Option<String>,
}
