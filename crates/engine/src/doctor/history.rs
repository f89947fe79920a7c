//! Events, the rows that follow from them, the content that both refer to: what holds, and what can be mended.

use hyperion_api::Problem;
use hyperion_api::doctor::{Finding, Health, Repair};
use hyperion_model::Subject;
use hyperion_store::{HeadState, ReadError, Verification};

use super::{RESTORE, finding};
use crate::audit::moved::Moved;
use crate::error::chain;
use crate::{Cx, Error};

/// Up to so many events the doctor verifies them all; more take more than a moment.
const VERIFIED_EVENTS: u64 = 20_000;
/// The most findings of a kind that are spelled out.
const SHOWN: usize = 3;
/// What to do about an event that was changed while the end of the chain is whole.
const PAST: &str = "work goes on from the end of the log, but what happened before it can no longer be shown: keep a copy of the home, then restore the latest backup";
/// How often it is looked again for what could not be mended at once: findings are listed a hundred at a time.
const ROUNDS: usize = 1000;

/// What to do about landings that the log does not have.
const OLDER: &str = "unless an earlier state was restored on purpose, keep a copy of the home, then restore the latest backup; nothing that landed is landed again";

/// Looks whether the log has what landed on the branches.
pub(super) fn landings(cx: &Cx) -> Option<Finding> {
    let lost = crate::audit::anchors::compare(cx).ok()?.lost;
    let number = lost.len() as u64;
    (number > 0).then(|| {
        let detail = several(
            number,
            "landing that the log does not have",
            lost.into_iter(),
        );
        finding("landings", Health::Warning, detail, Some(OLDER.to_owned()))
    })
}

/// What to do about landings that a branch no longer has.
const MOVED: &str = "the log is whole, and nothing is landed again by itself: if it was not meant, bring them back with `git merge COMMIT` (`hyperion history` names them)";

/// Looks whether the branches still have what landed on them.
pub(super) fn moved(cx: &Cx) -> Vec<Finding> {
    let told = Moved::newest(cx).map(|moved| moved.told(cx));
    told.unwrap_or_default()
        .into_iter()
        .map(|told| finding("branch", Health::Warning, told, Some(MOVED.to_owned())))
        .collect()
}

/// Names repositories that are registered twice, from when their work trees counted as different ones.
pub(super) fn twins(cx: &Cx) -> Vec<Finding> {
    let twins = crate::repo::twins(cx).unwrap_or_default();
    twins
        .into_iter()
        .map(|(counts, twin)| {
            let detail = format!(
                "it is the same repository as {}, under another path",
                counts.name
            );
            let fix = format!(
                "name {} in requests: each of the two has a queue of its own",
                counts.name
            );
            finding(
                &format!("repo {}", twin.name),
                Health::Warning,
                detail,
                Some(fix),
            )
        })
        .collect()
}

/// Looks at events, rows and content.
pub(super) fn look(cx: &Cx) -> Vec<Finding> {
    let events = cx.store.last_seq().unwrap_or(0);
    if events > VERIFIED_EVENTS {
        let detail = format!("{events} events, not verified now: `hyperion audit verify` does");
        return vec![finding("log", Health::Ok, detail, None)];
    }
    match cx.store.verify() {
        Ok(found) => judge(&found),
        Err(error) => vec![finding(
            "log",
            Health::Error,
            chain(&error),
            Some(error.hint().to_owned()),
        )],
    }
}

fn judge(found: &Verification) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(broken) = broken(found) {
        let fix = if is_only_the_past(found) {
            PAST
        } else {
            RESTORE
        };
        findings.push(finding("log", Health::Error, broken, Some(fix.to_owned())));
    } else {
        let detail = format!("{} events in an unbroken chain", found.events);
        findings.push(finding("log", Health::Ok, detail, None));
    }
    if found.rows_differing > 0 {
        let named = found.rows_differ.iter();
        let named = named.map(|row| format!("{}: {}", name(row.subject), row.detail));
        let fix = match broken(found) {
            None => {
                "`hyperion doctor --fix` rebuilds them from their events; everything else goes on"
            }
            Some(_) => "rows are rebuilt from their events only, and those are damaged: see `log`",
        };
        let detail = several(
            found.rows_differing,
            "row that differs from what its events say",
            named,
        );
        findings.push(finding("rows", Health::Error, detail, Some(fix.to_owned())));
    }
    if !found.damaged_blobs.is_empty() {
        let named = found.damaged_blobs.iter();
        let named = named.map(|(digest, why)| format!("{digest}: {why}"));
        let fix = "put the file or the database back from a backup; what needs it waits or fails, everything else goes on";
        findings.push(finding(
            "content",
            Health::Error,
            several(
                found.damaged_blobs.len() as u64,
                "content that cannot be read",
                named,
            ),
            Some(fix.to_owned()),
        ));
    }
    findings
}

/// Tells whether an event was changed somewhere before the end: what goes on builds on the end.
fn is_only_the_past(found: &Verification) -> bool {
    found.structure.is_empty() && found.seal == HeadState::Sealed
}

/// Says why the events themselves cannot be relied on, if they cannot.
fn broken(found: &Verification) -> Option<String> {
    if let Some(bad) = &found.first_bad {
        return Some(format!("event {}: {}", bad.seq, bad.detail));
    }
    if let Some(first) = found.structure.first() {
        return Some(first.clone());
    }
    match &found.seal {
        HeadState::Sealed | HeadState::KeyMissing { .. } => None,
        HeadState::Unsealed if found.events == 0 => None,
        HeadState::Unsealed => Some("its end is not sealed".to_owned()),
        HeadState::Mismatch { detail } => Some(detail.clone()),
    }
}

fn several(count: u64, what: &str, named: impl Iterator<Item = String>) -> String {
    let named: Vec<String> = named.take(SHOWN).collect();
    let more = if count > SHOWN as u64 { "; …" } else { "" };
    format!("{count} × {what}: {}{more}", named.join("; "))
}

fn name(subject: Subject) -> String {
    format!("{} {}", subject.noun(), subject.uuid())
}

/// Writes rows that do not follow from their events anew; nothing is done unless the events are whole.
pub fn mend(cx: &Cx) -> Result<Repair, Error> {
    let mut repair = Repair {
        mended: Vec::new(),
        left: Vec::new(),
    };
    let mut tried: Vec<Subject> = Vec::new();
    for _ in 0..ROUNDS {
        let found = cx.store.verify()?;
        if let Some(broken) = broken(&found) {
            let detail = format!("rows are only rebuilt from events that are intact: {broken}");
            return Err(Problem::new("store.damaged", detail).hint(RESTORE).into());
        }
        let aside = cx.store.quarantined().map_err(Error::from)?;
        let mut subjects: Vec<Subject> = found.rows_differ.iter().map(|row| row.subject).collect();
        subjects.extend(aside.iter().map(|row| row.subject));
        subjects.retain(|subject| !tried.contains(subject));
        if subjects.is_empty() {
            repair.left.extend(
                found
                    .damaged_blobs
                    .iter()
                    .map(|(digest, why)| format!("content {digest}: {why}")),
            );
            return Ok(repair);
        }
        for subject in subjects {
            if tried.contains(&subject) {
                continue;
            }
            tried.push(subject);
            match cx.store.rebuild(subject) {
                Ok(()) => repair.mended.push(name(subject)),
                Err(error) => repair
                    .left
                    .push(format!("{}: {}", name(subject), chain(&error))),
            }
        }
    }
    Err(Error::Read(ReadError::TooMany { max: ROUNDS }))
}
