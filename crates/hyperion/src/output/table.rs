//! Tables that fit the terminal.

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::style::{self, paint};
use super::visible::visible;

/// Between two columns.
const GAP: &str = "  ";
/// No column that can shrink becomes narrower than this.
const NARROWEST: usize = 8;
/// What prose should have before columns are left out for it.
const READABLE: usize = 18;

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
            text: visible(&style::in_words(status)).into_owned(),
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
    optional: bool,
}

impl Column {
    /// Leaves the column out where the terminal is too narrow for all; the last such column goes first.
    #[must_use]
    pub(crate) const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

/// A column that keeps its width.
pub(crate) const fn fixed(heading: &'static str) -> Column {
    Column {
        heading,
        shrinks: false,
        right: false,
        optional: false,
    }
}

/// A column of numbers.
pub(crate) const fn number(heading: &'static str) -> Column {
    Column {
        heading,
        shrinks: false,
        right: true,
        optional: false,
    }
}

/// A column of prose, cut short on a narrow terminal.
pub(crate) const fn prose(heading: &'static str) -> Column {
    Column {
        heading,
        shrinks: true,
        right: false,
        optional: false,
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

    /// Writes it; `width` is the terminal's, none where the output is no terminal. A column with nothing in it is left out.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let is_empty = |at: usize| self.rows.iter().all(|row| row[at].text.is_empty());
        let columns = 0..self.columns.len();
        let mut shown: Vec<usize> = columns.filter(|&at| at == 0 || !is_empty(at)).collect();
        while self.least(&shown) > width.unwrap_or(usize::MAX)
            && let Some(last) = shown.iter().rposition(|&at| self.columns[at].optional)
        {
            shown.remove(last);
        }
        let row = |row: &Vec<Cell>| shown.iter().map(|&at| row[at].clone()).collect();
        let table = Self {
            columns: shown.iter().map(|&at| self.columns[at]).collect(),
            rows: self.rows.iter().map(row).collect(),
        };
        table.whole(width)
    }

    /// Gives the width that some columns need to be readable.
    fn least(&self, shown: &[usize]) -> usize {
        let widths = shown.iter().map(|&at| match self.natural(at) {
            natural if self.columns[at].shrinks => natural.min(READABLE),
            natural => natural,
        });
        widths.sum::<usize>() + GAP.len() * shown.len().saturating_sub(1)
    }

    /// Gives the width at which nothing of a column is cut.
    fn natural(&self, at: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[at].text.width());
        let heading = self.columns[at].heading.width();
        cells.chain([heading]).max().unwrap_or(0)
    }

    fn whole(&self, width: Option<usize>) -> String {
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
        let columns = 0..self.columns.len();
        let mut widths: Vec<usize> = columns.map(|at| self.natural(at)).collect();
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
    fn columns_give_way_to_prose_and_empty_ones_are_left_out() {
        let mut table = Table::new([
            fixed("ID"),
            prose("TITLE"),
            prose("NOTE"),
            fixed("REPO").optional(),
            fixed("AGE").optional(),
        ]);
        let title = "Clamp the retry delay at 30 s";
        table.row([
            "1a2b3c4d".into(),
            title.into(),
            "".into(),
            "web".into(),
            "3m".into(),
        ]);
        let plain = |width| anstream::adapter::strip_str(&table.render(Some(width))).to_string();
        insta::assert_snapshot!([60, 38, 34].map(plain).join("\n"), @r"
        ID        TITLE                          REPO  AGE
        1a2b3c4d  Clamp the retry delay at 30 s  web   3m

        ID        TITLE                   REPO
        1a2b3c4d  Clamp the retry delay…  web

        ID        TITLE               REPO
        1a2b3c4d  Clamp the retry d…  web
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
