use crate::git::git_command;
use std::fs;
use std::path::Path;

/// Makes the unified diff of a changed file, as git writes it; empty for equal texts.
pub fn unified_diff(path: &str, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> String {
    diff(Some(old.as_ref()), Some(new.as_ref()), path)
}

/// Makes the unified diff of a new file.
pub fn creation_diff(path: &str, new: impl AsRef<[u8]>) -> String {
    diff(None, Some(new.as_ref()), path)
}

/// Makes the unified diff of a deleted file.
pub fn deletion_diff(path: &str, old: impl AsRef<[u8]>) -> String {
    diff(Some(old.as_ref()), None, path)
}

fn diff(old: Option<&[u8]>, new: Option<&[u8]>, path: &str) -> String {
    let folder = tempfile::tempdir().expect("make a temporary folder");
    // With sides in folders of these names and no prefixes, the headers come out as in a
    // repository. Where one side is missing git names the other twice, so prefixes are needed.
    for (side, text) in [("a", old), ("b", new)] {
        if let Some(text) = text {
            let file = folder.path().join(side).join(path);
            let parent = file.parent().expect("a file has a folder");
            fs::create_dir_all(parent).expect("make the folder of one side");
            fs::write(file, text).expect("write one side");
        }
    }
    let (within, arguments) = match (old, new) {
        (Some(_), Some(_)) => {
            let sides = [format!("a/{path}"), format!("b/{path}")];
            (
                folder.path().to_owned(),
                vec![
                    "--no-prefix".to_owned(),
                    "--".to_owned(),
                    sides[0].clone(),
                    sides[1].clone(),
                ],
            )
        }
        (Some(_), None) => one_sided(folder.path(), "a", [path, "/dev/null"]),
        (None, _) => one_sided(folder.path(), "b", ["/dev/null", path]),
    };
    let output = git_command(within)
        .args([
            "diff",
            "--no-index",
            "--no-color",
            "--full-index",
            "--binary",
        ])
        .args(arguments)
        .output()
        .expect("start git");
    // One means: there is a difference.
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "git diff said: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("a diff of text is text")
}

fn one_sided(folder: &Path, side: &str, sides: [&str; 2]) -> (std::path::PathBuf, Vec<String>) {
    let arguments = ["--", sides[0], sides[1]].map(str::to_owned).to_vec();
    (folder.join(side), arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_index(diff: &str) -> String {
        let lines = diff.lines().filter(|line| !line.starts_with("index "));
        lines.map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn a_change_reads_as_in_a_repository() {
        assert_eq!(
            without_index(&unified_diff("src/a.rs", "one\ntwo\n", "one\n2\n")),
            "diff --git a/src/a.rs b/src/a.rs\n--- a/src/a.rs\n+++ b/src/a.rs\n\
             @@ -1,2 +1,2 @@\n one\n-two\n+2\n"
        );
        assert_eq!(unified_diff("a", "same", "same"), "");
    }

    #[test]
    fn creation_and_deletion_name_dev_null() {
        assert_eq!(
            without_index(&creation_diff("src/a.rs", "one\n")),
            "diff --git a/src/a.rs b/src/a.rs\nnew file mode 100644\n--- /dev/null\n\
             +++ b/src/a.rs\n@@ -0,0 +1 @@\n+one\n"
        );
        assert_eq!(
            without_index(&deletion_diff("src/a.rs", "one\n")),
            "diff --git a/src/a.rs b/src/a.rs\ndeleted file mode 100644\n--- a/src/a.rs\n\
             +++ /dev/null\n@@ -1 +0,0 @@\n-one\n"
        );
    }
}
