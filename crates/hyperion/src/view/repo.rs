//! Repositories.

use hyperion_api::repo::Repo;

use super::{field, fields};
use crate::output::style::{self, paint};
use crate::output::table::{Cell, Table, fixed, prose};
use crate::output::visible::visible;

/// Writes a list.
pub(crate) fn table(repos: &[Repo], width: Option<usize>) -> String {
    let mut table = Table::new([
        fixed("NAME"),
        fixed("BRANCH"),
        fixed("STATUS"),
        fixed("CHECKS"),
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
            (&repo.path).into(),
        ]);
    }
    table.render(width)
}

/// Writes one.
pub(crate) fn block(repo: &Repo) -> String {
    let known = if repo.created {
        "is now known"
    } else {
        "was known already"
    };
    let name = paint(style::STRONG, &visible(&repo.name));
    let mut text = format!("{} Repository {name} {known}\n", paint(style::GOOD, "✓"));
    text.push_str(&field("path", &visible(&repo.path)));
    text.push_str(&field("lands on", &visible(&repo.branch)));
    match &repo.checks {
        None => text.push_str(&field(
            "checks",
            "cannot be read now: hyperion doctor says why",
        )),
        Some(checks) if checks.is_empty() => {
            text.push_str(&field(
                "checks",
                "none: whatever is approved lands unchecked",
            ));
        }
        Some(checks) => {
            let lines = checks
                .iter()
                .map(|check| format!("{}: {}", visible(&check.name), visible(&check.command)));
            text.push_str(&fields("checks", lines));
        }
    }
    text
}
