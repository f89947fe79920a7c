//! opencode: it has no hooks that start a program, but plugins. Ours hands `tool.execute.before` to this command, and throws where the
//! answer is no.

use serde_json::{Value, json};

use super::agent::{Act, Adapter, Call, Said, Snippet, TIMEOUT_SEC, Told, WAIT_SEC};
use super::codex::patched;
use super::text;

pub(super) struct Opencode;

impl Adapter for Opencode {
    fn name(&self) -> &'static str {
        "opencode"
    }

    fn read(&self, payload: &Value) -> Result<Option<Call>, String> {
        let args = &payload["args"];
        let folder = std::path::PathBuf::from(text(payload, "directory")?);
        let mut dir = folder.clone();
        let acts = match text(payload, "tool")? {
            "bash" => {
                if let Some(other) = args.get("workdir").and_then(Value::as_str) {
                    dir = folder.join(other);
                }
                vec![Act::Command(text(args, "command")?.to_owned())]
            }
            "write" | "edit" => vec![Act::Edit(text(args, "filePath")?.to_owned())],
            "patch" | "apply_patch" => patched(text(args, "patchText")?),
            "read" => vec![Act::Read(text(args, "filePath")?.to_owned())],
            _ => return Ok(None),
        };
        Ok(Some(Call {
            session: text(payload, "sessionID")?.to_owned(),
            dir,
            acts,
        }))
    }

    fn say(&self, told: &Told) -> Said {
        let (decision, reason) = match told {
            // A plugin cannot have opencode ask less than its own permissions say.
            Told::Pass => ("allow", String::new()),
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
        let text = PLUGIN
            .replace("PROGRAM", &json!(program).to_string())
            .replace("WAIT", &WAIT_SEC.to_string())
            .replace("TIMEOUT_MS", &(TIMEOUT_SEC * 1000).to_string());
        Snippet {
            file: ".opencode/plugins/hyperion.js",
            text,
        }
    }
}

/// Whatever goes wrong is a no: a plugin that fails would otherwise let everything pass.
const PLUGIN: &str = r#"import { spawn } from "node:child_process"

const ask = (call) =>
  new Promise((resolve) => {
    const failed = (why) => resolve({ decision: "deny", reason: `hyperion hook: ${why}` })
    const hook = spawn(PROGRAM, ["hook", "opencode", "--wait", "WAIT"], {
      stdio: ["pipe", "pipe", "inherit"],
      timeout: TIMEOUT_MS,
    })
    let said = ""
    hook.on("error", (error) => failed(error.message))
    hook.stdout.on("data", (data) => (said += data))
    hook.on("close", () => {
      try {
        resolve(JSON.parse(said))
      } catch {
        failed("it gave no answer")
      }
    })
    hook.stdin.on("error", () => {})
    hook.stdin.end(JSON.stringify(call))
  })

export const Hyperion = async ({ directory }) => ({
  "tool.execute.before": async ({ tool, sessionID, callID }, { args }) => {
    const answer = await ask({ tool, sessionID, callID, args, directory })
    if (answer.decision !== "allow") throw new Error(answer.reason)
  },
})
"#;

#[cfg(test)]
mod tests {
    use super::*;

    // S7: what our plugin hands on of `tool.execute.before`, whose fields are those of the type `Hooks` of @opencode-ai/plugin.
    #[test]
    fn what_the_plugin_hands_on_is_read() {
        let payload = json!({
            "tool": "bash", "sessionID": "ses_1", "callID": "call_1", "directory": "/home/ada/web",
            "args": {"command": "git push", "description": "Pushes"},
        });
        let call = Opencode.read(&payload).unwrap().unwrap();
        assert_eq!(call.acts, [Act::Command("git push".to_owned())]);
        let said = Opencode.say(&Told::Deny("no".to_owned()));
        assert_eq!(
            said.stdout,
            Some(json!({"decision": "deny", "reason": "no"}))
        );
    }
}
