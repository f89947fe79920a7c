//! Random sets of files, and what git's own index makes of them.

use std::collections::BTreeMap;

use hyperion_git::{FileMode, Oid};
use proptest::prelude::*;

use crate::world::World;

/// Path to content and whether it can be run.
pub(crate) type Files = BTreeMap<String, (String, bool)>;

const NAMES: &[&str] = &["a", "b", "c.txt", "d-e", "d", "d.x", "sp ace", "ü"];

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(NAMES), 1..4).prop_map(|parts| parts.join("/"))
}

/// A set of files in which no file is a folder of another.
pub(crate) fn files() -> impl Strategy<Value = Files> {
    prop::collection::btree_map(path(), ("[a-z\n]{0,20}", any::<bool>()), 0..14).prop_map(|files| {
        let names: Vec<String> = files.keys().cloned().collect();
        let is_folder = |name: &str| {
            names
                .iter()
                .any(|other| other.starts_with(&format!("{name}/")))
        };
        files
            .into_iter()
            .filter(|(name, _)| !is_folder(name))
            .collect()
    })
}

pub(crate) fn mode(executable: bool) -> FileMode {
    if executable {
        FileMode::Executable
    } else {
        FileMode::File
    }
}

/// The tree that `git` itself makes of these files with a temporary index.
pub(crate) fn by_index(world: &World, files: &Files) -> Oid {
    world.user_git(&["read-tree", "--empty"]);
    let mut entries = Vec::new();
    for (path, (content, executable)) in files {
        let blob = world.try_run_with(
            world.user(),
            &["hash-object", "-w", "--stdin"],
            content.as_bytes(),
        );
        let bits = if *executable { "100755" } else { "100644" };
        entries.extend(format!("{bits} {}\t{path}\0", blob.stdout.text().trim()).as_bytes());
    }
    assert!(
        world
            .try_run_with(
                world.user(),
                &["update-index", "-z", "--index-info"],
                &entries
            )
            .exit
            .success()
    );
    Oid::parse(&world.user_git(&["write-tree"])).unwrap()
}
