//! Which files changed, as people and programs are told.

use crate::world::{SOON, World};
use hyperion_testkit::eventually;

// M9: a file that a person changes is listed soon, without anybody's call, and nothing is said of what git ignores.
#[test]
fn a_file_that_changes_is_listed() {
    let world = World::up(&[("a.txt", "one\n"), (".gitignore", "*.log\n")]);
    let list = || {
        let args = ["file-modifications", "list", "--format", "json"];
        world.run(&args).code(0).json()["items"].clone()
    };
    let mut number = 0;
    let is_listed = eventually(SOON, || {
        // Those from before the folder was watched are not heard.
        number += 1;
        world.repo.write(format!("{number}.log"), "left out\n");
        world.repo.write(format!("{number}.txt"), "by hand\n");
        !list().as_array().unwrap().is_empty()
    });
    assert!(is_listed);
    for file in list().as_array().unwrap() {
        assert!(file["path"].as_str().unwrap().ends_with(".txt"), "{file}");
        assert_eq!(file["found_by"], "watch");
        assert_eq!(file["run_id"], serde_json::Value::Null);
    }
    let table = world.run(&["file-modifications", "list"]).code(0).stdout;
    assert!(table.contains("created"), "{table}");
    let doctor = world.run(&["doctor"]).code(0).stdout;
    assert!(doctor.contains("changes are watched in"), "{doctor}");
}
