//! The database's log cut off anywhere: what was committed before the cut is there, and all of it.

use std::fs;

use hyperion_model::repo::Repo;
use hyperion_store::Filter;

use crate::world::{World, ask, batch, register};

/// The header of SQLite's log, and of each frame in it.
const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

// M5, S9: decision 1.10. Behind every frame, and in the middle of every frame: exactly the commits that lie before the cut
// are there, whole and sealed, to whoever writes and to whoever only reads, and work goes on from them.
#[test]
fn a_log_that_is_cut_anywhere_ends_with_the_last_commit_before_the_cut() {
    let world = World::new();
    // So that the database itself is there without its log.
    world.open().execute(batch(0, vec![register(5)])).unwrap();
    let store = world.open();
    let log = world.path("hyperion.db-wal");
    let length = || usize::try_from(fs::metadata(&log).unwrap().len()).unwrap();
    // How long the log was when a commit was answered, and the events and rows it held then.
    let mut answered = vec![(0, store.last_seq().unwrap(), 1)];
    for n in 1..=5_u64 {
        if n % 3 == 0 {
            let large = vec![b'x'; usize::try_from(n).unwrap() * 2500];
            store.execute(ask(n + 200, &large, 60).1).unwrap();
        } else {
            store
                .execute(batch(
                    n,
                    (0..n).map(|more| register(100 * n + more)).collect(),
                ))
                .unwrap();
        }
        let repos = store.count::<Repo>(&Filter::default()).unwrap();
        answered.push((length(), store.last_seq().unwrap(), repos));
    }
    let bytes = fs::read(&log).unwrap();
    let page = u32::from_be_bytes(bytes[8..12].try_into().unwrap());
    let frame = FRAME_HEADER_BYTES + usize::try_from(page).unwrap();
    let frames = (bytes.len() - HEADER_BYTES) / frame;
    assert!(frames > 10, "{frames} frames");
    let ends = (0..=frames).map(|at| HEADER_BYTES + at * frame);
    let cuts = ends.flat_map(|end| [end, end + frame / 2]);
    let cuts = [0, 1, HEADER_BYTES - 1].into_iter().chain(cuts);
    for cut in cuts.filter(|cut| *cut <= bytes.len()) {
        let (_, seq, repos) = answered
            .iter()
            .rfind(|(length, ..)| *length <= cut)
            .unwrap();
        let crashed = world.crashed_copy();
        fs::write(crashed.path("hyperion.db-wal"), &bytes[..cut]).unwrap();
        let looks = |store: &hyperion_store::Store, who: &str| {
            assert_eq!(store.last_seq().unwrap(), *seq, "{who}, cut at {cut}");
            assert_eq!(
                store.count::<Repo>(&Filter::default()).unwrap(),
                *repos,
                "{who}, cut at {cut}"
            );
            let found = store.verify().unwrap();
            assert!(found.is_sound(), "{who}, cut at {cut}: {found:?}");
        };
        looks(&crashed.open_to_read(), "a reader");
        let after = crashed.open();
        looks(&after, "a writer");
        let next = after.execute(batch(99, vec![register(9900)])).unwrap();
        assert_eq!(next.first_seq, seq + 1, "cut at {cut}");
    }
}
