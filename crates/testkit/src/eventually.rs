use std::time::{Duration, Instant};

/// How long to leave the processor to others between two looks.
const BETWEEN: Duration = Duration::from_millis(5);

/// Looks again and again until something is so; gives up after `limit` and tells whether it came to that.
///
/// For events that cannot be waited for, such as the end of a process that is not our child.
pub fn eventually(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !is_so() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::park_timeout(BETWEEN);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_about_is_seen_and_what_does_not_is_given_up() {
        let mut looks = 0;
        assert!(eventually(Duration::from_secs(60), || {
            looks += 1;
            looks == 3
        }));
        assert!(!eventually(Duration::ZERO, || false));
    }
}
