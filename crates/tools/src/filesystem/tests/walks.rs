//! Lists and searches.

use super::*;

// T1: lists heed .gitignore files as git does, the deepest deciding.
#[test]
fn lists_leave_out_what_gitignore_files_leave_out() {
    let scene = Scene::new(&[
        (".git/config", b""),
        (".gitignore", b"*.log\n/build/\n!keep.log\n# note\n\n"),
        ("a.log", b""),
        ("build/x", b""),
        ("keep.log", b""),
        ("src/.gitignore", b"!b.log\ntmp\n"),
        ("src/b.log", b""),
        ("src/c.log", b""),
        ("src/build/x", b""),
        ("src/tmp/x", b""),
    ]);
    assert_eq!(
        scene.list(&listing("", true)),
        [
            ".gitignore",
            "keep.log",
            "src",
            "src/.gitignore",
            "src/b.log",
            "src/build",
            "src/build/x"
        ]
    );
    assert_eq!(
        scene.list(&listing("src", false)),
        ["src/.gitignore", "src/b.log", "src/build"]
    );
    let all = ListDirectory {
        include_ignored: Some(true),
        ..listing("src", false)
    };
    assert_eq!(
        scene.list(&all),
        [
            "src/.gitignore",
            "src/b.log",
            "src/build",
            "src/c.log",
            "src/tmp"
        ]
    );
}

// T1: pages come one after another, and together they are the whole.
#[test]
fn pages_of_any_size_make_the_same_list() {
    let scene = Scene::new(&[
        ("a", b""),
        ("a-b", b""),
        ("b/c/d", b""),
        ("b/c/e", b""),
        ("b/f", b""),
        ("b.txt", b""),
        ("z", b""),
    ]);
    let whole = scene.list(&listing("", true));
    assert_eq!(
        whole,
        [
            "a", "a-b", "b", "b/c", "b/c/d", "b/c/e", "b/f", "b.txt", "z"
        ]
    );
    for limit in 1..=whole.len() as u32 {
        let mut pages = Vec::new();
        let mut cursor = None;
        loop {
            let params = ListDirectory {
                limit: Some(limit),
                cursor,
                ..listing("", true)
            };
            let page = list_directory(&scene.place(), &params).unwrap();
            assert!(page.entries.len() <= limit as usize);
            pages.extend(page.entries.into_iter().map(|entry| entry.path));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(pages, whole, "in pages of {limit}");
    }
}

// T1: lines and files are found, with their places; what is not text is passed over.
#[test]
fn searches_find_lines_and_files_and_pass_over_what_is_not_text() {
    let scene = Scene::new(&[
        (".gitignore", b"target\n"),
        (
            "src/a.rs",
            "fn main() {\n    ö.find(\"x*y\");\n}\n".as_bytes(),
        ),
        ("src/deep/b.rs", b"find find\n"),
        ("target/c.rs", b"find\n"),
        ("d.bin", b"find\0\n"),
    ]);
    let found = scene.search("find", None);
    let shown: Vec<_> = found
        .matches
        .iter()
        .map(|m| {
            let (line, column) = (m.line.unwrap(), m.column.unwrap());
            format!("{}:{line}:{column}: {}", m.path, m.text.as_ref().unwrap())
        })
        .collect();
    assert_eq!(
        shown,
        [
            "src/a.rs:2:7:     ö.find(\"x*y\");",
            "src/deep/b.rs:1:1: find find"
        ]
    );
    assert_eq!((found.kind, found.skipped), (SearchKind::Text, 1));
    let paths = |pattern: &str| -> Vec<String> {
        let found = scene.search(pattern, None);
        assert_eq!(found.kind, SearchKind::Glob);
        found.matches.into_iter().map(|m| m.path).collect()
    };
    assert_eq!(paths("*.rs"), ["src/a.rs", "src/deep/b.rs"]);
    assert_eq!(paths("src/*.rs"), ["src/a.rs"]);
    assert_eq!(paths("**/deep/**"), ["src/deep/b.rs"]);
    assert_eq!(scene.search("x*y", Some(SearchKind::Text)).matches.len(), 1);
    assert_eq!(
        scene
            .search(r"^\s+.\.f", Some(SearchKind::Regex))
            .matches
            .len(),
        1
    );
    let bad = SearchFiles {
        pattern: "(".to_owned(),
        directory: String::new(),
        kind: Some(SearchKind::Regex),
        limit: None,
    };
    assert_eq!(code(search_files(&scene.place(), &bad)), "input.invalid");
}

// T1: results and time are bounded, and it is said that there may be more.
#[test]
fn a_search_stops_at_its_limits_and_says_so() {
    let scene = Scene::new(&[("a", &b"x\n".repeat(300)), ("b", b"x\n")]);
    let found = scene.search("x", None);
    assert_eq!(found.matches.len(), 101);
    assert_eq!(
        found.stopped.as_deref(),
        Some("only the first 100 matches of a file are given")
    );
    let few = SearchFiles {
        pattern: "x".to_owned(),
        directory: String::new(),
        kind: None,
        limit: Some(5),
    };
    let found = search_files(&scene.place(), &few).unwrap();
    assert_eq!(found.matches.len(), 5);
    assert_eq!(
        found.stopped.as_deref(),
        Some("there are more than 5 matches")
    );
    scene.overseer.elapsed.set(Duration::from_secs(11));
    let found = scene.search("x", None);
    assert_eq!(
        found.stopped.as_deref(),
        Some("the time is over: not everything was looked at")
    );
}
