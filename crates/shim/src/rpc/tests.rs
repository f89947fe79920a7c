//! What lines are understood as.

use super::*;

fn party() -> Party {
    Party {
        run: "0190b7c4-6f2e-7a31-9d52-3f1c8a4be901".to_owned(),
        lineage: Some("0190b7c4-6f2e-7a31-9d52-3f1c8a4be777".to_owned()),
        token: "right".to_owned(),
    }
}

/// What is recorded and answered, for lines on one connection.
fn told(lines: &[&str]) -> String {
    let mut knows_token = false;
    let mut told = String::new();
    for line in lines {
        match hear(&party(), &mut knows_token, line.as_bytes()) {
            Heard::Answer(None) => told.push_str("-\n"),
            Heard::Answer(Some(answer)) => told.push_str(&format!("< {answer}\n")),
            Heard::Record(said) => {
                told.push_str(&format!("# {}\n", said.message));
                if let Some(id) = said.id {
                    told.push_str(&format!(
                        "< {}{}\n",
                        answer(&id, &said.result),
                        if said.asks.is_some() { " later" } else { "" }
                    ));
                }
            }
        }
    }
    told
}

#[test]
fn a_connection_shows_the_token_once_and_then_speaks() {
    insta::assert_snapshot!(told(&[
        r#"{"jsonrpc":"2.0","id":1,"method":"heartbeat"}"#,
        r#"{"jsonrpc":"2.0","id":"a","method":"hello","params":{"token":"wrong"}}"#,
        r#"{"jsonrpc":"2.0","method":"heartbeat"}"#,
        r#"{"jsonrpc":"2.0","id":2,"method":"hello","params":{"token":"right"}}"#,
        r#"{"jsonrpc":"2.0","id":3,"method":"heartbeat","params":{"progress":40,"action":"testing"}}"#,
        r#"{"jsonrpc":"2.0","method":"heartbeat","params":{"token":"right"}}"#,
        r#"{"jsonrpc":"2.0","id":4,"method":"event","params":{"kind":"test.passed","data":{"count":3}}}"#,
        r#"{"jsonrpc":"2.0","id":5,"method":"run.log","params":{"stream":"build","data":"line\n"}}"#,
        r#"{"jsonrpc":"2.0","id":6,"method":"approval.request","params":{"key":"k","action":"deploy","summary":"s","details":{},"risk":"high"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"approval.wait","params":{"approval_id":"0190b7c4-6f2e-7a31-9d52-3f1c8a4be901","timeout_sec":5}}"#,
    ]), @r#"
    < {"error":{"code":-32001,"data":{"code":"run.token_missing"},"message":"show the token first: call `hello` with {\"token\": the value of HYPERION_RUN_TOKEN}, or add `token` to these params"},"id":1,"jsonrpc":"2.0"}
    < {"error":{"code":-32001,"data":{"code":"run.token_refused"},"message":"this is not the token of this run: use HYPERION_SOCKET and HYPERION_RUN_TOKEN of one and the same run"},"id":"a","jsonrpc":"2.0"}
    -
    < {"id":2,"jsonrpc":"2.0","result":{"run":"0190b7c4-6f2e-7a31-9d52-3f1c8a4be901","version":1}}
    # {"id":3,"jsonrpc":"2.0","method":"heartbeat","params":{"action":"testing","progress":40}}
    < {"id":3,"jsonrpc":"2.0","result":{}}
    # {"jsonrpc":"2.0","method":"heartbeat","params":{}}
    # {"id":4,"jsonrpc":"2.0","method":"event","params":{"data":{"count":3},"kind":"test.passed"}}
    < {"id":4,"jsonrpc":"2.0","result":{}}
    # {"id":5,"jsonrpc":"2.0","method":"run.log","params":{"data":"line\n","stream":"build"}}
    < {"id":5,"jsonrpc":"2.0","result":{}}
    # {"id":6,"jsonrpc":"2.0","method":"approval.request","params":{"action":"deploy","details":{},"key":"k","risk":"high","summary":"s"}}
    < {"id":6,"jsonrpc":"2.0","result":{"approval_id":"350d24be-be4c-57ff-9b79-2b39e6555e8b","status":"pending"}} later
    # {"id":7,"jsonrpc":"2.0","method":"approval.wait","params":{"approval_id":"0190b7c4-6f2e-7a31-9d52-3f1c8a4be901","timeout_sec":5}}
    < {"id":7,"jsonrpc":"2.0","result":{"approval_id":"0190b7c4-6f2e-7a31-9d52-3f1c8a4be901","decided_by":null,"reason":null,"status":"pending"}} later
    "#);
}

#[test]
fn what_cannot_be_understood_says_why_and_echoes_the_id() {
    let wrong = |rest: &str| format!(r#"{{"jsonrpc":"2.0","id":7,{rest}}}"#);
    let hello = wrong(r#""method":"hello","params":{"token":"right"}"#);
    let lines = [
        "garbage".to_owned(),
        "[]".to_owned(),
        r#"{"id":1,"method":"hello"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":[],"method":"hello"}"#.to_owned(),
        wrong(r#""method":5"#),
        wrong(r#""method":"heartbeat","params":[1]"#),
        hello,
        wrong(r#""method":"approval.approve""#),
        wrong(r#""method":"heartbeat","params":{"progress":101}"#),
        wrong(r#""method":"heartbeat","params":{"percent":1}"#),
        wrong(r#""method":"event","params":{"kind":""}"#),
        wrong(r#""method":"event","params":{"kind":"hyperion.x"}"#),
        wrong(r#""method":"run.log","params":{"stream":"x"}"#),
        wrong(r#""method":"approval.request","params":{"key":"k","action":"a","summary":"s","details":1,"risk":"huge"}"#),
        wrong(r#""method":"approval.wait","params":{"approval_id":"x"}"#),
        r#"{"jsonrpc":"2.0","method":"approval.wait","params":{"approval_id":"0190b7c4-6f2e-7a31-9d52-3f1c8a4be901"}}"#.to_owned(),
    ];
    insta::assert_snapshot!(told(&lines.each_ref().map(String::as_str)), @r#"
    < {"error":{"code":-32700,"data":{"code":"input.invalid"},"message":"this is not JSON: expected value at line 1 column 1: send one JSON-RPC 2.0 message on a line"},"id":null,"jsonrpc":"2.0"}
    < {"error":{"code":-32600,"data":{"code":"input.invalid"},"message":"a message is one JSON object; lists of messages are not taken: send each on a line of its own"},"id":null,"jsonrpc":"2.0"}
    < {"error":{"code":-32600,"data":{"code":"input.invalid"},"message":"`jsonrpc` has to be \"2.0\""},"id":1,"jsonrpc":"2.0"}
    < {"error":{"code":-32600,"data":{"code":"input.invalid"},"message":"`id` is a text or a number"},"id":null,"jsonrpc":"2.0"}
    < {"error":{"code":-32600,"data":{"code":"input.invalid"},"message":"`method` has to be a text"},"id":7,"jsonrpc":"2.0"}
    < {"error":{"code":-32600,"data":{"code":"input.invalid"},"message":"`params` has to be an object: parameters are named"},"id":7,"jsonrpc":"2.0"}
    < {"id":7,"jsonrpc":"2.0","result":{"run":"0190b7c4-6f2e-7a31-9d52-3f1c8a4be901","version":1}}
    < {"error":{"code":-32601,"data":{"code":"input.unknown_method"},"message":"there is no method \"approval.approve\": there are hello, heartbeat, event, run.log, approval.request and approval.wait"},"id":7,"jsonrpc":"2.0"}
    < {"error":{"code":-32602,"data":{"code":"input.invalid"},"message":"`progress` is a number from 0 to 100"},"id":7,"jsonrpc":"2.0"}
    < {"error":{"code":-32602,"data":{"code":"input.invalid"},"message":"the params of `heartbeat`: percent: unknown field `percent`, expected `progress` or `action`"},"id":7,"jsonrpc":"2.0"}
    < {"error":{"code":-32602,"data":{"code":"input.invalid"},"message":"`kind` has 1 to 200 characters"},"id":7,"jsonrpc":"2.0"}
    < {"error":{"code":-32602,"data":{"code":"input.invalid"},"message":"a `kind` that begins with `hyperion.` is Hyperion's own"},"id":7,"jsonrpc":"2.0"}
    < {"error":{"code":-32602,"data":{"code":"input.invalid"},"message":"the params of `run.log`: missing field `data`"},"id":7,"jsonrpc":"2.0"}
    < {"error":{"code":-32602,"data":{"code":"input.invalid"},"message":"the params of `approval.request`: risk: unknown variant `huge`, expected one of `low`, `medium`, `high`, `critical`"},"id":7,"jsonrpc":"2.0"}
    < {"error":{"code":-32602,"data":{"code":"input.invalid"},"message":"the params of `approval.wait`: approval_id: UUID parsing failed: invalid character: found `x` at 0"},"id":7,"jsonrpc":"2.0"}
    -
    "#);
}

#[test]
fn the_id_of_an_approval_depends_on_lineage_and_key_alone() {
    let id = |party: &Party, key: &str| approval_id(party, key).to_string();
    let other = Party {
        run: "another".to_owned(),
        ..party()
    };
    assert_eq!(id(&party(), "k"), id(&other, "k"));
    assert_ne!(id(&party(), "k"), id(&party(), "l"));
    let alone = Party {
        lineage: None,
        ..party()
    };
    assert_ne!(id(&party(), "k"), id(&alone, "k"));
}
