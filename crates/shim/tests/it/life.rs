//! From start to end.

use hyperion_shim::{Body, Control, End, Found, StartError, Stream, look, start};

use crate::kit::{Run, program, script};

#[test]
fn a_run_is_started_once_and_its_output_and_end_are_kept() {
    let spec = script(
        "echo out; echo err >&2; echo $HYPERION_RUN_ID $HYPERION_RUN_TOKEN $HYPERION_TOKEN; exit 3",
    );
    let run = Run::start(&spec);
    assert!(matches!(
        start(&program(), run.path()),
        Err(StartError::StartedBefore { .. })
    ));
    let ended = run.ended();
    assert_eq!(ended.end, End::Exited { code: 3 });
    assert_eq!(run.text(Stream::Out), format!("out\n{} secret\n", spec.run));
    assert_eq!(run.text(Stream::Err), "err\n");
    let frames = run.frames();
    assert!(matches!(frames[0].body, Body::Started(_)));
    assert_eq!(frames.last().unwrap().body, Body::Ended(ended));
    let numbers: Vec<u64> = frames.iter().map(|frame| frame.seq).collect();
    assert_eq!(numbers, (1..=frames.len() as u64).collect::<Vec<_>>());
}

#[test]
fn who_is_attached_hears_of_everything_and_stops_it() {
    let run = Run::start(&script(
        "trap 'echo bye; exit 0' TERM; echo hello; while :; do sleep 0.05; done",
    ));
    assert!(matches!(look(run.path()).unwrap(), Found::Live { .. }));
    let mut attached = run.attach();
    run.await_text("hello");
    attached.send(Control::Stop { grace_ms: 20_000 }).unwrap();
    assert_eq!(run.ended().end, End::Stopped);
    assert_eq!(run.text(Stream::Out), "hello\nbye\n");
    let mut last = 0;
    loop {
        let frames = attached.frames(1).unwrap();
        if frames.is_empty() && attached.is_over() {
            break;
        }
        for frame in frames {
            assert_eq!(frame.seq, last + 1);
            last = frame.seq;
        }
    }
    assert_eq!(last, run.frames().last().unwrap().seq);
}

#[test]
fn what_cannot_be_started_says_so_as_a_shell_would() {
    let mut spec = script("");
    let mut end_of = |argv: &str, cwd: &str| {
        spec.argv = vec![argv.to_owned()];
        spec.cwd = cwd.into();
        match Run::start(&spec).ended().end {
            End::NotStarted { code, why } => (code, why),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(end_of("no-such-tool", "/").0, 127);
    assert_eq!(end_of("/etc/passwd", "/").0, 126);
    assert_eq!(
        end_of("true", "/no/such"),
        (125, "the folder /no/such is not there".to_owned())
    );
}
