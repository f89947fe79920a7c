//! Which lines and places make a change risky (S4).

use hyperion_model::facts::{ItemFacts, Operation};

use crate::change::{bugfix, create, delete, edit, moded, outcome, rename};

// S4: breaking, security, schema and data-loss changes ask an admin; the highest wins.
#[test]
fn grave_risks_ask_an_admin() {
    let cases: Vec<(&str, Vec<ItemFacts>)> = vec![
        (
            "public function gone",
            vec![edit("src/lib.rs", &["-pub fn parse(text: &str) -> Tree {"])],
        ),
        (
            "public function changed",
            vec![edit(
                "src/lib.rs",
                &[
                    "-pub fn parse(text: &str) -> Tree {",
                    "+pub fn parse(text: &[u8]) -> Tree {",
                ],
            )],
        ),
        (
            "public function's body changed",
            vec![edit(
                "src/lib.rs",
                &["-pub fn id() -> u32 { 1 }", "+pub fn id() -> u32 { 2 }"],
            )],
        ),
        (
            "public function moved",
            vec![
                edit("src/a.rs", &["-pub fn id() -> u32 {"]),
                edit("src/b.rs", &["+pub fn id() -> u32 {"]),
            ],
        ),
        (
            "public function new",
            vec![edit("src/lib.rs", &["+pub fn id() -> u32 {"])],
        ),
        (
            "crate function gone",
            vec![edit(
                "src/lib.rs",
                &["-pub(crate) fn id() -> u32 {", "-fn own() {"],
            )],
        ),
        (
            "of a binary",
            vec![edit("src/main.rs", &["-pub fn id() -> u32 {"])],
        ),
        (
            "field gone",
            vec![edit("src/lib.rs", &["-    pub name: String,"])],
        ),
        (
            "typescript export gone",
            vec![edit(
                "src/a.ts",
                &["-export const parse = (a: string) => {"],
            )],
        ),
        (
            "python function changed",
            vec![edit(
                "src/a.py",
                &["-def parse(text):", "+def parse(text, strict):"],
            )],
        ),
        (
            "python private gone",
            vec![edit(
                "src/a.py",
                &["-def _parse(text):", "-    def inner(self):"],
            )],
        ),
        (
            "go method gone",
            vec![edit("a.go", &["-func (s *Server) Close() error {"])],
        ),
        (
            "go private gone",
            vec![edit("a.go", &["-func (s *Server) close() error {"])],
        ),
        (
            "java method gone",
            vec![edit("A.java", &["-    public int size(int a) {"])],
        ),
        (
            "whole file gone",
            vec![delete("src/tree.rs", &["pub struct Tree;", "impl Tree {}"])],
        ),
        (
            "interface description changed",
            vec![edit("api/openapi.yaml", &["-  /users:", "+  /people:"])],
        ),
        (
            "interface description extended",
            vec![edit("proto/a.proto", &["+  string name = 3;"])],
        ),
        (
            "migration",
            vec![create(
                "db/migrations/0007_users.sql",
                &["ALTER TABLE users ADD COLUMN age INT;"],
            )],
        ),
        (
            "sql in code",
            vec![edit(
                "src/db.rs",
                &["+    \"create   table runs (id text)\","],
            )],
        ),
        (
            "drops a table",
            vec![edit(
                "src/db.rs",
                &["+    conn.execute(\"DROP TABLE runs\")?;"],
            )],
        ),
        (
            "deletes all rows",
            vec![edit(
                "src/db.rs",
                &["+    conn.execute(\"DELETE FROM runs\")?;"],
            )],
        ),
        (
            "deletes some rows",
            vec![edit(
                "src/db.rs",
                &["+    conn.execute(\"DELETE FROM runs WHERE id = ?\")?;"],
            )],
        ),
        (
            "deletes folders",
            vec![edit("src/fs.rs", &["+    std::fs::remove_dir_all(path)?;"])],
        ),
        (
            "deletes folders in a test",
            vec![edit(
                "tests/fs.rs",
                &["+    std::fs::remove_dir_all(path)?;"],
            )],
        ),
        (
            "deletes folders in prose",
            vec![edit("docs/a.md", &["+Run rm -rf target."])],
        ),
        (
            "in a comment",
            vec![edit("src/a.rs", &["+    // never eval(text) here"])],
        ),
        (
            "certificates unchecked",
            vec![edit(
                "src/http.py",
                &["+    requests.get(url, verify=False)"],
            )],
        ),
        ("eval", vec![edit("src/a.js", &["+  return eval(text);"])]),
        (
            "retrieval is not eval",
            vec![edit("src/a.js", &["+  return retrieval(text);"])],
        ),
        (
            "javascript's exec",
            vec![edit("src/a.js", &["+  return pattern.exec(text);"])],
        ),
        (
            "python's exec",
            vec![edit("src/a.py", &["+    exec(text)"])],
        ),
        ("unsafe", vec![edit("src/a.rs", &["+    unsafe { *p }"])]),
        (
            "auth code",
            vec![edit("src/auth/login.rs", &["+    let x = 1;"])],
        ),
        (
            "turned text",
            vec![edit("src/a.rs", &["+    let a = \"\u{202e}x\";"])],
        ),
        (
            "waits",
            vec![edit("src/a.rs", &["+    std::thread::sleep(second);"])],
        ),
        (
            "dependency",
            vec![edit("Cargo.toml", &["+left-pad = \"1\""])],
        ),
        (
            "lock file",
            vec![edit("web/package-lock.json", &["+    \"x\": {}"])],
        ),
        (
            "submodule",
            vec![moded(
                create("vendor/x", &["Subproject commit 1234"]),
                None,
                Some(0o160_000),
            )],
        ),
        (
            "executable",
            vec![moded(
                create("tools/run", &["#!/bin/sh"]),
                None,
                Some(0o100_755),
            )],
        ),
        (
            "made executable",
            vec![moded(
                ItemFacts {
                    operation: Operation::Chmod,
                    ..edit("tools/run", &[])
                },
                Some(0o100_644),
                Some(0o100_755),
            )],
        ),
        (
            "stays executable",
            vec![moded(
                edit("tools/run", &["+ls"]),
                Some(0o100_755),
                Some(0o100_755),
            )],
        ),
        ("CI", vec![edit(".github/workflows/ci.yml", &["+x"])]),
        (
            "CI in any case",
            vec![edit(".GitHub/workflows/ci.yml", &["+x"])],
        ),
        ("hooks", vec![create(".husky/pre-commit", &["x"])]),
        (
            "attributes below",
            vec![edit("src/.gitattributes", &["+* merge=union"])],
        ),
        (
            "moved away from CI",
            vec![rename(".github/workflows/ci.yml", "old/ci.yml")],
        ),
    ];
    let table: Vec<String> = cases
        .into_iter()
        .map(|(name, items)| format!("{name}: {}", outcome(&bugfix(items))))
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r#"
    public function gone: admin breaking_change
    public function changed: admin breaking_change
    public function's body changed: allow
    public function moved: allow
    public function new: team-lead api
    crate function gone: allow
    of a binary: allow
    field gone: admin breaking_change
    typescript export gone: admin breaking_change
    python function changed: admin breaking_change
    python private gone: allow
    go method gone: admin breaking_change
    go private gone: allow
    java method gone: admin breaking_change
    whole file gone: admin breaking_change
    interface description changed: admin breaking_change
    interface description extended: team-lead api
    migration: admin schema
    sql in code: admin schema
    drops a table: admin data_loss schema
    deletes all rows: admin data_loss
    deletes some rows: allow
    deletes folders: admin data_loss
    deletes folders in a test: allow
    deletes folders in prose: allow
    in a comment: allow
    certificates unchecked: admin security
    eval: admin security
    retrieval is not eval: allow
    javascript's exec: allow
    python's exec: admin security
    unsafe: admin security
    auth code: admin security
    turned text: admin security
    waits: team-lead performance
    dependency: team-lead dependency
    lock file: team-lead dependency
    submodule: admin submodule
    executable: team-lead executable
    made executable: team-lead executable
    stays executable: allow
    CI: admin protected_path
    CI in any case: admin protected_path
    hooks: admin protected_path
    attributes below: admin protected_path
    moved away from CI: admin protected_path
    "#);
}
