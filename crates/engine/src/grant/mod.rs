//! Grants: what people agreed to beforehand, by the shape of a command.
//!
//! A use is counted in the commit that lets something go on by it: whoever acts on [`covers`] puts [`used`] into that commit, and looks
//! again where it is refused.

mod reconciler;
mod rehearse;

use std::time::Duration;

use hyperion_api::Problem;
use hyperion_model::approval::Approval;
use hyperion_model::grant::{self, Grant, Scope, Terms};
use hyperion_model::{
    Actor, Command, GrantId, Level, LineageId, NewBlob, RepoId, RequestId, RunId, ShortText, Time,
};
use hyperion_policy::Shape;
use hyperion_store::Filter;
use serde::Deserialize;

pub(crate) use reconciler::Grants;
pub use rehearse::{Past, Rehearsal, Why, past, rehearse};

use crate::{Cx, Error};

/// The most letters of a shape.
pub const SHAPE_MAX: usize = 16 * 1024;
/// How long a grant for a run holds where nobody said.
const RUN_TTL: Duration = Duration::from_secs(24 * 3600);
/// The most grants that are active at once.
const ACTIVE_MAX: u64 = 1000;

/// A question that a grant might answer.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The shape of the command.
    pub shape: &'a Shape,
    /// Who has to agree to it.
    pub level: Level,
    /// The run that wants it, in all its starts.
    pub lineage: Option<LineageId>,
    /// The request that it is for.
    pub request: Option<RequestId>,
    /// The repository that it is in.
    pub repo: Option<RepoId>,
}

/// Finds the grant that answers a question: the narrowest, and of several the oldest.
pub fn covers(cx: &Cx, asked: &Asked<'_>) -> Result<Option<Grant>, Error> {
    let scopes = [
        asked.lineage.map(Scope::Run),
        asked.request.map(Scope::Request),
        asked.repo.map(Scope::Repo),
    ];
    let shape = digest_of(asked.shape);
    let now = cx.now();
    for scope in scopes.into_iter().flatten() {
        let given = Filter::open().parent(scope.subject_id());
        let found = cx.store.open_rows::<Grant>(&given)?.rows;
        let answers = |grant: &Grant| {
            grant.terms.scope == scope
                && grant.terms.shape == shape
                && grant.answers(asked.level, now)
        };
        if let Some(grant) = found.into_iter().find(answers) {
            return Ok(Some(grant));
        }
    }
    Ok(None)
}

/// What counts a use of a grant: part of the commit that lets something go on by it.
pub fn used(grant: &Grant, run: Option<RunId>, level: Level) -> Command {
    Command::Grant(grant.id, grant::Command::Use { run, level })
}

/// What somebody wants to agree to.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The shape of the commands.
    pub shape: Shape,
    /// What it is to be given for.
    pub scope: Scope,
    /// The strictest question that it answers; as strict as whoever gives it may decide, if not said.
    pub level: Option<Level>,
    /// How often.
    pub uses_max: Option<u32>,
    /// Until when.
    pub expires_at: Option<Time>,
}

/// Gives a grant.
pub fn give(cx: &Cx, actor: &Actor, wanted: &Wanted) -> Result<Grant, Error> {
    check_shape(&wanted.shape)?;
    let active = cx.store.count::<Grant>(&Filter::open())?;
    if active >= ACTIVE_MAX {
        let detail = format!("{active} grants are active, and no more are allowed");
        return Err(Problem::new("state.illegal_move", detail)
            .hint("`hyperion grant list` shows them; revoke those that nobody needs")
            .into());
    }
    let ends = match wanted.scope {
        Scope::Run(_) => Some(cx.now() + RUN_TTL),
        Scope::Request(_) | Scope::Repo(_) => None,
    };
    let id = cx.id(GrantId::new);
    let shape = NewBlob::new(wanted.shape.as_str().as_bytes());
    let give = grant::Command::Give {
        id,
        terms: Terms {
            shape: shape.digest,
            scope: wanted.scope,
            level: wanted.level.unwrap_or_else(|| reach(actor)),
            uses_max: wanted.uses_max,
            expires_at: wanted.expires_at.or(ends),
        },
    };
    let commands = vec![Command::Grant(id, give)];
    cx.execute(cx.stamp_person(actor), commands, vec![shape])?;
    find(cx, id)
}

/// Takes a grant back.
pub fn revoke(cx: &Cx, actor: &Actor, id: GrantId, reason: Option<&str>) -> Result<Grant, Error> {
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    let reason = reason.map(ShortText::cut);
    let commands = vec![Command::Grant(id, grant::Command::Revoke { reason })];
    cx.execute(cx.stamp_person(actor), commands, vec![])?;
    find(cx, id)
}

/// Gives the shape that a grant is for, without what may be a secret; none once it was purged.
pub fn shape_of(cx: &Cx, grant: &Grant) -> Result<Option<String>, Error> {
    cx.read_text(grant.terms.shape)
}

/// What a question about a command keeps of it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct AskedCommand {
    /// The shape, where somebody may grant one.
    #[serde(default)]
    pub shape: Option<Shape>,
}

/// The part of a question's document that is about what was asked.
#[derive(Deserialize)]
struct AskedDocument {
    #[serde(default)]
    details: Option<AskedCommand>,
}

/// Reads which command an approval is about; none where it is about something else, or was purged.
pub fn asked_command(cx: &Cx, approval: &Approval) -> Result<Option<AskedCommand>, Error> {
    if approval.question.action.as_str() != crate::command::ACTION {
        return Ok(None);
    }
    let document: Option<AskedDocument> = cx.read_json(approval.question.document)?;
    Ok(document.and_then(|document| document.details))
}

/// Gives the shape that an approval asks about, or says why it cannot be granted.
pub fn shape_asked(cx: &Cx, approval: &Approval) -> Result<Shape, Error> {
    let short = approval.id.short();
    let Some(asked) = asked_command(cx, approval)? else {
        let detail = format!(
            "approval {short} is not about a command, and only commands are granted by their shape"
        );
        return Err(Problem::new("input.invalid", detail).into());
    };
    asked.shape.ok_or_else(|| {
        let detail =
            format!("the command of approval {short} is agreed to each time, never by a grant");
        Problem::new("input.invalid", detail)
            .hint("what it does is not known before it runs, or only a person may decide it")
            .into()
    })
}

fn check_shape(shape: &Shape) -> Result<(), Problem> {
    let text = shape.as_str();
    let detail = if text.trim().is_empty() {
        "the shape is empty".to_owned()
    } else if text.len() > SHAPE_MAX {
        format!(
            "the shape has {} bytes; at most {SHAPE_MAX} are allowed",
            text.len()
        )
    } else if text.chars().any(|c| c.is_control() && c != '\n') {
        "the shape has characters that cannot be seen".to_owned()
    } else {
        return Ok(());
    };
    Err(Problem::new("input.invalid", detail)
        .hint("give a shape as `hyperion policy test --command …` prints it, or --command with the command itself"))
}

/// Gives the strictest question that whoever gives a grant may answer by one.
fn reach(actor: &Actor) -> Level {
    if actor.may_decide(Level::Admin) {
        Level::Admin
    } else {
        Level::TeamLead
    }
}

fn digest_of(shape: &Shape) -> hyperion_model::Digest {
    hyperion_model::Digest::of(shape.as_str().as_bytes())
}

fn find(cx: &Cx, id: GrantId) -> Result<Grant, Error> {
    cx.store.get::<Grant>(id)?.ok_or_else(|| {
        let detail = format!("there is no grant {}", id.short());
        Problem::new("subject.not_found", detail).into()
    })
}
