//! What must hold for any bytes at all; driven by the fuzzer, and by the tests over its findings.

use super::{MAX_ERRORS, MAX_MESSAGE_CHARS, Output, Tree, output};
use crate::trace::{MAX_FRAMES, traces};

/// Any bytes have an analysis, the same each time, within its limits; so have stack traces.
pub fn any_output(data: &[u8]) {
    let tree = Tree::of(["a.py", "src/a.rs", "web/src/a.ts"].map(str::to_owned));
    let run = Output {
        bytes: data,
        exit_code: Some(1),
        command: Some("make all"),
        folder: Some("/project"),
        tree: Some(&tree),
    };
    let analysis = output(&run);
    assert_eq!(output(&run), analysis);
    assert!(analysis.errors.len() <= MAX_ERRORS);
    for error in &analysis.errors {
        assert!(error.message.chars().count() <= MAX_MESSAGE_CHARS + 1);
        assert!(error.at_line >= 1 && error.frames.len() <= MAX_FRAMES * 4);
    }
    let text = String::from_utf8_lossy(data);
    for trace in traces(&text) {
        assert!(trace.frames.len() <= MAX_FRAMES);
        let own = trace.frames.iter().take_while(|frame| frame.is_own).count();
        assert!(trace.frames.iter().skip(own).all(|frame| !frame.is_own));
    }
}

#[cfg(test)]
mod tests {
    use hyperion_testkit::fuzz::on_each_input;

    #[test]
    fn any_bytes_have_an_analysis() {
        on_each_input("output", 100, super::any_output);
    }
}
