//! A person's decision: committed at once, whatever surface it came from; the first one wins.
//!
//! Who may decide follows from the role, from who owns what a change touches, and from whose work it is. The role is read once
//! more in the commit itself: who lost it meanwhile decides nothing.

use std::collections::BTreeSet;

use std::time::Duration;

use hyperion_api::Problem;
use hyperion_fault::{Point, reached};
use hyperion_model::approval::{self, Approval, may_decide};
use hyperion_model::request::Request;
use hyperion_model::user;
use hyperion_model::user::User;
use hyperion_model::{Actor, ApprovalId, Command, Digest, Level, Name, Role, ShortText, UserId};

use super::shown::{find, require_shown};
use crate::identity::{self, Known};
use crate::{Cx, Error};

/// What a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may go ahead.
    Approve,
    /// It may not.
    Reject,
    /// Not like this: it goes back with a comment.
    RequestChanges,
}

/// Whoever decides.
#[derive(Debug, Clone, Copy)]
pub struct Decider<'a> {
    actor: &'a Actor,
    known: Option<&'a Known>,
}

impl<'a> From<&'a Actor> for Decider<'a> {
    fn from(actor: &'a Actor) -> Self {
        Self { actor, known: None }
    }
}

impl<'a> From<&'a Known> for Decider<'a> {
    fn from(known: &'a Known) -> Self {
        Self {
            actor: &known.actor,
            known: Some(known),
        }
    }
}

impl Decider<'_> {
    /// What refuses the commit if they may not do it any more.
    fn vouch(&self, cx: &Cx) -> Result<Vec<Command>, Error> {
        if let Some(known) = self.known {
            return Ok(known.vouch());
        }
        let Actor::Person { id, role } = self.actor else {
            return Ok(Vec::new());
        };
        let user = cx.store.get::<User>(UserId::of(id))?;
        let vouch = user::Command::Vouch { at_least: *role };
        Ok(user
            .map(|user| Command::User(user.id, vouch))
            .into_iter()
            .collect())
    }
}

/// Commits a person's decision; `digest` is that of what they looked at.
pub fn decide<'a>(
    cx: &Cx,
    by: impl Into<Decider<'a>>,
    id: ApprovalId,
    decision: Decision,
    reason: Option<&str>,
    digest: Option<Digest>,
) -> Result<(), Error> {
    let by: Decider<'_> = by.into();
    let reason = reason.map(str::trim).filter(|text| !text.is_empty());
    if decision == Decision::RequestChanges && reason.is_none() {
        return Err(Problem::new(
            "input.invalid",
            "asking for changes needs a comment: what to change",
        )
        .hint("add the comment, for instance --comment \"keep the old name\"")
        .into());
    }
    let reason = reason.map(ShortText::cut);
    if decision == Decision::Approve {
        let asked = find(cx, id)?;
        require_shown(cx, by.actor, &asked)?;
        require_other(cx, by.actor, &asked)?;
    }
    let command = match decision {
        Decision::Approve => approval::Command::Approve { digest, reason },
        Decision::Reject => approval::Command::Reject {
            digest,
            reason,
            changes_requested: false,
        },
        Decision::RequestChanges => approval::Command::Reject {
            digest,
            reason,
            changes_requested: true,
        },
    };
    let mut commands = by.vouch(cx)?;
    commands.push(Command::Approval(id, command));
    cx.execute(cx.stamp_person(by.actor), commands, vec![])?;
    reached(Point::ApprovalDecided);
    Ok(())
}

/// Gives more time to decide, counted from when it expires now; at most ninety days in all.
pub fn extend(cx: &Cx, actor: &Actor, id: ApprovalId, by: Duration) -> Result<(), Error> {
    let expires_at = find(cx, id)?.question.expires_at + by.min(approval::MAX_TTL);
    let command = approval::Command::Extend { expires_at };
    cx.execute(
        cx.stamp_person(actor),
        vec![Command::Approval(id, command)],
        vec![],
    )?;
    Ok(())
}

/// Withdraws a question; what waited for it is called off.
pub fn cancel(cx: &Cx, actor: &Actor, id: ApprovalId, reason: Option<&str>) -> Result<(), Error> {
    let asked = find(cx, id)?;
    if let Some(request) = asked.question.request
        && !asked.question.may_be_decided_by(actor)
    {
        let request = cx.store.get::<Request>(request)?;
        request.map_or(Ok(()), |request| identity::require_own(actor, &request))?;
    }
    let reason = ShortText::cut(reason.unwrap_or("withdrawn"));
    let command = approval::Command::Cancel { reason };
    cx.execute(
        cx.stamp_person(actor),
        vec![Command::Approval(id, command)],
        vec![],
    )?;
    Ok(())
}

/// Refuses that somebody approves what they asked for themselves, where there is anybody else.
fn require_other(cx: &Cx, actor: &Actor, asked: &Approval) -> Result<(), Error> {
    // What is decided already, or not theirs to decide, says so itself.
    if asked.verdict.is_some() || !asked.question.may_be_decided_by(actor) {
        return Ok(());
    }
    if !is_own_work(cx, actor.id(), asked)? || identity::is_single_user(cx)? {
        return Ok(());
    }
    let others = who_may_decide(cx, asked)?;
    let hint = match others.names.is_empty() {
        false => format!("somebody else has to: {}", others.names.join(", ")),
        true => format!(
            "nobody else of this home may: make somebody {} with `hyperion user role NAME {}`",
            others.role, others.role
        ),
    };
    let detail = format!(
        "{} asked for this, and nobody approves their own work here",
        actor.id()
    );
    Err(Problem::new("approval.own_work", detail).hint(hint).into())
}

/// Tells whether what is asked is somebody's own work.
fn is_own_work(cx: &Cx, who: &Name, asked: &Approval) -> Result<bool, Error> {
    let Some(id) = asked.question.request else {
        return Ok(false);
    };
    let request = cx.store.get::<Request>(id)?;
    Ok(request.is_some_and(
        |request| matches!(&request.submitted_by, Actor::Person { id, .. } if id == who),
    ))
}

/// Who may decide a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhoMayDecide {
    /// The lowest role that may, whoever has it.
    pub role: Role,
    /// The users who may, by name; none on a home without users, whose owner decides.
    pub names: Vec<String>,
    /// Whose yes is wanted because they own what the change touches; an admin's does as well.
    pub owners: Vec<String>,
    /// Who may not, because it is their own work.
    pub own_work_of: Option<String>,
}

impl WhoMayDecide {
    /// Gives the users who may, or, where there are none, the roles.
    pub fn as_list(&self) -> Vec<String> {
        if !self.names.is_empty() {
            return self.names.clone();
        }
        let roles = Role::ALL.into_iter().filter(|role| *role >= self.role);
        roles.map(|role| role.name().to_owned()).collect()
    }

    /// Says it in one line.
    pub fn in_words(&self) -> String {
        let mut words = match (self.owners.is_empty(), self.role) {
            (true, Role::Admin) => "an admin".to_owned(),
            (true, role) => format!("a {role} or an admin"),
            (false, _) => format!("an owner ({}) or an admin", self.owners.join(", ")),
        };
        if !self.names.is_empty() {
            words.push_str(&format!(": {}", self.names.join(", ")));
        }
        if let Some(name) = &self.own_work_of {
            words.push_str(&format!("; not {name}, whose own work it is"));
        }
        words
    }
}

/// Says who may decide a question now.
pub fn who_may_decide(cx: &Cx, asked: &Approval) -> Result<WhoMayDecide, Error> {
    let question = &asked.question;
    let single = identity::is_single_user(cx)?;
    let mut own_work_of = None;
    let mut names = BTreeSet::new();
    for user in identity::list(cx)?.iter().filter(|user| user.is_active()) {
        let actor = Actor::Person {
            id: user.name.clone(),
            role: user.role,
        };
        if !may_decide(&actor, question.level, question.owners.as_ref()) {
            continue;
        }
        if !single && is_own_work(cx, &user.name, asked)? {
            own_work_of = Some(user.name.to_string());
            continue;
        }
        names.insert(user.name.to_string());
    }
    let owners = question.owners.as_ref();
    let role = match (question.level, owners) {
        (Level::Auto | Level::TeamLead, None) => Role::TeamLead,
        (Level::Auto | Level::TeamLead, Some(_)) | (Level::Admin | Level::ManualOnly, _) => {
            Role::Admin
        }
    };
    let owners = owners.filter(|_| question.level <= Level::TeamLead);
    let owners = owners.into_iter().flat_map(|owners| &owners.names);
    Ok(WhoMayDecide {
        role,
        names: names.into_iter().collect(),
        owners: owners.map(ToString::to_string).collect(),
        own_work_of,
    })
}
