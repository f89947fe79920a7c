//! What an id can name, and how one kind leads to another.

use hyperion_model::Subject;
use hyperion_model::approval::Approval;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::{Entry, Status};
use hyperion_model::grant::Grant;
use hyperion_model::machine::Machine;
use hyperion_model::request::Request;
use hyperion_model::run::{self, Run, Work};
use hyperion_store::{Filter, Stored};

use crate::run::title as run_title;
use crate::{Cx, Error, change_set, request};

/// The most that is looked at of what belongs to one thing.
const BELONGING_MAX: u32 = 1000;

/// A noun that people name by its id.
pub trait Kind: Stored + Machine {
    /// The command that looks after it.
    const COMMAND: &'static str;

    /// Whether something can still be done with it: of several, that one is meant.
    fn waits(&self) -> bool;

    /// Gives the one of several, oldest first, that is most likely meant.
    fn likeliest(found: &[Self]) -> Option<&Self> {
        found.first()
    }

    /// Lists what of this kind belongs to a subject, oldest first.
    fn belonging_to(cx: &Cx, subject: Subject) -> Result<Vec<Self>, Error>;

    /// Whether it is more than a subject to which it belongs, so that acting on it would act on more than was named.
    fn is_more_than(&self, subject: Subject) -> bool;
}

impl Kind for Request {
    const COMMAND: &'static str = "request";

    fn waits(&self) -> bool {
        self.status.is_open()
    }

    fn belonging_to(cx: &Cx, subject: Subject) -> Result<Vec<Self>, Error> {
        let request = match subject {
            Subject::Request(id) => Some(id),
            Subject::ChangeSet(id) => cx
                .store
                .get::<ChangeSet>(id)?
                .map(|set| set.proposal.request),
            Subject::Approval(id) => {
                let approval = cx.store.get::<Approval>(id)?;
                approval.and_then(|approval| approval.question.request)
            }
            Subject::Entry(id) => cx
                .store
                .get::<Entry>(id)?
                .map(|entry| entry.admission.request),
            Subject::Run(id) => cx.store.get::<Run>(id)?.and_then(|run| run.request),
            Subject::Plan(_)
            | Subject::Repo(_)
            | Subject::User(_)
            | Subject::Token(_)
            | Subject::Audit(_)
            | Subject::Grant(_) => None,
        };
        get(cx, request)
    }

    fn is_more_than(&self, subject: Subject) -> bool {
        subject != Subject::Request(self.id)
    }
}

impl Kind for ChangeSet {
    const COMMAND: &'static str = "changes";

    fn waits(&self) -> bool {
        self.status.is_open()
    }

    fn belonging_to(cx: &Cx, subject: Subject) -> Result<Vec<Self>, Error> {
        match subject {
            Subject::Request(id) => list(cx, Filter::default().request(id)),
            Subject::ChangeSet(id) => get(cx, Some(id)),
            Subject::Approval(id) => match cx.store.get::<Approval>(id)? {
                Some(approval) if approval.question.about != subject => {
                    Self::belonging_to(cx, approval.question.about)
                }
                _ => Ok(Vec::new()),
            },
            Subject::Entry(id) => {
                let entry = cx.store.get::<Entry>(id)?;
                get(
                    cx,
                    entry
                        .into_iter()
                        .flat_map(|entry| entry.admission.change_sets),
                )
            }
            Subject::Run(id) => match cx.store.get::<Run>(id)?.map(|run| run.work) {
                Some(Work::Agent { .. }) => list(cx, Filter::default().run(id)),
                Some(Work::Check { entry, .. }) => Self::belonging_to(cx, Subject::Entry(entry)),
                Some(Work::Command { .. } | Work::Tool { .. }) | None => Ok(Vec::new()),
            },
            Subject::Plan(_)
            | Subject::Repo(_)
            | Subject::User(_)
            | Subject::Token(_)
            | Subject::Audit(_)
            | Subject::Grant(_) => Ok(Vec::new()),
        }
    }

    fn is_more_than(&self, _: Subject) -> bool {
        false
    }
}

impl Kind for Approval {
    const COMMAND: &'static str = "approval";

    fn waits(&self) -> bool {
        self.status.is_open()
    }

    fn belonging_to(cx: &Cx, subject: Subject) -> Result<Vec<Self>, Error> {
        match subject {
            Subject::Request(id) => list(cx, Filter::default().request(id)),
            Subject::Approval(id) => get(cx, Some(id)),
            Subject::ChangeSet(_) | Subject::Entry(_) | Subject::Run(_) => {
                let mut approvals = match subject {
                    // What it asked itself, and whether it may start.
                    Subject::Run(id) => list(cx, Filter::default().run(id))?,
                    _ => Vec::new(),
                };
                for set in ChangeSet::belonging_to(cx, subject)? {
                    approvals.extend(list(cx, Filter::default().parent(set.id.uuid()))?);
                }
                Ok(approvals)
            }
            Subject::Plan(_)
            | Subject::Repo(_)
            | Subject::User(_)
            | Subject::Token(_)
            | Subject::Audit(_)
            | Subject::Grant(_) => Ok(Vec::new()),
        }
    }

    fn is_more_than(&self, _: Subject) -> bool {
        false
    }
}

impl Kind for Grant {
    const COMMAND: &'static str = "grant";

    fn waits(&self) -> bool {
        self.status.is_open()
    }

    fn belonging_to(cx: &Cx, subject: Subject) -> Result<Vec<Self>, Error> {
        match subject {
            Subject::Grant(id) => get(cx, Some(id)),
            Subject::Request(_) | Subject::Repo(_) => {
                list(cx, Filter::default().parent(subject.uuid()))
            }
            Subject::Run(id) => match cx.store.get::<Run>(id)? {
                Some(run) => list(cx, Filter::default().parent(run.lineage.uuid())),
                None => Ok(Vec::new()),
            },
            Subject::ChangeSet(_)
            | Subject::Approval(_)
            | Subject::Entry(_)
            | Subject::Plan(_)
            | Subject::User(_)
            | Subject::Token(_)
            | Subject::Audit(_) => Ok(Vec::new()),
        }
    }

    fn is_more_than(&self, subject: Subject) -> bool {
        subject != Subject::Grant(self.id)
    }
}

impl Kind for Entry {
    const COMMAND: &'static str = "queue";

    fn waits(&self) -> bool {
        let is_aside = matches!(
            self.status,
            Status::Quarantined | Status::Dead | Status::Failed
        );
        self.status.is_open() || is_aside
    }

    fn belonging_to(cx: &Cx, subject: Subject) -> Result<Vec<Self>, Error> {
        match subject {
            Subject::Request(id) => list(cx, Filter::default().request(id)),
            Subject::Entry(id) => get(cx, Some(id)),
            Subject::ChangeSet(_) | Subject::Approval(_) | Subject::Run(_) => {
                let sets = ChangeSet::belonging_to(cx, subject)?;
                let mut entries: Vec<_> = sets.into_iter().filter_map(|set| set.entry).collect();
                entries.dedup();
                get(cx, entries)
            }
            Subject::Plan(_)
            | Subject::Repo(_)
            | Subject::User(_)
            | Subject::Token(_)
            | Subject::Audit(_)
            | Subject::Grant(_) => Ok(Vec::new()),
        }
    }

    fn is_more_than(&self, subject: Subject) -> bool {
        let is_part = matches!(
            subject,
            Subject::ChangeSet(_) | Subject::Approval(_) | Subject::Run(_)
        );
        is_part && self.admission.change_sets.len() > 1
    }
}

impl Kind for Run {
    const COMMAND: &'static str = "run";

    fn waits(&self) -> bool {
        self.status.is_open()
    }

    /// What failed is looked at first, and checks before the agents whose work they checked.
    fn likeliest(found: &[Self]) -> Option<&Self> {
        found.iter().max_by_key(|run| {
            let failed = matches!(
                run.status,
                run::Status::Failed | run::Status::Killed | run::Status::Lost
            );
            (failed, matches!(run.work, Work::Check { .. }))
        })
    }

    fn belonging_to(cx: &Cx, subject: Subject) -> Result<Vec<Self>, Error> {
        match subject {
            Subject::Request(id) => list(cx, Filter::default().request(id)),
            Subject::Run(id) => get(cx, Some(id)),
            Subject::Entry(id) => list(cx, Filter::default().parent(id.uuid())),
            Subject::ChangeSet(_) | Subject::Approval(_) => {
                let sets = ChangeSet::belonging_to(cx, subject)?;
                let mut checks = Vec::new();
                for entry in sets.iter().filter_map(|set| set.entry) {
                    checks.extend(Self::belonging_to(cx, Subject::Entry(entry))?);
                }
                // The checks are what is wanted; before there are any, the run that made the change.
                match checks.is_empty() {
                    false => Ok(checks),
                    true => get(cx, sets.into_iter().map(|set| set.proposal.run)),
                }
            }
            Subject::Plan(_)
            | Subject::Repo(_)
            | Subject::User(_)
            | Subject::Token(_)
            | Subject::Audit(_)
            | Subject::Grant(_) => Ok(Vec::new()),
        }
    }

    fn is_more_than(&self, _: Subject) -> bool {
        false
    }
}

/// Says in one line what a subject is about, redacted; nothing where that was purged.
pub(super) fn title(cx: &Cx, subject: Subject) -> Result<String, Error> {
    let title = match subject {
        Subject::Request(id) => match cx.store.get::<Request>(id)? {
            Some(found) => request::title(cx, &found)?,
            None => None,
        },
        Subject::Run(id) => match cx.store.get::<Run>(id)? {
            Some(found) => Some(cx.redactor.redact(&run_title(cx, &found)?).into_owned()),
            None => None,
        },
        Subject::ChangeSet(_) | Subject::Approval(_) | Subject::Entry(_) => {
            match ChangeSet::belonging_to(cx, subject)?.first() {
                Some(set) => change_set::title(cx, set)?,
                None => None,
            }
        }
        Subject::Plan(_)
        | Subject::Repo(_)
        | Subject::User(_)
        | Subject::Token(_)
        | Subject::Audit(_)
        | Subject::Grant(_) => None,
    };
    Ok(title.unwrap_or_default())
}

fn list<M: Stored>(cx: &Cx, filter: Filter) -> Result<Vec<M>, Error> {
    Ok(cx.store.list::<M>(&filter.limit(BELONGING_MAX))?.rows)
}

fn get<M: Stored>(cx: &Cx, ids: impl IntoIterator<Item = M::Id>) -> Result<Vec<M>, Error> {
    let found = ids
        .into_iter()
        .filter_map(|id| cx.store.get::<M>(id).transpose());
    Ok(found.collect::<Result<_, _>>()?)
}
