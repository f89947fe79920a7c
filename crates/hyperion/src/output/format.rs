//! In which form data is written.

use clap::ValueEnum;
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
            Self::Json => serde_json::to_string_pretty(value).map(Some),
            Self::Jsonl => serde_json::to_string(value).map(Some),
        }
    }
}
