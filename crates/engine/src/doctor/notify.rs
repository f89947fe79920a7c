//! Whether people can be told of what waits for them.

use hyperion_api::doctor::{Finding, Health};

use super::finding;
use crate::{Cx, notify};

/// Says who is told, and why the last message did not arrive.
pub(super) fn look(cx: &Cx) -> Finding {
    let found = notify::channels(&cx.settings.notify);
    if found.is_empty() {
        return finding(
            "notify",
            Health::Ok,
            "nobody is told of what waits (`notify.desktop` and `notify.webhook_url` are not set)",
            None,
        );
    }
    let broken = found
        .iter()
        .find_map(|(name, found)| Some((name, found.as_ref().err()?)));
    if let Some((name, why)) = broken {
        let fix = "make that so, or switch it off; `hyperion notify test` tries it";
        return finding(
            "notify",
            Health::Warning,
            format!("{name}: {why}"),
            Some(fix.to_owned()),
        );
    }
    if let Some(trouble) = notify::trouble(cx) {
        let detail = format!("the last message did not arrive: {trouble}");
        let fix = "`hyperion notify test` tries it again";
        return finding("notify", Health::Warning, detail, Some(fix.to_owned()));
    }
    let told: Vec<_> = found
        .into_iter()
        .filter_map(|(_, found)| found.ok())
        .collect();
    let told = told.join(" and ");
    finding(
        "notify",
        Health::Ok,
        format!("what waits is told by {told}"),
        None,
    )
}
