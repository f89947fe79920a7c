//! The only place that decides and acts: one folder a noun, reconcilers inside.
//!
//! Architecture invariants:
//! - Facts change only through `store.execute`; the world changes only by a reconciler that acts on
//!   committed state, and, where it cannot be undone, with a `Permit`.
//! - A reconciler takes no input: it looks at what is committed and does what is missing, so the
//!   way after a crash is the everyday way.
//! - No folder reaches into another's state: they meet in committed facts. [`Cx`] holds what they
//!   all use (store, clock, git), and nothing that any of them knows.

pub mod approval;
pub mod audit;
mod backup;
pub mod change_set;
pub mod command;
mod cx;
pub mod doctor;
mod driver;
mod engine;
mod error;
pub mod files;
pub mod grant;
pub mod identity;
pub mod intake;
pub mod notify;
pub mod plan;
pub mod queue;
mod read_facts;
mod reconcile;
pub mod remote;
pub mod repo;
pub mod request;
pub mod retention;
pub mod rollback;
pub mod run;
mod settings;
// Outside of `src`, for it is tests alone; in here, for it makes the decisions that only the engine sees.
#[cfg(test)]
#[path = "../tests/simulate/mod.rs"]
mod simulate;
pub mod subject;
#[cfg(test)]
mod testing;
pub mod tool;
mod wake_list;

pub use cx::{Clock, Cx, Ids};
pub use driver::Activity;
pub use engine::{Engine, Parts};
pub use error::{Error, MissingFact};
pub use hyperion_intake::{Sizes, near};
pub use reconcile::{Progress, Reconcile};
pub use settings::{Backup, OnOrphan, OnStall, SandboxSettings, Settings, Supervision, ToolLimits};
