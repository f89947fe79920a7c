//! Paths that leave the repository.

use super::*;

// C1, X1: paths that leave the repository, in every spelling.
#[test]
fn a_path_that_escapes() {
    let mut table = Table::new();
    for path in [
        "../outside",
        "src/../../outside",
        "/etc/passwd",
        "C:/Windows/x",
        "src\\..\\x",
        "a\0b",
        "a\nb",
        "",
        "src//x",
        ".git/config",
        ".GIT/hooks/pre-commit",
        "sub/.Git/config",
        ".g\u{200c}it/config",
        "git~1/config",
        ".git. /config",
        ".git::$INDEX_ALLOCATION/config",
    ] {
        let name = format!("{path:?}");
        table.change(
            &name,
            json!({"operation": "create", "path": path, "content": "x\n"}),
        );
    }
    table
        .change(
            "a long name",
            json!({"operation": "create", "path": "x".repeat(256), "content": "x\n"}),
        )
        .change(
            "through a link",
            json!({"operation": "create", "path": "link/new.md", "content": "x\n"}),
        )
        .change(
            "a file seen through a link",
            json!({"operation": "modify", "path": "link/guide.md", "content": "x\n"}),
        )
        .change(
            "into a submodule",
            json!({"operation": "modify", "path": "vendor/dep/lib.txt", "content": "x\n"}),
        )
        .change(
            "a submodule itself",
            json!({"operation": "delete", "path": "vendor/dep"}),
        )
        .change(
            "below a file",
            json!({"operation": "create", "path": "README.md/x", "content": "x\n"}),
        )
        .change("a folder", json!({"operation": "delete", "path": "src"}))
        .change(
            "renamed out",
            json!({"operation": "rename", "from_path": "README.md", "path": "../README.md"}),
        )
        .change(
            "renamed in",
            json!({"operation": "rename", "from_path": "../../etc/passwd", "path": "passwd"}),
        )
        .change(
            "renamed through a link",
            json!({"operation": "rename", "from_path": "link/guide.md", "path": "guide.md"}),
        )
        .change(
            "a link that leads nowhere",
            json!({"operation": "create", "path": "l", "content": "a\u{0}b", "mode": "120000"}),
        )
        .request(
            "target files",
            &minimal().set("target_files", json!(["src/retry.rs", "../x"])),
        );
    insta::assert_snapshot!(table.end(), @r#"
    ## "../outside": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "../outside" has a `..`, `.` or empty part; write it without (line 9 column 11)

    ## "src/../../outside": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "src/../../outside" has a `..`, `.` or empty part; write it without (line 9 column 11)

    ## "/etc/passwd": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "/etc/passwd" is absolute; give it relative to the repository's top (line 9 column 11)

    ## "C:/Windows/x": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "C:/Windows/x" is absolute; give it relative to the repository's top (line 9 column 11)

    ## "src\\..\\x": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "src\\..\\x" has a backslash; use `/` between folders (line 9 column 11)

    ## "a\0b": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "a\0b" has a control character; write it without (line 9 column 11)

    ## "a\nb": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "a\nb" has a control character; write it without (line 9 column 11)

    ## "": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path is empty; name a file relative to the repository's top (line 9 column 11)

    ## "src//x": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "src//x" has a `..`, `.` or empty part; write it without (line 9 column 11)

    ## ".git/config": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path ".git/config" lies in git's own folder, which no change may touch; name another (line 9 column 11)

    ## ".GIT/hooks/pre-commit": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path ".GIT/hooks/pre-commit" lies in git's own folder, which no change may touch; name another (line 9 column 11)

    ## "sub/.Git/config": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "sub/.Git/config" lies in git's own folder, which no change may touch; name another (line 9 column 11)

    ## ".g\u{200c}it/config": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path ".g\u{200c}it/config" lies in git's own folder, which no change may touch; name another (line 9 column 11)

    ## "git~1/config": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "git~1/config" lies in git's own folder, which no change may touch; name another (line 9 column 11)

    ## ".git. /config": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path ".git. /config" lies in git's own folder, which no change may touch; name another (line 9 column 11)

    ## ".git::$INDEX_ALLOCATION/config": exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path ".git::$INDEX_ALLOCATION/config" lies in git's own folder, which no change may touch; name another (line 9 column 11)

    ## a long name: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" has a part of 256 bytes; at most 255 are allowed (line 9 column 11)

    ## through a link: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: link/new.md leads through link, which is a symbolic link; name the file by the path it has in the repository (line 9 column 11)

    ## a file seen through a link: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: link/guide.md leads through link, which is a symbolic link; name the file by the path it has in the repository (line 9 column 11)

    ## into a submodule: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: vendor/dep/lib.txt lies in the submodule vendor/dep; change it in its own repository, then move the submodule (line 9 column 11)

    ## a submodule itself: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: vendor/dep is a submodule; change it in its own repository (line 8 column 11)

    ## below a file: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: README.md/x cannot be: README.md is a file, not a folder; choose another path (line 9 column 11)

    ## a folder: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: src is a folder; name the files in it (line 8 column 11)

    ## renamed out: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the path "../README.md" has a `..`, `.` or empty part; write it without (line 9 column 11)

    ## renamed in: exit 2
    error: ~/request.json: /tasks/0/changes/0/from_path: the path "../../etc/passwd" has a `..`, `.` or empty part; write it without (line 7 column 11)

    ## renamed through a link: exit 2
    error: ~/request.json: /tasks/0/changes/0/from_path: link/guide.md leads through link, which is a symbolic link; name the file by the path it has in the repository (line 7 column 11)

    ## a link that leads nowhere: exit 2
    error: ~/request.json: /tasks/0/changes/0/content: a symbolic link holds the path it leads to: 1 to 4095 bytes, no NUL and no line end (line 7 column 11)

    ## target files: exit 2
    error: ~/request.json: /target_files/1: the path "../x" has a `..`, `.` or empty part; write it without (line 5 column 5)
    "#);
}
