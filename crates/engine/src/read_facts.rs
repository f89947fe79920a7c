//! Reading committed facts, from wherever they are: what a reconciler decides follows from these alone.
//!
//! The parts of a reconciler that decide take [`ReadFacts`] and give commands; what has to do with files, git and
//! processes is around them. So the simulator runs the very same decisions over facts it keeps in memory.

use std::sync::Arc;

use hyperion_model::{RequestId, Subject};
use hyperion_store::{
    Cursor, EventFilter, Filter, MAX_EVENTS_PAGE, MAX_OPEN_ROWS, MAX_PAGE, Order, Store, Stored,
};

use crate::{Cx, Error};

/// Reads committed facts.
pub(crate) trait ReadFacts {
    /// Gives a subject's state.
    fn get<M: Stored>(&self, id: M::Id) -> Result<Option<M>, Error>;

    /// Lists states, one page at most.
    fn list<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error>;

    /// Lists every open state that the filter lets through.
    fn open_rows<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error>;

    /// Counts states.
    fn count<M: Stored>(&self, filter: &Filter) -> Result<u64, Error>;

    /// Lists every state that was created after an event, oldest first.
    ///
    /// What came first is told by the events' numbers, never by their times: clocks go back.
    fn list_behind<M: Stored>(&self, filter: &Filter, seq: u64) -> Result<Vec<M>, Error>;

    /// Gives the number of the latest event of one kind about something.
    fn last_event(&self, about: Subject, kind: &str) -> Result<Option<u64>, Error>;

    /// Lists what the events of one kind in a request are about, in their order.
    fn in_order(&self, request: RequestId, kind: &str) -> Result<Vec<Subject>, Error>;
}

impl ReadFacts for Store {
    fn get<M: Stored>(&self, id: M::Id) -> Result<Option<M>, Error> {
        Ok(self.get::<M>(id)?)
    }

    fn list<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error> {
        Ok(self.list::<M>(filter)?.rows)
    }

    fn open_rows<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error> {
        Ok(self.open_rows::<M>(filter)?.rows)
    }

    fn count<M: Stored>(&self, filter: &Filter) -> Result<u64, Error> {
        Ok(self.count::<M>(filter)?)
    }

    fn list_behind<M: Stored>(&self, filter: &Filter, seq: u64) -> Result<Vec<M>, Error> {
        let mut filter = Filter {
            order: Order::OldestFirst,
            limit: MAX_PAGE,
            ..filter.clone()
        }
        .after(Cursor::behind_event(seq));
        let mut rows = Vec::new();
        loop {
            let page = self.list::<M>(&filter)?;
            rows.extend(page.rows);
            match page.next.filter(|_| rows.len() < MAX_OPEN_ROWS) {
                Some(next) => filter = filter.after(next),
                None => return Ok(rows),
            }
        }
    }

    fn last_event(&self, about: Subject, kind: &str) -> Result<Option<u64>, Error> {
        let page = self.events(&EventFilter {
            subject: Some(about),
            kinds: vec![kind.to_owned()],
            order: Order::NewestFirst,
            limit: 1,
            ..EventFilter::default()
        })?;
        Ok(page.events.first().map(|event| event.seq))
    }

    fn in_order(&self, request: RequestId, kind: &str) -> Result<Vec<Subject>, Error> {
        let page = self.events(&EventFilter {
            request: Some(request),
            kinds: vec![kind.to_owned()],
            limit: MAX_EVENTS_PAGE,
            ..EventFilter::default()
        })?;
        Ok(page
            .events
            .iter()
            .map(|event| event.event.subject)
            .collect())
    }
}

impl ReadFacts for Cx {
    fn get<M: Stored>(&self, id: M::Id) -> Result<Option<M>, Error> {
        ReadFacts::get(&self.store, id)
    }

    fn list<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error> {
        ReadFacts::list(&self.store, filter)
    }

    fn open_rows<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error> {
        ReadFacts::open_rows(&self.store, filter)
    }

    fn count<M: Stored>(&self, filter: &Filter) -> Result<u64, Error> {
        ReadFacts::count::<M>(&self.store, filter)
    }

    fn list_behind<M: Stored>(&self, filter: &Filter, seq: u64) -> Result<Vec<M>, Error> {
        ReadFacts::list_behind(&self.store, filter, seq)
    }

    fn last_event(&self, about: Subject, kind: &str) -> Result<Option<u64>, Error> {
        ReadFacts::last_event(&self.store, about, kind)
    }

    fn in_order(&self, request: RequestId, kind: &str) -> Result<Vec<Subject>, Error> {
        ReadFacts::in_order(&self.store, request, kind)
    }
}

impl ReadFacts for Arc<Cx> {
    fn get<M: Stored>(&self, id: M::Id) -> Result<Option<M>, Error> {
        ReadFacts::get(&self.store, id)
    }

    fn list<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error> {
        ReadFacts::list(&self.store, filter)
    }

    fn open_rows<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error> {
        ReadFacts::open_rows(&self.store, filter)
    }

    fn count<M: Stored>(&self, filter: &Filter) -> Result<u64, Error> {
        ReadFacts::count::<M>(&self.store, filter)
    }

    fn list_behind<M: Stored>(&self, filter: &Filter, seq: u64) -> Result<Vec<M>, Error> {
        ReadFacts::list_behind(&self.store, filter, seq)
    }

    fn last_event(&self, about: Subject, kind: &str) -> Result<Option<u64>, Error> {
        ReadFacts::last_event(&self.store, about, kind)
    }

    fn in_order(&self, request: RequestId, kind: &str) -> Result<Vec<Subject>, Error> {
        ReadFacts::in_order(&self.store, request, kind)
    }
}
