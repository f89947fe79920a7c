//! The scripted agent: hands in the changes that the task carries, as they stand.

use hyperion_api::assignment::Assignment;
use hyperion_api::change_request::{self, ChangeRequest};
use hyperion_api::task_request::Change;

/// The agent's name in requests and settings.
pub const NAME: &str = "scripted";

/// Says why the scripted agent cannot carry out an assignment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptedError {
    /// The task has no changes, and this agent makes none up.
    #[error("task {task} carries no changes, and the scripted agent never invents any")]
    NothingToDo {
        /// The task.
        task: String,
    },
}

/// Carries out an assignment: one change set, made of the task's changes.
pub fn carry_out(
    assignment: &Assignment,
    changes: &[Change],
) -> Result<ChangeRequest, ScriptedError> {
    if changes.is_empty() {
        return Err(ScriptedError::NothingToDo {
            task: assignment.task_id.clone(),
        });
    }
    Ok(ChangeRequest {
        schema: change_request::SCHEMA.to_owned(),
        task_id: assignment.task_id.clone(),
        request_id: assignment.request_id.clone(),
        agent: NAME.to_owned(),
        base_commit: assignment.base_commit.clone(),
        summary: assignment.title.clone(),
        changes: changes.to_vec(),
        checks: Vec::new(),
        signature: None,
    })
}

#[cfg(test)]
mod tests {
    use hyperion_api::assignment::{self, Budget};
    use hyperion_api::task_request::{Encoding, Operation};

    use super::*;

    fn assignment() -> Assignment {
        Assignment {
            schema: assignment::SCHEMA.into(),
            request_id: "r".into(),
            plan_id: "p".into(),
            step_id: 1,
            task_id: "T1".into(),
            title: "cap the delay".into(),
            instructions: String::new(),
            owns: vec!["src/retry.rs".into()],
            reads: vec![],
            depends_on: vec![],
            base_commit: "0".repeat(40),
            checks: vec![],
            budget: Budget::default(),
            context: vec![],
        }
    }

    // A1, R5: what the task carries is handed in as it stands, and nothing is made up.
    #[test]
    fn it_hands_in_what_the_task_carries_and_nothing_else() {
        let change = Change {
            operation: Operation::Delete,
            path: "old.rs".into(),
            from_path: None,
            mode: None,
            base_hash: None,
            patch: None,
            content: None,
            encoding: Encoding::Utf8,
            result_hash: None,
        };
        let handed_in = carry_out(&assignment(), std::slice::from_ref(&change)).unwrap();
        assert_eq!(handed_in.changes, [change]);
        assert_eq!(
            (handed_in.agent.as_str(), handed_in.task_id.as_str()),
            ("scripted", "T1")
        );
        let refused = carry_out(&assignment(), &[]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "task T1 carries no changes, and the scripted agent never invents any"
        );
    }
}
