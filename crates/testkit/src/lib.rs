//! Fakes and throw-away worlds for tests: repositories, request files, the program itself.
//!
//! Everything here is real where it can be (git, files, processes) and fixed where it must be
//! (time, ids, configuration). A test that cannot build its world is wrong, so functions panic
//! with what the failed program said.
//!
//! ```
//! use hyperion_testkit::{TempRepo, task, task_request};
//!
//! let repo = TempRepo::new();
//! repo.commit("Retry for ever", &[("src/retry.txt", "delay = 2 ^ n\n")]);
//! let request = task_request("Clamp the retry delay").class("bugfix").task(
//!     task("T1", "cap the delay")
//!         .owns(&["src/retry.txt"])
//!         .modify("src/retry.txt", "delay = 2 ^ n\n", "delay = min(2 ^ n, 30)\n"),
//! );
//! assert_eq!(request.json()["tasks"][0]["changes"][0]["operation"], "modify");
//! ```
#![allow(
    clippy::disallowed_methods,
    reason = "a test's world is made by real programs, and testkit may not depend on `host`"
)]

mod chaos;
mod clock;
mod dice;
mod diff;
mod eventually;
pub mod fuzz;
mod git;
mod hook;
mod id_source;
mod lives;
mod power;
mod processes;
mod program;
mod published;
mod repo;
mod request_file;
mod running;

pub use chaos::Chaos;
pub use clock::FixedClock;
pub use dice::Dice;
pub use diff::{creation_diff, deletion_diff, unified_diff};
pub use eventually::eventually;
pub use git::{git, git_command, git_programs, try_git};
pub use hook::{Hook, Posted};
pub use id_source::IdSource;
pub use lives::{Life, Until};
pub use power::{Disk, Fault, Loss, Power, Trace, What};
pub use processes::processes_called_with;
pub use program::{Finished, Hyperion};
pub use published::published_crate;
pub use repo::TempRepo;
pub use request_file::{RequestFile, TaskEntry, task, task_request};
pub use running::Running;
