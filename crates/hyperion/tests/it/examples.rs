//! The request files in `examples/` do what they say (Q6).

use crate::world::{World, items, text};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// A repository with a check, and an engine that serves it.
fn world() -> World {
    World::up(&[
        ("README.md", "# Weather\n"),
        (
            "hyperion.toml",
            "[checks]\nreadme = \"test -s README.md\"\n",
        ),
    ])
}

fn path(example: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(example)
}

/// Files an example and lets pass whatever it asks; gives its requests as they ended.
fn land(world: &World, example: &str) -> Vec<Value> {
    let path = path(example);
    let path = path.to_str().unwrap();
    let filed = world.run(&["request", path, "--format", "json"]).code(0);
    // A task that builds on another may only be asked about later.
    loop {
        world.run(&["drain"]).code(0);
        let waiting = world.list(&["approval", "list"]);
        if waiting.is_empty() {
            break;
        }
        for approval in waiting {
            let id = text(&approval["id"]);
            world.run(&["approval", "approve", &id]).code(0);
        }
    }
    items(&filed.json())
        .iter()
        .map(|request| world.json(&["request", "show", &text(&request["id"])]))
        .collect()
}

#[test]
fn the_least_request_lands() {
    let world = world();
    let ended = land(&world, "examples/minimal.json");
    assert_eq!(ended[0]["status"], "completed", "{:#}", ended[0]);
    assert_eq!(
        world.repo.show("main", "hello.txt"),
        "Hello from Hyperion.\n"
    );
}

#[test]
fn tasks_that_build_on_each_other_land_in_order() {
    let world = world();
    let ended = land(&world, "examples/dependent-tasks.json");
    assert_eq!(ended[0]["status"], "completed", "{:#}", ended[0]);
    assert_eq!(
        world.repo.subjects("main"),
        ["Explain the queue", "Begin a glossary", "Begin"]
    );
    // The second task's own check ran besides the repository's.
    let checks = ended[0]["summary"]["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 3, "{checks:#?}");
}

#[test]
fn text_and_binary_files_arrive_as_they_are() {
    let world = world();
    let ended = land(&world, "examples/files.json");
    assert_eq!(ended[0]["status"], "completed", "{:#}", ended[0]);
    let listed = world.repo.git(&["ls-tree", "main", "greeting/greet.sh"]);
    assert!(listed.starts_with("100755"), "{listed}");
    let greeting = world.repo.read("greeting/greet.sh");
    assert!(
        greeting.ends_with("echo \"Hello, ${1:-you}.\"\n"),
        "{greeting}"
    );
    let dot = fs::read(world.repo.path().join("greeting/dot.png")).unwrap();
    assert!(dot.starts_with(b"\x89PNG\r\n"), "{dot:?}");
}

#[test]
fn json_lines_file_each_request_once() {
    let world = world();
    let ended = land(&world, "examples/several.jsonl");
    let status = ended.iter().map(|one| text(&one["status"]));
    assert_eq!(status.collect::<Vec<_>>(), ["completed"; 3]);
    let again = land(&world, "examples/several.jsonl");
    assert_eq!(
        again.iter().map(|one| &one["id"]).collect::<Vec<_>>(),
        ended.iter().map(|one| &one["id"]).collect::<Vec<_>>()
    );
    assert_eq!(world.repo.subjects("main").len(), 4);
}

#[test]
fn the_page_about_the_examples_names_each() {
    let page = fs::read_to_string(path("examples/README.md")).unwrap();
    for entry in fs::read_dir(path("examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name == "README.md" || page.contains(&format!("[{name}]({name})")),
            "{name}"
        );
    }
}
