//! What the control tools answer, in words: for agents that read text.

use std::fmt::Write as _;

use hyperion_api::tool::control::{
    ApprovalResult, CommandResult, PlanResult, QueueResult, Standing,
};

/// Tells of a plan and its steps.
pub fn plan(plan: &PlanResult) -> String {
    let mut text = format!(
        "Request {} is {}: {}\n",
        plan.request, plan.status, plan.title
    );
    if let Some(error) = &plan.error {
        let _ = writeln!(text, "{error}");
    }
    for step in &plan.steps {
        let _ = write!(
            text,
            "Step {} ({}): {}",
            step.number, step.task, step.status
        );
        end(&mut text, step.error.as_deref());
    }
    for set in &plan.change_sets {
        let _ = write!(text, "Change set {} ({}): {}", set.id, set.task, set.status);
        if let Some(commit) = &set.commit {
            let _ = write!(text, " as {commit:.12}");
        }
        end(&mut text, set.reason.as_deref());
    }
    text
}

/// Tells what is in the queue.
pub fn queue(queue: &QueueResult) -> String {
    let mut text = String::new();
    for entry in &queue.entries {
        let _ = write!(
            text,
            "{} for {}, request {}: {}",
            entry.id, entry.branch, entry.request, entry.status
        );
        if let Some(commit) = &entry.commit {
            let _ = write!(text, " as {commit:.12}");
        }
        end(&mut text, entry.reason.as_deref());
    }
    if queue.entries.is_empty() {
        text.push_str("Nothing is in the queue.\n");
    }
    if queue.more {
        text.push_str("There are more.\n");
    }
    text
}

/// Tells how a question stands.
pub fn standing(standing: &Standing) -> String {
    let mut text = format!("Approval {} is {}", standing.approval, standing.status);
    if let Some(by) = &standing.decided_by {
        let _ = write!(text, ", by {by}");
    }
    if standing.changes_requested {
        text.push_str(", who asks for changes: ask again under the same key");
    }
    end(&mut text, standing.reason.as_deref());
    if standing.status == "pending" {
        let _ = writeln!(text, "A person sees it and decides with: {}", standing.look);
    }
    text
}

/// Tells how an approval stands.
pub fn approval(approval: &ApprovalResult) -> String {
    let mut text = format!("Request {} is {}.\n", approval.request, approval.status);
    for question in &approval.questions {
        let _ = write!(
            text,
            "Approval {} ({}, risk {}): {}",
            question.id, question.level, question.risk, question.status
        );
        if let Some(by) = &question.decided_by {
            let _ = write!(text, " by {by}");
        }
        end(&mut text, question.reason.as_deref());
        if question.decided_by.is_none() {
            let _ = writeln!(text, "A person sees it with `{}`.", question.look);
        }
    }
    if approval.questions.is_empty() {
        text.push_str("Nobody was asked.\n");
    }
    text
}

/// Tells what became of a command.
pub fn command(command: &CommandResult) -> String {
    let mut text = format!("Run {} is {}", command.run, command.status);
    if let Some(code) = command.exit_code {
        let _ = write!(text, ", exit status {code}");
    }
    end(&mut text, command.reason.as_deref());
    if let Some(approval) = &command.approval {
        let _ = writeln!(
            text,
            "A person has to agree to it first (approval {approval}): {}. Do something else, and call again with `run`.",
            command.reasons.join("; ")
        );
    }
    if let Some(error) = &command.first_error {
        let place = error.path.as_deref().unwrap_or_default();
        let _ = writeln!(text, "First error: {place} {}", error.message);
    }
    if !command.output.is_empty() {
        let cut = if command.truncated { " (its end)" } else { "" };
        let _ = write!(text, "Output{cut}:\n{}", command.output);
    }
    text
}

fn end(text: &mut String, why: Option<&str>) {
    if let Some(why) = why {
        let _ = write!(text, ": {why}");
    }
    text.push('\n');
}
