//! What every benchmark has in common: its arguments, producers that work for a while, and the
//! lines it prints. A file and not a crate: the peers are workspaces of their own, with their own
//! lock files, and take it in by `#[path]`.
//!
//! A benchmark is called as `program --folder FOLDER --seconds SECONDS [CASE…]`; a case named is
//! the beginning of a figure's name. It prints one line of JSON a figure, on standard output. With
//! `--calls CALLS` each figure makes so many calls, however long they take: for a profiler.

#![allow(dead_code, reason = "no benchmark uses all of it")]

use std::path::PathBuf;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The numbers of producers that figures are taken with.
pub(crate) const PRODUCERS: [usize; 4] = [1, 4, 16, 64];

/// What a benchmark was asked for.
pub(crate) struct Asked {
    /// Where it may write; on the disk that is measured.
    pub(crate) folder: PathBuf,
    /// How long each figure takes.
    pub(crate) time: Duration,
    /// How many calls each figure makes instead.
    calls: Option<i64>,
    cases: Vec<String>,
}

impl Asked {
    /// Reads the command line. Cargo's own `--bench` is passed over.
    pub(crate) fn read() -> Self {
        let mut asked = Self {
            folder: std::env::temp_dir(),
            time: Duration::from_secs(2),
            calls: None,
            cases: Vec::new(),
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--folder" => asked.folder = words.next().expect("a folder").into(),
                "--seconds" => {
                    let seconds = words.next().and_then(|text| text.parse().ok());
                    asked.time = Duration::from_secs_f64(seconds.expect("a number of seconds"));
                }
                "--calls" => {
                    let calls = words.next().and_then(|text| text.parse().ok());
                    asked.calls = Some(calls.expect("a number of calls"));
                }
                word if word.starts_with("--") => {}
                case => asked.cases.push(case.to_owned()),
            }
        }
        asked
    }

    /// Tells whether it is only to be seen that it works.
    pub(crate) fn is_short(&self) -> bool {
        self.time < Duration::from_secs(1)
    }

    /// Tells whether a case is wanted: all are, unless some were named.
    pub(crate) fn wants(&self, case: &str) -> bool {
        self.cases.is_empty()
            || self
                .cases
                .iter()
                .any(|start| case.starts_with(start.as_str()))
    }

    /// Makes an empty folder below [`Asked::folder`], with a name that begins so; those that were made before stay.
    ///
    /// ext4 without a journal does not take a deleted file's inode again for minutes, and looks at each of them when a file is made:
    /// what is removed in a benchmark slows down what it measures next.
    pub(crate) fn fresh(&self, name: &str) -> PathBuf {
        std::fs::create_dir_all(&self.folder).expect("make a folder");
        (1..)
            .map(|number| self.folder.join(format!("{name}-{number}")))
            .find(|folder| match std::fs::create_dir(folder) {
                Ok(()) => true,
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => false,
                Err(error) => panic!("make {}: {error}", folder.display()),
            })
            .expect("a number that is free")
    }
}

/// One number, and the times behind it.
pub(crate) struct Figure {
    /// How many a second, or how long one takes: see `unit`.
    pub(crate) value: f64,
    /// What `value` counts.
    pub(crate) unit: &'static str,
    /// Each call's time, in order of size; empty where there was only one.
    pub(crate) calls: Vec<Duration>,
    /// The processor time one unit of work took, where it was measured.
    pub(crate) cpu: Option<Duration>,
    /// How many KiB one unit of work wrote, where it was measured: logs and copies included.
    pub(crate) kib: Option<f64>,
}

impl Figure {
    /// Prints it as the line that `cargo xtask bench` reads.
    #[allow(clippy::print_stdout, reason = "the figures are the output")]
    pub(crate) fn print(&self, bench: &str, case: &str) {
        let mut line = format!(
            "{{\"bench\":\"{bench}\",\"case\":\"{case}\",\"unit\":\"{}\",\"value\":{:.3}",
            self.unit, self.value
        );
        for (name, part) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
            if let Some(time) = self.percentile(part) {
                line.push_str(&format!(",\"{name}_ms\":{:.3}", time.as_secs_f64() * 1e3));
            }
        }
        if let Some(cpu) = self.cpu {
            line.push_str(&format!(",\"cpu_us\":{:.1}", cpu.as_secs_f64() * 1e6));
        }
        if let Some(kib) = self.kib {
            line.push_str(&format!(",\"kib\":{kib:.1}"));
        }
        println!("{line}}}");
    }

    fn percentile(&self, part: f64) -> Option<Duration> {
        let last = self.calls.len().checked_sub(1)?;
        self.calls
            .get((last as f64 * part).round() as usize)
            .copied()
    }
}

/// Has `producers` threads work side by side for a while and counts what they did.
///
/// `make` makes one producer's call, which does some units of work and tells how many. A tenth of
/// the time is for warming up, and does not count.
pub(crate) fn produce<C>(
    producers: usize,
    asked: &Asked,
    unit: &'static str,
    make: impl Fn(usize) -> C + Sync,
) -> Figure
where
    C: FnMut() -> u64,
{
    let (counting, over) = (
        AtomicBool::new(asked.calls.is_some()),
        AtomicBool::new(false),
    );
    let left = AtomicI64::new(asked.calls.unwrap_or(i64::MAX));
    let ready = Barrier::new(producers + 1);
    let (took, cpu, written, worked) = thread::scope(|scope| {
        let producers: Vec<_> = (0..producers)
            .map(|number| {
                let (make, ready, counting, over) = (&make, &ready, &counting, &over);
                let left = &left;
                scope.spawn(move || {
                    let mut call = make(number);
                    let (mut done, mut calls) = (0, Vec::with_capacity(1 << 16));
                    ready.wait();
                    while !over.load(Ordering::Relaxed) && left.fetch_sub(1, Ordering::Relaxed) > 0
                    {
                        let counts = counting.load(Ordering::Relaxed);
                        let started = Instant::now();
                        let units = call();
                        if counts {
                            calls.push(started.elapsed());
                            done += units;
                        }
                    }
                    (done, calls)
                })
            })
            .collect();
        ready.wait();
        let timed = asked.calls.is_none();
        if timed {
            wait(asked.time / 10);
        }
        let started = Instant::now();
        let (cpu_before, written_before) = (processor_time(), written());
        if timed {
            counting.store(true, Ordering::Relaxed);
            wait(asked.time);
            over.store(true, Ordering::Relaxed);
        }
        let worked: Vec<(u64, Vec<Duration>)> = producers
            .into_iter()
            .map(|producer| producer.join().expect("a producer that does not panic"))
            .collect();
        (
            started.elapsed(),
            processor_time() - cpu_before,
            written() - written_before,
            worked,
        )
    });
    let done: u64 = worked.iter().map(|(done, _)| done).sum();
    let mut calls: Vec<Duration> = worked.into_iter().flat_map(|(_, calls)| calls).collect();
    calls.sort_unstable();
    Figure {
        value: done as f64 / took.as_secs_f64(),
        unit,
        calls,
        cpu: (done > 0).then(|| cpu.div_f64(done as f64)),
        kib: (done > 0).then(|| written as f64 / 1024.0 / done as f64),
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the figure is what happens in this time"
)]
fn wait(time: Duration) {
    thread::sleep(time);
}

/// Does one thing again and again for a while, a hundred times at most, and gives how long it takes.
pub(crate) fn repeat(asked: &Asked, work: impl Fn()) -> Figure {
    let begun = Instant::now();
    let mut calls = Vec::new();
    while calls.is_empty() || (calls.len() < 100 && begun.elapsed() < asked.time) {
        let started = Instant::now();
        work();
        calls.push(started.elapsed());
    }
    calls.sort_unstable();
    Figure {
        value: calls[calls.len() / 2].as_secs_f64() * 1e3,
        unit: "ms",
        calls,
        cpu: None,
        kib: None,
    }
}

/// The processor time this process has used, all threads together; in steps of 10 ms.
pub(crate) fn processor_time() -> Duration {
    // Fields 14 and 15, in ticks of which Linux shows a hundred a second; the name before them
    // may hold spaces, and ends with the last parenthesis.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = fields
        .split_ascii_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(10 * ticks)
}

/// The bytes this process has written.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let bytes = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}
