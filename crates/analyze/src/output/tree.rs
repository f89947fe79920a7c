//! Which file of the repository a tool means.

use std::collections::HashMap;

use super::Place;
use super::workspace::Origin;
use crate::trace::is_foreign_file;

/// The most files of a tree; where it has more, a place stays as it was printed.
pub const MAX_TREE_FILES: usize = 200_000;

/// The files of the tree that a command ran on.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    by_name: HashMap<String, Vec<String>>,
}

impl Tree {
    /// Knows these files, each by its path from the top.
    pub fn of(paths: impl IntoIterator<Item = String>) -> Self {
        let mut by_name: HashMap<String, Vec<String>> = HashMap::new();
        for (count, path) in paths.into_iter().enumerate() {
            if count >= MAX_TREE_FILES {
                return Self::default();
            }
            by_name
                .entry(name(&path).to_owned())
                .or_default()
                .push(path);
        }
        Self { by_name }
    }

    fn has(&self, path: &str) -> bool {
        self.ending_in(path).any(|known| known == path)
    }

    /// Gives the files whose path is this one, or ends in it.
    fn ending_in(&self, path: &str) -> impl Iterator<Item = &str> {
        let known = self.by_name.get(name(path)).map_or(&[][..], Vec::as_slice);
        known
            .iter()
            .map(String::as_str)
            .filter(move |known| ends_in(known, path))
    }

    /// Finds the one file that a printed path means: exactly, in the package it was printed by, or by an end that no other
    /// file has; none where that could be several.
    fn find(&self, printed: &str, package: Option<&str>) -> Option<String> {
        if let Some(package) = package
            && let Some(found) = self.in_package(printed, package)
        {
            return Some(found);
        }
        if self.has(printed) {
            return Some(printed.to_owned());
        }
        let absolute = printed.strip_prefix('/');
        if absolute.is_some() && is_foreign_file(printed) {
            return None;
        }
        let path = absolute.unwrap_or(printed);
        let starts = path.match_indices('/').map(|(at, _)| at + 1);
        for end in std::iter::once(0)
            .chain(starts)
            .filter_map(|at| path.get(at..))
        {
            let mut found = self.ending_in(end);
            // A name alone says little of a file elsewhere.
            let says_enough = end.contains('/') || end == printed;
            match (found.next(), found.next()) {
                (Some(_), _) if self.has(end) && (says_enough || absolute.is_some()) => {
                    return Some(end.to_owned());
                }
                (Some(one), None) if says_enough => return Some(one.to_owned()),
                (Some(_), _) => return None,
                (None, _) => {}
            }
        }
        None
    }

    /// Finds the file in the folder whose path ends most like a package's name or import path, and of several alike the one
    /// whose path that is as a whole.
    fn in_package(&self, printed: &str, package: &str) -> Option<String> {
        let alike = |path: &str| {
            let folder = path.strip_suffix(printed)?.trim_end_matches('/');
            let common = folder.rsplit('/').zip(package.rsplit('/'));
            let common = common.take_while(|(one, other)| one == other).count();
            (common > 0).then(|| (common, common == folder.split('/').count()))
        };
        let found = self.ending_in(printed);
        let mut found: Vec<_> = found
            .filter_map(|path| Some((alike(path)?, path)))
            .collect();
        found.sort_unstable_by(|one, other| other.cmp(one));
        match found.as_slice() {
            [(most, _), (next, _), ..] if most == next => None,
            [(_, path), ..] => Some((*path).to_owned()),
            [] => None,
        }
    }
}

/// Says of a place which file it means, as well as folder, origin and tree tell; else it stays as it was printed.
pub(super) fn settle(
    place: &mut Place,
    folder: Option<&str>,
    origin: Option<&Origin>,
    tree: Option<&Tree>,
) {
    let inside = |path: String| {
        let mut place = Place {
            file: path,
            ..place.clone()
        };
        if let Some(folder) = folder {
            place.below(folder);
        }
        place.file
    };
    let printed = inside(plain(&place.file));
    let find = |path: &str, package: Option<&str>| tree.and_then(|tree| tree.find(path, package));
    let found = match origin {
        Some(Origin::Folder { folder, below }) if !printed.starts_with('/') => {
            let joined = inside(plain(&format!("{folder}/{printed}")));
            let from_top = below
                .as_ref()
                .map(|below| plain(&format!("{below}/{printed}")))
                .map(|path| path.trim_start_matches('/').to_owned());
            let known = find(&joined, None).or_else(|| find(&printed, None));
            let told = (!joined.starts_with('/')).then_some(joined);
            known.or_else(|| told.or(from_top).filter(|_| tree.is_none()))
        }
        Some(Origin::Package(package) | Origin::GoPackage(package)) => {
            find(&printed, Some(package))
        }
        Some(Origin::Folder { .. }) | None => find(&printed, None),
    };
    place.file = found.unwrap_or(printed);
}

/// Takes `.` and `..` out of a path, as far as it says what they mean.
fn plain(path: &str) -> String {
    if !path.split('/').any(|part| matches!(part, "." | "..")) {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, "" | "..")) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn ends_in(path: &str, end: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|start| start.is_empty() || start.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Exact, an end that no other file has, else as printed; a package tells which of several.
    #[test]
    fn a_printed_path_is_the_file_it_means() {
        let paths = [
            "README.md",
            "a.py",
            "src/main.rs",
            "web/src/a.ts",
            "api/src/a.ts",
            "web/src/only.ts",
            "packages/ui/src/a.ts",
            "internal/calc/calc_test.go",
            "calc/calc_test.go",
            "docs/calc.md",
        ];
        let tree = Tree::of(paths.map(str::to_owned));
        let package = |name: &str| Some(Origin::Package(name.to_owned()));
        let go = |path: &str| Some(Origin::GoPackage(path.to_owned()));
        let entered = |folder: &str| {
            let folder = folder.to_owned();
            Some(Origin::Folder {
                folder,
                below: None,
            })
        };
        for (printed, origin, file) in [
            ("src/main.rs", None, "src/main.rs"),
            ("./src/../src/main.rs", None, "src/main.rs"),
            ("/project/src/main.rs", None, "src/main.rs"),
            ("/app/src/main.rs", None, "src/main.rs"),
            ("/srv/a.py", None, "a.py"),
            ("/usr/lib/python3/a.py", None, "/usr/lib/python3/a.py"),
            ("lib/a.py", None, "lib/a.py"),
            ("main.rs", None, "src/main.rs"),
            ("src/only.ts", None, "web/src/only.ts"),
            ("/app/src/only.ts", None, "web/src/only.ts"),
            ("src/a.ts", None, "src/a.ts"),
            ("src/a.ts", package("web"), "web/src/a.ts"),
            ("src/a.ts", package("@acme/ui"), "packages/ui/src/a.ts"),
            ("src/a.ts", package("other"), "src/a.ts"),
            (
                "calc_test.go",
                go("example.com/x/internal/calc"),
                "internal/calc/calc_test.go",
            ),
            (
                "calc_test.go",
                go("example.com/x/calc"),
                "calc/calc_test.go",
            ),
            ("a.ts", entered("/project/api/src"), "api/src/a.ts"),
            ("../src/main.rs", entered("/project/build"), "src/main.rs"),
            ("gone.c", entered("/project/api"), "gone.c"),
        ] {
            let mut place = Place::new(printed, Some(1), None).unwrap();
            settle(&mut place, Some("/project"), origin.as_ref(), Some(&tree));
            assert_eq!(place.file, file, "{printed}");
        }
    }
}
