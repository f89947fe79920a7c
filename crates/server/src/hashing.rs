//! Calls that hash a password: at most two at once, for each takes 46 MiB and a core.

use axum::Json;
use hyperion_api::Problem;
use hyperion_engine::Error;
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::Server;
use crate::answer::{Answer, Refusal, blocking_as};

/// How many passwords are hashed at once.
const MAX_HASHES: usize = 2;
/// How many more calls wait for their turn.
const MAX_WAITING: usize = 32;

static HASHES: Semaphore = Semaphore::const_new(MAX_HASHES);
static WAITING: Semaphore = Semaphore::const_new(MAX_WAITING);

/// Runs what may hash a password, when it is its turn.
pub(crate) async fn hashing<T, F>(server: Server, work: F) -> Answer<T>
where
    T: Serialize + Send + 'static,
    F: FnOnce(&Server) -> Result<T, Error> + Send + 'static,
{
    hashing_as(server, work).await.map(Json)
}

/// As [`hashing`], of what is not the answer as it is.
pub(crate) async fn hashing_as<T, F>(server: Server, work: F) -> Result<T, Refusal>
where
    T: Send + 'static,
    F: FnOnce(&Server) -> Result<T, Error> + Send + 'static,
{
    let Ok(waiting) = WAITING.try_acquire() else {
        let detail = "too many passwords wait to be looked at";
        return Err(Problem::new("access.too_many", detail)
            .hint("try again in a moment")
            .into());
    };
    // Never closed.
    let turn = HASHES.acquire().await;
    drop(waiting);
    let answer = blocking_as(server, work).await;
    drop(turn);
    answer
}
