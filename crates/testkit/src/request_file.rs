use crate::diff::unified_diff;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Begins a TaskRequest with nothing but its schema and title.
pub fn task_request(title: &str) -> RequestFile {
    RequestFile(Map::new())
        .set("schema", "hyperion.task_request/v1")
        .set("title", title)
}

/// Begins a task of a TaskRequest.
pub fn task(id: &str, title: &str) -> TaskEntry {
    TaskEntry(Map::new()).set("id", id).set("title", title)
}

/// Builds the JSON that `hyperion request FILE` reads. What is not set is absent.
#[derive(Clone, Debug)]
pub struct RequestFile(Map<String, Value>);

impl RequestFile {
    /// Sets any field, also one that has no method here or that must be refused.
    pub fn set(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.insert(field.to_owned(), value.into());
        self
    }

    /// Sets `description`.
    pub fn description(self, text: &str) -> Self {
        self.set("description", text)
    }

    /// Sets `class`: feature, bugfix, refactor, docs, debug, diagnose.
    pub fn class(self, class: &str) -> Self {
        self.set("class", class)
    }

    /// Sets `priority`: low, medium, high, critical.
    pub fn priority(self, priority: &str) -> Self {
        self.set("priority", priority)
    }

    /// Sets `repo`.
    pub fn repo(self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_str().expect("temporary paths are text");
        self.set("repo", path)
    }

    /// Sets `base`.
    pub fn base(self, revision: &str) -> Self {
        self.set("base", revision)
    }

    /// Sets `acceptance`.
    pub fn acceptance(self, criteria: &[&str]) -> Self {
        self.set("acceptance", json!(criteria))
    }

    /// Sets `requires_approval`.
    pub fn requires_approval(self, required: bool) -> Self {
        self.set("requires_approval", required)
    }

    /// Sets `idempotency_key`.
    pub fn idempotency_key(self, key: &str) -> Self {
        self.set("idempotency_key", key)
    }

    /// Sets `atomic`: all tasks land together or not at all.
    pub fn atomic(self) -> Self {
        self.set("atomic", true)
    }

    /// Adds a task.
    pub fn task(mut self, task: TaskEntry) -> Self {
        push(&mut self.0, "tasks", Value::Object(task.0));
        self
    }

    /// Gives the JSON value.
    pub fn json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// Gives the JSON text, one field a line.
    pub fn text(&self) -> String {
        format!("{:#}\n", self.json())
    }

    /// Writes `request.json` into `folder`, and gives its path.
    pub fn write_to(&self, folder: impl AsRef<Path>) -> PathBuf {
        let file = folder.as_ref().join("request.json");
        fs::write(&file, self.text()).expect("write the request");
        file
    }
}

/// Builds one task of a [`RequestFile`].
#[derive(Clone, Debug)]
pub struct TaskEntry(Map<String, Value>);

impl TaskEntry {
    /// Sets any field, also one that has no method here or that must be refused.
    pub fn set(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.insert(field.to_owned(), value.into());
        self
    }

    /// Sets `instructions`.
    pub fn instructions(self, text: &str) -> Self {
        self.set("instructions", text)
    }

    /// Sets `owns`: the globs of the paths this task may change.
    pub fn owns(self, globs: &[&str]) -> Self {
        self.set("owns", json!(globs))
    }

    /// Sets `depends_on`.
    pub fn depends_on(self, tasks: &[&str]) -> Self {
        self.set("depends_on", json!(tasks))
    }

    /// Adds a command to `checks`.
    pub fn check(mut self, command: &str) -> Self {
        push(&mut self.0, "checks", command.into());
        self
    }

    /// Adds any change, also one that must be refused.
    pub fn change(mut self, change: Value) -> Self {
        push(&mut self.0, "changes", change);
        self
    }

    /// Adds a new file by its content.
    pub fn create(self, path: &str, content: &str) -> Self {
        self.change(json!({"operation": "create", "path": path, "content": content}))
    }

    /// Adds a changed file by its patch.
    pub fn modify(self, path: &str, old: &str, new: &str) -> Self {
        let patch = unified_diff(path, old, new);
        self.change(json!({"operation": "modify", "path": path, "patch": patch}))
    }

    /// Adds a changed file by its whole new content.
    pub fn replace(self, path: &str, content: &str) -> Self {
        self.change(json!({"operation": "modify", "path": path, "content": content}))
    }

    /// Adds a deleted file.
    pub fn delete(self, path: &str) -> Self {
        self.change(json!({"operation": "delete", "path": path}))
    }

    /// Adds a renamed file.
    pub fn rename(self, from_path: &str, path: &str) -> Self {
        self.change(json!({"operation": "rename", "from_path": from_path, "path": path}))
    }

    /// Adds a changed mode: `100644` or `100755`.
    pub fn chmod(self, path: &str, mode: &str) -> Self {
        self.change(json!({"operation": "chmod", "path": path, "mode": mode}))
    }
}

fn push(fields: &mut Map<String, Value>, list: &str, value: Value) {
    let list = fields.entry(list).or_insert_with(|| json!([]));
    list.as_array_mut()
        .expect("only lists are added to")
        .push(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_set_is_there() {
        assert_eq!(
            task_request("Clamp").json(),
            json!({"schema": "hyperion.task_request/v1", "title": "Clamp"})
        );
    }

    #[test]
    fn tasks_and_changes_come_in_order() {
        let request = task_request("Clamp")
            .class("bugfix")
            .priority("high")
            .repo("/tmp")
            .base("main")
            .acceptance(&["capped"])
            .requires_approval(false)
            .idempotency_key("k")
            .set("surprise", 1)
            .task(
                task("T1", "one")
                    .owns(&["a", "b/**"])
                    .check("true")
                    .create("a", "A\n")
                    .delete("b/c"),
            )
            .task(
                task("T2", "two")
                    .depends_on(&["T1"])
                    .modify("d", "1\n", "2\n")
                    .rename("e", "f")
                    .chmod("g", "100755"),
            );
        let json = request.json();
        assert_eq!(json["surprise"], 1);
        assert_eq!(
            json["tasks"][0],
            json!({"id": "T1", "title": "one", "owns": ["a", "b/**"], "checks": ["true"], "changes": [
                {"operation": "create", "path": "a", "content": "A\n"},
                {"operation": "delete", "path": "b/c"},
            ]})
        );
        let patch = json["tasks"][1]["changes"][0]["patch"].as_str().unwrap();
        assert!(
            patch.ends_with("--- a/d\n+++ b/d\n@@ -1 +1 @@\n-1\n+2\n"),
            "{patch}"
        );
        let folder = tempfile::tempdir().unwrap();
        let written = fs::read_to_string(request.write_to(&folder)).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), json);
    }
}
