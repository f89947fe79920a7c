//! Change sets on the wire; contracts §6.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hunk {
    /// Its number in the item, from 0.
    pub index: u32,
    /// The first line before, from 1.
    pub old_start: u32,
    /// How many lines before.
    pub old_lines: u32,
    /// The first line after, from 1.
    pub new_start: u32,
    /// How many lines after.
    pub new_lines: u32,
    /// Whether it applies.
    pub accepted: bool,
    /// Its lines, each with ` `, `+` or `-` in front; redacted.
    pub lines: Vec<String>,
}

/// A hunk of a patch that was applied at another line than the patch says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MovedHunk {
    /// The file.
    pub path: String,
    /// Its number in the file's patch, from 1.
    pub hunk: u32,
    /// The line of the base that the patch says, from 1.
    pub stated_line: u32,
    /// The line of the base where it was applied, from 1.
    pub line: u32,
}

/// One path of a change set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// The path after the change.
    pub path: String,
    /// The path before, where it moved.
    pub from_path: Option<String>,
    /// create, modify, delete, rename or chmod.
    pub operation: String,
    /// pending, accepted, rejected, dispatching or applied.
    pub status: String,
    /// The digest of the content before.
    pub old_hash: Option<String>,
    /// The digest of the content after.
    pub new_hash: Option<String>,
    /// The git mode before.
    pub old_mode: Option<String>,
    /// The git mode after.
    pub new_mode: Option<String>,
    /// Whether the content is binary.
    pub binary: bool,
    /// Its hunks; left out in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hunks: Vec<Hunk>,
    /// Lines added.
    pub additions: u32,
    /// Lines taken away.
    pub deletions: u32,
    /// Its place in the set.
    pub order_index: u32,
}

/// A risk that policy sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Risk {
    /// breaking_change, security, performance, data_loss and others.
    pub r#type: String,
    /// low, medium, high or critical.
    pub severity: String,
    /// What it is.
    pub description: String,
    /// Where.
    pub affected_files: Vec<String>,
}

/// Something that stops a change whoever agrees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Blocker {
    /// The stable code.
    pub code: String,
    /// Where.
    pub path: Option<String>,
    /// On which line of the new content.
    pub line: Option<u32>,
    /// What it is.
    pub detail: String,
    /// What to do.
    pub remedy: String,
}

/// What policy says of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assessment {
    /// Whether policy itself lets it pass.
    pub allowed: bool,
    /// Whether somebody has to agree.
    pub requires_approval: bool,
    /// auto, team-lead, admin or manual-only.
    pub approval_level: String,
    /// How risky it looks as a whole.
    pub risk: String,
    /// The risks.
    pub risks: Vec<Risk>,
    /// What stops it.
    pub blockers: Vec<Blocker>,
    /// Why this level.
    pub reasons: Vec<String>,
}

/// What a reviewer says of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// Whether nothing speaks against it.
    pub approved: bool,
    /// What is wrong.
    pub issues: Vec<String>,
    /// What could be better.
    pub suggestions: Vec<String>,
    /// What could open a door.
    pub security_concerns: Vec<String>,
    /// What it says about tests.
    pub test_coverage: String,
    /// Tests worth adding.
    pub test_suggestions: Vec<String>,
}

/// A change set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeSet {
    /// Its id.
    pub id: String,
    /// What it does, in one line.
    pub title: String,
    /// The request it serves.
    pub request_id: String,
    /// The task it carries out.
    pub task_id: String,
    /// The run that made it.
    pub run_id: String,
    /// The agent that made it.
    pub agent: String,
    /// See the contracts, §3a.
    pub status: String,
    /// The commit it was made on.
    pub base: String,
    /// The repository it is for.
    #[serde(default)]
    pub repo: String,
    /// The branch that it is to land on.
    #[serde(default)]
    pub branch: String,
    /// The commands that it brings along as checks; they are run before it lands. Redacted; left out in lists, and
    /// once they were purged.
    #[serde(default)]
    pub checks: Vec<String>,
    /// The version of it that was sent back before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// The registered key whose signature of the change was verified, where it came from outside and was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Until when a new version may be handed in, where it was sent back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revise_by: Option<String>,
    /// Its items.
    pub items: Vec<Item>,
    /// The hunks of its patches that were not where the patch says; left out in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved_hunks: Vec<MovedHunk>,
    /// Lines added, in all accepted parts.
    pub additions: u32,
    /// Lines taken away, in all accepted parts.
    pub deletions: u32,
    /// What policy says; null until it did.
    pub assessment: Option<Assessment>,
    /// What the reviewer says; null until it did.
    pub review: Option<Review>,
    /// The latest question about it.
    pub approval_id: Option<String>,
    /// Its queue entry.
    pub entry_id: Option<String>,
    /// Where that entry stands, while the change is queued: `quarantined` or `dead` is put aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_status: Option<String>,
    /// The commit it landed as.
    pub commit: Option<String>,
    /// When it was handed in.
    pub proposed_at: String,
    /// When it landed.
    pub applied_at: Option<String>,
    /// When it was taken back.
    pub rolled_back_at: Option<String>,
    /// Why it ended as it did, or what should be different where it was sent back.
    pub reason: Option<String>,
}

/// The text of a change set's diff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diff {
    /// The unified diff of the accepted parts, or of what they do otherwise than the former version; redacted.
    pub unified_diff: String,
    /// Lines added.
    pub additions: u32,
    /// Lines taken away.
    pub deletions: u32,
    /// How many of its lines have something masked.
    #[serde(default)]
    pub lines_masked: u32,
}

/// Accepts or rejects an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideItem {
    /// accepted or rejected.
    pub status: ItemDecision,
    /// The hunks that the decision is about, from 0; the whole item when absent.
    #[serde(default)]
    pub hunks: Option<Vec<u32>>,
}

/// What can be decided about an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemDecision {
    /// It applies.
    Accepted,
    /// It does not.
    Rejected,
}
