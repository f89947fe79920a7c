//! Branches of the clone.

use hyperion_api::Problem;
use hyperion_api::tool::git::{BranchResult, Checkout, CreateBranch};
use hyperion_git::{CLONE_BRANCHES_MAX, Oid};

use super::CloneCall;
use crate::Error;
use crate::tool::clones::{branch_name, unusable};

/// The most characters of a branch's name.
const NAME_MAX_CHARS: usize = 100;

pub(super) fn create(at: &CloneCall<'_>, wanted: &CreateBranch) -> Result<BranchResult, Error> {
    let CreateBranch { name, base } = wanted;
    check_name(name)?;
    let branch = branch_name(name)?;
    let git = &at.clone.git;
    let branches = git.branches()?;
    if branches.iter().any(|(known, _)| *known == branch) {
        let detail = format!("the clone has a branch {name} already");
        return Err(Problem::new("git.name", detail)
            .hint("check it out, or choose another name")
            .into());
    }
    if branches.len() >= CLONE_BRANCHES_MAX {
        let detail = format!("the clone has {CLONE_BRANCHES_MAX} branches, which is the limit");
        return Err(Problem::new("git.name", detail)
            .hint("go on in a new clone")
            .into());
    }
    let start = start(at, base.as_deref())?;
    at.oversight.note(vec![name.clone(), start.to_string()])?;
    at.clone.pin(&at.opened, &start)?;
    git.move_branch(&branch, &start, None)?;
    if let Err(error) = git.switch_to(&branch) {
        git.drop_branch(&branch, &start)?;
        return Err(unusable(error));
    }
    Ok(BranchResult {
        branch: name.clone(),
        head: start.to_string(),
    })
}

/// Finds the commit that a branch starts from.
fn start(at: &CloneCall<'_>, base: Option<&str>) -> Result<Oid, Error> {
    let Some(base) = base else {
        return Ok(at.target.clone());
    };
    if let Ok(branch) = branch_name(base)
        && let Some(tip) = at.clone.git.tip(&branch)?
    {
        return Ok(tip);
    }
    if let Ok(commit) = Oid::parse(base)
        && at.opened.git.exists(&commit)?
        && at.opened.git.is_ancestor(&commit, &at.target)?
    {
        return Ok(commit);
    }
    let detail = format!(
        "{base:?} is neither a branch of the clone nor a commit of {}",
        at.clone.note.branch
    );
    Err(Problem::new("git.name", detail)
        .hint("name one that `status` or `log` tells, with the whole id of a commit, or leave base out")
        .into())
}

pub(super) fn checkout(at: &CloneCall<'_>, wanted: &Checkout) -> Result<BranchResult, Error> {
    let branch = branch_name(&wanted.branch)?;
    let git = &at.clone.git;
    let Some(tip) = git.tip(&branch)? else {
        let detail = format!("the clone has no branch {}", wanted.branch);
        return Err(Problem::new("git.name", detail)
            .hint("`status` lists its branches; createBranch makes one")
            .into());
    };
    at.oversight
        .note(vec![wanted.branch.clone(), tip.to_string()])?;
    git.switch_to(&branch).map_err(unusable)?;
    Ok(BranchResult {
        branch: wanted.branch.clone(),
        head: tip.to_string(),
    })
}

/// A name says whose work it is and what about: `agent/<ticket>-<slug>`.
fn check_name(name: &str) -> Result<(), Problem> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let is_good = name.strip_prefix("agent/").is_some_and(|rest| {
        let (ticket, slug) = rest.split_once('-').unwrap_or((rest, ""));
        rest.chars().all(fits)
            && ticket.starts_with(|letter: char| letter.is_ascii_alphanumeric())
            && slug.contains(|letter: char| letter.is_ascii_alphanumeric())
    });
    if is_good && name.chars().count() <= NAME_MAX_CHARS {
        return Ok(());
    }
    let shown: String = name.chars().take(NAME_MAX_CHARS).collect();
    let detail = format!("{shown:?} is not a name for an agent's branch");
    Err(Problem::new("git.name", detail).hint(
        "name it agent/<ticket>-<slug>, of letters, digits, `-`, `_` and `.`, at most 100 in all: agent/PROJ-12-cap-delay",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    // T2: agent/{ticket}-{slug}, and nothing that could be taken for something else.
    #[test]
    fn names_say_whose_work_it_is_and_what_about() {
        for good in ["agent/PROJ-12-cap-delay", "agent/12-x", "agent/a-b_c.d"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = format!("agent/a-{}", "b".repeat(93));
        for bad in [
            "main",
            "agent/",
            "agent/x",
            "agent/-x",
            "agent/x-",
            "agent/a-b/c",
            "Agent/a-b",
            "agent/a b-c",
            "agent/a-b~1",
            "agent/a-\u{202e}b",
            "refs/heads/agent/a-b",
            &long,
            "-agent/a-b",
            "agent/a-b\n",
        ] {
            let refused = check_name(bad).unwrap_err();
            assert_eq!(refused.code, "git.name", "{bad:?}");
        }
        // What git does not take is refused after that.
        assert!(check_name("agent/a-b.lock").is_ok() && branch_name("agent/a-b.lock").is_err());
    }
}
