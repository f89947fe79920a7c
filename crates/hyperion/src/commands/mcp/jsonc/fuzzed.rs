//! What must hold for any text at all; driven by the fuzzer, and by the tests over its findings.

use std::ops::Range;

use serde_json::json;

use super::{set, value};

const OUTER: &str = "mcpServers";
const NAME: &str = "files";

/// Any text is refused, or edited to what it meant with the member in it. Then everything outside of the member's old value
/// is there as it was, byte for byte, but for blanks in front of a brace that gets a line of its own; and a second edit
/// changes nothing.
pub(crate) fn edit(text: &str) {
    let server =
        json!({"command": "hyperion", "args": ["mcp", "filesystem", "--root", "/\u{1f4c1} \"x\""]});
    let (Ok(mut wanted), Ok(edited)) = (value(text), set(text, OUTER, NAME, &server)) else {
        return;
    };
    let had_it = wanted[OUTER].get(NAME).is_some();
    if wanted[OUTER].is_null() {
        wanted[OUTER] = json!({});
    }
    wanted[OUTER][NAME] = server.clone();
    assert_eq!(value(&edited).as_ref(), Ok(&wanted), "{edited}");
    assert_eq!(set(&edited, OUTER, NAME, &server).as_deref(), Ok(&*edited));
    if text.trim().is_empty() {
        return;
    }
    let (gone, come) = differ(text.as_bytes(), edited.as_bytes());
    let (gone, come) = (&text.as_bytes()[gone], &edited.as_bytes()[come]);
    if had_it {
        // What went is all of the old value, or the part of it in which the new one differs.
        let old = of_member(text);
        assert!(contains(old.as_bytes(), gone), "{text}\n{edited}");
    } else {
        // Only something was put in; a remark may stand between the comma and the member, and is all there, unless blanks in
        // front of the brace went.
        let kept = gone.trim_ascii_end();
        let is_blank = gone[kept.len()..].iter().all(|byte| b" \t".contains(byte));
        assert!(
            contains(come, gone) || is_blank && contains(come, kept),
            "{text}\n{edited}"
        );
    }
}

/// Finds where two texts differ: all before and all behind is the same.
fn differ(one: &[u8], other: &[u8]) -> (Range<usize>, Range<usize>) {
    let shorter = one.len().min(other.len());
    let before = (0..shorter).take_while(|at| one[*at] == other[*at]).count();
    let behind = (1..=shorter - before)
        .take_while(|at| one[one.len() - at] == other[other.len() - at])
        .count();
    (before..one.len() - behind, before..other.len() - behind)
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    part.is_empty() || whole.windows(part.len()).any(|window| window == part)
}

/// Gives the member's value as it is written.
fn of_member(text: &str) -> &str {
    let top = super::Reader::new(text)
        .document()
        .expect("it was read before");
    let outer = top.member(OUTER).expect("it has the member");
    let inner = super::Reader::at(text, outer.start).object(0);
    let inner = inner.ok().flatten().expect("it was read before");
    let member = inner.member(NAME).expect("it has the member");
    &text[member.start..member.end]
}

#[cfg(test)]
mod tests {
    use hyperion_testkit::fuzz::on_each_input;

    // T5: comments, blanks and whatever else a person wrote stay as they are.
    #[test]
    fn any_text_is_refused_or_edited_in_one_place() {
        on_each_input("jsonc", 3000, |data| {
            if let Ok(text) = std::str::from_utf8(data) {
                super::edit(text);
            }
        });
    }
}
