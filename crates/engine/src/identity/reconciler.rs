//! Notes tokens whose time has passed, and refused sign-ins that were counted since the last note.

use std::sync::Arc;

use hyperion_model::token::{self, Token};
use hyperion_model::{Command, Name};
use hyperion_store::{Filter, StoreError};

use super::session::note_refused;
use crate::reconcile::{Progress, Reconcile};
use crate::{Cx, Error};

/// How many tokens are looked at in one go.
const BATCH: u32 = 200;

/// Notes what time does to identities.
pub(crate) struct Identity {
    name: Name,
}

impl Identity {
    pub(crate) const fn new(name: Name) -> Self {
        Self { name }
    }
}

impl Reconcile for Identity {
    fn name(&self) -> &'static str {
        "identity"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        let now = cx.now();
        let (notes, mut wake_at) = cx.sign_ins.due_notes(now);
        let mut worked = !notes.is_empty();
        for (user, count) in notes {
            note_refused(cx, user, count)?;
        }
        for token in cx.store.due::<Token>(now, BATCH)?.rows {
            let expire = vec![Command::Token(token.id, token::Command::Expire)];
            match cx.execute(cx.stamp(&self.name), expire, vec![]) {
                // Revoked in this very moment.
                Ok(_) | Err(Error::Store(StoreError::Refused { .. })) => worked = true,
                Err(error) => return Err(error),
            }
            cx.store.remove_credential(token.id.uuid())?;
        }
        if worked {
            return Ok(Progress::Worked);
        }
        let open = cx.store.list::<Token>(&Filter::open().limit(BATCH))?.rows;
        let ends = open.iter().filter_map(|token| token.expires_at);
        wake_at = ends.chain(wake_at).min();
        Ok(Progress::Idle { wake_at })
    }
}
