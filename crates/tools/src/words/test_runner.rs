//! What the test-runner answers, in words: for agents that read text.

use std::fmt::Write as _;

use crate::test_runner::shown;
use hyperion_api::tool::test_runner::{Counts, Failure, Outcome, Run, RunResult};

/// Tells how the runs of a call went.
pub fn told(result: &RunResult) -> String {
    let mut text = result.summary.clone();
    text.push('\n');
    for run in &result.runs {
        one(&mut text, run);
    }
    for left in &result.not_run {
        let _ = writeln!(text, "\nNot run: {}: {}.", left.tool_chain, left.reason);
    }
    text
}

fn one(text: &mut String, run: &Run) {
    let _ = write!(
        text,
        "\n{}: `{}` {}",
        run.tool_chain,
        shown(&run.command),
        ended(run.outcome)
    );
    if let Some(counts) = &run.counts {
        let _ = write!(text, ", {}", counted(counts));
    }
    let _ = writeln!(text, " ({:.1} s)", run.duration_ms as f64 / 1000.0);
    for problem in &run.problems {
        failure(text, problem);
    }
    if run.more_problems > 0 {
        let _ = writeln!(text, "… and {} more.", run.more_problems);
    }
    if let Some(asked) = &run.asked {
        let _ = writeln!(
            text,
            "It ended by asking {asked:?}, and nobody is there to answer: give the answer in the project's settings."
        );
    }
    for note in &run.notes {
        let _ = writeln!(text, "Note: {note}.");
    }
    // What the problems say is not said again; where there are none, the output has to do.
    if run.outcome != Outcome::Passed && run.problems.is_empty() && !run.output.trim().is_empty() {
        let _ = writeln!(text, "It wrote:\n{}", run.output.trim_end());
    }
}

const fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Broke => "did not come to a result",
        Outcome::Missing => "could not be started",
        Outcome::TimedOut => "was ended, because its time was up",
    }
}

fn counted(counts: &Counts) -> String {
    let Counts {
        passed,
        failed,
        skipped,
        warnings,
    } = counts;
    let parts = [
        (*passed, "passed"),
        (*failed, "failed"),
        (*skipped, "skipped"),
        (*warnings, "warnings"),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(number, what)| *number > 0 || *what == "failed")
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    parts.join(", ")
}

fn failure(text: &mut String, failure: &Failure) {
    text.push_str("- ");
    if let Some(file) = &failure.file {
        text.push_str(file);
        for number in [failure.line, failure.column].into_iter().flatten() {
            let _ = write!(text, ":{number}");
        }
        text.push_str(": ");
    }
    if let Some(test) = &failure.test {
        let _ = write!(text, "{test}: ");
    }
    if let Some(rule) = &failure.rule {
        let _ = write!(text, "{rule}: ");
    }
    let kind = if failure.warning {
        "warning"
    } else {
        &failure.kind
    };
    let _ = writeln!(text, "{} ({kind})", failure.message);
    if let Some(advice) = &failure.advice {
        let _ = writeln!(text, "  What to do: {advice}");
    }
}
