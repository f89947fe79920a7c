//! Fills a database with lives of requests, for benchmarks of lists, queues and archives.
//!
//! ```console
//! $ cargo run --release -p hyperion-store --example fill -- HOME called_off 170000 archive
//! ```
//!
//! `HOME` is a home's folder (`hyperion.db`, `blobs/` and `key` are made there, or added to). Then how far each life
//! goes (`queued`, `landed`, `dead`, or `called_off`: six rows for twelve events, the fastest way to many rows), how many
//! lives, and `archive` to move into the archive what ended. Lives begin behind those that are there already.
//! Everything goes through `Store::execute` and `Store::archive`; the dates are those of 2025.

#![allow(
    clippy::print_stdout,
    reason = "it is a program, and says how far it is"
)]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyperion_model::entry::Entry;
use hyperion_model::request::Request;
use hyperion_model::{Batch, BatchId, Time, Uuid};
use hyperion_store::{Filter, KeySource, Mode, NoRedaction, Store, StoreConfig};
use hyperion_testkit::{Life, Until};

/// How many batches are on their way to the writer at once.
const AHEAD: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let usage = "fill HOME queued|landed|dead|called_off COUNT [archive]";
    let home = PathBuf::from(words.next().ok_or(usage)?);
    let until = match words.next().ok_or(usage)?.as_str() {
        "queued" => Until::Queued,
        "landed" => Until::Landed,
        "dead" => Until::Dead,
        "called_off" => Until::CalledOff,
        _ => return Err(usage.into()),
    };
    let count: u64 = words.next().ok_or(usage)?.parse()?;
    let archive = match words.next().as_deref() {
        None => false,
        Some("archive") => true,
        Some(_) => return Err(usage.into()),
    };

    let begun = Instant::now();
    let time = Time::from_second(1_760_000_000)?;
    let store = Store::open(&StoreConfig {
        database: home.join("hyperion.db"),
        blobs: home.join("blobs"),
        key: KeySource::File {
            path: home.join("key"),
        },
        mode: Mode::ReadWrite,
        redact: Arc::new(NoRedaction),
        now: time,
    })?;
    let known = store
        .get::<hyperion_model::repo::Repo>(Life::repo())?
        .is_some();
    if !known {
        let stamp = Life::new(0).batch(time, Until::Queued).stamp;
        let id = BatchId::new(Uuid::from_u128(1));
        store.execute(Batch::new(id, stamp, vec![Life::register()]))?;
    }
    let there = store.count::<Request>(&Filter::default().archived())?;
    let mut waiting = std::collections::VecDeque::new();
    for batch in Life::batches(there + 1..=there + count, time, until) {
        waiting.push_back(store.submit(batch));
        if waiting.len() > AHEAD
            && let Some(first) = waiting.pop_front()
        {
            first.blocking_recv()??;
        }
    }
    for answer in waiting {
        answer.blocking_recv()??;
    }
    println!("{count} lives after {:.1} s", begun.elapsed().as_secs_f64());
    if archive {
        let moved = store.archive(time + Duration::from_secs(1), u64::MAX)?;
        println!(
            "{} rows archived after {:.1} s",
            moved.rows,
            begun.elapsed().as_secs_f64()
        );
    }
    println!(
        "{} events, {} entries outside of the archive, {} with it",
        store.last_seq()?,
        store.count::<Entry>(&Filter::default())?,
        store.count::<Entry>(&Filter::default().archived())?
    );
    Ok(())
}
