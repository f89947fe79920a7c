//! Repositories.

use hyperion_api::repo::{Check, RemoteBranch, Repo};
use jiff::Timestamp;

use super::{count, field, fields};
use crate::id::short_commit;
use crate::output::style::{self, paint};
use crate::output::table::{Cell, Table, fixed, prose};
use crate::output::visible::visible;
use crate::time::ago;

/// Writes a list.
pub(crate) fn table(repos: &[Repo], width: Option<usize>) -> String {
    let mut table = Table::new([
        fixed("NAME"),
        fixed("BRANCH"),
        fixed("STATUS"),
        fixed("CHECKS"),
        fixed("REMOTE"),
        prose("PATH"),
    ]);
    for repo in repos {
        let checks = match &repo.checks {
            None => "unreadable".to_owned(),
            Some(checks) if checks.is_empty() => "none".to_owned(),
            Some(checks) => checks
                .iter()
                .map(|check| check.name.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        };
        table.row([
            (&repo.name).into(),
            (&repo.branch).into(),
            Cell::status(&repo.status),
            checks.into(),
            remote_in_a_word(repo).into(),
            (&repo.path).into(),
        ]);
    }
    table.render(width)
}

/// Names the remote and how far pushing is.
fn remote_in_a_word(repo: &Repo) -> String {
    let Some(remote) = &repo.remote else {
        return "none".to_owned();
    };
    let behind: u32 = repo.branches.iter().map(|branch| branch.landings).sum();
    let troubled = repo.branches.iter().any(|branch| branch.trouble.is_some());
    match (repo.push, behind) {
        _ if troubled => format!("{remote} (stuck)"),
        (false, _) => format!("{remote} (no push)"),
        (true, 0) => remote.clone(),
        (true, behind) => format!("{remote} ({behind} to push)"),
    }
}

/// Lists what is not pushed, and what keeps it from being: a line for each branch, with its repository.
pub(crate) fn not_pushed(repos: &[Repo]) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for repo in repos {
        let stuck = |branch: &&RemoteBranch| branch.trouble.is_some() || branch.landings > 0;
        for branch in repo.branches.iter().filter(stuck) {
            lines.push((repo.name.clone(), pushing(repo, branch)));
        }
    }
    lines
}

/// Says what of a branch is pushed, and what keeps the rest from being.
pub(crate) fn pushing(repo: &Repo, branch: &RemoteBranch) -> String {
    let name = &branch.branch;
    let waiting = match branch.landings {
        0 if branch.waits => format!("{name} waits to be pushed"),
        0 => name.clone(),
        landings => {
            let landings = count(usize::try_from(landings).unwrap_or(usize::MAX), "landing");
            format!("{name}: {landings} not pushed")
        }
    };
    let Some(trouble) = &branch.trouble else {
        return waiting;
    };
    let next = match trouble.cause.as_str() {
        "unreachable" | "busy" | "refused" => {
            format!("; `hyperion repo push {}` tries now", repo.name)
        }
        _ => String::new(),
    };
    if trouble.cause == "conflict" && branch.landings == 0 {
        // It names the branch itself.
        return trouble.reason.clone();
    }
    format!("{waiting}: {}{next}", trouble.reason)
}

/// Writes one that was just made known, or was known.
pub(crate) fn block(repo: &Repo) -> String {
    let known = if repo.created {
        "is registered"
    } else {
        "was registered already"
    };
    let name = paint(style::STRONG, &visible(&repo.name));
    let head = format!("{} Repository {name} {known}\n", paint(style::GOOD, "✓"));
    head + &facts(repo)
}

/// Says that one was forgotten.
pub(crate) fn forgotten(repo: &Repo) -> String {
    let mut text = format!(
        "Repository {} is forgotten; what happened to it stays on record. `hyperion init {}` brings it back.\n",
        visible(&repo.name),
        visible(&repo.path)
    );
    let remote = repo.remote.as_deref().unwrap_or_default();
    for branch in repo.branches.iter().filter(|branch| branch.landings > 0) {
        let landings = count(
            usize::try_from(branch.landings).unwrap_or(usize::MAX),
            "landing",
        );
        let left = format!(
            "{landings} on {0} of it {1} not pushed, and will not be by itself: git -C {2} push {remote} {0}",
            branch.branch,
            if branch.landings == 1 { "is" } else { "are" },
            repo.path
        );
        text.push_str(&format!("{}\n", super::warning(&left)));
    }
    text
}

/// Writes one with its remote.
pub(crate) fn detail(repo: &Repo, now: Timestamp) -> String {
    let status = match repo.status.as_str() {
        "active" => String::new(),
        other => format!(" {}", style::state(other)),
    };
    let name = paint(style::STRONG, &visible(&repo.name));
    let mut text = format!("Repository {name}{status}\n{}", facts(repo));
    let Some(remote) = &repo.remote else {
        text.push_str(&field(
            "remote",
            "none: what lands stays here until you push it yourself",
        ));
        return text;
    };
    let remote = visible(remote);
    let push = if repo.push {
        "what lands is pushed there"
    } else {
        "what others push there is brought in; what lands is not pushed"
    };
    text.push_str(&field("remote", &format!("{remote}: {push}")));
    let is_told = |branch: &&RemoteBranch| {
        branch.pushed.is_some() || branch.waits || branch.trouble.is_some()
    };
    let lines = repo.branches.iter().filter(is_told).map(|branch| {
        if branch.trouble.is_none() && !branch.waits {
            let commit = branch.pushed.as_deref().map_or("", short_commit);
            let at = branch.pushed_at.as_deref().map(|at| ago(at, now));
            let at = at.unwrap_or_default();
            return format!("{}: {commit} pushed, {at} ago", visible(&branch.branch));
        }
        visible(&pushing(repo, branch)).into_owned()
    });
    text.push_str(&fields("pushed", lines));
    text
}

/// Says what a check asks for itself.
fn asked(check: &Check) -> String {
    let asked = [
        check
            .sandbox
            .as_ref()
            .map(|level| format!("sandbox {level}")),
        check
            .network
            .as_ref()
            .map(|network| format!("network {network}")),
        check.timeout_sec.map(|seconds| format!("{seconds} s")),
        check.agreed.then(|| "an admin agreed".to_owned()),
    ];
    let asked: Vec<_> = asked.into_iter().flatten().collect();
    match asked.is_empty() {
        true => String::new(),
        false => format!(" ({})", visible(&asked.join(", "))),
    }
}

/// Whether an admin has yet to agree to what a check asks for.
pub(crate) const fn waits(check: &Check) -> bool {
    !check.asks.is_empty() && !check.agreed
}

/// Writes what is known of one.
fn facts(repo: &Repo) -> String {
    let mut text = String::new();
    text.push_str(&field("path", &visible(&repo.path)));
    text.push_str(&field("lands on", &visible(&repo.branch)));
    match &repo.checks {
        None => text.push_str(&field(
            "checks",
            "cannot be read now: hyperion doctor says why",
        )),
        Some(checks) if checks.is_empty() => {
            text.push_str(&field("checks", "none: what is approved lands unchecked"));
        }
        Some(checks) => {
            let lines = checks.iter().map(|check| {
                format!(
                    "{}: {}{}",
                    visible(&check.name),
                    visible(&check.command),
                    asked(check)
                )
            });
            text.push_str(&fields("checks", lines));
            text.push_str(&fields("waits", checks.iter().filter(|check| waits(check)).map(|check| {
                format!(
                    "check {} asks for {}, which is more than checks have here; nothing lands before an admin agrees: hyperion repo allow-check {} {}",
                    visible(&check.name),
                    visible(&check.asks.join(", ")),
                    visible(&repo.name),
                    visible(&check.name),
                )
            })));
        }
    }
    text
}
