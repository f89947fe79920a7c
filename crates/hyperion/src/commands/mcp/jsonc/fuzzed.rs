//! What must hold for any text at all; driven by the fuzzer, and by the tests over its findings.

use serde_json::json;

use super::{set, value};

const OUTER: &str = "mcpServers";
const NAME: &str = "files";

/// Any text is refused, or edited to what it meant with the member in it, and a second edit means the same.
pub(crate) fn edit(text: &str) {
    let server =
        json!({"command": "hyperion", "args": ["mcp", "filesystem", "--root", "/\u{1f4c1} \"x\""]});
    let (Ok(mut wanted), Ok(edited)) = (value(text), set(text, OUTER, NAME, &server)) else {
        return;
    };
    if wanted[OUTER].is_null() {
        wanted[OUTER] = json!({});
    }
    wanted[OUTER][NAME] = server.clone();
    assert_eq!(value(&edited).as_ref(), Ok(&wanted), "{edited}");
    let again = set(&edited, OUTER, NAME, &server).and_then(|again| value(&again));
    assert_eq!(again, Ok(wanted), "{edited}");
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
