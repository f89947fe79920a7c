//! Masks in diffs: they hide secrets, and nothing else.

use hyperion_policy::Redactor;
use proptest::prelude::*;

use crate::redact::{ALNUM, hostile_text, noise, positives};

const MASK: &str = "[redacted:private-key]";

fn label(edge: &str) -> String {
    format!("-----{edge} PRIVATE {}-----", "KEY")
}

/// A diff that makes files of these lines.
fn made(files: &[(&str, &[String])]) -> String {
    let mut diff = String::new();
    for (path, lines) in files {
        diff.push_str(&format!(
            "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{} @@\n",
            lines.len()
        ));
        for line in *lines {
            diff.push_str(&format!("+{line}\n"));
        }
    }
    diff
}

// C8, S3: a key's first line in one file and its last in another hide nothing of what stands between.
#[test]
fn a_key_begun_in_one_file_hides_no_code_of_the_next() {
    let code = [
        "fn main() {".to_owned(),
        format!("    {}();", noise(3, 40, "abcdefgh")),
        noise(4, 64, ALNUM),
    ];
    let diff = made(&[
        ("a.txt", &[label("BEGIN")]),
        ("b.rs", &code),
        ("c.txt", &[label("END")]),
    ]);
    let masked = Redactor::default().redact_diff(&diff);
    assert_eq!((&*masked.text, masked.lines_masked), (diff.as_str(), 0));
    // Nor in one file, nor across hunks; nor does a plain text's mask take code with it.
    let lines: Vec<String> = [vec![label("BEGIN")], code.to_vec(), vec![label("END")]].concat();
    assert_eq!(
        Redactor::default()
            .redact_diff(&made(&[("a.rs", &lines)]))
            .lines_masked,
        0
    );
    let body = noise(5, 64, ALNUM);
    let text = format!(
        "{}\n{body}\nrun_what_follows();\n{body}\n{}",
        label("BEGIN"),
        label("END")
    );
    assert_eq!(
        Redactor::default().redact(&text),
        format!("{MASK}\nrun_what_follows();\n{body}\n{}", label("END"))
    );
    let hunks = format!(
        "--- a/k\n+++ b/k\n@@ -1 +1,2 @@\n x\n+{}\n@@ -9 +10,2 @@\n x\n+{body}\n",
        label("BEGIN")
    );
    assert_eq!(Redactor::default().redact_diff(&hunks).lines_masked, 0);
}

#[test]
fn a_key_is_masked_line_by_line() {
    let (one, two, last) = (
        noise(5, 64, ALNUM),
        noise(6, 64, ALNUM),
        noise(7, 20, ALNUM),
    );
    let added = [
        label("BEGIN"),
        format!("Proc-Type: {}", "4,ENCRYPTED"),
        String::new(),
        one.clone(),
        two.clone(),
        last,
        label("END"),
        "let x = 1;".to_owned(),
    ];
    let masked = Redactor::default()
        .redact_diff(&made(&[("k.pem", &added)]))
        .text
        .into_owned();
    let shown: Vec<&str> = masked.lines().skip(5).collect();
    let mask = format!("+{MASK}");
    assert_eq!(
        shown,
        [
            &*format!("+{}", label("BEGIN")),
            "+Proc-Type: 4,ENCRYPTED",
            "+",
            &*mask,
            &*mask,
            &*mask,
            &*format!("+{}", label("END")),
            "+let x = 1;"
        ]
    );
    // What was there before is hidden too, also where an added line stands between.
    let diff = format!(
        "@@ -1,4 +1,4 @@\n {}\n-{one}\n+let y = 2;\n {two}\n {}\n",
        label("BEGIN"),
        label("END")
    );
    let masked = Redactor::default().redact_diff(&diff);
    assert_eq!(
        masked.text,
        format!(
            "@@ -1,4 +1,4 @@\n {}\n-{MASK}\n+let y = 2;\n {MASK}\n {}\n",
            label("BEGIN"),
            label("END")
        )
    );
    assert_eq!(masked.lines_masked, 2);
}

#[test]
fn a_token_is_masked_within_its_line_whatever_the_line_looks_like() {
    let token = format!("{}_{}", "ghp", noise(1, 36, ALNUM));
    let diff = format!(
        "--- a/x {token}\n+++ b/x\n@@ -1,3 +1,2 @@ fn a() {token}\n--- {token}\n-++ b\r\n+++ {token}\r\n x\n\\ No newline at end of file\n{token} rest"
    );
    let masked = Redactor::default().redact_diff(&diff);
    let mask = "[redacted:github-token]";
    assert_eq!(
        masked.text,
        format!(
            "--- a/x {token}\n+++ b/x\n@@ -1,3 +1,2 @@ fn a() {mask}\n--- {mask}\n-++ b\r\n+++ {mask}\r\n x\n\\ No newline at end of file\n{mask} rest"
        )
    );
    assert_eq!(masked.lines_masked, 4);
}

/// What makes a line of a diff what it is.
fn frame(diff: &str) -> Vec<String> {
    let is_header = |line: &str| {
        ["diff ", "--- a", "+++ b", "@@ "]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let kept = |line: &str| {
        if is_header(line) {
            line.to_owned()
        } else {
            line.chars().take(1).collect()
        }
    };
    diff.split('\n').map(kept).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_signs_and_headers_stay(
        files in proptest::collection::vec(proptest::collection::vec(("[-+ ]", prop_oneof![
            3 => hostile_text().prop_map(|text| text.replace('\n', "")),
            2 => (1u64..50).prop_map(|seed| noise(seed, 64, ALNUM)),
            1 => Just(label("BEGIN")), 1 => Just(label("END")), 1 => Just("do_it_now()".to_owned()),
        ]), 0..9), 1..4)
    ) {
        let mut diff = String::new();
        for (at, lines) in files.iter().enumerate() {
            let count = |sign: &str| lines.iter().filter(|(own, _)| own != sign).count();
            diff.push_str(&format!("diff --git a/{at} b/{at}\n--- a/{at}\n+++ b/{at}\n@@ -1,{} +1,{} @@\n", count("+"), count("-")));
            for (sign, line) in lines {
                diff.push_str(&format!("{sign}{line}\n"));
            }
        }
        let redactor = Redactor::new(["held first line\nand second"]);
        let masked = redactor.redact_diff(&diff);
        prop_assert_eq!(frame(&masked.text), frame(&diff));
        let code = |text: &str| text.lines().filter(|line| line.ends_with("do_it_now()") || line.get(1..) == Some(&*label("BEGIN"))).count();
        prop_assert_eq!(code(&masked.text), code(&diff));
        let changed = masked.text.lines().zip(diff.lines()).filter(|(a, b)| a != b).count();
        prop_assert_eq!(masked.lines_masked, changed);
        let again = redactor.redact_diff(&masked.text);
        prop_assert_eq!(&again.text, &masked.text);
        // What a view hides of the added lines of a file is what refuses the change.
        let mut at = 0;
        for lines in &files {
            at += 4;
            let shown = masked.text.lines().skip(at).take(lines.len());
            let hidden = shown.zip(lines).any(|(shown, (sign, line))| sign == "+" && shown[1..] != **line);
            let added: Vec<&str> = lines.iter().filter(|(sign, _)| sign == "+").map(|(_, line)| line.as_str()).collect();
            prop_assert!(!hidden || !redactor.scan(&added.join("\n")).is_empty());
            at += lines.len();
        }
    }
}

// The same secrets as everywhere: each in a line of its own is hidden, and refuses the change.
#[test]
fn what_a_view_hides_the_scan_refuses() {
    let redactor = Redactor::default();
    for (rule, before, secret, after) in positives(11) {
        let text = format!("{before}{secret}{after}");
        let lines: Vec<String> = text.trim_end().split('\n').map(str::to_owned).collect();
        let diff = made(&[("f", &lines)]);
        let masked = redactor.redact_diff(&diff);
        assert!(masked.lines_masked > 0, "{rule}: {text}");
        assert!(
            !redactor.scan(&lines.join("\n")).is_empty(),
            "{rule}: {text}"
        );
    }
}

// S3: a hunk shown by itself hides what the diff hides: a key's lines, and a line that looks like a header.
#[test]
fn a_hunk_is_masked_as_its_diff_is() {
    let password = format!("-- password={}", noise(6, 16, ALNUM));
    let body = [noise(7, 64, ALNUM), noise(8, 64, ALNUM)];
    let [first, second] = &body;
    let lines = [
        label("BEGIN"),
        first.clone(),
        second.clone(),
        label("END"),
        password,
    ];
    let mut hunk: Vec<String> = lines.iter().map(|line| format!("-{line}")).collect();
    hunk.extend([" kept".to_owned(), "+++ b/other".to_owned()]);
    let shown = Redactor::default().redact_hunk(&hunk);
    let diff = format!("--- a/k\n+++ b/k\n@@ -1,6 +1,2 @@\n{}\n", hunk.join("\n"));
    let whole = Redactor::default().redact_diff(&diff);
    assert_eq!(shown, whole.text.lines().skip(3).collect::<Vec<_>>());
    let masked: Vec<_> = shown
        .iter()
        .map(|line| line.contains("[redacted"))
        .collect();
    assert_eq!(masked, [false, true, true, false, true, false, false]);
}
