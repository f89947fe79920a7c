//! Whether this process is inside a container, which ends with the first process in it.

use std::path::Path;

/// Where a process is that a container's end takes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// It is the first process itself: whatever it started ends with it.
    First,
    /// Another process is the first.
    Inside,
}

/// The files that container engines put into every container: Docker, Podman.
const MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// Tells whether this process is inside a container, as far as that shows.
#[must_use]
pub fn container() -> Option<Container> {
    let is_marked = MARKS.iter().any(|mark| Path::new(mark).exists());
    judge(std::process::id(), is_marked)
}

const fn judge(pid: u32, is_marked: bool) -> Option<Container> {
    match (pid, is_marked) {
        (1, _) => Some(Container::First),
        (_, true) => Some(Container::Inside),
        (_, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_needs_no_mark() {
        assert_eq!(judge(1, false), Some(Container::First));
        assert_eq!(judge(7, true), Some(Container::Inside));
        assert_eq!(judge(7, false), None);
    }
}
