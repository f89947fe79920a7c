//! What is told while a person waits.

use super::*;
use hyperion_api::event::Party;
use serde_json::json;

const REQUEST: &str = "0190a1b2-0000-7000-8000-00000000r001";

fn event(kind: &str, subject: &str, data: Value) -> Event {
    Event {
        v: 1,
        seq: 1,
        id: "e".into(),
        time: "2026-11-01T12:00:00Z".into(),
        kind: kind.into(),
        subject: Party {
            r#type: "x".into(),
            id: subject.into(),
            role: None,
        },
        request_id: Some(REQUEST.into()),
        run_id: None,
        actor: Party {
            r#type: "person".into(),
            id: "ada".into(),
            role: None,
        },
        data,
        prev_hash: String::new(),
        hash: String::new(),
    }
}

#[test]
fn a_road_reads_as_a_story() {
    let mut progress = Progress::new(&[REQUEST.into()], &TimeZone::UTC);
    let (set, entry, approval) = (
        "change-set-00000c01",
        "entry-0000000000e01",
        "approval-000000a01",
    );
    let events = [
        event("request.submitted", REQUEST, json!({})),
        event(
            "run.started",
            "run",
            json!({"work": {"type": "agent", "plan": "p", "step": 1, "agent": "scripted"}}),
        ),
        event(
            "change_set.proposed",
            set,
            json!({"proposal": {"task": "T1"}}),
        ),
        event(
            "approval.requested",
            approval,
            json!({"level": "team-lead", "about": {"type": "change_set", "id": set}}),
        ),
        event(
            "approval.decided",
            approval,
            json!({"approved": true, "changes_requested": false}),
        ),
        event(
            "merge.enqueued",
            entry,
            json!({"admission": {"change_sets": [set]}}),
        ),
        event("merge.leased", entry, json!({"fence": 1})),
        event(
            "merge.merged",
            entry,
            json!({"candidate": {"commit": "4f1c2d3e5a6b7c8d"}}),
        ),
        event(
            "run.started",
            "run",
            json!({"work": {"type": "check", "entry": "e", "name": "cargo \u{1b}test"}}),
        ),
        event("run.failed", "run", json!({"reason": "it exited with 1"})),
        event("merge.checked", entry, json!({"green": "strict"})),
        event("merge.landed", entry, json!({"commit": "4f1c2d3e5a6b7c8d"})),
        event("request.completed", REQUEST, json!({"partly": false})),
    ];
    let lines: Vec<_> = events
        .iter()
        .filter_map(|event| progress.line(event))
        .collect();
    let plain = anstream::adapter::strip_str(&lines.join("\n")).to_string();
    insta::assert_snapshot!(plain, @r"
    filed       request 0000r001
    running     step 1 with scripted
    proposed    T1: change 00000c01
    asks        T1 needs team-lead: hyperion approval show 00000a01
    approved    T1 by ada
    queued      T1
    merged      T1 as 4f1c2d3e5a
    running     check cargo \x1btest
    failed      check cargo \x1btest: it exited with 1 (hyperion run logs run)
    checked     T1
    landed      T1 as 4f1c2d3e5a
    done        request 0000r001
    ");
}

#[test]
fn other_requests_are_left_out_and_several_are_named() {
    let filed = event("request.submitted", REQUEST, json!({}));
    let one = Progress::new(&["another".into()], &TimeZone::UTC);
    assert!(!one.is_followed(&filed));
    let mut several = Progress::new(&[], &TimeZone::UTC);
    assert!(several.is_followed(&filed));
    let title = "Clamp the retry delay at 30 s, and say so".to_owned();
    several.titles.insert(REQUEST.to_owned(), title);
    let entry = |kind| event(kind, "entry-00000e01", json!({"commit": "4f1c2d3e5a6b"}));
    let mut other = entry("merge.enqueued");
    other.request_id = Some("request-0000r002".into());
    several
        .titles
        .insert("request-0000r002".into(), "Another".into());
    let (unblocked, landed) = (entry("merge.unblocked"), entry("merge.landed"));
    let lines = [filed, unblocked, other, landed].map(|event| several.line(&event).unwrap());
    insta::assert_snapshot!(crate::view::plain(&lines.join("\n")), @"
    filed       request 0000r001  (Clamp the retry delay at 30 s, …)
    goes on     x 00000e01
    queued      x 00000e01  (0000r002 Another)
    landed      x 00000e01 as 4f1c2d3e5a  (0000r001)
    ");
}

// W1: a check that takes long is seen to run, and a long wait is told by the clock.
#[test]
fn what_takes_long_says_for_how_long() {
    let mut progress = Progress::new(&[REQUEST.into()], &TimeZone::UTC);
    let work = json!({"work": {"type": "check", "entry": "e", "name": "test"}});
    progress.names.insert("e".into(), "T1".into());
    progress.learn(&event("run.started", "run", work.clone()));
    let words = progress.running.words(Instant::now()).unwrap();
    assert!(words.starts_with("check test for T1, "), "{words}");

    let began = progress.began;
    let after = |seconds| began + Duration::from_secs(seconds);
    let mut running = Running::new(began);
    for number in 0..5 {
        let started = event("run.started", &format!("run {number}"), work.clone());
        running.learn(&started, began, || format!("check {number}"));
    }
    let words = running.words(after(12)).unwrap();
    assert_eq!(
        words,
        "check 0, 12 s; check 1, 12 s; check 2, 12 s; and 2 more"
    );
    for number in 1..5 {
        let ended = event("run.finished", &format!("run {number}"), json!({}));
        running.learn(&ended, began, String::new);
    }
    let words = running.words(after(125)).unwrap();
    assert_eq!(words, "check 0, 2 min 05 s");
    assert!(!running.is_silent(after(29)) && running.is_silent(after(30)));
    running.learn(&event("run.lost", "run 0", json!({})), began, String::new);
    assert_eq!(running.words(after(126)), None);

    let shown = |seconds| crate::view::plain(&progress.time(after(seconds), || "14:03:22".into()));
    assert_eq!([shown(59), shown(61)], ["  59.0 s", "14:03:22"]);
}

// W1: a failure is told where it happens, with where to look, and not again by everything that fails with it.
#[test]
fn a_failure_is_told_once() {
    let mut progress = Progress::new(&[REQUEST.into()], &TimeZone::UTC);
    let (entry, other) = ("entry-0000000e01", "entry-0000000e02");
    for (entry, name) in [(entry, "T1"), (other, "T2")] {
        progress.names.insert(entry.into(), name.into());
    }
    let work = json!({"work": {"type": "check", "entry": entry, "name": "test"}});
    let why = "check \"test\" failed on the merged result: it exited with 1";
    let conflict = json!({"quarantine": "conflict", "reason": "it conflicts"});
    let lines: Vec<_> = [
        event("run.started", "run-00000001", work),
        event(
            "run.failed",
            "run-00000001",
            json!({"reason": "it exited with 1"}),
        ),
        event(
            "merge.quarantined",
            entry,
            json!({"quarantine": "check", "reason": why}),
        ),
        event("step.failed", "plan", json!({"number": 1, "reason": why})),
        event("merge.quarantined", other, conflict),
        event(
            "step.failed",
            "plan",
            json!({"number": 2, "reason": "it conflicts"}),
        ),
        event("request.failed", REQUEST, json!({"reason": why})),
    ]
    .iter()
    .filter_map(|event| progress.line(event))
    .collect();
    insta::assert_snapshot!(crate::view::plain(&lines.join("\n")), @"
    running     check test
    failed      check test: it exited with 1 (hyperion run logs 00000001)
    quarantined T1
    quarantined T2: it conflicts (hyperion queue show 00000e02)
    failed      request 0000r001
    ");
}
