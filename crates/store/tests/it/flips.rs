//! One bit that is not as it was written, anywhere: it is reported, or it changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use hyperion_model::Digest;
use hyperion_model::approval::Approval;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_model::plan::Plan;
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::run::Run;
use hyperion_store::{Filter, Mode, OpenError, ReadError, Store, Stored};
use hyperion_testkit::{Chaos, Dice};

use crate::fixtures::unpack_v0;
use crate::world::{World, batch, register};

/// How long everything may take on one home; a hang is a defect, too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that can be read of a store, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    events: Vec<String>,
    rows: BTreeMap<String, String>,
    blobs: BTreeMap<Digest, Option<Vec<u8>>>,
}

/// Reads everything, or says what could not be read.
fn see(store: &Store) -> Result<Seen, String> {
    let mut seen = Seen {
        events: Vec::new(),
        rows: BTreeMap::new(),
        blobs: BTreeMap::new(),
    };
    let said = |error: ReadError| error.to_string();
    for seq in 1..=store.last_seq().map_err(said)? {
        let text = store.event_text(seq).map_err(said)?;
        seen.events.push(text.ok_or(format!("no event {seq}"))?);
    }
    see_rows::<Repo>(store, &mut seen)?;
    see_rows::<Request>(store, &mut seen)?;
    see_rows::<Plan>(store, &mut seen)?;
    see_rows::<Run>(store, &mut seen)?;
    see_rows::<ChangeSet>(store, &mut seen)?;
    see_rows::<Approval>(store, &mut seen)?;
    see_rows::<Entry>(store, &mut seen)?;
    Ok(seen)
}

fn see_rows<M: Stored + std::fmt::Debug>(store: &Store, seen: &mut Seen) -> Result<(), String> {
    let said = |error: ReadError| error.to_string();
    let page = store
        .list::<M>(&Filter::default().limit(1000).archived())
        .map_err(said)?;
    if !page.damaged.is_empty() {
        return Err(format!("damaged: {:?}", page.damaged));
    }
    for state in page.rows {
        for digest in state.row().blobs {
            let content = store.blob(digest).map_err(said)?;
            seen.blobs.insert(digest, content);
        }
        let id = format!("{} {}", M::NOUN, state.own_uuid());
        seen.rows.insert(id, format!("{state:?}"));
    }
    Ok(())
}

/// What a flipped bit came to.
#[derive(Debug)]
enum End {
    Refused(OpenError),
    Reported(String),
    Same,
    /// The last transaction alone is gone: nobody can tell it from one that a crash tore.
    Torn,
    Wrong(String),
}

fn look(world: &World, truth: &Seen) -> End {
    // Whoever only reads may get an error, and must not fall over.
    if let Ok(reader) = Store::open(&world.config(Mode::ReadOnly)) {
        let _ = see(&reader);
        let _ = reader.verify();
    }
    let store = match world.try_open() {
        Ok(store) => store,
        Err(error) => return End::Refused(error),
    };
    let seen = match see(&store) {
        Ok(seen) => seen,
        Err(error) => return End::Reported(error),
    };
    match store.verify() {
        Err(error) => return End::Reported(error.to_string()),
        Ok(found) if !found.is_sound() => return End::Reported(format!("{found:?}")),
        Ok(_) => {}
    }
    if let Err(error) = store.execute(batch(99, vec![register(99)])) {
        return End::Reported(error.to_string());
    }
    if seen == *truth {
        End::Same
    } else if seen.events.len() + 1 == truth.events.len() && truth.events.starts_with(&seen.events)
    {
        End::Torn
    } else {
        End::Wrong(format!(
            "{} events of {}, {} rows of {}",
            seen.events.len(),
            truth.events.len(),
            seen.rows.len(),
            truth.rows.len()
        ))
    }
}

/// The files a bit may be flipped in: the database, its log, its content.
fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            files(&path, into);
        } else if !name.ends_with("-shm") && !name.ends_with(".backup") && name != "key" {
            into.push(path);
        }
    }
    into.sort();
}

fn flip(world: &World, dice: &mut Dice) -> String {
    let mut all = Vec::new();
    files(world.database().parent().unwrap(), &mut all);
    // The database and its log hold nearly everything; the files beside them are alike.
    let is_beside = dice.below(4) == 0;
    all.retain(|path| path.to_string_lossy().contains("/blobs/") == is_beside);
    let path = &all[usize::try_from(dice.below(all.len() as u64)).unwrap()];
    let mut bytes = fs::read(path).unwrap();
    let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
    let bit = dice.below(8);
    bytes[at] ^= 1 << bit;
    fs::write(path, bytes).unwrap();
    format!("bit {bit} of byte {at} of {}", path.display())
}

// S9, O2: decision 1.10.
#[test]
fn chaos_of_flipped_bits_is_reported_or_changes_nothing() {
    let closed = World::new();
    unpack_v0(closed.database().parent().unwrap());
    drop(closed.open());
    let truth_closed = see(&closed.open()).unwrap();
    // The other died with its last changes in the log.
    let open = World::new();
    unpack_v0(open.database().parent().unwrap());
    let store = open.open();
    for n in 1..=8 {
        store.execute(batch(n, vec![register(n)])).unwrap();
    }
    let died = open.crashed_copy();
    let truth_died = see(&store).unwrap();
    drop(store);

    let mut chaos = Chaos::from_env(12);
    while let Some(mut dice) = chaos.another_round() {
        let (base, truth) = if dice.below(2) == 0 {
            (&closed, &truth_closed)
        } else {
            (&died, &truth_died)
        };
        let world = base.crashed_copy();
        let flipped = flip(&world, &mut dice);
        let truth = truth.clone();
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || sender.send(look(&world, &truth)));
        let end = receiver
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|error| panic!("{flipped}: {error}"));
        thread.join().unwrap().unwrap();
        let what = match &end {
            End::Refused(error) => {
                assert!(!error.hint().is_empty());
                "refused"
            }
            End::Reported(what) => {
                assert!(!what.is_empty());
                "reported"
            }
            End::Same => "without effect",
            End::Torn => "torn",
            End::Wrong(how) => panic!("{flipped} went unnoticed: {how}"),
        };
        chaos.count(what, 1);
        if std::env::var_os("SHOW").is_some() {
            println!("{flipped}: {end:?}");
        }
    }
}
