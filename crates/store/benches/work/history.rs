//! A million archived rows and two million events, made by SQL: through the door they would take
//! longer than everything that is measured over them.
//!
//! One request goes its whole way and is archived; its rows and events are then multiplied. The
//! copied events stand before the first real one, under negative numbers: they fill the table and
//! its indexes as old events do, and leave the chain as it is.

use std::path::Path;

use hyperion_model::{
    Command, EntryId, RepoId, RequestId, ShortText, Time, Uuid, approval, change_set, entry, plan,
    request,
};
use hyperion_store::Store;
use rusqlite::Connection;

use super::{batch, enqueue, intake};

/// How many rows there are of each of the five nouns.
const OF_EACH: u32 = 200_000;

/// How many events there are for each of those rows.
const EVENTS: u32 = 2;

/// Archives one request with a plan, a change set, an approval and an entry, and gives its id.
pub(crate) fn seed(store: &Store) -> RequestId {
    let repo = RepoId::new(Uuid::now_v7());
    let (ids, intake) = intake(repo);
    let entry = EntryId::new(Uuid::now_v7());
    let why = || ShortText::cut("not wanted any more");
    let mut enqueue = enqueue(entry, repo);
    if let entry::Command::Enqueue { admission, .. } = &mut enqueue {
        admission.request = ids.request;
    }
    let commands = vec![
        Command::Entry(entry, enqueue),
        Command::Entry(entry, entry::Command::Cancel { reason: why() }),
        Command::Approval(ids.approval, approval::Command::Cancel { reason: why() }),
        Command::ChangeSet(ids.set, change_set::Command::Cancel { reason: why() }),
        Command::Plan(ids.plan, plan::Command::Abandon { reason: why() }),
        Command::Request(ids.request, request::Command::Cancel { reason: why() }),
    ];
    store.execute(intake).unwrap();
    store.execute(batch(commands, vec![])).unwrap();
    let later = Time::from_second(Time::now().as_second() + 60).unwrap();
    assert_eq!(store.archive(later, 1).unwrap().rows, 5);
    ids.request
}

/// Multiplies what [`seed`] archived; nobody may have the store open.
pub(crate) fn multiply(database: &Path) {
    let conn = Connection::open(database).unwrap();
    conn.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -512000;",
    )
    .unwrap();
    // The text of the n-th id, and its sixteen bytes.
    let text = |n: &str| format!("printf('01900000-0000-7000-8000-%012x', {n})");
    let bytes = |n: &str| format!("unhex(replace({}, '-', ''))", text(n));
    for (at, noun) in ["request", "plan", "change_set", "approval", "entry"]
        .iter()
        .enumerate()
    {
        let (own, request) = (format!("n * 8 + {at}"), "n * 8");
        let old = "lower(hex(id))";
        let old = format!(
            "substr({old}, 1, 8) || '-' || substr({old}, 9, 4) || '-' || substr({old}, 13, 4) || '-' ||
             substr({old}, 17, 4) || '-' || substr({old}, 21)"
        );
        conn.execute_batch(&format!(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {OF_EACH})
             INSERT INTO {noun}_archive (created_seq, updated_seq, id, status, open, request_id,
               repo_id, run_id, parent, due_ms, created_ms, updated_ms, doc)
             SELECT 1000 + n, 1000 + n, {own_id}, status, 0, {request_id}, repo_id,
               iif(run_id IS NULL, NULL, {request_id}), iif(parent IS NULL, NULL, {request_id}),
               due_ms, created_ms - n, updated_ms - n, replace(doc, {old}, {own_text})
             FROM n, (SELECT * FROM {noun}_archive LIMIT 1);
             UPDATE archive_count SET rows = rows + {OF_EACH} WHERE noun = '{noun}';
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {of_noun})
             INSERT INTO event (seq, subject_type, subject_id, kind, request_id, run_id, time_ms, text)
             SELECT n - {all} + {of_noun} * {at} - 1, subject_type, {event_id}, kind, {event_request}, NULL, time_ms, text
             FROM n, (SELECT * FROM event WHERE subject_type = '{noun}' LIMIT 1);",
            own_id = bytes(&own),
            own_text = text(&own),
            request_id = bytes(request),
            of_noun = OF_EACH * EVENTS,
            all = OF_EACH * EVENTS * 5,
            event_id = bytes(&format!("n / {EVENTS} * 8 + {at}")),
            event_request = bytes(&format!("n / {EVENTS} * 8")),
        ))
        .unwrap();
    }
    conn.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    // Or the first checkpoint would write these gigabytes, and everybody who is measured wait for it.
    std::fs::File::open(database).unwrap().sync_all().unwrap();
}
