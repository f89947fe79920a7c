//! Leases: who works at what until when, with a fence that only ever grows.

use std::time::Duration;

use hyperion_model::Time;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::{ReadError, StoreError};
use crate::store::Store;

/// The most bytes a resource's or an owner's name may have.
const MAX_NAME_BYTES: usize = 256;

/// The right to work at something for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What is leased.
    pub resource: String,
    /// Who holds it.
    pub owner: String,
    /// Larger than that of every lease before it, of any resource.
    pub fence: u64,
    /// Since when.
    pub acquired_at: Time,
    /// Until when.
    pub expires_at: Time,
}

impl Store {
    /// Leases a resource; nothing when somebody holds it, the same owner included.
    pub fn lease(
        &self,
        resource: &str,
        owner: &str,
        ttl: Duration,
        now: Time,
    ) -> Result<Option<Lease>, StoreError> {
        let leases = self.lease_each(&[resource.to_owned()], owner, ttl, now)?;
        Ok(leases.into_iter().next().flatten())
    }

    /// Leases several resources in one commit, each for itself: nothing for those that somebody holds.
    pub fn lease_each(
        &self,
        resources: &[String],
        owner: &str,
        ttl: Duration,
        now: Time,
    ) -> Result<Vec<Option<Lease>>, StoreError> {
        for resource in resources {
            check_name("a leased resource's name, in bytes", resource)?;
        }
        check_name("a lease owner's name, in bytes", owner)?;
        let (resources, owner) = (resources.to_vec(), owner.to_owned());
        let span = span(now, ttl);
        self.operate(move |writer| {
            let take = |resource: &String| take(&writer.conn, resource, &owner, span);
            resources.iter().map(take).collect()
        })
    }

    /// Holds on to a lease for longer; nothing when it has ended: stop what it was for.
    pub fn renew(
        &self,
        lease: &Lease,
        ttl: Duration,
        now: Time,
    ) -> Result<Option<Lease>, StoreError> {
        let lease = lease.clone();
        let (now_ms, expires_ms) = span(now, ttl);
        self.operate(move |writer| {
            let renewed = writer
                .conn
                .prepare_cached(
                    "UPDATE lease SET expires_ms = ?4
                     WHERE resource = ?1 AND fence = ?2 AND expires_ms > ?3
                     RETURNING resource, owner, fence, acquired_ms, expires_ms",
                )?
                .query_row(
                    params![lease.resource, lease.fence, now_ms, expires_ms],
                    from_row,
                )
                .optional()?;
            Ok(renewed)
        })
    }

    /// Gives a lease back; tells whether it was still held.
    pub fn release(&self, lease: &Lease) -> Result<bool, StoreError> {
        Ok(self.release_each(vec![lease.clone()])? > 0)
    }

    /// Gives several leases back in one commit; tells how many were still held.
    pub fn release_each(&self, leases: Vec<Lease>) -> Result<usize, StoreError> {
        self.operate(move |writer| {
            let mut gone = 0;
            for lease in &leases {
                gone += writer
                    .conn
                    .prepare_cached("DELETE FROM lease WHERE resource = ?1 AND fence = ?2")?
                    .execute(params![lease.resource, lease.fence])?;
            }
            Ok(gone)
        })
    }

    /// Ends every lease of an owner that is known to be dead; gives how many.
    pub fn break_leases_of_dead(&self, owner: &str) -> Result<u64, StoreError> {
        let owner = owner.to_owned();
        self.operate(move |writer| {
            let broken = writer
                .conn
                .prepare_cached("DELETE FROM lease WHERE owner = ?1")?
                .execute([&owner])?;
            Ok(broken as u64)
        })
    }

    /// Lists the leases, expired ones that nobody has taken included.
    pub fn leases(&self) -> Result<Vec<Lease>, ReadError> {
        self.read(|conn| {
            let leases = conn
                .prepare_cached(
                    "SELECT resource, owner, fence, acquired_ms, expires_ms FROM lease
                     ORDER BY resource",
                )?
                .query_map([], from_row)?
                .collect::<Result<_, _>>()?;
            Ok(leases)
        })
    }
}

/// Leases a resource from now until its end, inside a transaction; nothing when somebody holds it.
fn take(
    conn: &Connection,
    resource: &str,
    owner: &str,
    (now_ms, expires_ms): (i64, i64),
) -> Result<Option<Lease>, StoreError> {
    let free = conn
        .prepare_cached("SELECT expires_ms <= ?2 FROM lease WHERE resource = ?1")?
        .query_row(params![resource, now_ms], |row| row.get(0))
        .optional()?
        .unwrap_or(true);
    if !free {
        return Ok(None);
    }
    let fence: u64 = conn
        .prepare_cached("UPDATE fence SET last = last + 1 WHERE one = 1 RETURNING last")?
        .query_row([], |row| row.get(0))?;
    let lease = conn
        .prepare_cached(
            "INSERT OR REPLACE INTO lease (resource, owner, fence, acquired_ms, expires_ms)
             VALUES (?1, ?2, ?3, ?4, ?5)
             RETURNING resource, owner, fence, acquired_ms, expires_ms",
        )?
        .query_row(
            params![resource, owner, fence, now_ms, expires_ms],
            from_row,
        )?;
    Ok(Some(lease))
}

/// Makes sure, inside a transaction, that a lease stands at a time.
pub(crate) fn check(conn: &Connection, lease: &Lease, now: Time) -> Result<(), StoreError> {
    let stands = conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM lease WHERE resource = ?1 AND fence = ?2 AND expires_ms > ?3)",
        )?
        .query_row(params![lease.resource, lease.fence, now.as_millisecond()], |row| row.get(0))?;
    if stands {
        Ok(())
    } else {
        Err(StoreError::LeaseLost {
            resource: lease.resource.clone(),
        })
    }
}

fn span(now: Time, ttl: Duration) -> (i64, i64) {
    let now_ms = now.as_millisecond();
    let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
    (
        now_ms,
        now_ms
            .saturating_add(ttl_ms)
            .min(Time::MAX.as_millisecond()),
    )
}

fn check_name(what: &'static str, name: &str) -> Result<(), StoreError> {
    if name.len() > MAX_NAME_BYTES {
        return Err(StoreError::TooLarge {
            what,
            given: name.len(),
            max: MAX_NAME_BYTES,
        });
    }
    Ok(())
}

fn from_row(row: &rusqlite::Row<'_>) -> Result<Lease, rusqlite::Error> {
    Ok(Lease {
        resource: row.get(0)?,
        owner: row.get(1)?,
        fence: row.get(2)?,
        acquired_at: time(row, 3)?,
        expires_at: time(row, 4)?,
    })
}

/// Reads a column of milliseconds.
pub(crate) fn time(row: &rusqlite::Row<'_>, column: usize) -> Result<Time, rusqlite::Error> {
    let ms: i64 = row.get(column)?;
    Time::from_millisecond(ms).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, ms))
}
