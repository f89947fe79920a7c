//! The ids of a batch's events follow from the batch, and from where they stand in the chain.

use std::collections::BTreeSet;

use hyperion_model::{Batch, BatchId, Uuid};
use proptest::prelude::*;

use crate::sample;

/// More than any batch writes.
const EVENTS: u64 = 200;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    // X7: writing a batch again gives the same events, ids and all.
    #[test]
    fn event_ids_are_versioned_distinct_and_repeatable(id in any::<u128>(), ms in 0i64..4_000_000_000_000) {
        let stamp = sample::stamp(ms, sample::engine());
        let batch = Batch::new(BatchId::new(Uuid::from_u128(id)), stamp, Vec::new());
        let ids: Vec<Uuid> = (0..EVENTS).map(|seq| batch.event_id(seq).uuid()).collect();
        for id in &ids {
            prop_assert_eq!(id.get_version_num(), 7);
            prop_assert_eq!(id.as_bytes()[8] >> 6, 0b10, "the variant of RFC 9562");
            let (seconds, nanos) = id.get_timestamp().expect("version 7 has a time").to_unix();
            let told = seconds * 1000 + u64::from(nanos) / 1_000_000;
            prop_assert_eq!(i64::try_from(told), Ok(batch.stamp.time.as_millisecond()));
        }
        prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        let again: Vec<Uuid> = (0..EVENTS).map(|seq| batch.clone().event_id(seq).uuid()).collect();
        prop_assert_eq!(&again, &ids);
        let other = Batch::new(BatchId::new(Uuid::from_u128(!id)), batch.stamp.clone(), Vec::new());
        prop_assert!((0..EVENTS).all(|seq| !ids.contains(&other.event_id(seq).uuid())));
    }
}

// One id in full, so that the derivation cannot change unnoticed.
#[test]
fn an_event_id_in_full() {
    let batch = Batch::new(
        BatchId::new(sample::uuid(1)),
        sample::stamp(0, sample::engine()),
        Vec::new(),
    );
    insta::assert_snapshot!(batch.event_id(0), @"019b76da-a800-70d2-93e2-7b2fd7a8932a");
}
