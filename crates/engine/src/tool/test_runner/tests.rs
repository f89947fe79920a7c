//! Runs of real tools in real folders: how they end, what is noted, and what is left of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyperion_api::Problem;
use hyperion_api::tool::{OpenSession, ToolResult};
use hyperion_model::run::{self, Run};
use hyperion_store::{Filter, ToolRecord};
use hyperion_testkit::{eventually, processes_called_with};
use serde_json::{Value, json};

use super::super::{Admitted, Tools};
use crate::Cx;
use crate::testing::{World, admin};

/// How long anything may take before a test gives it up; it never takes so long.
const SOON: Duration = Duration::from_secs(60);

struct Scene {
    shared: Shared,
    world: World,
}

/// What several threads use at once.
struct Shared {
    cx: Arc<Cx>,
    tools: Tools,
    token: String,
    root: PathBuf,
}

impl std::ops::Deref for Scene {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Scene {
    fn new(files: &[(&str, &str)]) -> Self {
        Self::with_time(files, SOON)
    }

    /// In which a run may take so long.
    fn with_time(files: &[(&str, &str)], run_time: Duration) -> Self {
        let mut world = World::new(files);
        Arc::get_mut(&mut world.cx).unwrap().settings.tools.run_time = run_time;
        world.repo.git(&["switch", "--quiet", "main"]);
        let tools = Tools::start(&world.cx).unwrap();
        let root = world.repo.path().to_owned();
        let bound_to = OpenSession::Root(root.to_str().unwrap().to_owned());
        let opened = tools.open(&world.cx, &admin(), &bound_to);
        Self {
            shared: Shared {
                cx: Arc::clone(&world.cx),
                token: opened.unwrap().token,
                tools,
                root,
            },
            world,
        }
    }
}

impl Shared {
    fn admit(&self, tool: &str) -> Admitted {
        let admitted = self
            .tools
            .admit(&self.cx, Some(&self.token), "test-runner", tool);
        admitted.map_err(Problem::from).unwrap()
    }

    fn make(&self, admitted: &Admitted, parameters: Value) -> ToolResult {
        let made = self.tools.call(&self.cx, admitted, parameters);
        made.map_err(Problem::from).unwrap()
    }

    #[track_caller]
    fn call(&self, tool: &str, parameters: Value) -> Value {
        let result = self.make(&self.admit(tool), parameters);
        assert!(!result.is_error, "{result:?}");
        result.structured
    }

    #[track_caller]
    fn refused(&self, tool: &str, parameters: Value) -> Value {
        let result = self.make(&self.admit(tool), parameters);
        assert!(result.is_error, "{result:?}");
        result.structured
    }

    fn log(&self) -> Vec<ToolRecord> {
        self.cx.store.tool_log(false, 100).unwrap()
    }

    fn outcomes(&self) -> Vec<String> {
        self.log()
            .into_iter()
            .map(|record| record.outcome)
            .collect()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.root.join(name)
    }
}

/// Every run, oldest first.
fn runs(world: &World) -> Vec<Run> {
    world.cx.store.list(&Filter::default()).unwrap().rows
}

fn has_line(file: &Path) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.ends_with('\n'))
}

// T3: make runs its target; what fails has a place, and what it wrote is told.
#[test]
fn a_target_passes_or_fails_with_a_place() {
    let scene = Scene::new(&[(
        "Makefile",
        "test:\n\techo fine\nbuild:\n\t@echo \"src/a.c:3:4: error: expected ';' before 'return'\" >&2; exit 1\n",
    )]);
    let passed = scene.call("test", json!({}));
    assert_eq!(
        (&passed["passed"], &passed["runs"][0]["exit_code"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(passed["runs"][0]["command"], json!(["make", "test"]));
    assert!(
        passed["runs"][0]["output"]
            .as_str()
            .unwrap()
            .contains("fine")
    );
    let failed = scene.call("build", json!({}));
    assert_eq!(
        (&failed["passed"], &failed["runs"][0]["outcome"]),
        (&json!(false), &json!("failed"))
    );
    let problem = &failed["runs"][0]["problems"][0];
    assert_eq!(
        (&problem["file"], &problem["line"], &problem["column"]),
        (&json!("src/a.c"), &json!(3), &json!(4)),
        "{failed}"
    );
    assert_eq!(scene.outcomes(), ["failed", "passed"]);
    assert_eq!(scene.log()[0].paths, ["make build"]);
    // S1: each is a run on record, in the sandbox of checks.
    let mut world = scene.world;
    world.settle();
    let ends: Vec<_> = runs(&world)
        .into_iter()
        .map(|run| {
            (
                run.work.kind(),
                run.status,
                run.exit_code,
                run.confinement.is_some(),
            )
        })
        .collect();
    assert_eq!(
        ends,
        [
            ("tool", run::Status::Finished, Some(0), true),
            ("tool", run::Status::Failed, Some(2), true),
        ]
    );
    world.cx.store.verify().unwrap();
}

// T3, X7: it runs the repository's code, so it is on record before that begins.
#[test]
fn a_run_is_noted_before_it_begins() {
    let scene = Scene::new(&[(
        "Makefile",
        "test:\n\techo up > up; while [ ! -e go ]; do sleep 0.01; done\n",
    )]);
    let scene = &*scene;
    std::thread::scope(|scope| {
        let call = scope.spawn(|| scene.call("test", json!({})));
        assert!(eventually(SOON, || has_line(&scene.path("up"))));
        assert_eq!(scene.outcomes(), ["intended"]);
        assert_eq!(scene.tools.running(), 1);
        fs::write(scene.path("go"), "").unwrap();
        call.join().unwrap();
    });
    assert_eq!(scene.outcomes(), ["passed"]);
    let left = fs::read_dir(scene.cx.home.cache().join("reports")).unwrap();
    assert_eq!(left.count(), 0);
}

/// A target that sleeps for ever, beside one that left its process group.
fn sleeps() -> String {
    let me = std::process::id();
    format!(
        "test:\n\t@echo begun; setsid sleep 1000 0.{me} > /dev/null 2>&1 < /dev/null & exec sleep 1000 0.{me}\n"
    )
}

/// How many of these are at work: known by what they are called with, for a sandbox numbers processes anew.
fn sleepers() -> usize {
    processes_called_with(&format!("0.{}", std::process::id()))
}

#[track_caller]
fn assert_both_sleep() {
    assert!(eventually(SOON, || sleepers() == 2), "{}", sleepers());
}

// T3: nobody waits any more: the run is ended, with what left its process group.
#[test]
fn a_run_that_is_called_off_ends_with_everything_it_started() {
    let scene = Scene::new(&[("Makefile", &sleeps())]);
    let admitted = scene.admit("test");
    let scene = &*scene;
    std::thread::scope(|scope| {
        let call = scope.spawn(|| scene.make(&admitted, json!({})));
        assert_both_sleep();
        scene.tools.abandon(&admitted);
        let result = call.join().unwrap();
        assert_eq!(result.structured["code"], "tool.cancelled");
    });
    assert_eq!(sleepers(), 0);
    assert_eq!(scene.outcomes(), ["tool.cancelled"]);
}

// T3: an engine that leaves ends what runs.
#[test]
fn an_engine_that_leaves_ends_what_runs() {
    let scene = Scene::new(&[("Makefile", &sleeps())]);
    let scene = &*scene;
    std::thread::scope(|scope| {
        let call = scope.spawn(|| scene.refused("test", json!({})));
        assert_both_sleep();
        scene.tools.stop();
        assert_eq!(sleepers(), 0);
        assert_eq!(call.join().unwrap()["code"], "tool.cancelled");
    });
}

// T3: five minutes, here less: then it is ended, and what it wrote until then is read.
#[test]
fn a_run_whose_time_is_up_is_ended_and_read() {
    let scene = Scene::with_time(&[("Makefile", &sleeps())], Duration::from_secs(2));
    let result = scene.call("test", json!({}));
    let run = &result["runs"][0];
    assert_eq!(
        (&run["outcome"], &run["exit_code"]),
        (&json!("timed_out"), &json!(null))
    );
    assert!(
        run["output"].as_str().unwrap().starts_with("begun\n"),
        "{run}"
    );
    let note = run["notes"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .as_str()
        .unwrap();
    assert!(note.contains("2 s in all"), "{note}");
    assert_eq!(sleepers(), 0);
    assert_eq!(scene.outcomes(), ["timed_out"]);
}

// T3, S8: no call outlives its engine: the next one ends what it ran, and says that it was lost.
#[test]
fn the_next_engine_ends_what_a_dead_one_ran() {
    let Scene { shared, mut world } = Scene::new(&[("Makefile", &sleeps())]);
    std::thread::scope(|scope| {
        // Of an engine that is not dead in truth: its call hears of the end, and nobody of its answer.
        scope.spawn(|| shared.make(&shared.admit("test"), json!({})));
        assert_both_sleep();
        world.restart();
        let tools = Tools::start(&world.cx).unwrap();
        let record = &world.cx.store.tool_log(false, 9).unwrap()[0];
        assert_eq!(record.outcome, "lost");
        let came = eventually(SOON, || {
            world.look_once();
            runs(&world)[0].status == run::Status::Lost
        });
        assert!(came, "{:#?}", runs(&world));
        assert_eq!((sleepers(), runs(&world).len()), (0, 1));
        tools.stop();
    });
}

// T3: nothing of the engine's environment but what finds tools, no input, no way to new privileges.
#[test]
fn a_run_sees_nothing_that_it_should_not() {
    let scene = Scene::new(&[(
        "Makefile",
        "test:\n\t@env | cut -d= -f1 | sort; grep NoNewPrivs /proc/self/status; cat; echo end\n",
    )]);
    let result = scene.call("test", json!({}));
    let output = result["runs"][0]["output"].as_str().unwrap();
    let names: Vec<_> = output.lines().take_while(|line| *line != "end").collect();
    for name in &names {
        let known = [
            "CI",
            "HOME",
            "HYPERION_RUN_ID",
            "MAKEFLAGS",
            "MAKELEVEL",
            "MAKE_TERMERR",
            "MAKE_TERMOUT",
            "MFLAGS",
            "NO_COLOR",
            "NoNewPrivs:\t1",
            "PATH",
            "PWD",
            "SHLVL",
            "TMPDIR",
            "_",
            "OLDPWD",
        ];
        assert!(known.contains(name), "{name}: {output}");
    }
    assert!(names.contains(&"NoNewPrivs:\t1"), "{output}");
    assert!(!output.contains(&scene.token), "{output}");
}

const TOKEN: &str = concat!("ghp_", "kX9vQ2mZ7rT4wB8nL5cJ1hG6dF3sP0yAeRuV");

// C8, T3: a secret in an output leaves nowhere: not in the output, nor in a message, nor split over two writes.
#[test]
fn secrets_in_an_output_are_masked() {
    let (half, rest) = TOKEN.split_at(20);
    let makefile = format!(
        "test:\n\t@printf 'token {half}'; sleep 0.05; echo '{rest}'\n\t@echo 'src/a.c:1:2: error: bad {TOKEN}' >&2; exit 1\n"
    );
    let scene = Scene::new(&[("Makefile", &makefile)]);
    let result = scene.make(&scene.admit("test"), json!({}));
    let told = serde_json::to_string(&result).unwrap();
    assert!(
        !told.contains(TOKEN) && told.contains("[redacted:"),
        "{told}"
    );
    assert_eq!(
        result.structured["runs"][0]["problems"][0]["line"], 1,
        "{told}"
    );
    for record in scene.log() {
        assert!(!record.paths.concat().contains(TOKEN));
    }
}

// T3: what cannot be done is said with what to do, and nothing was run.
#[test]
fn what_cannot_be_run_is_refused_with_what_to_do() {
    let scene = Scene::new(&[("go.mod", "module x\n"), ("a.py", "")]);
    let watched = scene.refused("test", json!({"watch": true}));
    assert_eq!(watched["code"], "input.invalid");
    assert!(
        watched["detail"].as_str().unwrap().contains("watching"),
        "{watched}"
    );
    for (tool, parameters, code) in [
        ("test", json!({"pattern": "--config=evil"}), "input.invalid"),
        ("lint", json!({"files": ["-o/tmp/x"]}), "input.invalid"),
        ("lint", json!({"files": ["../a.py"]}), "path.escapes"),
        ("formatCheck", json!({"files": [".env"]}), "path.denied"),
        (
            "formatCheck",
            json!({"files": ["nowhere.go"]}),
            "file.missing",
        ),
        ("lint", json!({"files": ["a.py"]}), "tool.nothing_to_run"),
    ] {
        let problem = scene.refused(tool, parameters.clone());
        assert_eq!(problem["code"], code, "{tool} {parameters}: {problem}");
    }
    assert_eq!(scene.outcomes(), [""; 0]);
}

// T3: a tool that is not installed is an answer that says what to install.
#[test]
fn a_tool_that_is_missing_is_told_with_what_to_install() {
    let scene = Scene::new(&[(".golangci.yml", ""), ("go.mod", "module x\n")]);
    let missing = scene.refused("lint", json!({}));
    assert_eq!(missing["code"], "tool.missing", "{missing}");
    assert_eq!(missing["detail"], "golangci-lint is not installed");
    assert!(
        missing["hint"]
            .as_str()
            .unwrap()
            .contains("install golangci-lint"),
        "{missing}"
    );
    assert_eq!(scene.outcomes(), ["tool.missing"]);
    // Of the project's own programs, too.
    let scene = Scene::new(&[("package.json", r#"{"devDependencies": {"vitest": "2"}}"#)]);
    let missing = scene.refused("test", json!({}));
    assert!(
        missing["hint"].as_str().unwrap().contains("npm ci"),
        "{missing}"
    );
}

// T3: a long output is kept at both ends, and how much is missing is told.
#[test]
fn a_long_output_is_cut_in_the_middle() {
    let scene = Scene::new(&[(
        "Makefile",
        "test:\n\t@echo first; yes 0123456789012345678901234567890123456789 | head -c 4000000; echo; echo last; exit 1\n",
    )]);
    let result = scene.call("test", json!({}));
    let run = &result["runs"][0];
    let output = run["output"].as_str().unwrap();
    assert!(
        output.starts_with("first\n") && output.contains("last\n"),
        "{output}"
    );
    assert!(
        output.contains("bytes left out") && output.len() < 20_000,
        "{}",
        output.len()
    );
    assert!(run["output_bytes"].as_u64().unwrap() > 4_000_000);
    let notes = run["notes"].to_string();
    assert!(notes.contains("from the middle were not read"), "{notes}");
}

// T3: what waits for a person to type is told as that: it had no answer, and its time was up.
#[test]
fn a_question_that_nobody_answers_is_told() {
    use std::os::unix::fs::PermissionsExt as _;

    let wrapper = "#!/bin/sh\nprintf 'Username for https://example.org: '\nexec sleep 1000\n";
    let files = [("pom.xml", "<project/>"), ("mvnw", wrapper)];
    let scene = Scene::with_time(&files, Duration::from_secs(2));
    fs::set_permissions(scene.path("mvnw"), fs::Permissions::from_mode(0o755)).unwrap();
    let result = scene.call("build", json!({}));
    let run = &result["runs"][0];
    assert_eq!(run["asked"], "Username for https://example.org:", "{run}");
}

// T3: Maven leaves reports in the project: those of this run are read, and what lay there before is not. Maven's plugins cannot
// be had on every machine, so the wrapper leaves what a real Surefire wrote once.
#[test]
fn reports_that_a_run_leaves_in_the_project_are_read() {
    use std::os::unix::fs::PermissionsExt as _;

    let recorded =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../analyze/tests/outputs/reports/surefire.xml");
    let report = fs::read_to_string(recorded).unwrap();
    let wrapper = "#!/bin/sh\ncp surefire.xml core/target/surefire-reports/TEST-org.example.ShopTest.xml\nexit 1\n";
    let scene = Scene::new(&[
        ("pom.xml", "<project/>"),
        ("mvnw", wrapper),
        ("surefire.xml", &report),
        ("core/target/surefire-reports/TEST-old.xml", &report),
    ]);
    fs::set_permissions(scene.path("mvnw"), fs::Permissions::from_mode(0o755)).unwrap();
    let result = scene.call("test", json!({"pattern": "ShopTest#addsUp"}));
    let run = &result["runs"][0];
    assert_eq!(run["outcome"], "failed", "{run}");
    assert_eq!(
        run["counts"],
        json!({"passed": 1, "failed": 2, "skipped": 1, "warnings": 0}),
        "{run}"
    );
    let first = &run["problems"][0];
    assert_eq!(
        (&first["file"], &first["line"], &first["kind"]),
        (
            &json!("org/example/ShopTest.java"),
            &json!(8),
            &json!("assertion")
        )
    );
    // Nothing new: what is there is of another run, and is not told as this one's.
    let again = scene.call("test", json!({}));
    assert_eq!(again["runs"][0]["counts"], json!(null), "{again}");
    assert_eq!(again["runs"][0]["outcome"], "broke", "{again}");
}
