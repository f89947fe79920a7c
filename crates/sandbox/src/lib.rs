//! What a process may see and reach.
//!
//! A [`Sandbox`] is what is wished for, [`Had`] what the kernel gave: whatever is missing is said there, with the reason, and never
//! silently weaker. The shim enters in two steps: [`enter_outer`] in the shim itself, before it starts anything (user, pid and
//! network namespaces), and [`enter_inner`] in the first process inside (mounts, Landlock, seccomp, capabilities).

mod capabilities;
mod enter;
mod files;
mod mount_table;
mod mounts;
mod namespaces;
mod package_sources;
mod plan;
mod probe;
mod spec;
mod syscalls;
mod tool_chains;

pub use enter::{EnterError, Outer, enter_inner, enter_outer, environment};
pub use package_sources::{PACKAGE_SOURCES, SettingsFile};
pub use probe::{PROBE, answer_probe, layers, probe};
pub use spec::{Cache, Had, Lack, Layer, Level, Limits, Network, Sandbox};
pub use tool_chains::{CREDENTIALS, Machine, ToolChains};
