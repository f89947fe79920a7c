//! Plans: giving steps to agents, and settling steps by what came of their changes.

mod dispatch;
pub(crate) mod settle;

pub(crate) use dispatch::{Dispatch, active_of, ready};
pub(crate) use settle::Settle;
