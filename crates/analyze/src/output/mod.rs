//! Reads what a command wrote (I2): every error, the first cause first, and whether a person is waited for.
//!
//! Proven on what the real tools wrote: `tests/outputs`; [docs/output-analysis.md](../../../../docs/output-analysis.md)
//! lists what is found in which tool's output.
//!
//! | part | reads |
//! | --- | --- |
//! | `clean` | bytes into lines: no colours, no overwritten progress, bounded |
//! | `diagnostic` | compilers and linters: a place, a word for how bad it is, a message |
//! | `runner` | test runners: which test, where, why |
//! | [`crate::trace`] | stack traces and what was thrown |
//! | `passing` | what passing tests wrote, which is no error |
//! | `workspace` | who ran what where: prefixes of lines, folders that are entered |
//! | `tree` | which file of the repository a place means |
//! | `machine` | shells, system tools, git, package managers: one line says it |
//! | `cause` | which errors only follow from others |
//! | `waiting` | the last line, where it asks something |
//! | `advice` | what to do about an error |

use serde::{Deserialize, Serialize};

use crate::trace::Frame;

mod advice;
mod cause;
mod clean;
mod cursor;
mod diagnostic;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod kind;
mod machine;
mod msbuild;
mod passing;
mod place;
mod runner;
mod tree;
mod waiting;
mod workspace;

pub use advice::Advice;
pub use clean::{MAX_LINE_BYTES, MAX_OUTPUT_BYTES, plain};
pub use kind::ErrorKind;
pub use place::Place;
pub use tree::{MAX_TREE_FILES, Tree};
pub use waiting::{Waiting, WaitsFor};

pub(crate) use diagnostic::of_rustc;
pub(crate) use kind::{of_exception, of_text};
pub(crate) use place::number as line_number;

/// The most errors of one output.
pub const MAX_ERRORS: usize = 100;
/// The most characters of a message.
pub const MAX_MESSAGE_CHARS: usize = 500;

/// What a command wrote and how it ended.
#[derive(Debug, Clone, Copy, Default)]
pub struct Output<'t> {
    /// Standard output and standard error, as they stood on the terminal.
    pub bytes: &'t [u8],
    /// How it ended; none where it did not, or a signal ended it.
    pub exit_code: Option<i32>,
    /// The command, for advice.
    pub command: Option<&'t str>,
    /// The folder it ran in: paths below it are given relative to it.
    pub folder: Option<&'t str>,
    /// The files it ran on: a path is given as that of the file it means, where that is sure.
    pub tree: Option<&'t Tree>,
}

/// One error in an output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundError {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// What it says, in one line.
    pub message: String,
    /// The code or the name of the exception: `E0308`, `TS2345`, `KeyError`.
    pub code: Option<String>,
    /// Whose words they are: `rustc`, `git`, `python`.
    pub tool: Option<String>,
    /// Where in the project it is.
    pub place: Option<Place>,
    /// The test that failed, where it is one.
    pub test: Option<String>,
    /// The stack, innermost first, the project's own frames before those of others.
    pub frames: Vec<Frame>,
    /// What could be done.
    pub advice: Option<Advice>,
    /// The line of the output it begins on, counted from 1.
    pub at_line: u32,
    /// Where the program ran that said it.
    #[serde(skip)]
    pub(crate) origin: Option<workspace::Origin>,
    /// The thread that panicked.
    #[serde(skip)]
    pub(crate) thread: Option<String>,
}

/// What an output says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// Every error, the first cause first.
    pub errors: Vec<FoundError>,
    /// What a person is asked to type, where the output ends with that.
    pub waiting: Option<Waiting>,
    /// Whether there was more than is read.
    pub truncated: bool,
}

/// Reads what a command wrote; the same output always gives the same analysis.
pub fn output(output: &Output<'_>) -> Analysis {
    let text = clean::plain(output.bytes);
    let lines: Vec<&str> = text.text.lines().collect();
    let mut errors = cursor::read(&lines);
    for error in &mut errors {
        error.message = one_line(&error.message);
        let origin = error.origin.take();
        error.thread = None;
        for place in error
            .place
            .iter_mut()
            .chain(error.frames.iter_mut().map(|frame| &mut frame.place))
        {
            // What is not there is no other file of that name.
            let absent = error.kind == ErrorKind::NotFound && place.line.is_none();
            let tree = output.tree.filter(|_| !absent);
            tree::settle(place, output.folder, origin.as_ref(), tree);
        }
    }
    let waiting = waiting::waiting(&text.text);
    cause::order(&mut errors);
    if errors.is_empty() && waiting.is_none() {
        errors.extend(cause::of_exit(output.exit_code, &lines));
    }
    errors.truncate(MAX_ERRORS);
    for error in &mut errors {
        error.advice = advice::advice(error, output.command);
    }
    Analysis {
        errors,
        waiting,
        truncated: text.truncated,
    }
}

/// Makes one line of bounded length of a message.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > 4 * MAX_MESSAGE_CHARS {
            break;
        }
    }
    match line.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((at, _)) => {
            line.truncate(at);
            line.push('…');
            line
        }
        None => line,
    }
}
