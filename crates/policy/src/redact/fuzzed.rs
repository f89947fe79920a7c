//! What must hold for any bytes at all; driven by the fuzzer, and by the tests over its findings.

use std::sync::LazyLock;

use super::{Redactor, rule_names};

/// A secret that is held while the fuzzer runs; it goes over a line's end.
const HELD: [&str; 2] = ["held-secret/with:marks", "held first line\nand second"];

/// Making one takes longer than anything it is asked.
static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(HELD));

/// Any bytes are redacted without a held secret left in them; a second time changes nothing, and neither does it matter
/// how they come in pieces. What is found lies within the text, in order, and is named by a rule.
///
/// The first byte says how long the pieces are, the rest is the text.
pub fn redact(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(bytes);
    let redactor = &*REDACTOR;
    let whole = redactor.redact(&text).into_owned();
    for held in HELD {
        assert!(!whole.contains(held));
    }
    assert_eq!(redactor.redact(&whole), whole, "once is enough");

    let mut stream = redactor.stream();
    let pieces = bytes.chunks(usize::from(*size).max(1));
    let mut shown: String = pieces.map(|piece| stream.push_bytes(piece)).collect();
    shown.push_str(&stream.finish());
    // Longer lines are cut where need be.
    if text.len() < super::MAX_HELD_BYTES {
        assert_eq!(shown, whole);
    }

    let mut last = 0;
    for found in redactor.scan(&text) {
        assert!(last <= found.start && found.start < found.end && found.end <= text.len());
        assert!(rule_names().any(|rule| rule == found.rule));
        assert!(found.line >= 1 && found.column >= 1);
        last = found.end;
    }
}

#[cfg(test)]
mod tests {
    use hyperion_testkit::fuzz::on_each_input;

    #[test]
    fn any_bytes_are_redacted_the_same_in_any_pieces() {
        on_each_input("redact", 300, super::redact);
    }
}
