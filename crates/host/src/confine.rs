//! The mark that a process inside a run carries, and can never take off.

use std::fs;
use std::io;

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
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
        return true;
    };
    let mark = status
        .lines()
        .find_map(|line| line.strip_prefix("NoNewPrivs:"));
    mark.is_none_or(|mark| mark.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Launch, Limits, run};
    use std::time::Duration;

    fn mark_of_a_child() -> String {
        let limits = Limits {
            wall: Duration::from_secs(10),
            output_max: 4096,
        };
        let launch = Launch::new("/bin/grep", "/").args(["NoNewPrivs", "/proc/self/status"]);
        run(&launch, &limits).unwrap().stdout.text()
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
}
