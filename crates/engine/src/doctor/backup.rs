//! Whether what is committed is also somewhere else, and how much is not.

use hyperion_api::doctor::{Finding, Health};
use hyperion_backup::{RESTORED, ShipState, count_in_clones, ship_state};
use hyperion_model::Time;

use super::finding;
use crate::error::chain;
use crate::{Cx, tool};

/// After this many times the interval, what is not shipped is late.
const LATE: i64 = 6;

/// Says how far shipping has come, and whether this home was restored.
pub(super) fn look(cx: &Cx) -> Vec<Finding> {
    let mut findings = vec![shipping(cx)];
    findings.extend(in_clones(cx));
    findings.extend(restored(cx));
    findings
}

/// Counts what agents committed and did not hand in: neither a backup nor shipping takes it along.
fn in_clones(cx: &Cx) -> Option<Finding> {
    let found = tool::in_clones(cx);
    let mut said = Vec::new();
    if found.commits > 0 {
        said.push(format!(
            "{} in no backup, and not handed in: {}",
            count_in_clones(found.commits),
            found.branches.join(", ")
        ));
    }
    if !found.unread.is_empty() {
        said.push(format!(
            "these could not be looked at: {}",
            found.unread.join(", ")
        ));
    }
    (!said.is_empty()).then(|| {
        finding(
            "agents' commits",
            Health::Warning,
            said.join("; "),
            Some(
                "have the agent hand the branch in (`push`): what is handed in is kept".to_owned(),
            ),
        )
    })
}

fn shipping(cx: &Cx) -> Finding {
    let Some(folder) = &cx.settings.backup.ship_to else {
        return finding(
            "backup",
            Health::Warning,
            "nothing is shipped: what is in the home is lost with its disk",
            Some("`hyperion config set backup.ship_to FOLDER` ships all the time; `hyperion backup FOLDER` copies once".to_owned()),
        );
    };
    let state = match ship_state(cx) {
        Ok(state) => state,
        Err(error) => return finding("backup", Health::Error, chain(&error), None),
    };
    let last = cx.store.last_seq().unwrap_or(0);
    let fix = || {
        Some(format!(
            "make {} writable, with room; shipping goes on by itself while an engine is up",
            folder.display()
        ))
    };
    if state.folder != folder.display().to_string() || state.at.is_none() {
        return finding(
            "backup",
            Health::Warning,
            format!(
                "nothing was shipped to {} yet{}",
                folder.display(),
                because(&state)
            ),
            Some("start the engine: `hyperion up` or `hyperion drain`".to_owned()),
        );
    }
    let at = state.at.map_or_else(String::new, |at| at.to_string());
    let detail = format!(
        "shipped to {} up to event {}, the last time at {at}",
        folder.display(),
        state.seq
    );
    let behind = last.saturating_sub(state.seq);
    if behind == 0 && state.trouble.is_none() {
        return finding("backup", Health::Ok, detail, None);
    }
    let waits =
        oldest_unshipped(cx, &state).map(|since| cx.now().duration_since(since).as_secs().max(0));
    let every = i64::try_from(cx.settings.backup.ship_every.as_secs()).unwrap_or(i64::MAX);
    let late = every.saturating_mul(LATE);
    let detail = match waits {
        Some(waits) => format!(
            "{detail}; behind by {behind} events and {waits} s{}",
            because(&state)
        ),
        None => format!("{detail}{}", because(&state)),
    };
    let is_late = state.trouble.is_some() || waits.is_some_and(|waits| waits > late);
    if is_late {
        finding("backup", Health::Warning, detail, fix())
    } else {
        finding("backup", Health::Ok, detail, None)
    }
}

fn because(state: &ShipState) -> String {
    state
        .trouble
        .as_ref()
        .map_or_else(String::new, |trouble| format!("; {trouble}"))
}

fn oldest_unshipped(cx: &Cx, state: &ShipState) -> Option<Time> {
    let page = cx.store.events_after(state.seq, 1).ok()?;
    Some(page.events.first()?.event.stamp.time)
}

fn restored(cx: &Cx) -> Option<Finding> {
    let text = cx.store.meta(RESTORED).ok()??;
    let from: serde_json::Value = serde_json::from_str(&text).ok()?;
    let detail = format!(
        "this home was restored at {} from {}, to event {}",
        from["at"].as_str().unwrap_or_default(),
        from["backup"].as_str().unwrap_or_default(),
        from["seq"]
    );
    Some(finding("restored", Health::Ok, detail, None))
}
