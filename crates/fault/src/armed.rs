use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::process::{Signal, getpid, kill_process};

use crate::Point;

/// What the environment asks for; it is read once.
#[derive(Debug, Default)]
struct Orders {
    /// The point that ends the process, and at which of its hits.
    die_at: Option<(Point, u64)>,
    log: Option<PathBuf>,
}

static ORDERS: OnceLock<Result<Orders, String>> = OnceLock::new();
static HITS: AtomicU64 = AtomicU64::new(0);
static SEEN: [AtomicBool; Point::ALL.len()] = [const { AtomicBool::new(false) }; Point::ALL.len()];

pub(crate) fn check() -> Result<(), String> {
    orders().as_ref().map(drop).map_err(Clone::clone)
}

pub(crate) fn reached(point: Point) {
    // A wrong order is told by `check`, at the start.
    let Ok(orders) = orders() else { return };
    if let Some(log) = &orders.log
        && !SEEN[point as usize].swap(true, Ordering::Relaxed)
    {
        let line = format!("{}\n", point.name());
        let written = OpenOptions::new()
            .append(true)
            .create(true)
            .open(log)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        if let Err(error) = written {
            panic!(
                "write {} of HYPERION_FAIL_POINT_LOG: {error}",
                log.display()
            );
        }
    }
    if let Some((armed, at_hit)) = orders.die_at
        && armed == point
        && HITS.fetch_add(1, Ordering::Relaxed) + 1 == at_hit
    {
        die();
    }
}

fn die() -> ! {
    // SIGKILL and no exit: no destructor runs, no buffer is flushed.
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        std::thread::park();
    }
}

fn orders() -> &'static Result<Orders, String> {
    ORDERS.get_or_init(|| {
        parse(
            std::env::var_os("HYPERION_FAIL_POINT"),
            std::env::var_os("HYPERION_FAIL_POINT_LOG"),
        )
    })
}

fn parse(point: Option<OsString>, log: Option<OsString>) -> Result<Orders, String> {
    let die_at = point.map(|text| {
        let text = text.to_string_lossy().into_owned();
        let (name, hit) = text.split_once(':').unwrap_or((&text, "1"));
        let known = Point::from_name(name)
            .ok_or_else(|| format!("HYPERION_FAIL_POINT: there is no point `{name}`"))?;
        match hit.parse() {
            Ok(hit) if hit > 0 => Ok((known, hit)),
            _ => Err(format!(
                "HYPERION_FAIL_POINT: `{hit}` is no count of hits; they are counted from one"
            )),
        }
    });
    Ok(Orders {
        die_at: die_at.transpose()?,
        log: log.map(PathBuf::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn die_at(text: &str) -> Result<Option<(Point, u64)>, String> {
        parse(Some(text.into()), None).map(|orders| orders.die_at)
    }

    // M1
    #[test]
    fn a_point_is_armed_at_its_first_hit_or_at_the_one_named() {
        let point = Point::StoreGroupWritten;
        assert_eq!(die_at("store.group.written"), Ok(Some((point, 1))));
        assert_eq!(die_at("store.group.written:3"), Ok(Some((point, 3))));
        assert_eq!(parse(None, None).unwrap().die_at, None);
    }

    #[test]
    fn a_wrong_order_is_refused_and_never_taken_for_no_order() {
        let refused = [
            "store.group",
            "",
            "store.group.written:0",
            "store.group.written:x",
        ]
        .map(|text| die_at(text).unwrap_err());
        assert_eq!(
            refused,
            [
                "HYPERION_FAIL_POINT: there is no point `store.group`",
                "HYPERION_FAIL_POINT: there is no point ``",
                "HYPERION_FAIL_POINT: `0` is no count of hits; they are counted from one",
                "HYPERION_FAIL_POINT: `x` is no count of hits; they are counted from one",
            ]
        );
    }
}
