//! Ends grants whose time passed, and those whose request ended.

use std::sync::Arc;

use hyperion_model::grant::{self, Grant, Scope};
use hyperion_model::request::Request;
use hyperion_model::{Command, Name, Time};
use hyperion_store::{Filter, StoreError};

use crate::reconcile::{Progress, Reconcile};
use crate::{Cx, Error};

/// Ends grants.
pub(crate) struct Grants {
    name: Name,
}

impl Grants {
    pub(crate) const fn new(name: Name) -> Self {
        Self { name }
    }
}

impl Reconcile for Grants {
    fn name(&self) -> &'static str {
        "grant"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        let now = cx.now();
        let mut worked = false;
        let mut next: Option<Time> = None;
        for grant in cx.store.open_rows::<Grant>(&Filter::open())?.rows {
            let is_over = match (grant.terms.expires_at, grant.terms.scope) {
                (Some(end), _) if end <= now => true,
                (_, Scope::Request(id)) => cx
                    .store
                    .get::<Request>(id)?
                    .is_none_or(|request| !request.status.is_open()),
                (_, Scope::Run(_) | Scope::Repo(_)) => false,
            };
            if !is_over {
                let end = grant.terms.expires_at;
                next = [next, end].into_iter().flatten().min();
                continue;
            }
            let expire = vec![Command::Grant(grant.id, grant::Command::Expire)];
            match cx.execute(cx.stamp(&self.name), expire, vec![]) {
                Ok(_) => worked = true,
                // It was used up or revoked in this very moment.
                Err(Error::Store(StoreError::Refused { .. })) => worked = true,
                Err(error) => return Err(error),
            }
        }
        Ok(match worked {
            true => Progress::Worked,
            false => Progress::Idle { wake_at: next },
        })
    }
}
