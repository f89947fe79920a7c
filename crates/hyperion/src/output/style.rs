//! The few styles there are; each only repeats what the words say.

use anstyle::{AnsiColor, Style};

/// Went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Went wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Waits for a person.
pub(crate) const WAITS: Style = AnsiColor::Yellow.on_default();
/// Says what to do next.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default();
/// Stands out.
pub(crate) const STRONG: Style = Style::new().bold();
/// Steps back.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// As it is.
pub(crate) const PLAIN: Style = Style::new();

/// Puts text in a style.
pub(crate) fn paint(style: Style, text: &str) -> String {
    if text.is_empty() || style == PLAIN {
        return text.to_owned();
    }
    format!("{style}{text}{style:#}")
}

/// Gives the style of a state's wire name, whatever the noun.
pub(crate) fn of_status(status: &str) -> Style {
    match status {
        "completed" | "landed" | "approved" | "passed" | "finished" | "accepted" | "active"
        | "ok" => GOOD,
        "failed" | "rejected" | "put aside" | "quarantined" | "dead" | "lost" | "killed"
        | "uncertain" | "error" => BAD,
        "pending"
        | "awaiting_approval"
        | "needs_clarification"
        | "blocked"
        | "interrupted"
        | "partly_landed"
        | "warning" => WAITS,
        "cancelled" | "expired" | "rolled_back" | "abandoned" | "skipped" | "forgotten" => FAINT,
        _ => PLAIN,
    }
}
