//! Calling a request off, with everything that belongs to it.

use hyperion_api::Problem;
use hyperion_model::approval::{self, Approval};
use hyperion_model::change_set::{self, ChangeSet};
use hyperion_model::entry::{self, Entry};
use hyperion_model::plan::{self, Plan};
use hyperion_model::request::{self, Request};
use hyperion_model::{Actor, Command, RequestId, ShortText};
use hyperion_store::Filter;

use crate::{Cx, Error};

/// Calls a request off; refused while something of it is being landed, or has landed.
pub fn cancel(cx: &Cx, actor: &Actor, id: RequestId, reason: Option<&str>) -> Result<(), Error> {
    let reason = ShortText::cut(reason.unwrap_or("cancelled"));
    let mut commands = vec![Command::Request(
        id,
        request::Command::Cancel {
            reason: reason.clone(),
        },
    )];
    let open = Filter::open().request(id);
    for entry in cx.store.open_rows::<Entry>(&open)?.rows {
        if entry.status == entry::Status::Dispatching {
            return Err(under_way("something of it is being landed at this moment"));
        }
        let cancel = entry::Command::Cancel {
            reason: reason.clone(),
        };
        commands.push(Command::Entry(entry.id, cancel));
    }
    let landed = Filter::default()
        .request(id)
        .status(entry::Status::Landed.name())
        .limit(1);
    if cx.store.count::<Entry>(&landed)? > 0 {
        return Err(under_way("some of it has landed"));
    }
    for set in cx.store.open_rows::<ChangeSet>(&open)?.rows {
        let cancel = change_set::Command::Cancel {
            reason: reason.clone(),
        };
        commands.push(Command::ChangeSet(set.id, cancel));
    }
    for approval in cx.store.open_rows::<Approval>(&open)?.rows {
        let cancel = approval::Command::Cancel {
            reason: reason.clone(),
        };
        commands.push(Command::Approval(approval.id, cancel));
    }
    for plan in cx.store.open_rows::<Plan>(&open)?.rows {
        let abandon = plan::Command::Abandon {
            reason: reason.clone(),
        };
        commands.push(Command::Plan(plan.id, abandon));
    }
    if cx.store.get::<Request>(id)?.is_none() {
        let detail = format!("there is no request {id}");
        return Err(Problem::new("subject.not_found", detail).into());
    }
    cx.execute(cx.stamp_person(actor), commands, vec![])?;
    Ok(())
}

fn under_way(what: &str) -> Error {
    Problem::new(
        "state.illegal_move",
        format!("it cannot be called off: {what}"),
    )
    .hint("wait until it ends, then take it back with `hyperion rollback`")
    .into()
}
