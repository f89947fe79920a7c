//! The places at which tests end the program by force, as a crash does.
//!
//! Invariants:
//! - Without the feature `fail-points`, [`reached`] is nothing at all: no variable is read, no name is in the binary.
//! - A place has one name in all of the program and stands in one table, [`Point`], which says what is durable before it and what is not.
//! - The test suite kills the program at every [`Point`] and fails for a point that it cannot reach (`docs/crash-testing.md`).
//!
//! With the feature, three variables count:
//! - `HYPERION_FAIL_POINT=<name>[:<n>]` ends the process with SIGKILL when it reaches the point for the n-th time (the first, if not said).
//! - `HYPERION_FAIL_POINT_WAIT=<name>[,<name>…]=<file>` makes the file when the process reaches one of the points for the first time,
//!   and holds the thread that did until the file is gone: so a test acts at a definite step of an engine that lives.
//! - `HYPERION_FAIL_POINT_LOG=<file>` has each point's name appended to the file when this process reaches it for the first time.
//!
//! ```
//! use hyperion_fault::{Point, reached};
//!
//! reached(Point::StoreGroupWritten);
//! assert_eq!(Point::from_name("store.group.written"), Some(Point::StoreGroupWritten));
//! ```

mod point;

#[cfg(feature = "fail-points")]
mod armed;

pub use point::{Point, table};

/// Ends the process here, if a test wants it to.
#[inline(always)]
#[cfg_attr(
    not(feature = "fail-points"),
    allow(unused_variables, clippy::needless_pass_by_value)
)]
pub fn reached(point: Point) {
    #[cfg(feature = "fail-points")]
    armed::reached(point);
}

/// Looks at the variables, so that a wrong one is told before anything begins.
///
/// # Errors
/// What is wrong with one of them: a test that arms no point would pass for the wrong reason.
pub fn check() -> Result<(), String> {
    #[cfg(feature = "fail-points")]
    armed::check()?;
    Ok(())
}

/// What another process needs in its environment, to follow the same orders as this one.
#[must_use]
pub fn variables() -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    #[cfg(feature = "fail-points")]
    return armed::variables();
    #[cfg(not(feature = "fail-points"))]
    Vec::new()
}
