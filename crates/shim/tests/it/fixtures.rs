//! Runs of every version that was ever released, as their shims left them.

use std::path::Path;

use hyperion_shim::{Body, End, Found, Stream, look, read_spec, spool};

#[test]
fn a_run_of_version_1_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1");
    assert_eq!(read_spec(&folder).unwrap().argv[0], "/bin/sh");
    let Found::Ended(ended) = look(&folder).unwrap() else {
        panic!("it ended")
    };
    assert_eq!(ended.end, End::Exited { code: 3 });
    let frames = spool::read(&folder, 0, usize::MAX).unwrap();
    let told: Vec<String> = frames
        .iter()
        .map(|frame| match &frame.body {
            Body::Started(mark) => format!("started {mark}"),
            Body::Output(stream, bytes) if bytes.starts_with(b"x") => format!("{stream:?} x"),
            Body::Output(stream, bytes) => {
                format!("{stream:?} {:?}", String::from_utf8_lossy(bytes))
            }
            Body::Gap(bytes) => format!("gap {bytes}"),
            Body::NoRoom(bytes) => format!("no room {bytes}"),
            Body::Said(_) => "said".to_owned(),
            Body::Ended(how) => format!("ended {}", *how == ended),
        })
        .collect();
    let mut told = told;
    told.dedup();
    assert_eq!(told, EXPECTED);
    let output: u64 = frames
        .iter()
        .map(|frame| match &frame.body {
            Body::Output(Stream::Out | Stream::Err, bytes) => bytes.len() as u64,
            Body::Gap(bytes) => *bytes,
            _ => 0,
        })
        .sum();
    assert_eq!(output, ended.output_bytes);
}

const EXPECTED: [&str; 8] = [
    "started 29854:1792438:89d51b51-d2f3-4ce3-b4dc-e834759f52ad",
    "Out \"out\\n\"",
    "Err \"err\\n\"",
    "Out x",
    "gap 49152",
    "Out x",
    "Out \"last\\n\"",
    "ended true",
];
