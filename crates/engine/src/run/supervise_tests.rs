//! Runs and their shims: real processes, and engines that die.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyperion_host::{ProcessMark, is_alive, kill_marked};
use hyperion_model::run::{self, Run, Status, Work};
use hyperion_model::{Command, LineageId, NewBlob, RunId, ShortText};
use hyperion_sandbox::{Level, Network, Sandbox};
use hyperion_shim::{End, Found, HeartbeatFrom, Spec, Stdin, look, read_spec, start, write_spec};
use hyperion_store::Filter;
use hyperion_testkit::eventually;

use super::check::RUN_MARK;
use super::{folder_of, read_log, read_piece, start_of_last_lines};
use crate::testing::{World, admin};
use crate::{OnStall, Settings, Supervision};

const SOON: Duration = Duration::from_secs(60);

/// A home in which people run commands.
pub(super) struct Scene {
    pub(super) world: World,
    folder: tempfile::TempDir,
}

impl Scene {
    pub(super) fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut world = World::new(&[("a.txt", "one\n")]);
        change(&mut Arc::get_mut(&mut world.cx).unwrap().settings);
        let folder = tempfile::tempdir().unwrap();
        Self { world, folder }
    }

    fn register(&self, script: &str, heartbeat: HeartbeatFrom) -> RunId {
        let cx = &self.world.cx;
        let id = cx.id(RunId::new);
        let lineage = cx.id(LineageId::new);
        let mut spec = Spec {
            version: hyperion_shim::VERSION,
            run: id.to_string(),
            lineage: Some(lineage.to_string()),
            token: None,
            argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            cwd: self.folder.path().to_path_buf(),
            env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
            umask: None,
            stdin: Stdin::Null,
            terminal: None,
            sandbox: Sandbox {
                level: Level::Off,
                network: Network::On,
                ..Sandbox::default()
            },
            limits: hyperion_sandbox::Limits::default(),
            background: false,
            heartbeat,
            grace_ms: 500,
            channels: Vec::new(),
            channel_socket: None,
        };
        super::let_speak(&folder_of(cx, id), &mut spec).unwrap();
        write_spec(&folder_of(cx, id), &spec).unwrap();
        let blob = NewBlob::new(br#"{"title":"a command"}"#);
        let start = run::Command::Start {
            id,
            lineage,
            incarnation: 1,
            request: None,
            work: Work::Command {
                name: ShortText::cut("sh"),
                asked_by: admin(),
                launch: None,
            },
            spec: blob.digest,
        };
        let commands = vec![Command::Run(id, start)];
        cx.execute(cx.stamp_person(&admin()), commands, vec![blob])
            .unwrap();
        id
    }

    /// Starts a command, as whoever asked for it does.
    pub(super) fn exec(&self, script: &str, heartbeat: HeartbeatFrom) -> RunId {
        let id = self.register(script, heartbeat);
        let cx = &self.world.cx;
        start(&cx.settings.shim_program, &folder_of(cx, id)).unwrap();
        id
    }

    pub(super) fn has_ended(&self, id: RunId) -> bool {
        let found = look(&folder_of(&self.world.cx, id)).unwrap();
        matches!(found, Found::Ended(_))
    }

    pub(super) fn run(&self, id: RunId) -> Run {
        self.world.cx.store.get(id).unwrap().unwrap()
    }

    pub(super) fn runs(&self) -> Vec<Run> {
        self.world.cx.store.list(&Filter::default()).unwrap().rows
    }

    /// Has the engine work until something is so.
    #[track_caller]
    pub(super) fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let came = eventually(SOON, || {
            self.world.look_once();
            is_so(self)
        });
        assert!(came, "{:#?}", self.runs());
    }

    #[track_caller]
    pub(super) fn until_status(&mut self, id: RunId, status: Status) -> Run {
        self.until(|scene| scene.run(id).status == status);
        self.run(id)
    }

    fn shim(&self, id: RunId) -> ProcessMark {
        match look(&folder_of(&self.world.cx, id)).unwrap() {
            Found::Live { mark, .. } => mark,
            found => panic!("{found:?}"),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let ids: Vec<_> = self.runs().iter().map(|run| run.id.to_string()).collect();
        let _ = kill_marked(RUN_MARK, &ids);
    }
}

// S1, S8: tools outlive their engine, are watched by the next one, none is started again, and all of their output is there.
#[test]
fn a_hundred_tools_outlive_their_engine() {
    let mut scene = Scene::new(|_| {});
    make_fifo(&scene.path("gate"));
    let ids: Vec<_> = (0..100)
        .map(|number| {
            let script = format!(
                "echo begun >> count-{number}; echo one {number}; : < gate; echo two {number}"
            );
            scene.exec(&script, HeartbeatFrom::Nobody)
        })
        .collect();
    let all = |scene: &Scene, status| ids.iter().all(|id| scene.run(*id).status == status);
    scene.until(|scene| all(scene, Status::Running));
    let before: Vec<_> = ids.iter().map(|id| scene.run(*id).process).collect();
    scene.world.restart();
    scene.until(|scene| scene.world.cx.jobs.count() == ids.len());
    assert!(all(&scene, Status::Running));
    let gate = std::fs::File::options()
        .read(true)
        .write(true)
        .open(scene.path("gate"))
        .unwrap();
    scene.until(|scene| all(scene, Status::Finished));
    drop(gate);
    for (number, id) in ids.iter().enumerate() {
        let run = scene.run(*id);
        assert_eq!((run.incarnation, &run.process), (1, &before[number]));
        assert!(run.usage.is_some() && run.confinement.is_some(), "{run:?}");
        let (output, truncated) = read_log(&scene.world.cx, &run, 1024).unwrap().unwrap();
        assert_eq!(output, format!("one {number}\ntwo {number}\n"));
        assert!(!truncated);
        let count = std::fs::read_to_string(scene.path(&format!("count-{number}"))).unwrap();
        assert_eq!(count, "begun\n", "it was started once");
    }
}

fn make_fifo(path: &std::path::Path) {
    let launch = hyperion_host::Launch::new("mkfifo", "/")
        .arg(path)
        .env("PATH", "/usr/bin:/bin");
    let limits = hyperion_host::Limits {
        wall: SOON,
        output_max: 0,
    };
    assert!(hyperion_host::run(&launch, &limits).unwrap().exit.success());
}

// S8: what ended while no engine was up is recorded by the next one.
#[test]
fn what_ended_without_an_engine_is_recorded() {
    let mut scene = Scene::new(|_| {});
    let id = scene.exec("echo out; exit 3", HeartbeatFrom::Nobody);
    let folder = folder_of(&scene.world.cx, id);
    assert!(eventually(SOON, || matches!(
        look(&folder),
        Ok(Found::Ended(ended)) if ended.end == End::Exited { code: 3 }
    )));
    let run = scene.until_status(id, Status::Failed);
    assert_eq!(run.exit_code, Some(3));
    assert_eq!(run.reason.unwrap().as_str(), "it exited with 3");
}

// S8: a run whose shim is killed is lost, and nothing of it is left.
#[test]
fn a_run_whose_shim_is_killed_is_lost_with_its_tree() {
    let mut scene = Scene::new(|_| {});
    let script = "setsid sleep 1000 & echo $! > child; sleep 1000";
    let id = scene.exec(script, HeartbeatFrom::Nobody);
    let run = scene.until_status(id, Status::Running);
    assert!(eventually(SOON, || {
        std::fs::read_to_string(scene.path("child")).is_ok_and(|text| text.ends_with('\n'))
    }));
    let child = std::fs::read_to_string(scene.path("child")).unwrap();
    let child = ProcessMark::of(child.trim().parse().unwrap())
        .unwrap()
        .unwrap();
    let tool = run.process.unwrap();
    let tool = ProcessMark::of(tool.pid).unwrap().unwrap();
    kill(&scene.shim(id));
    let run = scene.until_status(id, Status::Lost);
    assert_eq!(
        run.reason.unwrap().as_str(),
        "what watched it (its shim) was killed, or the machine was restarted"
    );
    assert!(eventually(SOON, || !is_alive(&child) && !is_alive(&tool)));
}

fn kill(mark: &ProcessMark) {
    let launch =
        hyperion_host::Launch::new("/bin/sh", "/").args(["-c", &format!("kill -9 {}", mark.pid)]);
    let limits = hyperion_host::Limits {
        wall: SOON,
        output_max: 0,
    };
    assert!(hyperion_host::run(&launch, &limits).unwrap().exit.success());
}

// S8: another boot id: whatever has that number now is not it.
#[test]
fn a_run_of_another_boot_is_lost() {
    let mut scene = Scene::new(|_| {});
    let id = scene.register("true", HeartbeatFrom::Nobody);
    let own = ProcessMark::of(std::process::id()).unwrap().unwrap();
    let process = run::Process {
        pid: own.pid,
        start_ticks: own.start_ticks,
        boot_id: crate::testing::name("another-boot"),
    };
    let cx = Arc::clone(&scene.world.cx);
    let begin = run::Command::Begin {
        process: Some(process),
    };
    let stamp = cx.stamp(&crate::testing::name("check"));
    cx.execute(stamp, vec![Command::Run(id, begin)], vec![])
        .unwrap();
    let run = scene.until_status(id, Status::Lost);
    assert_eq!(
        run.reason.unwrap().as_str(),
        "the machine was restarted while it ran"
    );
    assert!(is_alive(&own));
}

fn watchful(on_stall: OnStall, max_restarts: u32) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.supervision = Supervision {
            heartbeat_interval: Duration::from_millis(10),
            stall_after: Duration::from_millis(300),
            on_stall,
            max_restarts,
            ..Supervision::default()
        };
    }
}

// S2: a silent run is called stalled, and is at work again when it speaks.
#[test]
fn a_silent_run_stalls_and_recovers() {
    let mut scene = Scene::new(watchful(OnStall::Warn, 0));
    let script =
        "until test -f go; do sleep 0.02; done; while test -f go; do echo x; sleep 0.02; done";
    let id = scene.exec(script, HeartbeatFrom::Output);
    scene.until_status(id, Status::Stalled);
    std::fs::write(scene.path("go"), "").unwrap();
    scene.until_status(id, Status::Running);
    std::fs::remove_file(scene.path("go")).unwrap();
    scene.until_status(id, Status::Finished);
}

// S2: or it is ended.
#[test]
fn a_silent_run_is_killed() {
    let mut scene = Scene::new(watchful(OnStall::Kill, 3));
    let id = scene.exec(
        "trap '' TERM; while :; do sleep 1; done",
        HeartbeatFrom::Output,
    );
    let run = scene.until_status(id, Status::Killed);
    let why = run.reason.unwrap();
    assert!(why.as_str().starts_with("it gave no sign of life"), "{why}");
    assert_eq!(scene.runs().len(), 1);
}

// S2: or it is started again, later each time, and not for ever: the count is that of the record, whoever counts.
#[test]
fn a_silent_run_is_started_again_so_many_times() {
    let mut scene = Scene::new(watchful(OnStall::Restart, 2));
    let first = scene.exec(
        "echo begun >> count; exec sleep 1000",
        HeartbeatFrom::Output,
    );
    for incarnation in 1..=3 {
        scene.until(|scene| {
            let runs = scene.runs();
            runs.len() == incarnation && runs.iter().any(|run| run.status == Status::Starting)
                || runs.iter().filter(|run| !run.status.is_open()).count() == incarnation
        });
        scene.world.clock.advance(Duration::from_secs(10));
        let ended = |scene: &Scene| {
            scene
                .runs()
                .iter()
                .filter(|run| !run.status.is_open())
                .count()
        };
        scene.until(|scene| ended(scene) >= incarnation);
        scene.world.clock.advance(Duration::from_secs(10));
    }
    let runs = scene.runs();
    let incarnations: Vec<_> = runs.iter().map(|run| run.incarnation).collect();
    assert_eq!(incarnations, [1, 2, 3]);
    assert!(
        runs.iter()
            .all(|run| run.lineage == scene.run(first).lineage)
    );
    assert!(runs.iter().all(|run| run.status == Status::Killed));
    let why = runs[2].reason.as_ref().unwrap().as_str();
    assert!(
        why.ends_with("was started 2 times again (setting supervisor.max_restarts)"),
        "{why}"
    );
    let count = std::fs::read_to_string(scene.path("count")).unwrap();
    assert_eq!(count.lines().count(), 3);
}

// S8: people stop, pause and go on with a run; a pause outlives the engine that was told.
#[test]
fn a_run_is_paused_resumed_and_stopped() {
    let mut scene = Scene::new(|_| {});
    let script = "while :; do echo tick; sleep 0.02; done";
    let id = scene.exec(script, HeartbeatFrom::Nobody);
    scene.until_status(id, Status::Running);
    let cx = Arc::clone(&scene.world.cx);
    super::pause(&cx, &admin(), id).unwrap();
    let stopped = |scene: &Scene| {
        let process = scene.run(id).process.unwrap();
        hyperion_host::is_stopped(process.pid)
    };
    scene.until(stopped);
    drop(cx);
    scene.world.restart();
    scene.until(|scene| scene.world.cx.jobs.count() == 1);
    scene.until(stopped);
    let cx = Arc::clone(&scene.world.cx);
    super::resume(&cx, &admin(), id).unwrap();
    scene.until(|scene| !stopped(scene));
    super::stop(&cx, &admin(), id).unwrap();
    let run = scene.until_status(id, Status::Killed);
    assert_eq!(run.reason.unwrap().as_str(), "ada stopped it");
    assert!(super::stop(&cx, &admin(), id).is_err());
}

// S8: a command that nobody starts is not waited for for ever.
#[test]
fn a_command_that_nobody_starts_is_lost() {
    let mut scene = Scene::new(|_| {});
    let id = scene.register("true", HeartbeatFrom::Nobody);
    scene.world.look_once();
    assert_eq!(scene.run(id).status, Status::Starting);
    scene.world.clock.advance(Duration::from_secs(31));
    let run = scene.until_status(id, Status::Lost);
    assert_eq!(
        run.reason.unwrap().as_str(),
        "the command that was to start it is gone"
    );
    let spec = read_spec(&folder_of(&scene.world.cx, id));
    assert!(spec.is_err(), "it can be started no more");
}

// S9: a clock that is set by a day, either way, ends no run, calls none silent, and gives none up that is about to be started.
#[test]
fn a_day_on_the_clock_is_nothing_to_a_run() {
    for day in [24 * 3600, -24 * 3600] {
        let mut scene = Scene::new(|settings| {
            settings.supervision.on_stall = OnStall::Kill;
        });
        let script = "until test -f go; do echo x; sleep 0.02; done";
        let id = scene.exec(script, HeartbeatFrom::Output);
        let late = scene.register("true", HeartbeatFrom::Nobody);
        scene.until_status(id, Status::Running);
        scene.world.jump(day);
        for _ in 0..3 {
            scene.world.look_once();
        }
        assert_eq!(scene.run(id).status, Status::Running);
        assert_eq!(scene.run(late).status, Status::Starting);
        let cx = &scene.world.cx;
        start(&cx.settings.shim_program, &folder_of(cx, late)).unwrap();
        scene.until_status(late, Status::Finished);
        std::fs::write(scene.path("go"), "").unwrap();
        let run = scene.until_status(id, Status::Finished);
        assert!(run.ended_at >= run.began_at, "{run:?}");
        assert!(scene.runs().iter().all(|run| run.incarnation == 1));
    }
}

// H3: an output of which the middle was dropped is read from both ends, and piece by piece, with one note in it.
#[test]
fn an_output_is_read_in_pieces_and_from_its_end() {
    let mut scene = Scene::new(|_| {});
    let id = scene.register("seq 1 200000", HeartbeatFrom::Nobody);
    let folder = folder_of(&scene.world.cx, id);
    let mut spec = read_spec(&folder).unwrap();
    spec.limits.output_max_bytes = Some(300_000);
    std::fs::remove_file(folder.join("spec.json")).unwrap();
    write_spec(&folder, &spec).unwrap();
    start(&scene.world.cx.settings.shim_program, &folder).unwrap();
    let run = scene.until_status(id, Status::Finished);
    let cx = &scene.world.cx;
    let (mut text, mut from) = (String::new(), 0);
    loop {
        let piece = read_piece(cx, &run, from).unwrap().unwrap();
        text.push_str(&piece.text);
        from = piece.next;
        if !piece.more {
            break;
        }
    }
    assert_eq!(from, run.usage.unwrap().output_bytes);
    assert!(text.starts_with("1\n2\n3\n") && text.ends_with("199999\n200000\n"));
    assert_eq!(text.matches("bytes of output were not kept").count(), 1);
    let start = start_of_last_lines(cx, &run, 2).unwrap();
    let end = read_piece(cx, &run, start).unwrap().unwrap();
    assert_eq!(end.text, "199999\n200000\n");
    let (tail, is_cut) = read_log(cx, &run, 20).unwrap().unwrap();
    assert_eq!((tail.as_str(), is_cut), ("199999\n200000\n", true));
}
