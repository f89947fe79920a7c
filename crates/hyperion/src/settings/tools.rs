//! What `[policy]` says of tool calls; its settings are listed with the others of that section.

/// Limits of tool calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tools {
    /// `policy.tool_read_max_kb`
    pub(crate) read_max_kb: u64,
    /// `policy.file_ops_per_min`
    pub(crate) file_ops_per_min: u32,
    /// `policy.tool_run_timeout_sec`
    pub(crate) run_timeout_sec: u64,
}

impl Default for Tools {
    fn default() -> Self {
        Self {
            read_max_kb: 1024,
            file_ops_per_min: 100,
            run_timeout_sec: 300,
        }
    }
}
