//! The redactor on text that comes in pieces.

use hyperion_policy::Redactor;
use hyperion_policy::redact::MAX_HELD_BYTES;
use proptest::prelude::*;

use crate::redact::{ALNUM, HEX, hostile_text, noise, positives};

/// Redacts a text that is cut at some places.
fn in_pieces(redactor: &Redactor, text: &[u8], cuts: &[usize]) -> String {
    let mut stream = redactor.stream();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.push(text.len());
    cuts.sort_unstable();
    let (mut out, mut at) = (String::new(), 0);
    for cut in cuts {
        out.push_str(&stream.push_bytes(&text[at..cut]));
        at = cut;
    }
    out + &stream.finish()
}

// C8: a secret in two chunks of a command's output is a secret.
#[test]
fn every_kind_of_secret_is_found_wherever_it_is_cut() {
    let known = format!("line one of it\n{}\nend", noise(3, 30, ALNUM));
    let redactor = Redactor::new([known.as_str()]);
    let mut all = positives(11);
    all.push(("known", "a\n".into(), known, "\nb".into()));
    for (rule, before, secret, after) in all {
        let text = format!("{before}{secret}{after}");
        let whole = redactor.redact(&text).into_owned();
        assert!(whole.contains(rule), "{whole}");
        for cut in 0..=text.len() {
            assert_eq!(in_pieces(&redactor, text.as_bytes(), &[cut]), whole);
        }
        let bytes: Vec<usize> = (0..text.len()).collect();
        assert_eq!(in_pieces(&redactor, text.as_bytes(), &bytes), whole);
    }
}

#[test]
fn what_is_no_secret_is_shown_as_soon_as_its_line_ends() {
    let redactor = Redactor::new(["first line\nsecond line"]);
    let mut stream = redactor.stream();
    assert_eq!(stream.push("one\ntwo\nthr"), "one\ntwo\n");
    assert_eq!(stream.push("ee\nfirst line\n"), "three\n");
    assert_eq!(stream.push("other line\n"), "first line\nother line\n");
    let certificate = "-----BEGIN CERTIFICATE-----\n";
    assert_eq!(stream.push(certificate), certificate);
    let start = format!("-----BEGIN RSA PRIVATE {}-----\n", "KEY");
    assert_eq!(stream.push(&start), "");
    assert_eq!(stream.push("abc\n"), "", "its key may follow");
    let shown = stream.push(&"no key\n".repeat(300));
    assert!(shown.starts_with(&start), "none did: {shown}");
    assert_eq!(stream.finish(), "");
}

#[test]
fn what_is_held_back_is_not_shown_to_who_debugs() {
    let mut stream = Redactor::new(["some-secret-held"]).stream();
    stream.push("token some-secret-he");
    let shown = format!("{stream:?}");
    assert!(!shown.contains("secret"), "{shown}");
    assert!(shown.contains("held_bytes: 20"), "{shown}");
}

// Bounded: a line without an end, and key blocks without an end, are given out all the same.
#[test]
fn no_more_is_held_back_than_is_said() {
    let token = format!("{}_{}", "ghp", noise(9, 36, ALNUM));
    let start = format!("-----BEGIN RSA PRIVATE {}-----\n", "KEY");
    let open_block = format!("{start}{}\n", noise(5, 64, ALNUM));
    let parts = [
        format!("word {token} "),
        noise(7, 3000, HEX),
        format!("password=\"{}\",", noise(8, 20, ALNUM)),
        "é".to_owned(),
        open_block,
        format!("{start}x\n"),
        format!("{token},"),
    ];
    for part in parts {
        let text = part.repeat(5 * MAX_HELD_BYTES / 2 / part.len());
        let redactor = Redactor::new(["some-secret-held"]);
        let mut stream = redactor.stream();
        let (mut given, mut taken) = (String::new(), 0);
        for piece in text.as_bytes().chunks(4096) {
            given.push_str(&stream.push_bytes(piece));
            taken += piece.len();
            // A marker is shorter than what it stands for, or a few times as long.
            assert!(
                taken < 2 * MAX_HELD_BYTES || !given.is_empty(),
                "{taken} bytes of {:?}",
                &part[..10]
            );
        }
        given.push_str(&stream.finish());
        assert!(!given.contains(&token), "{:?}", &part[..10]);
    }
}

// A token longer than what is held is a token to its end.
#[test]
fn a_secret_longer_than_what_is_held_is_taken_out_whole() {
    let body = noise(21, 3 * MAX_HELD_BYTES, ALNUM);
    let text = format!("it is {}-ant-{body} and more\n", "sk");
    let redactor = Redactor::default();
    let whole = redactor.redact(&text);
    assert_eq!(whole, "it is [redacted:anthropic-key] and more\n");
    for size in [1, 1000, 65_536, text.len()] {
        let cuts: Vec<usize> = (0..text.len()).step_by(size).collect();
        assert_eq!(in_pieces(&redactor, text.as_bytes(), &cuts), whole);
    }
}

// A held secret does not survive in a line of any length, wherever it stands in it.
#[test]
fn a_held_secret_is_found_in_a_line_that_does_not_end() {
    let secret = "correct-horse/battery:staple";
    let redactor = Redactor::new([secret]);
    for filler in ["x", "word ", "a/b,"] {
        for back in [0, 1, 13, 24 * 1024 - 5, 24 * 1024, 24 * 1024 + 20] {
            let before = filler.repeat((MAX_HELD_BYTES - back) / filler.len());
            let text = format!("{before}{secret}{}", filler.repeat(50_000));
            let shown = in_pieces(&redactor, text.as_bytes(), &[1, before.len() + 3]);
            assert!(!shown.contains(secret), "{filler:?} {back}");
            assert_eq!(
                shown.matches("[redacted:known]").count(),
                1,
                "{filler:?} {back}"
            );
            assert_eq!(
                shown.len(),
                text.len() - secret.len() + "[redacted:known]".len()
            );
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_marked_and_hide_nothing() {
    let redactor = Redactor::default();
    let token = format!("{}_{}", "ghp", noise(2, 36, ALNUM));
    let mut bytes = b"\xff\xfeA=".to_vec();
    bytes.extend_from_slice(token.as_bytes());
    bytes.extend_from_slice("\nGröße\n".as_bytes());
    bytes.extend_from_slice(b"\xc3");
    let whole = redactor
        .redact(&String::from_utf8_lossy(&bytes))
        .into_owned();
    assert!(!whole.contains(&token));
    for cut in 0..bytes.len() {
        assert_eq!(in_pieces(&redactor, &bytes, &[cut]), whole);
    }
}

#[test]
fn a_key_that_is_cut_off_by_another_is_taken_out_too() {
    let start = format!("-----BEGIN RSA PRIVATE {}-----\n", "KEY");
    let end = format!("-----END RSA PRIVATE {}-----\n", "KEY");
    let (one, two) = (noise(5, 64, ALNUM), noise(6, 64, ALNUM));
    let text = format!("a\n{start}{one}\n{start}{two}\n{end}b\n");
    let redactor = Redactor::default();
    let whole = redactor.redact(&text).into_owned();
    assert!(!whole.contains(&one) && !whole.contains(&two), "{whole}");
    for cut in 0..text.len() {
        assert_eq!(in_pieces(&redactor, text.as_bytes(), &[cut]), whole);
    }
}

fn several_lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![3 => hostile_text(), 1 => "[a-z ]{0,20}"];
    proptest::collection::vec(line, 0..8).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    // C8: whichever way a text is cut, the same comes out, and that is what comes out of the whole.
    #[test]
    fn cutting_anywhere_changes_nothing(
        text in several_lines(), cuts in proptest::collection::vec(any::<usize>(), 0..12), known in "[a-z]{3}\n[a-z]{4}",
    ) {
        let text = format!("{text}{known}\n{text}");
        let redactor = Redactor::new([known.as_str(), "a secret"]);
        let shown = in_pieces(&redactor, text.as_bytes(), &cuts);
        prop_assert_eq!(&shown, &redactor.redact(&text));
        prop_assert!(!shown.contains(&known));
        prop_assert_eq!(redactor.redact(&shown), shown.as_str());
    }

    #[test]
    fn any_bytes_are_cut_anywhere(bytes in any::<Vec<u8>>(), cuts in proptest::collection::vec(any::<usize>(), 0..12)) {
        let redactor = Redactor::default();
        let whole = redactor.redact(&String::from_utf8_lossy(&bytes)).into_owned();
        prop_assert_eq!(in_pieces(&redactor, &bytes, &cuts), whole);
    }
}

// C8: a key that is written in base64, with its first line, is held back to its end, wherever it is cut.
#[test]
fn a_key_in_base64_shows_no_line_in_a_stream() {
    use base64::Engine as _;
    let body = "MIIEpAIBAAKCAQEA7bq8cFzV3xkZ0Qm1Yt5rWnUe2LhGfJpSxDvBoKiNaTyRcEwH\n".repeat(12);
    let key = format!("-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----\n");
    let encoded = base64::engine::general_purpose::STANDARD.encode(key);
    let lines: Vec<&str> = (0..encoded.len())
        .step_by(76)
        .map(|at| &encoded[at..encoded.len().min(at + 76)])
        .collect();
    let text = format!("before\n{}\nafter\n", lines.join("\n"));
    let redactor = Redactor::default();
    for size in [1, 7, 76, 77, 1000, text.len()] {
        let mut stream = redactor.stream();
        let pieces = text.as_bytes().chunks(size);
        let mut shown: String = pieces.map(|piece| stream.push_bytes(piece)).collect();
        shown.push_str(&stream.finish());
        assert_eq!(shown, redactor.redact(&text), "in pieces of {size}");
        assert!(!shown.contains(lines[3]), "{shown}");
    }
}
