//! The rehearsal of a grant: which of the questions that were asked it would have answered.

use hyperion_model::approval::Approval;
use hyperion_model::grant::Scope;
use hyperion_model::{ApprovalId, Digest, Level, LineageId, RepoId, RequestId};
use hyperion_store::Filter;

use super::{Wanted, asked_command, digest_of, reach};
use crate::{Cx, Error};

/// How many questions are looked at, the latest.
const PAST_MAX: u32 = 200;

/// A question that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The approval.
    pub id: ApprovalId,
    /// Whether it was about a command.
    pub is_command: bool,
    /// The shape of that, where it can be granted.
    pub shape: Option<Digest>,
    /// Who had to agree.
    pub level: Level,
    /// The run that asked.
    pub lineage: LineageId,
    /// The request it was for.
    pub request: Option<RequestId>,
    /// The repository it was in.
    pub repo: Option<RepoId>,
}

/// Why a question would still be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is not about a command.
    NoCommand,
    /// The command is agreed to each time.
    NoShape,
    /// The command has another shape.
    OtherShape,
    /// It is for something else.
    OtherScope,
    /// It asks for more than the grant is given for.
    Stricter(Level),
    /// The grant would have been used up.
    UsedUp,
}

/// What a grant would have come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// The questions that it would have answered, oldest first.
    pub answered: Vec<ApprovalId>,
    /// The questions that would still have been asked.
    pub still_asked: Vec<(ApprovalId, Why)>,
}

/// Says what a grant would have answered; `past` is oldest first.
pub fn rehearse(wanted: &Wanted, level: Level, past: &[Past]) -> Rehearsal {
    let shape = digest_of(&wanted.shape);
    let mut rehearsal = Rehearsal::default();
    for question in past {
        let is_in_scope = match wanted.scope {
            Scope::Run(lineage) => question.lineage == lineage,
            Scope::Request(request) => question.request == Some(request),
            Scope::Repo(repo) => question.repo == Some(repo),
        };
        let is_used_up = wanted
            .uses_max
            .is_some_and(|max| rehearsal.answered.len() >= max as usize);
        let why = match question.shape {
            _ if !question.is_command => Why::NoCommand,
            None => Why::NoShape,
            Some(other) if other != shape => Why::OtherShape,
            Some(_) if !is_in_scope => Why::OtherScope,
            Some(_) if question.level > level => Why::Stricter(question.level),
            Some(_) if is_used_up => Why::UsedUp,
            Some(_) => {
                rehearsal.answered.push(question.id);
                continue;
            }
        };
        rehearsal.still_asked.push((question.id, why));
    }
    rehearsal
}

/// Rehearses a grant over the last questions of this home.
pub fn past(cx: &Cx) -> Result<Vec<(Past, Approval)>, Error> {
    let latest = Filter::default().newest().archived().limit(PAST_MAX);
    let mut questions = Vec::new();
    for approval in cx.store.list::<Approval>(&latest)?.rows {
        let asked = asked_command(cx, &approval)?;
        let question = &approval.question;
        let past = Past {
            id: approval.id,
            is_command: question.action.as_str() == crate::command::ACTION,
            shape: asked.and_then(|asked| asked.shape).as_ref().map(digest_of),
            level: question.level,
            lineage: question.lineage,
            request: question.request,
            repo: question.repo,
        };
        questions.push((past, approval));
    }
    questions.reverse();
    Ok(questions)
}

impl Wanted {
    /// Gives the strictest question that it answers, where this actor gives it.
    pub fn level_by(&self, actor: &hyperion_model::Actor) -> Level {
        self.level.unwrap_or_else(|| reach(actor))
    }
}

#[cfg(test)]
mod tests {
    use hyperion_model::Uuid;
    use hyperion_policy::{Place, Rules, Shape, judge_command};

    use super::*;

    /// A day of an agent at work: what it wanted, in which run and repository.
    const HISTORY: &[(&str, u128, u128)] = &[
        ("cargo test --workspace", 1, 1),
        ("cargo test retry", 1, 1),
        ("git commit -m 'Fix the retry'", 1, 1),
        ("cargo test backoff", 1, 1),
        ("git commit -m 'Add a test'", 1, 1),
        ("npm publish", 1, 1),
        ("cargo test retry", 2, 1),
        ("cargo test retry", 3, 2),
        ("eval \"$CMD\"", 1, 1),
    ];

    fn history() -> Vec<Past> {
        let rules = Rules::compile(hyperion_policy::RuleSource::default()).unwrap();
        let place = Place::at("/repo", Some("/home/ada")).unwrap();
        let judged = HISTORY.iter().zip(1..).map(|((command, run, repo), id)| {
            let judged = judge_command(command, &rules, &place);
            Past {
                id: ApprovalId::new(Uuid::from_u128(id)),
                is_command: true,
                shape: judged.shape.as_ref().map(digest_of),
                level: judged.level().unwrap_or(Level::ManualOnly),
                lineage: LineageId::new(Uuid::from_u128(*run)),
                request: None,
                repo: Some(RepoId::new(Uuid::from_u128(*repo))),
            }
        });
        let mut history: Vec<_> = judged.collect();
        history.push(Past {
            id: ApprovalId::new(Uuid::from_u128(99)),
            is_command: false,
            shape: None,
            ..history[0].clone()
        });
        history
    }

    fn told(like: &str, scope: Scope, uses_max: Option<u32>) -> String {
        let rules = Rules::compile(hyperion_policy::RuleSource::default()).unwrap();
        let place = Place::at("/repo", Some("/home/ada")).unwrap();
        let shape: Shape = judge_command(like, &rules, &place).shape.unwrap();
        let wanted = Wanted {
            shape,
            scope,
            level: Some(Level::TeamLead),
            uses_max,
            expires_at: None,
        };
        let done = rehearse(&wanted, Level::TeamLead, &history());
        let command = |id: &ApprovalId| {
            let at = usize::try_from(id.uuid().as_u128()).unwrap();
            HISTORY
                .get(at - 1)
                .map_or("(a change)", |(command, ..)| command)
        };
        let answered = done.answered.iter().map(|id| format!("+ {}", command(id)));
        let asked = done.still_asked.iter();
        let asked = asked.map(|(id, why)| format!("? {}: {why:?}", command(id)));
        std::iter::once(wanted.shape.to_string())
            .chain(answered)
            .chain(asked)
            .collect::<Vec<_>>()
            .join("\n")
    }

    // X11: what a grant would have answered is shown before it is given.
    #[test]
    fn a_rehearsal_tells_what_would_still_be_asked_and_why() {
        let run = Scope::Run(LineageId::new(Uuid::from_u128(1)));
        insta::assert_snapshot!(told("git commit -m x", run, Some(1)), @r#"
        git commit -m <text>
        + git commit -m 'Fix the retry'
        ? cargo test --workspace: OtherShape
        ? cargo test retry: OtherShape
        ? cargo test backoff: OtherShape
        ? git commit -m 'Add a test': UsedUp
        ? npm publish: OtherShape
        ? cargo test retry: OtherShape
        ? cargo test retry: OtherShape
        ? eval "$CMD": NoShape
        ? (a change): NoCommand
        "#);
        let repo = Scope::Repo(RepoId::new(Uuid::from_u128(1)));
        insta::assert_snapshot!(told("cargo test retry", repo, None), @r#"
        cargo test retry
        + cargo test retry
        + cargo test retry
        ? cargo test --workspace: OtherShape
        ? git commit -m 'Fix the retry': OtherShape
        ? cargo test backoff: OtherShape
        ? git commit -m 'Add a test': OtherShape
        ? npm publish: OtherShape
        ? cargo test retry: OtherScope
        ? eval "$CMD": NoShape
        ? (a change): NoCommand
        "#);
    }
}
