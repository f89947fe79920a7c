//! Leases: one holder at a time, and a fence that only grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use hyperion_store::StoreError;

use crate::world::{World, batch, register, time};

const TTL: Duration = Duration::from_secs(10);

#[test]
fn one_holder_at_a_time() {
    let world = World::new();
    let store = world.open();
    let first = store
        .lease("repo/1", "worker-a", TTL, time(0))
        .unwrap()
        .unwrap();
    assert_eq!((first.acquired_at, first.expires_at), (time(0), time(10)));
    assert_eq!(
        store.lease("repo/1", "worker-b", TTL, time(9)).unwrap(),
        None
    );
    assert_eq!(
        store.lease("repo/1", "worker-a", TTL, time(9)).unwrap(),
        None
    );
    let other = store
        .lease("repo/2", "worker-b", TTL, time(9))
        .unwrap()
        .unwrap();
    assert!(other.fence > first.fence);

    let renewed = store.renew(&first, TTL, time(5)).unwrap().unwrap();
    assert_eq!((renewed.fence, renewed.expires_at), (first.fence, time(15)));
    assert_eq!(
        store.renew(&renewed, TTL, time(15)).unwrap(),
        None,
        "what has ended is not renewed"
    );
    let second = store
        .lease("repo/1", "worker-b", TTL, time(15))
        .unwrap()
        .unwrap();
    assert!(second.fence > other.fence);
    // The zombie can neither renew nor release what is another's now.
    assert_eq!(store.renew(&renewed, TTL, time(16)).unwrap(), None);
    assert!(!store.release(&renewed).unwrap());
    assert_eq!(store.leases().unwrap(), [second.clone(), other]);
    assert!(store.release(&second).unwrap() && !store.release(&second).unwrap());
}

#[test]
fn fences_grow_across_release_and_restart() {
    let world = World::new();
    let mut last = 0;
    for round in 0..3 {
        let store = world.open();
        for n in 0..3 {
            let lease = store
                .lease("repo/1", "w", TTL, time(round * 10 + n))
                .unwrap()
                .unwrap();
            assert!(lease.fence > last);
            last = lease.fence;
            assert!(store.release(&lease).unwrap());
        }
    }
}

#[test]
fn the_leases_of_the_dead_are_broken() {
    let world = World::new();
    let store = world.open();
    for (resource, owner) in [("a", "dead"), ("b", "dead"), ("c", "alive")] {
        store.lease(resource, owner, TTL, time(0)).unwrap().unwrap();
    }
    assert_eq!(store.break_leases_of_dead("dead").unwrap(), 2);
    assert_eq!(store.leases().unwrap().len(), 1);
    assert!(store.lease("a", "alive", TTL, time(1)).unwrap().is_some());
    let long = "x".repeat(300);
    assert!(matches!(
        store.lease(&long, "w", TTL, time(0)),
        Err(StoreError::TooLarge { .. })
    ));
}

// No two live leases share a fence, whoever asks and when.
#[test]
fn threads_never_share_a_fence() {
    let world = World::new();
    let store = world.open();
    let now = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..8)
        .map(|worker| {
            let (store, now) = (store.clone(), Arc::clone(&now));
            thread::spawn(move || {
                let mut fences = Vec::new();
                for _ in 0..40 {
                    let at = i64::try_from(now.fetch_add(1, Ordering::SeqCst)).unwrap();
                    let owner = format!("worker-{worker}");
                    if let Some(lease) = store
                        .lease("repo/1", &owner, Duration::from_secs(3), time(at))
                        .unwrap()
                    {
                        fences.push(lease.fence);
                        if at % 2 == 0 {
                            store.release(&lease).unwrap();
                        }
                    }
                }
                assert!(fences.is_sorted());
                fences
            })
        })
        .collect();
    let mut fences: Vec<u64> = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    let all = fences.len();
    fences.sort_unstable();
    fences.dedup();
    assert_eq!(fences.len(), all);
    assert!(all > 10);
}

// A worker that overslept changes nothing: lease and facts are checked in one transaction.
#[test]
fn a_batch_under_a_lease_needs_the_lease() {
    let world = World::new();
    let store = world.open();
    let lease = store.lease("repo/1", "w", TTL, time(0)).unwrap().unwrap();
    store
        .execute_under(batch(1, vec![register(1)]), &lease)
        .unwrap();
    let late = store
        .execute_under(batch(10, vec![register(2)]), &lease)
        .unwrap_err();
    assert!(matches!(late, StoreError::LeaseLost { .. }), "{late:?}");
    let next = store.lease("repo/1", "v", TTL, time(10)).unwrap().unwrap();
    let zombie = store
        .execute_under(batch(2, vec![register(2)]), &lease)
        .unwrap_err();
    assert!(matches!(zombie, StoreError::LeaseLost { .. }));
    store
        .execute_under(batch(11, vec![register(2)]), &next)
        .unwrap();
    assert_eq!(store.last_seq().unwrap(), 2);
}
