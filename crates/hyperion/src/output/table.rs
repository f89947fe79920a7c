//! Tables that fit the terminal.

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::style::{self, paint};
use super::visible::visible;

/// Between two columns.
const GAP: &str = "  ";
/// No column that can shrink becomes narrower than this.
const NARROWEST: usize = 8;

/// One cell: text as it is, and how to paint it.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell whose style says what its status says.
    pub(crate) fn status(status: &str) -> Self {
        Self {
            text: visible(status).into_owned(),
            style: style::of_status(status),
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: visible(text.as_ref()).into_owned(),
            style: style::PLAIN,
        }
    }
}

/// A column's heading and what happens when there is no room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    heading: &'static str,
    shrinks: bool,
    right: bool,
}

/// A column that keeps its width.
pub(crate) const fn fixed(heading: &'static str) -> Column {
    Column {
        heading,
        shrinks: false,
        right: false,
    }
}

/// A column of numbers.
pub(crate) const fn number(heading: &'static str) -> Column {
    Column {
        heading,
        shrinks: false,
        right: true,
    }
}

/// A column of prose, cut short on a narrow terminal.
pub(crate) const fn prose(heading: &'static str) -> Column {
    Column {
        heading,
        shrinks: true,
        right: false,
    }
}

/// Rows below headings.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Makes an empty table.
    pub(crate) fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self {
            columns: columns.into(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with a cell for each column.
    pub(crate) fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        let mut cells = cells.into();
        cells.resize(self.columns.len(), Cell::from(""));
        self.rows.push(cells);
    }

    /// Writes it; `width` is the terminal's, none where the output is no terminal.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let widths = self.widths(width);
        let headings = self.columns.iter().map(|column| Cell {
            text: column.heading.to_owned(),
            style: style::STRONG,
        });
        let mut text = String::new();
        for row in std::iter::once(headings.collect()).chain(self.rows.iter().cloned()) {
            self.line(&row, &widths, width, &mut text);
        }
        text
    }

    fn widths(&self, width: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let cells = self.rows.iter().map(|row| row[at].text.width());
                cells.chain([column.heading.width()]).max().unwrap_or(0)
            })
            .collect();
        let Some(width) = width else { return widths };
        loop {
            let used = widths.iter().sum::<usize>() + GAP.len() * (widths.len().max(1) - 1);
            let widest = (0..widths.len())
                .filter(|&at| self.columns[at].shrinks && widths[at] > NARROWEST)
                .max_by_key(|&at| widths[at]);
            match widest {
                Some(at) if used > width => widths[at] -= 1,
                _ => return widths,
            }
        }
    }

    fn line(&self, row: &[Cell], widths: &[usize], width: Option<usize>, text: &mut String) {
        let mut left = width.unwrap_or(usize::MAX);
        let last = row
            .iter()
            .rposition(|cell| !cell.text.is_empty())
            .unwrap_or(0);
        for (at, cell) in row.iter().enumerate().take(last + 1) {
            if at > 0 {
                if left <= GAP.len() {
                    break;
                }
                text.push_str(GAP);
                left -= GAP.len();
            }
            let room = widths[at].min(left);
            let cut = cut(&cell.text, room);
            let pad = room.saturating_sub(cut.width());
            left -= room;
            let padding = " ".repeat(pad);
            if self.columns[at].right {
                text.push_str(&padding);
            }
            text.push_str(&paint(cell.style, &cut));
            if !self.columns[at].right && at < last {
                text.push_str(&padding);
            }
        }
        text.push('\n');
    }
}

/// Cuts text to a width, with `…` where something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    if width > 0 {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([fixed("ID"), fixed("STATUS"), prose("TITLE"), number("+")]);
        table.row([
            "1a2b3c4d".into(),
            Cell::status("landed"),
            "Clamp the retry delay at 30 s".into(),
            "3".into(),
        ]);
        table.row([
            "5e6f7a8b".into(),
            Cell::status("queued"),
            "数える".into(),
            "120".into(),
        ]);
        table
    }

    fn plain(width: Option<usize>) -> String {
        anstream::adapter::strip_str(&table().render(width)).to_string()
    }

    #[test]
    fn a_pipe_gets_everything() {
        insta::assert_snapshot!(plain(None), @r"
        ID        STATUS  TITLE                            +
        1a2b3c4d  landed  Clamp the retry delay at 30 s    3
        5e6f7a8b  queued  数える                         120
        ");
    }

    #[test]
    fn a_narrow_terminal_cuts_prose_first_and_then_the_line() {
        insta::assert_snapshot!(plain(Some(40)), @r"
        ID        STATUS  TITLE                +
        1a2b3c4d  landed  Clamp the retry …    3
        5e6f7a8b  queued  数える             120
        ");
        for width in 1..60 {
            for line in plain(Some(width)).lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn cutting_never_splits_a_wide_character() {
        assert_eq!(cut("数える", 4), "数…");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("abcd", 0), "");
    }
}
