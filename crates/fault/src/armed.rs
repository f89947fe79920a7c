use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use crate::Point;

/// What the environment asks for; it is read once.
#[derive(Debug, Default)]
struct Orders {
    /// The point that ends the process, and at which of its hits.
    die_at: Option<(Point, u64)>,
    /// The points at which it waits, each once, and the file that is there while it does.
    wait_at: Vec<Point>,
    wait_file: PathBuf,
    log: Option<PathBuf>,
}

static ORDERS: OnceLock<Result<Orders, String>> = OnceLock::new();
static HITS: AtomicU64 = AtomicU64::new(0);
static SEEN: [AtomicBool; Point::ALL.len()] = [const { AtomicBool::new(false) }; Point::ALL.len()];
static WAITED: [AtomicBool; Point::ALL.len()] =
    [const { AtomicBool::new(false) }; Point::ALL.len()];

/// Poll interval while a test holds a thread at a point, until it removes the file.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

pub(crate) fn check() -> Result<(), String> {
    orders().as_ref().map(drop).map_err(Clone::clone)
}

pub(crate) fn variables() -> Vec<(OsString, OsString)> {
    [
        "HYPERION_FAIL_POINT",
        "HYPERION_FAIL_POINT_WAIT",
        "HYPERION_FAIL_POINT_LOG",
    ]
    .into_iter()
    .filter_map(|name| Some((name.into(), std::env::var_os(name)?)))
    .collect()
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
    if orders.wait_at.contains(&point) && !WAITED[point as usize].swap(true, Ordering::Relaxed) {
        wait(&orders.wait_file, point);
    }
}

/// Holds this thread, and no other, for as long as the file is there.
fn wait(file: &Path, point: Point) {
    // Renamed into place, so that nobody reads half of a name.
    let draft = file.with_extension("draft");
    let shown = fs::write(&draft, point.name()).and_then(|()| fs::rename(&draft, file));
    if let Err(error) = shown {
        panic!(
            "write {} of HYPERION_FAIL_POINT_WAIT: {error}",
            file.display()
        );
    }
    while file.exists() {
        // Nobody wakes it: a file that goes tells nobody.
        std::thread::park_timeout(LOOK_AGAIN);
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
            std::env::var_os("HYPERION_FAIL_POINT_WAIT"),
            std::env::var_os("HYPERION_FAIL_POINT_LOG"),
        )
    })
}

fn parse(
    point: Option<OsString>,
    wait: Option<OsString>,
    log: Option<OsString>,
) -> Result<Orders, String> {
    let (wait_at, wait_file) = match wait {
        Some(text) => parse_wait(&text.to_string_lossy())?,
        None => Default::default(),
    };
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
        wait_at,
        wait_file,
        log: log.map(PathBuf::from),
    })
}

fn parse_wait(text: &str) -> Result<(Vec<Point>, PathBuf), String> {
    let (names, file) = text
        .split_once('=')
        .ok_or_else(|| "HYPERION_FAIL_POINT_WAIT: write <name>[,<name>…]=<file>".to_owned())?;
    let known = |name| {
        Point::from_name(name)
            .ok_or_else(|| format!("HYPERION_FAIL_POINT_WAIT: there is no point `{name}`"))
    };
    let points: Result<_, _> = names.split(',').map(known).collect();
    Ok((points?, PathBuf::from(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn die_at(text: &str) -> Result<Option<(Point, u64)>, String> {
        parse(Some(text.into()), None, None).map(|orders| orders.die_at)
    }

    // M1
    #[test]
    fn a_point_is_armed_at_its_first_hit_or_at_the_one_named() {
        let point = Point::StoreGroupWritten;
        assert_eq!(die_at("store.group.written"), Ok(Some((point, 1))));
        assert_eq!(die_at("store.group.written:3"), Ok(Some((point, 3))));
        assert_eq!(parse(None, None, None).unwrap().die_at, None);
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

    #[test]
    fn points_to_wait_at_are_known_ones() {
        let wait = |text: &str| parse(None, Some(text.into()), None);
        let orders = wait("git.own.made,store.group.written=/a/b").unwrap();
        assert_eq!(
            orders.wait_at,
            [Point::OwnFolderMade, Point::StoreGroupWritten]
        );
        assert_eq!(orders.wait_file, PathBuf::from("/a/b"));
        assert_eq!(
            ["git.own.made", "git.own=/a"].map(|text| wait(text).unwrap_err()),
            [
                "HYPERION_FAIL_POINT_WAIT: write <name>[,<name>…]=<file>",
                "HYPERION_FAIL_POINT_WAIT: there is no point `git.own`",
            ]
        );
    }
}
