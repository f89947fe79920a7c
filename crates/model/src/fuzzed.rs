//! What must hold for any text at all; driven by the fuzzer, and by the tests over its findings.

use crate::machine::{Machine, Stamp};
use crate::{Digest, Event, Fact, StoredEvent};
use crate::{approval, audit, change_set, entry, grant, plan, repo, request, run, token, user};

/// Any text is an event or a refusal, and what was read is sealed and read again as the same. A row that is made
/// from it, or from it twice, is a row or corrupt: history may be damaged in any way.
///
/// The input is the stored texts of events, one a line.
pub fn event(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let events: Vec<_> = text
        .lines()
        .filter_map(|line| StoredEvent::parse(line).ok())
        .collect();
    for stored in &events {
        let sealed = stored.event.seal(stored.seq, stored.prev_hash);
        let again = StoredEvent::parse(&sealed).expect("what was sealed can be read");
        assert_eq!(again.event, stored.event);
        assert_eq!((again.seq, again.prev_hash), (stored.seq, stored.prev_hash));
        assert_eq!(again.hash, Digest::of(sealed.as_bytes()));
        assert_eq!(
            again.event.seal(again.seq, again.prev_hash),
            sealed,
            "sealing is canonical"
        );
    }
    let mut rows = Rows::default();
    for stored in &events {
        rows.take(&stored.event);
    }
}

/// One row of each noun.
#[derive(Default)]
struct Rows {
    repo: Option<repo::Repo>,
    request: Option<request::Request>,
    plan: Option<plan::Plan>,
    run: Option<run::Run>,
    change_set: Option<change_set::ChangeSet>,
    approval: Option<approval::Approval>,
    entry: Option<entry::Entry>,
    user: Option<user::User>,
    token: Option<token::Token>,
    audit: Option<audit::Ledger>,
    grant: Option<grant::Grant>,
}

impl Rows {
    fn take(&mut self, event: &Event) {
        let stamp = &event.stamp;
        match &event.fact {
            Fact::Repo(fact) => step(&mut self.repo, fact, stamp),
            Fact::Request(fact) => step(&mut self.request, fact, stamp),
            Fact::Plan(fact) => step(&mut self.plan, fact, stamp),
            Fact::Run(fact) => step(&mut self.run, fact, stamp),
            Fact::ChangeSet(fact) => step(&mut self.change_set, fact, stamp),
            Fact::Approval(fact) => step(&mut self.approval, fact, stamp),
            Fact::Entry(fact) => step(&mut self.entry, fact, stamp),
            Fact::User(fact) => step(&mut self.user, fact, stamp),
            Fact::Token(fact) => step(&mut self.token, fact, stamp),
            Fact::Audit(fact) => step(&mut self.audit, fact, stamp),
            Fact::Grant(fact) => step(&mut self.grant, fact, stamp),
        }
    }
}

/// Applies an event to what is there, and starts over where that is corrupt.
fn step<M: Machine>(row: &mut Option<M>, event: &M::Event, stamp: &Stamp) {
    *row = M::apply(row.take(), event, stamp).ok();
    if let Some(row) = row {
        let _ = row.row();
    }
}

#[cfg(test)]
mod tests {
    use hyperion_testkit::fuzz::on_each_input;

    #[test]
    fn any_text_is_an_event_or_a_refusal() {
        on_each_input("event", 100, super::event);
    }
}
