//! Codex: hooks of the event `PreToolUse`. They can only say no: Codex takes any other decision for a failure of the hook, and goes on.

use serde_json::{Value, json};

use super::agent::{Act, Adapter, Call, Said, Snippet, TIMEOUT_SEC, Told, WAIT_SEC};
use super::{dir, text};

pub(super) struct Codex;

const EVENT: &str = "PreToolUse";

impl Adapter for Codex {
    fn name(&self) -> &'static str {
        "codex"
    }

    fn read(&self, payload: &Value) -> Result<Option<Call>, String> {
        if text(payload, "hook_event_name")? != EVENT {
            return Ok(None);
        }
        let input = &payload["tool_input"];
        let acts = match text(payload, "tool_name")? {
            "Bash" => vec![Act::Command(text(input, "command")?.to_owned())],
            "apply_patch" => patched(text(input, "command")?),
            _ => return Ok(None),
        };
        Ok(Some(Call {
            session: text(payload, "session_id")?.to_owned(),
            dir: dir(payload),
            acts,
        }))
    }

    fn say(&self, told: &Told) -> Said {
        let reason = match told {
            Told::Pass | Told::Allow(_) => return Said::NOTHING,
            Told::Ask(why) => format!("{why}. A person has to run it, or to agree to it first"),
            Told::Deny(why) => why.clone(),
        };
        Said::json(json!({"hookSpecificOutput": {
            "hookEventName": EVENT,
            "permissionDecision": "deny",
            "permissionDecisionReason": reason,
        }}))
    }

    fn settings(&self, program: &str) -> Snippet {
        let command = format!("{program} hook codex --wait {WAIT_SEC}");
        Snippet {
            file: ".codex/config.toml",
            text: format!(
                "[[hooks.PreToolUse]]\nmatcher = \"^(Bash|apply_patch)$\"\n\n[[hooks.PreToolUse.hooks]]\ntype = \"command\"\ncommand = {command:?}\ntimeout = {TIMEOUT_SEC}\n"
            ),
        }
    }
}

/// Lists the files that a patch in the format of `apply_patch` changes.
pub(super) fn patched(patch: &str) -> Vec<Act> {
    const HEADS: [&str; 4] = [
        "*** Add File: ",
        "*** Update File: ",
        "*** Delete File: ",
        "*** Move to: ",
    ];
    let path = |line: &str| {
        HEADS
            .iter()
            .find_map(|head| Some(line.strip_prefix(head)?.trim().to_owned()))
    };
    let mut acts: Vec<_> = patch.lines().filter_map(path).map(Act::Edit).collect();
    if acts.is_empty() {
        // A patch of a format that is not known changes who knows what.
        acts.push(Act::Command(format!("apply_patch {patch:?}")));
    }
    acts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields that codex-rs/hooks/schema/generated/pre-tool-use.command.input.schema.json requires.
    fn payload(tool: &str, command: &str) -> Value {
        json!({
            "session_id": "0198c0de-0000-7000-8000-000000000001",
            "turn_id": "1",
            "transcript_path": null,
            "cwd": "/home/ada/web",
            "hook_event_name": "PreToolUse",
            "model": "gpt-5-codex",
            "permission_mode": "default",
            "tool_name": tool,
            "tool_input": {"command": command},
            "tool_use_id": "call_1",
        })
    }

    // S7
    #[test]
    fn documented_payloads_are_read() {
        let acts = |tool, command| {
            Codex
                .read(&payload(tool, command))
                .unwrap()
                .map(|call| call.acts)
        };
        assert_eq!(
            acts("Bash", "git push"),
            Some(vec![Act::Command("git push".to_owned())])
        );
        let patch = "*** Begin Patch\n*** Update File: src/a.rs\n*** Move to: src/b.rs\n@@\n-x\n+y\n*** Add File: c.txt\n+z\n*** End Patch";
        let edits = ["src/a.rs", "src/b.rs", "c.txt"].map(|path| Act::Edit(path.to_owned()));
        assert_eq!(acts("apply_patch", patch), Some(edits.to_vec()));
        assert_eq!(acts("mcp__files__read", ""), None);
    }

    #[test]
    fn it_is_only_ever_told_no() {
        assert_eq!(
            Codex.say(&Told::Allow("it only looks".to_owned())),
            Said::NOTHING
        );
        let said = Codex.say(&Told::Ask("it pushes".to_owned()));
        insta::assert_snapshot!(said.stdout.unwrap(), @r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"it pushes. A person has to run it, or to agree to it first"}}"#);
    }
}
