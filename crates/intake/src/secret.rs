//! Refuses names that hold a secret.
//!
//! Text and content are masked, or judged, where they are kept and shown. A name cannot be: the file would land under
//! it, while everybody who is asked sees another one.

use hyperion_api::task_request::TaskRequest;
use hyperion_policy::Redactor;

use crate::errors::Errors;

/// Checks everything in a request that names something; `at` is its pointer.
pub fn check(request: &TaskRequest, redactor: &Redactor, at: &str, errors: &mut Errors) {
    let mut name = |text: &str, pointer: String| {
        if redactor.redact(text) != text {
            errors.push(
                pointer,
                "holds what looks like a secret, and names are kept and shown: choose another name; if the secret is real, revoke it",
            );
        }
    };
    for (index, path) in request.target_files.iter().enumerate() {
        name(path, format!("{at}/target_files/{index}"));
    }
    for (number, task) in request.tasks.iter().enumerate() {
        let at = format!("{at}/tasks/{number}");
        name(&task.id, format!("{at}/id"));
        for (index, glob) in task.owns.iter().enumerate() {
            name(glob, format!("{at}/owns/{index}"));
        }
        for (index, change) in task.changes.iter().enumerate() {
            name(&change.path, format!("{at}/changes/{index}/path"));
            if let Some(from) = &change.from_path {
                name(from, format!("{at}/changes/{index}/from_path"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Decisions §1.9: a change that adds a secret is refused, also in the name of a file.
    #[test]
    fn a_secret_in_a_name_is_found_and_not_repeated() {
        let request = serde_json::json!({
            "schema": "hyperion.task_request/v1", "title": "x", "target_files": ["src/a.rs"],
            "tasks": [
                {"id": "T1", "owns": ["hunter2-hunter2/**"], "changes": [
                    {"operation": "create", "path": "hunter2-hunter2/a", "content": ""},
                    {"operation": "rename", "path": "src/b.rs", "from_path": "hunter2-hunter2"},
                ]},
            ],
        });
        let request: TaskRequest = serde_json::from_value(request).unwrap();
        let redactor = Redactor::new(["hunter2-hunter2"]);
        let mut errors = Errors::default();
        check(&request, &redactor, "/3", &mut errors);
        let pointers: Vec<_> = errors
            .listed()
            .iter()
            .map(|error| error.pointer.as_str())
            .collect();
        assert_eq!(
            pointers,
            [
                "/3/tasks/0/owns/0",
                "/3/tasks/0/changes/0/path",
                "/3/tasks/0/changes/1/from_path",
            ]
        );
        assert!(!format!("{errors:?}").contains("hunter2"));
    }
}
