//! How large what a change touches may be.

/// How large what a change touches may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// The most bytes one change may write (`policy.tool_write_max_kb`).
    pub max_content_bytes: usize,
    /// The most bytes one change may write into the lock file of a package manager (`policy.limits.max_change_kb`).
    pub max_lock_bytes: usize,
    /// The most bytes of a file that a patch may start from (`files.max_file_size_mb`); what a change only takes away, moves
    /// or replaces may be larger.
    pub max_file_bytes: u64,
}

impl Sizes {
    /// For what was within the limits once: they may have become narrower since.
    pub const ACCEPTED: Self = Self {
        max_content_bytes: usize::MAX,
        max_lock_bytes: usize::MAX,
        max_file_bytes: 1024 * 1024 * 1024,
    };

    /// Says why so many bytes are too much to be written to a path.
    pub fn too_much(&self, path: &str, bytes: usize) -> Option<String> {
        let (max, setting) = match hyperion_policy::is_lock_file(path) {
            true => (self.max_lock_bytes, "policy.limits.max_change_kb"),
            false => (self.max_content_bytes, "policy.tool_write_max_kb"),
        };
        (bytes > max).then(|| {
            format!(
                "writes {bytes} bytes; at most {max} (setting {setting}): split it, or have an admin raise the setting"
            )
        })
    }
}
