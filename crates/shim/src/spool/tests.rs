use std::fs;
use std::io;
use std::path::Path;

use super::{FOLDER, Limits, Reader, Writer, read};
use crate::frame::{Body, Stream};

fn out(text: &str) -> Body {
    Body::Output(Stream::Out, text.as_bytes().to_vec())
}

fn writer(run: &Path, max: Option<u64>) -> Writer {
    Writer::create(run, Limits::of(max)).unwrap()
}

/// Number and body of each frame, gaps with the bytes that they stand for.
fn bodies(run: &Path, after: u64) -> Vec<(u64, Body)> {
    let frames = read(run, after, usize::MAX).unwrap();
    frames
        .into_iter()
        .map(|frame| (frame.seq, frame.body))
        .collect()
}

fn segments(run: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(run.join(FOLDER)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn frames_are_read_as_written_in_pieces_and_while_more_are_written() {
    let run = tempfile::tempdir().unwrap();
    let mut writer = writer(run.path(), None);
    let mut reader = Reader::new(run.path(), 0);
    assert_eq!(reader.read(100).unwrap(), []);
    for number in 0..10 {
        writer.append(number, &out(&number.to_string())).unwrap();
        let frames = reader.read(1).unwrap();
        assert_eq!((frames.len(), frames[0].time_ms), (1, number));
    }
    assert_eq!(bodies(run.path(), 8), [(9, out("8")), (10, out("9"))]);
    assert_eq!(reader.read(100).unwrap(), []);
}

#[test]
fn the_middle_of_a_long_output_is_dropped_and_is_one_gap() {
    let run = tempfile::tempdir().unwrap();
    let max = 256 * 1024;
    let mut writer = writer(run.path(), Some(max));
    let piece = "x".repeat(1000);
    let count = 2000;
    for _ in 0..count {
        writer.append(0, &out(&piece)).unwrap();
    }
    let frames = bodies(run.path(), 0);
    let gaps: Vec<_> = frames
        .iter()
        .filter_map(|(seq, body)| match body {
            Body::Gap(bytes) => Some((*seq, *bytes)),
            _ => None,
        })
        .collect();
    let [(at, gap)] = gaps[..] else {
        panic!("{gaps:?}")
    };
    let kept: u64 = frames
        .iter()
        .map(|(_, body)| body.output_bytes())
        .sum::<u64>()
        - gap;
    assert_eq!(kept + gap, count * 1000);
    assert_eq!(writer.counts(), (count * 1000, gap));
    let on_disk: u64 = segments(run.path())
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .sum();
    assert!(on_disk <= max && on_disk > max * 3 / 4, "{on_disk}");
    let head = frames
        .iter()
        .position(|(_, body)| matches!(body, Body::Gap(_)))
        .unwrap() as u64;
    assert!(head > 100 && at < count - 100, "{head} {at}");
    // Whoever begins within what was dropped gets the same gap; after it, none.
    assert_eq!(bodies(run.path(), at - 1)[0], (at, Body::Gap(gap)));
    assert_eq!(bodies(run.path(), at)[0], (at + 1, out(&piece)));
}

type Damage = fn(&mut Vec<u8>);

#[test]
fn what_is_damaged_is_a_gap_and_never_more() {
    let damage: [(&str, Damage); 5] = [
        ("half a frame", |bytes| bytes.truncate(bytes.len() - 3)),
        ("an absurd length", |bytes| {
            let at = bytes.len() - 1025;
            bytes[at..at + 4].copy_from_slice(&[0xff; 4]);
        }),
        ("a wrong byte", |bytes| *bytes.last_mut().unwrap() ^= 1),
        ("no header", |bytes| bytes.truncate(10)),
        ("an unknown version", |bytes| bytes[7] = 99),
    ];
    for (what, damage) in damage {
        let run = tempfile::tempdir().unwrap();
        let mut writer = writer(run.path(), Some(64 * 1024));
        for _ in 0..12 {
            writer.append(0, &out(&"x".repeat(1000))).unwrap();
        }
        let second = &segments(run.path())[1];
        let mut bytes = fs::read(second).unwrap();
        damage(&mut bytes);
        fs::write(second, bytes).unwrap();
        let frames = read(run.path(), 0, usize::MAX).unwrap();
        let gaps = frames
            .iter()
            .filter(|frame| matches!(frame.body, Body::Gap(_)));
        assert_eq!(gaps.count(), 1, "{what}");
        let bytes: u64 = frames.iter().map(|frame| frame.body.output_bytes()).sum();
        assert_eq!(bytes, 12_000, "{what}");
        assert_eq!(frames.last().unwrap().seq, 12, "{what}");
    }
}

#[test]
fn what_is_no_spool_is_empty() -> io::Result<()> {
    let run = tempfile::tempdir()?;
    assert_eq!(bodies(run.path(), 0), []);
    let folder = run.path().join(FOLDER);
    fs::create_dir(&folder)?;
    fs::write(folder.join("00000000000000000001.frames"), [0; 100])?;
    fs::write(folder.join("notes"), "mine")?;
    assert_eq!(bodies(run.path(), 0), []);
    Ok(())
}
