//! Bad requests: each with its own message, its place and its remedy, and nothing half-queued.

use crate::world::{World, items, text};
use hyperion_testkit::{RequestFile, TaskEntry, TempRepo, task, task_request, unified_diff};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;

const RETRY: &str = "fn delay(n: u32) -> u32 {\n    2_u32.pow(n)\n}\n";
const CLAMPED: &str = "fn delay(n: u32) -> u32 {\n    2_u32.pow(n).min(30)\n}\n";

/// Tries bad requests on one machine, and writes down what people see.
struct Table {
    world: World,
    tip: String,
    rows: String,
}

impl Table {
    /// Has a repository with every kind of entry, and an engine that is up.
    fn new() -> Self {
        let dependency = TempRepo::with_files(&[("lib.txt", "lib\n")]);
        let repo = TempRepo::new();
        repo.write("README.md", "# Retry\n");
        repo.write("src/retry.rs", RETRY);
        repo.write("docs/guide.md", "one\n");
        repo.write_executable("run.sh", "#!/bin/sh\n");
        repo.symlink("link", "docs");
        repo.add_submodule("vendor/dep", &dependency);
        repo.commit_all("Begin");
        let world = World::up_with(repo, &[]);
        let tip = world.repo.tip("main");
        Self {
            world,
            tip,
            rows: String::new(),
        }
    }

    /// Files these bytes, and notes status and words.
    fn bytes(&mut self, name: &str, bytes: impl AsRef<[u8]>) -> &mut Self {
        let file = self.world.hyperion.user_home().join("request.json");
        fs::write(&file, bytes).unwrap();
        self.arguments(name, &["request", file.to_str().unwrap()])
    }

    fn request(&mut self, name: &str, request: &RequestFile) -> &mut Self {
        self.bytes(name, request.text())
    }

    /// Files a request with this one task.
    fn task(&mut self, name: &str, task: TaskEntry) -> &mut Self {
        self.request(name, &task_request("Clamp the delay").task(task))
    }

    /// Files a request with this one change.
    fn change(&mut self, name: &str, change: Value) -> &mut Self {
        self.task(name, task("T1", "clamp").change(change))
    }

    fn arguments(&mut self, name: &str, arguments: &[&str]) -> &mut Self {
        let ended = self.world.run(arguments);
        assert_eq!(ended.stdout, "", "{name}: data is for what was filed");
        let exit = ended.exit().unwrap();
        let said = self.without_places(&ended.stderr);
        writeln!(self.rows, "## {name}: exit {exit}\n{said}").unwrap();
        self
    }

    fn without_places(&self, said: &str) -> String {
        let home = self.world.hyperion.user_home();
        said.replace(home.to_str().unwrap(), "~")
            .replace(self.world.repo.path().to_str().unwrap(), "REPO")
    }

    /// Requires that none of it left a trace, and gives the table.
    fn end(&self) -> &str {
        assert_eq!(self.world.list(&["request", "list"]), [Value::Null; 0]);
        assert_eq!(self.world.list(&["queue", "list"]), [Value::Null; 0]);
        assert_eq!(self.world.list(&["changes", "list"]), [Value::Null; 0]);
        assert_eq!(self.world.repo.tip("main"), self.tip);
        self.world.assert_nothing_unlanded_shows();
        &self.rows
    }
}

fn minimal() -> RequestFile {
    task_request("Clamp the delay")
}

fn modify(patch: &str) -> Value {
    json!({"operation": "modify", "path": "src/retry.rs", "patch": patch})
}

fn good() -> TaskEntry {
    task("T1", "clamp").modify("src/retry.rs", RETRY, CLAMPED)
}

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
        .bytes("UTF-16", b"\xff\xfe{\0\"\0t\0\"\0:\01\0}\0")
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

    ## 33 MB: exit 1
    error: ~/request.json: POST /api/requests?dir=%2Ftmp%2F.tmpT0RIpZ%2Frepo&dry_run=false&source=cli answered 413 Payload Too Large: Failed to buffer the request body: length limit exceeded

    ## a folder: exit 2
    error: ~/folder.json is a folder, not a file with a request

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
    error: ~/request.json: a task request is a JSON object (line 1)
    hint: the shape is in docs/schemas/task_request.v1.json

    ## a list of numbers: exit 2
    error: ~/request.json: /0: a task request is a JSON object (line 1)
    hint: the shape is in docs/schemas/task_request.v1.json

    ## no schema: exit 2
    error: ~/request.json: /schema: is missing; write "hyperion.task_request/v1" (line 1)
    hint: the shape is in docs/schemas/task_request.v1.json

    ## another schema: exit 2
    error: ~/request.json: /schema: "hyperion.task_request/v9" is not known; write "hyperion.task_request/v1" (line 2)
    hint: the shape is in docs/schemas/task_request.v1.json

    ## no title: exit 2
    error: ~/request.json: missing field `title` (line 1)
    hint: the shape is in docs/schemas/task_request.v1.json

    ## unknown field: exit 2
    error: ~/request.json: /prioritiy: unknown field `prioritiy`, expected one of `schema`, `title`, `description`, `class`, `priority`, `repo`, `base`, `acceptance`, `agent`, `requires_approval`, `atomic`, `target_files`, `error_context`, `feature_request_id`, `session_id`, `source`, `idempotency_key`, `tasks` (line 2)
    hint: the shape is in docs/schemas/task_request.v1.json

    ## unknown field of a task: exit 2
    error: ~/request.json: /tasks/0/own: unknown field `own`, expected one of `id`, `title`, `instructions`, `owns`, `depends_on`, `checks`, `changes` (line 6)
    hint: the shape is in docs/schemas/task_request.v1.json

    ## unknown field of a change: exit 2
    error: ~/request.json: /tasks/0/changes/0/force: unknown field `force`, expected one of `operation`, `path`, `from_path`, `mode`, `base_hash`, `patch`, `content`, `encoding`, `result_hash` (line 7)
    hint: the shape is in docs/schemas/task_request.v1.json

    ## wrong type: exit 2
    error: ~/request.json: /title: invalid type: integer `7`, expected a string (line 3)
    hint: the shape is in docs/schemas/task_request.v1.json

    ## wrong type deep inside: exit 2
    error: ~/request.json: /tasks/1/depends_on: invalid type: string "T1", expected a sequence (line 16)
    hint: the shape is in docs/schemas/task_request.v1.json

    ## unknown priority: exit 2
    error: ~/request.json: /priority: unknown variant `urgent`, expected one of `low`, `medium`, `high`, `critical` (line 2)
    hint: the shape is in docs/schemas/task_request.v1.json

    ## unknown operation: exit 2
    error: ~/request.json: /tasks/0/changes/0/operation: unknown variant `move`, expected one of `create`, `modify`, `delete`, `rename`, `chmod` (line 7)
    hint: the shape is in docs/schemas/task_request.v1.json

    ## missing field: exit 2
    error: ~/request.json: /tasks/0/changes/0: missing field `operation` (line 6)
    hint: the shape is in docs/schemas/task_request.v1.json

    ## unknown encoding: exit 2
    error: ~/request.json: /tasks/0/changes/0/encoding: unknown variant `utf-16`, expected `utf-8` or `base64` (line 8)
    hint: the shape is in docs/schemas/task_request.v1.json

    ## two of several lines: exit 2
    error: ~/request.json: 2 things are wrong; nothing was filed
      line 2, /1/schema: is missing; write "hyperion.task_request/v1"
      line 4, /3: a task request is a JSON object
    hint: the shape is in docs/schemas/task_request.v1.json
    "#);
}

// R3, R5: what contradicts itself.
#[test]
fn a_request_that_contradicts_itself() {
    let mut table = Table::new();
    let many = (0..10_000).fold(minimal(), |request, at| {
        request.task(task(&format!("T{at}"), "x"))
    });
    table
        .request("an empty title", &task_request("  "))
        .request("a long title", &task_request(&"x".repeat(201)))
        .request(
            "a title with an escape",
            &task_request("Clamp \u{1b}[2Jthe delay"),
        )
        .request("a title of two lines", &task_request("Clamp\nthe delay"))
        .request(
            "a long description",
            &minimal().description(&"x".repeat(70_000)),
        )
        .request("unknown agent", &minimal().set("agent", "gpt-7"))
        .request("an empty key", &minimal().idempotency_key(""))
        .request("10,000 tasks", &many)
        .request(
            "a task id twice",
            &minimal()
                .task(good())
                .task(task("T1", "again").create("x", "x\n")),
        )
        .task("a task id that is none", task("T 1", "x"))
        .task("an unknown dependency", task("T1", "x").depends_on(&["T9"]))
        .task(
            "a dependency on itself",
            task("T1", "x").depends_on(&["T1"]),
        )
        .request(
            "a circle",
            &minimal()
                .task(task("T1", "x").depends_on(&["T3"]))
                .task(task("T2", "x").depends_on(&["T1"]))
                .task(task("T3", "x").depends_on(&["T2"]))
                .task(task("T4", "x").depends_on(&["T5"]))
                .task(task("T5", "x").depends_on(&["T4"])),
        )
        .request(
            "overlapping owns",
            &minimal()
                .task(task("T1", "x").owns(&["src/**"]).create("src/a.rs", "a\n"))
                .task(
                    task("T2", "x")
                        .owns(&["src/*.rs"])
                        .create("src/b.rs", "b\n"),
                ),
        )
        .request(
            "the same path without owns",
            &minimal()
                .task(task("T1", "x").replace("README.md", "a\n"))
                .task(task("T2", "x").replace("README.md", "b\n")),
        )
        .task(
            "outside of owns",
            task("T1", "x")
                .owns(&["docs/**"])
                .modify("src/retry.rs", RETRY, CLAMPED),
        )
        .task("owns a folder", task("T1", "x").owns(&["src/"]))
        .task("owns outside", task("T1", "x").owns(&["../**"]))
        .task("owns no glob", task("T1", "x").owns(&["src/[a"]))
        .task("a check of two lines", task("T1", "x").check("true\nfalse"));
    insta::assert_snapshot!(table.end(), @r#"
    ## an empty title: exit 2
    error: ~/request.json: /title: is empty; say in one line what is wanted (line 3)

    ## a long title: exit 2
    error: ~/request.json: /title: has 201 characters; at most 200: put the rest into the longer text (line 3)

    ## a title with an escape: exit 2
    error: ~/request.json: /title: has the control character '\u{1b}'; write one plain line (line 3)

    ## a title of two lines: exit 2
    error: ~/request.json: /title: has the control character '\n'; write one plain line (line 3)

    ## a long description: exit 2
    error: ~/request.json: /description: has 70000 bytes; at most 65536: shorten it, or put it into a file of the repository (line 2)

    ## unknown agent: exit 2
    error: ~/request.json: /agent: no agent is called "gpt-7"; there is: scripted (line 2)

    ## an empty key: exit 2
    error: ~/request.json: /idempotency_key: has 0 characters; give 1 to 1000, or leave it out (line 2)

    ## 10,000 tasks: exit 2
    error: ~/request.json: /tasks: has 10000 tasks; a plan has at most 50 steps (setting plan.max_steps): split the request (line 3)

    ## a task id twice: exit 2
    error: ~/request.json: /tasks/1/id: "T1" is the id of task 0 already; give each task its own (line 23)

    ## a task id that is none: exit 2
    error: ~/request.json: /tasks/0/id: "T 1" has the character ' '; a name has letters, digits, `.`, `_`, `-`, `/`, `:`, `@` and `+`, and starts with a letter or digit (line 5)

    ## an unknown dependency: exit 2
    error: ~/request.json: /tasks/0/depends_on/0: there is no task "T9"; there is: T1 (line 6)

    ## a dependency on itself: exit 2
    error: ~/request.json: /tasks/0/depends_on/0: a task cannot depend on itself; take it out (line 6)

    ## a circle: exit 2
    error: ~/request.json: 2 things are wrong; nothing was filed
      line 5, /tasks/0/depends_on: tasks depend on each other in a circle: T1 → T3 → T2 → T1; take one of these out
      line 26, /tasks/3/depends_on: tasks depend on each other in a circle: T4 → T5 → T4; take one of these out

    ## overlapping owns: exit 2
    error: ~/request.json: /tasks/1/owns: "src/*.rs" overlaps "src/**" of task T1: give each path to one task, or let T2 depend on T1 (line 27)

    ## the same path without owns: exit 2
    error: ~/request.json: /tasks/1/owns: "README.md" overlaps "README.md" of task T1: give each path to one task, or let T2 depend on T1 (line 15)

    ## outside of owns: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: "src/retry.rs" lies outside what task T1 owns: docs/**; add it to `owns`, or give it to the task that owns it (line 9)

    ## owns a folder: exit 2
    error: ~/request.json: /tasks/0/owns/0: "src/" names a folder; write "src/**" for everything in it (line 7)

    ## owns outside: exit 2
    error: ~/request.json: /tasks/0/owns/0: "../**" has a `..`, `.` or empty part; write it without (line 7)

    ## owns no glob: exit 2
    error: ~/request.json: /tasks/0/owns/0: "src/[a" is not a glob: unclosed character class; missing ']' (line 7)

    ## a check of two lines: exit 2
    error: ~/request.json: /tasks/0/checks/0: has several lines, or a NUL; write one line (line 6)
    "#);
}

// C1, X1: paths that leave the repository, in every spelling.
#[test]
fn a_path_that_escapes() {
    let mut table = Table::new();
    for path in [
        "../outside",
        "src/../../outside",
        "/etc/passwd",
        "C:/Windows/x",
        "src\\..\\x",
        "a\0b",
        "a\nb",
        "",
        "src//x",
        ".git/config",
        ".GIT/hooks/pre-commit",
        "sub/.Git/config",
        ".g\u{200c}it/config",
        "git~1/config",
        ".git. /config",
        ".git::$INDEX_ALLOCATION/config",
    ] {
        let name = format!("{path:?}");
        table.change(
            &name,
            json!({"operation": "create", "path": path, "content": "x\n"}),
        );
    }
    table
        .change(
            "a long name",
            json!({"operation": "create", "path": "x".repeat(256), "content": "x\n"}),
        )
        .change(
            "through a link",
            json!({"operation": "create", "path": "link/new.md", "content": "x\n"}),
        )
        .change(
            "a file seen through a link",
            json!({"operation": "modify", "path": "link/guide.md", "content": "x\n"}),
        )
        .change(
            "into a submodule",
            json!({"operation": "modify", "path": "vendor/dep/lib.txt", "content": "x\n"}),
        )
        .change(
            "a submodule itself",
            json!({"operation": "delete", "path": "vendor/dep"}),
        )
        .change(
            "below a file",
            json!({"operation": "create", "path": "README.md/x", "content": "x\n"}),
        )
        .change("a folder", json!({"operation": "delete", "path": "src"}))
        .change(
            "renamed out",
            json!({"operation": "rename", "from_path": "README.md", "path": "../README.md"}),
        )
        .change(
            "renamed in",
            json!({"operation": "rename", "from_path": "../../etc/passwd", "path": "passwd"}),
        )
        .change(
            "renamed through a link",
            json!({"operation": "rename", "from_path": "link/guide.md", "path": "guide.md"}),
        )
        .change(
            "a link that leads nowhere",
            json!({"operation": "create", "path": "l", "content": "a\u{0}b", "mode": "120000"}),
        )
        .request(
            "target files",
            &minimal().set("target_files", json!(["src/retry.rs", "../x"])),
        );
    insta::assert_snapshot!(table.end(), @r#"
    ## "../outside": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "../outside" has a `..`, `.` or empty part; write it without (line 9)

    ## "src/../../outside": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "src/../../outside" has a `..`, `.` or empty part; write it without (line 9)

    ## "/etc/passwd": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "/etc/passwd" is absolute; give it relative to the repository's top (line 9)

    ## "C:/Windows/x": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "C:/Windows/x" is absolute; give it relative to the repository's top (line 9)

    ## "src\\..\\x": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "src\\..\\x" has a backslash; use `/` between folders (line 9)

    ## "a\0b": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "a\0b" has a control character; rename the file first (line 9)

    ## "a\nb": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "a\nb" has a control character; rename the file first (line 9)

    ## "": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path is empty; name a file relative to the repository's top (line 9)

    ## "src//x": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "src//x" has a `..`, `.` or empty part; write it without (line 9)

    ## ".git/config": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path ".git/config" lies in git's own folder, which no change may touch (line 9)

    ## ".GIT/hooks/pre-commit": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path ".GIT/hooks/pre-commit" lies in git's own folder, which no change may touch (line 9)

    ## "sub/.Git/config": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "sub/.Git/config" lies in git's own folder, which no change may touch (line 9)

    ## ".g\u{200c}it/config": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path ".g\u{200c}it/config" lies in git's own folder, which no change may touch (line 9)

    ## "git~1/config": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "git~1/config" lies in git's own folder, which no change may touch (line 9)

    ## ".git. /config": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path ".git. /config" lies in git's own folder, which no change may touch (line 9)

    ## ".git::$INDEX_ALLOCATION/config": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path ".git::$INDEX_ALLOCATION/config" lies in git's own folder, which no change may touch (line 9)

    ## a long name: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" has a part of 256 bytes; at most 255 are allowed (line 9)

    ## through a link: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: link/new.md leads through link, which is a symbolic link; name the file by the path it has in the repository (line 9)

    ## a file seen through a link: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: link/guide.md leads through link, which is a symbolic link; name the file by the path it has in the repository (line 9)

    ## into a submodule: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: vendor/dep/lib.txt lies in the submodule vendor/dep; change it in its own repository, then move the submodule (line 9)

    ## a submodule itself: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: vendor/dep is a submodule; change it in its own repository (line 8)

    ## below a file: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: README.md/x cannot be: README.md is a file, not a folder; choose another path (line 9)

    ## a folder: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: src is a folder; name the files in it (line 8)

    ## renamed out: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "../README.md" has a `..`, `.` or empty part; write it without (line 9)

    ## renamed in: exit 2
    error: ~/request.json: /tasks/0/changes/0/from_path: the path "../../etc/passwd" has a `..`, `.` or empty part; write it without (line 7)

    ## renamed through a link: exit 2
    error: ~/request.json: /tasks/0/changes/0/from_path: link/guide.md leads through link, which is a symbolic link; name the file by the path it has in the repository (line 7)

    ## a link that leads nowhere: exit 2
    error: ~/request.json: /tasks/0/changes/0/content: a symbolic link holds the path it leads to: 1 to 4095 bytes, no NUL and no line end (line 7)

    ## target files: exit 2
    error: ~/request.json: /target_files/1: the path "../x" has a `..`, `.` or empty part; write it without (line 5)
    "#);
}

// C2: what does not fit its file.
#[test]
fn a_change_that_does_not_fit() {
    let mut table = Table::new();
    let patch = unified_diff("src/retry.rs", RETRY, CLAMPED);
    let elsewhere = unified_diff("src/other.rs", RETRY, CLAMPED);
    let other_text = unified_diff(
        "src/retry.rs",
        "fn other() {\n    1\n}\n",
        "fn other() {\n    2\n}\n",
    );
    let both = format!("{patch}{elsewhere}");
    let wrong = format!("sha256:{}", "0".repeat(64));
    table
        .change("another path", modify(&elsewhere))
        .change("another text", modify(&other_text))
        .change("two files", modify(&both))
        .change("no patch", modify("please clamp it"))
        .change("cut off", modify(&patch[..patch.len() - 12]))
        .change("another operation", json!({"operation": "create", "path": "src/retry.rs", "patch": patch}))
        .change("a patch for a deletion", json!({"operation": "delete", "path": "src/retry.rs", "patch": patch}))
        .change("there already", json!({"operation": "create", "path": "README.md", "content": "x\n"}))
        .change("not there", json!({"operation": "modify", "path": "src/none.rs", "content": "x\n"}))
        .change("nothing to delete", json!({"operation": "delete", "path": "src/none.rs"}))
        .change("nothing changes", json!({"operation": "modify", "path": "src/retry.rs", "content": RETRY}))
        .change("the mode it has", json!({"operation": "chmod", "path": "run.sh", "mode": "100755"}))
        .change("no mode", json!({"operation": "chmod", "path": "run.sh", "mode": "0777"}))
        .change("a file becomes a link", json!({"operation": "chmod", "path": "run.sh", "mode": "120000"}))
        .change("both", json!({"operation": "modify", "path": "src/retry.rs", "patch": patch, "content": CLAMPED}))
        .change("neither", json!({"operation": "modify", "path": "src/retry.rs"}))
        .change("renamed from nowhere", json!({"operation": "rename", "path": "src/new.rs"}))
        .change("renamed onto another", json!({"operation": "rename", "from_path": "README.md", "path": "run.sh"}))
        .change("600 KB", json!({"operation": "create", "path": "big.txt", "content": "x".repeat(600_000)}))
        .change("bad base64", json!({"operation": "create", "path": "b", "content": "a*b", "encoding": "base64"}))
        .change("wrong result_hash", json!({"operation": "modify", "path": "src/retry.rs", "patch": patch, "result_hash": wrong}))
        .change("wrong base_hash", json!({"operation": "modify", "path": "src/retry.rs", "patch": patch, "base_hash": wrong}))
        .change("no hash", json!({"operation": "modify", "path": "src/retry.rs", "patch": patch, "base_hash": "sha256:12"}))
        .task("a path twice", good().delete("src/retry.rs"))
        .request(
            "tasks before it contradict each other",
            &minimal()
                .task(task("T1", "x").owns(&["a"]).create("a", "x\n"))
                .task(task("T2", "x").owns(&["a/b"]).create("a/b", "x\n"))
                .task(task("T3", "x").owns(&["c"]).depends_on(&["T1", "T2"]).create("c", "x\n")),
        );
    insta::assert_snapshot!(table.end(), @r#"
    ## another path: exit 2
    error: ~/request.json: /tasks/0/changes/0/patch: changes src/other.rs → src/other.rs, but the change is a modify of src/retry.rs: correct `operation` and `path`, or the patch (line 8)

    ## another text: exit 2
    error: ~/request.json: /tasks/0/changes/0/patch: failed to apply hunk 1 at line 1: expected `fn other() {`, found `fn delay(n: u32) -> u32 {`; make the patch against the file as it is now (line 8)

    ## two files: exit 2
    error: ~/request.json: /tasks/0/changes/0/patch: changes 2 files; give each path its own change (line 8)

    ## no patch: exit 2
    error: ~/request.json: /tasks/0/changes/0/patch: failed to read line 1 of the patch: there is no file in it; give a unified diff, as `git diff` prints it (line 8)

    ## cut off: exit 2
    error: ~/request.json: /tasks/0/changes/0/patch: failed to read line 9 of the patch: the hunk ends too early: by its header 1 old and 1 new lines are missing; correct the header's counts, or the patch is cut off (line 8)

    ## another operation: exit 2
    error: ~/request.json: /tasks/0/changes/0/patch: changes src/retry.rs → src/retry.rs, but the change is a create of src/retry.rs: correct `operation` and `path`, or the patch (line 8)

    ## a patch for a deletion: exit 2
    error: ~/request.json: /tasks/0/changes/0/patch: does not go with this operation; leave it out (line 8)

    ## there already: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: README.md is there already; use "operation": "modify" (line 9)

    ## not there: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the base has no file src/none.rs; check the path, or use "operation": "create" (line 9)

    ## nothing to delete: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the base has no file src/none.rs; check the path (line 8)

    ## nothing changes: exit 2
    error: ~/request.json: /tasks/0/changes/0: src/retry.rs is like that already: leave the change out (line 6)

    ## the mode it has: exit 2
    error: ~/request.json: /tasks/0/changes/0: run.sh is like that already: leave the change out (line 6)

    ## no mode: exit 2
    error: ~/request.json: /tasks/0/changes/0/mode: "0777" is not a mode; write "100644", "100755" or "120000" (line 7)

    ## a file becomes a link: exit 2
    error: ~/request.json: /tasks/0/changes/0/mode: a file does not become a link, nor a link a file; delete the one and create the other in another task (line 7)

    ## both: exit 2
    error: ~/request.json: /tasks/0/changes/0: has both `patch` and `content`; give exactly one (line 6)

    ## neither: exit 2
    error: ~/request.json: /tasks/0/changes/0: has neither `patch` nor `content`; give exactly one (line 6)

    ## renamed from nowhere: exit 2
    error: ~/request.json: /tasks/0/changes/0/from_path: is missing; a rename says where the file comes from (line 6)

    ## renamed onto another: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: run.sh is there already, and a rename overwrites nothing; delete it in a task before (line 9)

    ## 600 KB: exit 2
    error: ~/request.json: /tasks/0/changes/0/content: has 600000 bytes; at most 512000 (setting policy.tool_write_max_kb): split it, or have an admin raise the setting (line 7)

    ## bad base64: exit 2
    error: ~/request.json: /tasks/0/changes/0/content: is not base64 (Invalid symbol 42, offset 1.); make it on one line: base64 -w0 FILE (line 7)

    ## wrong result_hash: exit 2
    error: ~/request.json: /tasks/0/changes/0/result_hash: the result is sha256:0de58beca9561df0c6735d9be4081a03ae04e2a7b500e8ec7fde5bce86ab892e, not sha256:0000000000000000000000000000000000000000000000000000000000000000: make the change again, or leave the hash out (line 10)

    ## wrong base_hash: exit 3
    error: ~/request.json: /tasks/0/changes/0/base_hash: the base has sha256:f2167daa0947469b38f7af4e64070aabadd2cbf34aecd9bf9c276f0bca371f49, not sha256:0000000000000000000000000000000000000000000000000000000000000000: the file changed since (line 7)
    hint: make the change anew on the branch's tip, or name in `base` the commit it was made on

    ## no hash: exit 2
    error: ~/request.json: /tasks/0/changes/0/base_hash: "sha256:12" is not a digest; write `sha256:` and 64 hexadecimal digits (line 7)

    ## a path twice: exit 2
    error: ~/request.json: /tasks/0/changes/1/path: "src/retry.rs" is changed by change 0 already: make one change of both (line 13)

    ## tasks before it contradict each other: exit 2
    error: ~/request.json: /tasks/2/depends_on: the tasks it depends on contradict each other in a; let one of them depend on the other (line 40)
    "#);
}

// R5: everything that is wrong is said at once, in the file's order, and no part of it is filed.
#[test]
fn everything_at_once() {
    let mut table = Table::new();
    let broken = task_request("")
        .set("agent", "nobody")
        .task(
            task("T1", "x")
                .owns(&["src/**"])
                .depends_on(&["T9"])
                .modify("README.md", "old\n", "new\n"),
        )
        .task(task("T2", "x").depends_on(&["T3"]).create("a", "a\n"))
        .task(task("T3", "x").depends_on(&["T2"]).create("../b", "b\n"))
        .task(
            task("T4", "x")
                .owns(&["docs/*"])
                .replace("docs/guide.md", "other\n")
                .create("docs/new.md", "x\n"),
        )
        .task(task("T5", "x").owns(&["docs/guide.md"]))
        .task(
            task("T6", "x")
                .modify("src/retry.rs", "fn other()\n", "fn another()\n")
                .delete("none"),
        )
        .task(task("T6", "again"))
        // What builds on something wrong is not judged.
        .task(
            task("T8", "x")
                .depends_on(&["T6"])
                .modify("src/retry.rs", "fn another()\n", "x\n"),
        );
    let one_bad = json!([
        minimal().task(good()).json(),
        minimal().repo("/nowhere").json(),
        minimal().task(task("T1", "x").delete("none")).json(),
        minimal().base("v9").json(),
        minimal().task(good()).json(),
    ]);
    table
        .request("one request", &broken)
        .bytes("some of several", format!("{one_bad:#}"));
    insta::assert_snapshot!(table.end(), @r#"
    ## one request: exit 2
    error: ~/request.json: 12 things are wrong; nothing was filed
      line 2, /agent: no agent is called "nobody"; there is: scripted
      line 10, /tasks/0/changes/0/path: "README.md" lies outside what task T1 owns: src/**; add it to `owns`, or give it to the task that owns it
      line 14, /tasks/0/depends_on/0: there is no task "T9"; there is: T1, T2, T3, T4, T5, T6, T8
      line 30, /tasks/1/depends_on: tasks depend on each other in a circle: T2 → T3 → T2; take one of these out
      line 41, /tasks/2/changes/0/path: the path "../b" has a `..`, `.` or empty part; write it without
      line 71, /tasks/4/owns: "docs/guide.md" overlaps "docs/*" of task T4: give each path to one task, or let T5 depend on T4
      line 76, /tasks/5/owns: "src/retry.rs" overlaps "src/**" of task T1: give each path to one task, or let T6 depend on T1
      line 80, /tasks/5/changes/0/patch: failed to apply hunk 1 at line 1: expected `fn other()`, found `fn delay(n: u32) -> u32 {`; make the patch against the file as it is now
      line 85, /tasks/5/changes/1/path: the base has no file none; check the path
      line 92, /tasks/6/id: "T6" is the id of task 5 already; give each task its own
      line 95, /tasks/7/owns: "src/retry.rs" overlaps "src/**" of task T1: give each path to one task, or let T8 depend on T1
      line 110, /title: is empty; say in one line what is wanted

    ## some of several: exit 2
    error: ~/request.json: 2 things are wrong; nothing was filed
      line 31, /2/tasks/0/changes/0/path: the base has no file none; check the path
      line 41, /3/base: "v9" is neither a branch nor a commit here; name a branch, or a commit of branch main
    "#);
}

// A report that nobody reads to its end says how long it would have been.
#[test]
fn too_many_errors_are_counted() {
    let mut table = Table::new();
    let many = (0..50).fold(minimal(), |request, at| {
        let empty = task(&format!("T{at}"), "x");
        request.task((0..10).fold(empty, |task, file| {
            task.create(&format!("../{at}/{file}"), "")
        }))
    });
    table.request("500 errors", &many);
    let said = table.end();
    assert_eq!(said.lines().count(), 202, "{said}");
    let head: Vec<_> = said.lines().take(3).collect();
    insta::assert_snapshot!(head.join("\n"), @"");
}

// R3: one task after the other may own the same paths.
#[test]
fn what_is_put_in_order_may_overlap() {
    let table = Table::new();
    let request = minimal()
        .task(good().owns(&["src/**"]))
        .task(
            task("T2", "again")
                .owns(&["src/**"])
                .depends_on(&["T1"])
                .modify("src/retry.rs", CLAMPED, RETRY),
        )
        // Names with brackets are names, and a file may be where a link was.
        .task(task("T3", "pages").create("app/[id]/page.tsx", "id\n"))
        .task(task("T4", "pages").create("app/[slug]/page.tsx", "slug\n"))
        .task(
            task("T5", "unlink")
                .delete("link")
                .create("link/real.md", "real\n"),
        );
    table.world.file(&request);
}

// R5: the same key answers the same request, whatever happened to it since, and never another one.
#[test]
fn a_key_stands_for_one_request() {
    let mut table = Table::new();
    let keyed = |title: &str| {
        task_request(title)
            .idempotency_key("nightly-7")
            .task(good())
    };
    let dry = table
        .world
        .file_with(&keyed("Clamp"), &["--dry-run"])
        .code(0);
    let ended = table.world.carry_out(&keyed("Clamp"), 0);
    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert_ne!(
        items(&dry.json())[0]["id"],
        ended["id"],
        "a dry run is not the real thing"
    );
    // It landed, so its patch would not apply again; it is not asked to.
    assert_eq!(table.world.file(&keyed("Clamp")), text(&ended["id"]));
    let twice = json!([keyed("Clamp").json(), keyed("Clamp").json()]).to_string();
    let both = table
        .world
        .hyperion
        .run_with_input(&["request", "-", "--format", "json"], twice);
    let both = items(&both.code(0).json());
    assert_eq!(
        (both.len(), &both[0]["id"], &both[1]["id"]),
        (2, &ended["id"], &ended["id"])
    );

    let others = json!([
        task_request("One").idempotency_key("k").json(),
        task_request("Two").idempotency_key("k").json(),
    ]);
    let id = text(&ended["id"]);
    table
        .request("another request", &keyed("Clamp harder"))
        .bytes("two requests of one file", format!("{others:#}"));
    insta::assert_snapshot!(table.rows.replace(&id, "REQUEST"), @"");
    assert_eq!(table.world.list(&["request", "list"]).len(), 2);
}

// R1: a sentence can be of any length; its first line becomes the title.
#[test]
fn a_long_sentence_is_a_request() {
    let table = Table::new();
    let sentence = "please clamp the delay ".repeat(20);
    let filed = table
        .world
        .run(&["request", &sentence, "--format", "json"])
        .code(0);
    let title = text(&items(&filed.json())[0]["title"]);
    assert!(
        title.starts_with("please clamp") && title.ends_with('…'),
        "{title}"
    );
    assert!(title.chars().count() <= 200);
}
