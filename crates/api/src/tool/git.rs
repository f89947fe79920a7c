//! The git tools: one pair of types a tool.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Tool, Toolset, input, output};

/// The server's name.
pub const SERVER: &str = "git";

/// The server.
pub(super) static TOOLSET: Toolset = Toolset {
    name: SERVER,
    instructions: "You work in a clone of your own: `status` tells where its files are. Make a branch with createBranch (agent/<ticket>-<slug>), change files, add, commit, and push: a push hands the branch in as a change, which lands once it is approved and checked. Nothing else leaves the clone.",
    tools: LazyLock::new(tools),
};

/// Parameters of `status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Status {}

/// How a file stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusEntry {
    /// The file, relative to the clone.
    pub path: String,
    /// What a commit would do to it: `added`, `modified`, `deleted` or `type_changed`; absent when it was not added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staged: Option<String>,
    /// What was done to it since it was added: the same words, or `untracked`; absent when nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unstaged: Option<String>,
}

/// A branch of the clone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub commit: String,
    /// How many commits it has that the target branch had not when the clone was made; of very many, some.
    pub ahead: u32,
    /// The request that it was handed in as, where its last commit was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// What `status` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusResult {
    /// Where the clone's files are: the root for a filesystem or test server.
    pub folder: String,
    /// The clone's id: a server started with it goes on in this clone.
    pub clone: String,
    /// The branch that is checked out.
    pub branch: String,
    /// Where it stands.
    pub head: String,
    /// The branch that work lands on.
    pub target: String,
    /// Where that branch stands now.
    pub target_tip: String,
    /// The files that are not as committed, in order; ignored ones are left out.
    pub files: Vec<StatusEntry>,
    /// How many more there are.
    pub files_left_out: u64,
    /// The clone's branches.
    pub branches: Vec<Branch>,
    /// Other clones of the repository that hold work which was not handed in, and take room.
    pub other_clones: Vec<OtherClone>,
}

/// Another clone of the same repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OtherClone {
    /// Its id.
    pub clone: String,
    /// Where its files are.
    pub folder: String,
    /// When it was used last.
    pub used_at: String,
}

/// Parameters of `diff`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Diff {
    /// What was added and would be committed, instead of what was changed since it was added.
    #[serde(default)]
    pub staged: bool,
}

/// What `diff` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiffResult {
    /// Which difference it is.
    pub staged: bool,
    /// A unified diff; secrets in it are masked.
    pub diff: String,
    /// Whether it was cut: read the files that are missing in it.
    pub truncated: bool,
    /// Every file that differs.
    pub files: Vec<String>,
    /// Files that are not shown, because the rules deny reading them or because there are too many.
    pub left_out: Vec<String>,
    /// Files that git does not know yet; they are in no diff before they are added.
    pub untracked: u64,
}

/// Parameters of `log`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Log {
    /// How many commits; 20 unless it says otherwise, 200 at most.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogEntry {
    /// Its id.
    pub commit: String,
    /// Who made it.
    pub author: String,
    /// When.
    pub time: String,
    /// The first line of what it says.
    pub subject: String,
    /// The rest; cut when it is long.
    pub body: String,
    /// Whether it was made in this clone, and is not part of the target branch.
    pub own: bool,
}

/// What `log` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogResult {
    /// The branch.
    pub branch: String,
    /// Its commits, newest first, along first parents.
    pub commits: Vec<LogEntry>,
    /// Whether there are more.
    pub more: bool,
}

/// Parameters of `createBranch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateBranch {
    /// The name: `agent/<ticket>-<slug>`, for instance `agent/PROJ-12-cap-delay`.
    pub name: String,
    /// What it starts from: a branch of the clone, or a commit of the target branch; the target branch as it is now when left out.
    #[serde(default)]
    pub base: Option<String>,
}

/// Parameters of `checkout`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Checkout {
    /// A branch of the clone.
    pub branch: String,
}

/// What `createBranch` and `checkout` answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BranchResult {
    /// The branch that is checked out now.
    pub branch: String,
    /// Where it stands.
    pub head: String,
}

/// Parameters of `add`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Add {
    /// Files and folders, relative to the clone; `.` is all of it.
    pub files: Vec<String>,
}

/// What `add` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddResult {
    /// What was added, or taken note of as deleted; of very many, the first.
    pub added: Vec<String>,
    /// How many that are in all.
    pub count: u64,
    /// Which of them need somebody's approval to land, whatever else does.
    pub protected: Vec<String>,
    /// What was found in folders and not added, each with the reason.
    pub left_out: Vec<LeftOut>,
}

/// Something that was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// The path.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Parameters of `commit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Commit {
    /// What the change does, in one line of at most 100 characters; after a blank line, why.
    pub message: String,
}

/// What `commit` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommitResult {
    /// The commit.
    pub commit: String,
    /// The branch that it is on.
    pub branch: String,
    /// The first line of what it says.
    pub subject: String,
    /// How many files it changes.
    pub files: u64,
}

/// Parameters of `push`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Push {
    /// A branch of the clone; the one that is checked out when left out.
    #[serde(default)]
    pub branch: Option<String>,
    /// Never allowed.
    #[serde(default)]
    pub force: bool,
}

/// What handing a branch in answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandedIn {
    /// The branch.
    pub branch: String,
    /// The commit that was handed in.
    pub commit: String,
    /// The commit of the target branch that it starts from.
    pub base: String,
    /// The request that it became.
    pub request: String,
    /// Where that stands.
    pub status: String,
    /// Whether it had been handed in before: the same commit is the same request.
    pub again: bool,
    /// Its change set, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_set: Option<String>,
    /// The approval that it waits for, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// The command by which a person sees it.
    pub look: String,
}

/// Parameters of `createPR`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreatePr {
    /// The title.
    pub title: String,
    /// The text.
    pub body: String,
    /// The branch to merge into.
    pub base: String,
    /// The branch to merge.
    pub head: String,
}

/// What `createPR` would answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PullRequest {
    /// Where it is.
    pub url: String,
}

/// Parameters of `resetFile`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResetFile {
    /// The file, relative to the clone.
    pub path: String,
}

/// What `resetFile` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResetResult {
    /// The file.
    pub path: String,
    /// Whether it is as it was committed; of a file that never was, `add` alone was taken back.
    pub restored: bool,
}

/// Makes the list of this server's tools.
fn tools() -> Vec<Tool> {
    vec![
        Tool {
            name: "status",
            title: "Status",
            description: "Tells where the clone's files are, which branch is checked out, which files are not as committed, and what became of the branches.",
            effect: Effect::Reads,
            input: input::<Status>(),
            output: output::<StatusResult>(),
        },
        Tool {
            name: "diff",
            title: "Diff",
            description: "Shows what was changed since it was added, or with staged what a commit would change, as a unified diff. Long ones are cut; secrets are masked.",
            effect: Effect::Reads,
            input: input::<Diff>(),
            output: output::<DiffResult>(),
        },
        Tool {
            name: "log",
            title: "Log",
            description: "Lists the commits of the branch that is checked out, newest first.",
            effect: Effect::Reads,
            input: input::<Log>(),
            output: output::<LogResult>(),
        },
        Tool {
            name: "createBranch",
            title: "Create a branch",
            description: "Makes a branch agent/<ticket>-<slug>, from the target branch as it is now unless base says otherwise, and checks it out. What is not committed comes along, or is in the way and nothing changes.",
            effect: Effect::Writes,
            input: input::<CreateBranch>(),
            output: output::<BranchResult>(),
        },
        Tool {
            name: "checkout",
            title: "Check a branch out",
            description: "Checks a branch of the clone out. What is not committed comes along, or is in the way and nothing changes.",
            effect: Effect::Writes,
            input: input::<Checkout>(),
            output: output::<BranchResult>(),
        },
        Tool {
            name: "add",
            title: "Add files",
            description: "Takes the present content of files and folders, and deletions, into the next commit. Ignored files are left out, and what the rules deny is refused.",
            effect: Effect::Writes,
            input: input::<Add>(),
            output: output::<AddResult>(),
        },
        Tool {
            name: "commit",
            title: "Commit",
            description: "Commits what was added, on the agent/ branch that is checked out. A commit that could never land is refused: a secret, a denied path, a message that says nothing.",
            effect: Effect::Writes,
            input: input::<Commit>(),
            output: output::<CommitResult>(),
        },
        Tool {
            name: "push",
            title: "Push",
            description: "Hands an agent/ branch in: it becomes a request, whose change lands on the target branch once it is approved and checked. The same commit handed in twice is one request.",
            effect: Effect::Writes,
            input: input::<Push>(),
            output: output::<HandedIn>(),
        },
        Tool {
            name: "createPR",
            title: "Create a pull request",
            description: "Would open a pull request at a forge. None is connected: use push, which hands the branch in for approval.",
            effect: Effect::Writes,
            input: input::<CreatePr>(),
            output: output::<PullRequest>(),
        },
        Tool {
            name: "resetFile",
            title: "Reset a file",
            description: "Gives a file back as it was committed last, on an agent/ branch: what was changed in it since is lost. A new file that was added is only taken out of the next commit.",
            effect: Effect::Removes,
            input: input::<ResetFile>(),
            output: output::<ResetResult>(),
        },
    ]
}
