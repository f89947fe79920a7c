//! Channels out of a sandbox, in what a real shim runs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use hyperion_sandbox::{Layer, Level, Network, Sandbox};
use hyperion_shim::{Channel, ChannelEnd, ChannelHeader, End, Stream, start, write_spec};

use crate::kit::{Run, program, script};

// X6: from a network of its own what runs inside reaches the engine by its channel, its run's socket, and nothing else.
#[test]
fn a_run_with_a_network_of_its_own_reaches_the_engine_alone() {
    let elsewhere = tempfile::tempdir().unwrap();
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    let outside_port = outside.local_addr().unwrap().port();
    let engine = UnixListener::bind(elsewhere.path().join("channels")).unwrap();
    let run = Run {
        folder: tempfile::tempdir().unwrap(),
    };
    let mut spec = script(&format!(
        r#"exec 3<>"/dev/tcp/127.0.0.1/${{HTTP_PROXY##*:}}"; echo hello >&3; read -r answer <&3; echo "$answer"
        test -S "$HYPERION_SOCKET" && echo socket
        (exec 4<>/dev/tcp/127.0.0.1/{outside_port}) 2>/dev/null && echo outside
        exit 0"#
    ));
    spec.argv[0] = "/bin/bash".to_owned();
    spec.sandbox = Sandbox {
        level: Level::Full,
        network: Network::Listed,
        socket_folder: Some(run.path().join("socket")),
        ..Sandbox::default()
    };
    spec.channels = vec![Channel {
        name: Channel::PROXY.to_owned(),
        port: 0,
    }];
    spec.channel_socket = Some(ChannelEnd {
        socket: elsewhere.path().join("channels"),
        secret: "secret".to_owned(),
    });
    write_spec(run.path(), &spec).unwrap();
    start(&program(), run.path()).unwrap();
    // A shim that could not listen ends, and nobody comes.
    let (stream, _) = engine.accept().unwrap();
    let mut lines = BufReader::new(&stream).lines().map(Result::unwrap);
    let header: ChannelHeader = serde_json::from_str(&lines.next().unwrap()).unwrap();
    assert_eq!(
        header,
        ChannelHeader {
            run: spec.run.clone(),
            channel: "proxy".to_owned(),
            secret: "secret".to_owned(),
        }
    );
    assert_eq!(lines.next().unwrap(), "hello");
    (&stream).write_all(b"welcome\n").unwrap();
    let ended = run.ended();
    assert_eq!(ended.end, End::Exited { code: 0 }, "{ended:?}");
    let has_network = ended.had.layers.contains(&Layer::NetworkNamespace);
    let expected = if has_network {
        "welcome\nsocket\n"
    } else {
        "welcome\nsocket\noutside\n"
    };
    assert_eq!(run.text(Stream::Out), expected, "{ended:?}");
}
