//! The store's work on SQLite as one would write it by hand: a connection a producer,
//! `BEGIN IMMEDIATE` and `busy_timeout`, `synchronous=FULL`. Rows and events hold as much text as
//! Hyperion's; there is no chain, no seal and no encryption.

#[path = "../../../harness.rs"]
mod harness;

use std::path::Path;
use std::time::Duration;

use harness::{Asked, PRODUCERS, produce};
use rusqlite::{Connection, Result, Transaction, TransactionBehavior, params};
use uuid::Uuid;

/// How many jobs are taken together.
const A_LEASE: u32 = 16;

const SCHEMA: &str = "
    CREATE TABLE event (seq INTEGER PRIMARY KEY, subject BLOB NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
    CREATE INDEX event_subject ON event (subject);
    CREATE TABLE item (id BLOB PRIMARY KEY, noun TEXT NOT NULL, status TEXT NOT NULL, doc TEXT NOT NULL);
    CREATE INDEX item_status ON item (noun, status);
    CREATE TABLE blob (name BLOB PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE job (seq INTEGER PRIMARY KEY, status TEXT NOT NULL, owner BLOB, doc TEXT NOT NULL);
    CREATE INDEX job_waiting ON job (seq) WHERE status = 'queued';
    CREATE INDEX job_owner ON job (owner) WHERE status = 'leased';";

fn main() {
    let asked = Asked::read();
    let works: [(&str, fn(&mut Connection) -> Result<u64>); 3] =
        [("commits", commit), ("intakes", intake), ("lives", lives)];
    for (name, work) in works {
        for producers in PRODUCERS {
            let case = format!("{name}, {producers} producers");
            if !asked.wants(&case) {
                continue;
            }
            let path = asked.fresh("store").join("plain.db");
            let made = open(&path).and_then(|conn| conn.execute_batch(SCHEMA));
            made.expect("make the database");
            let figure = produce(producers, &asked, "/s", |_| {
                let mut conn = open(&path).expect("open the database");
                move || work(&mut conn).expect("do the work")
            });
            figure.print("store", &case);
        }
    }
}

fn open(path: &Path) -> Result<Connection> {
    let conn = Connection::open(path)?;
    // Long enough that nobody gives up: 64 producers wait for each other.
    conn.busy_timeout(Duration::from_secs(60))?;
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32000;")?;
    Ok(conn)
}

fn begin(conn: &mut Connection) -> Result<Transaction<'_>> {
    conn.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn commit(conn: &mut Connection) -> Result<u64> {
    let tx = begin(conn)?;
    row(&tx, Uuid::now_v7(), "repo", 200)?;
    tx.commit()?;
    Ok(1)
}

fn intake(conn: &mut Connection) -> Result<u64> {
    let tx = begin(conn)?;
    for bytes in [640, 240, 410, 670, 410] {
        // A name as good as a digest: it falls anywhere in the index.
        let name = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
        tx.prepare_cached("INSERT INTO blob (name, body) VALUES (?1, ?2)")?
            .execute(params![name, text(bytes)])?;
    }
    let request = Uuid::now_v7();
    for (id, noun, bytes) in [
        (request, "request", 870),
        (Uuid::now_v7(), "plan", 590),
        (Uuid::now_v7(), "change_set", 1500),
        (Uuid::now_v7(), "approval", 760),
    ] {
        row(&tx, id, noun, bytes)?;
    }
    event(&tx, request, "planned", 500)?;
    tx.commit()?;
    Ok(1)
}

/// Sixteen jobs in, sixteen taken, the taken ones done; whoever put them there.
fn lives(conn: &mut Connection) -> Result<u64> {
    let tx = begin(conn)?;
    for _ in 0..A_LEASE {
        tx.prepare_cached("INSERT INTO job (status, doc) VALUES ('queued', ?1)")?
            .execute([text(500)])?;
    }
    tx.commit()?;
    let owner = Uuid::now_v7();
    let tx = begin(conn)?;
    let taken = tx
        .prepare_cached(
            "UPDATE job SET status = 'leased', owner = ?1
             WHERE seq IN (SELECT seq FROM job WHERE status = 'queued' ORDER BY seq LIMIT ?2)",
        )?
        .execute(params![owner.as_bytes(), A_LEASE])?;
    tx.commit()?;
    let tx = begin(conn)?;
    tx.prepare_cached("UPDATE job SET status = 'landed' WHERE owner = ?1 AND status = 'leased'")?
        .execute([owner.as_bytes()])?;
    tx.commit()?;
    Ok(u64::try_from(taken).unwrap_or(0))
}

/// A row and the event that made it.
fn row(tx: &Transaction<'_>, id: Uuid, noun: &str, bytes: usize) -> Result<()> {
    tx.prepare_cached("INSERT INTO item (id, noun, status, doc) VALUES (?1, ?2, 'open', ?3)")?
        .execute(params![id.as_bytes(), noun, text(bytes)])?;
    event(tx, id, "created", bytes)
}

fn event(tx: &Transaction<'_>, subject: Uuid, kind: &str, bytes: usize) -> Result<()> {
    tx.prepare_cached("INSERT INTO event (subject, kind, text) VALUES (?1, ?2, ?3)")?
        .execute(params![subject.as_bytes(), kind, text(bytes)])?;
    Ok(())
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}
