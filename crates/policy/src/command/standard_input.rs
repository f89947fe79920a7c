//! What reads standard input: by name, or because nothing else is named.

use super::call::Call;
use super::judge::{Fed, Judge};
use super::programs::{Operands, Program};
use crate::place::joined;

/// Programs that read standard input where no file is named.
const READERS: &[&str] = &[
    "cat",
    "tac",
    "rev",
    "head",
    "tail",
    "wc",
    "sort",
    "uniq",
    "cut",
    "tr",
    "column",
    "paste",
    "nl",
    "fold",
    "fmt",
    "expand",
    "unexpand",
    "sed",
    "awk",
    "gawk",
    "mawk",
    "nawk",
    "jq",
    "grep",
    "egrep",
    "fgrep",
    "od",
    "xxd",
    "hexdump",
    "hd",
    "md5sum",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "cksum",
];

/// Tells whether a word names standard input.
pub(super) fn is_standard_input(text: &str) -> bool {
    let path = text.starts_with('/').then(|| joined("/", text));
    text == "-" || path.is_some_and(|path| path == "/dev/stdin" || path.starts_with("/dev/fd/"))
}

impl Judge<'_> {
    /// Notes a reader that nothing is given to: it waits for a person.
    pub(super) fn waits(&mut self, name: &str, program: &Program, call: &Call, fed: Fed) {
        let asks_for_it = call.has(&["--stdin"])
            || name == "jq" && call.operands.len() < 2 && program_reads_on(call);
        if !fed.has_input && asks_for_it {
            self.types(name);
        }
        if fed.has_input || !READERS.contains(&name) {
            return;
        }
        let files = match program.operands {
            Operands::Text => &[],
            Operands::Pattern(given_by) if !call.has(given_by) => {
                call.operands.get(1..).unwrap_or_default()
            }
            _ => call.operands.as_slice(),
        };
        let first = call
            .operands
            .first()
            .and_then(|word| word.literal.as_deref());
        let needs_none = match name {
            "grep" | "egrep" | "fgrep" => call.has(&["-r", "--recursive"]),
            "jq" => call.has(&["-n", "--null-input"]),
            "awk" | "gawk" | "mawk" | "nawk" => {
                first.is_some_and(|text| text.trim_start().starts_with("BEGIN"))
            }
            _ => false,
        };
        let by_name =
            |word: &super::word::Word| word.literal.as_deref().is_some_and(is_standard_input);
        if files.iter().any(by_name) || files.is_empty() && !needs_none {
            self.types(name);
        }
    }

    fn types(&mut self, name: &str) {
        self.unclear(
            "command.waits",
            format!("`{name}` waits for what a person types; name a file"),
        );
    }
}

/// Tells whether a program for `jq` asks for input, also where `-n` gives it none.
fn program_reads_on(call: &Call) -> bool {
    let program = call.operands.first();
    program.is_some_and(|word| word.pattern.contains("input"))
}
