//! The git server: branches, commits and hand-ins in the clone that the session is bound to.
//!
//! What an agent may do is decided here: it changes `agent/` branches of its own clone, adds what the rules let it write,
//! commits what could land, and hands a branch in as a request, which goes the way of every request.

mod branch;
mod change;
mod hand_in;
mod look;
#[cfg(test)]
mod tests;

use std::sync::MutexGuard;

use hyperion_api::Problem;
use hyperion_api::tool::git as wire;
use hyperion_git::{Oid, TreePath};
use hyperion_policy::{Access, Judgement, Rules, judge_path};
use hyperion_tools::words::git as words;
use serde_json::Value;

use super::call::{Done, answer, read};
use super::clones::{Clones, OpenClone};
use super::oversee::Oversight;
use crate::repo::Opened;
use crate::{Cx, Error};

pub(super) use hand_in::{RequestText, hand_in};

/// One call in one clone.
pub(super) struct CloneCall<'a> {
    pub(super) cx: &'a Cx,
    pub(super) clone: &'a OpenClone,
    oversight: &'a Oversight<'a>,
    opened: Opened,
    /// Where the branch stands that work lands on.
    target: Oid,
    /// The rules of that branch.
    rules: Rules,
    /// Calls in one clone are made one at a time.
    _turn: MutexGuard<'a, ()>,
}

impl<'a> CloneCall<'a> {
    pub(super) fn new(oversight: &'a Oversight<'a>, clone: &'a OpenClone) -> Result<Self, Error> {
        let cx = oversight.cx;
        clone.used(cx);
        let opened = clone.repository(cx)?;
        let target = opened.tip(&clone.note.branch)?;
        let (_, rules) = opened.file_and_rules(cx, &target)?;
        Ok(Self {
            cx,
            clone,
            oversight,
            opened,
            target,
            rules,
            _turn: clone.git.turn(),
        })
    }

    fn judge(&self, path: &str, access: Access) -> Judgement {
        judge_path(path, access, &self.rules, &self.clone.folder.place).judgement
    }

    /// Says why a path may not be touched; what only asks is let through, for the change will ask.
    fn denied(&self, path: &str, access: Access) -> Option<String> {
        let judged = self.judge(path, access);
        let why = || first_reason(&judged);
        judged.is_denied().then(why)
    }
}

pub(super) fn make(
    clones: &Clones,
    oversight: &Oversight<'_>,
    parameters: Value,
) -> Result<Done, Error> {
    let clone = oversight.session.clone_of()?;
    // Others are looked at before it is this call's turn: nobody waits for two.
    let others = match oversight.tool {
        "status" => look::others(oversight.cx, clones, clone)?,
        _ => Vec::new(),
    };
    let at = CloneCall::new(oversight, clone)?;
    Ok(match oversight.tool {
        "status" => {
            let wire::Status {} = read(parameters)?;
            answer(told(look::status(&at, others)), words::status)
        }
        "diff" => answer(told(look::diff(&at, &read(parameters)?)), words::diff),
        "log" => answer(told(look::log(&at, &read(parameters)?)), words::log),
        "createBranch" => answer(
            told(branch::create(&at, &read(parameters)?)),
            words::switched,
        ),
        "checkout" => answer(
            told(branch::checkout(&at, &read(parameters)?)),
            words::switched,
        ),
        "add" => answer(told(change::add(&at, &read(parameters)?)), words::added),
        "commit" => answer(
            told(change::commit(&at, &read(parameters)?)),
            words::committed,
        ),
        "resetFile" => answer(told(change::reset(&at, &read(parameters)?)), words::reset),
        "push" => answer(
            told(hand_in::push(&at, &read(parameters)?)),
            words::handed_in,
        ),
        "createPR" => {
            let wire::CreatePr { .. } = read(parameters)?;
            Err(Problem::new(
                "git.no_forge",
                "no forge is connected to this home, so there is nowhere to open a pull request",
            )
            .hint("use push: it hands the branch in for approval, and it lands once it is approved and checked"))
        }
        other => Err(Problem::new("internal", format!("{other} is not wired"))),
    })
}

/// A fault of the call is its answer; one of the data or the machine is too, in its own words.
fn told<T>(done: Result<T, Error>) -> Result<T, Problem> {
    done.map_err(Problem::from)
}

/// Names a file of the clone as git does.
fn tree_path(path: &str) -> Result<TreePath, Problem> {
    let plain = path.trim_end_matches('/');
    let plain = plain.strip_prefix("./").unwrap_or(plain);
    let is_odd = plain.starts_with('/')
        || plain.chars().any(char::is_control)
        || plain.split('/').any(|part| matches!(part, "" | "." | ".."));
    if is_odd {
        let detail = format!("{path:?} is no path below the clone");
        return Err(Problem::new("path.escapes", detail)
            .hint("give a path relative to the clone, like src/main.rs"));
    }
    Ok(TreePath::from(plain))
}

fn first_reason(judged: &Judgement) -> String {
    let reason = judged.reasons.first();
    reason.map_or_else(|| "it is denied".to_owned(), |reason| reason.detail.clone())
}
