//! What people see of a hunk.

use std::fmt::Write as _;

use hyperion_patch::{Cell, DiffOptions, WordSpan, diff, side_by_side, words};
use proptest::prelude::*;

use crate::texts::{edited, line};

fn marked(text: &[u8], spans: &[WordSpan]) -> String {
    let text = |span: &WordSpan| String::from_utf8_lossy(&text[span.range.clone()]).into_owned();
    spans
        .iter()
        .map(|span| {
            if span.changed {
                format!("[{}]", text(span))
            } else {
                text(span)
            }
        })
        .collect()
}

fn shown(old: &str, new: &str) -> String {
    let found = words(old.as_bytes(), new.as_bytes());
    format!(
        "{}\n{}",
        marked(old.as_bytes(), &found.old),
        marked(new.as_bytes(), &found.new)
    )
}

// C2
#[test]
fn changed_words_are_marked() {
    let long = "x".repeat(10_000);
    let table = [
        ("let count = 3;", "let total = 3;"),
        (
            "fn apply(base: &[u8]) -> Vec<u8>",
            "fn apply(base: &[u8], file: &FilePatch) -> Vec<u8>",
        ),
        ("one two three", "one 2 3"),
        ("nothing alike", "completely different, you see"),
        ("grün ist schön", "grau ist schön"),
        ("", "new"),
        ("same", "same"),
        ("\tindent", "    indent"),
        (long.as_str(), "y"),
    ];
    let said: Vec<_> = table
        .iter()
        .map(|(old, new)| shown(old, new).replace(&long, "LONG"))
        .collect();
    insta::assert_snapshot!(said.join("\n\n"), @r"
    let [count] = 3;
    let [total] = 3;

    fn apply(base: &[u8]) -> Vec<u8>
    fn apply(base: &[u8][, file: &FilePatch]) -> Vec<u8>

    one [two three]
    one [2 3]

    [nothing alike]
    [completely different, you see]

    [grün] ist schön
    [grau] ist schön


    [new]

    same
    same

    [	]indent
    [    ]indent

    [LONG]
    [y]
    ");
}

#[test]
fn an_edited_line_stands_beside_what_it_became() {
    let old = "fn main() {\n    let count = 3;\n    // gone\n    print(count);\n}\n";
    let new = "fn main() {\n    // How many there are.\n    let total = 3;\n    print(total);\n    exit();\n}\n";
    let difference = diff(old.as_bytes(), new.as_bytes(), &DiffOptions::default());
    let cell = |cell: Option<&Cell<'_>>| match cell {
        None => String::new(),
        Some(Cell {
            number,
            line,
            words,
        }) if words.is_empty() => {
            format!("{number} {}", String::from_utf8_lossy(line.content()))
        }
        Some(Cell {
            number,
            line,
            words,
        }) => format!("{number} {}", marked(line.content(), words)),
    };
    let mut table = String::new();
    for row in side_by_side(&difference.hunks[0]) {
        let (left, right) = (cell(row.left.as_ref()), cell(row.right.as_ref()));
        writeln!(table, "{left:<30}|{right}").expect("text");
    }
    insta::assert_snapshot!(table, @r"
    1 fn main() {                 |1 fn main() {
                                  |2     // How many there are.
    2     let [count] = 3;        |3     let [total] = 3;
    3     // gone                 |
    4     print([count]);         |4     print([total]);
                                  |5     exit();
    5 }                           |6 }
    ");
}

fn covers(text: &[u8], spans: &[WordSpan]) -> bool {
    let ends = spans.iter().map(|span| span.range.end);
    let starts: Vec<_> = spans
        .iter()
        .map(|span| span.range.start)
        .chain([text.len()])
        .collect();
    starts.first() == Some(&0) && ends.eq(starts.into_iter().skip(1))
        || text.is_empty() && spans.is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spans_cover_both_lines_and_agree_on_what_is_common(
        old in prop::collection::vec(line(), 0..4),
        new in prop::collection::vec(line(), 0..4),
    ) {
        let (old, new) = (old.concat(), new.concat());
        let found = words(&old, &new);
        prop_assert!(covers(&old, &found.old) && covers(&new, &found.new));
        let common = |text: &[u8], spans: &[WordSpan]| -> Vec<u8> {
            spans.iter().filter(|span| !span.changed).flat_map(|span| text[span.range.clone()].to_vec()).collect()
        };
        prop_assert_eq!(common(&old, &found.old), common(&new, &found.new));
    }

    #[test]
    fn two_columns_show_every_line_once_and_in_order((old, new) in edited(40)) {
        let difference = diff(&old, &new, &DiffOptions::default());
        for hunk in &difference.hunks {
            let rows = side_by_side(hunk);
            let left: Vec<_> = rows.iter().filter_map(|row| row.left.as_ref()).collect();
            let right: Vec<_> = rows.iter().filter_map(|row| row.right.as_ref()).collect();
            prop_assert!(left.iter().map(|cell| cell.line).eq(hunk.old_side()));
            prop_assert!(right.iter().map(|cell| cell.line).eq(hunk.new_side()));
            prop_assert!(left.iter().map(|cell| cell.number).eq((hunk.old_start..).take(hunk.old_lines)));
            prop_assert!(right.iter().map(|cell| cell.number).eq((hunk.new_start..).take(hunk.new_lines)));
        }
    }
}
