//! The tools on a real folder, with an overseer that notes what it was asked and told.

mod walks;

use std::cell::{Cell, RefCell};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use hyperion_api::Problem;
use hyperion_api::tool::filesystem::{
    DeleteFile, EditFile, Encoding, EntryKind, LineEnding, ListDirectory, ReadFile, SearchFiles,
    SearchKind, WriteFile,
};
use hyperion_host::Root;

use super::*;
use crate::{Access, Limits, Overseer, Planned};

/// Denies what is called `denied`, and keeps what it was told.
#[derive(Default)]
struct Noting {
    planned: RefCell<Vec<String>>,
    refuses_writes: Cell<bool>,
    records_nothing: Cell<bool>,
    elapsed: Cell<Duration>,
}

impl Overseer for Noting {
    fn judge(&self, path: &str, _: Access) -> Result<(), Problem> {
        if path.split('/').any(|part| part == "denied") {
            return Err(Problem::new("path.denied", format!("{path} is denied")));
        }
        Ok(())
    }

    fn before_write(&self, planned: &Planned<'_>) -> Result<(), Problem> {
        let size = |bytes: Option<&[u8]>| bytes.map_or("-".to_owned(), |b| b.len().to_string());
        self.planned.borrow_mut().push(format!(
            "{}: {} -> {}",
            planned.path,
            size(planned.before),
            size(planned.after)
        ));
        if self.refuses_writes.get() {
            return Err(Problem::new("secret.added", "no"));
        }
        Ok(())
    }

    fn recorded(&self) -> Result<(), Problem> {
        if self.records_nothing.get() {
            return Err(Problem::new("engine.unavailable", "the disk is full"));
        }
        Ok(())
    }

    fn mask(&self, text: &str) -> Option<String> {
        text.contains("s3cret")
            .then(|| text.replace("s3cret", "[redacted:known]"))
    }

    fn seal(&self, sha256: &str) -> String {
        format!("sealed-{}", &sha256[..4])
    }

    fn elapsed(&self) -> Duration {
        self.elapsed.get()
    }
}

struct Scene {
    folder: tempfile::TempDir,
    root: Root,
    limits: Limits,
    overseer: Noting,
}

impl Scene {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        Self {
            root: Root::open(folder.path()).unwrap(),
            folder,
            limits: Limits::default(),
            overseer: Noting::default(),
        }
    }

    fn place(&self) -> Place<'_> {
        Place {
            root: &self.root,
            limits: &self.limits,
            overseer: &self.overseer,
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn bytes(&self, path: &str) -> Vec<u8> {
        fs::read(self.at(path)).unwrap()
    }

    fn read(&self, path: &str) -> Result<ReadFileResult, Problem> {
        read_file(&self.place(), &reading(path))
    }

    fn hash(&self, path: &str) -> String {
        sha256(&self.bytes(path))
    }

    fn edit(&self, path: &str, old: &str, new: &str) -> Result<WriteResult, Problem> {
        let params = EditFile {
            path: path.to_owned(),
            sha256: Some(self.hash(path)),
            start_line: None,
            end_line: None,
            new_content: None,
            old_text: Some(old.to_owned()),
            new_text: Some(new.to_owned()),
            encoding: None,
        };
        edit_file(&self.place(), &params)
    }

    fn list(&self, params: &ListDirectory) -> Vec<String> {
        let listed = list_directory(&self.place(), params).unwrap();
        listed.entries.into_iter().map(|entry| entry.path).collect()
    }

    fn search(&self, pattern: &str, kind: Option<SearchKind>) -> SearchResult {
        let params = SearchFiles {
            pattern: pattern.to_owned(),
            directory: String::new(),
            kind,
            limit: None,
        };
        search_files(&self.place(), &params).unwrap()
    }
}

use hyperion_api::tool::filesystem::{ReadFileResult, SearchResult, WriteResult};

fn reading(path: &str) -> ReadFile {
    ReadFile {
        path: path.to_owned(),
        encoding: None,
        start_line: None,
        end_line: None,
    }
}

fn lines(path: &str, first: u64, last: u64) -> ReadFile {
    ReadFile {
        start_line: Some(first),
        end_line: Some(last),
        ..reading(path)
    }
}

fn writing(path: &str, content: &str, sha256: Option<String>) -> WriteFile {
    WriteFile {
        path: path.to_owned(),
        content: content.to_owned(),
        sha256,
        encoding: None,
    }
}

fn listing(path: &str, recursive: bool) -> ListDirectory {
    ListDirectory {
        path: path.to_owned(),
        recursive: Some(recursive),
        include_ignored: None,
        cursor: None,
        limit: None,
    }
}

fn code<T: std::fmt::Debug>(result: Result<T, Problem>) -> String {
    result.unwrap_err().code
}

// T1: a file is read whole or by lines, with what it takes to change it.
#[test]
fn a_file_is_read_whole_or_by_lines_with_its_hash() {
    let scene = Scene::new(&[("src/a.txt", b"one\r\ntwo\r\nthree")]);
    let read = scene.read("src/a.txt").unwrap();
    assert_eq!(read.content, "one\r\ntwo\r\nthree");
    assert_eq!(
        (read.start_line, read.end_line, read.total_lines),
        (1, 3, 3)
    );
    assert_eq!(
        (read.line_ending, read.final_newline),
        (LineEnding::Crlf, false)
    );
    assert_eq!(read.sha256, scene.hash("src/a.txt"));
    let part = read_file(&scene.place(), &lines("src/a.txt", 2, 99)).unwrap();
    assert_eq!(part.content, "two\r\nthree");
    assert_eq!(
        (part.start_line, part.end_line, part.truncated),
        (2, 3, false)
    );
    assert_eq!(part.sha256, read.sha256);
    for (first, last) in [(0, 1), (3, 2), (4, 9)] {
        let refused = read_file(&scene.place(), &lines("src/a.txt", first, last));
        assert_eq!(code(refused), "input.invalid", "{first} {last}");
    }
    // Written as agents write them, they are the same file.
    let absolute = scene.at("src/a.txt");
    for path in ["./src/a.txt", absolute.to_str().unwrap()] {
        assert_eq!(scene.read(path).unwrap().path, "src/a.txt");
    }
}

// T1: 0 bytes are a file without lines.
#[test]
fn an_empty_file_has_no_lines_and_can_be_filled() {
    let scene = Scene::new(&[("empty", b"")]);
    let read = scene.read("empty").unwrap();
    assert_eq!(
        (
            read.content.as_str(),
            read.start_line,
            read.end_line,
            read.total_lines
        ),
        ("", 0, 0, 0)
    );
    let edit = EditFile {
        path: "empty".to_owned(),
        sha256: Some(read.sha256),
        start_line: Some(1),
        end_line: Some(0),
        new_content: Some("now\n".to_owned()),
        old_text: None,
        new_text: None,
        encoding: None,
    };
    edit_file(&scene.place(), &edit).unwrap();
    assert_eq!(scene.bytes("empty"), b"now\n");
}

// T1, X1: one answer holds so much and no more, and says where to go on; a huge file is left alone.
#[test]
fn answers_are_cut_at_a_line_and_huge_files_are_refused() {
    let mut scene = Scene::new(&[
        ("long", "1234567\n".repeat(10).as_bytes()),
        ("wide", &[b'x'; 50]),
    ]);
    scene.limits.read_bytes = 20;
    let read = scene.read("long").unwrap();
    assert_eq!(read.content, "1234567\n".repeat(2));
    assert_eq!(
        (read.end_line, read.total_lines, read.truncated),
        (2, 10, true)
    );
    let next = read_file(&scene.place(), &lines("long", 3, 10)).unwrap();
    assert_eq!((next.start_line, next.end_line), (3, 4));
    let read = scene.read("wide").unwrap();
    assert_eq!((read.content.len(), read.truncated), (20, true));
    // A file of 1 GB, most of it a hole.
    let huge = fs::File::create(scene.at("huge")).unwrap();
    huge.set_len(1024 * 1024 * 1024).unwrap();
    assert_eq!(code(scene.read("huge")), "file.too_large");
    let found = scene.search("x", None);
    assert_eq!((found.matches.len(), found.skipped), (1, 1));
}

// T1: bytes that are not text are told so, and can be had.
#[test]
fn what_is_not_text_is_given_in_base64_only_when_asked_for() {
    let scene = Scene::new(&[("a.bin", b"a\0b")]);
    assert_eq!(code(scene.read("a.bin")), "file.not_text");
    let params = ReadFile {
        encoding: Some(Encoding::Base64),
        ..reading("a.bin")
    };
    assert_eq!(read_file(&scene.place(), &params).unwrap().content, "YQBi");
    let params = WriteFile {
        encoding: Some(Encoding::Base64),
        ..writing("b.bin", "AAH/", None)
    };
    write_file(&scene.place(), &params).unwrap();
    assert_eq!(scene.bytes("b.bin"), [0, 1, 255]);
    let params = WriteFile {
        encoding: Some(Encoding::Base64),
        ..writing("c.bin", "no base64!", None)
    };
    assert_eq!(code(write_file(&scene.place(), &params)), "input.invalid");
    assert!(!scene.at("c.bin").exists());
}

// T1, X1: only under the root, and through no link.
#[test]
fn nothing_leads_out_of_the_root() {
    let scene = Scene::new(&[("in/f", b"ours")]);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "theirs").unwrap();
    symlink(outside.path().join("secret"), scene.at("link")).unwrap();
    symlink(outside.path(), scene.at("folder")).unwrap();
    let out = outside.path().join("secret");
    for path in [
        "../x",
        "in/../../x",
        "/etc/passwd",
        out.to_str().unwrap(),
        "link",
        "folder/secret",
        "in//f",
        "in/f\0",
    ] {
        assert_eq!(code(scene.read(path)), "path.escapes", "{path:?}");
        let written = write_file(&scene.place(), &writing(path, "x", None));
        assert!(written.is_err(), "{path:?}");
    }
    assert_eq!(code(scene.read("in")), "file.wrong_kind");
    assert_eq!(code(scene.read("none")), "file.missing");
    assert_eq!(code(scene.read("in/f/g")), "file.wrong_kind");
    let found = scene.search("theirs", None);
    assert_eq!(found.matches, []);
    let listed = list_directory(&scene.place(), &listing("", true)).unwrap();
    let kinds: Vec<_> = listed
        .entries
        .iter()
        .map(|entry| (entry.path.as_str(), entry.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            ("folder", EntryKind::Link),
            ("in", EntryKind::Folder),
            ("in/f", EntryKind::File),
            ("link", EntryKind::Link),
        ]
    );
    assert_eq!(fs::read_to_string(out).unwrap(), "theirs");
}

// X1: every tool asks about its path before it looks, and a walk about each.
#[test]
fn a_denied_path_is_neither_read_nor_written_nor_found() {
    let scene = Scene::new(&[("denied/f", b"hidden"), ("ok", b"hidden")]);
    assert_eq!(code(scene.read("denied/f")), "path.denied");
    let refused = write_file(&scene.place(), &writing("denied/new", "x", None));
    assert_eq!(code(refused), "path.denied");
    assert_eq!(code(scene.edit("denied/f", "hidden", "x")), "path.denied");
    let delete = DeleteFile {
        path: "denied/f".to_owned(),
        sha256: None,
    };
    assert_eq!(code(delete_file(&scene.place(), &delete)), "path.denied");
    assert_eq!(
        code(list_directory(&scene.place(), &listing("denied", false))),
        "path.denied"
    );
    assert_eq!(scene.list(&listing("", true)), ["denied", "ok"]);
    let found: Vec<_> = scene.search("hidden", None).matches;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, "ok");
    assert_eq!(*scene.overseer.planned.borrow(), [""; 0]);
}

// T1: a new file is new, an old one is replaced only by somebody who knows what it holds.
#[test]
fn a_file_is_replaced_only_with_the_hash_that_was_read() {
    let scene = Scene::new(&[("f", b"old\n")]);
    let made = write_file(&scene.place(), &writing("new/deep/f", "x\ny\n", None)).unwrap();
    assert_eq!((made.created, made.bytes, made.total_lines), (true, 4, 2));
    assert_eq!(made.sha256, scene.hash("new/deep/f"));
    let refused = write_file(&scene.place(), &writing("f", "x", None));
    assert_eq!(code(refused), "file.exists");
    let read = scene.read("f").unwrap();
    fs::write(scene.at("f"), "newer\n").unwrap();
    let refused = write_file(
        &scene.place(),
        &writing("f", "x", Some(read.sha256.clone())),
    );
    let problem = refused.unwrap_err();
    assert_eq!(problem.code, "file.changed");
    // With both hashes.
    assert!(problem.detail.contains(&read.sha256), "{}", problem.detail);
    assert!(
        problem.detail.contains(&scene.hash("f")),
        "{}",
        problem.detail
    );
    let now = Some(scene.hash("f"));
    let written = write_file(&scene.place(), &writing("f", "x", now)).unwrap();
    assert_eq!((written.created, scene.bytes("f")), (false, b"x".to_vec()));
    assert_eq!(
        *scene.overseer.planned.borrow(),
        ["new/deep/f: - -> 4", "f: 6 -> 1"]
    );
}

// T1: an edit whose file changed since it was read is refused, with both hashes, and changes nothing.
#[test]
fn an_edit_of_a_changed_file_is_refused_with_both_hashes() {
    let scene = Scene::new(&[("f", b"one\n")]);
    let seen = scene.read("f").unwrap().sha256;
    fs::write(scene.at("f"), "one\ntwo\n").unwrap();
    let edit = EditFile {
        path: "f".to_owned(),
        sha256: Some(seen.clone()),
        start_line: None,
        end_line: None,
        new_content: None,
        old_text: Some("one".to_owned()),
        new_text: Some("1".to_owned()),
        encoding: None,
    };
    let problem = edit_file(&scene.place(), &edit).unwrap_err();
    assert_eq!(problem.code, "file.changed");
    assert!(problem.detail.contains(&seen) && problem.detail.contains(&scene.hash("f")));
    assert_eq!(scene.bytes("f"), b"one\ntwo\n");
}

// T1: the mark at the start, the line endings and the missing last one are kept.
#[test]
fn edits_keep_line_endings_marks_and_encodings() {
    let cases: &[(&[u8], &[u8])] = &[
        (b"\xef\xbb\xbfold\r\nx", b"\xef\xbb\xbfnew\r\nline\r\nx"),
        (b"a\nold\n", b"a\nnew\nline\n"),
        (b"\xff\xfeo\0l\0d\0", b"\xff\xfen\0e\0w\0\n\0l\0i\0n\0e\0"),
    ];
    for (before, after) in cases {
        let scene = Scene::new(&[("f", before)]);
        let (old, new) = if before.contains(&b'a') || before.contains(&b'\r') {
            ("old\n", "new\nline\n")
        } else {
            ("old", "new\nline")
        };
        scene.edit("f", old, new).unwrap();
        assert_eq!(scene.bytes("f"), *after);
    }
    let scene = Scene::new(&[("f", b"\xef\xbb\xbfa\r\nb\r\n")]);
    let whole = writing("f", "x\ny\n", Some(scene.hash("f")));
    let written = write_file(&scene.place(), &whole).unwrap();
    assert_eq!(scene.bytes("f"), b"\xef\xbb\xbfx\r\ny\r\n");
    assert_eq!(written.sha256, scene.hash("f"));
}

// T1: what the overseer refuses did not happen.
#[test]
fn a_change_that_is_refused_at_the_last_moment_leaves_everything() {
    let scene = Scene::new(&[("f", b"old")]);
    scene.overseer.refuses_writes.set(true);
    assert_eq!(code(scene.edit("f", "old", "new")), "secret.added");
    let made = write_file(&scene.place(), &writing("new/f", "x", None));
    assert_eq!(code(made), "secret.added");
    let delete = DeleteFile {
        path: "f".to_owned(),
        sha256: None,
    };
    assert_eq!(code(delete_file(&scene.place(), &delete)), "secret.added");
    assert_eq!(scene.bytes("f"), b"old");
    assert!(!scene.at("new").exists());
}

// X7: what could not be put on record is not done, whichever change it is.
#[test]
fn a_change_without_a_durable_record_leaves_everything() {
    let scene = Scene::new(&[("f", b"old")]);
    scene.overseer.records_nothing.set(true);
    assert_eq!(code(scene.edit("f", "old", "new")), "engine.unavailable");
    let made = write_file(&scene.place(), &writing("new/f", "x", None));
    assert_eq!(code(made), "engine.unavailable");
    let delete = DeleteFile {
        path: "f".to_owned(),
        sha256: None,
    };
    let deleted = delete_file(&scene.place(), &delete);
    assert_eq!(code(deleted), "engine.unavailable");
    assert_eq!(scene.bytes("f"), b"old");
    let names: Vec<_> = fs::read_dir(scene.folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

// X1: 500 kB and no more are taken.
#[test]
fn too_much_to_write_is_refused_before_anything_is_touched() {
    let scene = Scene::new(&[("f", b"a")]);
    let much = "x".repeat(500 * 1024 + 1);
    let refused = write_file(&scene.place(), &writing("new", &much, None));
    assert_eq!(code(refused), "file.too_large");
    assert_eq!(code(scene.edit("f", "a", &much)), "file.too_large");
    let fits = "x".repeat(500 * 1024);
    write_file(&scene.place(), &writing("new", &fits, None)).unwrap();
}

// T1: one file goes, and only what was seen.
#[test]
fn a_file_is_deleted_once_and_folders_never() {
    let scene = Scene::new(&[("d/f", b"x")]);
    let delete = |path: &str, sha256: Option<String>| {
        let params = DeleteFile {
            path: path.to_owned(),
            sha256,
        };
        delete_file(&scene.place(), &params)
    };
    assert_eq!(code(delete("d", None)), "file.wrong_kind");
    assert_eq!(code(delete("d/f", Some(sha256(b"y")))), "file.changed");
    assert_eq!(delete("d/f", None).unwrap().sha256, sha256(b"x"));
    assert_eq!(code(delete("d/f", None)), "file.missing");
}

// C8: a secret leaves no tool, in no disguise, and is not found by its letters either.
#[test]
fn a_secret_is_masked_in_whatever_leaves() {
    let scene = Scene::new(&[("f", b"one\nkey s3cret\nthree\n"), ("plain", b"three")]);
    let read = read_file(&scene.place(), &lines("f", 2, 2)).unwrap();
    assert_eq!(read.content, "key [redacted:known]\n");
    assert!(read.redacted);
    // With the hash itself, whoever knows the other letters could try out what the secret is.
    assert!(read.sha256.starts_with("sealed-"), "{}", read.sha256);
    for encoding in [Encoding::Base64, Encoding::Utf16Le, Encoding::Utf16Be] {
        let params = ReadFile {
            encoding: Some(encoding),
            ..reading("f")
        };
        assert_eq!(code(read_file(&scene.place(), &params)), "secret.masked");
    }
    assert_eq!(scene.search("s3cr", None).matches, []);
    let found = scene.search("key", None).matches;
    assert_eq!(found[0].text.as_deref(), Some("key [redacted:known]"));
    assert_eq!(scene.search("three", None).matches.len(), 2);
    let wide: Vec<u8> = "\u{feff}key s3cret\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(scene.at("wide"), wide).unwrap();
    let found = scene.search("key", None).matches;
    assert_eq!((found.len(), found[1].column), (2, Some(1)));
    assert_eq!(found[1].text.as_deref(), Some("key [redacted:known]"));
    assert!(!scene.read("plain").unwrap().redacted);
}
