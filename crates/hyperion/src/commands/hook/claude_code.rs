//! Claude Code: hooks of the event `PreToolUse`.

use serde_json::{Value, json};

use super::agent::{Act, Adapter, Call, Said, Snippet, TIMEOUT_SEC, Told, WAIT_SEC};
use super::{dir, text};

pub(super) struct ClaudeCode;

const EVENT: &str = "PreToolUse";

impl Adapter for ClaudeCode {
    fn name(&self) -> &'static str {
        "claude-code"
    }

    fn read(&self, payload: &Value) -> Result<Option<Call>, String> {
        if text(payload, "hook_event_name")? != EVENT {
            return Ok(None);
        }
        let input = &payload["tool_input"];
        let act = match text(payload, "tool_name")? {
            "Bash" => Act::Command(text(input, "command")?.to_owned()),
            "Write" | "Edit" | "MultiEdit" => Act::Edit(text(input, "file_path")?.to_owned()),
            "NotebookEdit" => Act::Edit(text(input, "notebook_path")?.to_owned()),
            "Read" => Act::Read(text(input, "file_path")?.to_owned()),
            _ => return Ok(None),
        };
        Ok(Some(Call {
            session: text(payload, "session_id")?.to_owned(),
            dir: dir(payload),
            acts: vec![act],
        }))
    }

    fn say(&self, told: &Told) -> Said {
        let (decision, reason) = match told {
            Told::Pass => return Said::NOTHING,
            Told::Allow(why) => ("allow", why),
            Told::Ask(why) => ("ask", why),
            Told::Deny(why) => ("deny", why),
        };
        Said::json(json!({"hookSpecificOutput": {
            "hookEventName": EVENT,
            "permissionDecision": decision,
            "permissionDecisionReason": reason,
        }}))
    }

    fn settings(&self, program: &str) -> Snippet {
        let hook = json!({
            "type": "command",
            "command": format!("{program} hook claude-code --wait {WAIT_SEC}"),
            "timeout": TIMEOUT_SEC,
        });
        let settings = json!({"hooks": {EVENT: [{
            "matcher": "Bash|Write|Edit|MultiEdit|NotebookEdit|Read",
            "hooks": [hook],
        }]}});
        Snippet {
            file: ".claude/settings.json",
            text: format!("{settings:#}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The payload of the documentation (code.claude.com/docs/en/hooks, `PreToolUse`).
    fn payload(tool: &str, input: &Value) -> Value {
        json!({
            "session_id": "abc123",
            "transcript_path": "/Users/ada/.claude/projects/web/00893aaf-19fa-41d2-8238-13269b9b3ca0.jsonl",
            "cwd": "/home/ada/web",
            "permission_mode": "default",
            "hook_event_name": "PreToolUse",
            "tool_name": tool,
            "tool_input": input,
            "tool_use_id": "toolu_01ABC123",
        })
    }

    // S7
    #[test]
    fn documented_payloads_are_read() {
        let bash = json!({"command": "psql -c '\\dt'", "description": "List the tables", "timeout": 120_000});
        let write = json!({"file_path": "/home/ada/web/file.txt", "content": "file content"});
        let read = |tool, input| ClaudeCode.read(&payload(tool, input)).unwrap();
        assert_eq!(
            read("Bash", &bash),
            Some(Call {
                session: "abc123".to_owned(),
                dir: "/home/ada/web".into(),
                acts: vec![Act::Command("psql -c '\\dt'".to_owned())],
            })
        );
        let edit = Act::Edit("/home/ada/web/file.txt".to_owned());
        assert_eq!(read("Write", &write).unwrap().acts, [edit]);
        assert_eq!(read("WebSearch", &json!({"query": "rust"})), None);
        assert_eq!(
            ClaudeCode.read(&payload("Bash", &json!({}))),
            Err("it has no text `command`".to_owned())
        );
    }

    #[test]
    fn answers_are_in_its_format() {
        let said = ClaudeCode.say(&Told::Deny("policy refuses it".to_owned()));
        insta::assert_snapshot!(said.stdout.unwrap(), @r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"policy refuses it"}}"#);
        assert_eq!(ClaudeCode.say(&Told::Pass), Said::NOTHING);
    }
}
