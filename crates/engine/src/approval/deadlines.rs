//! When questions are announced to expire, and do.
//!
//! All that wait are looked at only when the time of one has come; in between, the events say which of them to look at.

use std::collections::BTreeSet;

use hyperion_model::approval::{Approval, Status};
use hyperion_model::{Command, Name, Subject, Time};
use hyperion_store::{EventFilter, Filter, StoreError};

use super::reconciler::at_deadline;
use crate::{Cx, Error};

/// How many events are read in one go.
const EVENTS: u32 = 1000;
/// How many questions are announced or ended together.
const TOGETHER: usize = 500;

/// The deadlines of all questions.
#[derive(Default)]
pub(super) struct Deadlines {
    /// The last event that was taken into account; none before the first look.
    seen: Option<u64>,
    /// Whether all of them were looked at since the start.
    looked: bool,
    /// When something is to be done next.
    pub(super) next: Option<Time>,
}

impl Deadlines {
    /// Announces and ends what is due; tells whether anything was. `unseen` where time passed that nobody saw pass.
    pub(super) fn watch(
        &mut self,
        cx: &Cx,
        part: &Name,
        now: Time,
        unseen: bool,
    ) -> Result<bool, Error> {
        self.take_news(cx)?;
        if self.looked && !unseen && self.next.is_none_or(|next| now < next) {
            return Ok(false);
        }
        let pending = cx.store.open_rows::<Approval>(&Filter::open())?.rows;
        let due: Vec<_> = pending
            .iter()
            .filter(|approval| moment(cx, approval) <= now)
            .filter_map(|approval| Some((approval.id, at_deadline(approval, now, unseen)?)))
            .take(TOGETHER)
            .collect();
        if due.is_empty() {
            self.looked = true;
            self.next = pending.iter().map(|approval| moment(cx, approval)).min();
            return Ok(false);
        }
        // All are looked at again after these.
        self.next = Some(now);
        let commands = due
            .into_iter()
            .map(|(id, command)| (vec![Command::Approval(id, command)], vec![]));
        for answer in cx.execute_each(&cx.stamp(part), commands) {
            match answer {
                // Somebody decided it in this moment.
                Ok(_) | Err(StoreError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Takes the questions into account that something happened to.
    fn take_news(&mut self, cx: &Cx) -> Result<(), Error> {
        let Some(mut seen) = self.seen else {
            // Noted before anything is looked at: what happens meanwhile is looked at twice rather than never.
            self.seen = Some(cx.store.last_seq()?);
            return Ok(());
        };
        let last = cx.store.last_seq()?;
        let mut changed = BTreeSet::new();
        while seen < last {
            let page = cx.store.events(&EventFilter {
                kinds: vec!["approval.".to_owned()],
                after: Some(seen),
                limit: EVENTS,
                ..EventFilter::default()
            })?;
            changed.extend(
                page.events
                    .iter()
                    .filter_map(|event| match event.event.subject {
                        Subject::Approval(id) => Some(id),
                        _ => None,
                    }),
            );
            seen = page.next.unwrap_or(last);
        }
        for id in changed {
            let approval = cx.store.get::<Approval>(id)?;
            if let Some(approval) = approval.filter(|one| one.status == Status::Pending) {
                let at = moment(cx, &approval);
                self.next = Some(self.next.map_or(at, |next| next.min(at)));
            }
        }
        self.seen = Some(seen);
        Ok(())
    }
}

/// When something is to be done about a question: its end is announced, or comes.
fn moment(cx: &Cx, approval: &Approval) -> Time {
    let announce_at = approval.question.expires_at - cx.settings.approval_warn_before;
    approval.deadline().unwrap_or(announce_at)
}
