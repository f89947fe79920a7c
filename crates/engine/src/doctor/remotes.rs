//! The remotes of repositories: how far each is, as of the last time that it was asked.

use hyperion_api::doctor::{Finding, Health};
use hyperion_model::repo::{Cause, Remote, Repo};
use hyperion_store::Filter;

use super::finding;
use crate::error::chain;
use crate::{Cx, Error};

/// Looks at the remote of every repository that has one; nothing is asked over the network.
pub(super) fn look(cx: &Cx) -> Vec<Finding> {
    let repos = cx.store.list::<Repo>(&Filter::open().limit(1000));
    let repos = repos.map(|page| page.rows).unwrap_or_default();
    let of = |repo: &Repo| {
        let remote = repo.remote.as_ref()?;
        let found = look_at(cx, repo, remote);
        Some(
            found
                .unwrap_or_else(|error| finding(&name(repo), Health::Warning, chain(&error), None)),
        )
    };
    repos.iter().filter_map(of).collect()
}

fn name(repo: &Repo) -> String {
    format!("remote {}", repo.name)
}

fn look_at(cx: &Cx, repo: &Repo, remote: &Remote) -> Result<Finding, Error> {
    let push = Some(format!("hyperion repo push {}", repo.name));
    for (branch, tracked) in &repo.branches {
        let Some(trouble) = &tracked.trouble else {
            continue;
        };
        let reason = cx.redactor.redact(trouble.reason.as_str());
        let detail = format!(
            "{branch} at {}: {reason}; tried {}\u{d7}",
            remote.name, trouble.tries
        );
        let fix = match trouble.cause {
            Cause::Unreachable | Cause::Busy | Cause::Refused => push,
            Cause::Conflict | Cause::InTheWay | Cause::Rewound | Cause::Rewritten => {
                Some(format!("hyperion repo show {}", repo.name))
            }
        };
        return Ok(finding(&name(repo), Health::Warning, detail, fix));
    }
    let git = &cx.repos.open(cx, repo.id)?.git;
    let branch = &repo.branch;
    let how = match remote.push {
        true => "what lands is pushed",
        false => "nothing is pushed",
    };
    let tip = git.resolve_commit(&format!("refs/heads/{branch}"))?;
    let theirs = git.resolve_commit(&format!("refs/remotes/{}/{branch}", remote.name))?;
    let (Some(tip), Some(theirs)) = (tip, theirs) else {
        let detail = format!(
            "{}, {how}; it is not known where its {branch} is",
            remote.name
        );
        return Ok(finding(&name(repo), Health::Ok, detail, None));
    };
    let ahead = git.commits_beyond(&tip, &theirs)?;
    let behind = git.commits_beyond(&theirs, &tip)?;
    let detail = format!(
        "{}, {how}; {branch} is {ahead} ahead and {behind} behind, as of the last fetch",
        remote.name
    );
    Ok(match ahead > 0 && remote.push {
        true => finding(&name(repo), Health::Warning, detail, push),
        false => finding(&name(repo), Health::Ok, detail, None),
    })
}
