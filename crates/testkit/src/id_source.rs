use crate::clock::BEGINNING_SEC;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::{Builder, Uuid};

/// Counts out UUIDv7-shaped ids: the same on every run, each greater than the one before.
///
/// Clones share the count. The last digits are the count itself, so that a snapshot reads well.
#[derive(Clone, Debug)]
pub struct IdSource {
    seed: u16,
    count: Arc<AtomicU64>,
}

impl IdSource {
    /// Starts counting at one; two seeds never give the same id.
    pub fn new(seed: u16) -> Self {
        Self {
            seed: seed & 0x0fff,
            count: Arc::default(),
        }
    }

    /// The same for a test that starts processes, which are known by the id of their run: no other test's have it.
    pub fn of_this_process(seed: u16) -> Self {
        let first = u64::from(std::process::id() & 0x3fff_ffff) << 32;
        Self {
            seed: seed & 0x0fff,
            count: Arc::new(AtomicU64::new(first)),
        }
    }

    /// Gives the next id.
    pub fn uuid(&self) -> Uuid {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let mut random = [0; 10];
        random[..2].copy_from_slice(&self.seed.to_be_bytes());
        random[2..].copy_from_slice(&count.to_be_bytes());
        let beginning_ms = BEGINNING_SEC.unsigned_abs() * 1000;
        Builder::from_unix_timestamp_millis(beginning_ms, &random).into_uuid()
    }

    /// Gives the next id as a noun's own type: `ids.next(RequestId::new)`.
    pub fn next<Id>(&self, wrap: impl FnOnce(Uuid) -> Id) -> Id {
        wrap(self.uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_ordered_and_repeatable() {
        let ids = IdSource::new(1);
        let (first, second) = (ids.uuid(), ids.clone().uuid());
        assert!(first < second);
        assert_eq!(first.get_version_num(), 7);
        assert_eq!(first.to_string(), "019b76da-a800-7001-8000-000000000001");
        assert_eq!(IdSource::new(1).uuid(), first);
        assert_ne!(IdSource::new(2).uuid(), first);
        assert_eq!(ids.next(|uuid| uuid.as_u128() & 0xff), 3);
    }
}
