//! Which requests something happened to: reconcilers look at those, and not at everything that is open.
//!
//! After a start everything that is open is looked at once, in slices, so that what is ready need not wait for it. From
//! then on the events say what to look at. Nothing is lost with this memory: the next start looks at everything again.

use std::collections::{HashSet, VecDeque};

use hyperion_model::{Command, Name, NewBlob, RequestId, Subject};
use hyperion_store::{Cursor, Filter, ReadError, Store, Stored};

use crate::{Cx, Error};

/// How many requests are looked at in one go after a start; others get their turn in between.
const SLICE: usize = 64;
/// How many are looked at in one go because something happened to them: as many as may land together, for what is looked
/// at together lands together, and every train costs the same.
const SLICE_AWAKE: usize = 256;
/// How many open rows are read in one go.
const PAGE: u32 = 64;
/// How many events are read in one go.
const EVENTS: u32 = 4096;

/// What follows for a request: commands that are decided as one, with their blobs.
pub(crate) type Writes = (Vec<Command>, Vec<NewBlob>);

/// One page of what is open: the requests, and where to go on.
type Sweep = fn(&Store, Option<Cursor>) -> Result<(Vec<RequestId>, Option<Cursor>), ReadError>;

/// The requests that are still to be looked at.
pub(crate) struct WakeList {
    sweep: Sweep,
    /// Where the first look at everything goes on; none when it is over.
    swept: Option<Option<Cursor>>,
    /// The last event that was taken into account; none before the first look.
    seen: Option<u64>,
    waiting: VecDeque<RequestId>,
    known: HashSet<RequestId>,
}

impl WakeList {
    /// Begins with the requests that the open rows of a noun belong to.
    pub(crate) fn with_all<M: Stored>() -> Self {
        Self {
            sweep: page::<M>,
            swept: Some(None),
            seen: None,
            waiting: VecDeque::new(),
            known: HashSet::new(),
        }
    }

    /// Takes the next few requests to look at.
    pub(crate) fn take(&mut self, store: &Store) -> Result<Vec<RequestId>, Error> {
        let mut seen = match self.seen {
            Some(seen) => seen,
            // Noted before anything is looked at: what happens meanwhile is looked at twice rather than never.
            None => store.last_seq()?,
        };
        loop {
            let (requests, last) = store.requests_since(seen, EVENTS)?;
            self.add(requests);
            if last == seen {
                break;
            }
            seen = last;
        }
        self.seen = Some(seen);
        while self.waiting.len() < SLICE
            && let Some(after) = self.swept
        {
            let (requests, next) = (self.sweep)(store, after)?;
            self.add(requests);
            self.swept = next.map(Some);
        }
        let most = if self.swept.is_some() {
            SLICE
        } else {
            SLICE_AWAKE
        };
        let taken = self.waiting.len().min(most);
        let taken: Vec<_> = self.waiting.drain(..taken).collect();
        for id in &taken {
            self.known.remove(id);
        }
        Ok(taken)
    }

    /// Puts back what could not be looked at, to be the next.
    pub(crate) fn put_back(&mut self, requests: &[RequestId]) {
        for id in requests.iter().rev() {
            if self.known.insert(*id) {
                self.waiting.push_front(*id);
            }
        }
    }

    /// Tells whether there are more to look at, without anything having to happen.
    pub(crate) fn is_behind(&self) -> bool {
        self.swept.is_some() || !self.waiting.is_empty()
    }

    /// Looks at the next few requests and commits what follows for each, together; tells whether anything did.
    ///
    /// What fails is looked at again after the others.
    pub(crate) fn each(
        &mut self,
        cx: &Cx,
        part: &Name,
        mut follows: impl FnMut(RequestId) -> Result<Vec<Writes>, Error>,
    ) -> Result<bool, Error> {
        let taken = self.take(&cx.store)?;
        let mut writes = Vec::new();
        let mut of = Vec::new();
        let mut fault = None;
        for (at, id) in taken.iter().enumerate() {
            match follows(*id) {
                Ok(follows) => {
                    of.extend(follows.iter().map(|_| *id));
                    writes.extend(follows);
                }
                Err(error) => {
                    let passing = error.is_passing();
                    fault = fault.or(Some(error));
                    if passing {
                        self.add(taken.get(at..).unwrap_or_default().to_vec());
                        break;
                    }
                    self.add(vec![*id]);
                }
            }
        }
        let worked = !writes.is_empty();
        for (id, answer) in of.into_iter().zip(cx.execute_each(&cx.stamp(part), writes)) {
            let Err(error) = answer.map_err(Error::from) else {
                continue;
            };
            self.add(vec![id]);
            // What moved on between looking and deciding is only looked at again.
            if !error.is_stale() {
                fault = fault.or(Some(error));
            }
        }
        match fault {
            Some(error) => Err(error),
            None => Ok(worked),
        }
    }

    fn add(&mut self, requests: Vec<RequestId>) {
        for id in requests {
            if self.known.insert(id) {
                self.waiting.push_back(id);
            }
        }
    }
}

/// A request belongs to itself.
fn request_of<M: Stored>(state: &M) -> Option<RequestId> {
    match M::subject(state.own_uuid()) {
        Subject::Request(id) => Some(id),
        Subject::Repo(_)
        | Subject::Plan(_)
        | Subject::Run(_)
        | Subject::ChangeSet(_)
        | Subject::Approval(_)
        | Subject::Entry(_)
        | Subject::User(_)
        | Subject::Token(_)
        | Subject::Audit(_)
        | Subject::Grant(_) => state.row().request,
    }
}

fn page<M: Stored>(
    store: &Store,
    after: Option<Cursor>,
) -> Result<(Vec<RequestId>, Option<Cursor>), ReadError> {
    let mut filter = Filter::open().limit(PAGE);
    filter.after = after;
    let page = store.list::<M>(&filter)?;
    let requests = page.rows.iter().filter_map(|state| request_of(state));
    Ok((requests.collect(), page.next))
}
