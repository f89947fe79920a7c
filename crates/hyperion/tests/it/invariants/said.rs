//! What the program said yes to.

use hyperion_model::approval::{self, Approval};
use hyperion_model::entry::{self, Entry};
use hyperion_model::request::{self, Request};
use hyperion_model::{ApprovalId, EntryId, RequestId};
use hyperion_store::Store;

/// What the program said yes to: it stands, whatever happened since.
#[derive(Debug, Default, Clone)]
pub(crate) struct Acknowledged {
    /// Requests that were filed.
    pub(crate) filed: Vec<String>,
    /// Approvals that were decided, and whether they were granted.
    pub(crate) decided: Vec<(String, bool)>,
    /// Requests that were called off.
    pub(crate) called_off: Vec<String>,
    /// Entries that were called off.
    pub(crate) entries_called_off: Vec<String>,
    /// Requests that are taken back, and by which.
    pub(crate) taken_back: Vec<(String, String)>,
    /// Requests that were seen to have ended, and how.
    pub(crate) ended: Vec<(String, String)>,
}

impl Acknowledged {
    /// Adds what another client was told.
    pub(crate) fn merge(&mut self, other: Self) {
        let Self {
            filed,
            decided,
            called_off,
            entries_called_off,
            taken_back,
            ended,
        } = other;
        self.filed.extend(filed);
        self.decided.extend(decided);
        self.called_off.extend(called_off);
        self.entries_called_off.extend(entries_called_off);
        self.taken_back.extend(taken_back);
        self.ended.extend(ended);
    }
}

/// Looks whether all of that stands.
pub(super) fn what_was_said_stands(store: &Store, said: &Acknowledged) -> Vec<String> {
    let Acknowledged {
        filed,
        decided,
        called_off,
        entries_called_off,
        taken_back,
        ended,
    } = said;
    let mut found = vec![];
    let request = |id: &str| {
        store
            .get::<Request>(id.parse::<RequestId>().unwrap())
            .unwrap()
    };
    for id in filed {
        if request(id).is_none() {
            found.push(format!("request {id} was filed, and is gone"));
        }
    }
    for (id, granted) in decided {
        let there = store
            .get::<Approval>(id.parse::<ApprovalId>().unwrap())
            .unwrap();
        let expected = if *granted {
            approval::Status::Approved
        } else {
            approval::Status::Rejected
        };
        if there.as_ref().map(|approval| approval.status) != Some(expected) {
            found.push(format!("approval {id} was {expected}, and is {there:?}"));
        }
    }
    for id in called_off {
        let status = request(id).map(|request| request.status);
        if status != Some(request::Status::Cancelled) {
            found.push(format!("request {id} was called off, and is {status:?}"));
        }
    }
    for id in entries_called_off {
        let there = store.get::<Entry>(id.parse::<EntryId>().unwrap()).unwrap();
        let status = there.map(|entry| entry.status);
        if status != Some(entry::Status::Cancelled) {
            found.push(format!("entry {id} was called off, and is {status:?}"));
        }
    }
    for (original, by) in taken_back {
        let rolls_back = request(by).and_then(|request| request.submission.rolls_back);
        if rolls_back.map(|id| id.to_string()).as_deref() != Some(original) {
            found.push(format!(
                "request {by} was to take {original} back, and does not"
            ));
        }
    }
    for (id, how) in ended {
        let status = request(id).map(|request| request.status);
        let stands = status.is_some_and(|status| {
            status.name() == how
                || match status {
                    // What landed can be taken back; what failed can be taken up again.
                    request::Status::RolledBack => how == "completed" || how == "partly_landed",
                    _ => how == "failed" || how == "partly_landed",
                }
        });
        if !stands {
            found.push(format!("request {id} was {how}, and is {status:?}"));
        }
    }
    found
}
