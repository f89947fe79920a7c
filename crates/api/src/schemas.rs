//! The JSON Schemas (draft 2020-12) of what others depend on.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

fn schema<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>()
}

/// Gives the schema of a task request.
pub fn task_request() -> &'static Value {
    static SCHEMA: LazyLock<Value> =
        LazyLock::new(|| schema::<crate::task_request::TaskRequest>().to_value());
    &SCHEMA
}

/// Gives every published schema with the name of its file, without the ending.
pub fn all() -> Vec<(&'static str, Schema)> {
    vec![
        (
            "task_request.v1",
            schema::<crate::task_request::TaskRequest>(),
        ),
        ("assignment.v1", schema::<crate::assignment::Assignment>()),
        (
            "change_request.v1",
            schema::<crate::change_request::ChangeRequest>(),
        ),
        ("failure.v1", schema::<crate::change_request::Failure>()),
        ("problem.v1", schema::<crate::problem::Problem>()),
        ("event.v1", schema::<crate::event::Event>()),
        ("request.v1", schema::<crate::request::RequestDetail>()),
        ("change_set.v1", schema::<crate::change_set::ChangeSet>()),
        ("approval.v1", schema::<crate::approval::ApprovalDetail>()),
        ("grant.v1", schema::<crate::grant::Grant>()),
        ("entry.v1", schema::<crate::queue::EntryDetail>()),
        ("queue_log.v1", schema::<crate::queue::LogRecord>()),
        ("queue_metrics.v1", schema::<crate::queue::Metrics>()),
        ("run.v1", schema::<crate::run::Run>()),
        (
            "file_modification.v1",
            schema::<crate::file_modification::FileModification>(),
        ),
        ("repo.v1", schema::<crate::repo::Repo>()),
        ("summary.v1", schema::<crate::summary::Summary>()),
        ("verification.v1", schema::<crate::audit::Verification>()),
        ("doctor.v1", schema::<crate::doctor::Report>()),
        ("policy.v1", schema::<crate::policy::Policy>()),
        ("tool_result.v1", schema::<crate::tool::ToolResult>()),
        ("tool_record.v1", schema::<crate::tool::Record>()),
    ]
}
