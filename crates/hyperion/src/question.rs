//! Asks the person at the terminal to decide an approval.

use hyperion_api::ClientError;
use hyperion_api::approval::{Approval, ApprovalDetail, Decide, LookAtWhole};

use crate::id::short;
use crate::output::Output;
use crate::output::style::{self, paint};
use crate::route::Route;
use crate::session::Session;
use crate::view;

/// The most lines of a diff that are shown unasked.
const DIFF_LINES_SHOWN: usize = 200;

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
    output.say(&format!("\n{}", view::approval::block(&detail, cx.zone())));
    show_diff(output, &detail, DIFF_LINES_SHOWN);
    loop {
        let prompt = paint(style::STRONG, "Approve?");
        let unmasked = match detail.lines_masked {
            0 => "",
            _ => " / [u]nmasked diff",
        };
        let prompt = format!(
            "{prompt} [y]es / [n]o / [r]equest changes (sends it back with your comment) / [d]iff{unmasked} / [l]ater: "
        );
        let Some(answer) = output.ask(&prompt).await else {
            return Ok(Answered::Later);
        };
        match choice(&answer) {
            None => output.say("Please answer with y, n, r, d or l."),
            Some(Choice::Diff) => show_diff(output, &detail, usize::MAX),
            Some(Choice::Unmasked) => {
                detail = look_at_whole(session, &detail.approval).await?;
                output.say(&view::approval::own_checks(&detail.approval.checks));
                show_diff(output, &detail, usize::MAX);
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
                let reason = output.ask("Why not (one line, may be empty): ").await;
                let reason = reason.filter(|reason| !reason.is_empty());
                let decide_as = Decide {
                    reason,
                    ..Decide::default()
                };
                return decide(session, &detail.approval, "reject", decide_as).await;
            }
            Some(Choice::RequestChanges) => {
                let comment = output.ask("What should be different (one line): ").await;
                match comment.filter(|comment| !comment.is_empty()) {
                    None => output.say("Nothing said, nothing decided."),
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

fn show_diff(output: &Output, detail: &ApprovalDetail, lines_max: usize) {
    let Some(diff) = &detail.diff else {
        return output.say("There is no diff to show.");
    };
    let shown = view::diff::first_lines(diff, lines_max);
    output.say(&shown.text);
    if shown.left_out > 0 {
        let id = short(&detail.approval.id);
        let lines = view::count(shown.left_out, "more line");
        output.say(&format!(
            "… {lines}: answer d, or `hyperion approval show {id}` elsewhere"
        ));
    }
}

fn choice(answer: &str) -> Option<Choice> {
    Some(match answer.to_ascii_lowercase().as_str() {
        "y" | "yes" => Choice::Yes,
        "n" | "no" => Choice::No,
        "r" | "request changes" => Choice::RequestChanges,
        "d" | "diff" => Choice::Diff,
        "u" | "unmasked" => Choice::Unmasked,
        "l" | "later" | "q" => Choice::Later,
        // Return alone decides nothing.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_answer_decides() {
        assert_eq!(choice("y"), Some(Choice::Yes));
        assert_eq!(choice("YES"), Some(Choice::Yes));
        assert_eq!(choice("n"), Some(Choice::No));
        assert_eq!(choice("l"), Some(Choice::Later));
        for answer in ["", "yep", "1", "ja"] {
            assert_eq!(choice(answer), None, "{answer}");
        }
    }
}
