//! What counts as a change of what others call, and what only looks like one.

use hyperion_model::facts::ItemFacts;
use hyperion_policy::mark_internal;

use crate::change::{bugfix, create, edit, outcome};

#[test]
fn what_only_looks_otherwise_changes_nothing() {
    let cases: Vec<(&str, &[&str])> = vec![
        (
            "src/a.rs",
            &[
                "-    pub fn new() -> Self {",
                "+    pub const fn new() -> Self {",
            ],
        ),
        (
            "src/a.rs",
            &[
                "-pub struct Ratio(Map<u8, u8>);",
                "+pub struct Ratio {",
                "+    map: Map<u8, u8>,",
            ],
        ),
        ("src/a.py", &["-class Tree:", "+class Tree(Base):"]),
        (
            "src/a.rs",
            &[
                "-pub fn parse(text: &str, at: usize) -> Tree {",
                "+pub fn parse(",
                "+    text: &str,",
                "+    at: usize,",
                "+) -> Tree {",
            ],
        ),
        (
            "src/a.rs",
            &[
                "-pub fn parse(_text: &str) -> Tree {",
                "+pub fn parse(text: &str) -> Tree {",
            ],
        ),
        (
            "src/a.rs",
            &[
                "-pub fn a<T>(x: T) where T: Copy {",
                "+pub fn a<T>(x: T)",
                "+where",
                "+    T: Copy,",
                "+{",
            ],
        ),
        (
            "src/a.rs",
            &["-    pub name: String", "+    pub name: String,"],
        ),
        (
            "src/a.rs",
            &[
                "-pub use tree::{Leaf, Node};",
                "+pub use tree::{",
                "+    Node,",
                "+    Leaf,",
                "+};",
            ],
        ),
        (
            "src/a.rs",
            &[
                "-pub use crate::tree::Node;",
                "+pub use crate::forest::Node;",
            ],
        ),
        (
            "src/a.py",
            &["-def parse(text):", "+def parse(text: str) -> Tree:"],
        ),
        (
            "src/a.py",
            &[
                "-def parse(text, at=0): return 1",
                "+def parse(",
                "+    text,",
                "+    at=0,",
                "+):",
                "+    return 1",
            ],
        ),
        (
            "src/a.py",
            &["-def parse(text):", "+def parse(text, strict=False):"],
        ),
        (
            "src/a.ts",
            &[
                "-export function parse(text: string): Tree {",
                "+export function parse(",
                "+  text: string,",
                "+): Tree {",
            ],
        ),
        (
            "a.go",
            &[
                "-func Parse(a int) (int, error) { return 1, nil }",
                "+func Parse(a int) (int, error) {",
            ],
        ),
    ];
    let found = cases
        .into_iter()
        .map(|(path, lines)| (lines, outcome(&bugfix([edit(path, lines)]))));
    let wrong: Vec<_> = found
        .filter(|(_, told)| told.contains("breaking"))
        .collect();
    assert_eq!(wrong, []);
}

#[test]
fn what_breaks_callers_is_seen() {
    let cases: Vec<(&str, &[&str])> = vec![
        (
            "src/a.rs",
            &[
                "-    pub const fn new() -> Self {",
                "+    pub fn new() -> Self {",
            ],
        ),
        (
            "src/a.rs",
            &["-pub struct Ratio(pub u8);", "+pub struct Ratio(u8);"],
        ),
        ("src/a.rs", &["-pub use tree::*;", "+pub use forest::*;"]),
        ("src/a.py", &["-class Tree(Base):", "+class Tree:"]),
        (
            "src/a.rs",
            &[
                "-pub fn parse(text: &str) -> Tree {",
                "+pub fn parse(",
                "+    text: &str,",
                "+    at: usize,",
                "+) -> Tree {",
            ],
        ),
        (
            "src/a.rs",
            &[
                "-pub fn parse(text: &str) -> Tree {",
                "+pub fn parse(text: &str) -> Forest {",
            ],
        ),
        (
            "src/a.rs",
            &["-pub use tree::{Leaf, Node};", "+pub use tree::{Node};"],
        ),
        (
            "src/a.rs",
            &["-    pub name: String,", "+    pub name: Name,"],
        ),
        (
            "src/a.py",
            &["-def parse(text, at=0):", "+def parse(text, at):"],
        ),
        (
            "src/a.py",
            &["-def parse(text):", "+def parse(text, strict):"],
        ),
        ("src/a.py", &["-def parse(text, at):", "+def parse(text):"]),
        (
            "src/a.ts",
            &[
                "-export function parse(text: string): Tree {",
                "+export function parse(text: string, at: number): Tree {",
            ],
        ),
    ];
    let found = cases
        .into_iter()
        .map(|(path, lines)| (lines, outcome(&bugfix([edit(path, lines)]))));
    let wrong: Vec<_> = found
        .filter(|(_, told)| !told.starts_with("admin breaking_change"))
        .collect();
    assert_eq!(wrong, []);
}

/// The files of a tree, with their texts.
type Files<'a> = &'a [(&'a str, &'a str)];

/// Judges a change in a tree that has these files.
fn in_tree(files: Files<'_>, item: ItemFacts) -> String {
    let mut facts = bugfix([item]);
    mark_internal(&mut facts, &mut |path| {
        let found = files.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| (*text).to_owned())
    });
    outcome(&facts)
}

#[test]
fn nobody_outside_calls_a_program_or_a_private_module() {
    const LIBRARY: (&str, &str) = ("Cargo.toml", "[package]\nname = \"a\"\n");
    const ROOT: (&str, &str) = (
        "src/lib.rs",
        "pub mod tree;\nmod walk;\nmod given;\npub use given::Node;\npub(crate) mod own;\n",
    );
    let gone = |path: &str| edit(path, &["-pub fn parse(text: &str) -> Tree {"]);
    let breaking = "admin breaking_change";
    let cases: Vec<(Files<'_>, &str, &str)> = vec![
        (&[], "src/a.rs", breaking),
        (&[LIBRARY, ROOT], "src/lib.rs", breaking),
        (&[LIBRARY, ROOT], "src/tree.rs", breaking),
        (&[LIBRARY, ROOT], "src/given.rs", breaking),
        (&[LIBRARY, ROOT], "src/unknown.rs", breaking),
        (&[LIBRARY, ROOT], "src/walk.rs", "allow"),
        (&[LIBRARY, ROOT], "src/walk/deep.rs", "allow"),
        (&[LIBRARY, ROOT], "src/own/mod.rs", "allow"),
        (
            &[LIBRARY, ROOT, ("src/tree/mod.rs", "mod leaf;\n")],
            "src/tree/leaf.rs",
            "allow",
        ),
        (&[LIBRARY], "src/a.rs", "allow"),
        (
            &[("Cargo.toml", "[package]\npublish = false\n"), ROOT],
            "src/lib.rs",
            "allow",
        ),
        (
            &[("Cargo.toml", "[package]\n[lib]\npath = \"l.rs\"\n")],
            "src/a.rs",
            breaking,
        ),
        (
            &[
                ("Cargo.toml", "[package]\n"),
                ("crates/b/Cargo.toml", "[package]\n"),
                ("crates/b/src/lib.rs", "pub mod c;\n"),
            ],
            "crates/b/src/c.rs",
            breaking,
        ),
    ];
    for (files, path, expected) in cases {
        assert_eq!(in_tree(files, gone(path)), expected, "{path} of {files:?}");
    }
    let script = edit("web/a.ts", &["-export const parse = () => {"]);
    assert_eq!(
        in_tree(
            &[("web/package.json", "{\"private\": true}")],
            script.clone()
        ),
        "allow"
    );
    assert_eq!(
        in_tree(&[("package.json", "{\"name\": \"a\"}")], script),
        breaking
    );
    let go = edit("tool/a.go", &["-func Parse() {"]);
    assert_eq!(
        in_tree(&[("tool/a.go", "package main\n")], go.clone()),
        "allow"
    );
    assert_eq!(in_tree(&[("tool/a.go", "package tool\n")], go), breaking);
    assert_eq!(
        in_tree(&[], edit("a/_own.py", &["-def parse(text):"])),
        "allow"
    );
    assert_eq!(
        in_tree(&[LIBRARY], create("src/a.rs", &["pub fn new() {}"])),
        "allow"
    );
}
