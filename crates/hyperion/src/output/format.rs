//! In which form data is written.

use std::ffi::OsString;

use clap::ValueEnum;
use hyperion_policy::is_invisible;
use serde::Serialize;

/// The form of a command's data on standard output: for people, as the one JSON document that the
/// API gives, or one JSON value on each line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // No doc comments: clap would spread them over eight lines of every command's help.
    #[default]
    Table,
    Json,
    Jsonl,
}

/// `--format`, for commands that show one thing.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct FormatArgs {
    /// How to write the result
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
}

impl Format {
    /// Whether programs read it.
    pub(crate) const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }

    /// Writes one value, none for people.
    pub(crate) fn write(self, value: &impl Serialize) -> Result<Option<String>, serde_json::Error> {
        match self {
            Self::Table => Ok(None),
            Self::Json => pretty(value).map(Some),
            Self::Jsonl => compact(value).map(Some),
        }
    }
}

/// Tells whether arguments ask for JSON: also those of a command line that is wrong.
pub(crate) fn wants_json(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let mut before = OsString::new();
    for argument in arguments {
        let value = match argument.to_str() {
            Some("--") => return false,
            Some(text) if before == "--format" => text,
            Some(text) => text.strip_prefix("--format=").unwrap_or_default(),
            None => "",
        };
        if value == "json" || value == "jsonl" {
            return true;
        }
        before = argument;
    }
    false
}

/// Writes JSON over several lines; a terminal shows it as it stands, too.
pub(crate) fn pretty(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(escaped)
}

/// Writes JSON on one line; a terminal shows it as it stands, too.
pub(crate) fn compact(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string(value).map(escaped)
}

/// Escapes what steers a terminal or draws nothing, which JSON leaves as it is: the values stay the same.
fn escaped(json: String) -> String {
    // Below the space JSON escapes all that stands in a text; what is left are its own line ends.
    let steers = |c: char| c > '~' && (c.is_control() || is_invisible(c));
    if !json.contains(steers) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if steers(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // T1: JSON is looked at on terminals, too.
    #[test]
    fn json_steers_no_terminal_and_says_the_same() {
        let value = vec!["a\u{9b}31m\u{202e}\u{7f}\u{1b}[0m\u{e0041}é\n"];
        let json = compact(&value).unwrap();
        assert_eq!(
            json,
            r#"["a\u009b31m\u202e\u007f\u001b[0m\udb40\udc41é\n"]"#
        );
        for json in [json, pretty(&value).unwrap()] {
            let back: Vec<String> = serde_json::from_str(&json).unwrap();
            assert_eq!(back, value);
        }
    }
    #[test]
    fn json_is_wanted_wherever_it_is_asked_for() {
        let wants = |line: &str| wants_json(line.split(' ').map(OsString::from));
        assert!(wants("request x.json --format json --wait"));
        assert!(wants("queue list --format=jsonl"));
        assert!(!wants("queue list --format table"));
        assert!(!wants("request --format"));
        assert!(!wants("request -- --format json"));
    }
}
