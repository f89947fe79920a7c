//! Files that changed.

use hyperion_api::file_modification::FileModification;
use jiff::Timestamp;

use crate::id::short;
use crate::output::table::{Table, fixed, prose};
use crate::time::ago;

/// Writes a list.
pub(crate) fn table(found: &[FileModification], now: Timestamp, width: Option<usize>) -> String {
    let mut table = Table::new([
        fixed("AGE"),
        fixed("KIND"),
        prose("PATH"),
        fixed("RUN"),
        prose("BENEATH"),
    ]);
    for file in found {
        table.row([
            ago(&file.time, now).into(),
            file.kind.clone().into(),
            file.path.clone().into(),
            file.run_id.as_deref().map_or("", short).into(),
            file.root.clone().into(),
        ]);
    }
    table.render(width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::plain;

    #[test]
    fn a_change_says_what_where_and_by_whom() {
        let file = FileModification {
            time: "2026-11-01T11:59:00Z".into(),
            repo_id: "0190b7c4-6f2e-7a31-9d52-3f1c0000aaaa".into(),
            run_id: Some("0190b7c4-6f2e-7a31-9d52-3f1c000003e8".into()),
            root: "/srv/web".into(),
            path: "src/a.rs".into(),
            kind: "created".into(),
            found_by: "watch".into(),
        };
        let now = "2026-11-01T12:00:00Z".parse().unwrap();
        insta::assert_snapshot!(plain(&table(&[file], now, Some(80))), @"
        AGE  KIND     PATH      RUN       BENEATH
        1m   created  src/a.rs  000003e8  /srv/web
        ");
    }
}
