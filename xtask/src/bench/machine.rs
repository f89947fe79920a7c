//! The machine that measures, and how it felt before and after.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Extent;

/// How many appends the probe makes durable, one by one.
const PROBES: usize = 400;

/// How much each appends.
const PROBE_BYTES: usize = 4096;

/// What does not change while it measures.
pub(super) struct Machine {
    processor: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
    file_system: String,
}

/// How it is right now.
pub(super) struct Moment {
    load: String,
    sync_p50: Duration,
    sync_p99: Duration,
}

impl Machine {
    pub(super) fn look(folder: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processors = read("/proc/cpuinfo");
        let processor = field(&processors, "model name").unwrap_or("unknown");
        let memory = read("/proc/meminfo");
        let kib = field(&memory, "MemTotal")
            .and_then(|text| text.strip_suffix(" kB")?.parse::<u64>().ok())
            .unwrap_or(0);
        Self {
            processor: processor.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib / (1024 * 1024),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: file_system(&read("/proc/self/mountinfo"), folder),
        }
    }

    /// Says it in a few lines.
    pub(super) fn lines(&self, before: &Moment, after: &Moment, extent: Extent) -> String {
        let Self {
            processor,
            cores,
            memory_gib,
            kernel,
            file_system,
        } = self;
        let mut lines = format!(
            "{processor}, {cores} cores, {memory_gib} GiB, Linux {kernel}, {file_system}; \
             medians of turns, {} of {} s each figure.\n\n",
            extent.turns(),
            extent.seconds()
        );
        lines.push_str(
            "| | load average | fdatasync of 4 KiB, p50 | p99 |\n| --- | --- | ---: | ---: |\n",
        );
        for (when, moment) in [("before", before), ("after", after)] {
            let Moment {
                load,
                sync_p50,
                sync_p99,
            } = moment;
            let _ = writeln!(
                lines,
                "| {when} | {load} | {:.3} ms | {:.3} ms |",
                sync_p50.as_secs_f64() * 1e3,
                sync_p99.as_secs_f64() * 1e3
            );
        }
        lines
    }
}

impl Moment {
    pub(super) fn look(folder: &Path) -> Result<Self, String> {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load: Vec<_> = load.split(' ').take(3).collect();
        let load = load.join(", ");
        let path = folder.join("sync-probe");
        let times = probe(&path)
            .map_err(|error| format!("probe the disk at {}: {error}", path.display()))?;
        Ok(Self {
            load,
            sync_p50: times[PROBES / 2],
            sync_p99: times[PROBES * 99 / 100],
        })
    }
}

/// Appends to a file and makes each append durable; gives the times in order of size.
fn probe(path: &Path) -> std::io::Result<Vec<Duration>> {
    let mut file = fs::File::create(path)?;
    let page = [7; PROBE_BYTES];
    let mut times = Vec::with_capacity(PROBES);
    for _ in 0..PROBES {
        let started = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    fs::remove_file(path)?;
    times.sort_unstable();
    Ok(times)
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim())
}

/// Names the file system that a folder is on: that of the deepest mount above it.
fn file_system(mounts: &str, folder: &Path) -> String {
    mounts
        .lines()
        .filter_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let mount = before.split(' ').nth(4)?;
            let kind = after.split(' ').next()?;
            folder.starts_with(mount).then_some((mount.len(), kind))
        })
        .max()
        .map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_above_a_folder_says_the_file_system() {
        let mounts = "21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n\
                      22 21 0:20 / /tmp rw shared:2 - tmpfs tmpfs rw\n";
        assert_eq!(file_system(mounts, Path::new("/home/ada")), "ext4");
        assert_eq!(file_system(mounts, Path::new("/tmp/x")), "tmpfs");
        assert_eq!(file_system("", Path::new("/tmp/x")), "unknown");
    }

    #[test]
    fn a_field_is_found_whatever_its_indent() {
        assert_eq!(
            field("a: 1\nmodel name\t: Fast\n", "model name"),
            Some("Fast")
        );
        assert_eq!(field("a: 1", "b"), None);
    }
}
