//! Runs of agents, checks and commands.

use hyperion_api::queue::FoundError;
use hyperion_api::run::{Run, Sandbox, Usage};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::backup::size;
use super::{field, fields};
use crate::id::short;
use crate::output::style::{self, paint};
use crate::output::table::{Cell, Table, fixed, number, prose};
use crate::output::visible::visible;
use crate::time::{ago, duration, local};

/// Writes a list.
pub(crate) fn table(runs: &[Run], now: Timestamp, width: Option<usize>) -> String {
    let mut table = Table::new([
        fixed("ID"),
        fixed("STATUS"),
        number("EXIT").optional(),
        fixed("REQUEST").optional(),
        fixed("TASK").optional(),
        prose("WHAT"),
        number("TOOK").optional(),
        fixed("AGE"),
    ]);
    for run in runs {
        let exit = run.exit_code.map(|code| code.to_string());
        table.row([
            short(&run.id).into(),
            Cell::status(&run.status),
            exit.unwrap_or_default().into(),
            run.request_id.as_deref().map_or("", short).into(),
            run.task_ids.join(",").into(),
            at_work(run).into(),
            duration(run.duration_ms).into(),
            ago(&run.created_at, now).into(),
        ]);
    }
    table.render(width)
}

/// Says what allowed a command.
fn ground_words(ground: &str) -> String {
    match ground {
        "held" => "nobody yet: it waits for a decision".to_owned(),
        "read_only" => "policy".to_owned(),
        "sandbox" => "the sandbox, which holds it".to_owned(),
        by => format!("the {by}"),
    }
}

/// Writes a run.
pub(crate) fn block(run: &Run, zone: &TimeZone) -> String {
    let title = paint(style::STRONG, &visible(&what(run)));
    let mut text = format!("Run {}  {title}\n", short(&run.id));
    text.push_str(&field("id", &run.id));
    let mut status = style::state(&run.status);
    if let Some(reason) = &run.reason {
        status.push_str(&format!(": {}", visible(reason)));
    }
    text.push_str(&field("status", &status));
    if run.disk_full {
        let why =
            "the disk is full: it goes on when there is room, or after 30 s without its output";
        text.push_str(&field("waits", &paint(style::WAITS, why)));
    }
    if let Some(progress) = progress(run) {
        text.push_str(&field("progress", &visible(&progress)));
    }
    if let Some(code) = run.exit_code {
        text.push_str(&field("exit status", &code.to_string()));
    }
    if let Some(request) = &run.request_id {
        text.push_str(&field("request", short(request)));
    }
    text.push_str(&field("tasks", &visible(&run.task_ids.join(", "))));
    if let Some(ground) = &run.ground {
        text.push_str(&field("allowed by", &ground_words(ground)));
    }
    text.push_str(&field("entry", run.entry_id.as_deref().map_or("", short)));
    if let Some(pid) = run.pid {
        text.push_str(&field("process", &pid.to_string()));
    }
    if let Some(by) = &run.stopped_by {
        text.push_str(&field("stopped by", &visible(by)));
    }
    let started = run.started_at.as_ref().unwrap_or(&run.created_at);
    text.push_str(&field("started", &local(started, zone)));
    if let Some(ended) = &run.ended_at {
        text.push_str(&field("ended", &local(ended, zone)));
    }
    text.push_str(&field("took", &duration(run.duration_ms)));
    if let Some(usage) = &run.usage {
        text.push_str(&used(usage));
    }
    if let Some(sandbox) = &run.sandbox {
        text.push_str(&had(sandbox));
    }
    let waits = run.waits_for.iter();
    let waits = waits.map(|id| format!("hyperion approval show {}", short(id)));
    text.push_str(&fields("waits for", waits));
    let refused = run.refused_hosts.iter();
    let refused = refused.map(|refused| visible(&refused.host).into_owned());
    text.push_str(&fields("refused hosts", refused));
    let follow = if run.ended_at.is_none() {
        " --follow"
    } else {
        ""
    };
    let logs = format!("hyperion run logs {}{follow}", short(&run.id));
    text.push_str(&field("output", &logs));
    if let Some(error) = &run.first_error {
        text.push_str(&format!("\n{}\n", first_error(error)));
    }
    text
}

/// Writes a run in one line.
pub(crate) fn line(run: &Run) -> String {
    let status = match &run.stopped_by {
        Some(_) if run.ended_at.is_none() => "is being stopped".to_owned(),
        _ => format!("is {}", paint(style::of_status(&run.status), &run.status)),
    };
    format!("Run {} {status}: {}\n", short(&run.id), visible(&what(run)))
}

/// Says what a run failed of.
pub(crate) fn first_error(error: &FoundError) -> String {
    let told = super::queue::found(error);
    let told = told.trim();
    format!("{} {told}", paint(style::BAD, "first error:"))
}

/// Writes what the processes of a run used.
fn used(usage: &Usage) -> String {
    let memory = match usage.memory_peak_kb {
        0 => "too short for its memory to be measured".to_owned(),
        peak => format!("{} memory at most", size(peak.saturating_mul(1024))),
    };
    let cpu = format!("{} CPU, {memory}", duration(usage.cpu_ms));
    let mut text = field("used", &cpu);
    let disks = [(usage.read_bytes, "read"), (usage.written_bytes, "written")];
    let disks = disks.into_iter().filter(|(bytes, _)| *bytes > 0);
    let disks: Vec<_> = disks
        .map(|(bytes, what)| format!("{} {what}", size(bytes)))
        .collect();
    text.push_str(&field("disks", &disks.join(", ")));
    let wrote = match usage.dropped_bytes {
        0 => size(usage.output_bytes),
        dropped => format!(
            "{}, of which {} were not kept",
            size(usage.output_bytes),
            size(dropped)
        ),
    };
    text.push_str(&field("wrote", &wrote));
    text
}

/// Writes what kept a run from the rest of the machine, and what was missing.
fn had(sandbox: &Sandbox) -> String {
    let layers: Vec<_> = sandbox
        .layers
        .iter()
        .map(|layer| layer_name(layer))
        .collect();
    let mut level = sandbox.level.clone();
    if !layers.is_empty() {
        level.push_str(&format!(" ({})", layers.join(", ")));
    }
    let mut text = field("sandbox", &visible(&level));
    text.push_str(&field("network", &visible(&sandbox.network)));
    let lacks = sandbox.lacks.iter().map(|lack| {
        let layer = paint(style::WAITS, &layer_name(&lack.layer));
        format!("{layer}: {}", visible(&lack.why))
    });
    text.push_str(&fields("went without", lacks));
    text
}

/// Names a layer of the sandbox, given by its wire name.
pub(crate) fn layer_name(layer: &str) -> String {
    layer.replace('_', " ")
}

/// Says how far a run is, as it said itself.
pub(crate) fn progress(run: &Run) -> Option<String> {
    let percent = run.progress.map(|progress| format!("{progress} %"));
    let parts: Vec<_> = percent.into_iter().chain(run.action.clone()).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Says how far a run is, where that is known, and what it is.
pub(crate) fn at_work(run: &Run) -> String {
    match progress(run) {
        Some(progress) => format!("({progress}) {}", what(run)),
        None => what(run),
    }
}

/// Says what a run is: the kind, its name, and what it works at.
pub(crate) fn what(run: &Run) -> String {
    let mut text = run.kind.clone();
    // A check without a name of its own is named by its command.
    if !run.name.is_empty() && run.name != run.title {
        text.push_str(&format!(" {}", run.name));
    }
    if !run.title.is_empty() {
        text.push_str(&format!(": {}", run.title));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::plain;

    fn run(kind: &str, name: &str, title: &str) -> Run {
        Run {
            id: "0190b7c4-6f2e-7a31-9d52-3f1c000003e8".into(),
            kind: kind.into(),
            name: name.into(),
            title: title.into(),
            status: "failed".into(),
            request_id: Some("0190b7c4-6f2e-7a31-9d52-3f1c0000aaaa".into()),
            task_ids: vec!["T1".into(), "T2".into()],
            entry_id: Some("0190b7c4-6f2e-7a31-9d52-3f1c0000eeee".into()),
            incarnation: 1,
            pid: None,
            exit_code: Some(101),
            reason: Some("it exited with 101".into()),
            created_at: "2026-11-01T11:59:00Z".into(),
            started_at: Some("2026-11-01T11:59:01Z".into()),
            ended_at: Some("2026-11-01T11:59:03Z".into()),
            stopped_by: None,
            usage: None,
            sandbox: None,
            ground: None,
            duration_ms: 2_000,
            progress: None,
            action: None,
            heartbeat_at: None,
            disk_full: false,
            first_error: None,
            waits_for: Vec::new(),
            refused_hosts: Vec::new(),
        }
    }

    #[test]
    fn a_run_says_what_it_was_and_how_its_output_is_seen() {
        let check = run("check", "test", "cargo test --workspace");
        let agent = run("agent", "scripted", "Cap the delay");
        let own = run("check", "true", "true");
        let now = "2026-11-01T12:00:00Z".parse().unwrap();
        insta::assert_snapshot!(plain(&table(&[check.clone(), agent, own], now, Some(80))), @"
        ID        STATUS  EXIT  REQUEST   TASK   WHAT                          TOOK  AGE
        000003e8  failed   101  0000aaaa  T1,T2  check test: cargo test --w…  2.0 s  1m
        000003e8  failed   101  0000aaaa  T1,T2  agent scripted: Cap the de…  2.0 s  1m
        000003e8  failed   101  0000aaaa  T1,T2  check: true                  2.0 s  1m
        ");
        let far = Run {
            status: "running".into(),
            progress: Some(40),
            action: Some("linking".into()),
            ..run("command", "make", "make bench")
        };
        assert_eq!(at_work(&far), "(40 %, linking) command make: make bench");
        assert!(block(&far, &TimeZone::UTC).contains("progress"));
        insta::assert_snapshot!(plain(&block(&check, &TimeZone::UTC)), @"
        Run 000003e8  check test: cargo test --workspace
          id           0190b7c4-6f2e-7a31-9d52-3f1c000003e8
          status       failed: it exited with 101
          exit status  101
          request      0000aaaa
          tasks        T1, T2
          entry        0000eeee
          started      2026-11-01 11:59:01
          ended        2026-11-01 11:59:03
          took         2.0 s
          output       hyperion run logs 000003e8
        ");
    }
}
