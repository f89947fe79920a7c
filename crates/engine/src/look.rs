//! Reading committed facts, from wherever they are: what a reconciler decides follows from these alone.
//!
//! The parts of a reconciler that decide take [`Look`] and give commands; what has to do with files, git and
//! processes is around them. So the simulator runs the very same decisions over facts it keeps in memory.

use std::sync::Arc;

use hyperion_store::{Filter, Store, Stored};

use crate::{Cx, Error};

/// Reads committed facts.
pub(crate) trait Look {
    /// Gives a subject's state.
    fn get<M: Stored>(&self, id: M::Id) -> Result<Option<M>, Error>;

    /// Lists states, one page at most.
    fn list<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error>;

    /// Lists every open state that the filter lets through.
    fn open_rows<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error>;

    /// Counts states.
    fn count<M: Stored>(&self, filter: &Filter) -> Result<u64, Error>;
}

impl Look for Store {
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
}

impl Look for Cx {
    fn get<M: Stored>(&self, id: M::Id) -> Result<Option<M>, Error> {
        Look::get(&self.store, id)
    }

    fn list<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error> {
        Look::list(&self.store, filter)
    }

    fn open_rows<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error> {
        Look::open_rows(&self.store, filter)
    }

    fn count<M: Stored>(&self, filter: &Filter) -> Result<u64, Error> {
        Look::count::<M>(&self.store, filter)
    }
}

impl Look for Arc<Cx> {
    fn get<M: Stored>(&self, id: M::Id) -> Result<Option<M>, Error> {
        Look::get(&self.store, id)
    }

    fn list<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error> {
        Look::list(&self.store, filter)
    }

    fn open_rows<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error> {
        Look::open_rows(&self.store, filter)
    }

    fn count<M: Stored>(&self, filter: &Filter) -> Result<u64, Error> {
        Look::count::<M>(&self.store, filter)
    }
}
