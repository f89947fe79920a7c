//! Operational tables: cursors, values, the queue's log.

use hyperion_model::{EntryId, RepoId, RunId, Uuid};
use hyperion_store::{
    FileFilter, FileModification, QueueLogFilter, QueueRecord, StoreError, ToolRecord,
};
use serde_json::json;

use crate::world::{World, time};

#[test]
fn cursors_and_values_are_kept() {
    let world = World::new();
    let store = world.open();
    assert_eq!(store.cursor("slack").unwrap(), 0);
    store.set_cursor("slack", 7).unwrap();
    store.set_cursor("slack", 9).unwrap();
    store.set_meta("engine", "1").unwrap();
    drop(store);
    let store = world.open();
    assert_eq!(store.cursor("slack").unwrap(), 9);
    assert_eq!(store.meta("engine").unwrap().as_deref(), Some("1"));
    assert_eq!(store.meta("nothing").unwrap(), None);
    let long = "x".repeat(70_000);
    assert!(matches!(
        store.set_meta("k", &long),
        Err(StoreError::TooLarge { .. })
    ));
}

fn record(n: u64) -> QueueRecord {
    QueueRecord {
        time: time(i64::try_from(n).unwrap()),
        entry_id: EntryId::new(Uuid::from_u128(u128::from(n % 2))),
        worker: "worker-1".to_owned(),
        lease_owner: "engine-1".to_owned(),
        stage: "merging".to_owned(),
        outcome: "failed".to_owned(),
        dequeue_latency_ms: 3,
        apply_duration_ms: 40,
        poll_interval_ms: 1000,
        attempt: 1,
        failure: Some(json!({"code": "conflict", "detail": "src/retry.rs"})),
    }
}

// M1: the queue's log is kept in the shape of the contracts.
#[test]
fn the_queue_log_lists_what_workers_did() {
    let world = World::new();
    let store = world.open();
    for n in 0..4 {
        store.log_queue(&record(n)).unwrap();
    }
    let times = |filter: &QueueLogFilter| {
        store
            .queue_log(filter)
            .unwrap()
            .into_iter()
            .map(|record| record.time)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        times(&QueueLogFilter {
            limit: 2,
            ..QueueLogFilter::default()
        }),
        [time(3), time(2)]
    );
    let of_one = QueueLogFilter {
        entry: Some(record(1).entry_id),
        newest: false,
        limit: 10,
    };
    assert_eq!(times(&of_one), [time(1), time(3)]);
    assert_eq!(store.queue_log(&of_one).unwrap()[0], record(1));
    assert_eq!(
        serde_json::to_value(record(0)).unwrap(),
        json!({
            "time": "2025-10-09T08:53:20Z", "entry_id": "00000000-0000-0000-0000-000000000000",
            "worker": "worker-1", "lease_owner": "engine-1", "stage": "merging", "outcome": "failed",
            "dequeue_latency_ms": 3, "apply_duration_ms": 40, "poll_interval_ms": 1000, "attempt": 1,
            "failure": {"code": "conflict", "detail": "src/retry.rs"}
        })
    );
}

// M9, X1: a change by a tool is noted before and after, what only looked apart from it.
#[test]
fn the_tool_log_tells_changes_from_looks() {
    let world = World::new();
    let store = world.open();
    let changed = ToolRecord {
        time: time(1),
        session: Uuid::from_u128(7),
        actor: "ada".to_owned(),
        root: "/srv/web".to_owned(),
        server: "filesystem".to_owned(),
        tool: "editFile".to_owned(),
        calls: 1,
        paths: vec!["src/a.rs".to_owned()],
        old_sha256: Some("aa".to_owned()),
        new_sha256: Some("bb".to_owned()),
        outcome: "intended".to_owned(),
    };
    let looked = ToolRecord {
        tool: "readFile".to_owned(),
        calls: 40,
        outcome: "looked".to_owned(),
        ..changed.clone()
    };
    let id = store.log_tool(&changed).unwrap();
    store.log_tool(&looked).unwrap();
    drop(store);
    let store = world.open();
    assert_eq!(
        store.tool_log(false, 10).unwrap(),
        std::slice::from_ref(&changed)
    );
    store.end_tool(id, "done").unwrap();
    let done = ToolRecord {
        outcome: "done".to_owned(),
        ..changed
    };
    assert_eq!(store.tool_log(true, 10).unwrap(), [looked, done]);
}

// M9: files that changed are listed newest first, by repository, run and time; old ones are forgotten.
#[test]
fn files_that_changed_are_listed_and_forgotten() {
    let world = World::new();
    let store = world.open();
    let (repo, other) = (
        RepoId::new(Uuid::from_u128(1)),
        RepoId::new(Uuid::from_u128(2)),
    );
    let run = RunId::new(Uuid::from_u128(3));
    let file = |at: i64, repo, run, path: &str| FileModification {
        time: time(at),
        repo,
        run,
        root: "/srv/web".to_owned(),
        path: path.to_owned(),
        kind: "created".to_owned(),
        found_by: "watch".to_owned(),
    };
    let all = vec![
        file(1, repo, None, "a"),
        file(2, other, Some(run), "b"),
        file(3, repo, None, &"long/".repeat(2000)),
    ];
    store.log_files(all.clone()).unwrap();
    let paths = |filter: FileFilter| {
        let found = store.file_modifications(&filter).unwrap();
        let paths = found.iter().map(|(_, file)| file.path.len());
        paths.collect::<Vec<_>>()
    };
    assert_eq!(
        paths(FileFilter::default()),
        [4096, 1, 1],
        "a long path is cut"
    );
    let of = FileFilter {
        repo: Some(repo),
        limit: 1,
        ..FileFilter::default()
    };
    let (last, _) = store.file_modifications(&of).unwrap()[0].clone();
    assert_eq!(
        paths(FileFilter {
            before: Some(last),
            ..of
        }),
        [1]
    );
    let by = FileFilter {
        run: Some(run),
        ..FileFilter::default()
    };
    assert_eq!(store.file_modifications(&by).unwrap()[0].1, all[1]);
    let since = FileFilter {
        since: Some(time(2)),
        ..FileFilter::default()
    };
    assert_eq!(paths(since).len(), 2);
    assert_eq!(store.forget_files(time(3)).unwrap(), 2);
    assert_eq!(paths(FileFilter::default()), [4096]);
}
