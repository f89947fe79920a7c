//! The stored form of events. What is written once is read for ever: these texts may gain lines,
//! never change. If one does change, old homes can no longer be verified: write an upcast instead.

use std::collections::BTreeSet;

use hyperion_model::approval::Approval;
use hyperion_model::audit::Ledger;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_model::event::{EventError, FORMAT};
use hyperion_model::grant::Grant;
use hyperion_model::plan::Plan;
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::run::Run;
use hyperion_model::{
    Digest, Event, EventId, Fact, Machine, RequestId, Role, RunId, StoredEvent, canonical, event,
};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::noun::Stored;
use crate::{kinds, sample};

fn event<M: Stored>(fact: Fact) -> Event {
    Event {
        id: EventId::new(sample::uuid(1000)),
        stamp: sample::stamp(0, sample::engine()),
        subject: M::subject(sample::uuid(9)),
        request: None,
        run: None,
        fact,
    }
}

/// Seals each event, the first of a chain; checks by the way that the texts are read back, and that
/// no kind is missing.
fn texts<M: Stored>(facts: Vec<Fact>) -> String {
    let mut kinds = BTreeSet::new();
    let mut lines = Vec::new();
    for fact in facts {
        let event = event::<M>(fact);
        let text = event.seal(1, Digest::from_bytes([0; 32]));
        let stored = StoredEvent::parse(&text).expect("a sealed event can be read");
        assert_eq!(stored.event, event);
        assert_eq!(stored.hash, Digest::of(text.as_bytes()));
        let tree = event.to_json(1, Digest::from_bytes([0; 32]));
        assert_eq!(text, canonical::to_string(&tree), "as the tree says");
        assert_eq!(event::kind_of(&text), stored.kind());
        kinds.insert(stored.kind());
        lines.push(text);
    }
    assert_eq!(kinds, kinds_of::<M>(), "every kind has its text here");
    for kind in kinds {
        let (noun, verb) = kind.split_once('.').expect("a kind is `noun.verb`");
        let word = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        };
        assert!(word(noun) && word(verb), "{kind} is `noun.verb`");
    }
    lines.join("\n")
}

/// Lists the kinds of a noun's events: serde names them all when it is given one that is not there.
fn kinds_of<M: Machine>() -> BTreeSet<String> {
    let refused = serde_json::from_value::<M::Event>(json!({"kind": "", "data": {}}));
    let message = refused.expect_err("there is no such kind").to_string();
    let (_, list) = message.split_once("expected").expect("it lists them");
    list.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

// X7: the envelope in full, with and without its optional fields, by each sort of actor.
#[test]
fn the_envelope() {
    let mut sealed = event::<Repo>(kinds::repos().pop().expect("an event"));
    let genesis = Digest::from_bytes([0; 32]);
    let bare = sealed.seal(1, genesis);
    sealed.request = Some(RequestId::new(sample::uuid(2)));
    sealed.run = Some(RunId::new(sample::uuid(4)));
    sealed.stamp = sample::stamp(1, sample::agent());
    let by_agent = sealed.seal(2, Digest::of(bare.as_bytes()));
    sealed.stamp.actor = sample::person(Role::TeamLead);
    let by_person = sealed.seal(3, Digest::of(by_agent.as_bytes()));
    let stored = StoredEvent::parse(&by_person).unwrap();
    assert_eq!(stored.event, sealed);
    let shown = stored.to_json().to_string();
    assert_snapshot!([bare, by_agent, by_person, shown].join("\n"), @r#"
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.restored","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"scripted","type":"agent"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.restored","prev_hash":"sha256:d861316f139850b7dbe5a2476bedcb91e0990c814c5e5f15045857d92ad42be8","request_id":"0190b7c4-6f2e-7a31-9d52-3f1c00000002","run_id":"0190b7c4-6f2e-7a31-9d52-3f1c00000004","seq":2,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00.001Z","v":1}
    {"actor":{"id":"team-lead","role":"team-lead","type":"person"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.restored","prev_hash":"sha256:5d66287d8e2aa42c2961eed3ba78e1d1d5510f754951b9f192ecf25eee2cb765","request_id":"0190b7c4-6f2e-7a31-9d52-3f1c00000002","run_id":"0190b7c4-6f2e-7a31-9d52-3f1c00000004","seq":3,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00.001Z","v":1}
    {"actor":{"id":"team-lead","role":"team-lead","type":"person"},"data":{},"hash":"sha256:0bacc9ab7e3c5471344249aa95cdfa4b82817da919fed06843f4ed88a54d31cd","id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.restored","prev_hash":"sha256:5d66287d8e2aa42c2961eed3ba78e1d1d5510f754951b9f192ecf25eee2cb765","request_id":"0190b7c4-6f2e-7a31-9d52-3f1c00000002","run_id":"0190b7c4-6f2e-7a31-9d52-3f1c00000004","seq":3,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00.001Z","v":1}
    "#);
}

// X7: what a reader does not know, it passes over, at any depth.
#[test]
fn unknown_fields_are_passed_over() {
    for event in every_event() {
        let mut value = event.to_json(1, Digest::from_bytes([0; 32]));
        add_unknown_fields(&mut value);
        let text = value.to_string();
        let stored = StoredEvent::parse(&text).expect("unknown fields do not matter");
        assert_eq!(stored.event, event);
        assert_eq!(stored.hash, Digest::of(text.as_bytes()), "as it stands");
    }
}

fn every_event() -> Vec<Event> {
    fn of<M: Stored>(facts: Vec<Fact>) -> impl Iterator<Item = Event> {
        facts.into_iter().map(event::<M>)
    }
    of::<Repo>(kinds::repos())
        .chain(of::<Request>(kinds::requests()))
        .chain(of::<Plan>(kinds::plans()))
        .chain(of::<Run>(kinds::runs()))
        .chain(of::<ChangeSet>(kinds::change_sets()))
        .chain(of::<Approval>(kinds::approvals()))
        .chain(of::<Entry>(kinds::entries()))
        .chain(of::<Ledger>(kinds::records()))
        .chain(of::<Grant>(kinds::grants()))
        .collect()
}

fn add_unknown_fields(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(add_unknown_fields);
            map.insert("added_later".to_owned(), json!({"any": ["thing"]}));
        }
        Value::Array(items) => items.iter_mut().for_each(add_unknown_fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

// X7: an event of a newer format is refused with the remedy, even where its envelope differs.
#[test]
fn a_newer_format_asks_for_an_upgrade() {
    let event = event::<Repo>(kinds::repos().pop().expect("an event"));
    let mut value = event.to_json(1, Digest::from_bytes([0; 32]));
    value["v"] = (FORMAT + 1).into();
    let refused = StoredEvent::parse(&value.to_string()).unwrap_err();
    assert!(matches!(refused, EventError::Newer(v) if v == FORMAT + 1));
    assert_snapshot!(refused, @"the event has format 2; this Hyperion reads up to 1: upgrade it");

    let other_envelope = json!({"v": FORMAT + 7, "facts": []}).to_string();
    let refused = StoredEvent::parse(&other_envelope).unwrap_err();
    assert!(matches!(refused, EventError::Newer(v) if v == FORMAT + 7));
}

// X7: what is no event says so, and says where.
#[test]
fn what_is_no_event_is_refused() {
    let event = event::<Repo>(kinds::repos().pop().expect("an event"));
    let text = event.seal(1, Digest::from_bytes([0; 32]));
    let mut unknown_kind = event.to_json(1, Digest::from_bytes([0; 32]));
    unknown_kind["kind"] = "repo.exploded".into();
    let mut other_noun = event.to_json(1, Digest::from_bytes([0; 32]));
    other_noun["subject"]["type"] = "plan".into();
    for spoiled in [
        String::new(),
        "{}".to_owned(),
        "null".to_owned(),
        text[..text.len() / 2].to_owned(),
        format!("{text}{text}"),
        unknown_kind.to_string(),
        other_noun.to_string(),
    ] {
        let refused = StoredEvent::parse(&spoiled);
        assert!(matches!(refused, Err(EventError::Json(_))), "{spoiled}");
    }
}

// X7: the stored texts of a repository.
#[test]
fn repository_events() {
    assert_snapshot!(texts::<Repo>(kinds::repos()), @r#"
    {"actor":{"id":"queue","type":"engine"},"data":{"branch":"main","id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","name":"widgets","path":"/srv/widgets"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.registered","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"branch":"release/2"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.retargeted","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"path":"/srv/gadgets"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.moved","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"name":"gadgets"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.renamed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"remote":{"name":"origin","push":true}},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.remote_set","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"branch":"main","commit":"0000000000000000000000000000000000000001","landings":1},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.push_wanted","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"branch":"main","commit":"0000000000000000000000000000000000000001","landings":1},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.pushed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"branch":"main","cause":"conflict","reason":"both changed a.txt","theirs":"0000000000000000000000000000000000000002"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.remote_failed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"branch":"main"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.remote_cleared","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"branch":"main","pull":{"from":"0000000000000000000000000000000000000001","theirs":"0000000000000000000000000000000000000003","to":"0000000000000000000000000000000000000002"}},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.pull_begun","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"branch":"main"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.pulled","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"branch":"main"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.pull_dropped","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.forgotten","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"release day"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.paused","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.resumed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"check":"sha256:0101010101010101010101010101010101010101010101010101010101010101","name":"test"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.check_agreed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"check":"sha256:0101010101010101010101010101010101010101010101010101010101010101"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.check_withdrawn","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"repo.restored","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"repo"},"time":"2026-01-01T00:00:00Z","v":1}
    "#);
}

// X7: the stored texts of a request.
#[test]
fn request_events() {
    assert_snapshot!(texts::<Request>(kinds::requests()), @r#"
    {"actor":{"id":"queue","type":"engine"},"data":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","submission":{"agent":"scripted","atomic":false,"base":"0000000000000000000000000000000000000002","branch":"main","class":"bugfix","document":"sha256:0101010101010101010101010101010101010101010101010101010101010101","dry_run":false,"priority":"high","repo":"0190b7c4-6f2e-7a31-9d52-3f1c00000001","requires_approval":true,"rolls_back":null,"source":"cli"}},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"request.submitted","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"request"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"questions":"sha256:0101010101010101010101010101010101010101010101010101010101010101"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"request.clarification_requested","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"request"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"answer":"sha256:0202020202020202020202020202020202020202020202020202020202020202"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"request.clarified","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"request"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"brief":"sha256:0303030303030303030303030303030303030303030303030303030303030303","plan":"0190b7c4-6f2e-7a31-9d52-3f1c00000003"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"request.planned","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"request"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"request.started","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"request"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"awaiting_approval":true},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"request.progressed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"request"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"revision":"sha256:0404040404040404040404040404040404040404040404040404040404040404","tip":"0000000000000000000000000000000000000004"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"request.revised","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"request"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"partly":true,"reason":"T2 was rejected","summary":"sha256:0404040404040404040404040404040404040404040404040404040404040404"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"request.completed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"request"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":null,"summary":"sha256:0404040404040404040404040404040404040404040404040404040404040404"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"request.failed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"request"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"not wanted"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"request.cancelled","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"request"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"request.reopened","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"request"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"by":"0190b7c4-6f2e-7a31-9d52-3f1c00000014"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"rollback.completed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"request"},"time":"2026-01-01T00:00:00Z","v":1}
    "#);
}

// P1, X7: the stored texts of a plan and its steps.
#[test]
fn plan_events() {
    assert_snapshot!(texts::<Plan>(kinds::plans()), @r#"
    {"actor":{"id":"queue","type":"engine"},"data":{"document":"sha256:0303030303030303030303030303030303030303030303030303030303030303","id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","repo":"0190b7c4-6f2e-7a31-9d52-3f1c00000001","request":"0190b7c4-6f2e-7a31-9d52-3f1c00000002","steps":[{"depends_on":[],"number":1,"task":"T1"},{"depends_on":[1],"number":2,"task":"T2"}]},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"plan.created","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"plan"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"plan.activated","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"plan"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"number":1,"run":"0190b7c4-6f2e-7a31-9d52-3f1c00000004"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"step.started","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"plan"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"change_set":"0190b7c4-6f2e-7a31-9d52-3f1c00000006","number":1},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"step.handed_in","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"plan"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"number":1},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"step.revised","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"plan"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"number":1},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"step.completed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"plan"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"number":2,"reason":"nothing to do"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"step.skipped","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"plan"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"cause":"agent","number":2,"reason":"no change came of it"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"step.failed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"plan"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"number":2},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"step.retried","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"plan"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"plan.completed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"plan"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"called off"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"plan.abandoned","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"plan"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"plan.reopened","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"plan"},"time":"2026-01-01T00:00:00Z","v":1}
    "#);
}

// X7: the stored texts of a run.
#[test]
fn run_events() {
    assert_snapshot!(texts::<Run>(kinds::runs()), @r#"
    {"actor":{"id":"queue","type":"engine"},"data":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","incarnation":1,"lineage":"0190b7c4-6f2e-7a31-9d52-3f1c00000005","request":"0190b7c4-6f2e-7a31-9d52-3f1c00000002","spec":"sha256:0101010101010101010101010101010101010101010101010101010101010101","work":{"agent":"scripted","plan":"0190b7c4-6f2e-7a31-9d52-3f1c00000003","step":1,"type":"agent"}},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.started","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","incarnation":2,"lineage":"0190b7c4-6f2e-7a31-9d52-3f1c00000005","request":"0190b7c4-6f2e-7a31-9d52-3f1c00000002","spec":"sha256:0101010101010101010101010101010101010101010101010101010101010101","work":{"entry":"0190b7c4-6f2e-7a31-9d52-3f1c00000007","name":"cargo test","tree":"0000000000000000000000000000000000000002","type":"check"}},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.started","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"process":{"boot_id":"b00t","pid":4711,"start_ticks":123456789}},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.began","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","incarnation":1,"lineage":"0190b7c4-6f2e-7a31-9d52-3f1c00000005","spec":"sha256:0101010101010101010101010101010101010101010101010101010101010101","work":{"asked_by":{"id":"operator","role":"operator","type":"person"},"name":"npm","type":"command"}},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.started","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.paused","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.resumed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"last_seen":"2026-01-01T00:00:00.001Z"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.stalled","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.recovered","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"exit_code":75,"reason":"it ended","result":"sha256:0202020202020202020202020202020202020202020202020202020202020202"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.parked","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.held","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"by":"read_only"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.allowed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"by":"grant","grant":"0190b7c4-6f2e-7a31-9d52-3f1c00000008"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.allowed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"approval":"0190b7c4-6f2e-7a31-9d52-3f1c00000003","by":"approval"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.allowed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"by":"0190b7c4-6f2e-7a31-9d52-3f1c00000008"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.continued","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"another machine took over"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.uncertain","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.stop_requested","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"confinement":{"detail":"sha256:0303030303030303030303030303030303030303030303030303030303030303","level":"partial","network":"on"},"exit_code":0,"reason":"it ended","result":"sha256:0202020202020202020202020202020202020202020202020202020202020202","usage":{"cpu_ms":1200,"dropped_bytes":0,"memory_peak_kb":0,"output_bytes":0,"read_bytes":0,"wall_ms":3400,"written_bytes":0}},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.finished","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"exit_code":0,"reason":"it ended","result":"sha256:0202020202020202020202020202020202020202020202020202020202020202"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.finished","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"exit_code":101,"reason":"it ended","result":"sha256:0202020202020202020202020202020202020202020202020202020202020202"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.failed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"exit_code":-9,"reason":"it ended","result":"sha256:0202020202020202020202020202020202020202020202020202020202020202"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.killed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"its engine died"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"run.lost","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"run"},"time":"2026-01-01T00:00:00Z","v":1}
    "#);
}

// C1, X7: the stored texts of a change set and its items.
#[test]
fn change_set_events() {
    assert_snapshot!(texts::<ChangeSet>(kinds::change_sets()), @r#"
    {"actor":{"id":"queue","type":"engine"},"data":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","proposal":{"agent":"scripted","base_commit":"0000000000000000000000000000000000000001","base_tree":"0000000000000000000000000000000000000002","document":"sha256:0505050505050505050505050505050505050505050505050505050505050505","dry_run":false,"items":[{"additions":3,"deletions":2,"from_path":null,"hunks":0,"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000064","new_hash":"sha256:0101010101010101010101010101010101010101010101010101010101010101","new_mode":33261,"old_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","old_mode":33188,"operation":"modify","path":"src/part0.rs","rejected_hunks":[],"status":"pending"}],"plan":"0190b7c4-6f2e-7a31-9d52-3f1c00000003","repo":"0190b7c4-6f2e-7a31-9d52-3f1c00000001","request":"0190b7c4-6f2e-7a31-9d52-3f1c00000002","run":"0190b7c4-6f2e-7a31-9d52-3f1c00000004","step":1,"task":"T1"}},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.proposed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"decision":{"level":"team-lead","verdict":"ask"},"document":"sha256:0606060606060606060606060606060606060606060606060606060606060606","level":"team-lead","payload":"sha256:0808080808080808080808080808080808080808080808080808080808080808","policy":"sha256:0909090909090909090909090909090909090909090909090909090909090909","risk":"medium","tree":"0000000000000000000000000000000000000007"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.assessed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"item":"0190b7c4-6f2e-7a31-9d52-3f1c00000067","rejected_hunks":[0,2],"status":"accepted"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_item.decided","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"approval":"0190b7c4-6f2e-7a31-9d52-3f1c0000001e"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.asked","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"type":"policy"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.approved","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"approval":"0190b7c4-6f2e-7a31-9d52-3f1c0000001e","type":"approval"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.approved","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"dry_run":false,"entry":"0190b7c4-6f2e-7a31-9d52-3f1c00000007"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.queued","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.dispatched","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.undispatched","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"commit":"0000000000000000000000000000000000000003"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.landed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"commit":"0000000000000000000000000000000000000004"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.rolled_back","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"no"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.rejected","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"it does not merge"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.failed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"name the constant","revise_by":"2026-01-01T00:08:20Z"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.changes_requested","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.superseded","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.expired","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"not wanted"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.cancelled","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"change_set.requeued","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"change_set"},"time":"2026-01-01T00:00:00Z","v":1}
    "#);
}

// S3, X7: the stored texts of an approval.
#[test]
fn approval_events() {
    assert_snapshot!(texts::<Approval>(kinds::approvals()), @r#"
    {"actor":{"id":"queue","type":"engine"},"data":{"about":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000006","type":"change_set"},"action":"land","digest":"sha256:0808080808080808080808080808080808080808080808080808080808080808","document":"sha256:0606060606060606060606060606060606060606060606060606060606060606","expires_at":"2026-01-01T00:08:20Z","generation":1,"key":"land","level":"admin","lineage":"0190b7c4-6f2e-7a31-9d52-3f1c00000005","repo":"0190b7c4-6f2e-7a31-9d52-3f1c00000001","request":"0190b7c4-6f2e-7a31-9d52-3f1c00000002","risk":"high"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"approval.requested","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"approval"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"approved":false,"changes_requested":true,"digest":"sha256:0808080808080808080808080808080808080808080808080808080808080808","reason":"please split it"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"approval.decided","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"approval"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"approval.expired","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"approval"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"not wanted"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"approval.cancelled","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"approval"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"approval.expiring","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"approval"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"digest":"sha256:0808080808080808080808080808080808080808080808080808080808080808"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"approval.looked_at","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"approval"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"expires_at":"2026-01-01T00:15:00Z"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"approval.extended","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"approval"},"time":"2026-01-01T00:00:00Z","v":1}
    "#);
}

// M1, X7: the stored texts of a queue entry.
#[test]
fn entry_events() {
    assert_snapshot!(texts::<Entry>(kinds::entries()), @r#"
    {"actor":{"id":"queue","type":"engine"},"data":{"admission":{"branch":"main","change_sets":["0190b7c4-6f2e-7a31-9d52-3f1c00000006"],"checks":"sha256:0404040404040404040404040404040404040404040404040404040404040404","depends_on":["0190b7c4-6f2e-7a31-9d52-3f1c00000046"],"dry_run":false,"level":"team-lead","priority":"critical","repo":"0190b7c4-6f2e-7a31-9d52-3f1c00000001","request":"0190b7c4-6f2e-7a31-9d52-3f1c00000002"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.enqueued","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"fence":7},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.leased","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.started","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"candidate":{"commit":"0000000000000000000000000000000000000003","tip":"0000000000000000000000000000000000000001","tree":"0000000000000000000000000000000000000002"}},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.merged","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"green":"strict","runs":["0190b7c4-6f2e-7a31-9d52-3f1c00000004"],"tree":"0000000000000000000000000000000000000002"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.checked","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"candidate":"0000000000000000000000000000000000000003","expected_tip":"0000000000000000000000000000000000000001","payload":"sha256:0808080808080808080808080808080808080808080808080808080808080808","policy":"sha256:0909090909090909090909090909090909090909090909090909090909090909"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.dispatched","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"commit":"0000000000000000000000000000000000000003"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.landed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"its worker died"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.released","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"tip":"0000000000000000000000000000000000000005"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.refreshed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"its worker died again"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.dead_lettered","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"the work tree has changes"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.blocked","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.unblocked","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"evidence":"sha256:0606060606060606060606060606060606060606060606060606060606060606"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.conflicted","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"evidence":"sha256:0606060606060606060606060606060606060606060606060606060606060606","quarantine":"conflict","reason":"README.md: both changed line 3"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.quarantined","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"what it needs did not land"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.failed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"not wanted"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.cancelled","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.retried","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"cause":"engine_ended","reason":"its worker died"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.released","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"cause":"fault","reason":"its worker died again"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.dead_lettered","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"cause":"edited","reason":"the work tree has changes"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.blocked","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"cause":"lost_base","reason":"what it was made on is gone"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"merge.failed","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"entry"},"time":"2026-01-01T00:00:00Z","v":1}
    "#);
}

// X11: the stored texts of a grant.
#[test]
fn grant_events() {
    assert_snapshot!(texts::<Grant>(kinds::grants()), @r#"
    {"actor":{"id":"queue","type":"engine"},"data":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","terms":{"expires_at":"2026-01-01T00:08:20Z","level":"team-lead","scope":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000002","type":"request"},"shape":"sha256:0404040404040404040404040404040404040404040404040404040404040404","uses_max":20}},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"grant.given","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"grant"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"last":false,"run":"0190b7c4-6f2e-7a31-9d52-3f1c00000004"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"grant.used","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"grant"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"last":true},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"grant.used","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"grant"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"grant.expired","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"grant"},"time":"2026-01-01T00:00:00Z","v":1}
    {"actor":{"id":"queue","type":"engine"},"data":{"reason":"the release is out"},"id":"0190b7c4-6f2e-7a31-9d52-3f1c000003e8","kind":"grant.revoked","prev_hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":1,"subject":{"id":"0190b7c4-6f2e-7a31-9d52-3f1c00000009","type":"grant"},"time":"2026-01-01T00:00:00Z","v":1}
    "#);
}
