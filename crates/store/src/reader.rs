//! A few connections that only read; none of them ever blocks the writer.

use std::path::PathBuf;
use std::sync::PoisonError;

use rusqlite::Connection;

use crate::connection;
use crate::error::ReadError;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// The most connections that read at once; further readers wait for one.
const MAX_READERS: usize = 8;

/// The connections that are free, and how many there are in all.
pub(crate) struct Readers {
    path: PathBuf,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    free: Vec<Connection>,
    open: usize,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            pool: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    /// Lends a connection to `work`.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let lent = self.borrow()?;
        match &lent.conn {
            Some(conn) => work(conn),
            // Never: it is taken out only by the drop of `lent`.
            None => Err(ReadError::Busy),
        }
    }

    /// Closes the connections that are free.
    pub(crate) fn close(&self) {
        let mut pool = self.lock();
        pool.open -= pool.free.len();
        pool.free.clear();
    }

    fn borrow(&self) -> Result<Lent<'_>, ReadError> {
        let mut pool = self.lock();
        loop {
            if let Some(conn) = pool.free.pop() {
                return Ok(Lent {
                    readers: self,
                    conn: Some(conn),
                });
            }
            if pool.open < MAX_READERS {
                pool.open += 1;
                break;
            }
            pool = self
                .returned
                .wait(pool)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(pool);
        let mut lent = Lent {
            readers: self,
            conn: None,
        };
        lent.conn = Some(connection::open_reader(&self.path)?);
        Ok(lent)
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        // A panic elsewhere cannot leave the value half changed, so a poisoned lock is fine.
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the pool, given back when dropped, also when the work panicked.
struct Lent<'a> {
    readers: &'a Readers,
    conn: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.lock();
        match self.conn.take().filter(Connection::is_autocommit) {
            Some(conn) => pool.free.push(conn),
            // It was never opened, or is still inside a transaction: the next reader opens a new one.
            None => pool.open -= 1,
        }
        drop(pool);
        self.readers.returned.notify_one();
    }
}
