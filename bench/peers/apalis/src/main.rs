//! Jobs in apalis' SQLite storage, through the queries that its workers use, each in a transaction
//! as there. Its own set-up says `synchronous=OFF`: here every connection says FULL, as Hyperion's.

#[path = "../../../harness.rs"]
mod harness;

use std::path::Path;
use std::time::Duration;

use apalis_core::backend::TaskResult;
use apalis_core::task::{Task, status::Status};
use apalis_core::worker::context::WorkerContext;
use apalis_sqlite::queries::{ack_tasks, fetch_next, push_tasks, register_worker};
use apalis_sqlite::{
    Config, Error, SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteStorage,
};
use harness::{Asked, PRODUCERS, produce};
use tokio::runtime::Runtime;

/// How many jobs are taken together.
const A_LEASE: usize = 16;

const QUEUE: &str = "landings";

fn main() {
    let asked = Asked::read();
    let runtime = Runtime::new().expect("start a runtime");
    for name in ["commits", "lives"] {
        for producers in PRODUCERS {
            let case = format!("{name}, {producers} producers");
            if !asked.wants(&case) {
                continue;
            }
            let path = asked.fresh("store").join("apalis.db");
            let pool = runtime.block_on(open(&path)).expect("open the database");
            let figure = produce(producers, &asked, "/s", |number| {
                let (pool, runtime) = (pool.clone(), &runtime);
                let worker = WorkerContext::new(&format!("worker-{number}"));
                let registered =
                    runtime.block_on(register_worker(&pool, &config(), &worker, "bench"));
                registered.expect("register the worker");
                move || {
                    let done = runtime.block_on(async {
                        match name {
                            "commits" => push(&pool, 1).await,
                            _ => lives(&pool, &worker).await,
                        }
                    });
                    done.expect("do the work")
                }
            });
            figure.print("store", &case);
            runtime.block_on(pool.close());
        }
    }
}

async fn open(path: &Path) -> Result<SqlitePool, Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .pragma("journal_mode", "WAL")
        .pragma("synchronous", "FULL")
        .pragma("cache_size", "64000")
        // Long enough that nobody gives up: 64 producers wait for each other.
        .busy_timeout(Duration::from_secs(60));
    let pool = SqlitePoolOptions::new()
        .max_connections(64)
        .acquire_timeout(Duration::from_secs(60))
        .connect_with(options)
        .await?;
    let migrated = SqliteStorage::migrations().run(&pool).await;
    migrated.expect("make the tables");
    Ok(pool)
}

fn config() -> Config {
    Config {
        queue: QUEUE.into(),
        batch_size: A_LEASE,
        ..Config::default()
    }
}

async fn push(pool: &SqlitePool, jobs: usize) -> Result<u64, Error> {
    let tasks: Vec<_> = (0..jobs).map(|_| Task::new(vec![b'x'; 500])).collect();
    let mut tx = pool.begin().await?;
    push_tasks(&mut *tx, QUEUE, &tasks).await?;
    tx.commit().await?;
    Ok(jobs as u64)
}

/// Sixteen jobs in, sixteen taken, the taken ones acknowledged; whoever put them there.
async fn lives(pool: &SqlitePool, worker: &WorkerContext) -> Result<u64, Error> {
    push(pool, A_LEASE).await?;
    let mut tx = pool.begin().await?;
    let taken = fetch_next(&mut *tx, &config(), worker).await?;
    tx.commit().await?;
    let results: Vec<_> = taken
        .iter()
        .filter_map(|task| task.task_id().cloned())
        .map(|task_id| TaskResult {
            task_id,
            attempt: 1,
            status: Status::Done,
            result: Ok(serde_json::Value::Null),
        })
        .collect();
    let mut tx = pool.begin().await?;
    let payloads: Vec<_> = results.iter().collect();
    let done = ack_tasks(&mut *tx, &payloads, worker.name()).await?;
    tx.commit().await?;
    Ok(done)
}
