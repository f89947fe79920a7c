//! Agents in their clones, against a real engine, store and git.

mod attacks;
mod lives;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use hyperion_api::Problem;
use hyperion_api::tool::{OpenSession, ToolResult};
use hyperion_backup as backup;
use hyperion_model::request::Request;
use serde_json::{Value, json};

use crate::testing::{World, admin};
use crate::tool::Tools;

struct Agent {
    tools: Arc<Tools>,
    token: String,
    clone: String,
    work: PathBuf,
}

struct Scene {
    world: World,
    tools: Arc<Tools>,
}

impl Scene {
    fn new(files: &[(&str, &str)]) -> Self {
        let world = World::new(files);
        let tools = Arc::new(Tools::start(&world.cx).unwrap());
        Self { world, tools }
    }

    fn repo(&self) -> String {
        self.world.repo.path().to_str().unwrap().to_owned()
    }

    #[track_caller]
    fn open(&self, wanted: &OpenSession) -> Result<Agent, Problem> {
        let opened = self.tools.open(&self.world.cx, &admin(), wanted);
        let opened = opened.map_err(Problem::from)?;
        Ok(Agent {
            tools: Arc::clone(&self.tools),
            token: opened.token,
            clone: opened.clone.unwrap_or_default(),
            work: opened.root.into(),
        })
    }

    #[track_caller]
    fn agent(&self) -> Agent {
        self.open(&OpenSession::CloneOf(self.repo())).unwrap()
    }

    /// An agent on a branch of its own, with one commit.
    #[track_caller]
    fn committed(&self, branch: &str, path: &str, content: &str) -> Agent {
        let agent = self.agent();
        agent.call(self, "createBranch", json!({"name": branch}));
        agent.write(path, content);
        agent.call(self, "add", json!({"files": [path]}));
        agent.call(self, "commit", json!({"message": format!("Change {path}")}));
        agent
    }

    /// What the person's repository shows to somebody who lists all of it.
    fn seen(&self) -> String {
        self.world.repo.git(&["for-each-ref"])
            + &self.world.repo.git(&["log", "--all", "--format=%H %s"])
    }

    fn request(&self, id: &Value) -> Request {
        self.world.request(id.as_str().unwrap().parse().unwrap())
    }

    fn restart(&mut self) {
        self.tools.stop();
        self.tools = Arc::default();
        self.world.restart();
        self.tools = Arc::new(Tools::start(&self.world.cx).unwrap());
    }
}

impl Agent {
    fn try_on(
        &self,
        scene: &Scene,
        server: &str,
        tool: &str,
        parameters: Value,
    ) -> Result<ToolResult, Problem> {
        let cx = &scene.world.cx;
        let admitted = self
            .tools
            .admit(cx, Some(&self.token), server, tool)
            .map_err(Problem::from)?;
        self.tools
            .call(cx, &admitted, parameters)
            .map_err(Problem::from)
    }

    #[track_caller]
    fn on(&self, scene: &Scene, server: &str, tool: &str, parameters: Value) -> Value {
        let result = self.try_on(scene, server, tool, parameters).unwrap();
        assert!(!result.is_error, "{tool}: {result:?}");
        result.structured
    }

    #[track_caller]
    fn call(&self, scene: &Scene, tool: &str, parameters: Value) -> Value {
        self.on(scene, "git", tool, parameters)
    }

    #[track_caller]
    fn refused(&self, scene: &Scene, tool: &str, parameters: Value) -> (String, String) {
        let result = self.try_on(scene, "git", tool, parameters).unwrap();
        assert!(result.is_error, "{tool}: {result:?}");
        let text = |name: &str| {
            result.structured[name]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        (text("code"), format!("{} {}", text("detail"), text("hint")))
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.work.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

// T2: the whole way: a branch, an edit, a commit, a hand-in, a decision, a landing; nothing shows before it landed.
#[test]
fn a_branch_is_handed_in_approved_and_lands() {
    let mut scene = Scene::new(&[("src/a.rs", "fn a() {}\n"), ("b.txt", "b\n")]);
    let before = scene.seen();
    let agent = scene.agent();
    assert_eq!(
        fs::read_to_string(agent.work.join("src/a.rs")).unwrap(),
        "fn a() {}\n"
    );
    let status = agent.call(&scene, "status", json!({}));
    assert_eq!(
        (status["branch"].as_str(), status["target"].as_str()),
        (Some("main"), Some("main"))
    );
    assert_eq!(
        (&status["folder"], &status["clone"]),
        (&json!(agent.work), &json!(agent.clone))
    );
    assert_eq!(status["files"], json!([]));
    agent.call(&scene, "createBranch", json!({"name": "agent/T-1-a-and-b"}));
    agent.write("src/a.rs", "fn a() { b() }\n");
    agent.write("new/c.txt", "c\n");
    fs::remove_file(agent.work.join("b.txt")).unwrap();
    let status = agent.call(&scene, "status", json!({}));
    assert_eq!(
        status["files"],
        json!([
            {"path": "b.txt", "unstaged": "deleted"},
            {"path": "new/c.txt", "unstaged": "untracked"},
            {"path": "src/a.rs", "unstaged": "modified"},
        ])
    );
    let diff = agent.call(&scene, "diff", json!({}));
    assert!(
        diff["diff"].as_str().unwrap().contains("+fn a() { b() }"),
        "{diff}"
    );
    assert_eq!(
        (&diff["untracked"], &diff["truncated"]),
        (&json!(1), &json!(false))
    );
    let added = agent.call(&scene, "add", json!({"files": ["."]}));
    assert_eq!(added["added"], json!(["b.txt", "new/c.txt", "src/a.rs"]));
    let staged = agent.call(&scene, "diff", json!({"staged": true}));
    assert_eq!(staged["files"], json!(["b.txt", "new/c.txt", "src/a.rs"]));
    assert_eq!(agent.call(&scene, "diff", json!({}))["diff"], "");
    let message = "Call b from a\n\nIt was forgotten.\nHyperion-Approved-By: eve\n";
    let commit = agent.call(&scene, "commit", json!({"message": message}));
    assert_eq!(
        (&commit["subject"], &commit["files"]),
        (&json!("Call b from a"), &json!(3))
    );
    let log = agent.call(&scene, "log", json!({"limit": 1}));
    assert_eq!(log["commits"][0]["commit"], commit["commit"]);
    assert_eq!(
        (&log["commits"][0]["own"], &log["more"]),
        (&json!(true), &json!(true))
    );
    // X7: the commit says whose it is; what others wrote of that kind is gone.
    let trailers = format!("Hyperion-Agent: ada\nHyperion-Clone: {}", agent.clone);
    let body = format!("It was forgotten.\n\n{trailers}");
    assert_eq!(log["commits"][0]["body"], body);
    let pushed = agent.call(&scene, "push", json!({}));
    assert_eq!(
        (&pushed["again"], &pushed["commit"]),
        (&json!(false), &commit["commit"])
    );
    scene.world.settle();
    assert_eq!(scene.seen(), before, "nothing shows before it landed");
    let again = agent.call(&scene, "push", json!({"branch": "agent/T-1-a-and-b"}));
    assert_eq!(
        (&again["again"], &again["request"]),
        (&json!(true), &pushed["request"])
    );
    assert_eq!(again["status"], "awaiting_approval");
    assert!(
        again["change_set"].is_string() && again["approval"].is_string(),
        "{again}"
    );
    scene.world.approve_all();
    scene.world.settle();
    assert_eq!(
        scene.request(&pushed["request"]).status.to_string(),
        "completed"
    );
    let repo = &scene.world.repo;
    let landed = repo.git(&["log", "-1", "--format=%B", "main"]);
    assert!(
        landed.starts_with("Call b from a\n\nIt was forgotten.\n\nHyperion-Request: "),
        "{landed}"
    );
    assert!(
        landed.contains("Hyperion-Approved-By: ada") && !landed.contains("eve"),
        "{landed}"
    );
    assert_eq!(
        repo.git(&["ls-tree", "-r", "--name-only", "main"]),
        "new/c.txt\nsrc/a.rs"
    );
    // What comes next starts from what landed.
    let (code, said) = {
        agent.write("d.txt", "d\n");
        agent.call(&scene, "add", json!({"files": ["d.txt"]}));
        agent.call(&scene, "commit", json!({"message": "Add d"}));
        agent.refused(&scene, "push", json!({}))
    };
    assert!(
        code == "git.handed_in" && said.contains("has landed"),
        "{said}"
    );
    agent.call(&scene, "createBranch", json!({"name": "agent/T-2-d"}));
    assert!(!agent.work.join("d.txt").exists() && agent.work.join("new/c.txt").exists());
}

// T2: commit, reset and hand-in on agent/ branches alone; names are checked.
#[test]
fn only_agents_branches_are_changed() {
    let scene = Scene::new(&[("a", "1\n")]);
    let agent = scene.agent();
    agent.write("a", "2\n");
    agent.call(&scene, "add", json!({"files": ["a"]}));
    for (tool, parameters) in [
        ("commit", json!({"message": "x"})),
        ("resetFile", json!({"path": "a"})),
        ("push", json!({})),
        ("push", json!({"branch": "main"})),
    ] {
        let (code, said) = agent.refused(&scene, tool, parameters);
        assert!(
            code == "git.branch" && said.contains("createBranch"),
            "{tool}: {said}"
        );
    }
    for name in ["main", "fix", "agent/x", "agent/../main-x"] {
        let (code, _) = agent.refused(&scene, "createBranch", json!({"name": name}));
        assert_eq!(code, "git.name", "{name}");
    }
    let (code, _) = agent.refused(&scene, "checkout", json!({"branch": "agent/none-x"}));
    assert_eq!(code, "git.name");
    // What was not committed comes along.
    agent.call(&scene, "createBranch", json!({"name": "agent/1-x"}));
    let (code, _) = agent.refused(&scene, "createBranch", json!({"name": "agent/1-x"}));
    assert_eq!(code, "git.name");
    agent.call(&scene, "commit", json!({"message": "Say two"}));
    let (code, said) = agent.refused(&scene, "push", json!({"force": true}));
    assert!(code == "policy.refused" && said.contains("force"), "{said}");
    let pr = json!({"title": "t", "body": "b", "base": "main", "head": "agent/1-x"});
    let (code, said) = agent.refused(&scene, "createPR", pr);
    assert!(code == "git.no_forge" && said.contains("push"), "{said}");
    agent.call(&scene, "checkout", json!({"branch": "main"}));
    assert_eq!(fs::read_to_string(agent.work.join("a")).unwrap(), "1\n");
    agent.write("a", "3\n");
    let (code, _) = agent.refused(&scene, "checkout", json!({"branch": "agent/1-x"}));
    assert_eq!(code, "git.in_the_way");
    assert_eq!(fs::read_to_string(agent.work.join("a")).unwrap(), "3\n");
    assert_eq!(agent.call(&scene, "status", json!({}))["branch"], "main");
}

// T2: a file is given back as it was; one that is new is only taken out of the next commit.
#[test]
fn a_file_is_given_back_as_it_was_committed() {
    let scene = Scene::new(&[("a", "1\n"), ("d/e", "e\n")]);
    let agent = scene.agent();
    agent.call(&scene, "createBranch", json!({"name": "agent/1-x"}));
    agent.write("a", "2\n");
    agent.write("new", "n\n");
    fs::remove_file(agent.work.join("d/e")).unwrap();
    agent.call(&scene, "add", json!({"files": ["."]}));
    for (path, restored) in [("a", true), ("new", false), ("d/e", true)] {
        let reset = agent.call(&scene, "resetFile", json!({"path": path}));
        assert_eq!(reset, json!({"path": path, "restored": restored}));
    }
    let status = agent.call(&scene, "status", json!({}));
    assert_eq!(
        status["files"],
        json!([{"path": "new", "unstaged": "untracked"}])
    );
    for path in ["a", "new", "nothing"] {
        assert_eq!(
            agent.refused(&scene, "resetFile", json!({"path": path})).0,
            "git.nothing"
        );
    }
    for path in ["../a", "/etc/passwd", "d/../../a", "a\nb"] {
        assert_eq!(
            agent.refused(&scene, "resetFile", json!({"path": path})).0,
            "path.escapes",
            "{path:?}"
        );
    }
    fs::remove_file(agent.work.join("a")).unwrap();
    agent.write("a/kept", "kept\n");
    assert_eq!(
        agent.refused(&scene, "resetFile", json!({"path": "a"})).0,
        "file.wrong_kind"
    );
    assert!(agent.work.join("a/kept").exists());
}

const TOKEN: &str = concat!("ghp_", "kX9vQ2mZ7rT4wB8nL5cJ1hG6dF3sP0yAeRuV");

// X1, X5: denied paths are not added, protected ones are said, secrets are not committed nor shown, ignored files stay out.
#[test]
fn what_could_not_land_is_not_committed() {
    let scene = Scene::new(&[("a", "1\n"), (".gitignore", "out/\n")]);
    let agent = scene.agent();
    agent.call(&scene, "createBranch", json!({"name": "agent/1-x"}));
    for path in [
        ".env",
        "deploy/id_rsa",
        "ok.txt",
        "hyperion.toml",
        "out/built",
    ] {
        agent.write(path, "x\n");
    }
    for path in [".env", "deploy/id_rsa", ".git/config"] {
        assert_eq!(
            agent
                .refused(&scene, "add", json!({"files": ["ok.txt", path]}))
                .0,
            "path.denied",
            "{path}"
        );
    }
    assert_eq!(
        agent.refused(&scene, "add", json!({"files": ["../x"]})).0,
        "path.escapes"
    );
    assert_eq!(
        agent
            .refused(&scene, "add", json!({"files": ["out/built"]}))
            .0,
        "git.nothing"
    );
    let added = agent.call(&scene, "add", json!({"files": ["."]}));
    assert_eq!(added["added"], json!(["hyperion.toml", "ok.txt"]));
    assert_eq!(added["protected"], json!(["hyperion.toml"]));
    let left: Vec<_> = added["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|left| &left["path"])
        .collect();
    assert_eq!(left, [".env", "deploy/id_rsa"]);
    agent.write("ok.txt", &format!("token = {TOKEN}\n"));
    agent.call(&scene, "add", json!({"files": ["ok.txt"]}));
    let (code, said) = agent.refused(&scene, "commit", json!({"message": "Add it"}));
    assert!(code == "secret.added" && !said.contains(TOKEN), "{said}");
    let shown = agent
        .call(&scene, "diff", json!({"staged": true}))
        .to_string();
    assert!(
        shown.contains("[redacted:") && !shown.contains(TOKEN),
        "{shown}"
    );
    agent.write("ok.txt", "fine\n");
    agent.call(&scene, "add", json!({"files": ["ok.txt"]}));
    for (message, code) in [
        (format!("Use {TOKEN}"), "secret.added"),
        (String::new(), "policy.refused"),
        ("x".repeat(200), "policy.refused"),
    ] {
        let (found, said) = agent.refused(&scene, "commit", json!({"message": message}));
        assert!(found == code && !said.contains(TOKEN), "{said}");
    }
    agent.call(&scene, "commit", json!({"message": "Add it"}));
    let nothing = agent.refused(&scene, "commit", json!({"message": "Add it"}));
    assert_eq!(nothing.0, "git.nothing");
}

// X5: more than one change can be is not committed; it is told before any of it is read.
#[test]
fn too_much_is_not_committed() {
    let scene = Scene::new(&[("a", "1\n")]);
    let agent = scene.agent();
    agent.call(&scene, "createBranch", json!({"name": "agent/1-x"}));
    for number in 0..=2000 {
        agent.write(&format!("many/{number}"), "x\n");
    }
    let added = agent.call(&scene, "add", json!({"files": ["many"]}));
    assert_eq!(added["count"], 2001);
    let (code, said) = agent.refused(&scene, "commit", json!({"message": "Add many"}));
    assert!(
        code == "policy.refused" && said.contains("2001 files"),
        "{said}"
    );
    let reset = agent.call(&scene, "resetFile", json!({"path": "many/7"}));
    assert_eq!(reset["restored"], false);
    let status = agent.call(&scene, "status", json!({}));
    assert_eq!(status["files_left_out"], 1001);
}

// T2: two agents on one repository meet neither each other nor the person.
#[test]
fn two_agents_have_a_clone_each() {
    let mut scene = Scene::new(&[("a", "1\n"), ("b", "1\n")]);
    let (one, other) = (
        scene.committed("agent/1-x", "a", "one\n"),
        scene.committed("agent/1-x", "b", "other\n"),
    );
    assert_ne!(one.clone, other.clone);
    assert_eq!(fs::read_to_string(one.work.join("b")).unwrap(), "1\n");
    let pushed =
        [&one, &other].map(|agent| agent.call(&scene, "push", json!({}))["request"].clone());
    assert_ne!(pushed[0], pushed[1]);
    scene.world.settle();
    scene.world.approve_all();
    scene.world.settle();
    let repo = &scene.world.repo;
    assert_eq!(
        repo.git(&["show", "main:a"]) + &repo.git(&["show", "main:b"]),
        "oneother"
    );
}

// T2, T1: a clone's files are a root for other servers, and nothing else in the cache or the home is.
#[test]
fn a_clones_files_are_a_root_for_other_servers() {
    let scene = Scene::new(&[("a", "1\n")]);
    let agent = scene.agent();
    let root = agent.work.to_str().unwrap().to_owned();
    for wanted in [
        OpenSession::Root(root),
        OpenSession::Clone(agent.clone.clone()),
    ] {
        let files = scene.open(&wanted).unwrap();
        let read = files.on(&scene, "filesystem", "readFile", json!({"path": "a"}));
        assert_eq!(read["content"], "1\n");
        let write = json!({"path": ".git/config", "content": "x"});
        let refused = files
            .try_on(&scene, "filesystem", "writeFile", write)
            .unwrap();
        assert_eq!(refused.structured["code"], "path.denied");
    }
    let above = agent.work.parent().unwrap();
    let home = scene.world.cx.home.path().join("clones");
    for folder in [
        above,
        above.parent().unwrap(),
        &agent.work.join(".git/.."),
        &home,
    ] {
        let opened = scene.open(&OpenSession::Root(folder.to_str().unwrap().to_owned()));
        let is_work = folder.canonicalize().unwrap() == agent.work;
        assert_eq!(opened.is_ok(), is_work, "{}", folder.display());
    }
    // A session of a folder is no session of a clone.
    let files = scene.open(&OpenSession::Root(scene.repo())).unwrap();
    let refused = files
        .try_on(&scene, "git", "status", json!({}))
        .unwrap_err();
    assert_eq!(refused.code, "input.invalid");
    for id in ["x", "0192f3a4-5b6c-7d8e-9f01-23456789abcd", "../../home"] {
        assert!(
            scene.open(&OpenSession::Clone(id.to_owned())).is_err(),
            "{id}"
        );
    }
}

// T2: a branch that cannot be switched to is not made; a base is one of the clone's or of the target branch.
#[test]
fn a_branch_starts_from_what_is_there() {
    let scene = Scene::new(&[("a", "1\n")]);
    let first = scene
        .world
        .repo
        .git(&["rev-parse", "main"])
        .trim()
        .to_owned();
    let agent = scene.committed("agent/1-x", "a", "2\n");
    let one = agent.call(
        &scene,
        "createBranch",
        json!({"name": "agent/2-x", "base": "agent/1-x"}),
    );
    let own = agent.call(&scene, "log", json!({}))["commits"][0]["commit"].clone();
    assert_eq!(one["head"], own);
    let two = agent.call(
        &scene,
        "createBranch",
        json!({"name": "agent/3-x", "base": first}),
    );
    assert_eq!(two["head"], json!(first));
    let elsewhere = "0".repeat(40);
    for base in [
        "agent/none-x",
        elsewhere.as_str(),
        "-x",
        "HEAD~1",
        own.as_str().unwrap(),
    ] {
        let wanted = json!({"name": "agent/4-x", "base": base});
        assert_eq!(
            agent.refused(&scene, "createBranch", wanted).0,
            "git.name",
            "{base}"
        );
    }
    agent.write("a", "mine\n");
    let wanted = json!({"name": "agent/4-x", "base": "agent/1-x"});
    assert_eq!(
        agent.refused(&scene, "createBranch", wanted).0,
        "git.in_the_way"
    );
    let status = agent.call(&scene, "status", json!({}));
    let names: Vec<_> = status["branches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["agent/1-x", "agent/2-x", "agent/3-x", "main"]);
}

// T2, T4: what an agent handed in is called off before it comes again; the control server tells where it stands.
#[test]
fn what_became_of_a_branch_is_told() {
    let mut scene = Scene::new(&[("a", "1\n")]);
    let agent = scene.committed("agent/1-x", "a", "2\n");
    let control = scene.open(&OpenSession::Repo(scene.repo())).unwrap();
    let on = |scene: &Scene, tool: &str, parameters: Value| {
        control.on(scene, "control", tool, parameters)
    };
    let proposed = on(
        &scene,
        "propose",
        json!({"title": "Say two", "description": "One was wrong.", "branch": "agent/1-x"}),
    );
    let request = proposed["request"].clone();
    scene.world.settle();
    let plan = on(&scene, "plan", json!({"request": request}));
    assert_eq!(
        (&plan["title"], &plan["status"]),
        (&json!("Say two"), &json!("awaiting_approval"))
    );
    assert_eq!(plan["change_sets"].as_array().unwrap().len(), 1, "{plan}");
    let asked = on(&scene, "approval", json!({"request": request}));
    assert_eq!(asked["questions"][0]["status"], "pending");
    assert_eq!(on(&scene, "queue", json!({}))["entries"], json!([]));
    // The branch went on meanwhile: it would meet itself.
    agent.write("a", "3\n");
    agent.call(&scene, "add", json!({"files": ["a"]}));
    agent.call(&scene, "commit", json!({"message": "Say three"}));
    let (code, said) = agent.refused(&scene, "push", json!({}));
    assert!(
        code == "git.handed_in" && said.contains("request cancel"),
        "{said}"
    );
    scene.world.approve_all();
    scene.world.settle();
    let queue = on(&scene, "queue", json!({"request": request}));
    assert_eq!(queue["entries"][0]["status"], "landed", "{queue}");
    let decided = on(&scene, "approval", json!({"request": request}));
    assert_eq!(decided["questions"][0]["decided_by"], "ada");
    for tool in ["plan", "queue", "approval"] {
        let refused = control
            .try_on(&scene, "control", tool, json!({"request": "123456"}))
            .unwrap();
        assert_eq!(refused.structured["code"], "subject.not_found");
    }
    let nowhere = json!({"title": "x", "description": "", "branch": "agent/none-x"});
    let refused = control
        .try_on(&scene, "control", "propose", nowhere)
        .unwrap();
    assert_eq!(refused.structured["code"], "git.name");
}

// O9: what is in a clone alone is in no backup; that is counted and said, until it is handed in.
#[test]
fn commits_that_are_in_no_backup_are_counted() {
    let scene = Scene::new(&[("a.txt", "a\n")]);
    let folder = tempfile::tempdir().unwrap();
    let take = || {
        let options = backup::TakeOptions {
            folder: folder.path(),
            prefix: "backup",
            logs: false,
            depth: backup::Depth::None,
        };
        backup::take(scene.world.cx.as_ref(), &options, &mut |_, _, _| {}).unwrap()
    };
    let doctor = || {
        let report = crate::doctor::examine(&scene.world.cx, "test");
        let found = report
            .findings
            .into_iter()
            .find(|found| found.name == "agents' commits");
        found.map(|found| found.detail)
    };
    let agent = scene.committed("agent/T-1-b", "b.txt", "b\n");
    agent.write("c.txt", "c\n");
    agent.call(&scene, "add", json!({"files": ["c.txt"]}));
    agent.call(&scene, "commit", json!({"message": "Add c"}));
    let taken = take();
    assert_eq!(taken.manifest.in_clones, 2);
    assert_eq!(
        taken.remarks,
        [format!(
            "2 commits in agents' clones are not in it: handed in (`push`), a branch is; agent/T-1-b of {}",
            agent.clone
        )]
    );
    let said = doctor().unwrap();
    assert!(
        said.starts_with("2 commits in agents' clones are in no backup"),
        "{said}"
    );
    let restored = folder.path().join("restored");
    let restored = backup::restore(
        &backup::RestoreOptions {
            from: &taken.path,
            locations: &hyperion_host::Locations {
                cache: restored.join("cache"),
                runtime: restored.join("runtime"),
                home: restored.join("home"),
            },
            point: backup::Point::End,
            replace: false,
            key: Some(&scene.world.cx.home.key()),
            key_stays: false,
            without_key: false,
            now: scene.world.cx.now(),
        },
        &mut |_| {},
    );
    let remarks = restored.unwrap().remarks;
    assert!(
        remarks
            .iter()
            .any(|remark| remark.starts_with("2 commits in agents' clones are not in it")),
        "{remarks:?}"
    );

    agent.call(&scene, "push", json!({}));
    assert_eq!(take().manifest.in_clones, 0);
    assert_eq!(doctor(), None);
}

// C8: a hunk that begins or ends in the middle of a key shows nothing of it.
#[test]
fn a_diff_shows_no_part_of_a_key() {
    let lines: Vec<String> = (0..24_u8)
        .map(|line| hyperion_tools::filesystem::sha256(&[line]))
        .collect();
    let [begin, end] = ["BEGIN", "END"].map(|word| format!("-----{word} PRIVATE KEY-----\n"));
    let key = |body: &[String]| format!("{begin}{}\n{end}last\n", body.join("\n"));
    let scene = Scene::new(&[("key", &key(&lines))]);
    let agent = scene.agent();
    agent.call(&scene, "createBranch", json!({"name": "agent/1-a"}));
    let mut other = lines.clone();
    other.insert(12, "junk".to_owned());
    let shorter = lines.get(..20).unwrap();
    for changed in [
        key(&lines).replace("last", "end"),
        key(&other),
        key(shorter),
    ] {
        agent.write("key", &changed);
        let diff = agent.call(&scene, "diff", json!({}))["diff"].to_string();
        assert!(diff.contains("@@"), "{diff}");
        let leaked = lines.iter().find(|line| diff.contains(line.as_str()));
        assert_eq!(leaked, None, "{diff}");
    }
}
