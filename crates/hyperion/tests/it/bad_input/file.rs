//! What is no file of task requests.

use super::*;

// R5, X7: what is no file of requests.
#[test]
fn a_file_that_cannot_be_read() {
    let mut table = Table::new();
    let folder = table.world.hyperion.user_home().join("folder.json");
    fs::create_dir(&folder).unwrap();
    let truncated = minimal().task(good()).text();
    table
        .bytes("empty", "")
        .bytes("blank", " \n\n")
        .bytes("an empty list", "[]")
        .bytes("truncated", &truncated[..truncated.len() / 2])
        .bytes("not JSON", "title: Clamp the delay\n")
        .bytes("a comma too many", "{\n  \"title\": \"x\",\n}\n")
        .bytes(
            "a key twice",
            "{\n  \"title\": \"x\",\n  \"title\": \"y\"\n}\n",
        )
        .bytes("not UTF-8", b"{\n  \"title\": \"caf\xe9\"\n}\n")
        .bytes("UTF-16", b"\xff\xfe{\x00\"\x00t\x00\"\x00:\x001\x00}\x00")
        .bytes("nested without end", "[".repeat(100_000))
        .bytes(
            "101 requests",
            json!(vec![minimal().json(); 101]).to_string(),
        )
        .bytes("33 MB", format!("\"{}\"", "x".repeat(33 << 20)))
        .arguments("a folder", &["request", folder.to_str().unwrap()])
        .arguments("a missing file", &["request", "missing.json"])
        .arguments("a single word", &["request", "clamp"]);
    insta::assert_snapshot!(table.end(), @r#"
    ## empty: exit 2
    error: ~/request.json: the input is empty
    hint: write a task request: {"schema": "hyperion.task_request/v1", "title": "…"}

    ## blank: exit 2
    error: ~/request.json: the input is empty
    hint: write a task request: {"schema": "hyperion.task_request/v1", "title": "…"}

    ## an empty list: exit 2
    error: ~/request.json: the input is a list without a request
    hint: write a task request: {"schema": "hyperion.task_request/v1", "title": "…"}

    ## truncated: exit 2
    error: ~/request.json: it ends too early: EOF while parsing a string at line 8 column 154
    hint: it may be cut off: copy it again, or close the brackets and quotes that are open there

    ## not JSON: exit 2
    error: ~/request.json: it is not JSON: expected ident at line 1 column 2
    hint: check the brackets, quotes and commas there, for instance with `jq . FILE`

    ## a comma too many: exit 2
    error: ~/request.json: it is not JSON: trailing comma at line 3 column 1
    hint: check the brackets, quotes and commas there, for instance with `jq . FILE`

    ## a key twice: exit 2
    error: ~/request.json: it cannot be read: a second key "title" in one object at line 3 column 9
    hint: keep one of the two: it is not clear which is meant

    ## not UTF-8: exit 2
    error: ~/request.json: the input is not UTF-8: byte 17 on line 2
    hint: save it as UTF-8; binary content goes into `content` with "encoding": "base64"

    ## UTF-16: exit 2
    error: ~/request.json: the input is not UTF-8: byte 0 on line 1
    hint: save it as UTF-8; binary content goes into `content` with "encoding": "base64"

    ## nested without end: exit 2
    error: ~/request.json: it is not JSON: recursion limit exceeded at line 1 column 128
    hint: check the brackets, quotes and commas there, for instance with `jq . FILE`

    ## 101 requests: exit 2
    error: ~/request.json: the input holds more than 100 requests
    hint: split it into several files

    ## 33 MB: exit 2
    error: ~/request.json: the input is larger than 32 MiB
    hint: split it into several files

    ## a folder: exit 2
    error: ~/folder.json is a folder, not a file with a request
    hint: name a file in it

    ## a missing file: exit 2
    error: there is no file missing.json
    hint: check the name; a sentence is given in quotes and does not end in .json

    ## a single word: exit 2
    error: there is no file `clamp`, and a single word is no request
    hint: name a file, or write a sentence in quotes: hyperion request "Fix the typo in README.md"
    "#);
}

// R5: what is JSON, but no task request.
#[test]
fn a_request_of_the_wrong_shape() {
    let mut table = Table::new();
    table
        .bytes("a number", "7")
        .bytes("a list of numbers", "[7]")
        .bytes("no schema", "{\"title\": \"x\"}")
        .request(
            "another schema",
            &minimal().set("schema", "hyperion.task_request/v9"),
        )
        .bytes("no title", "{\"schema\": \"hyperion.task_request/v1\"}")
        .request("unknown field", &minimal().set("prioritiy", "high"))
        .task(
            "unknown field of a task",
            task("T1", "clamp").set("own", json!(["src/**"])),
        )
        .change(
            "unknown field of a change",
            json!({"operation": "delete", "path": "README.md", "force": true}),
        )
        .request("wrong type", &minimal().set("title", 7))
        .request(
            "wrong type deep inside",
            &minimal()
                .task(good())
                .task(task("T2", "x").set("depends_on", "T1")),
        )
        .request("unknown priority", &minimal().priority("urgent"))
        .change(
            "unknown operation",
            json!({"operation": "move", "path": "README.md"}),
        )
        .change("missing field", json!({"path": "README.md"}))
        .change(
            "unknown encoding",
            json!({"operation": "create", "path": "x", "content": "", "encoding": "utf-16"}),
        )
        .bytes(
            "two of several lines",
            format!(
                "{}\n{{\"title\": 7}}\n{}\n7\n",
                minimal().json(),
                minimal().json()
            ),
        );
    insta::assert_snapshot!(table.end(), @r#"
    ## a number: exit 2
    error: ~/request.json: a task request is a JSON object (line 1 column 1)
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json

    ## a list of numbers: exit 2
    error: ~/request.json: /0: a task request is a JSON object (line 1 column 2)
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json

    ## no schema: exit 2
    error: ~/request.json: /schema: is missing; write "hyperion.task_request/v1" (line 1 column 1)
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json

    ## another schema: exit 2
    error: ~/request.json: /schema: "hyperion.task_request/v9" is not known; write "hyperion.task_request/v1" (line 2 column 3)
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json

    ## no title: exit 2
    error: ~/request.json: /title: is missing; write a string ("What is wanted, in one line") (line 1 column 1)
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json

    ## unknown field: exit 2
    error: ~/request.json: /prioritiy: is not a known field; did you mean `priority`? (line 2 column 3)
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json

    ## unknown field of a task: exit 2
    error: ~/request.json: /tasks/0/own: is not a known field; did you mean `owns`? (line 6 column 7)
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json

    ## unknown field of a change: exit 2
    error: ~/request.json: /tasks/0/changes/0/force: is not a known field; remove it, or use one of `base_hash`, `content`, `encoding`, `from_path`, `mode`, `operation`, `patch`, `path`, `result_hash` (line 7 column 11)
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json

    ## wrong type: exit 2
    error: ~/request.json: /title: is the number 7, not a string; write "7" (line 3 column 3)
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json

    ## wrong type deep inside: exit 2
    error: ~/request.json: /tasks/1/depends_on: is the string "T1", not a list; write ["T1"] (line 16 column 7)
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json

    ## unknown priority: exit 2
    error: ~/request.json: /priority: is the string "urgent"; write "low", "medium", "high" or "critical" (line 2 column 3)
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json

    ## unknown operation: exit 2
    error: ~/request.json: /tasks/0/changes/0/operation: is the string "move"; write "create", "modify", "delete", "rename" or "chmod" (line 7 column 11)
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json

    ## missing field: exit 2
    error: ~/request.json: /tasks/0/changes/0/operation: is missing; write "create", "modify", "delete", "rename" or "chmod" ("What happens to the path") (line 6 column 9)
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json

    ## unknown encoding: exit 2
    error: ~/request.json: /tasks/0/changes/0/encoding: is the string "utf-16"; did you mean "utf-8"? It takes "utf-8" or "base64" (line 8 column 11)
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json

    ## two of several lines: exit 2
    error: ~/request.json: 3 things are wrong; nothing was filed
      line 2 column 1, /1/schema: is missing; write "hyperion.task_request/v1"
      line 2 column 2, /1/title: is the number 7, not a string; write "7"
      line 4 column 1, /3: a task request is a JSON object
    hint: `hyperion generate schemas --out DIR` writes the schema to task_request.v1.json
    "#);
}
