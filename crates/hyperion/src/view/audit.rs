//! What the audit log shows.

use hyperion_api::audit::{Landing, Replay, Verification};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{count, field, fields, joined};
use crate::id::{short, short_commit};
use crate::output::style::{self, paint};
use crate::output::table::{Table, fixed, prose};
use crate::output::visible::visible;
use crate::time::{ago, local};

/// Writes landings.
pub(crate) fn landings(
    landings: &[Landing],
    now: Timestamp,
    zone: &TimeZone,
    width: Option<usize>,
) -> String {
    let mut table = Table::new([
        fixed("COMMIT"),
        fixed("REQUEST"),
        prose("TITLE"),
        prose("NOTE"),
        prose("APPROVED BY"),
        fixed("REPO").optional(),
        fixed("AGE").optional(),
        prose("ASKED BY").optional(),
        fixed("LANDED").optional(),
        prose("CHECKS").optional(),
        fixed("ENTRY").optional(),
    ]);
    for landing in landings {
        let back = landing.taken_back_by.as_deref();
        let back = back.map(|by| format!("rolled back by {}", short(by)));
        table.row([
            short_commit(&landing.commit).into(),
            short(&landing.request_id).into(),
            (&landing.title).into(),
            joined(back, landing.note.as_ref()).into(),
            landing.approved_by.join(", ").into(),
            (&landing.repo).into(),
            ago(&landing.landed_at, now).into(),
            (&landing.asked_by).into(),
            local(&landing.landed_at, zone).into(),
            checks(landing).into(),
            short(&landing.entry_id).into(),
        ]);
    }
    table.render(width)
}

/// Names the checks and what came of them; their number where the record has no names.
fn checks(landing: &Landing) -> String {
    let named = landing.results.iter();
    let named: Vec<_> = named
        .map(|check| format!("{} {}", check.name, check.result))
        .collect();
    match named.is_empty() {
        true => landing.checks.to_string(),
        false => named.join(", "),
    }
}

/// Writes what was verified.
pub(crate) fn verification(found: &Verification) -> String {
    let Verification {
        ok,
        events,
        first_bad,
        structure,
        head,
        rows_compared,
        rows_differ,
        damaged_blobs,
        landings_compared,
        landings_differ,
        landings_moved,
        not_shown,
    } = found;
    let mut text = match (*ok, landings_moved.is_empty()) {
        (true, true) => format!("{} The audit log holds\n", paint(style::GOOD, "✓")),
        (true, false) => format!(
            "{} The audit log holds, but a branch was moved: see `moved`\n",
            paint(style::BAD, "✗")
        ),
        (false, _) => format!(
            "{} The audit log does not hold{}\n",
            paint(style::BAD, "✗"),
            parts_that_fail(found)
        ),
    };
    let chain = match first_bad {
        None => format!("{} in an unbroken chain", count_u64(*events, "event")),
        Some(bad) => format!(
            "{}; broken at {}",
            count_u64(*events, "event"),
            visible(bad)
        ),
    };
    text.push_str(&field("chain", &chain));
    text.push_str(&fields(
        "database",
        structure.iter().map(|one| format!("- {}", visible(one))),
    ));
    let sealed = match head.as_str() {
        "sealed" => "sealed with this home's key".to_owned(),
        "unsealed" => "not sealed yet".to_owned(),
        "mismatch" => {
            "the seal does not match: the log was cut off, or written by somebody without the key"
                .to_owned()
        }
        "key_missing" => "cannot be checked: the key is missing".to_owned(),
        other => other.to_owned(),
    };
    text.push_str(&field("head", &sealed));
    text.push_str(&field(
        "states",
        &compared(*rows_compared, rows_differ.len()),
    ));
    text.push_str(&fields(
        "",
        rows_differ.iter().map(|one| format!("- {}", visible(one))),
    ));
    text.push_str(&field(
        "landings",
        &compared(*landings_compared, landings_differ.len()),
    ));
    text.push_str(&fields(
        "",
        landings_differ
            .iter()
            .map(|one| format!("- {}", visible(one))),
    ));
    text.push_str(&fields(
        "moved",
        landings_moved
            .iter()
            .map(|one| format!("- {}", visible(one))),
    ));
    text.push_str(&fields(
        "damaged",
        damaged_blobs.iter().map(|one| visible(one).into_owned()),
    ));
    text.push_str(&fields(
        "not shown",
        not_shown.iter().map(|one| format!("- {}", visible(one))),
    ));
    text
}

/// Names the lines below which say what does not fit.
fn parts_that_fail(found: &Verification) -> String {
    let parts = [
        ("`chain`", found.first_bad.is_some()),
        ("`database`", !found.structure.is_empty()),
        ("`head`", found.head == "mismatch"),
        ("`states`", !found.rows_differ.is_empty()),
        ("`landings`", !found.landings_differ.is_empty()),
        ("`moved`", !found.landings_moved.is_empty()),
        ("`damaged`", !found.damaged_blobs.is_empty()),
    ];
    let failing = parts.into_iter().filter(|(_, fails)| *fails);
    let failing: Vec<_> = failing.map(|(part, _)| part).collect();
    match failing.is_empty() {
        true => String::new(),
        false => format!(": see {}", failing.join(", ")),
    }
}

/// Writes the queue as the log alone tells it.
pub(crate) fn replay(
    replay: &Replay,
    now: Timestamp,
    zone: &TimeZone,
    width: Option<usize>,
) -> String {
    let mut text = String::new();
    if !replay.landings.is_empty() {
        text.push_str(&landings(&replay.landings, now, zone, width));
        text.push('\n');
    }
    let queue = replay
        .queue
        .iter()
        .map(|(status, number)| format!("{number} {status}"));
    let queue = queue.collect::<Vec<_>>().join(", ");
    text.push_str(&format!(
        "From {}: {} landed",
        count_u64(replay.events, "event"),
        replay.landings.len()
    ));
    text.push_str(&if queue.is_empty() {
        String::from("; the queue is empty\n")
    } else {
        format!("; queue: {queue}\n")
    });
    text.push_str(&if replay.same_as_database {
        format!("{} The database says the same\n", paint(style::GOOD, "✓"))
    } else {
        format!(
            "{} The database says otherwise: hyperion audit verify\n",
            paint(style::BAD, "✗")
        )
    });
    text
}

fn compared(all: u64, different: usize) -> String {
    match different {
        0 => format!("{all} compared, all as the log says"),
        _ => format!("{all} compared, {different} differ"),
    }
}

fn count_u64(number: u64, one: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::plain;

    fn landed(title: &str, back: Option<&str>) -> Landing {
        Landing {
            entry_id: "0190a1b2-c3d4-7e5f-8a6b-00000000cccc".into(),
            request_id: "0190a1b2-c3d4-7e5f-8a6b-00000000aaaa".into(),
            title: title.into(),
            repo: "shop".into(),
            taken_back_by: back.map(str::to_owned),
            asked_by: "ada".into(),
            approved_by: vec!["policy".into()],
            checks: 1,
            results: vec![],
            commit: "a008c07b1d2e3f4a5b6c".into(),
            landed_at: "2026-11-01T12:00:00Z".into(),
            note: None,
        }
    }

    // W1, M6: what landed, where, and whether it was taken back, also on a narrow terminal.
    #[test]
    fn landings_say_what_landed_and_what_became_of_it() {
        let back = Some("0190a1b2-c3d4-7e5f-8a6b-00000000bbbb");
        let list = [
            landed("Cap the retry delay at 30 s", back),
            landed("Say two", None),
        ];
        let now = "2026-11-01T14:30:00Z".parse().unwrap();
        let at = |width| plain(&landings(&list, now, &TimeZone::UTC, width));
        insta::assert_snapshot!([None, Some(80), Some(60)].map(at).join("\n"), @"
        COMMIT      REQUEST   TITLE                        NOTE                     APPROVED BY  REPO  AGE  ASKED BY  LANDED               CHECKS  ENTRY
        a008c07b1d  0000aaaa  Cap the retry delay at 30 s  rolled back by 0000bbbb  policy       shop  2h   ada       2026-11-01 12:00:00  1       0000cccc
        a008c07b1d  0000aaaa  Say two                                               policy       shop  2h   ada       2026-11-01 12:00:00  1       0000cccc

        COMMIT      REQUEST   TITLE                NOTE                APPROVED BY  REPO
        a008c07b1d  0000aaaa  Cap the retry dela…  rolled back by 00…  policy       shop
        a008c07b1d  0000aaaa  Say two                                  policy       shop

        COMMIT      REQUEST   TITLE         NOTE         APPROVED BY
        a008c07b1d  0000aaaa  Cap the ret…  rolled bac…  policy
        a008c07b1d  0000aaaa  Say two                    policy
        ");
    }
}
