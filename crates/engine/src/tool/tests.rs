//! Tool calls against a real engine, store and folder.

use std::fs;

use hyperion_api::Problem;
use hyperion_api::tool::{OpenSession, ToolResult};
use hyperion_store::ToolRecord;
use serde_json::{Value, json};

use super::*;
use crate::testing::{World, admin};

struct Scene {
    world: World,
    tools: Tools,
    token: String,
}

impl Scene {
    fn new(files: &[(&str, &str)]) -> Self {
        let world = World::new(files);
        let tools = Tools::start(&world.cx).unwrap();
        let root = world.repo.path().to_str().unwrap().to_owned();
        world.repo.git(&["switch", "--quiet", "main"]);
        let opened = tools.open(&world.cx, &admin(), &OpenSession::Root(root));
        Self {
            token: opened.unwrap().token,
            tools,
            world,
        }
    }

    fn open(&self, root: &str) -> Result<wire::Session, Problem> {
        let root = root.to_owned();
        let opened = self
            .tools
            .open(&self.world.cx, &admin(), &OpenSession::Root(root));
        opened.map_err(Problem::from)
    }

    fn try_call(&self, tool: &str, parameters: Value) -> Result<ToolResult, Problem> {
        let cx = &self.world.cx;
        let admitted = self
            .tools
            .admit(cx, Some(&self.token), "filesystem", tool)
            .map_err(Problem::from)?;
        let made = self.tools.call(cx, &admitted, parameters);
        made.map_err(Problem::from)
    }

    #[track_caller]
    fn call(&self, tool: &str, parameters: Value) -> Value {
        let result = self.try_call(tool, parameters).unwrap();
        assert!(!result.is_error, "{result:?}");
        result.structured
    }

    /// The code that a call is refused with.
    #[track_caller]
    fn refused(&self, tool: &str, parameters: Value) -> String {
        let result = self.try_call(tool, parameters).unwrap();
        assert!(result.is_error, "{result:?}");
        result.structured["code"].as_str().unwrap().to_owned()
    }

    fn log(&self, with_looks: bool) -> Vec<ToolRecord> {
        self.world.cx.store.tool_log(with_looks, 100).unwrap()
    }
}

// X1: a lock file may have as much as a change that lands, and other files as much as a file of it.
#[test]
fn a_lock_file_is_taken_whole() {
    let scene = Scene::new(&[("a", "1")]);
    let content = "x".repeat(600 * 1024);
    let write = |path: &str| json!({"path": path, "content": content});
    scene.call("writeFile", write("web/package-lock.json"));
    assert_eq!(
        scene.refused("writeFile", write("web/large.json")),
        "file.too_large"
    );
}

// T1: the contract's shape is enough: a text that occurs once needs no version, lines and whole files are those last seen.
#[test]
fn without_a_hash_it_is_the_file_as_it_was_last_seen() {
    let scene = Scene::new(&[("a", "one\ntwo\n"), ("b", "1\n2\n3\n")]);
    let file = |name: &str| fs::read_to_string(scene.world.repo.path().join(name)).unwrap();
    scene.call(
        "editFile",
        json!({"path": "a", "oldText": "one", "newText": "eins"}),
    );
    assert_eq!(file("a"), "eins\ntwo\n");
    let second = json!({"path": "b", "startLine": 2, "endLine": 2, "newContent": "zwei"});
    let whole = |path: &str| json!({"path": path, "content": "x\n"});
    assert_eq!(scene.refused("editFile", second.clone()), "input.invalid");
    assert_eq!(scene.refused("writeFile", whole("b")), "file.exists");
    scene.call(
        "readFile",
        json!({"path": "b", "startLine": 2, "endLine": 2}),
    );
    // Lines were seen, but not the whole.
    assert_eq!(scene.refused("writeFile", whole("b")), "file.exists");
    scene.call("editFile", second);
    assert_eq!(file("b"), "1\nzwei\n3\n");
    scene.call("readFile", json!({"path": "b"}));
    fs::write(scene.world.repo.path().join("b"), "somebody else\n").unwrap();
    assert_eq!(scene.refused("writeFile", whole("b")), "file.changed");
    scene.call("readFile", json!({"path": "b"}));
    scene.call("writeFile", whole("b"));
    assert_eq!(file("b"), "x\n");
}

// T1, X7: a change is noted with both hashes, and how it went.
#[test]
fn a_change_is_noted_with_what_was_and_what_is() {
    let scene = Scene::new(&[("src/a.txt", "one\n")]);
    let read = scene.call("readFile", json!({"path": "src/a.txt"}));
    assert_eq!(read["content"], "one\n");
    let edit = json!({
        "path": "src/a.txt", "sha256": read["sha256"], "oldText": "one", "newText": "two"
    });
    let edited = scene.call("editFile", edit);
    let file = scene.world.repo.path().join("src/a.txt");
    assert_eq!(fs::read_to_string(&file).unwrap(), "two\n");
    let log = scene.log(false);
    assert_eq!(log.len(), 1);
    assert_eq!(
        (log[0].tool.as_str(), log[0].outcome.as_str()),
        ("editFile", "done")
    );
    assert_eq!(log[0].paths, ["src/a.txt"]);
    assert_eq!(log[0].old_sha256.as_deref(), read["sha256"].as_str());
    assert_eq!(log[0].new_sha256.as_deref(), edited["sha256"].as_str());
    assert_eq!(log[0].actor, "ada");
    scene.world.cx.store.verify().unwrap();
}

// X7: whoever dies between the note and the change leaves a note that says so, also for the next engine.
#[test]
fn a_change_that_nobody_ended_stays_intended() {
    let mut scene = Scene::new(&[("a", "1")]);
    let root = scene.world.repo.path().to_str().unwrap().to_owned();
    {
        let cx = &scene.world.cx;
        let session =
            Session::open(cx, &Clones::default(), &admin(), &OpenSession::Root(root)).unwrap();
        let oversight = oversee::Oversight::new(cx, &session, "filesystem", "writeFile");
        let planned = hyperion_tools::Planned {
            path: "a",
            before: Some(b"1"),
            after: Some(b"2"),
        };
        hyperion_tools::Overseer::before_write(&oversight, &planned).unwrap();
        hyperion_tools::Overseer::recorded(&oversight).unwrap();
    }
    scene.tools.stop();
    scene.tools = Tools::default();
    scene.world.restart();
    let log = scene.log(false);
    assert_eq!((log.len(), log[0].outcome.as_str()), (1, "intended"));
    assert_eq!(
        log[0].old_sha256.as_deref(),
        Some(hyperion_tools::filesystem::sha256(b"1").as_str())
    );
}

// X1: looks are one record for each tool and second, not one a call.
#[test]
fn looks_are_noted_together() {
    let scene = Scene::new(&[("a", "1"), ("b", "2")]);
    for _ in 0..20 {
        scene.call("readFile", json!({"path": "a"}));
        scene.call("readFile", json!({"path": "b"}));
    }
    scene.call("listDirectory", json!({"path": ""}));
    scene.tools.stop();
    let log = scene.log(true);
    let calls: u32 = log.iter().map(|record| record.calls).sum();
    assert_eq!(calls, 41);
    assert!(log.len() < 10, "{log:?}");
    let read = log.iter().find(|record| record.tool == "readFile").unwrap();
    assert_eq!(read.outcome, "looked");
    assert!(read.paths.contains(&"a".to_owned()));
    assert_eq!(scene.log(false), []);
}

// X1: what the rules deny has a code of its own, for reading and for writing, and nothing was touched.
#[test]
fn denied_paths_are_refused_with_a_code() {
    let scene = Scene::new(&[("a", "1"), (".env", "KEY=1"), ("hyperion.toml", "")]);
    for path in [".env", "a/../.env", "deploy/id_rsa", ".ENV"] {
        assert_eq!(
            scene.refused("readFile", json!({"path": path})).as_str(),
            "path.denied",
            "{path}"
        );
    }
    for path in [
        ".git/hooks/post-commit",
        "sub/.git/config",
        "hyperion.toml",
        ".env.local",
    ] {
        let write = json!({"path": path, "content": "x"});
        assert_eq!(scene.refused("writeFile", write), "path.denied", "{path}");
    }
    for path in ["../x", "/etc/passwd", "a\u{202e}b"] {
        assert_eq!(
            scene.refused("readFile", json!({"path": path})),
            "path.escapes",
            "{path:?}"
        );
    }
    assert!(
        !scene
            .world
            .repo
            .path()
            .join(".git/hooks/post-commit")
            .exists()
    );
    let listed = scene.call("searchFiles", json!({"pattern": "KEY", "directory": ""}));
    assert_eq!(
        (listed["matches"].clone(), listed["skipped"].clone()),
        (json!([]), json!(1))
    );
    assert_eq!(scene.log(false), []);
}

// X1, X2: the repository narrows what may be touched, by the tip of its branch, from its own folder on; also when the session
// is bound to a part of it.
#[test]
fn the_repository_narrows_the_rules_for_tools() {
    let config = "[policy.paths]\ndeny = [\"lib/private/**\"]\n";
    let scene = Scene::new(&[
        ("lib/private/a", "1"),
        ("lib/b", "2"),
        ("hyperion.toml", config),
    ]);
    let read = |path: &str| scene.try_call("readFile", json!({"path": path})).unwrap();
    assert_eq!(
        scene.refused("readFile", json!({"path": "lib/private/a"})),
        "path.denied"
    );
    assert!(!read("lib/b").is_error);

    // What stands in the files is nobody's rule before it landed.
    let root = scene.world.repo.path();
    fs::write(root.join("hyperion.toml"), "").unwrap();
    scene.world.clock.advance(Duration::from_secs(3));
    assert_eq!(
        scene.refused("readFile", json!({"path": "lib/private/a"})),
        "path.denied"
    );

    let part = scene.open(root.join("lib").to_str().unwrap()).unwrap();
    let in_part = Scene {
        token: part.token,
        ..scene
    };
    assert_eq!(
        in_part.refused("readFile", json!({"path": "private/a"})),
        "path.denied"
    );
    assert_eq!(
        in_part.call("readFile", json!({"path": "b"}))["content"],
        "2"
    );

    in_part.world.repo.commit_all("Open it");
    in_part.world.clock.advance(Duration::from_secs(3));
    assert_eq!(
        in_part.call("readFile", json!({"path": "private/a"}))["content"],
        "1"
    );

    // Rules that cannot be read keep it from changing, and nobody from looking.
    in_part
        .world
        .repo
        .commit("Break it", &[("hyperion.toml", "[policy\n")]);
    in_part.world.clock.advance(Duration::from_secs(3));
    assert_eq!(
        in_part.call("readFile", json!({"path": "b"}))["content"],
        "2"
    );
    let write = json!({"path": "c", "content": "3"});
    let refused = in_part.try_call("writeFile", write).unwrap();
    assert!(
        refused.is_error && !root_of(&in_part).join("lib/c").exists(),
        "{refused:?}"
    );
}

fn root_of(scene: &Scene) -> &std::path::Path {
    scene.world.repo.path()
}

// X1: a session is bound to a folder that is nobody's secret, and never to the home.
#[test]
fn a_session_is_not_bound_to_the_home_nor_to_secrets() {
    let scene = Scene::new(&[("a", "1"), (".ssh/id_rsa", "x")]);
    let cx = &scene.world.cx;
    let home = cx.home.path().to_str().unwrap().to_owned();
    let secret = scene.world.repo.path().join(".ssh");
    for (root, code) in [
        (home.as_str(), "path.denied"),
        ("/", "path.denied"),
        (secret.to_str().unwrap(), "path.denied"),
        ("relative", "input.invalid"),
        ("/nowhere/at/all", "input.invalid"),
    ] {
        assert_eq!(scene.open(root).unwrap_err().code, code, "{root}");
    }
    let unknown = scene.tools.admit(cx, Some("no"), "filesystem", "readFile");
    assert_eq!(
        Problem::from(unknown.err().unwrap()).code,
        "tool.session_unknown"
    );
    let unknown = scene.tools.admit(cx, None, "filesystem", "readFile");
    assert_eq!(
        Problem::from(unknown.err().unwrap()).code,
        "tool.session_unknown"
    );
    let unknown = scene
        .tools
        .admit(cx, Some(&scene.token), "filesystem", "shell");
    assert_eq!(
        Problem::from(unknown.err().unwrap()).code,
        "subject.not_found"
    );
}

// X1: a hundred changes a minute, by the engine's clock; looks have a limit of their own.
#[test]
fn too_many_changes_wait_and_then_fail() {
    let scene = Scene::new(&[("a", "1")]);
    let cx = &scene.world.cx;
    let admit = |tool| {
        let admitted = scene
            .tools
            .admit(cx, Some(&scene.token), "filesystem", tool);
        admitted
            .map(|admitted| admitted.wait)
            .map_err(|error| Problem::from(error).code)
    };
    for _ in 0..100 {
        assert_eq!(admit("writeFile"), Ok(Duration::ZERO));
    }
    assert_eq!(admit("deleteFile"), Err("tool.rate_limited".to_owned()));
    assert_eq!(admit("readFile"), Ok(Duration::ZERO));
    scene.world.clock.advance(Duration::from_secs(55));
    assert_eq!(admit("editFile"), Ok(Duration::from_secs(5)));
    for _ in 0..5_999 {
        assert_eq!(admit("readFile"), Ok(Duration::ZERO));
    }
}

const TOKEN: &str = concat!("ghp_", "kX9vQ2mZ7rT4wB8nL5cJ1hG6dF3sP0yAeRuV");

// C8: a secret does not leave, is not added, and no mask takes its place.
#[test]
fn secrets_neither_leave_nor_come_in() {
    let scene = Scene::new(&[("conf", &format!("# settings\ntoken = {TOKEN}\nport = 1\n"))]);
    let result = scene.try_call("readFile", json!({"path": "conf"})).unwrap();
    let told = serde_json::to_string(&result).unwrap();
    assert!(
        !told.contains(TOKEN) && told.contains("[redacted:"),
        "{told}"
    );
    let read = result.structured;
    assert_eq!(
        (read["redacted"].clone(), read["total_lines"].clone()),
        (json!(true), json!(3))
    );
    let back = json!({"path": "conf", "content": read["content"], "sha256": read["sha256"]});
    assert_eq!(scene.refused("writeFile", back), "secret.masked");
    let lines = json!({
        "path": "conf", "sha256": read["sha256"], "startLine": 3, "endLine": 3, "newContent": "port = 2"
    });
    scene.call("editFile", lines);
    let file = fs::read_to_string(scene.world.repo.path().join("conf")).unwrap();
    assert_eq!(file, format!("# settings\ntoken = {TOKEN}\nport = 2\n"));
    let add = json!({"path": "new", "content": format!("x = {TOKEN}\n")});
    assert_eq!(scene.refused("writeFile", add), "secret.added");
    let found = scene.call("searchFiles", json!({"pattern": "ghp_kX", "directory": ""}));
    assert_eq!(found["matches"], json!([]));
}

// C8, X1: no answer tells whether a guess of a masked secret is right.
#[test]
fn a_guess_of_a_masked_secret_is_answered_like_any_other() {
    let text = format!("# settings\ntoken = {TOKEN}\nport = 1\n");
    let scene = Scene::new(&[("conf", &text)]);
    let read = scene.call("readFile", json!({"path": "conf"}));
    let named = read["sha256"].clone();
    assert_ne!(
        named,
        json!(hyperion_tools::filesystem::sha256(text.as_bytes()))
    );
    let wrong = TOKEN.replace("ABCD", "XYZW");
    for guess in [TOKEN, wrong.as_str()] {
        let line = format!("token = {guess}");
        let edit = |more: serde_json::Value| {
            let mut parameters = json!({"path": "conf", "sha256": named});
            let fields = more.as_object().unwrap().clone();
            parameters.as_object_mut().unwrap().extend(fields);
            scene.refused("editFile", parameters)
        };
        let same = json!({"oldText": line, "newText": line});
        let other = json!({"oldText": line, "newText": "token = none"});
        let part = json!({"oldText": &guess[..12], "newText": "x"});
        let lines = json!({"startLine": 2, "endLine": 2, "newContent": line});
        let whole = json!({"path": "conf", "sha256": named, "content": text.replace(TOKEN, guess)});
        let hash = hyperion_tools::filesystem::sha256(text.replace(TOKEN, guess).as_bytes());
        let hash = json!({"path": "conf", "sha256": hash});
        let part = edit(part);
        assert_eq!(
            [
                edit(same),
                edit(other),
                edit(lines),
                scene.refused("writeFile", whole),
                scene.refused("deleteFile", hash)
            ],
            [
                "input.invalid",
                "edit.no_match",
                "secret.masked",
                "secret.masked",
                "file.changed"
            ],
            "{guess}"
        );
        assert_eq!(part, "edit.no_match", "{guess}");
    }
    let file = fs::read_to_string(scene.world.repo.path().join("conf")).unwrap();
    assert_eq!(file, text);
}

// C8, X1: no edit brings to light what is masked: not by what stands around it, and not by joining its line to another.
#[test]
fn an_edit_leaves_what_is_masked_hidden() {
    let key: String = (0..24_u8)
        .map(|line| {
            let body = hyperion_tools::filesystem::sha256(&[line]);
            format!("{}\n", body.get(..64).unwrap())
        })
        .collect();
    let [begin, end] = ["BEGIN", "END"].map(|word| format!("-----{word} PRIVATE KEY-----\n"));
    let key = format!(
        "top\n{begin}{:A<64}\n{key}{end}last\n",
        "MIIEvgIBADANBgkqhkiG9w0BAQEFAASC"
    );
    let password = "first\npassword = Xk29fjQ81lmPz07aQ\nlast\n";
    let scene = Scene::new(&[("key", &key), ("conf", password)]);
    let edit = |path: &str, more: serde_json::Value| {
        let read = scene.call("readFile", json!({"path": path}));
        let mut parameters = json!({"path": path, "sha256": read["sha256"]});
        let fields = more.as_object().unwrap().clone();
        parameters.as_object_mut().unwrap().extend(fields);
        scene.refused("editFile", parameters)
    };
    for (first, last) in [(2, 3), (2, 4), (2, 12)] {
        let cut = json!({"startLine": first, "endLine": last, "newContent": ""});
        assert_eq!(edit("key", cut), "secret.masked", "{first} {last}");
    }
    let joined = json!({"oldText": "first\n", "newText": "an_example"});
    assert_eq!(edit("conf", joined), "edit.no_match");
    for (path, text) in [("key", key.as_str()), ("conf", password)] {
        let file = fs::read_to_string(scene.world.repo.path().join(path)).unwrap();
        assert_eq!(file, text);
    }
    let last = json!({"oldText": "last", "newText": "end"});
    let read = scene.call("readFile", json!({"path": "key"}));
    let whole = json!({"path": "key", "sha256": read["sha256"], "startLine": 2, "endLine": 28, "newContent": ""});
    scene.call("editFile", whole);
    let read = scene.call("readFile", json!({"path": "key"}));
    assert_eq!(read["content"], "top\nlast\n");
    let mut parameters = json!({"path": "key", "sha256": read["sha256"]});
    parameters
        .as_object_mut()
        .unwrap()
        .extend(last.as_object().unwrap().clone());
    scene.call("editFile", parameters);
}

// C8: what is written two bytes a character or in base64 is text to whoever reads it.
#[test]
fn secrets_in_disguise_neither_leave_nor_come_in() {
    use base64::Engine as _;
    let wide: Vec<u8> = format!("token = {TOKEN}\n")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let word = base64::prelude::BASE64_STANDARD
        .encode(format!("the settings hold token = {TOKEN} and more"));
    let lines = format!("{}\n{}\n", &word[..52], &word[52..]);
    let scene = Scene::new(&[("lines", &lines), ("word", &format!("data: {word}\n"))]);
    fs::write(scene.world.repo.path().join("wide"), &wide).unwrap();
    for (path, encoding) in [
        ("wide", "base64"),
        ("wide", "utf-16be"),
        ("lines", "base64"),
        ("word", "base64"),
    ] {
        let read = json!({"path": path, "encoding": encoding});
        assert_eq!(scene.refused("readFile", read), "secret.masked", "{path}");
    }
    for (read, start) in [
        (
            json!({"path": "wide", "encoding": "utf-16le"}),
            "token = [redacted:",
        ),
        (json!({"path": "lines"}), "[redacted:"),
        (json!({"path": "word"}), "data: [redacted:"),
    ] {
        let content = scene.call("readFile", read)["content"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(content.starts_with(start), "{content}");
    }
    let wide = base64::prelude::BASE64_STANDARD.encode(&wide);
    for (path, content, encoding) in [
        ("a", wide.as_str(), "base64"),
        ("a", &format!("token = {TOKEN}\n"), "utf-16be"),
        ("a", &lines, "utf-8"),
        ("a", &format!("data: {word}\n"), "utf-8"),
    ] {
        let write = json!({"path": path, "content": content, "encoding": encoding});
        assert_eq!(
            scene.refused("writeFile", write),
            "secret.added",
            "{content}"
        );
    }
}

// C8: a key block becomes one mask, and lines keep their numbers.
#[test]
fn a_mask_takes_no_line_away() {
    let body = "MIIEpAIBAAKCAQEA7bq5r0m3ZrQ9gqkKJx7X0S8h2y1c\n".repeat(3);
    let key = format!(
        "one\n-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----\nlast\n"
    );
    let scene = Scene::new(&[("doc.txt", &key)]);
    let read = scene.call(
        "readFile",
        json!({"path": "doc.txt", "startLine": 3, "endLine": 4}),
    );
    assert!(!read["content"].as_str().unwrap().contains("MII"), "{read}");
    let read = scene.call("readFile", json!({"path": "doc.txt", "startLine": 7}));
    assert_eq!(read["content"], "last\n");
}

// T1: parameters that do not fit are refused by name.
#[test]
fn parameters_that_do_not_fit_are_named() {
    let scene = Scene::new(&[("a", "1")]);
    for (parameters, pointer) in [
        (json!({"path": "a", "colour": 1}), "/colour"),
        (json!({"path": 7}), "/path"),
        (json!({}), ""),
    ] {
        let problem = scene.try_call("readFile", parameters.clone()).unwrap_err();
        assert_eq!(problem.code, "input.invalid");
        assert_eq!(
            problem.errors[0].pointer, pointer,
            "{parameters}: {problem:?}"
        );
    }
    let problem = scene.try_call("readFile", json!(["a"])).unwrap_err();
    assert_eq!(problem.code, "input.invalid");
}
