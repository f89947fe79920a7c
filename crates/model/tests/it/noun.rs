//! The nouns behind one trait, so that a property is written once.

use hyperion_model::approval::Approval;
use hyperion_model::audit::Ledger;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_model::grant::Grant;
use hyperion_model::plan::Plan;
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::run::Run;
use hyperion_model::{
    ApprovalId, AuditId, ChangeSetId, EntryId, Fact, GrantId, Machine, PlanId, RepoId, RequestId,
    RunId, Subject, Uuid, approval, audit, change_set, entry, grant, plan, repo, request, run,
};

/// A row of a table of moves: from, verb, to.
pub(crate) type Row = (&'static str, &'static str, &'static str);

/// What the tests need of a noun beyond [`Machine`].
pub(crate) trait Stored: Machine {
    fn subject(id: Uuid) -> Subject;
    fn fact(event: Self::Event) -> Fact;
    fn event(fact: Fact) -> Option<Self::Event>;
    fn moves() -> Vec<Row>;
    /// The wire names of its states and whether they are open; it begins in the first.
    fn states() -> Vec<(&'static str, bool)>;
}

macro_rules! stored {
    ($($state:ident $noun:ident $id:ident $module:ident;)*) => {$(
        impl Stored for $state {
            fn subject(id: Uuid) -> Subject {
                Subject::$noun($id::new(id))
            }
            fn fact(event: Self::Event) -> Fact {
                Fact::$noun(event)
            }
            fn event(fact: Fact) -> Option<Self::Event> {
                match fact {
                    Fact::$noun(event) => Some(event),
                    _ => None,
                }
            }
            fn moves() -> Vec<Row> {
                $module::moves()
            }
            fn states() -> Vec<(&'static str, bool)> {
                $module::Status::ALL.iter().map(|s| (s.name(), s.is_open())).collect()
            }
        }
    )*};
}

stored! {
    Repo Repo RepoId repo;
    Request Request RequestId request;
    Plan Plan PlanId plan;
    Run Run RunId run;
    ChangeSet ChangeSet ChangeSetId change_set;
    Approval Approval ApprovalId approval;
    Entry Entry EntryId entry;
    Ledger Audit AuditId audit;
    Grant Grant GrantId grant;
}
