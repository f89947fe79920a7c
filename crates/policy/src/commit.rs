//! Judges commits and pushes before they are made (X5): message, trailers, size, secrets; force.

use hyperion_model::ChangeFacts;

use crate::assess::assess;
use crate::command::judge_argv;
use crate::judgement::{Finding, Judgement, Weight, conclude};
use crate::message::commit_message;
use crate::place::Place;
use crate::redact::Redactor;
use crate::rules::Rules;

/// Judges a commit that somebody wants to make on a branch of their own: whatever would be refused when it lands is
/// refused here already, and so is a message that may not stand in a history.
///
/// Nobody is asked for approval here: that happens when the branch lands.
pub fn judge_commit(
    message: &str,
    facts: &ChangeFacts,
    rules: &Rules,
    redactor: &Redactor,
) -> Judgement {
    let mut findings = Vec::new();
    if let Err(wrong) = commit_message(message) {
        let wrong = wrong.iter().map(ToString::to_string);
        findings.extend(wrong.map(|detail| Finding::new(Weight::Deny, "commit.message", detail)));
    }
    for found in redactor.scan(message) {
        let detail = format!(
            "line {} of the message holds a secret (rule `{}`); take it out, and revoke it if it was ever real",
            found.line, found.rule
        );
        findings.push(Finding::new(Weight::Deny, "commit.secret", detail));
    }
    for blocker in assess(facts, rules, redactor).blockers {
        let detail = format!("{}; {}", blocker.detail, blocker.remedy);
        findings.push(Finding::new(Weight::Deny, blocker.code.name(), detail));
    }
    conclude(findings, None)
}

/// Judges a push of a branch: replacing what others have is agreed to by hand, each time, and never on a branch that
/// everybody stands on.
pub fn judge_push(
    remote: &str,
    branch: &str,
    force: bool,
    rules: &Rules,
    place: &Place,
) -> Judgement {
    let plain = |name: &str| {
        !name.is_empty()
            && !name.starts_with('-')
            && !name.contains([':', '+', '*', ' ', '~', '^', '\\'])
    };
    if !plain(remote) || !plain(branch) {
        let detail = "a push names a remote and one branch, as plain names";
        return conclude(vec![Finding::new(Weight::Deny, "git.name", detail)], None);
    }
    let mut argv = vec!["git", "push"];
    if force {
        argv.push("--force");
    }
    argv.extend([remote, branch]);
    let argv: Vec<String> = argv.into_iter().map(str::to_owned).collect();
    judge_argv(&argv, rules, place)
}
