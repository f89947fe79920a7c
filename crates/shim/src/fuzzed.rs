//! What must hold for any bytes at all; driven by the fuzzer, and by the tests over its findings.

use serde_json::Value;

use crate::rpc::{Heard, Party, answer, hear};

/// Any lines on the run's socket break nothing: nothing is recorded before the token was shown, and the token is in nothing that is
/// recorded; each answer is one line of JSON-RPC.
pub fn run_socket(data: &[u8]) {
    let party = Party {
        run: "0190b7c4-6f2e-7a31-9d52-3f1c8a4be901".to_owned(),
        lineage: None,
        token: "a-token-that-nobody-guesses".to_owned(),
    };
    let mut knows_token = false;
    for line in data.split(|byte| *byte == b'\n') {
        let shows_token = line
            .windows(party.token.len())
            .any(|part| part == party.token.as_bytes());
        let knew_token = knows_token;
        let answer = match hear(&party, &mut knows_token, line) {
            Heard::Answer(answer) => answer,
            Heard::Record(said) => {
                assert!(knows_token);
                assert!(said.message["method"].is_string() && said.message["params"].is_object());
                assert!(said.message["params"].get("token").is_none());
                said.id.map(|id| answer(&id, &said.result))
            }
        };
        assert!(knew_token || !knows_token || shows_token || line.contains(&b'\\'));
        if let Some(answer) = answer {
            let line = answer.to_string();
            assert!(!line.contains('\n'));
            let answer: Value = serde_json::from_str(&line).expect("an answer is JSON");
            assert_eq!(answer["jsonrpc"], "2.0");
            assert!(
                answer.get("id").is_some()
                    && answer.get("result").is_some() != answer.get("error").is_some()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_lines_break_nothing() {
        hyperion_testkit::fuzz::on_each_input("run_socket", 2_000, super::run_socket);
    }
}
