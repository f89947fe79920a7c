//! What backups and restored homes show.

use hyperion_backup::{Found, Restored};
use jiff::tz::TimeZone;

use super::{field, hint, warning};
use crate::commands::backup::Report;
use crate::output::style::{self, paint};
use crate::output::table::{Table, fixed, number, prose};
use crate::output::visible::visible;
use crate::time::local;

/// Writes what was taken.
pub(crate) fn taken(report: &Report) -> String {
    let Report {
        path,
        head_seq,
        head_hash: _,
        key_id,
        verified,
        files,
        linked,
        bytes,
        remarks,
    } = report;
    let how = if *verified {
        "and read back"
    } else {
        "not verified"
    };
    let mut text = format!(
        "{} Backed up to event {head_seq}, {how}\n",
        paint(style::GOOD, "✓")
    );
    text.push_str(&field("folder", &visible(&path.display().to_string())));
    let linked = match linked {
        0 => String::new(),
        linked => format!(", {linked} of them linked to an earlier backup's"),
    };
    text.push_str(&field(
        "size",
        &format!("{}, {files} files{linked}", size(*bytes)),
    ));
    if let Some(key_id) = key_id {
        text.push_str(&field(
            "key",
            &format!("{key_id}, left out: keep it elsewhere"),
        ));
    }
    for remark in remarks {
        text.push_str(&warning(&visible(remark)));
        text.push('\n');
    }
    text.push_str(&hint(&format!(
        "try it out: hyperion restore {} --home DIR",
        visible(&path.display().to_string())
    )));
    text
}

/// Writes the backups of a folder.
pub(crate) fn list(found: &[Found], zone: &TimeZone, width: Option<usize>) -> String {
    let mut table = Table::new([
        fixed("TAKEN"),
        number("FROM EVENT"),
        number("TO EVENT"),
        number("SIZE"),
        fixed("KEY"),
        prose("BACKUP"),
    ]);
    for backup in found {
        let Found {
            path,
            usable: _,
            problem,
            taken_at,
            head_seq,
            last_seq,
            segments: _,
            bytes,
            key_id,
        } = backup;
        let path = path.display().to_string();
        let place = match problem {
            Some(problem) => format!("{path}: {problem}"),
            None => path,
        };
        table.row([
            taken_at
                .map_or_else(String::new, |at| local(&at.to_string(), zone))
                .into(),
            head_seq.to_string().into(),
            last_seq.to_string().into(),
            size(*bytes).into(),
            key_id.clone().unwrap_or_default().into(),
            place.into(),
        ]);
    }
    table.render(width)
}

/// Writes what was restored, and what to do next.
pub(crate) fn restored(restored: &Restored, is_elsewhere: bool, zone: &TimeZone) -> String {
    let Restored {
        home,
        backup,
        seq,
        hash: _,
        time,
        from_segments,
        left_out,
        aside,
        remarks,
    } = restored;
    let shown = |path: &std::path::Path| visible(&path.display().to_string()).into_owned();
    let when = time.map_or_else(String::new, |time| {
        format!(" ({})", local(&time.to_string(), zone))
    });
    let mut text = format!(
        "{} Restored to event {seq}{when}, and verified\n",
        paint(style::GOOD, "✓")
    );
    text.push_str(&field("home", &shown(home)));
    text.push_str(&field("from", &shown(backup)));
    if *from_segments > 0 {
        text.push_str(&field(
            "shipped",
            &format!("{from_segments} events behind the base"),
        ));
    }
    if *left_out > 0 {
        text.push_str(&field("left out", &format!("{left_out} later events")));
    }
    if let Some(aside) = aside {
        text.push_str(&field("kept aside", &shown(aside)));
    }
    for remark in remarks {
        text.push_str(&warning(&visible(remark)));
        text.push('\n');
    }
    let next = if is_elsewhere {
        // Two homes at work would land on the same branches.
        let home = format!("HYPERION_HOME={}", shown(home));
        format!(
            "look at it with: {home} hyperion audit verify, and {home} hyperion approval list; do not run `drain` or `up` there while the home it is a copy of is in use"
        )
    } else {
        "next: hyperion doctor, then hyperion drain; what landed since the backup is found on the branch, and does not land again".to_owned()
    };
    text.push_str(&hint(&next));
    text
}

pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let mut unit = 0;
    let mut whole = bytes;
    while whole >= 10 * 1024 && unit + 1 < UNITS.len() {
        whole /= 1024;
        unit += 1;
    }
    format!("{whole} {}", UNITS[unit])
}
