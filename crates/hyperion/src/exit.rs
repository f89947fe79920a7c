//! The exit statuses of the command line: the one place where they are listed.

use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// How a command ended, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All that was asked for is done.
    Done = 0,
    /// The work was tried and failed: a check, a rejection, a damaged log.
    Failed = 1,
    /// The command line, a setting or an input file is wrong.
    Usage = 2,
    /// It conflicts with something that came first.
    Conflict = 3,
    /// Policy refuses it, whoever agrees.
    Refused = 4,
    /// An id on the command line names nothing.
    NotFound = 5,
    /// Something it needs is missing: the engine, the disk, the home.
    Unavailable = 69,
    /// It waits for a person.
    Waiting = 75,
    /// The time to decide ran out, or somebody called it off.
    Expired = 76,
    /// `exec` itself failed.
    ExecFailed = 125,
    /// `exec` could not run the command.
    CommandCannotRun = 126,
    /// `exec` did not find the command.
    CommandNotFound = 127,
    /// Ctrl-C.
    Interrupted = 130,
}

/// Every status with its meaning, for `--help`, the manual page and the reference.
pub(crate) const MEANINGS: &[(Exit, &str)] = &[
    (Exit::Done, "done"),
    (Exit::Failed, "the work failed"),
    (Exit::Usage, "wrong usage, a wrong setting or bad input"),
    (Exit::Conflict, "a conflict, or a stale base"),
    (Exit::Refused, "refused by policy"),
    (Exit::NotFound, "an id on the command line was not found"),
    (Exit::Unavailable, "a needed service is unavailable"),
    (Exit::Waiting, "it waits for a person"),
    (Exit::Expired, "expired or cancelled"),
    (Exit::ExecFailed, "`exec` itself failed"),
    (
        Exit::CommandCannotRun,
        "the command of `exec` cannot be run",
    ),
    (Exit::CommandNotFound, "the command of `exec` was not found"),
    (Exit::Interrupted, "interrupted"),
];

impl Exit {
    /// Gives the number.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    /// Finds the status of a number that the API gives; unknown ones count as failed work.
    pub(crate) fn from_code(code: u8) -> Self {
        MEANINGS
            .iter()
            .map(|(exit, _)| *exit)
            .find(|exit| exit.code() == code)
            .unwrap_or(Self::Failed)
    }

    /// Gives the status of several pieces of work that were asked for at once.
    ///
    /// Waiting wins, because the others' ends are final and can be looked up; failures that differ
    /// are just failed work.
    pub(crate) fn of_several(exits: impl IntoIterator<Item = Self>) -> Self {
        exits
            .into_iter()
            .reduce(|all, one| match (all, one) {
                (Self::Waiting, _) | (_, Self::Waiting) => Self::Waiting,
                (Self::Done, other) | (other, Self::Done) => other,
                (all, one) if all == one => all,
                _ => Self::Failed,
            })
            .unwrap_or(Self::Done)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_of_the_api_has_a_listed_status() {
        for code in hyperion_api::problem::CODES {
            assert_eq!(
                Exit::from_code(code.exit).code(),
                code.exit,
                "{}",
                code.code
            );
        }
    }

    #[test]
    fn several_ends_make_one_status() {
        let of = |exits: &[Exit]| Exit::of_several(exits.iter().copied());
        assert_eq!(of(&[]), Exit::Done);
        assert_eq!(
            of(&[Exit::Done, Exit::Conflict, Exit::Done]),
            Exit::Conflict
        );
        assert_eq!(of(&[Exit::Conflict, Exit::Refused]), Exit::Failed);
        assert_eq!(of(&[Exit::Conflict, Exit::Waiting]), Exit::Waiting);
    }
}
