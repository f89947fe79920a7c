//! Finds what an id means: a whole id, the end or the beginning of one, or a commit that landed.
//!
//! An id of another kind than was asked for is taken for what belongs to it, where that is one thing only: a request's for the
//! approval of it that waits, a change set's for its request. Elsewhere the answer names what belongs to it.

mod kinds;
#[cfg(test)]
mod tests;

use std::str::FromStr;

use hyperion_api::{FieldError, Problem};
use hyperion_model::approval::Approval;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_model::grant::Grant;
use hyperion_model::machine::{Machine, Noun};
use hyperion_model::request::Request;
use hyperion_model::run::Run;
use hyperion_model::{
    ApprovalId, AuditId, ChangeSetId, EntryId, GrantId, PlanId, RequestId, RunId, Subject, TokenId,
    UserId, Uuid,
};
use hyperion_store::Stored;

use crate::rollback::landed_as;
use crate::{Cx, Error};

pub use kinds::Kind;

/// The fewest digits that may stand for an id, as in git.
const MIN_DIGITS: usize = 4;
/// The digits of an id of Hyperion's own.
const OWN_DIGITS: usize = 32;
/// The most digits that the id of a commit has.
const MAX_DIGITS: usize = 64;

/// Where commits that landed are found.
const LANDED: &str = "`hyperion history` lists what landed";

/// What an id names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// This; a commit names the queue entry that landed as it.
    Subject(Subject),
    /// A commit of this repository that did not land through Hyperion.
    OtherCommit {
        /// Its whole id.
        commit: String,
        /// The repository's name.
        repo: String,
    },
    /// Nothing.
    Nothing,
}

/// Finds what an id names, or what belongs to it, in order to show it.
pub fn find<M: Kind>(cx: &Cx, text: &str, wrap: fn(Uuid) -> M::Id) -> Result<M, Error>
where
    M::Id: FromStr,
{
    seek(cx, text, wrap, None)
}

/// Finds what an id names, or what belongs to it, in order to act on it; never more than what the id names.
pub fn find_to<M: Kind>(
    verb: &'static str,
    cx: &Cx,
    text: &str,
    wrap: fn(Uuid) -> M::Id,
) -> Result<M, Error>
where
    M::Id: FromStr,
{
    seek(cx, text, wrap, Some(verb))
}

/// Finds whatever an id names.
pub fn named(cx: &Cx, text: &str) -> Result<Named, Error> {
    let digits = digits(text)?;
    let mut fitting = Vec::new();
    if digits.len() <= OWN_DIGITS {
        fitting.extend(fits::<Request>(cx, &digits)?);
        fitting.extend(fits::<ChangeSet>(cx, &digits)?);
        fitting.extend(fits::<Approval>(cx, &digits)?);
        fitting.extend(fits::<Entry>(cx, &digits)?);
        fitting.extend(fits::<Run>(cx, &digits)?);
        fitting.extend(fits::<Grant>(cx, &digits)?);
    }
    let mut other = None;
    if fitting.is_empty() {
        let commits = landed_as(cx, &digits)?;
        fitting.extend(commits.landed.into_iter().map(Subject::Entry));
        other = commits.other;
    }
    Ok(match (fitting.as_slice(), other) {
        ([one], _) => Named::Subject(*one),
        ([], Some((commit, repo))) => Named::OtherCommit { commit, repo },
        ([], None) => Named::Nothing,
        (several, _) => return Err(ambiguous(cx, text, several)?.into()),
    })
}

/// Finds what an id of this kind names; only the whole id of what is seldom shown.
pub fn of_noun(cx: &Cx, noun: Noun, text: &str) -> Result<Subject, Error> {
    Ok(match noun {
        Noun::Request => Subject::Request(find::<Request>(cx, text, RequestId::new)?.id),
        Noun::ChangeSet => Subject::ChangeSet(find::<ChangeSet>(cx, text, ChangeSetId::new)?.id),
        Noun::Approval => Subject::Approval(find::<Approval>(cx, text, ApprovalId::new)?.id),
        Noun::Entry => Subject::Entry(find::<Entry>(cx, text, EntryId::new)?.id),
        Noun::Run => Subject::Run(find::<Run>(cx, text, RunId::new)?.id),
        Noun::Repo => Subject::Repo(crate::repo::find(cx, text, None)?.id),
        // A home has one.
        Noun::Audit => Subject::Audit(AuditId::of_home()),
        Noun::Plan => Subject::Plan(PlanId::new(whole(noun, text)?)),
        Noun::User => Subject::User(UserId::new(whole(noun, text)?)),
        Noun::Token => Subject::Token(TokenId::new(whole(noun, text)?)),
        Noun::Grant => Subject::Grant(find::<Grant>(cx, text, GrantId::new)?.id),
    })
}

fn whole(noun: Noun, text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| {
        let detail = format!("{text:?} is not the whole id of a {noun}");
        Problem::new("input.invalid", detail)
    })
}

/// Lists the queue entries that belong to whatever an id names, oldest first.
pub fn entries_of(cx: &Cx, text: &str) -> Result<Vec<Entry>, Error> {
    match named(cx, text)? {
        Named::Subject(subject) => Entry::belonging_to(cx, subject),
        Named::OtherCommit { commit, repo } => Err(elsewhere(&commit, &repo).into()),
        Named::Nothing => Err(nothing(text).into()),
    }
}

/// Says that nothing of a kind has an id.
pub fn missing<M: Machine>(text: &str) -> Problem {
    Problem::new(
        "subject.not_found",
        format!("there is no {} {text}", M::NOUN),
    )
    .hint("lists show ids; their last 8 digits are enough")
}

/// Says that a commit did not land through Hyperion.
pub(crate) fn not_landed(code: &str, commit: &str, repo: &str) -> Problem {
    let detail = format!("commit {commit:.10} of {repo} did not land through Hyperion");
    Problem::new(code, detail)
}

fn elsewhere(commit: &str, repo: &str) -> Problem {
    not_landed("subject.not_found", commit, repo).hint(LANDED)
}

/// Says that nothing at all has an id.
pub(crate) fn nothing(text: &str) -> Problem {
    let detail = format!("nothing has the id {text}, and no commit that landed begins so");
    Problem::new("subject.not_found", detail).hint(LANDED)
}

/// Gives the one thing of a kind that belongs to a subject, or names those that do.
pub(crate) fn belonging<M: Kind>(
    cx: &Cx,
    text: &str,
    subject: Subject,
    verb: Option<&'static str>,
) -> Result<M, Error> {
    let mut found = M::belonging_to(cx, subject)?;
    if found.iter().filter(|one| one.waits()).count() == 1 {
        found.retain(M::waits);
    }
    let goes_further = |one: &M| verb.is_some() && one.is_more_than(subject);
    match found.pop() {
        Some(one) if found.is_empty() && !goes_further(&one) => Ok(one),
        last => {
            found.extend(last);
            let likeliest = M::likeliest(&found).map(|one| M::subject(one.own_uuid()));
            let found: Vec<_> = found.iter().map(|one| M::subject(one.own_uuid())).collect();
            Err(of_another_kind::<M>(cx, text, subject, &found, likeliest, verb)?.into())
        }
    }
}

fn seek<M: Kind>(
    cx: &Cx,
    text: &str,
    wrap: fn(Uuid) -> M::Id,
    verb: Option<&'static str>,
) -> Result<M, Error>
where
    M::Id: FromStr,
{
    // A whole id is found by the index.
    if let Ok(id) = text.parse::<M::Id>()
        && let Some(found) = cx.store.get::<M>(id)?
    {
        return Ok(found);
    }
    let digits = digits(text)?;
    let own = match digits.len() {
        0..=OWN_DIGITS => fits::<M>(cx, &digits)?,
        _ => Vec::new(),
    };
    match own.as_slice() {
        [] => {}
        [one] => {
            let found = cx.store.get::<M>(wrap(one.uuid()))?;
            return found.ok_or_else(|| missing::<M>(text).into());
        }
        several => return Err(ambiguous(cx, text, several)?.into()),
    }
    match named(cx, text)? {
        Named::Subject(subject) => belonging(cx, text, subject, verb),
        Named::OtherCommit { commit, repo } => Err(elsewhere(&commit, &repo).into()),
        Named::Nothing => Err(missing::<M>(text).into()),
    }
}

/// Gives the digits of an id, in small letters.
fn digits(text: &str) -> Result<String, Problem> {
    let digits: String = text.chars().filter(|letter| *letter != '-').collect();
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex || digits.is_empty() || digits.len() > MAX_DIGITS {
        let shown: String = text.chars().take(80).collect();
        let detail = format!("{shown:?} is not an id");
        return Err(Problem::new("subject.not_found", detail)
            .hint("lists show ids; their last 8 digits are enough"));
    }
    if digits.len() < MIN_DIGITS {
        let detail = format!("{text:?} is too short for an id; give at least {MIN_DIGITS} digits");
        return Err(Problem::new("input.invalid", detail));
    }
    Ok(digits.to_ascii_lowercase())
}

fn fits<M: Stored>(cx: &Cx, digits: &str) -> Result<Vec<Subject>, Error> {
    let found = cx.store.find::<M>(digits)?;
    Ok(found.into_iter().map(M::subject).collect())
}

fn ambiguous(cx: &Cx, text: &str, several: &[Subject]) -> Result<Problem, Error> {
    let detail = format!("{text} fits several ids");
    Ok(Problem::new("subject.ambiguous", detail)
        .errors(described(cx, several)?)
        .hint("give more digits"))
}

/// Names what an id is, and what of the kind that was asked for belongs to it.
fn of_another_kind<M: Kind>(
    cx: &Cx,
    text: &str,
    subject: Subject,
    found: &[Subject],
    likeliest: Option<Subject>,
    verb: Option<&'static str>,
) -> Result<Problem, Error> {
    let title = match kinds::title(cx, subject)? {
        title if title.is_empty() => title,
        title => format!(" ({title:?})"),
    };
    let is = format!("{text} is {}{title}", what(text, subject));
    let next = |one: Subject| {
        let verb = verb.unwrap_or("show");
        format!("hyperion {} {verb} {}", M::COMMAND, short(one))
    };
    Ok(match found {
        [] => {
            let detail = format!("{is}; it has no {}", M::NOUN);
            Problem::new("subject.not_found", detail)
        }
        [one] => {
            let detail = format!("{is}; its {} is {}", M::NOUN, short(*one));
            Problem::new("subject.not_found", detail).hint(next(*one))
        }
        [first, ..] => {
            let detail = format!("{is}; it has {} {}", found.len(), plural(M::NOUN));
            Problem::new("subject.ambiguous", detail)
                .errors(described(cx, found)?)
                .hint(format!(
                    "name the one you mean: {}",
                    next(likeliest.unwrap_or(*first))
                ))
        }
    })
}

fn described(cx: &Cx, subjects: &[Subject]) -> Result<Vec<FieldError>, Error> {
    let described = subjects.iter().map(|subject| {
        let (noun, short) = (subject.noun(), short(*subject));
        Ok(FieldError {
            pointer: String::new(),
            detail: format!("{noun} {short}  {}", kinds::title(cx, *subject)?),
        })
    });
    described.collect()
}

/// Says what an id is, with its article.
fn what(text: &str, subject: Subject) -> String {
    let noun = subject.noun();
    let whole = subject.uuid().simple().to_string();
    let digits = text.replace('-', "").to_ascii_lowercase();
    if !whole.ends_with(&digits) && !whole.starts_with(&digits) {
        return format!("the commit of a {noun}");
    }
    match noun {
        Noun::Approval => format!("an {noun}"),
        Noun::Request
        | Noun::Plan
        | Noun::Run
        | Noun::ChangeSet
        | Noun::Entry
        | Noun::Repo
        | Noun::Audit
        | Noun::User
        | Noun::Token
        | Noun::Grant => format!("a {noun}"),
    }
}

fn plural(noun: Noun) -> String {
    match noun {
        Noun::Entry => "queue entries".to_owned(),
        Noun::Repo => "repositories".to_owned(),
        Noun::Request
        | Noun::Plan
        | Noun::Run
        | Noun::ChangeSet
        | Noun::Approval
        | Noun::Audit
        | Noun::User
        | Noun::Token
        | Noun::Grant => {
            format!("{noun}s")
        }
    }
}

/// Gives the digits of an id that lists show.
fn short(subject: Subject) -> String {
    let whole = subject.uuid().simple().to_string();
    whole[whole.len() - 8..].to_owned()
}
