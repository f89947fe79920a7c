//! A run in namespaces of its own; where there are none, what is missing is said.

use hyperion_sandbox::{Layer, Level, Network, Sandbox};
use hyperion_shim::{Control, End, Size, Spec, Stream};

use crate::kit::{Run, lives, script, wait_until};

fn inside(text: &str, folder: &std::path::Path) -> Spec {
    let mut spec = script(text);
    spec.cwd = folder.to_path_buf();
    spec.sandbox = Sandbox {
        level: Level::Full,
        network: Network::Off,
        write: vec![folder.to_path_buf()],
        ..Sandbox::default()
    };
    spec
}

#[test]
fn a_run_in_namespaces_ends_as_a_whole() {
    let work = tempfile::tempdir().unwrap();
    let text = "echo $$ $PPID; (setsid sleep 1234.5 &); touch made; pwd; sleep 0.1; exit 4";
    let run = Run::start(&inside(text, work.path()));
    let ended = run.ended();
    assert_eq!(
        ended.end,
        End::Exited { code: 4 },
        "{:?}",
        run.text(Stream::Err)
    );
    assert!(work.path().join("made").exists());
    if !ended.had.layers.contains(&Layer::PidNamespace) {
        assert!(!ended.had.lacks.is_empty());
        return;
    }
    let text = run.text(Stream::Out);
    assert!(text.starts_with("2 1\n"), "{text}");
    assert_eq!(ended.had.level, Level::Full, "{:?}", ended.had.lacks);
    assert_eq!(ended.had.network, Network::Off);
}

#[test]
fn a_terminal_works_inside() {
    let work = tempfile::tempdir().unwrap();
    let mut spec = inside(
        "trap 'echo int; exit 5' INT; echo ready; while :; do sleep 0.05; done",
        work.path(),
    );
    spec.terminal = Some(Size { rows: 30, cols: 90 });
    let run = Run::start(&spec);
    run.await_text("ready");
    run.attach().send(Control::Stdin(vec![3])).unwrap();
    assert_eq!(run.ended().end, End::Exited { code: 5 });
}

#[test]
fn a_stop_and_the_death_of_the_shim_end_everything_inside() {
    let work = tempfile::tempdir().unwrap();
    let text = "trap 'echo bye; exit 0' TERM; (setsid sleep 1000 &); echo ready; while :; do sleep 0.05; done";
    let run = Run::start(&inside(text, work.path()));
    run.await_text("ready");
    run.attach()
        .send(Control::Stop { grace_ms: 20_000 })
        .unwrap();
    let ended = run.ended();
    assert_eq!(ended.end, End::Stopped);
    assert!(run.text(Stream::Out).ends_with("bye\n"));
    let namespaces = ended.had.layers.contains(&Layer::PidNamespace);

    let spec = inside(text, work.path());
    let run = Run::start(&spec);
    run.await_text("ready");
    let hyperion_shim::Found::Live { mark, .. } = hyperion_shim::look(run.path()).unwrap() else {
        panic!("it lives")
    };
    let pids = pids_of(&spec.run);
    assert!(pids.len() >= 2, "{pids:?}");
    hyperion_host::kill_group(&mark).unwrap();
    if !namespaces {
        assert!(hyperion_shim::end_what_is_left(run.path(), &spec).unwrap());
    }
    wait_until(|| pids.iter().all(|pid| !lives(pid)));
}

/// Every process with the mark of a run.
fn pids_of(run: &str) -> Vec<String> {
    let wanted = format!("HYPERION_RUN_ID={run}");
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter(|entry| {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted.as_bytes())
    });
    pids.map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

// X6: the first process inside is the shim's; a program that could be it would say how it ended itself.
#[test]
fn the_first_process_inside_is_out_of_the_programs_reach() {
    let work = tempfile::tempdir().unwrap();
    let text = "cat /proc/self/environ >/dev/null && echo own; cat /proc/1/environ >/dev/null && echo other; exit 3";
    let run = Run::start(&inside(text, work.path()));
    let ended = run.ended();
    assert_eq!(ended.end, End::Exited { code: 3 });
    if ended.had.layers.contains(&Layer::PidNamespace) {
        assert_eq!(run.text(Stream::Out), "own\n");
    }
}

// X6: what somebody had open who started the shim is not the program's.
#[test]
fn descriptors_of_whoever_starts_a_run_stay_outside() {
    let secret = std::fs::File::open("/etc/hostname").unwrap();
    // A number that the shell, by which it is started, cannot name.
    let passed_on = rustix::io::fcntl_dupfd_cloexec(&secret, 50).unwrap();
    rustix::io::fcntl_setfd(&passed_on, rustix::io::FdFlags::empty()).unwrap();
    let run = Run::start(&script("ls /proc/self/fd | wc -l"));
    assert_eq!(run.ended().end, End::Exited { code: 0 });
    // The three usual ones, and that of `ls` itself.
    assert_eq!(run.text(Stream::Out).trim(), "4");
}
