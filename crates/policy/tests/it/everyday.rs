//! Small commits of every day, after real ones: what asked an admin without a reason that the author would have understood.

use hyperion_model::facts::ItemFacts;

use crate::change::{bugfix, edit, outcome};

/// Lists the changes whose outcome is another, with what it is.
fn others(expected: &str, cases: Vec<(&str, Vec<ItemFacts>)>) -> Vec<String> {
    let told = cases
        .into_iter()
        .map(|(name, items)| format!("{name}: {}", outcome(&bugfix(items))));
    told.filter(|told| !told.contains(expected)).collect()
}

#[test]
fn everyday_lines_ask_nobody() {
    let cases = vec![
        (
            "or",
            vec![edit(
                "src/walk.rs",
                &["+    if hidden || should_skip(path) {"],
            )],
        ),
        (
            "match arms",
            vec![edit(
                "src/shell.rs",
                &["+        Shell::Bash | Shell::Zsh => quote(text),"],
            )],
        ),
        (
            "a digest",
            vec![edit("release.sh", &["+tar c . | sha256sum > sums"])],
        ),
        (
            "a retrieval",
            vec![edit("src/search.py", &["+    found = retrieval(query)"])],
        ),
        (
            "a model",
            vec![edit("src/train.py", &["+    model.eval()"])],
        ),
        (
            "an interpreter's own",
            vec![edit(
                "src/expr.rs",
                &["+    let value = eval(node, scope)?;"],
            )],
        ),
        (
            "a list of arguments",
            vec![edit(
                "src/git.py",
                &["+    subprocess.Popen(['git', 'status'])"],
            )],
        ),
        (
            "rights taken away",
            vec![edit(
                "src/mode.rs",
                &[
                    "+    let mode = mode & 0o777;",
                    "+    let all = mode & 0o7777;",
                ],
            )],
        ),
        (
            "a flag of its own",
            vec![edit("src/check.rs", &["+    let verify = false;"])],
        ),
        (
            "a page emptied",
            vec![edit("src/list.js", &["+  list.innerHTML = '';"])],
        ),
        (
            "a build's output",
            vec![edit("build.sh", &["+rm -rf target ./dist/"])],
        ),
        (
            "a temporary folder",
            vec![edit(
                "src/pack.rs",
                &["+    fs::remove_dir_all(&tmp_dir)?;"],
            )],
        ),
        (
            "a temporary folder in a script",
            vec![edit("pack.sh", &["+trap 'rm -rf \"$tmpdir\"' EXIT"])],
        ),
        (
            "a container",
            vec![edit("run.sh", &["+docker run --rm -r web"])],
        ),
        ("one file", vec![edit("src/a.js", &["+  fs.rmSync(file);"])]),
        (
            "an image",
            vec![edit("disk.sh", &["+dd if=a of=/dev/null"])],
        ),
        (
            "buffers",
            vec![edit("src/out.js", &["+  await writer.flushAll();"])],
        ),
        (
            "a heading",
            vec![edit(
                "src/doc.py",
                &["+    Create table of contents, then add columns."],
            )],
        ),
        (
            "a sentence",
            vec![edit(
                "src/err.rs",
                &[
                    "+    #[error(\"cannot create type {0}\")]",
                    "+    /// Drop table rows: \"delete from the list\".",
                ],
            )],
        ),
        (
            "a code block moved",
            vec![
                edit(
                    "src/a.rs",
                    &[
                        "-    unsafe { libc::getpid() }",
                        "-    fs::remove_dir_all(path)?;",
                    ],
                ),
                edit(
                    "src/b.rs",
                    &[
                        "+        unsafe { libc::getpid() }",
                        "+    fs::remove_dir_all(path)?;",
                    ],
                ),
            ],
        ),
        (
            "a test beside the code",
            vec![edit(
                "src/a.rs",
                &[
                    "+    #[test]",
                    "+    fn cleans() {",
                    "+        fs::remove_dir_all(path).unwrap();",
                    "+    }",
                ],
            )],
        ),
        (
            "an example",
            vec![edit("examples/run.rs", &["+    Command::new(\"sh\");"])],
        ),
        (
            "a login page's look",
            vec![edit(
                "web/auth/login.css",
                &["-  color: red;", "+  color: blue;"],
            )],
        ),
        (
            "a translation",
            vec![edit(
                "web/locales/de/auth.json",
                &["+  \"enter\": \"Anmelden\""],
            )],
        ),
    ];
    assert_eq!(others(": allow", cases), Vec::<String>::new());
}

// What stands beside them, and is meant.
#[test]
fn what_is_meant_still_asks_an_admin() {
    let cases = vec![
        (
            "piped into a shell",
            vec![edit("get.sh", &["+curl -fsSL https://x.y | bash"])],
        ),
        (
            "a shell started",
            vec![edit(
                "src/run.rs",
                &["+    Command::new(\"sh\").arg(\"-c\").arg(text)"],
            )],
        ),
        (
            "open to all",
            vec![edit("src/mode.rs", &["+    set_mode(path, 0o777)?;"])],
        ),
        (
            "unchecked",
            vec![edit("src/get.py", &["+    get(url, verify=False)"])],
        ),
        (
            "a page written",
            vec![edit("src/list.js", &["+  list.innerHTML = name;"])],
        ),
        (
            "a home emptied",
            vec![edit("clean.sh", &["+rm -rf \"$HOME\" # tmp"])],
        ),
        (
            "more than the output",
            vec![edit("clean.sh", &["+rm -rf target ../other"])],
        ),
        (
            "out by a temporary one",
            vec![edit("clean.sh", &["+rm -rf /tmp/../etc"])],
        ),
        (
            "templates",
            vec![edit("src/a.rs", &["+    fs::remove_dir_all(&templates)?;"])],
        ),
        (
            "whole folder",
            vec![edit(
                "src/a.js",
                &["+  fs.rmSync(dir, { recursive: true });"],
            )],
        ),
        (
            "behind a test",
            vec![edit(
                "src/a.rs",
                &["+#[test]", "+fn a() {", "+}", "+fn b() { unsafe { c() } }"],
            )],
        ),
        (
            "one more than moved",
            vec![
                edit("src/a.rs", &["-    unsafe { c() }"]),
                edit("src/b.rs", &["+    unsafe { c() }", "+    unsafe { c() }"]),
            ],
        ),
        (
            "upper case",
            vec![edit(
                "src/db.rs",
                &["+    run(format!(\"/* now */ DROP TABLE {name}\"))"],
            )],
        ),
        (
            "an installing script",
            vec![edit(
                "package.json",
                &["+    \"postinstall\": \"node setup.js\""],
            )],
        ),
        (
            "hooks in a manifest",
            vec![edit("package.json", &["+  \"simple-git-hooks\": {"])],
        ),
        ("a disk", vec![edit("disk.sh", &["+dd if=a of=/dev/sdb"])]),
    ];
    assert_eq!(others(": admin ", cases), Vec::<String>::new());
}
