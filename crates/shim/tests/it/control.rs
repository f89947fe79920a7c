//! Whoever is attached, and whoever should not be.

use std::fs;
use std::os::fd::OwnedFd;

use hyperion_shim::{AttachError, Attachment, Control, End, Found, Size, Stdin, Stream, look};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketType, connect, recv, send, socket,
};

use crate::kit::{Run, script, wait_until};

fn attached_script(text: &str) -> Run {
    let mut spec = script(text);
    spec.stdin = Stdin::Attached;
    Run::start(&spec)
}

#[test]
fn standard_input_is_passed_on_in_full_and_ends() {
    let run = attached_script("wc -c");
    let mut attached = run.attach();
    let mut left = 3_000_000;
    wait_until(|| {
        attached.frames(1).unwrap();
        attached.flush().unwrap();
        let now = attached.stdin_room().min(left);
        attached.send(Control::Stdin(vec![b'x'; now])).unwrap();
        left -= now;
        left == 0
    });
    assert!(
        attached.send(Control::Stdin(vec![0; 1 << 20])).is_err(),
        "there is no room for so much"
    );
    attached.send(Control::StdinEnd).unwrap();
    wait_until(|| {
        attached.flush().unwrap();
        !attached.has_unsent()
    });
    // It may leave at once: what was sent arrives.
    drop(attached);
    run.ended();
    assert_eq!(run.text(Stream::Out).trim(), "3000000");
}

#[test]
fn a_terminal_has_a_size_and_takes_keys() {
    let mut spec = script(
        "stty size; tty; trap 'stty size' WINCH; trap 'echo int; exit 5' INT; echo ready; while :; do sleep 0.05; done",
    );
    spec.terminal = Some(Size { rows: 30, cols: 90 });
    let run = Run::start(&spec);
    run.await_text("ready");
    let mut attached = run.attach();
    attached
        .send(Control::Resize(Size { rows: 31, cols: 91 }))
        .unwrap();
    run.await_text("31 91");
    attached.send(Control::Stdin(vec![3])).unwrap();
    assert_eq!(run.ended().end, End::Exited { code: 5 });
    let text = run.text(Stream::Out);
    assert!(text.starts_with("30 90\r\n/dev/pts/"), "{text}");
    assert!(text.ends_with("int\r\n"), "{text}");
}

#[test]
fn the_highest_fence_wins() {
    let run = Run::start(&script("sleep 1000"));
    let mut old = Attachment::open(run.path(), 5, 0).unwrap();
    let mut new = Attachment::open(run.path(), 6, 0).unwrap();
    wait_until(|| {
        old.frames(1).unwrap();
        old.is_over()
    });
    assert!(matches!(
        Attachment::open(run.path(), 5, 0),
        Err(AttachError::Fenced { highest: 6 })
    ));
    let same = Attachment::open(run.path(), 6, 0).unwrap();
    new.send(Control::Signal(9)).unwrap();
    assert_eq!(run.ended().end, End::Signalled { signal: 9 });
    drop(same);
    assert!(matches!(
        Attachment::open(run.path(), 6, 0),
        Err(AttachError::NoShim)
    ));
}

/// A connection that says whatever it wants.
fn raw(run: &Run) -> OwnedFd {
    let socket = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
    connect(
        &socket,
        &SocketAddrUnix::new(run.path().join("control")).unwrap(),
    )
    .unwrap();
    socket
}

#[test]
fn nonsense_on_the_socket_hurts_whoever_sends_it_alone() {
    let run = Run::start(&script("echo hello; sleep 1000"));
    run.await_text("hello");
    let mut attached = run.attach();
    let packets = [
        b"\xff\xff\xff\xff garbage".to_vec(),
        vec![0],
        vec![5, 0, 0, 0, 0, 0, 0, 0, 0],
        vec![0; 100_000],
    ];
    for packet in packets {
        let socket = raw(&run);
        send(&socket, &packet, SendFlags::NOSIGNAL).unwrap();
        // It hangs up.
        let (_, length) = recv(&socket, &mut [0; 16][..], RecvFlags::empty()).unwrap_or_default();
        assert_eq!(length, 0);
    }
    let huge = vec![0; 100 << 20];
    assert!(send(raw(&run), &huge, SendFlags::NOSIGNAL).is_err());
    let silent: Vec<_> = (0..40).map(|_| raw(&run)).collect();
    attached.send(Control::Stop { grace_ms: 0 }).unwrap();
    assert_eq!(run.ended().end, End::Stopped);
    drop(silent);
}

#[test]
fn nobody_inside_the_run_is_let_in() {
    let mut spec = script("");
    spec.argv = vec!["python3".to_owned(), "-c".to_owned(), String::new()];
    let code = "import socket, sys, os\ns = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n\
        s.connect(sys.argv[1])\ns.send(bytes(1) + (1).to_bytes(4, 'little') + (9).to_bytes(8, 'little'))\nprint(len(s.recv(100)))";
    let folder = tempfile::tempdir().unwrap();
    spec.argv[2] = code.to_owned();
    spec.argv
        .push(folder.path().join("control").to_string_lossy().into_owned());
    hyperion_shim::write_spec(folder.path(), &spec).unwrap();
    hyperion_shim::start(&crate::kit::program(), folder.path()).unwrap();
    let run = Run { folder };
    run.ended();
    let said = run.text(Stream::Out) + &run.text(Stream::Err);
    assert!(
        said == "0\n" || said.contains("Connection reset") || said.contains("Broken pipe"),
        "{said}"
    );
}

#[test]
fn without_its_socket_a_run_is_read_and_ended_all_the_same() {
    let spec = script("echo one; sleep 0.5; echo two; sleep 1000");
    let run = Run::start(&spec);
    fs::remove_file(run.path().join("control")).unwrap();
    assert!(matches!(
        Attachment::open(run.path(), 1, 0),
        Err(AttachError::NoShim)
    ));
    run.await_text("two");
    assert!(matches!(look(run.path()).unwrap(), Found::Live { .. }));
    assert!(hyperion_shim::end_what_is_left(run.path(), &spec).unwrap());
    assert_eq!(run.ended().end, End::Signalled { signal: 9 });
}

#[test]
fn a_whole_tree_is_held_and_goes_on() {
    let run = Run::start(&script(
        "sh -c 'while :; do echo x; sleep 0.02; done' & wait",
    ));
    run.await_text("x\nx\n");
    let mut attached = run.attach();
    attached.send(Control::Pause).unwrap();
    wait_until(|| {
        attached.frames(1 << 20).unwrap();
        attached.news().paused
    });
    let held = run.text(Stream::Out).len();
    attached.send(Control::Resume).unwrap();
    wait_until(|| run.text(Stream::Out).len() > held + 10);
    attached.send(Control::Pause).unwrap();
    attached.send(Control::Stop { grace_ms: 20_000 }).unwrap();
    assert_eq!(run.ended().end, End::Stopped);
}
