//! Plans: making steps of tasks, giving them to agents, and settling them by what came of their changes.

mod depend;
mod dispatch;
mod document;
pub(crate) mod settle;

pub(crate) use depend::ready;
pub(crate) use dispatch::{Dispatch, active_of};
pub(crate) use document::split;
pub use document::{PlanDocument, plan_document};
pub(crate) use settle::Settle;
