//! The marks that a process inside a run carries.
//!
//! "No new privileges" is inherited by everything that a run starts, and can never be taken off. A machine may
//! put it on every process; then it tells nothing, and only the variable that names the run is left. A process can remove that
//! variable from itself, but not from its ancestors.

use std::fs;
use std::io;
use std::path::Path;

use crate::files::read_bounded;

/// Names the run that a process belongs to, in its environment.
pub const RUN_VARIABLE: &str = "HYPERION_RUN_ID";

/// How many ancestors of a process are looked at.
const ANCESTORS_MAX: usize = 64;
/// The most bytes of an environment that are read: the kernel gives a program at most 6 MiB of arguments and environment.
const ENVIRONMENT_MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Puts "no new privileges" on this thread and every process it starts from now on.
///
/// It cannot be taken off again, so the home's socket can tell whoever carries it from a person
/// ([`is_confined`]). Call it on a thread that does nothing else afterwards but start that process.
pub fn confine_this_thread() -> io::Result<()> {
    Ok(rustix::thread::set_no_new_privs(true)?)
}

/// Tells whether a process carries "no new privileges"; one that is gone, or cannot be read, counts as confined.
#[must_use]
pub fn is_confined(pid: u32) -> bool {
    status_of(pid, "NoNewPrivs:").is_none_or(|mark| mark != "0")
}

/// Tells whether a process, or one that it descends from, has the variable of a run in its environment.
///
/// What cannot be read is somebody else's, and no run. A process whose parent ended descends from nobody any more: this tells of
/// those that do not hide.
#[must_use]
pub fn descends_from_run(pid: u32) -> bool {
    let mut next = Some(pid);
    for _ in 0..ANCESTORS_MAX {
        let Some(pid) = next.filter(|pid| *pid != 0) else {
            return false;
        };
        if has_run_variable(pid) {
            return true;
        }
        next = status_of(pid, "PPid:").and_then(|parent| parent.parse().ok());
    }
    false
}

fn has_run_variable(pid: u32) -> bool {
    let path = format!("/proc/{pid}/environ");
    let bytes = read_bounded(Path::new(&path), ENVIRONMENT_MAX_BYTES).unwrap_or_default();
    bytes.split(|byte| *byte == 0).any(|variable| {
        variable
            .strip_prefix(RUN_VARIABLE.as_bytes())
            .is_some_and(|rest| rest.starts_with(b"="))
    })
}

/// Reads one field of a process's status.
fn status_of(pid: u32, field: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Launch, Limits, run};
    use std::time::Duration;

    const LIMITS: Limits = Limits {
        wall: Duration::from_secs(10),
        output_max: 4096,
    };

    fn mark_of_a_child() -> String {
        let launch = Launch::new("/bin/grep", "/").args(["NoNewPrivs", "/proc/self/status"]);
        run(&launch, &LIMITS).unwrap().stdout.text()
    }

    #[test]
    fn the_mark_is_inherited_and_does_not_spread_upwards() {
        let before = mark_of_a_child();
        let confined = std::thread::spawn(|| {
            confine_this_thread().unwrap();
            mark_of_a_child()
        });
        assert_eq!(confined.join().unwrap().trim(), "NoNewPrivs:\t1");
        assert_eq!(mark_of_a_child(), before, "only that thread is marked");
        assert!(is_confined(u32::MAX), "who is gone is not welcome");
    }

    #[test]
    fn who_descends_from_nobody_is_in_no_run() {
        assert!(!descends_from_run(u32::MAX));
        assert!(!descends_from_run(0));
        assert_eq!(
            descends_from_run(std::process::id()),
            std::env::var_os(RUN_VARIABLE).is_some(),
            "no test runner sets it, unless it is run by a check itself"
        );
    }
}
