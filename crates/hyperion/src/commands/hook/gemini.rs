//! Gemini CLI: hooks of the event `BeforeTool`. They say yes or no; there is no word for "ask".

use serde_json::{Value, json};

use super::agent::{Act, Adapter, Call, Said, Snippet, TIMEOUT_SEC, Told, WAIT_SEC};
use super::{dir, text};

pub(super) struct Gemini;

const EVENT: &str = "BeforeTool";

impl Adapter for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn read(&self, payload: &Value) -> Result<Option<Call>, String> {
        if text(payload, "hook_event_name")? != EVENT {
            return Ok(None);
        }
        let input = &payload["tool_input"];
        let mut at = dir(payload);
        let act = match text(payload, "tool_name")? {
            "run_shell_command" => {
                // It may name another folder to start in.
                let names = ["dir_path", "directory"];
                let other = names.iter().find_map(|name| input.get(name)?.as_str());
                at = other.map_or_else(|| at.clone(), |other| at.join(other));
                Act::Command(text(input, "command")?.to_owned())
            }
            "write_file" | "replace" => Act::Edit(text(input, "file_path")?.to_owned()),
            "read_file" => {
                let path = text(input, "file_path").or_else(|_| text(input, "absolute_path"))?;
                Act::Read(path.to_owned())
            }
            _ => return Ok(None),
        };
        Ok(Some(Call {
            session: text(payload, "session_id")?.to_owned(),
            dir: at,
            acts: vec![act],
        }))
    }

    fn say(&self, told: &Told) -> Said {
        let (decision, reason) = match told {
            // It wants an answer whenever it asks, and this one leaves its own rules alone.
            Told::Pass => return Said::json(json!({})),
            Told::Allow(why) => ("allow", why.clone()),
            Told::Ask(why) => (
                "deny",
                format!("{why}. A person has to run it, or to agree to it first"),
            ),
            Told::Deny(why) => ("deny", why.clone()),
        };
        Said::json(json!({"decision": decision, "reason": reason}))
    }

    fn settings(&self, program: &str) -> Snippet {
        let hook = json!({
            "name": "hyperion",
            "type": "command",
            "command": format!("{program} hook gemini --wait {WAIT_SEC}"),
            "timeout": TIMEOUT_SEC * 1000,
        });
        let settings = json!({"hooks": {EVENT: [{
            "matcher": "run_shell_command|write_file|replace|read_file",
            "hooks": [hook],
        }]}});
        Snippet {
            file: ".gemini/settings.json",
            text: format!("{settings:#}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The base fields of geminicli.com/docs/hooks/reference, with those of `BeforeTool`.
    fn payload(tool: &str, input: &Value) -> Value {
        json!({
            "session_id": "b7d4",
            "transcript_path": "/home/ada/.gemini/tmp/x/chats/session.json",
            "cwd": "/home/ada/web",
            "hook_event_name": "BeforeTool",
            "timestamp": "2026-11-01T12:00:00.000Z",
            "tool_name": tool,
            "tool_input": input,
        })
    }

    // S7
    #[test]
    fn documented_payloads_are_read() {
        let input =
            json!({"command": "npm test", "description": "Runs the tests", "dir_path": "app"});
        let call = Gemini
            .read(&payload("run_shell_command", &input))
            .unwrap()
            .unwrap();
        assert_eq!(call.acts, [Act::Command("npm test".to_owned())]);
        assert_eq!(call.dir, std::path::Path::new("/home/ada/web/app"));
        let input = json!({"file_path": "a.txt", "content": "x"});
        let call = Gemini
            .read(&payload("write_file", &input))
            .unwrap()
            .unwrap();
        assert_eq!(call.acts, [Act::Edit("a.txt".to_owned())]);
        assert_eq!(Gemini.read(&payload("web_fetch", &json!({}))), Ok(None));
    }

    #[test]
    fn answers_are_in_its_format() {
        let said = |told: &Told| Gemini.say(told).stdout.unwrap().to_string();
        insta::assert_snapshot!(said(&Told::Allow("it only looks".to_owned())), @r#"{"decision":"allow","reason":"it only looks"}"#);
        insta::assert_snapshot!(said(&Told::Ask("it pushes".to_owned())), @r#"{"decision":"deny","reason":"it pushes. A person has to run it, or to agree to it first"}"#);
    }
}
