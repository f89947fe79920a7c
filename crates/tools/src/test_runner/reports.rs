//! The reports that a run leaves in the project: which came or changed by it, and no more of them than are read.

use std::collections::BTreeMap;

use hyperion_host::{Kind, Root};

use crate::filesystem::sha256;

/// How much is read of the reports of a run.
pub const BOUNDS: Bounds = Bounds {
    each_bytes: 16 * 1024 * 1024,
    all_bytes: 64 * 1024 * 1024,
    count: 5_000,
    folders: 1_000,
};

/// The most that is read.
pub struct Bounds {
    /// Of one report.
    pub each_bytes: u64,
    /// Of all of them.
    pub all_bytes: u64,
    /// Reports.
    pub count: usize,
    /// Folders at the project's top, which are looked into.
    pub folders: usize,
}

/// What was found of reports.
#[derive(Debug, PartialEq)]
pub struct Found<T> {
    /// By their paths in the root.
    pub reports: BTreeMap<String, T>,
    /// Whether these are all there are.
    pub all: bool,
}

/// Where a tool leaves its reports: in the root, and in the folders at its top.
pub struct Reports<'a> {
    /// The project.
    pub root: &'a Root,
    /// The folder, in either.
    pub folder: &'a str,
    /// How their names begin.
    pub begins: &'a str,
}

impl Reports<'_> {
    /// The hash of each that is there.
    pub fn hashes(&self, bounds: &Bounds) -> Found<String> {
        let (top, more) = self.root.list("", bounds.folders).unwrap_or_default();
        let modules = top.into_iter();
        let modules = modules.filter(|entry| entry.kind == Kind::Folder && entry.nameable);
        let folders = modules.map(|module| format!("{}/{}", module.name, self.folder));
        let mut found = Found {
            reports: BTreeMap::new(),
            all: !more,
        };
        let mut room = bounds.all_bytes;
        for folder in folders.chain([self.folder.to_owned()]) {
            let Ok((names, more)) = self.root.list(&folder, bounds.count) else {
                continue;
            };
            found.all &= !more;
            for entry in names {
                let is_one = entry.nameable
                    && entry.name.starts_with(self.begins)
                    && entry.name.ends_with(".xml");
                if !is_one {
                    continue;
                }
                let path = format!("{folder}/{}", entry.name);
                let max = bounds.each_bytes.min(room);
                let has_place = found.reports.len() < bounds.count;
                match has_place.then(|| self.root.read(&path, max).ok()).flatten() {
                    Some(report) => {
                        room -= report.bytes.len() as u64;
                        found.reports.insert(path, sha256(&report.bytes));
                    }
                    None => found.all = false,
                }
            }
        }
        found
    }

    /// What is new since, or has another content.
    pub fn since(&self, before: &BTreeMap<String, String>, bounds: &Bounds) -> Found<Vec<u8>> {
        let Found { reports, all } = self.hashes(bounds);
        let mut found = Found {
            reports: BTreeMap::new(),
            all,
        };
        let mut room = bounds.all_bytes;
        for (path, hash) in reports {
            if before.get(&path) == Some(&hash) {
                continue;
            }
            // It was read a moment ago; what grew since is as good as left out.
            match self.root.read(&path, bounds.each_bytes.min(room)) {
                Ok(report) => {
                    room -= report.bytes.len() as u64;
                    found.reports.insert(path, report.bytes);
                }
                Err(_) => found.all = false,
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SMALL: Bounds = Bounds {
        each_bytes: 10,
        all_bytes: 25,
        count: 4,
        folders: 3,
    };

    fn names<T>(found: &Found<T>) -> Vec<&str> {
        found.reports.keys().map(String::as_str).collect()
    }

    // T3, X1: of a project's reports no more is read than the bounds allow, and what was left out is known.
    #[test]
    fn reports_are_read_within_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let reports = Reports {
            root: &root,
            folder: "out",
            begins: "TEST-",
        };
        let put = |path: &str, bytes: usize| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x".repeat(bytes)).unwrap();
        };
        let clear = || {
            for entry in fs::read_dir(folder.path()).unwrap() {
                fs::remove_dir_all(entry.unwrap().path()).unwrap();
            }
        };
        put("out/TEST-a.xml", 10);
        put("out/other.xml", 10);
        put("m/out/TEST-b.xml", 10);
        let before = reports.hashes(&SMALL);
        assert!(before.all);
        assert_eq!(names(&before), ["m/out/TEST-b.xml", "out/TEST-a.xml"]);

        put("out/TEST-c.xml", 5);
        put("out/TEST-a.xml", 9);
        let came = reports.since(&before.reports, &SMALL);
        assert!(came.all);
        assert_eq!(names(&came), ["out/TEST-a.xml", "out/TEST-c.xml"]);

        let none = BTreeMap::new();
        for (what, sizes, read) in [
            ("one too large", &[11, 1][..], 1),
            ("too large together", &[10, 10, 6], 2),
            ("too many", &[1, 1, 1, 1, 1], 4),
        ] {
            clear();
            for (number, size) in sizes.iter().enumerate() {
                put(&format!("out/TEST-{number}.xml"), *size);
            }
            let found = reports.since(&none, &SMALL);
            assert_eq!((found.reports.len(), found.all), (read, false), "{what}");
        }
        clear();
        for module in ["a", "b", "c", "d"] {
            put(&format!("{module}/out/TEST-x.xml"), 1);
        }
        let found = reports.since(&none, &SMALL);
        assert_eq!((found.reports.len(), found.all), (3, false));
    }
}
