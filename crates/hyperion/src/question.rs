//! Asks the person at the terminal to decide an approval.

use hyperion_api::ClientError;
use hyperion_api::approval::{Approval, ApprovalDetail, Decide, LookAtWhole};

use crate::id::short;
use crate::output::Output;
use crate::output::style::{self, paint};
use crate::route::Route;
use crate::session::Session;
use crate::view;

/// The most lines of a diff that are shown unasked, where the screen does not say how many it has.
const DIFF_LINES_SHOWN: usize = 200;
/// The rows that the question takes.
const QUESTION_ROWS: usize = 3;
/// The least lines of a diff that are shown unasked.
const DIFF_LINES_MIN: usize = 10;

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// It is decided, by this person or by another one.
    Decided,
    /// The person wants to decide later.
    Later,
}

/// What a person can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Yes,
    No,
    RequestChanges,
    Diff,
    Unmasked,
    Later,
    Help,
}

/// Shows the question and what it is about, and decides it as the person says.
pub(crate) async fn ask(session: &Session<'_>, id: &str) -> anyhow::Result<Answered> {
    let cx = session.cx();
    let output = &cx.output;
    let route = Route::new("/api/approvals").segment(id);
    let mut detail: ApprovalDetail = session.client().get(route.as_str()).await?;
    if detail.approval.status != "pending" {
        return Ok(Answered::Decided);
    }
    output.begin_to_ask();
    output.say(&format!("\n{}", view::approval::block(&detail, cx.zone())));
    show_beginning(output, &detail);
    loop {
        let Some(answer) = output.ask(&prompt(detail.lines_masked > 0)).await else {
            return Ok(Answered::Later);
        };
        match choice(&answer) {
            None => {
                output.say("Please answer with y, n, r, d or l; ? says what each of them does.");
            }
            Some(Choice::Help) => output.say(&help(detail.lines_masked > 0)),
            Some(Choice::Diff) => show_whole(output, &detail).await,
            Some(Choice::Unmasked) => {
                detail = look_at_whole(session, &detail.approval).await?;
                output.say(&view::approval::own_checks(&detail.approval.checks));
                show_whole(output, &detail).await;
            }
            Some(Choice::Later) => return Ok(Answered::Later),
            Some(Choice::Yes) if detail.lines_masked > 0 && detail.looked_at_by.is_none() => {
                let lines = view::count(
                    usize::try_from(detail.lines_masked).unwrap_or(usize::MAX),
                    "line",
                );
                output.say(&format!(
                    "{lines} masked: answer u to look at it whole, then decide."
                ));
            }
            Some(Choice::Yes) => {
                return decide(session, &detail.approval, "approve", Decide::default()).await;
            }
            Some(Choice::No) => {
                let reason = output.ask("Why not? One line, or nothing: ").await;
                let reason = reason.filter(|reason| !reason.is_empty());
                let decide_as = Decide {
                    reason,
                    ..Decide::default()
                };
                return decide(session, &detail.approval, "reject", decide_as).await;
            }
            Some(Choice::RequestChanges) => {
                let comment = output.ask("What should be different? One line: ").await;
                match comment.filter(|comment| !comment.is_empty()) {
                    None => output.say("You said nothing, so nothing was decided."),
                    Some(comment) => {
                        let decide_as = Decide {
                            comment: Some(comment),
                            ..Decide::default()
                        };
                        return decide(session, &detail.approval, "request-changes", decide_as)
                            .await;
                    }
                }
            }
        }
    }
}

/// Asks for a question with nothing masked; that it was shown is recorded.
pub(crate) async fn look_at_whole(
    session: &Session<'_>,
    approval: &Approval,
) -> anyhow::Result<ApprovalDetail> {
    let route = Route::new("/api/approvals")
        .segment(&approval.id)
        .segment("unmasked");
    let body = LookAtWhole {
        digest: Some(approval.digest.clone()),
    };
    Ok(session.client().post(route.as_str(), &body).await?)
}

/// Decides; that somebody else was faster is told, and no error to whoever only waits.
async fn decide(
    session: &Session<'_>,
    approval: &Approval,
    verb: &str,
    decide: Decide,
) -> anyhow::Result<Answered> {
    let decide = Decide {
        digest: Some(approval.digest.clone()),
        ..decide
    };
    let route = Route::new("/api/approvals")
        .segment(&approval.id)
        .segment(verb);
    match session
        .client()
        .post::<Approval>(route.as_str(), &decide)
        .await
    {
        Ok(_) => Ok(Answered::Decided),
        Err(ClientError::Problem(problem)) if problem.code == "approval.already_decided" => {
            session.cx().output.say(&view::warning(&problem.detail));
            Ok(Answered::Decided)
        }
        Err(error) => Err(error.into()),
    }
}

/// What can be answered, and what each answer does.
const CHOICES: &[(&str, &str, &str)] = &[
    ("y", "[y]es", "approve: it lands once its checks pass"),
    ("n", "[n]o", "reject it; you are asked why"),
    (
        "r",
        "[r]equest changes",
        "send it back with what should be different",
    ),
    ("d", "[d]iff", "show the whole diff"),
    (
        "u",
        "[u]nmasked diff",
        "show the whole diff with what is masked; that you looked is recorded",
    ),
    (
        "l",
        "[l]ater",
        "leave now and decide later; q and Ctrl-D do the same",
    ),
    ("?", "[?] help", "show this"),
];

fn choices(
    is_masked: bool,
) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    CHOICES
        .iter()
        .filter(move |(key, _, _)| *key != "u" || is_masked)
}

fn prompt(is_masked: bool) -> String {
    let words: Vec<_> = choices(is_masked).map(|(_, word, _)| *word).collect();
    format!(
        "{} {}: ",
        paint(style::STRONG, "Approve?"),
        words.join(" / ")
    )
}

fn help(is_masked: bool) -> String {
    choices(is_masked)
        .map(|(key, _, does)| format!("  {}  {does}\n", paint(style::STRONG, key)))
        .collect()
}

/// Shows as much of a diff as there is room for, so that what it is about stays on the screen.
fn show_beginning(output: &Output, detail: &ApprovalDetail) {
    let Some(diff) = &detail.diff else {
        return output.say("There is no diff to show.");
    };
    let room = output.rows().map_or(DIFF_LINES_SHOWN, |rows| {
        rows.saturating_sub(QUESTION_ROWS)
            .clamp(DIFF_LINES_MIN, DIFF_LINES_SHOWN)
    });
    let shown = view::diff::first_lines(diff, room);
    output.say_as_it_is(&shown.text);
    if shown.left_out > 0 {
        let id = short(&detail.approval.id);
        let lines = view::count(shown.left_out, "more line");
        output.say(&format!(
            "… {lines}: answer d to see the whole diff, or see it elsewhere with `hyperion approval show {id}`"
        ));
    }
}

async fn show_whole(output: &Output, detail: &ApprovalDetail) {
    match &detail.diff {
        Some(diff) => output.say_paged(view::diff::whole(diff)).await,
        None => output.say("There is no diff to show."),
    }
}

fn choice(answer: &str) -> Option<Choice> {
    Some(match answer.to_ascii_lowercase().as_str() {
        "y" | "yes" => Choice::Yes,
        "n" | "no" => Choice::No,
        "r" | "request changes" => Choice::RequestChanges,
        "d" | "diff" => Choice::Diff,
        "u" | "unmasked" => Choice::Unmasked,
        "l" | "later" | "q" | "quit" => Choice::Later,
        "?" | "h" | "help" => Choice::Help,
        // Return alone decides nothing.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::wrap::wrapped;

    #[test]
    fn only_a_clear_answer_decides() {
        assert_eq!(choice("y"), Some(Choice::Yes));
        assert_eq!(choice("YES"), Some(Choice::Yes));
        assert_eq!(choice("n"), Some(Choice::No));
        for (answer, expected) in [
            ("l", Choice::Later),
            ("q", Choice::Later),
            ("?", Choice::Help),
        ] {
            assert_eq!(choice(answer), Some(expected));
        }
        for answer in ["", "yep", "1", "ja"] {
            assert_eq!(choice(answer), None, "{answer}");
        }
    }

    // W1: the question fits a narrow terminal, and every key is explained.
    #[test]
    fn every_key_that_is_offered_is_taken_and_explained() {
        for (key, _, _) in CHOICES {
            assert!(choice(key).is_some(), "{key}");
        }
        let shown = format!("{}\n{}\n{}", prompt(false), prompt(true), help(true));
        let shown = view::plain(&wrapped(&shown, Some(60)));
        insta::assert_snapshot!(shown, @r"
        Approve? [y]es / [n]o / [r]equest changes / [d]iff / [l]ater
        / [?] help: 
        Approve? [y]es / [n]o / [r]equest changes / [d]iff /
        [u]nmasked diff / [l]ater / [?] help: 
          y  approve: it lands once its checks pass
          n  reject it; you are asked why
          r  send it back with what should be different
          d  show the whole diff
          u  show the whole diff with what is masked; that you
             looked is recorded
          l  leave now and decide later; q and Ctrl-D do the same
          ?  show this
        ");
    }
}
