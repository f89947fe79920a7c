//! The processes below a shim, seen from outside.
//!
//! The shim is their sub-reaper, or the parent of their pid namespace's first process: whatever they do, they stay below it.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use hyperion_host::wait_any_readable;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, kill_process, pidfd_open, wait,
};

/// How often those that are held are looked for again: one may start another in its last moment.
const ROUNDS_MAX: usize = 50;
/// How long killed processes may take to go; one that hangs in the kernel does not.
const KILL_MAX: Duration = Duration::from_secs(10);
/// The time between two looks at those that are being killed.
const BLINK: Duration = Duration::from_millis(20);
/// The clock of `/proc/*/stat`: the same on every Linux.
const TICK_MS: u64 = 10;

/// What a look at the tree came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) processes: u64,
    pub(crate) memory_kb: u64,
    pub(crate) cpu_ms: u64,
}

/// The numbers of all processes below one, parents first.
pub(crate) fn below(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let by_parent = children_of(root).is_none().then(all_by_parent);
    let mut seen = BTreeSet::from([root]);
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        let children = match &by_parent {
            None => children_of(parent).unwrap_or_default(),
            Some(pairs) => {
                let of_parent = pairs.iter().filter(|(of, _)| *of == parent);
                of_parent.map(|(_, child)| *child).collect()
            }
        };
        found.extend(children.into_iter().filter(|child| seen.insert(*child)));
    }
    found.remove(0);
    found
}

/// The children of all threads of a process; none where the kernel does not list them.
fn children_of(pid: u32) -> Option<Vec<u32>> {
    let mut children = Vec::new();
    let mut is_listed = false;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        if let Ok(text) = fs::read_to_string(thread.path().join("children")) {
            is_listed = true;
            children.extend(
                text.split_ascii_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
    }
    is_listed.then_some(children)
}

/// Parent and child, for every process.
fn all_by_parent() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((stat_of(pid)?.parent, pid)))
        .collect()
}

/// The fields of `/proc/PID/stat` that count here.
struct Stat {
    state: char,
    parent: u32,
    /// Its own CPU time, in ticks.
    own: u64,
    /// CPU time of children that it took note of.
    of_children: u64,
}

fn stat_of(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name may hold anything; the fields after it hold neither spaces nor brackets. The first of them is field 3.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: u32::try_from(number(4)?).ok()?,
        own: number(14)? + number(15)?,
        of_children: number(16)? + number(17)?,
    })
}

/// Looks at what is below `root`, without `without`.
pub(crate) fn sample(root: u32, without: Option<u32>) -> Sample {
    let mut ticks = stat_of(root).map_or(0, |stat| stat.of_children);
    let (mut processes, mut own_pages, mut shared_pages) = (0, 0, 0);
    for pid in below(root) {
        let Some(stat) = stat_of(pid) else { continue };
        ticks += stat.own + stat.of_children;
        if Some(pid) == without || matches!(stat.state, 'Z' | 'X') {
            continue;
        }
        processes += 1;
        let (resident, shared) = pages_of(pid).unwrap_or_default();
        own_pages += resident.saturating_sub(shared);
        // Processes share program and libraries: the largest such part counts once.
        shared_pages = shared.max(shared_pages);
    }
    Sample {
        processes,
        memory_kb: (own_pages + shared_pages) * page_kb(),
        cpu_ms: ticks * TICK_MS,
    }
}

/// Resident pages of a process, and how many of them are of files or shared.
fn pages_of(pid: u32) -> Option<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut fields = text.split_ascii_whitespace().skip(1).map(str::parse);
    Some((fields.next()?.ok()?, fields.next()?.ok()?))
}

fn page_kb() -> u64 {
    rustix::param::page_size() as u64 / 1024
}

/// Memory of the tree with what is shared by several counted in parts: exact, and too slow to be asked often.
pub(crate) fn exact_memory_kb(root: u32, without: Option<u32>) -> u64 {
    let of_one = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    let pids = below(root).into_iter().filter(|pid| Some(*pid) != without);
    pids.filter_map(|pid| of_one(pid).or_else(|| Some(pages_of(pid)?.0 * page_kb())))
        .sum()
}

/// Bytes that the processes which this one took note of, and theirs, read from disks and wrote to them.
pub(crate) fn disk_bytes_of_children() -> (u64, u64) {
    let read = |path: String| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value
                .and_then(|value| value.trim().parse::<u64>().ok())
                .unwrap_or(0)
        };
        (field("read_bytes:"), field("write_bytes:"))
    };
    let pid = std::process::id();
    // That of the process includes its children, that of its one thread does not.
    let all = read(format!("/proc/{pid}/io"));
    let own = read(format!("/proc/{pid}/task/{pid}/io"));
    (all.0.saturating_sub(own.0), all.1.saturating_sub(own.1))
}

/// Sends a signal to every process below one, without `without`, until no new one is found.
pub(crate) fn signal_all(root: u32, without: Option<u32>, signal: Signal) {
    let mut done = BTreeSet::from_iter(without);
    for _ in 0..ROUNDS_MAX {
        let new: Vec<u32> = below(root)
            .into_iter()
            .filter(|pid| done.insert(*pid))
            .collect();
        if new.is_empty() {
            return;
        }
        for pid in new {
            send(pid, signal);
        }
    }
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // Gone is what is wanted.
        let _ = kill_process(pid, signal);
    }
}

/// Kills everything below this process, and takes note of each; tells what the child `first` ended with, and whether all are gone.
pub(crate) fn kill_all(first: Pid) -> (Option<WaitStatus>, bool) {
    let own = std::process::id();
    let deadline = Instant::now() + KILL_MAX;
    let mut status = None;
    loop {
        // Held first: one that is not cannot outrun this by starting others.
        signal_all(own, None, Signal::STOP);
        let left = below(own);
        for pid in &left {
            send(*pid, Signal::KILL);
        }
        let ends: Vec<_> = left
            .iter()
            .take(64)
            .filter_map(|pid| {
                pidfd_open(
                    Pid::from_raw(i32::try_from(*pid).ok()?)?,
                    PidfdFlags::empty(),
                )
                .ok()
            })
            .collect();
        let is_over = reap(first, &mut status);
        if is_over || Instant::now() >= deadline {
            return (status, is_over);
        }
        let _ = wait_any_readable(&ends, BLINK);
    }
}

/// Takes note of every child that ended; tells whether there is no child at all. Keeps how `first` ended.
pub(crate) fn reap(first: Pid, status: &mut Option<WaitStatus>) -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, how))) if pid == first => *status = Some(how),
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}
