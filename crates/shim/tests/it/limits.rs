//! What a run may use, and what it used.

use hyperion_shim::{Body, Control, End, Spec, Stream};

use crate::kit::{Run, script, wait_until};

fn limited(text: &str, set: impl FnOnce(&mut Spec)) -> Run {
    let mut spec = script(text);
    spec.grace_ms = 200;
    set(&mut spec);
    Run::start(&spec)
}

fn over(limit: &str) -> End {
    End::Limit {
        limit: limit.to_owned(),
    }
}

#[test]
fn a_run_that_takes_too_long_is_ended_and_held_time_does_not_count() {
    let run = limited("trap '' TERM; sleep 1000", |spec| {
        spec.limits.wall_ms = Some(300);
    });
    let ended = run.ended();
    assert_eq!(ended.end, over("wall"));
    assert!(
        (500..5000).contains(&ended.usage.wall_ms),
        "{:?}",
        ended.usage
    );

    let run = limited("echo; sleep 1", |spec| spec.limits.wall_ms = Some(8000));
    run.await_text("\n");
    let mut attached = run.attach();
    attached.send(Control::Pause).unwrap();
    wait_until(|| attached.frames(1).unwrap().is_empty() && attached.news().paused);
    attached.send(Control::Resume).unwrap();
    assert_eq!(run.ended().end, End::Exited { code: 0 });
}

#[test]
fn memory_and_processes_of_the_whole_tree_count() {
    let hungry = "python3 -c 'x = bytearray(400 << 20); import time; time.sleep(1000)' & wait";
    let run = limited(hungry, |spec| spec.limits.memory_max_mb = Some(100));
    let ended = run.ended();
    assert_eq!(ended.end, over("memory"));
    assert!(ended.usage.memory_peak_kb > 100 * 1024);

    let bomb = "f() { sleep 1000 & f & }; f; sleep 1000";
    let run = limited(bomb, |spec| spec.limits.processes_max = Some(50));
    assert_eq!(run.ended().end, over("processes"));
}

#[test]
fn limits_of_one_process_are_inherited() {
    let run = limited("ulimit -n; ulimit -c; ulimit -t; nice; umask", |spec| {
        spec.limits.files_max = Some(77);
        spec.limits.cpu_sec = Some(1000);
        spec.background = true;
        spec.umask = Some(0o027);
    });
    run.ended();
    assert_eq!(run.text(Stream::Out), "77\n0\n1000\n10\n0027\n");
}

#[test]
fn what_was_used_is_told() {
    let run = limited("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done", |_| {});
    let usage = run.ended().usage;
    assert!(
        usage.cpu_ms >= 50 && usage.wall_ms >= usage.cpu_ms / 2,
        "{usage:?}"
    );
    assert!(usage.memory_peak_kb > 0, "{usage:?}");
}

// S9: a flood of output costs its middle, and says so.
#[test]
fn long_output_at_full_speed_loses_its_middle_alone() {
    let run = limited(
        "echo first; head -c 200000000 /dev/zero; echo last",
        |spec| {
            spec.limits.output_max_bytes = Some(8 << 20);
        },
    );
    let ended = run.ended();
    assert_eq!(ended.output_bytes, 200_000_000 + 11);
    let frames = run.frames();
    let gaps = frames.iter().filter_map(|frame| match frame.body {
        Body::Gap(bytes) => Some(bytes),
        _ => None,
    });
    assert_eq!(gaps.collect::<Vec<_>>(), [ended.dropped_bytes]);
    assert!(ended.dropped_bytes > 190_000_000);
    let text = run.text(Stream::Out);
    assert!(text.starts_with("first\n") && text.ends_with("last\n"));
}
