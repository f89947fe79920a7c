//! Which pager shows what is longer than the screen.

use std::ffi::OsStr;
use std::path::Path;

use hyperion_host::Launch;
use textwrap::core::display_width;

use crate::settings::Variables;

/// Leaves at once when all fits on the screen, shows colours, and leaves the text on the screen.
const DEFAULT: &str = "less -FRX";

/// Gives how to start the pager: that of `HYPERION_PAGER`, of `PAGER`, or `less`; none where one of them is empty or `cat`.
pub(crate) fn pager(variables: &Variables, current_dir: &Path) -> Option<Launch> {
    let named = |name: &str| variables.iter().find(|(known, _)| *known == name);
    let named = named("HYPERION_PAGER").or_else(|| named("PAGER"));
    let command = named.map_or(OsStr::new(DEFAULT), |(_, command)| command);
    if command.is_empty() || command == "cat" {
        return None;
    }
    // Git sets the same for a `less` that was named without options.
    let launch = Launch::new("/bin/sh", current_dir).env("LESS", "FRX");
    let launch = variables
        .iter()
        .fold(launch, |launch, (name, value)| launch.env(name, value));
    Some(launch.arg("-c").arg(command))
}

/// Tells whether a text takes more rows than a screen of so many columns and rows has.
pub(crate) fn is_longer_than_screen(text: &str, (columns, rows): (usize, usize)) -> bool {
    let rows_of = |line: &str| display_width(line).div_ceil(columns).max(1);
    text.lines().map(rows_of).sum::<usize>() >= rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)]) -> Option<(String, String)> {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        let launch = pager(&Variables::new(variables), Path::new("/"))?;
        let text = |text: &OsStr| text.to_str().unwrap().to_owned();
        let less = launch.env.iter().rfind(|(name, _)| name == "LESS");
        Some((text(&launch.args[1]), text(&less?.1)))
    }

    #[test]
    fn the_pager_is_the_persons_own() {
        let some = |command: &str, less: &str| Some((command.to_owned(), less.to_owned()));
        assert_eq!(chosen(&[]), some("less -FRX", "FRX"));
        assert_eq!(
            chosen(&[("PAGER", "most"), ("LESS", "R")]),
            some("most", "R")
        );
        let own = ("HYPERION_PAGER", "delta --dark");
        assert_eq!(
            chosen(&[("PAGER", "most"), own]),
            some("delta --dark", "FRX")
        );
        assert_eq!(chosen(&[("PAGER", "most"), ("HYPERION_PAGER", "")]), None);
        assert_eq!(chosen(&[("PAGER", "cat")]), None);
    }

    #[test]
    fn a_line_that_is_broken_takes_several_rows() {
        assert!(!is_longer_than_screen("a\nb\n", (80, 3)));
        assert!(is_longer_than_screen("a\nb\nc\n", (80, 3)));
        assert!(is_longer_than_screen(&"x".repeat(161), (80, 3)));
        assert!(!is_longer_than_screen("\u{1b}[1mx\u{1b}[0m", (3, 2)));
    }
}
