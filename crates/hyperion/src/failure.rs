//! How a command says that it could not do its work: what happened, where, and what to do next.

use std::fmt;

use hyperion_api::{ClientError, FieldError, Problem};
use hyperion_git::ProbeError;
use hyperion_host::{HomeError, LocationsError, LockError};
use hyperion_store::OpenError;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::id::short;
use crate::json_lines::Place;
use crate::output::style::{self, paint};
use crate::output::visible::{visible, visible_text};
use crate::settings::SettingsErrors;
use crate::time::readable;

/// What to do about settings that are wrong.
const FIX_SETTINGS: &str = "nothing was done; correct the file, or use `hyperion config set KEY VALUE` or `hyperion config unset KEY`; `hyperion config list` shows what can be set";

/// Something went wrong, in words for the person at the terminal.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    exit: Exit,
    what: String,
    details: Vec<String>,
    hint: Option<String>,
    problem: Option<Box<Problem>>,
}

impl Failure {
    /// Says what happened, as a sentence without a full stop.
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            details: Vec::new(),
            hint: None,
            problem: None,
        }
    }

    /// Says that the command line or an input is wrong.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Says that the command line is wrong, in the words of its parser.
    pub(crate) fn wrong_usage(wrong: &clap::Error) -> Self {
        let said = wrong.render().to_string();
        let (what, more) = said.split_once("\n\n").unwrap_or((&said, ""));
        let what = what.trim().trim_start_matches("error: ");
        let more: Vec<_> = more.split_whitespace().collect();
        let failure = Self::usage(what);
        match more.is_empty() {
            true => failure,
            false => failure.hint(more.join(" ")),
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says which of several ids it is about, where it does not do so itself.
    #[must_use]
    pub(crate) fn about(mut self, id: &str) -> Self {
        if !self.what.contains(short(id)) {
            self.what = format!("{}: {}", short(id), self.what);
        }
        self
    }

    /// Adds one line for each thing that is wrong.
    #[must_use]
    pub(crate) fn details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    /// Makes a failure of whatever ended a command.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let inside = || error.chain().find_map(|cause| cause.downcast_ref::<Self>());
        if let Some(failure) = error.downcast_ref::<Self>().or_else(inside) {
            return failure.copy();
        }
        for cause in error.chain() {
            if let Some(ClientError::Problem(problem)) = cause.downcast_ref() {
                return Self::of_problem(problem, |_| None);
            }
            if let Some(hint) = unavailable(cause) {
                return Self::new(Exit::Unavailable, said(error)).hint(hint);
            }
            if let Some(SettingsErrors(errors)) = cause.downcast_ref() {
                return Self::usage(cause.to_string())
                    .details(errors.iter().map(ToString::to_string))
                    .hint(FIX_SETTINGS);
            }
            if cause.downcast_ref::<LocationsError>().is_some() {
                return Self::usage(said(error));
            }
        }
        Self::new(Exit::Failed, said(error))
    }

    /// Makes a failure of the API's problem; `place` finds the place of a pointer where there is a file.
    pub(crate) fn of_problem(problem: &Problem, place: impl Fn(&str) -> Option<Place>) -> Self {
        let named = |error: &FieldError| match (place(&error.pointer), error.pointer.as_str()) {
            (Some(place), "") => place.to_string(),
            (Some(place), pointer) => format!("{place}, {pointer}"),
            (None, pointer) => pointer.to_owned(),
        };
        let failure = Self {
            exit: Exit::from_code(problem.exit()),
            what: problem.detail.clone(),
            details: Vec::new(),
            hint: problem.hint.clone(),
            problem: Some(Box::new(problem.clone())),
        };
        match problem.errors.as_slice() {
            // A single error is usually the whole story, told already but for its place.
            [one] if problem.detail.ends_with(&one.detail) => match place(&one.pointer) {
                Some(place) => Self {
                    what: format!("{} ({place})", problem.detail),
                    ..failure
                },
                None => failure,
            },
            errors => {
                // In the order of the file, so that a person can go through it once.
                let mut errors: Vec<_> = errors
                    .iter()
                    .map(|error| (place(&error.pointer), error))
                    .collect();
                errors.sort_by_key(|(place, _)| *place);
                failure.details(errors.into_iter().map(|(_, error)| match named(error) {
                    named if named.is_empty() => error.detail.clone(),
                    named => format!("{named}: {}", error.detail),
                }))
            }
        }
    }

    /// Gives it another exit status.
    #[must_use]
    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Gives the exit status.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Writes it for standard error.
    pub(crate) fn render(&self) -> String {
        let zone = TimeZone::system();
        let mut text = format!(
            "{} {}",
            paint(style::BAD, "error:"),
            visible_text(&readable(&self.what, &zone))
        );
        for detail in &self.details {
            text.push_str("\n  ");
            text.push_str(&visible(&readable(detail, &zone)));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!(
                "\n{} {}",
                paint(style::HINT, "hint:"),
                visible_text(hint)
            ));
        }
        text
    }

    /// Says what went wrong: in words, or as the API answers it where the result was wanted as JSON.
    pub(crate) fn told(&self, as_json: bool) -> String {
        let json = as_json.then(|| crate::output::format::compact(&self.problem()));
        json.and_then(Result::ok).unwrap_or_else(|| self.render())
    }

    /// Gives it in the form in which the API answers errors.
    pub(crate) fn problem(&self) -> Problem {
        if let Some(problem) = &self.problem {
            return *problem.clone();
        }
        let code = match self.exit {
            Exit::Usage => "input.invalid",
            Exit::Conflict => "file.changed",
            Exit::Refused => "policy.refused",
            Exit::NotFound => "subject.not_found",
            Exit::Unavailable => "engine.unavailable",
            Exit::Done
            | Exit::Failed
            | Exit::Waiting
            | Exit::Expired
            | Exit::ExecFailed
            | Exit::CommandCannotRun
            | Exit::CommandNotFound
            | Exit::Interrupted => "internal",
        };
        let details = self.details.iter().map(|detail| FieldError {
            pointer: String::new(),
            detail: detail.clone(),
        });
        let problem = Problem::new(code, self.what.as_str()).errors(details.collect());
        Problem {
            hint: self.hint.clone(),
            ..problem
        }
    }

    /// Writes it in one line, for a program that reads it.
    pub(crate) fn line(&self) -> String {
        let hint = self.hint.as_ref().map(|hint| format!("to fix it: {hint}"));
        let parts = [&self.what].into_iter().chain(&self.details).chain(&hint);
        parts
            .map(|part| visible(part))
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn copy(&self) -> Self {
        Self {
            exit: self.exit,
            what: self.what.clone(),
            details: self.details.clone(),
            hint: self.hint.clone(),
            problem: self.problem.clone(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

/// Says what to do about something that a command needs and that is not there.
fn unavailable(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<HomeError>() {
        return Some(error.remedy().to_owned());
    }
    if let Some(error) = cause.downcast_ref::<OpenError>() {
        return Some(error.hint());
    }
    if let Some(error) = cause.downcast_ref::<ProbeError>() {
        return Some(error.remedy());
    }
    let hint = if cause.is::<LockError>() {
        "try again in a moment; `hyperion doctor` shows who serves this home"
    } else if cause.is::<ClientError>() {
        "run the command again; what was filed is kept"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

/// Joins an error with its causes; errors are fragments fit for "failed to".
fn said(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        // A wrapper that shows its source itself would say it twice.
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    if text.starts_with("failed to ") || text.starts_with("the ") {
        text
    } else {
        format!("failed to {text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    fn plain(failure: &Failure) -> String {
        anstream::adapter::strip_str(&failure.render()).to_string()
    }

    #[test]
    fn a_problem_shows_every_error_with_its_line_and_what_to_do() {
        let error = |pointer: &str, detail: &str| FieldError {
            pointer: pointer.into(),
            detail: detail.into(),
        };
        let problem = Problem::new("request.unprocessable", "request.json has 2 errors")
            .errors(vec![
                error("/tasks/0/owns/1", "escapes the repository"),
                error("/tasks/1/depends_on/0", "names no task"),
            ])
            .hint("mend them and file it again");
        let lines = |pointer: &str| {
            (pointer == "/tasks/0/owns/1").then_some(Place {
                line: 14,
                column: 5,
            })
        };
        let failure = Failure::of_problem(&problem, lines);
        assert_eq!(failure.exit(), Exit::Usage);
        insta::assert_snapshot!(plain(&failure), @r"
        error: request.json has 2 errors
          /tasks/1/depends_on/0: names no task
          line 14 column 5, /tasks/0/owns/1: escapes the repository
        hint: mend them and file it again
        ");
    }

    #[test]
    fn a_single_error_is_said_once() {
        let error = FieldError {
            pointer: "/title".into(),
            detail: "is empty".into(),
        };
        let problem =
            Problem::new("request.invalid", "r.json: /title: is empty").errors(vec![error]);
        let failure = Failure::of_problem(&problem, |_| Some(Place { line: 3, column: 2 }));
        assert_eq!(
            plain(&failure),
            "error: r.json: /title: is empty (line 3 column 2)"
        );
    }

    #[test]
    fn the_kind_of_error_decides_the_status_wherever_it_is_in_the_chain() {
        let problem = ClientError::Problem(Box::new(Problem::new(
            "subject.not_found",
            "no request ends in 123456",
        )));
        let error = anyhow::Error::new(problem).context("show the request");
        let failure = Failure::of(&error);
        assert_eq!(
            (failure.exit(), failure.to_string().as_str()),
            (Exit::NotFound, "no request ends in 123456")
        );

        let home = HomeError::NotAFolder { path: "/h".into() };
        let failure = Failure::of(&anyhow::Error::new(home));
        assert_eq!(failure.exit(), Exit::Unavailable);
        insta::assert_snapshot!(plain(&failure), @r"
        error: failed to use /h as a home: it is not a folder
        hint: set HYPERION_HOME to a folder, or move that file away
        ");

        let io = std::io::Error::other("no space left");
        let failure = Failure::of(&anyhow::Error::new(io).context("write x"));
        assert_eq!(
            (failure.exit(), failure.to_string().as_str()),
            (Exit::Failed, "failed to write x: no space left")
        );
        let given: anyhow::Result<()> = Err(Failure::usage("no such file").into());
        let failure = Failure::of(&given.context("file the request").unwrap_err());
        assert_eq!(
            (failure.exit(), failure.to_string().as_str()),
            (Exit::Usage, "no such file")
        );
    }

    #[test]
    fn wrong_settings_are_listed_with_their_places() {
        let errors = SettingsErrors(vec![crate::settings::SettingsError {
            place: "/h/config.toml:2".into(),
            detail: "there is no setting `x`".into(),
        }]);
        let failure = Failure::of(&errors.into());
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(plain(&failure).contains("\n  /h/config.toml:2: there is no setting `x`\n"));
    }

    #[test]
    fn a_failure_of_the_command_itself_has_the_form_of_the_api() {
        let failure = Failure::usage("two are wrong")
            .details(["a".to_owned(), "b".to_owned()])
            .hint("correct them");
        let json = serde_json::to_string(&failure.problem()).unwrap();
        insta::assert_snapshot!(json, @r#"{"type":"/problems/input.invalid","title":"The input is not valid","status":400,"detail":"two are wrong","code":"input.invalid","errors":[{"pointer":"","detail":"a"},{"pointer":"","detail":"b"}],"hint":"correct them"}"#);
        let wrong = crate::cli::definition().try_get_matches_from(["hyperion", "quue"]);
        let failure = Failure::wrong_usage(&wrong.unwrap_err());
        assert_eq!(failure.what, "unrecognized subcommand 'quue'");
        assert!(failure.hint.unwrap().contains("'queue'"));
    }

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        let failure = Failure::usage("bad \u{1b}[2Jtitle");
        assert_eq!(plain(&failure), "error: bad \\x1b[2Jtitle");
    }
}
